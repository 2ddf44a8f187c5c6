#include "aurora/engine/query/planner.h"

#include <string>
#include <vector>

#include "aurora/engine/query/expression.h"
#include "aurora/engine/query/query_spec.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

const std::vector<PlannerIndex> kIndices = {
    {.field = "city"},
    {.field = "status"},
    {.field = "email", .unique = true},
    {.field = "tags", .array = true},
    {.field = "sku", .unique = true, .required = true},
    {.field = "size", .ready = false},
};

// "rows / residual", or "scan / residual".
std::string Plan(const Expression& where) {
  QuerySpec spec;
  spec.where = where;
  const AccessPlan plan = PlanAccess(spec, kIndices);
  return (plan.scan ? std::string("scan") : ToString(plan.rows)) + " / " + ToString(plan.residual);
}

TEST(PlannerTest, AnEqualityOnAnIndexedFieldIsAnsweredByTheIndexAlone) {
  EXPECT_EQ(Plan(Field("city") == "Bern"), "city == \"Bern\" / true");
  EXPECT_EQ(Plan(Field("city").In({"Bern", "Basel"})), "city in (\"Bern\", \"Basel\") / true");
  EXPECT_EQ(Plan(Field("city") == nullptr), "city == null / true");
  EXPECT_EQ(Plan(Field("email") == "a@b"), "email == \"a@b\" / true");
  EXPECT_EQ(Plan(Field("tags").Any("x")), "tags any \"x\" / true");
}

TEST(PlannerTest, WhatNoIndexAnswersIsLeftToCheck) {
  EXPECT_EQ(Plan(Field("city") == "Bern" && Field("age") > 3 && Field("status") == 1),
            "city == \"Bern\" & status == 1 / age > 3");
  EXPECT_EQ(Plan(Field("age") > 3), "scan / age > 3");
  EXPECT_EQ(Plan(Field("city") != "Bern"), "scan / city != \"Bern\"");
  EXPECT_EQ(Plan(!(Field("city") == "Bern")), "scan / not (city == \"Bern\")");
  EXPECT_EQ(Plan(Field("size") == 4), "scan / size == 4");
  EXPECT_EQ(Plan(Field("city").Length() == 4), "scan / length(city) == 4");
  EXPECT_EQ(Plan(Field("city.zip") == 4), "scan / city.zip == 4");
}

TEST(PlannerTest, AUnionNeedsAnIndexForEverySide) {
  EXPECT_EQ(Plan(Field("city") == "Bern" || Field("status") == 1),
            "city == \"Bern\" | status == 1 / true");
  EXPECT_EQ(Plan(Field("city") == "Bern" || Field("age") == 1),
            "scan / city == \"Bern\" or age == 1");
  EXPECT_EQ(Plan(Field("city") == "Bern" || (Field("status") == 1 && Field("age") == 1)),
            "city == \"Bern\" | status == 1 / city == \"Bern\" or (status == 1 and age == 1)");
  EXPECT_EQ(Plan(Field("age") < 9 && (Field("city") == "Bern" || Field("status") == 1)),
            "city == \"Bern\" | status == 1 / age < 9");
}

TEST(PlannerTest, ARangeIsAnsweredByTheIndexOfItsField) {
  EXPECT_EQ(Plan(Field("city") > "B"), "city > \"B\" / true");
  EXPECT_EQ(Plan(Field("city").Between(1, 2.5)), "city between 1 and 2.5 / true");
  EXPECT_EQ(Plan(Field("city").StartsWith("Be")), "city starts_with \"Be\" / true");
  EXPECT_EQ(Plan(Field("email") <= "m" && Field("age") == 1), "email <= \"m\" / age == 1");
  EXPECT_EQ(Plan(Field("city").IsNull()), "city is null / true");
  // A list is compared as a whole, which its items cannot tell; nothing is less than null.
  EXPECT_EQ(Plan(Field("tags") > "B"), "scan / tags > \"B\"");
  EXPECT_EQ(Plan(Field("city") < nullptr), "scan / city < null");
  EXPECT_EQ(Plan(Field("email").IsNull()), "scan / email is null");
}

TEST(PlannerTest, ARangeThatHoldsNothingHasNoRows) {
  for (const Expression& where : {Field("city").Between(5, 3), Field("city").Between("a", 3)}) {
    QuerySpec spec;
    spec.where = where;
    const AccessPlan plan = PlanAccess(spec, kIndices);
    EXPECT_FALSE(plan.scan);
    EXPECT_EQ(plan.rows.kind, RowsNode::Kind::kLookup);
    EXPECT_TRUE(plan.rows.terms.empty());
  }
}

TEST(PlannerTest, AnOrderIsThatOfAnIndexThatHasEveryRowOnce) {
  const auto order = [](std::string_view field) {
    QuerySpec spec;
    spec.order_by = {{ParseFieldPath(field)}, {{"city"}}};
    return PlanAccess(spec, kIndices).order_index;
  };
  EXPECT_EQ(order("city"), 0u);
  EXPECT_EQ(order("sku"), 4u);
  EXPECT_EQ(order("email"), std::nullopt);
  EXPECT_EQ(order("tags"), std::nullopt);
  EXPECT_EQ(order("city.zip"), std::nullopt);
  EXPECT_EQ(order("age"), std::nullopt);
  EXPECT_EQ(order("size"), std::nullopt);
}

TEST(PlannerTest, AnIndexIsNotAskedWhatItDoesNotHold) {
  EXPECT_EQ(Plan(Field("email") == nullptr), "scan / email == null");
  EXPECT_EQ(Plan(Field("tags") == Value(Array{"x"})), "scan / tags == [\"x\"]");
  EXPECT_EQ(Plan(Field("city").Contains("er")), "scan / city contains \"er\"");
}

}  // namespace
}  // namespace aurora
