#include "aurora/cache/block_cache.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora::cache {
namespace {

// A block that says which it is, and holds its charge.
struct TestBlock {
  BlockId id;
  MemoryBudget::Charge charge;
};

constexpr std::size_t kBlockBytes = 8000;
constexpr std::size_t kCharged = kBlockBytes + BlockCache::kEntryOverheadBytes;

bool Fill(BlockCache& cache, BlockId id) {
  MemoryBudget::Charge charge = cache.Reserve(id, kBlockBytes);
  if (charge.bytes() == 0) return false;
  EXPECT_EQ(charge.bytes(), kCharged);
  cache.Insert(id, std::make_shared<const TestBlock>(TestBlock{id, std::move(charge)}),
               kBlockBytes);
  return true;
}

TEST(BlockCacheTest, FindsWhatWasInsertedUntilItIsErased) {
  MemoryBudget budget(100 << 20);
  BlockCache cache(&budget, 16 << 20);
  EXPECT_EQ(cache.Find({1, 0}), nullptr);
  for (std::uint64_t file = 1; file <= 3; ++file) {
    for (std::uint64_t block = 0; block < 100; ++block) ASSERT_TRUE(Fill(cache, {file, block}));
  }
  EXPECT_EQ(budget.used_bytes(MemoryUse::kBlockCache), 300 * kCharged);
  EXPECT_EQ(cache.Stats().charged_bytes, 300 * kCharged);
  for (std::uint64_t block = 0; block < 100; ++block) cache.Erase({2, block});
  cache.Erase({2, 0});  // is gone
  for (std::uint64_t file = 1; file <= 3; ++file) {
    for (std::uint64_t block = 0; block < 100; ++block) {
      const BlockCache::Value found = cache.Find({file, block});
      ASSERT_EQ(found != nullptr, file != 2);
      if (found == nullptr) continue;
      EXPECT_EQ(static_cast<const TestBlock*>(found.get())->id, (BlockId{file, block}));
    }
  }
  EXPECT_EQ(cache.Stats().entry_count, 200u);
  EXPECT_EQ(cache.Stats().hits, 200u);
  EXPECT_EQ(cache.Stats().misses, 101u);
  EXPECT_EQ(budget.used_bytes(), 200 * kCharged);
}

TEST(BlockCacheTest, AnEarlierBlockStays) {
  MemoryBudget budget(100 << 20);
  BlockCache cache(&budget, 16 << 20);
  ASSERT_TRUE(Fill(cache, {1, 0}));
  const BlockCache::Value first = cache.Find({1, 0});
  ASSERT_TRUE(Fill(cache, {1, 0}));
  EXPECT_EQ(cache.Find({1, 0}), first);
  EXPECT_EQ(budget.used_bytes(), kCharged);
}

TEST(BlockCacheTest, KeepsItsCapacity) {
  MemoryBudget budget(std::size_t{1} << 30);
  for (const std::size_t capacity : {std::size_t{100} << 10, std::size_t{20} << 20}) {
    BlockCache cache(&budget, capacity);
    for (std::uint64_t block = 0; block < 5000; ++block) {
      ASSERT_TRUE(Fill(cache, {7, block * 4096}));
      ASSERT_LE(budget.used_bytes(), capacity);
    }
    EXPECT_GT(budget.used_bytes(), capacity / 2);
  }
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST(BlockCacheTest, GivesWayWhenTheBudgetIsShort) {
  MemoryBudget budget(std::size_t{1} << 20);
  BlockCache cache(&budget, std::size_t{64} << 20);
  for (std::uint64_t block = 0; block < 500; ++block) ASSERT_TRUE(Fill(cache, {7, block}));
  EXPECT_LE(budget.used_bytes(), budget.limit_bytes());
  EXPECT_GT(budget.used_bytes(), budget.limit_bytes() / 2);
  const MemoryBudget::Charge others = budget.Take(MemoryUse::kMemtable, budget.limit_bytes());
  EXPECT_FALSE(Fill(cache, {7, 1000}));
  EXPECT_EQ(cache.Stats().refusals, 1u);
  EXPECT_EQ(cache.Stats().entry_count, 0u) << "it gave up all that it had";
}

TEST(BlockCacheTest, ABlockInUseOutlivesItsEvictionAndStaysCharged) {
  MemoryBudget budget(100 << 20);
  BlockCache cache(&budget, 100 << 10);
  ASSERT_TRUE(Fill(cache, {1, 0}));
  BlockCache::Value pinned = cache.Find({1, 0});
  for (std::uint64_t block = 1; block < 100; ++block) ASSERT_TRUE(Fill(cache, {1, block}));
  EXPECT_EQ(cache.Find({1, 0}), nullptr);
  EXPECT_EQ(static_cast<const TestBlock*>(pinned.get())->id, (BlockId{1, 0}));
  EXPECT_EQ(budget.used_bytes(), cache.Stats().charged_bytes + kCharged);
  pinned.reset();
  EXPECT_EQ(budget.used_bytes(), cache.Stats().charged_bytes);
}

TEST(BlockCacheTest, ALookThatDoesNotTouchDoesNotKeep) {
  MemoryBudget budget(100 << 20);
  for (const bool touch : {false, true}) {
    BlockCache cache(&budget, 20 * kCharged);
    for (std::uint64_t block = 0; block < 10; ++block) ASSERT_TRUE(Fill(cache, {1, block}));
    for (int i = 0; i < 5; ++i) cache.Find({1, 0}, touch);
    for (std::uint64_t block = 10; block < 40; ++block) ASSERT_TRUE(Fill(cache, {1, block}));
    EXPECT_EQ(cache.Find({1, 0}) != nullptr, touch);
  }
}

// --- One reads for all. ---

struct Reads {
  int started = 0;
  std::vector<std::string> results;
};

Task<void> Get(Environment& environment, BlockCache& cache, absl::Status outcome, Reads& reads) {
  const std::shared_ptr<BlockCache::Load> load = cache.Join({1, 0});
  absl::StatusOr<BlockCache::Value> result = BlockCache::Value();
  if (load->TakeLead()) {
    ++reads.started;
    const absl::Status slept = co_await environment.Sleep(absl::Milliseconds(1));
    EXPECT_TRUE(slept.ok());
    if (outcome.ok()) {
      result = std::make_shared<const std::string>("block");
    } else {
      result = outcome;
    }
    load->Complete(result);
  } else {
    result = co_await load->Wait();
  }
  reads.results.push_back(result.ok() ? *static_cast<const std::string*>(result->get())
                                      : std::string(ToStd(result.status().message())));
}

TEST(BlockCacheTest, ConcurrentMissesOfABlockReadItOnce) {
  MemoryBudget budget(100 << 20);
  BlockCache cache(&budget, 1 << 20);
  Simulation simulation(TestSeed());
  Reads reads;
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 5; ++i) {
    tasks.push_back(Get(simulation.environment(), cache, absl::OkStatus(), reads));
  }
  simulation.RunAll(std::move(tasks));
  EXPECT_EQ(reads.started, 1);
  EXPECT_EQ(reads.results, std::vector<std::string>(5, "block"));
}

TEST(BlockCacheTest, AFailedReadFailsThoseWhoWaitAndNobodyLater) {
  MemoryBudget budget(100 << 20);
  BlockCache cache(&budget, 1 << 20);
  Simulation simulation(TestSeed());
  Reads reads;
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 3; ++i) {
    tasks.push_back(Get(simulation.environment(), cache, DataLossError("broken"), reads));
  }
  simulation.RunAll(std::move(tasks));
  EXPECT_EQ(reads.results, std::vector<std::string>(3, "broken"));
  reads = {};
  simulation.Run(Get(simulation.environment(), cache, absl::OkStatus(), reads));
  EXPECT_EQ(reads.started, 1);
  EXPECT_EQ(reads.results, std::vector<std::string>(1, "block"));
}

TEST(BlockCacheTest, ThreadsFindFillAndEraseAtOnce) {
  MemoryBudget budget(4 << 20);
  BlockCache cache(&budget, 2 << 20);
  const std::uint64_t seed = TestSeed();
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      SeededRandom random(seed + t);
      for (int i = 0; i < 10000; ++i) {
        const BlockId id{random.Next64() % 4, random.Next64() % 150};
        const BlockCache::Value found = cache.Find(id, i % 3 != 0);
        if (found != nullptr) {
          EXPECT_EQ(static_cast<const TestBlock*>(found.get())->id, id);
        } else {
          Fill(cache, id);
        }
        if (i % 100 == 99) cache.Erase({random.Next64() % 4, random.Next64() % 150});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.used_bytes(), cache.Stats().charged_bytes);
  EXPECT_LE(budget.used_bytes(), budget.limit_bytes());
}

}  // namespace
}  // namespace aurora::cache
