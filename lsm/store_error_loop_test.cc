// A store, a checkpoint and a backup while each file operation fails in turn.
#include <cstdint>

#include "absl/status/status.h"
#include "aurora/lsm/compaction_errors_testing.h"
#include "aurora/lsm/error_loop_testing.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class ErrorLoopTest : public testing::TestWithParam<FailureKind> {};

TEST_P(ErrorLoopTest, EveryOperationMayFailOnce) {
  SeededRandom random(TestSeed());
  const std::uint64_t seed = random.Next64();
  for (const Durability durability : {Durability::kSync, Durability::kProcess}) {
    std::uint64_t first = 0;
    for (bool struck = true; struck;) {
      const absl::Status status =
          RunErrorLife(seed, durability, RuleOf(GetParam(), ++first, /*for_ever=*/false), &struck);
      ASSERT_TRUE(status.ok()) << status;
    }
    EXPECT_GT(first, 20u);
  }
}

TEST_P(ErrorLoopTest, AnyOperationAndAllAfterItMayFail) {
  SeededRandom random(TestSeed());
  std::uint64_t runs = 0;
  std::uint64_t first = 1 + random.Below(3);
  for (bool struck = true; struck; first += 1 + random.Below(8)) {
    const auto durability = static_cast<Durability>(random.Below(3));
    const absl::Status status = RunErrorLife(random.Next64(), durability,
                                             RuleOf(GetParam(), first, /*for_ever=*/true), &struck);
    ASSERT_TRUE(status.ok()) << status;
    ++runs;
  }
  EXPECT_GT(runs, 3u);
}

TEST(CompactionErrorsTest, NoEntryIsLostWhereAnInputCannotBeRead) {
  const absl::Status status = LoopOverCompactionReads(TestSeed());
  EXPECT_TRUE(status.ok()) << status;
}

INSTANTIATE_TEST_SUITE_P(Device, ErrorLoopTest, testing::Values(FailureKind::kDevice));
INSTANTIATE_TEST_SUITE_P(Space, ErrorLoopTest, testing::Values(FailureKind::kSpace));
INSTANTIATE_TEST_SUITE_P(Short, ErrorLoopTest, testing::Values(FailureKind::kShorten));

}  // namespace
}  // namespace aurora::lsm
