// That everything of StoreStats and of an OperationProfile is counted: scripts whose every figure
// is known.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/append_operator_testing.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/operation_profile.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_stats.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr int kKeys = 100;

class StoreCountersTest : public testing::Test {
 protected:
  StoreCountersTest() {
    options_.directory = "/db";
    options_.durability = Durability::kProcess;
    options_.level0_runs_max = 100;  // nothing is compacted unless it is asked for
    options_.latency_sampling = 1;
    options_.log_segment_bytes = 1u << 20;
    options_.default_merge_operator = &append_;
    Open();
  }
  ~StoreCountersTest() override { Close(); }

  void Open() {
    auto store = simulation_.Run(KvStore::Open(simulation_.environment(), options_));
    AURORA_CHECK(store.ok());
    store_ = *std::move(store);
    simulation_.RunUntilIdle();  // the log prepares its next segments
  }
  void Close() { EXPECT_TRUE(simulation_.Run(store_->Close()).ok()); }
  // The cache is empty then, and no table is open.
  void Reopen() {
    Close();
    Open();
  }
  static std::string Key(int i) { return "key" + std::to_string(1000 + i); }
  void Write(const WriteBatch& batch) { EXPECT_TRUE(simulation_.Run(store_->Write(batch)).ok()); }
  void PutAll(std::string_view value) {
    for (int i = 0; i < kKeys; ++i) EXPECT_TRUE(simulation_.Run(store_->Put(Key(i), value)).ok());
  }
  // Values that cannot be compressed.
  void PutAllRandom(std::size_t bytes) {
    for (int i = 0; i < kKeys; ++i) {
      std::string value(bytes, '\0');
      for (char& c : value) c = static_cast<char>(random_.Next64());
      EXPECT_TRUE(simulation_.Run(store_->Put(Key(i), value)).ok());
    }
  }
  void Flush() { EXPECT_TRUE(simulation_.Run(store_->store().Flush()).ok()); }
  void Compact() { EXPECT_TRUE(simulation_.Run(store_->store().Compact()).ok()); }
  std::optional<std::string> Get(const std::string& key, OperationProfile* profile = nullptr) {
    const auto value = simulation_.Run(store_->Get(key, kMaxSequence, profile));
    EXPECT_TRUE(value.ok()) << value.status();
    if (!value.ok() || !value->has_value()) return std::nullopt;
    return std::string((*value)->view());
  }
  StoreStats Stats() const { return store_->store().Stats(); }
  std::uint64_t Times(Measure measure) const { return Stats().measure(measure).count; }

  static SimulationOptions EvenLatencies() {
    SimulationOptions options;
    options.latency.spike_factor = 1;
    options.latency.read = {50'000, 50'000};
    options.latency.sync = {100'000, 100'000};
    return options;
  }
  AppendOperator append_;
  SeededRandom random_{1};
  StoreOptions options_;
  Simulation simulation_{1, EvenLatencies()};
  std::unique_ptr<KvStore> store_;
};

TEST_F(StoreCountersTest, CommitsAndTheirBytes) {
  WriteBatch batch;
  batch.Put("key", std::string(1000, 'v'));
  Write(batch);
  Write(batch);
  const StoreStats stats = Stats();
  EXPECT_EQ(stats.commit_count, 2u);
  EXPECT_EQ(stats.bytes_committed, 2 * batch.size_bytes());
  EXPECT_GT(stats.bytes_logged, stats.bytes_committed);
  EXPECT_EQ(stats.write_amplification(),
            static_cast<double>(stats.bytes_logged) / static_cast<double>(stats.bytes_committed));
  EXPECT_EQ(stats.measure(Measure::kCommitProcess).count, 2u);
  Flush();
  EXPECT_GT(Stats().write_amplification(), stats.write_amplification());
}

