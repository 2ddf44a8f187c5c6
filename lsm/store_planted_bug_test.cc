// The simulated tests of the store against range deletes with a bug: every one must be found.
#include <cstdint>
#include <string>

#include "aurora/lsm/store_campaign_testing.h"
#include "aurora/runtime/fault_points.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

// True if some run of the campaign reports a violation.
bool IsCaught() {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    if (!RunStoreAnswers(seed, static_cast<Durability>(seed % 3), 400).ok()) return true;
  }
  return false;
}

bool WasPassed(const std::string& name) {
  for (const std::string& passed : PassedFaultPoints()) {
    if (passed == name) return true;
  }
  return false;
}

class StorePlantedBugTest : public testing::TestWithParam<const char*> {};

TEST_P(StorePlantedBugTest, IsCaught) {
  {
    ScopedPlantedBug bug(GetParam());
    EXPECT_TRUE(IsCaught()) << GetParam();
  }
  EXPECT_TRUE(WasPassed(GetParam())) << "the bug was never reached";
}

INSTANTIATE_TEST_SUITE_P(Store, StorePlantedBugTest,
                         testing::Values("range-delete-dropped-early",
                                         "range-delete-ignores-snapshot", "range-delete-loses-end",
                                         "range-delete-outside-of-bounds"));

TEST(StorePlantedBugTest, WithoutABugNothingIsFound) { EXPECT_FALSE(IsCaught()); }

}  // namespace
}  // namespace aurora::lsm
