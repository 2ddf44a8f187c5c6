#include "aurora/engine/row_finder.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "aurora/engine/column_reader.h"
#include "aurora/engine/query/evaluator.h"
#include "aurora/index/bitmap.h"
#include "aurora/index/number_columns.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {
namespace {

using index::RowSet;
using index::SharedRows;

// So many rows are checked one by one rather than that a range is read or put together for them.
constexpr std::uint64_t kCheckedRowsMax = 4096;

SharedRows Share(RowSet rows) { return std::make_shared<const RowSet>(std::move(rows)); }

// From the smallest on, so that every step is as small as it can be.
SharedRows Intersect(const std::vector<SharedRows>& sets) {
  if (sets.size() == 1) return sets[0];
  std::vector<std::pair<std::uint64_t, std::size_t>> by_size;
  for (std::size_t i = 0; i < sets.size(); ++i) by_size.emplace_back(sets[i]->Count(), i);
  std::sort(by_size.begin(), by_size.end());
  RowSet all = *sets[by_size[0].second] & *sets[by_size[1].second];
  for (std::size_t i = 2; i < by_size.size() && !all.empty(); ++i) {
    all = all & *sets[by_size[i].second];
  }
  return Share(std::move(all));
}

// Chunk by chunk, all sets at once: each row is copied once, however many sets there are.
SharedRows Unite(const std::vector<SharedRows>& sets) {
  if (sets.size() == 1) return sets[0];
  struct Place {
    const RowSet::Chunk* at;
    const RowSet::Chunk* end;
  };
  std::vector<Place> places;
  for (const SharedRows& set : sets) {
    const std::vector<RowSet::Chunk>& chunks = set->chunks();
    if (!chunks.empty()) places.push_back({chunks.data(), chunks.data() + chunks.size()});
  }
  RowSet all;
  std::vector<const index::Bitmap*> bitmaps;
  while (!places.empty()) {
    const auto lowest =
        std::min_element(places.begin(), places.end(),
                         [](const Place& a, const Place& b) { return a.at->id() < b.at->id(); });
    const RowSet::Chunk& first = *lowest->at;
    bitmaps.clear();
    for (Place& place : places) {
      if (place.at->id() == first.id()) bitmaps.push_back(&place.at++->places());
    }
    if (bitmaps.size() == 1) {
      all.AppendChunk(first);
    } else {
      all.AppendChunk(first.id(), index::Bitmap::fastunion(bitmaps.size(), bitmaps.data()));
    }
    std::erase_if(places, [](const Place& place) { return place.at == place.end; });
  }
  return Share(std::move(all));
}

}  // namespace

std::vector<PlannerIndex> PlannerIndices(const CollectionDefinition& definition, lsm::Sequence at,
                                         bool was_current) {
  std::vector<PlannerIndex> indices;
  indices.reserve(definition.indices.size());
  for (const FieldIndex& index : definition.indices) {
    const bool ready =
        index.progress->IsReadyAt(at) || AURORA_PLANTED_BUG("index-used-before-complete");
    indices.push_back({.field = index.field,
                       .ready = ready,
                       .unique = index.unique,
                       .array = index.array,
                       .required = index.required && was_current});
  }
  return indices;
}

Task<absl::StatusOr<FoundRows>> RowFinder::Find(const AccessPlan& plan) const {
  AURORA_CHECK(!plan.scan);
  if (plan.rows.kind == RowsNode::Kind::kAnd) return FindIntersection(*this, &plan);
  return FindWhole(*this, &plan);
}

Task<absl::StatusOr<FoundRows>> RowFinder::FindWhole(RowFinder self, const AccessPlan* plan) {
  AURORA_CO_ASSIGN(SharedRows rows, co_await Evaluate(self, &plan->rows));
  co_return FoundRows{std::move(rows), plan->residual};
}

Task<absl::StatusOr<FoundRows>> RowFinder::FindIntersection(RowFinder self,
                                                            const AccessPlan* plan) {
  std::vector<SharedRows> sets;
  std::vector<const RowsNode*> ranges;
  for (const RowsNode& child : plan->rows.children) {
    if (child.kind == RowsNode::Kind::kRange) {
      ranges.push_back(&child);
      continue;
    }
    AURORA_CO_ASSIGN(SharedRows rows, co_await Evaluate(self, &child));
    sets.push_back(std::move(rows));
  }
  FoundRows found{nullptr, plan->residual};
  if (!sets.empty()) found.rows = Intersect(sets);
  for (const RowsNode* range : ranges) {
    const bool few = found.rows != nullptr && found.rows->Count() <= kCheckedRowsMax;
    SharedRows rows;
    if (few) {
      AURORA_CO_ASSIGN(rows, co_await CheckByColumn(self, found.rows, range));
    }
    if (rows != nullptr) {
      found.rows = std::move(rows);
      continue;
    }
    AURORA_CO_ASSIGN(rows, co_await UniteTerms(self, range));
    if (rows == nullptr && few) {
      found.residual = found.residual && range->condition;
      continue;
    }
    if (rows == nullptr) {
      AURORA_CO_ASSIGN(rows, co_await ReadRange(self, range));
    }
    found.rows = found.rows == nullptr ? std::move(rows) : Share(*found.rows & *rows);
  }
  co_return found;
}

