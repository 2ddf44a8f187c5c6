// The simulated proofs of changes of schema against a database with a bug: every one must be found.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/tests/simulation/schema_campaign_testing.h"
#include "gtest/gtest.h"

namespace aurora::proof {
namespace {

absl::Status Run(const std::string& bug, std::uint64_t seed) {
  if (bug != "migration-forgets-position") return RunSchemaChanges(seed);
  std::uint64_t images = 0;
  return EnumerateMigrationCrashes(seed, /*modes_per_event=*/2, &images);
}

bool IsCaught(const std::string& bug) {
  constexpr std::uint64_t kRuns = 100;
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    const absl::Status status = Run(bug, seed);
    if (status.ok()) continue;
    const std::string report(status.ToString());
    std::printf("caught in run %d: %s\n", static_cast<int>(seed),
                report.substr(0, report.find('\n')).c_str());
    return true;
  }
  return false;
}

class SchemaPlantedBugTest : public testing::TestWithParam<const char*> {};

TEST_P(SchemaPlantedBugTest, IsCaught) {
  {
    ScopedPlantedBug bug(GetParam());
    EXPECT_TRUE(IsCaught(GetParam())) << GetParam();
  }
  EXPECT_TRUE(WasPassed(GetParam())) << "the bug was never reached";
}

std::string NameOf(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Schema, SchemaPlantedBugTest,
                         testing::Values("backfill-without-validation",
                                         "index-used-before-complete", "write-under-old-definition",
                                         "migration-forgets-position"),
                         NameOf);

}  // namespace
}  // namespace aurora::proof
