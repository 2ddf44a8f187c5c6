#include "aurora/lsm/store_statistics.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/store_stats.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

using Look = StoreStatistics::Look;
using Counter = StoreStatistics::Counter;

StoreStats Reported(const StoreStatistics& statistics) {
  StoreStats stats;
  stats.levels.resize(kLevelCount);
  statistics.Report(&stats);
  return stats;
}

int SampledOf(const StoreStatistics& statistics, int operations) {
  int sampled = 0;
  for (int i = 1; i <= operations; ++i) {
    sampled += statistics.IsSampled(static_cast<std::uint64_t>(i)) ? 1 : 0;
  }
  return sampled;
}

TEST(StoreStatisticsTest, OneInSoManyIsSampledAndCountsForAllOfThem) {
  const auto every = std::make_unique<StoreStatistics>(1);
  EXPECT_EQ(SampledOf(*every, 100), 100);
  EXPECT_EQ(every->weight(), 1u);
  const auto some = std::make_unique<StoreStatistics>(50);
  EXPECT_EQ(some->weight(), 64u) << "the next power of two";
  EXPECT_EQ(SampledOf(*some, 640), 10);
  const auto none = std::make_unique<StoreStatistics>(0);
  EXPECT_EQ(SampledOf(*none, 1000), 0);

  some->RecordTime(Measure::kGet, 1000, some->weight());
  some->RecordTime(Measure::kGet, -5);  // a clock that was set back
  const StoreStats stats = Reported(*some);
  const Distribution& gets = stats.measure(Measure::kGet);
  EXPECT_EQ(gets.count, 65u);
  EXPECT_EQ(gets.max, 1000u);
}

TEST(StoreStatisticsTest, EveryCounterIsReportedAsItself) {
  const auto statistics = std::make_unique<StoreStatistics>(0);
  for (std::size_t i = 0; i < StoreStatistics::kCounterCount; ++i) {
    statistics->Count(static_cast<Counter>(i), 100 + i);
  }
  const StoreStats stats = Reported(*statistics);
  const auto expect = [](std::uint64_t found, Counter counter) {
    EXPECT_EQ(found, 100 + static_cast<std::uint64_t>(counter));
  };
  expect(stats.iterator_count, Counter::kIterators);
  expect(stats.seek_count, Counter::kSeeks);
  expect(stats.step_count, Counter::kSteps);
  expect(stats.tombstones_met, Counter::kTombstones);
  expect(stats.versions_skipped, Counter::kVersionsSkipped);
  expect(stats.tables_opened, Counter::kTablesOpened);
  expect(stats.bytes_read_by_gets, Counter::kBytesReadByGets);
  expect(stats.bytes_read_by_iterators, Counter::kBytesReadByIterators);
  expect(stats.bytes_read_by_compactions, Counter::kBytesReadByCompactions);
  expect(stats.bytes_read_by_opening, Counter::kBytesReadByOpening);
  expect(stats.flush_count, Counter::kFlushes);
  expect(stats.bytes_flushed, Counter::kBytesFlushed);
  expect(stats.compaction_count, Counter::kCompactions);
  expect(stats.bytes_compacted, Counter::kBytesCompacted);
  expect(stats.commit_count, Counter::kCommits);
  expect(stats.bytes_committed, Counter::kBytesCommitted);
  expect(stats.stall_nanos, Counter::kStallNanos);
}

TEST(StoreStatisticsTest, StallsAreCountedByReason) {
  const auto statistics = std::make_unique<StoreStatistics>(0);
  statistics->CountStall(StallReason::kLogRoom, 10);
  statistics->CountStall(StallReason::kLogRoom, 20);
  statistics->CountStall(StallReason::kPacing, -1);
  const StoreStats stats = Reported(*statistics);
  EXPECT_EQ(stats.stall(StallReason::kLogRoom).commits, 2u);
  EXPECT_EQ(stats.stall(StallReason::kLogRoom).nanos, 30u);
  EXPECT_EQ(stats.stall(StallReason::kPacing).commits, 1u);
  EXPECT_EQ(stats.stall(StallReason::kPacing).nanos, 0u);
  EXPECT_EQ(stats.stall(StallReason::kMemtables).commits, 0u);
}

TEST(StoreStatisticsTest, WhatManyThreadsCountAddsUp) {
  constexpr int kThreads = 4;
  constexpr std::uint64_t kEach = 10'000;
  const auto statistics = std::make_unique<StoreStatistics>(1);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&statistics] {
      for (std::uint64_t i = 0; i < kEach; ++i) {
        statistics->CountLook(2, i % 4 == 0 ? Look::kFound : Look::kRejected);
        statistics->Count(Counter::kSeeks);
        statistics->RecordTime(Measure::kSeek, static_cast<std::int64_t>(i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const StoreStats stats = Reported(*statistics);
  EXPECT_EQ(stats.levels[2].looks.found, kThreads * kEach / 4);
  EXPECT_EQ(stats.levels[2].looks.rejected, kThreads * kEach * 3 / 4);
  EXPECT_EQ(stats.levels[2].looks.total(), kThreads * kEach);
  EXPECT_EQ(stats.levels[1].looks.total(), 0u);
  EXPECT_EQ(stats.seek_count, kThreads * kEach);
  EXPECT_EQ(stats.measure(Measure::kSeek).count, kThreads * kEach);
}

}  // namespace
}  // namespace aurora::lsm
