#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kBlock = 4096;

class StoreStatsTest : public testing::Test {
 protected:
  void Open(Durability durability) {
    options_ = SmallStoreOptions(directory_, durability);
    // Holds all data and, while tables replace each other, all of it again.
    options_.block_cache_bytes = 1u << 20;
    options_.table_metadata_bytes = std::size_t{1} << 30;  // nothing but data goes through it
    absl::StatusOr<std::unique_ptr<KvStore>> store =
        simulation_.Run(KvStore::Open(simulation_.environment(), options_));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    simulation_.RunUntilIdle();  // the log prepares its next segments
  }
  // What the commit of one value of `bytes` adds to the bytes logged.
  std::uint64_t LoggedByPut(std::size_t bytes) {
    const std::uint64_t before = store_->store().Stats().bytes_logged;
    const std::string value(bytes, 'v');
    EXPECT_TRUE(simulation_.Run(store_->Put("key", value)).ok());
    return store_->store().Stats().bytes_logged - before;
  }
  ~StoreStatsTest() override {
    if (store_ != nullptr) EXPECT_TRUE(simulation_.Run(store_->Close()).ok());
  }

  std::string directory_ = "/db";
  StoreOptions options_;
  Simulation simulation_{1};
  std::unique_ptr<KvStore> store_;
};

TEST_F(StoreStatsTest, BytesLoggedOfSyncedCommitsIncludeZeroFillingAndPadding) {
  ASSERT_NO_FATAL_FAILURE(Open(Durability::kSync));
  EXPECT_GE(store_->store().Stats().bytes_logged, options_.log_segment_bytes);
  EXPECT_EQ(LoggedByPut(1), kBlock);
  EXPECT_EQ(LoggedByPut(1), kBlock);
}

TEST_F(StoreStatsTest, MappedSegmentsAreAllocatedAndWrittenOnlyWhereThatCannotBe) {
  ASSERT_NO_FATAL_FAILURE(Open(Durability::kProcess));
  EXPECT_LT(store_->store().Stats().bytes_logged, options_.log_segment_bytes);
  ASSERT_TRUE(simulation_.Run(store_->Close()).ok());
  const std::uint64_t allocations = simulation_.faults().operation_count(OperationKind::kAllocate);
  EXPECT_GT(allocations, 0u);

  FaultRule rule;
  rule.fault = Fault::Error(EOPNOTSUPP);
  rule.kinds = {OperationKind::kAllocate};
  rule.count = FaultRule::kForEver;
  simulation_.faults().Add(rule);
  directory_ = "/another";
  ASSERT_NO_FATAL_FAILURE(Open(Durability::kProcess));
  EXPECT_GE(store_->store().Stats().bytes_logged, options_.log_segment_bytes);
  EXPECT_GT(LoggedByPut(1000), 1000u);
}

TEST_F(StoreStatsTest, BytesLoggedOfMappedCommitsAreCountedAtOnce) {
  ASSERT_NO_FATAL_FAILURE(Open(Durability::kProcess));
  const std::uint64_t logged = LoggedByPut(1000);
  EXPECT_GT(logged, 1000u);
  EXPECT_LT(logged, 1000 + kBlock);
}

TEST_F(StoreStatsTest, WhatIsFlushedOrCompactedStaysInTheCache) {
  ASSERT_NO_FATAL_FAILURE(Open(Durability::kProcess));
  ASSERT_LE(options_.memtable_bytes, options_.block_cache_bytes / 4);
  constexpr int kKeys = 200;
  const auto key = [](int i) { return "key" + std::to_string(i); };
  const auto misses_of_reading_all = [&] {
    const std::uint64_t before = store_->store().Stats().block_cache_misses;
    for (int i = 0; i < kKeys; ++i) {
      const auto value = simulation_.Run(store_->Get(key(i)));
      EXPECT_TRUE(value.ok() && value->has_value()) << value.status();
    }
    return store_->store().Stats().block_cache_misses - before;
  };
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < kKeys; ++i) {
      const std::string value(100, static_cast<char>('a' + round));
      ASSERT_TRUE(simulation_.Run(store_->Put(key(i), value)).ok());
    }
    ASSERT_TRUE(simulation_.Run(store_->store().Flush()).ok());
    ASSERT_TRUE(simulation_.Run(store_->store().WaitIdle()).ok());
    EXPECT_EQ(misses_of_reading_all(), 0u) << round;
  }
  ASSERT_TRUE(simulation_.Run(store_->store().Compact()).ok());
  ASSERT_TRUE(simulation_.Run(store_->store().WaitIdle()).ok());
  EXPECT_EQ(misses_of_reading_all(), 0u);
  EXPECT_EQ(store_->store().Stats().block_cache_evicted_bytes, 0u);
}

}  // namespace
}  // namespace aurora::lsm
