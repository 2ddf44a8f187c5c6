// A store on a device without a free byte: it opens, however often, reads, says what is missing,
// and goes on once there is space.
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/checkpoint.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class FullDiskTest : public testing::TestWithParam<Durability> {
 protected:
  void Open() {
    const StoreOptions options = SmallStoreOptions("/db", GetParam());
    absl::StatusOr<std::unique_ptr<KvStore>> store =
        simulation_.Run(KvStore::Open(simulation_.environment(), options));
    ASSERT_TRUE(store.ok()) << store.status() << " seed " << seed_;
    store_ = *std::move(store);
  }
  absl::Status Close() {
    absl::Status status = simulation_.Run(store_->Close());
    store_ = nullptr;
    return status;
  }
  void Kill(const CrashMode& mode) {
    simulation_.CrashMachine(mode);
    EXPECT_FALSE(Close().ok());
    ASSERT_TRUE(simulation_.RunUntilIdle());
    const absl::Status restarted = simulation_.Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
  }
  static std::string Key(int number) { return "key" + std::to_string(number); }
  absl::Status Put() {
    const std::string key = Key(written_);
    absl::Status status =
        simulation_.Run(store_->Put(key, std::string(200, 'v'), Durability::kSync)).status();
    if (status.ok()) ++written_;
    return status;
  }
  void PutMany(int count) {
    for (int i = 0; i < count; ++i) {
      const absl::Status status = Put();
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  void ExpectAll() {
    for (int i = 0; i < written_; ++i) {
      const absl::StatusOr<std::optional<PinnedValue>> found = simulation_.Run(store_->Get(Key(i)));
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_TRUE(found->has_value()) << Key(i) << " of " << written_ << " seed " << seed_;
    }
  }
  void FillDisk() { simulation_.disk().set_capacity_bytes(simulation_.disk().UsedBytes()); }
  // Also waits until what a full disk had stopped is tried again.
  void FreeDisk() {
    simulation_.disk().set_capacity_bytes(std::uint64_t{1} << 30);
    simulation_.RunFor(absl::Minutes(1));
  }

  const std::uint64_t seed_ = TestSeed();
  Simulation simulation_{seed_};
  SeededRandom random_{seed_};
  std::unique_ptr<KvStore> store_;
  int written_ = 0;
};

std::string NameOf(const testing::TestParamInfo<Durability>& info) {
  static constexpr const char* kNames[] = {"Sync", "Process", "Buffered"};
  return kNames[static_cast<std::size_t>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Each, FullDiskTest,
                         testing::Values(Durability::kSync, Durability::kProcess,
                                         Durability::kBuffered),
                         NameOf);

TEST_P(FullDiskTest, OpensHoweverOftenItIsKilled) {
  Open();
  PutMany(60);
  simulation_.RunFor(absl::Seconds(1));
  FillDisk();
  for (int life = 0; life < 8; ++life) {
    absl::Status status;
    for (int i = 0; i < 2000 && status.ok(); ++i) status = Put();
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status << " seed " << seed_;
    ExpectAll();
    Kill(random_.Below(2) == 0 ? CrashMode::Process() : DrawCrashMode(random_));
    FillDisk();
    Open();
    ASSERT_TRUE(store_ != nullptr);
    ExpectAll();
  }
  FreeDisk();
  PutMany(200);
  ExpectAll();
  EXPECT_TRUE(Close().ok());
}

TEST_P(FullDiskTest, OpensAfterAClose) {
  Open();
  PutMany(60);
  EXPECT_TRUE(Close().ok());
  for (int life = 0; life < 4; ++life) {
    FillDisk();
    Open();
    ASSERT_TRUE(store_ != nullptr);
    ExpectAll();
    Close().IgnoreError();
  }
  FreeDisk();
  Open();
  PutMany(200);
  ExpectAll();
  EXPECT_TRUE(Close().ok());
}

TEST_P(FullDiskTest, GoesOnWithoutReopeningOnceThereIsSpace) {
  Open();
  PutMany(20);
  FillDisk();
  absl::Status status;
  for (int i = 0; i < 2000 && status.ok(); ++i) status = Put();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  FreeDisk();
  PutMany(200);
  ExpectAll();
  EXPECT_TRUE(Close().ok());
}

// The manifest takes no edit, and the flush that has to make one waits for space with the lock.
TEST_P(FullDiskTest, ACheckpointElsewhereIsMadeAllTheSame) {
  Open();
  PutMany(20);
  FaultRule rule;
  rule.fault = Fault::Error(ENOSPC);
  rule.path = "/db/MANIFEST*";
  rule.count = FaultRule::kForEver;
  simulation_.faults().Add(rule);
  EXPECT_TRUE(absl::IsResourceExhausted(simulation_.Run(store_->store().Flush())));
  const absl::StatusOr<CheckpointInfo> made =
      simulation_.Run(MakeCheckpoint(&simulation_.environment(), &store_->store(), "/elsewhere"));
  EXPECT_TRUE(made.ok()) << made.status();
  simulation_.faults().Clear();
  simulation_.RunFor(absl::Minutes(1));
  PutMany(200);
  ExpectAll();
  EXPECT_TRUE(Close().ok());
}

}  // namespace
}  // namespace aurora::lsm
