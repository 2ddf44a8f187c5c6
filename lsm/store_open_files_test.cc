// Stores of more files than may be open.
#include <sys/resource.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/open_files_campaign_testing.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/system_environment.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class StoreOpenFilesTest : public testing::TestWithParam<Durability> {};

TEST_P(StoreOpenFilesTest, AnswersWithFewFilesOpen) {
  const std::uint64_t seed = TestSeed();
  for (std::uint64_t round = 0; round < 3; ++round) {
    const absl::Status status = RunWithFewFiles(seed + round, GetParam(), 300);
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST_P(StoreOpenFilesTest, LivesWithinTheDescriptorsOfTheMachine) {
  const std::uint64_t seed = TestSeed();
  for (std::uint64_t round = 0; round < 3; ++round) {
    const absl::Status status = RunWithFewDescriptors(seed + round, GetParam(), 400);
    ASSERT_TRUE(status.ok()) << status;
  }
}

INSTANTIATE_TEST_SUITE_P(Durabilities, StoreOpenFilesTest,
                         testing::Values(Durability::kSync, Durability::kProcess,
                                         Durability::kBuffered));

TEST(OpenFilesTest, AReaderKeepsWhatIsRemovedUnderIt) {
  const absl::Status status = RunReaderOfRemovedFiles(TestSeed());
  EXPECT_TRUE(status.ok()) << status;
}

// --- A process that may have few descriptors. ---

constexpr int kKeys = 1600;

std::string ValueOf(int number) {
  SeededRandom random(static_cast<std::uint64_t>(number) + 1);
  std::string value(1000, ' ');  // that no compression makes smaller
  for (char& byte : value) byte = static_cast<char>(random.Below(256));
  return value;
}

Task<absl::Status> Fill(KvStore* store) {
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = StrCat("key", i);
    AURORA_CO_RETURN_IF_ERROR((co_await store->Put(key, ValueOf(i))).status());
  }
  co_return co_await store->store().Flush();
}

Task<absl::Status> CheckFilled(KvStore* store) {
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = StrCat("key", i);
    AURORA_CO_ASSIGN(const auto value, co_await store->Get(key));
    if (!value.has_value() || value->view() != ValueOf(i)) {
      co_return InternalError(key, " is not what was put");
    }
  }
  co_return absl::OkStatus();
}

// Lowers the limit of this process while it lives.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t limit) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &saved_), 0);
    rlimit lowered = saved_;
    lowered.rlim_cur = limit;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &lowered), 0);
  }
  ~DescriptorLimit() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &saved_), 0); }

 private:
  rlimit saved_ = {};
};

rlim_t DescriptorsTaken() {
  rlim_t taken = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    if (entry.is_symlink()) ++taken;
  }
  return taken;
}

TEST(DescriptorLimitTest, AStoreOfManyTablesLivesWithinTheLimitOfItsProcess) {
  const std::string root = testing::TempDir() + "descriptor_limit";
  std::filesystem::remove_all(root);
  SystemEnvironmentOptions machine;
  machine.file_backend = SystemEnvironmentOptions::FileBackend::kThreads;
  const absl::StatusOr<std::shared_ptr<Environment>> environment = MakeSystemEnvironment(machine);
  ASSERT_TRUE(environment.ok()) << environment.status();
  StoreOptions options;
  options.directory = root;
  options.durability = Durability::kProcess;
  options.memtable_bytes = 64u << 10;
  options.table_bytes = 4u << 10;
  options.block_cache_bytes = 0;
  options.log_segment_bytes = 64u << 10;
  auto opened = BlockOn(KvStore::Open(**environment, options));
  ASSERT_TRUE(opened.ok()) << opened.status();
  const std::unique_ptr<KvStore> store = *std::move(opened);
  {
    const DescriptorLimit limit(DescriptorsTaken() + 60);
    absl::Status status = BlockOn(Fill(store.get()));
    EXPECT_TRUE(status.ok()) << status;
    for (int round = 0; round < 2; ++round) {
      status = BlockOn(CheckFilled(store.get()));
      EXPECT_TRUE(status.ok()) << status;
      status = BlockOn(store->store().Compact());
      EXPECT_TRUE(status.ok()) << status;
    }
    const StoreStats stats = store->store().Stats();
    int tables = 0;
    for (const LevelStats& level : stats.levels) tables += level.table_count;
    EXPECT_GT(tables, 90) << "too few to prove anything";
    EXPECT_LT(stats.open_files, 60u);
    EXPECT_GT(stats.files_reopened, 0u);
    EXPECT_TRUE(store->store().status().ok()) << store->store().status();
  }
  EXPECT_TRUE(BlockOn(store->Close()).ok());
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace aurora::lsm
