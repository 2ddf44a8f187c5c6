// The log on a simulated machine that loses power, dies and fails: see log_model_testing.h.
#include <cstdint>

#include "aurora/lsm/log_model_testing.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr Durability kEach[] = {Durability::kSync, Durability::kProcess, Durability::kBuffered};

TEST(LogSimulationTest, NothingAcknowledgedIsLostOverManyLives) {
  const std::uint64_t seed = TestSeed(1);
  for (std::uint64_t i = 0; i < 15; ++i) {
    for (const Durability durability : kEach) {
      const absl::Status status = RunLogLives(seed + i, durability, 12, /*faults=*/false);
      ASSERT_TRUE(status.ok()) << status;
    }
  }
}

TEST(LogSimulationTest, NothingAcknowledgedIsLostWhenTheDeviceFails) {
  const std::uint64_t seed = TestSeed(1);
  for (std::uint64_t i = 0; i < 15; ++i) {
    for (const Durability durability : kEach) {
      const absl::Status status = RunLogLives(seed + i, durability, 12, /*faults=*/true);
      ASSERT_TRUE(status.ok()) << status;
    }
  }
}

TEST(LogSimulationTest, ACrashAtEachStepOfASmallWorkloadLosesNothing) {
  std::uint64_t images = 0;
  for (const Durability durability : kEach) {
    const absl::Status status = EnumerateLogCrashes(TestSeed(1), durability, 0, &images);
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_GT(images, 1000u);
}

TEST(LogSimulationTest, ACrashOfARecoveryLosesNothing) {
  std::uint64_t images = 0;
  for (const Durability durability : kEach) {
    const absl::Status status = EnumerateLogCrashes(TestSeed(2), durability, 100, &images);
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_GT(images, 1000u);
}

}  // namespace
}  // namespace aurora::lsm