TEST_F(StoreCountersTest, CommitsByDurabilityAndSyncsOfTheLog) {
  for (const auto durability :
       {Durability::kSync, Durability::kSync, Durability::kProcess, Durability::kBuffered,
        Durability::kBuffered, Durability::kBuffered}) {
    EXPECT_TRUE(simulation_.Run(store_->Put("k", "v", durability)).ok());
  }
  EXPECT_EQ(Times(Measure::kCommitSync), 2u);
  EXPECT_EQ(Times(Measure::kCommitProcess), 1u);
  EXPECT_EQ(Times(Measure::kCommitBuffered), 3u);
  const StoreStats stats = Stats();
  EXPECT_GE(stats.measure(Measure::kCommitSync).p50, 100'000u) << "a sync takes 0.1 ms here";
  EXPECT_EQ(stats.measure(Measure::kCommitProcess).max, 0u) << "nothing is waited for";
  // The open mark is a sync of no commit.
  EXPECT_EQ(stats.measure(Measure::kLogSync).count, 3u);
  EXPECT_GE(stats.measure(Measure::kLogSync).p50, 100'000u);
  EXPECT_EQ(stats.measure(Measure::kLogGroupCommits).sum, 2u);
  EXPECT_GT(stats.measure(Measure::kLogGroupBytes).sum, 0u);
  simulation_.RunFor(absl::Seconds(1));  // the buffered ones are flushed
  EXPECT_EQ(Stats().measure(Measure::kLogGroupCommits).sum, 6u);
  EXPECT_EQ(Stats().measure(Measure::kLogGroupCommits).max, 4u);
}

TEST_F(StoreCountersTest, AGroupOfACommitLogHoldsAllThatWaited) {
  Close();
  options_.durability = Durability::kSync;
  options_.directory = "/synced";
  Open();
  const Distribution before = Stats().measure(Measure::kLogGroupCommits);
  std::vector<Task<void>> puts;
  const auto put = [](KvStore* store, int i) -> Task<void> {
    EXPECT_TRUE((co_await store->Put(Key(i), "v")).ok());
  };
  for (int i = 0; i < 50; ++i) puts.push_back(put(store_.get(), i));
  simulation_.RunAll(std::move(puts));
  const Distribution after = Stats().measure(Measure::kLogGroupCommits);
  EXPECT_EQ(after.sum - before.sum, 50u);
  EXPECT_LT(after.count - before.count, 10u) << "they share their syncs";
  EXPECT_EQ(Stats().measure(Measure::kLogGroupBytes).sum % 4096, 0u) << "whole blocks";
}

TEST_F(StoreCountersTest, GetsByLevelAndByWhatTheFilterSaid) {
  PutAll("old");
  Compact();
  PutAll("new");
  Flush();
  StoreStats before = Stats();
  const std::size_t below = before.levels[1].table_count > 0 ? 1 : before.levels.size() - 1;
  ASSERT_EQ(before.levels[0].table_count, 1);
  ASSERT_GT(before.levels[below].table_count, 0);

  for (int i = 0; i < kKeys; ++i) EXPECT_EQ(Get(Key(i)), "new");
  StoreStats stats = Stats();
  EXPECT_EQ(stats.get_count - before.get_count, 100u);
  EXPECT_EQ(stats.levels[0].looks.found, 100u);
  EXPECT_EQ(stats.levels[0].looks.total(), 100u);
  EXPECT_EQ(stats.levels[below].looks.total(), 0u) << "a newer entry is enough";

  // Keys within the range of the tables that are in none of them.
  int absent = 0;
  for (int i = 0; i < 10 * kKeys; ++i) absent += !Get(Key(0) + std::to_string(i)).has_value();
  EXPECT_EQ(absent, 10 * kKeys);
  stats = Stats();
  for (const TableLooks& looks : {stats.levels[0].looks, stats.levels[below].looks}) {
    EXPECT_EQ(looks.rejected + looks.missed, 1000u);
    EXPECT_GT(looks.rejected, 950u);
    EXPECT_EQ(looks.unfiltered, 0u);
  }
  EXPECT_EQ(Times(Measure::kGet), 1100u);
  EXPECT_EQ(Get("z"), std::nullopt);
  EXPECT_EQ(Stats().levels[0].looks.total(), 1100u) << "beyond the table's keys";
  EXPECT_EQ(Stats().get_count - before.get_count, 1101u);
}

TEST_F(StoreCountersTest, BlocksTablesAndBytesOfGets) {
  PutAllRandom(500);
  Flush();
  Reopen();
  StoreStats stats = Stats();
  EXPECT_EQ(stats.tables_opened, 0u);
  EXPECT_EQ(stats.bytes_read_by_opening, 0u);
  OperationProfile cold;
  EXPECT_TRUE(Get(Key(0), &cold).has_value());
  stats = Stats();
  EXPECT_EQ(stats.tables_opened, 1u);
  EXPECT_GT(stats.bytes_read_by_opening, 0u);
  EXPECT_EQ(stats.bytes_read_by_gets, cold.bytes_read);
  EXPECT_GT(stats.block_cache_inserted_bytes, cold.bytes_read / 10);
  EXPECT_EQ(stats.block_cache_entries, 1u);
  EXPECT_EQ(stats.block_cache_bytes, stats.block_cache_inserted_bytes);
  EXPECT_EQ(cold.memtables_probed, 1u);
  EXPECT_EQ(cold.tables_probed, 1u);
  EXPECT_EQ(cold.filter_rejections, 0u);
  EXPECT_EQ(cold.blocks_from_device, 1u);
  EXPECT_EQ(cold.blocks_from_cache, 0u);
  EXPECT_GT(cold.bytes_read, 500u);
  EXPECT_GE(cold.device_wait_nanos, 100'000u) << "a table and a block";
  EXPECT_GE(stats.measure(Measure::kGet).max, 100'000u);

  OperationProfile warm;
  EXPECT_TRUE(Get(Key(0), &warm).has_value());
  EXPECT_EQ(warm.blocks_from_cache, 1u);
  EXPECT_EQ(warm.blocks_from_device, 0u);
  EXPECT_EQ(warm.bytes_read, 0u);
  EXPECT_EQ(warm.device_wait_nanos, 0u);
  EXPECT_EQ(Stats().bytes_read_by_gets, cold.bytes_read);

  OperationProfile absent;
  EXPECT_FALSE(Get(Key(0) + "x", &absent).has_value());
  EXPECT_EQ(absent.tables_probed, 1u);
  EXPECT_EQ(absent.filter_rejections, 1u);
  EXPECT_EQ(absent.blocks_from_cache, 0u);
}

TEST_F(StoreCountersTest, ALookIsCountedOnceThoughTheGetHasToWait) {
  PutAll("old");
  Compact();
  PutAll("new");
  Flush();
  EXPECT_TRUE(Get(Key(0)).has_value());  // opens the upper table
  const std::uint64_t before = Stats().levels[0].looks.total();
  const std::uint64_t opened = Stats().tables_opened;
  OperationProfile profile;
  EXPECT_EQ(Get(Key(0) + "1", &profile), std::nullopt);  // the lower one is not open
  EXPECT_EQ(Stats().levels[0].looks.total(), before + 1);
  EXPECT_EQ(profile.tables_probed, 2u);
  EXPECT_EQ(profile.memtables_probed, 1u);
  EXPECT_EQ(Stats().tables_opened, opened + 1);
}

TEST_F(StoreCountersTest, EvictedBytesOfTheCache) {
  Close();
  options_.block_cache_bytes = 64u << 10;
  options_.directory = "/small";
  Open();
  PutAllRandom(3000);
  Compact();
  Reopen();
  for (int i = 0; i < kKeys; ++i) EXPECT_TRUE(Get(Key(i)).has_value());
  const StoreStats stats = Stats();
  EXPECT_GT(stats.block_cache_evicted_bytes, 0u);
  EXPECT_EQ(stats.block_cache_inserted_bytes - stats.block_cache_evicted_bytes,
            stats.block_cache_bytes);
  EXPECT_LE(stats.block_cache_bytes, options_.block_cache_bytes);
}

TEST_F(StoreCountersTest, ReadsOfValueFiles) {
  PutAllRandom(8000);
  Flush();
  StoreStats stats = Stats();
  EXPECT_EQ(stats.value_file_count, 1);
  EXPECT_GE(stats.value_bytes, 100u * 8000u);
  EXPECT_EQ(stats.levels[0].value_bytes, stats.value_bytes);
  EXPECT_EQ(stats.bytes_flushed, stats.levels[0].bytes + stats.value_file_bytes);
  Reopen();
  const auto get = [this](int key) {
    OperationProfile profile;
    EXPECT_EQ(Get(Key(key), &profile).value_or("").size(), 8000u);
    return profile;
  };
  const OperationProfile cold = get(0);
  stats = Stats();
  EXPECT_EQ(cold.blocks_from_device, 2u) << "a block and a value";
  EXPECT_GT(cold.bytes_read, 8000u);
  EXPECT_EQ(stats.bytes_read_by_gets, cold.bytes_read);
  EXPECT_GE(cold.device_wait_nanos, 100'000u);
  EXPECT_GT(stats.bytes_read_by_opening, 4096u) << "a table and a value file";

  const OperationProfile warm = get(0);
  EXPECT_EQ(warm.blocks_from_cache, 2u);
  EXPECT_EQ(warm.blocks_from_device, 0u);
  EXPECT_EQ(warm.bytes_read, 0u);
  EXPECT_EQ(warm.device_wait_nanos, 0u);

  const OperationProfile value = get(1);
  EXPECT_EQ(value.tables_probed, 1u);
  EXPECT_EQ(value.blocks_from_cache, 1u) << "the keys are in one block";
  EXPECT_EQ(value.blocks_from_device, 1u);
  EXPECT_GT(value.bytes_read, 8000u);
  EXPECT_GT(value.device_wait_nanos, 0u);
  EXPECT_EQ(Stats().bytes_read_by_gets, cold.bytes_read + value.bytes_read);
  EXPECT_EQ(Times(Measure::kGet), 3u);
  EXPECT_EQ(Stats().levels[0].looks.found, 3u);
}

TEST_F(StoreCountersTest, AnOperandOverAValueFileIsCountedOnce) {
  PutAllRandom(8000);
  Flush();
  EXPECT_TRUE(Get(Key(1)).has_value());  // the block is in the cache, another value is not
  WriteBatch batch;
  batch.Merge(Key(0), "x");
  Write(batch);
  const StoreStats before = Stats();
  OperationProfile profile;
  EXPECT_GT(Get(Key(0), &profile).value_or("").size(), 8000u);
  EXPECT_EQ(profile.memtables_probed, 1u);
  EXPECT_EQ(profile.tables_probed, 1u);
  EXPECT_EQ(profile.merge_operands, 1u);
  EXPECT_EQ(profile.blocks_from_device, 1u);
  EXPECT_GT(profile.device_wait_nanos, 0u);
  const StoreStats stats = Stats();
  EXPECT_EQ(stats.levels[0].looks.found - before.levels[0].looks.found, 1u);
  EXPECT_EQ(stats.bytes_read_by_gets - before.bytes_read_by_gets, profile.bytes_read);
  EXPECT_EQ(stats.measure(Measure::kGet).count - before.measure(Measure::kGet).count, 1u);
}

TEST_F(StoreCountersTest, IteratorsOverValueFiles) {
  PutAllRandom(8000);
  Flush();
  Reopen();
  std::uint64_t bytes_read = 0;
  for (const bool lazy : {true, false}) {
    OperationProfile profile;
    const StoreStats before = Stats();
    {
      IterateOptions options;
      options.profile = &profile;
      options.fill_cache = false;
      options.lazy_values = lazy;
      const std::unique_ptr<Iterator> iterator = store_->store().NewIterator(0, options);
      EXPECT_TRUE(simulation_.Run(iterator->SeekToFirst()).ok());
      for (int i = 0; iterator->Valid(); ++i) {
        if (lazy && i % 2 == 0) EXPECT_TRUE(simulation_.Run(iterator->LoadValue()).ok());
        EXPECT_TRUE(simulation_.Run(iterator->Next()).ok());
      }
    }
    const StoreStats stats = Stats();
    EXPECT_EQ(profile.entries_walked, 100u);
    EXPECT_GE(profile.blocks_from_device, lazy ? 51u : 101u);
    EXPECT_GT(profile.bytes_read, lazy ? 50u * 8000u : 100u * 8000u);
    EXPECT_EQ(stats.bytes_read_by_iterators - before.bytes_read_by_iterators, profile.bytes_read);
    EXPECT_EQ(profile.device_wait_nanos,
              stats.measure(Measure::kSeek).sum + stats.measure(Measure::kNextWait).sum -
                  before.measure(Measure::kSeek).sum - before.measure(Measure::kNextWait).sum);
    if (!lazy) EXPECT_GT(profile.bytes_read, bytes_read + 40u * 8000u);
    bytes_read = profile.bytes_read;
  }
}

TEST_F(StoreCountersTest, GetManyIsOneOperationOfManyKeys) {
  PutAll("v");
  Flush();
  Reopen();
  std::vector<std::string> keys;
  for (int i = 0; i < kKeys; ++i) keys.push_back(Key(i));
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  OperationProfile cold;
  ASSERT_TRUE(simulation_.Run(store_->GetMany(views, kMaxSequence, &cold)).ok());
  StoreStats stats = Stats();
  EXPECT_EQ(stats.get_count, 100u);
  EXPECT_EQ(stats.measure(Measure::kGetMany).count, 1u);
  EXPECT_GE(stats.measure(Measure::kGetMany).max, 50'000u);
  EXPECT_EQ(stats.levels[0].looks.found, 100u);
  EXPECT_EQ(cold.memtables_probed, 100u);
  EXPECT_EQ(cold.tables_probed, 100u);
  EXPECT_GT(cold.blocks_from_device, 0u);
  EXPECT_EQ(stats.bytes_read_by_gets, cold.bytes_read);
  EXPECT_GT(cold.device_wait_nanos, 0u);

  OperationProfile warm;
  ASSERT_TRUE(simulation_.Run(store_->GetMany(views, kMaxSequence, &warm)).ok());
  EXPECT_EQ(warm.blocks_from_cache, 100u);
  EXPECT_EQ(warm.blocks_from_device, 0u);
  EXPECT_EQ(Times(Measure::kGetMany), 2u);
}

TEST_F(StoreCountersTest, TombstonesAndOperandsOfGets) {
  WriteBatch batch;
  batch.Put("a", "1");
  batch.Put("b", "2");
  Write(batch);
  EXPECT_TRUE(simulation_.Run(store_->Delete("a")).ok());
  for (const char* operand : {"x", "y"}) {
    batch.Clear();
    batch.Merge("b", operand);
    Write(batch);
  }
  OperationProfile profile;
  EXPECT_EQ(Get("a", &profile), std::nullopt);
  EXPECT_EQ(profile.tombstones_skipped, 1u);
  EXPECT_EQ(profile.merge_operands, 0u);
  EXPECT_TRUE(Get("b", &profile).has_value());
  EXPECT_EQ(profile.merge_operands, 2u);
  EXPECT_EQ(profile.tombstones_skipped, 1u);
  EXPECT_EQ(Stats().tombstones_met, 1u);
}

TEST_F(StoreCountersTest, StepsTombstonesAndVersionsOfIterators) {
  PutAll("old");
  PutAll("new");
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(simulation_.Run(store_->Delete(Key(i))).ok());
  const StoreStats before = Stats();
  OperationProfile profile;
  {
    IterateOptions options;
    options.profile = &profile;
    const std::unique_ptr<Iterator> iterator = store_->store().NewIterator(0, options);
    EXPECT_TRUE(simulation_.Run(iterator->SeekToFirst()).ok());
    while (iterator->Valid()) EXPECT_TRUE(simulation_.Run(iterator->Next()).ok());
    EXPECT_TRUE(simulation_.Run(iterator->SeekToLast()).ok());
    EXPECT_EQ(profile.entries_walked, 90u);
    EXPECT_EQ(profile.tombstones_skipped, 10u);
    EXPECT_EQ(profile.versions_skipped, 110u) << "two below each delete, one below each value";
  }
  const StoreStats stats = Stats();
  EXPECT_EQ(stats.iterator_count - before.iterator_count, 1u);
  EXPECT_EQ(stats.seek_count - before.seek_count, 2u);
  EXPECT_EQ(stats.step_count - before.step_count, 91u);
  EXPECT_EQ(profile.entries_walked, 91u);
  EXPECT_EQ(stats.tombstones_met - before.tombstones_met, 10u);
  EXPECT_EQ(stats.versions_skipped, profile.versions_skipped);
  EXPECT_EQ(Times(Measure::kSeek), 2u);
  EXPECT_EQ(Times(Measure::kNextWait), 0u);
  EXPECT_EQ(stats.get_count, before.get_count);
}

TEST_F(StoreCountersTest, BlocksAndWaitsOfIterators) {
  PutAllRandom(2000);
  Flush();
  Reopen();
  OperationProfile profile;
  {
    IterateOptions options;
    options.profile = &profile;
    const std::unique_ptr<Iterator> iterator = store_->store().NewIterator(0, options);
    EXPECT_TRUE(simulation_.Run(iterator->SeekToFirst()).ok());
    while (iterator->Valid()) EXPECT_TRUE(simulation_.Run(iterator->Next()).ok());
  }
  const StoreStats stats = Stats();
  EXPECT_EQ(profile.entries_walked, 100u);
  EXPECT_GT(profile.blocks_from_device, 5u);
  EXPECT_GT(profile.bytes_read, 4096u);
  EXPECT_EQ(stats.bytes_read_by_iterators, profile.bytes_read);
  EXPECT_EQ(stats.measure(Measure::kSeek).count, 1u);
  EXPECT_GE(stats.measure(Measure::kSeek).max, 100'000u) << "the table and a block";
  EXPECT_GT(stats.measure(Measure::kNextWait).count, 0u);
  EXPECT_GE(stats.measure(Measure::kNextWait).p50, 50'000u);
  EXPECT_EQ(profile.device_wait_nanos,
            stats.measure(Measure::kSeek).sum + stats.measure(Measure::kNextWait).sum);
}

TEST_F(StoreCountersTest, FlushesAndCompactions) {
  PutAll("old");
  Flush();
  PutAll("new");
  Flush();
  Reopen();
  Compact();
  const StoreStats stats = Stats();
  EXPECT_EQ(stats.compaction_count, 1u);
  EXPECT_EQ(stats.measure(Measure::kCompaction).count, 1u);
  EXPECT_GE(stats.measure(Measure::kCompaction).max, 100'000u);
  EXPECT_GT(stats.bytes_read_by_compactions, 0u);
  PutAll("newer");
  Flush();
  EXPECT_EQ(Times(Measure::kFlush), 1u);
  EXPECT_GE(Stats().measure(Measure::kFlush).max, 100'000u);
}

TEST_F(StoreCountersTest, WhatACommitWaitedForAndWhy) {
  OperationProfile profile;
  WriteBatch batch;
  batch.Put("a", "1");
  EXPECT_TRUE(simulation_.Run(store_->Write(batch, Durability::kSync, &profile)).ok());
  EXPECT_GE(profile.log_wait_nanos, 100'000u);
  EXPECT_EQ(profile.room_wait_nanos, 0u);
  EXPECT_EQ(Stats().stall_nanos, 0u);

  Close();
  options_.directory = "/full";
  options_.memtable_bytes = 4096;
  options_.log_segment_bytes = 64u << 10;
  Open();
  profile = {};
  // Commits come faster than anything can be flushed: that takes time here, and they do not.
  for (int i = 0; i < 100; ++i) {
    batch.Clear();
    batch.Put(Key(i), std::string(1900, 'v'));
    EXPECT_TRUE(simulation_.Run(store_->Write(batch, std::nullopt, &profile)).ok());
  }
  const StoreStats stats = Stats();
  EXPECT_GT(profile.room_wait_nanos, 0u);
  EXPECT_EQ(profile.room_wait_nanos, stats.stall_nanos);
  std::uint64_t commits = 0;
  std::uint64_t nanos = 0;
  for (const StallStats& stall : stats.stalls) {
    commits += stall.commits;
    nanos += stall.nanos;
  }
  EXPECT_GT(commits, 0u);
  EXPECT_EQ(nanos, stats.stall_nanos) << "each wait has a reason";
  EXPECT_EQ(stats.stall(StallReason::kQueue).commits, 0u);
}

TEST_F(StoreCountersTest, SampledOperationsStandForTheOthers) {
  for (const int sampling : {0, 50, 64}) {
    Close();
    options_.latency_sampling = sampling;
    options_.directory = "/sampled" + std::to_string(sampling);
    Open();
    PutAll("v");
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(Get(Key(i % kKeys)).has_value());
    EXPECT_EQ(Times(Measure::kGet), sampling == 0 ? 0u : 1000u / 64 * 64);
    EXPECT_EQ(Times(Measure::kCommitProcess), sampling == 0 ? 0u : 64u);
    EXPECT_EQ(Stats().get_count, 1000u);
  }
}

TEST(MeasureTest, EachHasANameOfItsOwn) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kMeasureCount; ++i) {
    const std::string_view name = MeasureName(static_cast<Measure>(i));
    for (const std::string_view other : names) EXPECT_NE(name, other);
    names.push_back(name);
    EXPECT_EQ(IsTime(static_cast<Measure>(i)), name.find("_group_") == std::string_view::npos);
  }
}

}  // namespace
}  // namespace aurora::lsm
