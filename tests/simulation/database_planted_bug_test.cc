// The simulated proofs against a database with a bug: every one must be found.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "aurora/engine/options.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/tests/simulation/database_campaign_testing.h"
#include "gtest/gtest.h"

namespace aurora::proof {
namespace {

// Which of the proofs is for bugs of the kind; the others may find them too.
enum class Proof { kAnswers, kLives, kFaults, kDamage };

struct Bug {
  const char* name;
  Proof proof;
  const char* path = "*";  // of kFaults: the files that fail
};

absl::Status Run(const Bug& bug, std::uint64_t seed) {
  const auto durability = static_cast<Durability>(seed % 3);
  switch (bug.proof) {
    case Proof::kAnswers:
      return RunAnswers(seed, durability, 2, 100);
    case Proof::kLives:
      return RunLives(seed, durability, 6);
    case Proof::kFaults: {
      bool struck = false;
      return RunFault(seed, durability, 1 + seed % 23, EIO, /*for_ever=*/false, &struck, bug.path);
    }
    case Proof::kDamage:
      break;
  }
  FlippedBits flipped(seed, durability);
  absl::Status status;
  for (std::uint64_t i = 0; i < 60 && status.ok(); ++i) status = flipped.TryRandom(i);
  return status;
}

// True if some run reports a violation.
bool IsCaught(const Bug& bug) {
  constexpr std::uint64_t kRuns = 100;
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    const absl::Status status = Run(bug, seed);
    if (!status.ok()) {
      const std::string report(status.ToString());
      std::printf("caught in run %d: %s\n", static_cast<int>(seed),
                  report.substr(0, report.find('\n')).c_str());
      return true;
    }
  }
  return false;
}

class DatabasePlantedBugTest : public testing::TestWithParam<Bug> {};

TEST_P(DatabasePlantedBugTest, IsCaught) {
  {
    ScopedPlantedBug bug(GetParam().name);
    EXPECT_TRUE(IsCaught(GetParam())) << GetParam().name;
  }
  EXPECT_TRUE(WasPassed(GetParam().name)) << "the bug was never reached";
}

void PrintTo(const Bug& bug, std::ostream* out) { *out << bug.name; }

std::string NameOf(const testing::TestParamInfo<Bug>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Database, DatabasePlantedBugTest,
    testing::Values(
        Bug{"index-lose-entry-on-update", Proof::kAnswers},
        Bug{"hot-tier-keeps-old-document", Proof::kAnswers},
        Bug{"posting-cache-misses-commit", Proof::kAnswers},
        Bug{"unique-check-forgets-batch", Proof::kAnswers},
        Bug{"commit-without-validation", Proof::kAnswers},
        Bug{"replay-forgets-rows", Proof::kAnswers}, Bug{"log-skip-sync", Proof::kLives},
        Bug{"log-skip-directory-sync", Proof::kLives}, Bug{"log-ack-before-sync", Proof::kLives},
        Bug{"unlink-before-edit", Proof::kLives}, Bug{"skip-table-directory-sync", Proof::kLives},
        Bug{"table-skip-sync", Proof::kLives}, Bug{"manifest-skip-sync", Proof::kLives},
        Bug{"manifest-skip-directory-sync", Proof::kLives},
        Bug{"log-reuse-failed-file", Proof::kFaults, "*.log"},
        Bug{"table-reuse-failed-file", Proof::kFaults, "*.table"},
        Bug{"manifest-reuse-failed-file", Proof::kFaults, "*MANIFEST*"},
        Bug{"block-ignore-checksum", Proof::kDamage},
        Bug{"log-ignore-payload-checksum", Proof::kDamage}),
    NameOf);

}  // namespace
}  // namespace aurora::proof
