#include "aurora/engine/group_runner.h"

#include <algorithm>
#include <map>
#include <utility>

#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/row_finder.h"
#include "aurora/index/bitmap.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {

using index::ChunkId;
using index::NumberCell;
using index::RowSet;
using index::SharedRows;

Task<absl::StatusOr<bool>> GroupRunner::FindParts() {
  if (!access_.residual.MatchesAll()) co_return false;
  SharedRows candidates;
  if (!access_.scan) {
    AURORA_CO_ASSIGN(FoundRows found, co_await RowFinder(read_).Find(access_));
    if (!found.residual.MatchesAll()) co_return false;
    candidates = std::move(found.rows);
  }
  if (spec_.group_by.empty() && candidates != nullptr) {
    parts_.push_back({std::nullopt, std::move(candidates)});
    co_return true;
  }
  if (!access_.group_index.has_value()) co_return false;
  const index::TermIndex index = RowFinder(read_).IndexAt(*access_.group_index);
  AURORA_CO_ASSIGN(const index::SharedTerms terms, co_await index.Terms());
  if (terms == nullptr) co_return false;
  for (const std::string& term : *terms) {
    AURORA_CO_ASSIGN(SharedRows rows, co_await index.Rows(term));
    if (candidates != nullptr) rows = std::make_shared<const RowSet>(*rows & *candidates);
    if (rows->empty()) continue;
    AURORA_CO_ASSIGN(Value key, DecodeKey(term));
    parts_.push_back({std::move(key), std::move(rows)});
  }
  co_return true;
}

bool GroupRunner::FindFields() {
  for (const AggregateSpec& aggregate : spec_.aggregates) {
    if (aggregate.kind == AggregateKind::kCount) {
      fields_.push_back(std::nullopt);
      continue;
    }
    if (aggregate.path.size() != 1) return false;
    fields_.push_back(ColumnReader(read_).NumberField(aggregate.path[0]));
    if (!fields_.back().has_value()) return false;
  }
  return true;
}

Task<absl::StatusOr<bool>> GroupRunner::FindCells() {
  std::map<ChunkId, std::uint64_t> rows_of_chunks;
  for (const Part& part : parts_) {
    for (const RowSet::Chunk& chunk : part.rows->chunks()) {
      rows_of_chunks[chunk.id()] += chunk.places().cardinality();
    }
  }
  cells_.resize(fields_.size());
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (!fields_[i].has_value()) continue;
    for (const auto& [chunk, rows] : rows_of_chunks) {
      AURORA_CO_ASSIGN(Cells cells, co_await ColumnReader(read_).Read(*fields_[i], chunk, rows));
      if (cells == nullptr) co_return false;
      cells_[i].emplace_back(chunk, std::move(cells));
    }
  }
  co_return true;
}

absl::StatusOr<bool> GroupRunner::Accumulate(const Part& part,
                                             std::vector<Accumulator>* group) const {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    Accumulator& accumulator = (*group)[i];
    if (!fields_[i].has_value()) {
      accumulator.AddCount(part.rows->Count());
      continue;
    }
    const bool adds = spec_.aggregates[i].kind == AggregateKind::kSum ||
                      spec_.aggregates[i].kind == AggregateKind::kAverage;
    auto cells = cells_[i].begin();
    for (const RowSet::Chunk& chunk : part.rows->chunks()) {
      AURORA_RETURN_IF_ERROR(read_.guard.OnEntry());
      while (cells->first != chunk.id()) ++cells;
      for (const std::uint32_t place : chunk.places()) {
        const NumberCell cell = cells->second->At(static_cast<std::uint16_t>(place));
        if (cell.kind == NumberCell::Kind::kNone) continue;
        if (cell.kind == NumberCell::Kind::kOther) return false;
        const bool integer = cell.kind == NumberCell::Kind::kInt64;
        if (!adds) {
          const ValueView value = integer ? ValueView(cell.AsInt64()) : ValueView(cell.AsDouble());
          AURORA_CHECK(accumulator.Add(spec_.aggregates[i].kind, value).ok());
        } else if (integer) {
          accumulator.AddInteger(cell.AsInt64());
        } else {
          accumulator.AddDouble(cell.AsDouble());
        }
      }
    }
  }
  return true;
}

Task<absl::StatusOr<std::optional<std::vector<Object>>>> GroupRunner::Run() {
  if (spec_.group_by.size() > 1 || !FindFields()) co_return std::nullopt;
  AURORA_CO_ASSIGN(const bool by_indices, co_await FindParts());
  if (!by_indices) co_return std::nullopt;
  AURORA_CO_ASSIGN(const bool known, co_await FindCells());
  if (!known) co_return std::nullopt;
  // The terms of a narrow index are fewer than any bound on groups.
  Grouping grouping(spec_.group_by, spec_.aggregates, parts_.size() + 1);
  for (const Part& part : parts_) {
    std::vector<ValueView> keys;
    if (part.key.has_value()) keys.push_back(*part.key);
    AURORA_CO_ASSIGN(std::vector<Accumulator>* const group, grouping.GroupOf(keys));
    AURORA_CO_ASSIGN(const bool all_numbers, Accumulate(part, group));
    if (!all_numbers) co_return std::nullopt;
    row_count_ += part.rows->Count();
  }
  AURORA_CO_ASSIGN(std::vector<Object> groups, grouping.Finish());
  co_return std::optional<std::vector<Object>>(std::move(groups));
}

}  // namespace aurora::engine
