// The store in the simulator: random work against a model, crashes, failing devices, damage.

#include <cerrno>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "aurora/lsm/store_campaign_testing.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr Durability kDurabilities[] = {Durability::kSync, Durability::kProcess,
                                        Durability::kBuffered};

TEST(StoreSimulationTest, EveryAnswerIsTheModels) {
  const std::uint64_t seed = TestSeed();
  for (std::uint64_t round = 0; round < 6; ++round) {
    const absl::Status status = RunStoreAnswers(seed + round, kDurabilities[round % 3], 150);
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST(StoreSimulationTest, WhatWasAcknowledgedSurvivesEveryCrash) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 40; ++round) {
    const absl::Status status = RunStoreLives(random.Next64(), kDurabilities[random.Below(3)], 4);
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST(StoreSimulationTest, ACrashAtAnyPersistentOperationLosesNothing) {
  const std::uint64_t seed = TestSeed();
  std::uint64_t images = 0;
  for (const Durability durability : {Durability::kSync, Durability::kProcess}) {
    const absl::Status status = EnumerateStoreCrashes(seed, durability, 2, &images);
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_GT(images, 300u);
}

TEST(StoreSimulationTest, ACrashAtAnyOperationOfARecoveryLosesNothing) {
  const std::uint64_t seed = TestSeed();
  std::uint64_t images = 0;
  for (const Durability durability : {Durability::kSync, Durability::kProcess}) {
    const absl::Status status = EnumerateNestedCrashes(seed, durability, &images);
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_GT(images, 500u);
}

TEST(StoreSimulationTest, AFailingOperationIsAnErrorAndLosesNothing) {
  SeededRandom random(TestSeed());
  for (const int error : {EIO, ENOSPC}) {
    for (const bool for_ever : {false, true}) {
      std::uint64_t runs = 0;
      bool struck = true;
      for (std::uint64_t first = 1 + random.Below(3); struck; first += 1 + random.Below(6)) {
        const absl::Status status = RunStoreFault(random.Next64(), kDurabilities[random.Below(3)],
                                                  first, error, for_ever, &struck);
        ASSERT_TRUE(status.ok()) << status;
        ++runs;
      }
      EXPECT_GT(runs, 5u);
    }
  }
}

TEST(StoreSimulationTest, ADamagedRecordFileIsDataLoss) {
  const std::uint64_t seed = TestSeed();
  std::uint64_t count = 0;
  for (const Durability durability : kDurabilities) {
    const absl::Status status = DamageRecordFile(seed, durability, 101, &count);
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_GT(count, 900u);
}

TEST(StoreSimulationTest, AFlippedBitIsAnErrorOrChangesNothing) {
  SeededRandom random(TestSeed());
  for (const Durability durability : {Durability::kSync, Durability::kProcess}) {
    FlippedBits flipped(random.Next64(), durability);
    for (int i = 0; i < 600; ++i) {
      const absl::Status status =
          flipped.Try(random.Below(flipped.byte_count()), static_cast<int>(random.Below(8)));
      ASSERT_TRUE(status.ok()) << status;
    }
  }
}

TEST(StoreSimulationTest, EveryByteOfAClosedStoreIsChecked) {
  SeededRandom random(TestSeed());
  const auto durability = static_cast<Durability>(random.Below(3));
  FlippedBits flipped(random.Next64(), durability, /*tiny=*/true);
  for (const std::uint64_t number : flipped.Bytes(/*stride=*/509)) {
    const absl::Status status = flipped.Try(number, static_cast<int>(random.Below(8)));
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST(StoreSimulationTest, NoFileOrBlockPassesForAnother) {
  SeededRandom random(TestSeed());
  std::uint64_t count = 0;
  for (const Durability durability : {Durability::kSync, Durability::kProcess}) {
    FlippedBits flipped(random.Next64(), durability, /*tiny=*/true);
    const absl::Status status = flipped.TryFiles(&count);
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_GT(count, 300u);
}

TEST(StoreSimulationTest, TheBlocksOfAnOlderTableAreNotTakenForThoseOfANewerOne) {
  const absl::Status status = TryMisplacedBlocks(TestSeed());
  EXPECT_TRUE(status.ok()) << status;
}

TEST(StoreSimulationTest, ADamagedValueIsNeverMovedAsIfItWereRight) {
  const absl::Status status = TryDamagedValues(TestSeed());
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace aurora::lsm