Task<absl::StatusOr<SharedRows>> RowFinder::CheckByColumn(RowFinder self, SharedRows rows,
                                                          const RowsNode* node) {
  const ColumnReader columns(*self.read_);
  const FieldIndex& index = self.read_->definition.indices[node->index];
  const std::optional<FieldSlot> field = columns.NumberField(index.field);
  if (!field.has_value()) co_return SharedRows();
  RowSet passed;
  for (const RowSet::Chunk& chunk : rows->chunks()) {
    AURORA_CO_ASSIGN(const ColumnReader::Cells cells,
                     co_await columns.Read(*field, chunk.id(), chunk.places().cardinality()));
    if (cells == nullptr) co_return SharedRows();
    index::Bitmap places;
    for (const std::uint32_t place : chunk.places()) {
      const index::NumberCell cell = cells->At(static_cast<std::uint16_t>(place));
      if (cell.kind == index::NumberCell::Kind::kNone) continue;  // no range holds for it
      if (cell.kind == index::NumberCell::Kind::kOther) co_return SharedRows();
      const ValueView value = cell.kind == index::NumberCell::Kind::kInt64
                                  ? ValueView(cell.AsInt64())
                                  : ValueView(cell.AsDouble());
      if (MatchesOperand(node->condition, value)) places.add(place);
    }
    passed.AppendChunk(chunk.id(), std::move(places));
  }
  co_return Share(std::move(passed));
}

Task<absl::StatusOr<SharedRows>> RowFinder::Evaluate(RowFinder self, const RowsNode* node) {
  switch (node->kind) {
    case RowsNode::Kind::kLookup:
      if (node->terms.size() == 1) return self.IndexAt(node->index).Rows(node->terms[0]);
      return LookUp(self, node);
    case RowsNode::Kind::kRange:
      return ReadRange(self, node);
    default:
      return Combine(self, node);
  }
}

Task<absl::StatusOr<SharedRows>> RowFinder::Combine(RowFinder self, const RowsNode* node) {
  std::vector<SharedRows> sets;
  for (const RowsNode& child : node->children) {
    AURORA_CO_ASSIGN(SharedRows rows, co_await Evaluate(self, &child));
    sets.push_back(std::move(rows));
  }
  co_return node->kind == RowsNode::Kind::kAnd ? Intersect(sets) : Unite(sets);
}

Task<absl::StatusOr<SharedRows>> RowFinder::LookUp(RowFinder self, const RowsNode* node) {
  std::vector<SharedRows> sets;
  for (const std::string& term : node->terms) {
    AURORA_CO_ASSIGN(SharedRows rows, co_await self.IndexAt(node->index).Rows(term));
    sets.push_back(std::move(rows));
  }
  co_return Unite(sets);
}

Task<absl::StatusOr<SharedRows>> RowFinder::UniteTerms(RowFinder self, const RowsNode* node) {
  const index::TermIndex index = self.IndexAt(node->index);
  AURORA_CO_ASSIGN(const index::SharedTerms terms, co_await index.Terms());
  if (terms == nullptr) co_return SharedRows();
  const auto begin = std::lower_bound(terms->begin(), terms->end(), node->range.begin);
  const auto end = std::lower_bound(begin, terms->end(), node->range.end);
  std::vector<SharedRows> sets;
  for (auto term = begin; term != end; ++term) {
    AURORA_CO_ASSIGN(SharedRows rows, co_await index.Rows(*term));
    sets.push_back(std::move(rows));
  }
  co_return Unite(sets);
}

Task<absl::StatusOr<SharedRows>> RowFinder::ReadRange(RowFinder self, const RowsNode* node) {
  AURORA_CO_ASSIGN(SharedRows united, co_await UniteTerms(self, node));
  if (united != nullptr) co_return united;
  const std::unique_ptr<index::TermCursor> cursor =
      self.IndexAt(node->index).Walk(node->range, /*descending=*/false);
  RowSet rows;
  for (;;) {
    AURORA_CO_ASSIGN(const bool more, co_await cursor->Next());
    if (!more) break;
    AURORA_CO_RETURN_IF_ERROR(self.read_->guard.OnEntry());
    for (const index::RowId row : cursor->rows()) rows.Add(row);
  }
  co_return Share(std::move(rows));
}

}  // namespace aurora::engine
