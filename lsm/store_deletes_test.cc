// Compactions for the sake of deletes: what was deleted gives its space back, and scans do not step
// over what is no more.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/operation_profile.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

std::string KeyOf(int number) { return StrCat("key", 100'000 + number); }

// Does not compress.
std::string Noise(std::uint64_t seed) {
  std::string noise;
  while (noise.size() < 200) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    noise.push_back(static_cast<char>(seed >> 56));
  }
  return noise;
}

struct Held {
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  std::uint64_t deletes = 0;
};

class StoreDeletesTest : public testing::Test {
 protected:
  void SetUp() override {
    StoreOptions options;
    options.directory = "/db";
    options.durability = Durability::kProcess;
    options.memtable_bytes = 64 << 10;
    options.table_bytes = 16 << 10;
    options.level_base_bytes = 128 << 10;
    auto store = simulation_.Run(KvStore::Open(simulation_.environment(), options));
    ASSERT_TRUE(store.ok()) << store.status();
    kv_ = *std::move(store);
  }
  void TearDown() override {
    const absl::Status closed = simulation_.Run(kv_->Close());
    EXPECT_TRUE(closed.ok()) << closed;
  }

  void Put(int first, int end) {
    for (int i = first; i < end; ++i) {
      const auto put = simulation_.Run(kv_->Put(KeyOf(i), Noise(static_cast<std::uint64_t>(i))));
      ASSERT_TRUE(put.ok()) << put.status();
    }
  }
  void Delete(int first, int end) {
    for (int i = first; i < end; ++i) {
      const auto deleted = simulation_.Run(kv_->Delete(KeyOf(i)));
      ASSERT_TRUE(deleted.ok()) << deleted.status();
    }
  }
  void Flush() { Expect(simulation_.Run(kv_->store().Flush())); }
  void Rest() { Expect(simulation_.Run(kv_->store().WaitIdle())); }
  void Settle() {
    Flush();
    Rest();
  }
  void Expect(const absl::Status& status) { ASSERT_TRUE(status.ok()) << status; }

  StoreStats Stats() { return kv_->store().Stats(); }
  Held InTree() {
    Held held;
    for (const LevelStats& level : Stats().levels) {
      held.bytes += level.bytes;
      held.entries += level.entry_count;
      held.deletes += level.delete_count + level.range_delete_count;
    }
    return held;
  }
  // What an iterator steps over to find the first key, which is to be `expected`.
  std::uint64_t TombstonesBefore(std::string_view expected) {
    OperationProfile profile;
    {
      IterateOptions options;
      options.profile = &profile;
      const std::unique_ptr<Iterator> iterator = kv_->store().NewIterator(0, options);
      const absl::Status sought = simulation_.Run(iterator->SeekToFirst());
      EXPECT_TRUE(sought.ok()) << sought;
      EXPECT_TRUE(iterator->Valid() && iterator->key() == expected);
    }
    return profile.tombstones_skipped;
  }
  // How much the store does if nobody asks it for anything.
  std::uint64_t CompactionsIn(absl::Duration time) {
    const std::uint64_t before = Stats().compaction_count;
    Expect(simulation_.Run(simulation_.environment().Sleep(time)));
    return Stats().compaction_count - before;
  }

  Simulation simulation_{11};
  std::unique_ptr<KvStore> kv_;
};

TEST_F(StoreDeletesTest, AQueueStaysSmall) {
  constexpr int kBatch = 400;
  constexpr int kLength = 2 * kBatch;
  Put(0, kLength);
  Settle();
  const Held full = InTree();
  for (int cycle = 0; cycle < 50; ++cycle) {
    const int front = cycle * kBatch;
    Put(front + kLength, front + kLength + kBatch);
    Delete(front, front + kBatch);
    if (cycle % 10 != 9) continue;
    Settle();
    const Held held = InTree();
    EXPECT_LE(held.bytes, 3 * full.bytes) << cycle;
    EXPECT_LE(held.deletes, static_cast<std::uint64_t>(kBatch)) << cycle;
    EXPECT_LE(TombstonesBefore(KeyOf(front + kBatch)), static_cast<std::uint64_t>(kBatch));
  }
  EXPECT_EQ(CompactionsIn(absl::Hours(1)), 0u);
}

TEST_F(StoreDeletesTest, WhatWasDeletedAloneGivesItsSpaceBack) {
  constexpr int kKeys = 4000;
  Put(0, kKeys);
  Settle();
  ASSERT_GT(InTree().bytes, std::uint64_t{700} << 10);
  Delete(0, kKeys);
  Settle();
  EXPECT_LT(InTree().bytes, std::uint64_t{64} << 10);
  EXPECT_LT(InTree().entries, 100u);
  EXPECT_EQ(CompactionsIn(absl::Hours(1)), 0u);
}

TEST_F(StoreDeletesTest, ARangeDeleteGivesItsSpaceBack) {
  Put(0, 4000);
  Settle();
  ASSERT_GT(InTree().bytes, std::uint64_t{700} << 10);
  const auto deleted = simulation_.Run(kv_->DeleteRange("", ""));
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  Settle();
  EXPECT_EQ(InTree().bytes, 0u);
}

TEST_F(StoreDeletesTest, DeletesOfNothingGo) {
  Delete(0, 100);
  Settle();
  EXPECT_EQ(InTree().entries, 0u);
}

// Few deletes over much that stays wait: to rewrite it all for them would cost more than they hold.
TEST_F(StoreDeletesTest, FewDeletesWaitForMore) {
  Put(0, 4000);
  ASSERT_NO_FATAL_FAILURE(Expect(simulation_.Run(kv_->store().Compact())));
  for (int i = 0; i < 4000; i += 100) Delete(i, i + 1);
  const std::uint64_t before = Stats().compaction_count;
  Settle();
  EXPECT_LE(Stats().compaction_count, before + 1) << "into level 1, which is empty";
  EXPECT_EQ(InTree().deletes, 40u);
}

TEST_F(StoreDeletesTest, WhatAReaderSeesIsKeptUntilItGoes) {
  constexpr int kKeys = 2000;
  Put(0, kKeys);
  Settle();
  const std::uint64_t full = InTree().bytes;
  std::unique_ptr<Snapshot> snapshot = kv_->store().GetSnapshot();
  Delete(0, kKeys);
  Settle();
  EXPECT_GE(InTree().bytes, full);
  EXPECT_EQ(CompactionsIn(absl::Hours(1)), 0u);
  // One that is younger keeps nothing.
  const std::unique_ptr<Snapshot> younger = kv_->store().GetSnapshot();
  snapshot.reset();
  EXPECT_GT(CompactionsIn(absl::Seconds(1)), 0u) << "nobody has looked again";
  Rest();
  EXPECT_LT(InTree().bytes, full / 10);
  EXPECT_EQ(CompactionsIn(absl::Hours(1)), 0u);
}

// Deletes that a compaction has brought to the last level while a reader needed what they hide.
TEST_F(StoreDeletesTest, InTheLastLevelTheyGoOnceTheReaderHasGone) {
  constexpr int kKeys = 2000;
  Put(0, kKeys);
  Settle();
  std::unique_ptr<Snapshot> snapshot = kv_->store().GetSnapshot();
  Delete(0, kKeys);
  ASSERT_NO_FATAL_FAILURE(Expect(simulation_.Run(kv_->store().Compact())));
  EXPECT_EQ(InTree().deletes, static_cast<std::uint64_t>(kKeys));
  EXPECT_EQ(CompactionsIn(absl::Hours(1)), 0u);
  snapshot.reset();
  EXPECT_GT(CompactionsIn(absl::Seconds(1)), 0u);
  Rest();
  EXPECT_EQ(InTree().entries, 0u);
}

}  // namespace
}  // namespace aurora::lsm
