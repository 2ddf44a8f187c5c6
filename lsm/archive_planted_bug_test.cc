// The simulated tests of archives against code with a bug: every one must be found.
#include <algorithm>
#include <cstdio>
#include <ostream>
#include <string>

#include "aurora/lsm/archive_campaign_testing.h"
#include "aurora/runtime/fault_points.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

// What is to find the bug.
enum class Proof {
  kLives,
  kCrashes,
  kBits,
};

struct Bug {
  const char* name;
  Proof proof;
};

absl::Status Run(Proof proof, std::uint64_t seed) {
  const Durability durability = seed % 2 == 0 ? Durability::kSync : Durability::kProcess;
  std::uint64_t images = 0;
  switch (proof) {
    case Proof::kLives:
      return RunArchives(seed, durability);
    case Proof::kCrashes:
      return EnumerateArchiveCrashes(seed, durability, 1, &images);
    case Proof::kBits:
      return FlipArchiveBits(seed, 30);
  }
  return absl::OkStatus();
}

bool IsCaught(Proof proof) {
  constexpr std::uint64_t kRuns = 20;
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    const absl::Status status = Run(proof, seed);
    if (status.ok()) continue;
    std::printf("caught in run %d: %s\n", static_cast<int>(seed), status.ToString().c_str());
    return true;
  }
  return false;
}

class ArchivePlantedBugTest : public testing::TestWithParam<Bug> {};

TEST_P(ArchivePlantedBugTest, IsCaught) {
  {
    ScopedPlantedBug bug(GetParam().name);
    EXPECT_TRUE(IsCaught(GetParam().proof)) << GetParam().name;
  }
  EXPECT_TRUE(WasPassed(GetParam().name)) << "the bug was never reached";
}

void PrintTo(const Bug& bug, std::ostream* out) { *out << bug.name; }

std::string NameOf(const testing::TestParamInfo<Bug>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

constexpr Bug kBugs[] = {
    {"archive-skip-sync", Proof::kCrashes},
    {"archive-skip-directory-sync", Proof::kCrashes},
    {"archive-names-before-files", Proof::kCrashes},
    {"archive-prune-too-much", Proof::kLives},
    {"archive-flush-before-log", Proof::kCrashes},
    {"archive-ack-before-sync", Proof::kCrashes},
    {"archive-releases-log-early", Proof::kLives},
    {"archive-ignore-hash", Proof::kBits},
    {"restore-drops-last-commit", Proof::kLives},
};

INSTANTIATE_TEST_SUITE_P(Archive, ArchivePlantedBugTest, testing::ValuesIn(kBugs), NameOf);

}  // namespace
}  // namespace aurora::lsm
