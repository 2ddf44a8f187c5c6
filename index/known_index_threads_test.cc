// What is known of indices, on real threads: one writer, and readers that fill.
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "aurora/index/index_changes.h"
#include "aurora/index/number_columns.h"
#include "aurora/index/posting_cache.h"
#include "aurora/index/row_set.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/memory_budget.h"
#include "gtest/gtest.h"

namespace aurora::index {
namespace {

constexpr lsm::KeyspaceId kIndex = 7;

// Commit i adds row i.
TEST(PostingCacheThreadsTest, ReadersBesideAWriter) {
  MemoryBudget budget(64u << 20);
  PostingCache cache(8u << 20, &budget);
  constexpr lsm::Sequence kCommits = 20'000;
  std::atomic<lsm::Sequence> published{0};
  const auto rows_at = [](lsm::Sequence at) {
    RowSet rows;
    for (RowId row = 1; row <= at; ++row) rows.Add(row);
    return std::make_shared<const RowSet>(std::move(rows));
  };
  const auto read = [&] {
    while (published.load(std::memory_order_acquire) < kCommits) {
      const lsm::Sequence at = published.load(std::memory_order_acquire);
      const SharedRows rows = cache.Find(kIndex, "t", at);
      if (rows == nullptr) {
        cache.Fill(kIndex, "t", at, rows_at(at));
        continue;
      }
      ASSERT_EQ(rows->Count(), at);
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) readers.emplace_back(read);
  for (lsm::Sequence i = 1; i <= kCommits; ++i) {
    IndexChanges commit;
    commit.Add(kIndex, "t", i);
    std::vector<lsm::Mutation> mutations;
    commit.Seal(&mutations);
    cache.Apply(i, commit.terms());
    published.store(i, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
  if (cache.Find(kIndex, "t", kCommits) == nullptr) {
    cache.Fill(kIndex, "t", kCommits, rows_at(kCommits));
  }
  ASSERT_NE(cache.Find(kIndex, "t", kCommits), nullptr);
  EXPECT_EQ(cache.Find(kIndex, "t", kCommits)->Count(), kCommits);
}

// Commit i gives row i % 8 the value i.
TEST(NumberColumnsThreadsTest, ReadersBesideAWriter) {
  MemoryBudget budget(64u << 20);
  NumberColumns columns(16u << 20, &budget);
  constexpr ColumnId kColumn{3, 1};
  constexpr lsm::Sequence kCommits = 3'000;
  constexpr RowId kRows = 8;
  std::atomic<lsm::Sequence> published{0};
  // The last commit up to `at` that changed `row`; 0: none.
  const auto value_at = [](RowId row, lsm::Sequence at) -> lsm::Sequence {
    const lsm::Sequence since = (at + kRows - row) % kRows;
    return since > at ? 0 : at - since;
  };
  const auto cells_at = [&](lsm::Sequence at) {
    auto cells = std::make_shared<NumberChunk>();
    for (RowId row = 0; row < kRows; ++row) {
      cells->Set(PlaceOf(row), NumberCell::Of(static_cast<std::int64_t>(value_at(row, at))));
    }
    return cells;
  };
  const auto read = [&] {
    while (published.load(std::memory_order_acquire) < kCommits) {
      const lsm::Sequence at = published.load(std::memory_order_acquire);
      const NumberColumns::Found found = columns.Find(kColumn, 0, at, kRowsPerChunk);
      if (found.cells == nullptr) {
        columns.Fill(kColumn, 0, at, cells_at(at));
        continue;
      }
      for (RowId row = 0; row < kRows; ++row) {
        ASSERT_EQ(found.cells->At(PlaceOf(row)).AsInt64(),
                  static_cast<std::int64_t>(value_at(row, at)));
      }
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) readers.emplace_back(read);
  for (lsm::Sequence i = 1; i <= kCommits; ++i) {
    columns.Apply(i, kColumn.collection, i % kRows,
                  [&](std::uint32_t) { return NumberCell::Of(static_cast<std::int64_t>(i)); });
    published.store(i, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace aurora::index
