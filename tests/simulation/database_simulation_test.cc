// The whole database in the simulator: random work against the oracle, crashes, failing devices,
// damage.

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/database.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/options.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/simulation.h"
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

AURORA_TASK_WRAPPER Task<absl::StatusOr<Database>> OpenWithDefaults(Environment* environment) {
  Options options;
  // The environment belongs to the simulation.
  options.environment = std::shared_ptr<Environment>(std::shared_ptr<void>(), environment);
  return Database::Open("/db", std::move(options));
}

TEST(DatabaseSimulationTest, AWriteWithDefaultsSurvivesALossOfPower) {
  Simulation simulation(TestSeed());
  Environment* const environment = &simulation.environment();
  absl::StatusOr<Database> database = simulation.Run(OpenWithDefaults(environment));
  ASSERT_TRUE(database.ok()) << database.status();
  ASSERT_TRUE(simulation.Run(database->CreateCollection("things", Schema().Int64("n"))).ok());
  ASSERT_TRUE(simulation.Run(database->Insert("things", {{"_id", "a"}, {"n", 1}})).ok());
  simulation.CrashMachine(CrashMode());
  EXPECT_FALSE(simulation.Run(database->Close()).ok());
  ASSERT_TRUE(simulation.RunUntilIdle());
  ASSERT_TRUE(simulation.Restart().ok());
  database = simulation.Run(OpenWithDefaults(environment));
  ASSERT_TRUE(database.ok()) << database.status();
  const absl::StatusOr<std::optional<Document>> found =
      simulation.Run(database->Get("things", "a"));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->has_value());
  EXPECT_TRUE(simulation.Run(database->Close()).ok());
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
