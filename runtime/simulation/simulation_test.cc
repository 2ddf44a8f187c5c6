#include "aurora/runtime/simulation/simulation.h"

#include "gtest/gtest.h"

namespace aurora {
namespace {

Task<int> Answer(Environment* environment) {
  EXPECT_TRUE((co_await environment->Sleep(absl::Seconds(1))).ok());
  co_return 42;
}

TEST(SimulationTest, ATaskRunsToItsEnd) {
  Simulation simulation(1);
  EXPECT_EQ(simulation.Run(Answer(&simulation.environment())), 42);
}

}  // namespace
}  // namespace aurora
