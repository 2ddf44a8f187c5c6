// The whole database in the simulator: random work against the oracle, crashes, failing devices,
// damage.

#include <cerrno>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "aurora/engine/options.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/tests/simulation/database_campaign_testing.h"
#include "gtest/gtest.h"

namespace aurora::proof {
namespace {

constexpr Durability kDurabilities[] = {Durability::kSync, Durability::kProcess,
                                        Durability::kBuffered};

TEST(DatabaseSimulationTest, EveryAnswerIsTheOracles) {
  const std::uint64_t seed = TestSeed();
  for (std::uint64_t round = 0; round < 24; ++round) {
    const absl::Status status = RunAnswers(seed + round, kDurabilities[round % 3], 3, 100);
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST(DatabaseSimulationTest, TheSameSeedGivesTheSameTrace) {
  const std::uint64_t seed = TestSeed();
  for (const Durability durability : kDurabilities) {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::uint64_t other = 0;
    ASSERT_TRUE(RunAnswers(seed, durability, 2, 60, &first).ok());
    ASSERT_TRUE(RunAnswers(seed, durability, 2, 60, &second).ok());
    ASSERT_TRUE(RunAnswers(seed + 1, durability, 2, 60, &other).ok());
    EXPECT_EQ(first, second);
    EXPECT_NE(first, other);
  }
}

TEST(DatabaseSimulationTest, WhatWasAcknowledgedSurvivesEveryCrash) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 60; ++round) {
    const absl::Status status = RunLives(random.Next64(), kDurabilities[round % 3], 4);
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST(DatabaseSimulationTest, ACrashAtAnyPersistentOperationLosesNothing) {
  const std::uint64_t seed = TestSeed();
  std::uint64_t images = 0;
  for (const Durability durability : kDurabilities) {
    const absl::Status status = EnumerateCrashes(seed, durability, 2, &images);
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_GT(images, 400u);
}

TEST(DatabaseSimulationTest, AFailingOperationIsAnErrorAndLosesNothing) {
  SeededRandom random(TestSeed());
  for (const int error : {EIO, ENOSPC}) {
    for (const bool for_ever : {false, true}) {
      std::uint64_t runs = 0;
      bool struck = true;
      for (std::uint64_t first = 1 + random.Below(3); struck; first += 1 + random.Below(8)) {
        const absl::Status status = RunFault(random.Next64(), kDurabilities[random.Below(3)], first,
                                             error, for_ever, &struck);
        ASSERT_TRUE(status.ok()) << status;
        ++runs;
      }
      EXPECT_GT(runs, 3u);
    }
  }
}

TEST(DatabaseSimulationTest, AFlippedBitIsAnErrorOrChangesNothing) {
  SeededRandom random(TestSeed());
  for (const Durability durability : {Durability::kSync, Durability::kProcess}) {
    FlippedBits flipped(random.Next64(), durability);
    for (int i = 0; i < 400; ++i) {
      const absl::Status status = flipped.TryRandom(random.Next64());
      ASSERT_TRUE(status.ok()) << status;
    }
  }
}

}  // namespace
}  // namespace aurora::proof
