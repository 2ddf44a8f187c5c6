// The simulated tests of checkpoints and backups against code with a bug: every one must be found.
#include <cerrno>

#include "aurora/lsm/backup_campaign_testing.h"
#include "aurora/lsm/checkpoint_campaign_testing.h"
#include "aurora/runtime/fault_points.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

bool IsCaught() {
  std::uint64_t images = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (const Durability durability : {Durability::kSync, Durability::kProcess}) {
      if (!RunCheckpoints(seed, durability).ok()) return true;
      if (!EnumerateCheckpointCrashes(seed, durability, 3, &images).ok()) return true;
      if (!RunBackups(seed, durability).ok()) return true;
      if (!EnumerateBackupCrashes(seed, durability, 2, &images).ok()) return true;
    }
    if (!FlipBackupBits(seed, 50).ok()) return true;
  }
  return false;
}

class CopiesPlantedBugTest : public testing::TestWithParam<const char*> {};

TEST_P(CopiesPlantedBugTest, IsCaught) {
  {
    ScopedPlantedBug bug(GetParam());
    EXPECT_TRUE(IsCaught()) << GetParam();
  }
  EXPECT_TRUE(WasPassed(GetParam())) << "the bug was never reached";
}

INSTANTIATE_TEST_SUITE_P(Copies, CopiesPlantedBugTest,
                         testing::Values("copy-skip-sync", "copy-skip-directory-sync",
                                         "checkpoint-links-log", "backup-skip-directory-sync",
                                         "backup-collect-early", "restore-ignore-hash",
                                         "capture-forgets-record-files"));

}  // namespace
}  // namespace aurora::lsm
