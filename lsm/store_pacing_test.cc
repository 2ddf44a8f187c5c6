// Commits that are slowed down: what ends their wait.
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/system_environment.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr std::size_t kValueBytes = 1900;  // two fill a memtable
constexpr std::size_t kLargeBytes = 40'000;

Task<absl::Status> Put(KvStore* store, std::string key, std::string value,
                       std::optional<Durability> durability, absl::Status* result) {
  *result = (co_await store->Put(key, value, durability)).status();
  co_return absl::OkStatus();
}

class StorePacingTest : public testing::Test {
 protected:
  StorePacingTest() {
    auto store = simulation_.Run(
        KvStore::Open(environment(), SmallStoreOptions("/db", Durability::kProcess)));
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  Environment& environment() { return simulation_.environment(); }
  void PutSmall(int number) {
    const auto put =
        simulation_.Run(store_->Put(StrCat("key", number), std::string(kValueBytes, 'v')));
    EXPECT_TRUE(put.ok()) << put.status();
  }
  // As many memtables as may be, and flushes that fail from now on. Those before were slow.
  void MakeDebt() {
    for (int i = 0; i < 20; ++i) {
      PutSmall(i);
      EXPECT_TRUE(simulation_.Run(store_->store().Flush()).ok());
    }
    FaultRule rule;
    rule.fault = Fault::Error(EIO);
    rule.kinds = {OperationKind::kCreate};
    rule.path = "*.table";
    rule.count = FaultRule::kForEver;
    simulation_.faults().Add(rule);
    for (int i = 0; i < 7; ++i) PutSmall(i);
  }
  void FailTheLog() {
    FaultRule rule;
    rule.fault = Fault::Error(EIO);
    rule.kinds = {OperationKind::kSync, OperationKind::kWriteDurably, OperationKind::kWrite};
    rule.path = "*.log";
    rule.count = FaultRule::kForEver;
    simulation_.faults().Add(rule);
  }

  Simulation simulation_{1};
  std::unique_ptr<KvStore> store_;
};

// A large commit waits for its turn; a small one finds the log's device broken meanwhile.
TEST_F(StorePacingTest, ACommitThatWaitsForItsTurnHearsOfThePoison) {
  MakeDebt();
  FailTheLog();
  absl::Status large;
  absl::Status small;
  const std::int64_t start = environment().clock().MonotonicNanos();
  const auto both = [&]() -> Task<absl::Status> {
    TaskGroup group;
    group.Spawn(environment().background(),
                Put(store_.get(), "large", std::string(kLargeBytes, 'l'), std::nullopt, &large));
    group.Spawn(environment().background(),
                Put(store_.get(), "small", "s", Durability::kSync, &small));
    co_return co_await group.Join();
  };
  EXPECT_TRUE(simulation_.Run(both()).ok());
  EXPECT_FALSE(small.ok());
  EXPECT_FALSE(large.ok());
  EXPECT_FALSE(store_->store().status().ok());
  const std::int64_t took = environment().clock().MonotonicNanos() - start;
  EXPECT_LT(absl::Nanoseconds(took), absl::Seconds(1));
  static_cast<void>(simulation_.Run(store_->Close()));
}

TEST_F(StorePacingTest, ClosingEndsTheWait) {
  MakeDebt();
  absl::Status large;
  const auto both = [&]() -> Task<absl::Status> {
    TaskGroup group;
    group.Spawn(environment().background(),
                Put(store_.get(), "large", std::string(kLargeBytes, 'l'), std::nullopt, &large));
    AURORA_CO_RETURN_IF_ERROR(co_await environment().Sleep(absl::Microseconds(10)));
    static_cast<void>(co_await store_->Close());
    co_return co_await group.Join();
  };
  EXPECT_TRUE(simulation_.Run(both()).ok());
  EXPECT_FALSE(large.ok());
}

// What the log does must not wait for what the background does: the one thread of it is busy here
// until the commits are through, or, if they are not, for so long that they cannot have been.
TEST(LogSupplyTest, IsNotInTheBackground) {
  const std::string directory = testing::TempDir() + "/busy_background";
  std::filesystem::remove_all(directory);
  const auto environment = MakeSystemEnvironment({.background_threads = 1});
  ASSERT_TRUE(environment.ok()) << environment.status();
  StoreOptions options;
  options.directory = directory;
  options.durability = Durability::kProcess;
  options.log_segment_bytes = 64 << 10;
  const auto store = BlockOn(KvStore::Open(**environment, options));
  ASSERT_TRUE(store.ok()) << store.status();
  std::promise<void> through;
  std::future<void> released = through.get_future();
  bool was_in_time = false;
  TaskGroup background;
  const auto keep_busy = [&]() -> Task<absl::Status> {
    was_in_time = released.wait_for(std::chrono::seconds(60)) == std::future_status::ready;
    co_return absl::OkStatus();
  };
  background.Spawn((*environment)->background(), keep_busy());
  for (int i = 0; i < 40; ++i) {
    const auto put = BlockOn((*store)->Put(StrCat("key", i), std::string(kLargeBytes, 'v')));
    EXPECT_TRUE(put.ok()) << put.status();
  }
  through.set_value();
  const auto join = [&]() -> Task<absl::Status> { co_return co_await background.Join(); };
  EXPECT_TRUE(BlockOn(join()).ok());
  EXPECT_TRUE(was_in_time);
  EXPECT_GT((*store)->store().Stats().log_segment_count, 10);
  EXPECT_TRUE(BlockOn((*store)->Close()).ok());
}

}  // namespace
}  // namespace aurora::lsm
