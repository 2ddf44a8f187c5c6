// The store in the simulator: random work against a model, crashes in every mode, reopening.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr Durability kDurabilities[] = {Durability::kSync, Durability::kProcess,
                                        Durability::kBuffered};

Task<absl::Status> Steps(StoreModel* model, int count) {
  for (int i = 0; i < count; ++i) AURORA_CO_RETURN_IF_ERROR(co_await model->Step());
  absl::Status checked = co_await model->CheckAll();
  co_return checked;
}

Task<absl::Status> StepsUntilError(StoreModel* model) {
  for (;;) AURORA_CO_RETURN_IF_ERROR(co_await model->Step());
}

TEST(StoreSimulationTest, EveryAnswerIsTheModels) {
  const std::uint64_t seed = TestSeed();
  for (int round = 0; round < 6; ++round) {
    Simulation simulation(seed + round);
    StoreModel model(seed + round, SmallStoreOptions("/db", kDurabilities[round % 3]));
    for (int life = 0; life < 3; ++life) {
      ASSERT_TRUE(simulation.Run(model.Open(&simulation.environment())).ok());
      if (life > 0) {
        const absl::Status same = simulation.Run(model.CheckRecovered(/*machine=*/true));
        ASSERT_TRUE(same.ok()) << same << " seed " << seed + round;
      }
      const absl::Status worked = simulation.Run(Steps(&model, 150));
      ASSERT_TRUE(worked.ok()) << worked << " seed " << seed + round;
      const absl::Status closed = simulation.Run(model.Close());
      ASSERT_TRUE(closed.ok()) << closed << " seed " << seed + round;
    }
  }
}

TEST(StoreSimulationTest, WhatWasAcknowledgedSurvivesEveryCrash) {
  const std::uint64_t seed = TestSeed();
  SeededRandom random(seed);
  for (int round = 0; round < 40; ++round) {
    const std::uint64_t round_seed = random.Next64();
    SeededRandom choices(round_seed);
    Simulation simulation(round_seed);
    StoreModel model(round_seed, SmallStoreOptions("/db", kDurabilities[choices.Below(3)]));
    for (int life = 0; life < 4; ++life) {
      const bool process = choices.Below(3) == 0;
      const CrashMode mode = process ? CrashMode::Process() : DrawCrashMode(choices);
      simulation.CrashAt(simulation.event_count() + 1 + choices.Below(life == 0 ? 200 : 400), mode);
      absl::Status status = simulation.Run(model.Open(&simulation.environment()));
      if (status.ok()) status = simulation.Run(StepsUntilError(&model));
      ASSERT_TRUE(IsCrash(status)) << status << " seed " << round_seed;
      if (model.is_open()) {
        const absl::Status closed = simulation.Run(model.Close());
        ASSERT_FALSE(closed.ok());
      }
      ASSERT_TRUE(simulation.RunUntilIdle());
      const absl::Status restarted = simulation.Restart();
      ASSERT_TRUE(restarted.ok()) << restarted << " seed " << round_seed;
      status = simulation.Run(model.Open(&simulation.environment()));
      ASSERT_TRUE(status.ok()) << status << " after " << Describe(mode) << " seed " << round_seed;
      status = simulation.Run(model.CheckRecovered(!process));
      ASSERT_TRUE(status.ok()) << status << " after " << Describe(mode) << " seed " << round_seed;
      status = simulation.Run(model.Close());
      ASSERT_TRUE(status.ok()) << status << " seed " << round_seed;
    }
  }
}

}  // namespace
}  // namespace aurora::lsm
