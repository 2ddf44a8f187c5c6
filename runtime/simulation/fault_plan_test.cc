#include "aurora/runtime/simulation/fault_plan.h"

#include <cerrno>
#include <string>
#include <vector>

#include "aurora/runtime/random.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

Operation On(OperationKind kind, std::string path, std::string to = {}) {
  Operation operation;
  operation.kind = kind;
  operation.path = std::move(path);
  operation.to = std::move(to);
  return operation;
}

// Which of ten operations are struck.
std::string Struck(FaultPlan& plan, const Operation& operation, std::uint64_t seed = 1) {
  SeededRandom random(seed);
  std::string struck;
  for (int i = 0; i < 10; ++i) {
    Fault fault;
    struck.push_back(plan.Strikes(operation, random, &fault) ? 'x' : '.');
  }
  return struck;
}

TEST(FaultPlanTest, ARuleStrikesTheNthMatchAndAsManyAsItSays) {
  FaultPlan once;
  once.Add({.fault = Fault::Error(EIO), .first = 4});
  EXPECT_EQ(Struck(once, On(OperationKind::kSync, "/a")), "...x......");

  FaultPlan for_ever;
  const std::size_t rule =
      for_ever.Add({.fault = Fault::Error(EIO), .first = 4, .count = FaultRule::kForEver});
  EXPECT_EQ(Struck(for_ever, On(OperationKind::kSync, "/a")), "...xxxxxxx");
  EXPECT_EQ(for_ever.matched(rule), 10u);
  EXPECT_EQ(for_ever.struck(rule), 7u);
  EXPECT_EQ(for_ever.operation_count(), 10u);
  EXPECT_EQ(for_ever.operation_count(OperationKind::kSync), 10u);
  EXPECT_EQ(for_ever.operation_count(OperationKind::kRead), 0u);
  for_ever.Clear();
  EXPECT_EQ(Struck(for_ever, On(OperationKind::kSync, "/a")), "..........");
}

TEST(FaultPlanTest, ARateIsDrawnFromTheSeed) {
  FaultPlan plan;
  plan.Add({.fault = Fault::Error(EIO), .one_in = 3, .count = FaultRule::kForEver});
  const Operation operation = On(OperationKind::kRead, "/a");
  const std::string struck = Struck(plan, operation, 7);
  EXPECT_NE(struck, "..........");
  EXPECT_NE(struck, "xxxxxxxxxx");
  EXPECT_EQ(struck, Struck(plan, operation, 7));
}

TEST(FaultPlanTest, KindsAndPathsChooseTheOperation) {
  FaultPlan plan;
  plan.Add({.fault = Fault::Error(EIO),
            .kinds = {OperationKind::kSync, OperationKind::kRename},
            .path = "/db/*.log",
            .count = FaultRule::kForEver});
  EXPECT_EQ(Struck(plan, On(OperationKind::kSync, "/db/1.log")), "xxxxxxxxxx");
  EXPECT_EQ(Struck(plan, On(OperationKind::kSync, "/db/1.table")), "..........");
  EXPECT_EQ(Struck(plan, On(OperationKind::kWrite, "/db/1.log")), "..........");
  EXPECT_EQ(Struck(plan, On(OperationKind::kRename, "/tmp/x", "/db/2.log")), "xxxxxxxxxx");
}

TEST(FaultPlanTest, AFaultStrikesOnlyWhatItMeansSomethingTo) {
  FaultPlan plan;
  plan.Add({.fault = Fault::FlipBits(1), .count = FaultRule::kForEver});
  EXPECT_EQ(Struck(plan, On(OperationKind::kWrite, "/a")), "..........");
  EXPECT_EQ(Struck(plan, On(OperationKind::kRead, "/a")), "xxxxxxxxxx");
}

TEST(FaultPlanTest, TheFirstRuleThatStrikesDecidesAndTheOthersCount) {
  FaultPlan plan;
  plan.Add({.fault = Fault::Error(EIO)});
  const std::size_t second = plan.Add({.fault = Fault::Error(ENOSPC), .count = 2});
  SeededRandom random(1);
  std::vector<int> errors;
  for (int i = 0; i < 3; ++i) {
    Fault fault;
    if (plan.Strikes(On(OperationKind::kWrite, "/a"), random, &fault)) {
      errors.push_back(fault.error);
    }
  }
  EXPECT_EQ(errors, (std::vector<int>{EIO, ENOSPC, ENOSPC}));
  EXPECT_EQ(plan.matched(second), 3u);
}

TEST(GlobTest, StarsStandForAnyText) {
  EXPECT_TRUE(MatchesGlob("*", ""));
  EXPECT_TRUE(MatchesGlob("*.log", "/db/000001.log"));
  EXPECT_TRUE(MatchesGlob("/db/*/x?", "/db/a/b/x1"));
  EXPECT_TRUE(MatchesGlob("*a*b*", "xxaxxbxx"));
  EXPECT_TRUE(MatchesGlob("*ab", "aab"));
  EXPECT_FALSE(MatchesGlob("*.log", "/db/000001.logs"));
  EXPECT_FALSE(MatchesGlob("?", ""));
  EXPECT_FALSE(MatchesGlob("", "a"));
}

}  // namespace
}  // namespace aurora
