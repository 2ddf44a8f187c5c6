// The simulated tests of archives against code with a bug: every one must be found.
#include "aurora/lsm/archive_campaign_testing.h"
#include "aurora/runtime/fault_points.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

bool IsCaught() {
  std::uint64_t images = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    for (const Durability durability : {Durability::kSync, Durability::kProcess}) {
      if (!RunArchives(seed, durability).ok()) return true;
      if (!EnumerateArchiveCrashes(seed, durability, 1, &images).ok()) return true;
    }
    if (!FlipArchiveBits(seed, 30).ok()) return true;
  }
  return false;
}

class ArchivePlantedBugTest : public testing::TestWithParam<const char*> {};

TEST_P(ArchivePlantedBugTest, IsCaught) {
  {
    ScopedPlantedBug bug(GetParam());
    EXPECT_TRUE(IsCaught()) << GetParam();
  }
  EXPECT_TRUE(WasPassed(GetParam())) << "the bug was never reached";
}

INSTANTIATE_TEST_SUITE_P(Archive, ArchivePlantedBugTest,
                         testing::Values("archive-skip-sync", "archive-skip-directory-sync",
                                         "archive-names-before-files", "archive-ack-before-sync",
                                         "archive-releases-log-early", "archive-ignore-hash",
                                         "archive-prune-too-much", "restore-drops-last-commit",
                                         "restore-ignores-named-hash"));

}  // namespace
}  // namespace aurora::lsm
