// The simulated tests of the log against a log with a bug: every one must be found.

#include "aurora/lsm/log_model_testing.h"
#include "aurora/runtime/fault_points.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

// True if some run of the campaign reports a violation.
bool IsCaught() {
  constexpr Durability kEach[] = {Durability::kSync, Durability::kProcess};
  std::uint64_t images = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    for (const Durability durability : kEach) {
      if (!RunLogLives(seed, durability, 8, /*faults=*/false).ok()) return true;
      if (!RunLogLives(seed, durability, 8, /*faults=*/true).ok()) return true;
      if (seed % 8 == 1 && !EnumerateLogCrashes(seed, durability, 0, &images).ok()) return true;
    }
  }
  return false;
}

class LogPlantedBugTest : public testing::TestWithParam<const char*> {};

TEST_P(LogPlantedBugTest, IsCaught) {
  {
    ScopedPlantedBug bug(GetParam());
    EXPECT_TRUE(IsCaught()) << GetParam();
  }
  EXPECT_TRUE(WasPassed(GetParam())) << "the bug was never reached";
}

INSTANTIATE_TEST_SUITE_P(Log, LogPlantedBugTest,
                         testing::Values("log-skip-sync", "log-skip-directory-sync",
                                         "log-ignore-frame-checksum", "log-ignore-payload-checksum",
                                         "log-ack-before-sync", "log-reuse-failed-file",
                                         "log-trust-tail"));

}  // namespace
}  // namespace aurora::lsm
