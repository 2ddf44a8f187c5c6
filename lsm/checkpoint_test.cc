#include "aurora/lsm/checkpoint.h"

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/checkpoint_campaign_testing.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() { store_ = OpenAt("/db"); }
  ~CheckpointTest() override {
    if (store_ != nullptr) EXPECT_TRUE(simulation_.Run(store_->Close()).ok());
  }

  std::unique_ptr<KvStore> OpenAt(std::string directory) {
    StoreOptions options = SmallStoreOptions(std::move(directory), Durability::kSync);
    absl::StatusOr<std::unique_ptr<KvStore>> store =
        simulation_.Run(KvStore::Open(simulation_.environment(), std::move(options)));
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  void Put(int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string key = "key" + std::to_string(i);
      ASSERT_TRUE(simulation_.Run(store_->Put(key, std::string(100, 'v'))).ok());
    }
  }
  absl::StatusOr<CheckpointInfo> Make(std::string directory, CopyOptions options = {}) {
    return simulation_.Run(MakeCheckpoint(&simulation_.environment(), &store_->store(),
                                          std::move(directory), std::move(options)));
  }
  int CountKeys(KvStore& store) {
    int count = 0;
    for (int i = 0; i < 400; ++i) {
      const std::string key = "key" + std::to_string(i);
      const auto found = simulation_.Run(store.Get(key));
      EXPECT_TRUE(found.ok()) << found.status();
      if (found.ok() && found->has_value()) ++count;
    }
    return count;
  }
  bool Exists(std::string path) {
    return simulation_.Run(simulation_.environment().files().Stat(std::move(path))).ok();
  }

  Simulation simulation_{TestSeed()};
  std::unique_ptr<KvStore> store_;
};

TEST_F(CheckpointTest, HoldsWhatWasCommittedBeforeAndNothingLater) {
  Put(0, 200);
  const absl::StatusOr<CheckpointInfo> made = Make("/copy");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->sequence, 200u);
  EXPECT_GT(made->linked_bytes, 0u);
  Put(200, 300);
  const std::unique_ptr<KvStore> copy = OpenAt("/copy");
  EXPECT_EQ(CountKeys(*copy), 200);
  EXPECT_EQ(CountKeys(*store_), 300);
  ASSERT_TRUE(simulation_.Run(copy->Close()).ok());
}

TEST_F(CheckpointTest, OfAFlushedStoreCopiesNoLog) {
  Put(0, 50);
  ASSERT_TRUE(simulation_.Run(store_->store().Flush()).ok());
  const absl::StatusOr<CheckpointInfo> made = Make("/copy");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->copied_bytes, 0u);
  const std::unique_ptr<KvStore> copy = OpenAt("/copy");
  EXPECT_EQ(CountKeys(*copy), 50);
  ASSERT_TRUE(simulation_.Run(copy->Close()).ok());
}

TEST_F(CheckpointTest, OfANewStoreIsAnEmptyOne) {
  ASSERT_TRUE(Make("/copy").ok());
  const std::unique_ptr<KvStore> copy = OpenAt("/copy");
  EXPECT_EQ(CountKeys(*copy), 0);
  ASSERT_TRUE(simulation_.Run(copy->Close()).ok());
}

TEST_F(CheckpointTest, HasAnEpochOfItsOwn) {
  Put(0, 10);
  ASSERT_TRUE(Make("/one").ok());
  ASSERT_TRUE(Make("/two").ok());
  const std::unique_ptr<KvStore> one = OpenAt("/one");
  const std::unique_ptr<KvStore> two = OpenAt("/two");
  EXPECT_GT(one->store().identity().epoch, store_->store().identity().epoch);
  EXPECT_GT(two->store().identity().epoch, store_->store().identity().epoch);
  EXPECT_NE(one->store().identity().epoch, two->store().identity().epoch);
  ASSERT_TRUE(simulation_.Run(one->Close()).ok());
  ASSERT_TRUE(simulation_.Run(two->Close()).ok());
}

TEST_F(CheckpointTest, ReplacesNothing) {
  ASSERT_TRUE(Make("/copy").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Make("/copy").status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Make("/db/").status()));
  EXPECT_TRUE(absl::IsNotFound(Make("/absent/copy").status()));
}

