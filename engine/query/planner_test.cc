#include "aurora/engine/query/planner.h"

#include <string>
#include <vector>

#include "aurora/engine/query/expression.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

const std::vector<PlannerIndex> kIndices = {{"city", false, false},
                                            {"status", false, false},
                                            {"email", true, false},
                                            {"tags", false, true}};

// "rows / residual", or "scan / residual".
std::string Plan(const Expression& where) {
  const AccessPlan plan = PlanAccess(where, kIndices);
  return (plan.scan ? std::string("scan") : ToString(plan.rows)) + " / " + ToString(plan.residual);
}

TEST(PlannerTest, AnEqualityOnAnIndexedFieldIsAnsweredByTheIndexAlone) {
  EXPECT_EQ(Plan(Field("city") == "Bern"), "city = \"Bern\" / true");
  EXPECT_EQ(Plan(Field("city").In({"Bern", "Basel"})), "city in (\"Bern\", \"Basel\") / true");
  EXPECT_EQ(Plan(Field("city") == nullptr), "city = null / true");
  EXPECT_EQ(Plan(Field("email") == "a@b"), "email = \"a@b\" / true");
  EXPECT_EQ(Plan(Field("tags").Any("x")), "tags = \"x\" / true");
}

TEST(PlannerTest, WhatNoIndexAnswersIsLeftToCheck) {
  EXPECT_EQ(Plan(Field("city") == "Bern" && Field("age") > 3 && Field("status") == 1),
            "city = \"Bern\" & status = 1 / age > 3");
  EXPECT_EQ(Plan(Field("age") > 3), "scan / age > 3");
  EXPECT_EQ(Plan(Field("city") != "Bern"), "scan / city != \"Bern\"");
  EXPECT_EQ(Plan(!(Field("city") == "Bern")), "scan / not (city == \"Bern\")");
  EXPECT_EQ(Plan(Field("city").Length() == 4), "scan / length(city) == 4");
  EXPECT_EQ(Plan(Field("city.zip") == 4), "scan / city.zip == 4");
}

TEST(PlannerTest, AUnionNeedsAnIndexForEverySide) {
  EXPECT_EQ(Plan(Field("city") == "Bern" || Field("status") == 1),
            "city = \"Bern\" | status = 1 / true");
  EXPECT_EQ(Plan(Field("city") == "Bern" || Field("age") == 1),
            "scan / city == \"Bern\" or age == 1");
  EXPECT_EQ(Plan(Field("city") == "Bern" || (Field("status") == 1 && Field("age") == 1)),
            "city = \"Bern\" | status = 1 / city == \"Bern\" or (status == 1 and age == 1)");
  EXPECT_EQ(Plan(Field("age") < 9 && (Field("city") == "Bern" || Field("status") == 1)),
            "city = \"Bern\" | status = 1 / age < 9");
}

TEST(PlannerTest, AnIndexIsNotAskedWhatItDoesNotHold) {
  EXPECT_EQ(Plan(Field("email") == nullptr), "scan / email == null");
  EXPECT_EQ(Plan(Field("tags") == Value(Array{"x"})), "scan / tags == [\"x\"]");
  EXPECT_EQ(Plan(Field("city").Contains("er")), "scan / city contains \"er\"");
}

}  // namespace
}  // namespace aurora
