#include "aurora/runtime/gate.h"

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "aurora/runtime/block_on.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

TEST(GateTest, NobodyEntersAClosedGate) {
  Gate gate;
  EXPECT_TRUE(gate.Enter().has_value());
  BlockOn(gate.Close());
  EXPECT_FALSE(gate.Enter().has_value());
  BlockOn(gate.Close());
}

TEST(GateTest, ClosingWaitsForEverybodyInside) {
  for (int round = 0; round < 100; ++round) {
    Gate gate;
    std::atomic<int> inside{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        while (const std::optional<Gate::Pass> pass = gate.Enter()) {
          ++inside;
          std::this_thread::yield();
          --inside;
        }
      });
    }
    BlockOn(gate.Close());
    EXPECT_EQ(inside.load(), 0);
    for (std::thread& thread : threads) thread.join();
  }
}

TEST(GateTest, APassThatIsMovedLeavesOnce) {
  Gate gate;
  std::optional<Gate::Pass> pass = gate.Enter();
  Gate::Pass moved = *std::move(pass);
  pass.reset();
  EXPECT_FALSE(gate.closed());
  {
    const Gate::Pass ended = std::move(moved);
  }
  BlockOn(gate.Close());
}

}  // namespace
}  // namespace aurora
