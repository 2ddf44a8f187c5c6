// QueryRunner: results in the order of an index, without a look at all rows.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/query_runner.h"
#include "aurora/index/term_index.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {

Task<absl::Status> QueryRunner::Walk() {
  walks_ = true;
  AURORA_CO_ASSIGN(index::SharedTerms terms,
                   co_await finder().IndexAt(*access_.order_index).Terms());
  if (terms != nullptr) co_return co_await WalkTerms(std::move(terms));
  co_return co_await WalkEntries();
}

Task<absl::StatusOr<bool>> QueryRunner::TakeNext(index::RowId row) {
  // Among equal terms the other sort keys decide; else each row is the next of the result.
  const bool is_next = spec_.order_by.size() == 1;
  if (is_next && matches_.size() >= wanted_) co_return false;
  if (is_next && residual_.MatchesAll() && !after_.has_value() && SkipRow()) co_return true;
  AURORA_CO_RETURN_IF_ERROR(co_await TakeRow(row));
  AURORA_CO_RETURN_IF_ERROR(taken_);
  co_return !is_next || matches_.size() < wanted_;
}

// What an earlier page has not passed.
index::TermRange QueryRunner::WalkedRange() const {
  if (!after_.has_value()) return {};
  const bool descending = spec_.order_by[0].direction == Direction::kDescending;
  std::string_view key = after_->sort_key;
  const absl::StatusOr<Value> value =
      ConsumeKey(&key, descending ? KeyOrder::kDescending : KeyOrder::kAscending);
  AURORA_CHECK(value.ok());  // DecodeCursor has seen it
  std::string term = EncodeKey(*value);
  if (descending) return {{}, PrefixSuccessor(term)};
  return {std::move(term), {}};
}

Task<absl::Status> QueryRunner::WalkTerms(index::SharedTerms terms) {
  const index::TermIndex index = finder().IndexAt(*access_.order_index);
  const bool descending = spec_.order_by[0].direction == Direction::kDescending;
  const index::TermRange range = WalkedRange();
  const auto begin = std::lower_bound(terms->begin(), terms->end(), range.begin);
  const auto end =
      range.end.empty() ? terms->end() : std::lower_bound(begin, terms->end(), range.end);
  for (std::ptrdiff_t i = 0; i < end - begin; ++i) {
    const std::string& term = descending ? *(end - 1 - i) : *(begin + i);
    AURORA_CO_ASSIGN(index::SharedRows rows, co_await index.Rows(term));
    if (rows_ != nullptr) rows = std::make_shared<const index::RowSet>(*rows & *rows_);
    for (const index::RowSet::Chunk& chunk : rows->chunks()) {
      for (const std::uint32_t place : chunk.places()) {
        const index::RowId row = index::RowAt(chunk.id(), static_cast<std::uint16_t>(place));
        AURORA_CO_ASSIGN(const bool more, co_await TakeNext(row));
        if (!more) co_return absl::OkStatus();
      }
    }
    if (matches_.size() >= wanted_) break;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> QueryRunner::WalkEntries() {
  const bool descending = spec_.order_by[0].direction == Direction::kDescending;
  const std::unique_ptr<index::TermCursor> cursor =
      finder().IndexAt(*access_.order_index).Walk(WalkedRange(), descending);
  std::string term;
  for (;;) {
    AURORA_CO_ASSIGN(const bool moved, co_await cursor->Next());
    AURORA_CO_RETURN_IF_ERROR(guard_.OnEntry());
    // A page that is full may still change within the term that filled it.
    if (!moved || (matches_.size() >= wanted_ && cursor->term() != term)) break;
    term.assign(cursor->term());
    for (const index::RowId row : cursor->rows()) {
      if (rows_ != nullptr && !rows_->Contains(row)) continue;
      AURORA_CO_ASSIGN(const bool more, co_await TakeNext(row));
      if (!more) co_return absl::OkStatus();
    }
  }
  co_return absl::OkStatus();
}

}  // namespace aurora::engine