TEST_F(CheckpointTest, TouchesNothingForeign) {
  FileSystem& files = simulation_.environment().files();
  ASSERT_TRUE(simulation_.Run(files.CreateDirectory("/copy.incomplete")).ok());
  OpenOptions options;
  options.mode = OpenMode::kCreateNew;
  ASSERT_TRUE(simulation_.Run(files.Open("/copy.incomplete/thesis.txt", options)).ok());
  const absl::Status refused = Make("/copy").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_NE(refused.message().find("thesis.txt"), absl::string_view::npos) << refused;
  EXPECT_TRUE(Exists("/copy.incomplete/thesis.txt"));
}

TEST_F(CheckpointTest, CopiesWhatCannotBeLinked) {
  Put(0, 100);
  FaultRule rule;
  rule.fault = Fault::Error(EXDEV);
  rule.kinds = {OperationKind::kLink};
  rule.count = FaultRule::kForEver;
  simulation_.faults().Add(rule);
  const absl::StatusOr<CheckpointInfo> made = Make("/copy");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->linked_bytes, 0u);
  const std::unique_ptr<KvStore> copy = OpenAt("/copy");
  EXPECT_EQ(CountKeys(*copy), 100);
  ASSERT_TRUE(simulation_.Run(copy->Close()).ok());
}

TEST_F(CheckpointTest, OnAFullDeviceFailsAndLeavesNothing) {
  Put(0, 100);
  simulation_.disk().set_capacity_bytes(simulation_.disk().UsedBytes() + 16384);
  const absl::Status full = Make("/copy").status();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_FALSE(Exists("/copy"));
  EXPECT_FALSE(Exists("/copy.incomplete"));
  simulation_.disk().set_capacity_bytes(std::uint64_t{64} << 30);
  Put(100, 120);
  EXPECT_TRUE(Make("/copy").ok());
}

TEST_F(CheckpointTest, ReportsProgressKeepsItsRateAndCanBeStopped) {
  Put(0, 300);
  ASSERT_TRUE(simulation_.Run(store_->store().Flush()).ok());
  Put(0, 20);
  std::vector<CopyProgress> seen;
  CopyOptions options;
  options.bytes_per_second = 1024;
  options.progress = [&seen](const CopyProgress& progress) { seen.push_back(progress); };
  const std::int64_t before = simulation_.environment().clock().MonotonicNanos();
  const absl::StatusOr<CheckpointInfo> made = Make("/copy", options);
  const std::int64_t nanos = simulation_.environment().clock().MonotonicNanos() - before;
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().done_bytes, seen.back().total_bytes);
  EXPECT_GE(static_cast<double>(nanos), static_cast<double>(made->copied_bytes) / 1024 * 1e9);

  std::stop_source stop;
  stop.request_stop();
  options.stop = stop.get_token();
  EXPECT_TRUE(absl::IsCancelled(Make("/stopped", options).status()));
  EXPECT_FALSE(Exists("/stopped"));
}

constexpr Durability kDurabilities[] = {Durability::kSync, Durability::kProcess,
                                        Durability::kBuffered};

TEST(CheckpointSimulationTest, IsWholeWhateverTheWriterDoes) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 20; ++round) {
    const absl::Status status = RunCheckpoints(random.Next64(), kDurabilities[random.Below(3)]);
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST(CheckpointSimulationTest, ACrashLeavesNothingOrAllOfIt) {
  std::uint64_t images = 0;
  for (const Durability durability : {Durability::kSync, Durability::kProcess}) {
    const absl::Status status = EnumerateCheckpointCrashes(TestSeed(), durability, 3, &images);
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_GT(images, 200u);
}

TEST(CheckpointSimulationTest, AFailingOperationHarmsNothing) {
  SeededRandom random(TestSeed());
  for (const int error : {EIO, ENOSPC}) {
    bool struck = true;
    for (std::uint64_t first = 1; struck; ++first) {
      const absl::Status status = RunCheckpointFault(
          random.Next64(), kDurabilities[random.Below(3)], first, error, &struck);
      ASSERT_TRUE(status.ok()) << status;
    }
  }
}

}  // namespace
}  // namespace aurora::lsm
