#include "aurora/engine/query/aggregate.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/query/expression.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

absl::StatusOr<Value> Compute(const AggregateSpec& aggregate, const std::vector<Value>& values) {
  Grouping grouping({}, {aggregate}, 1);
  for (const Value& value : values) {
    const Value document(Object{{"x", value}});
    const absl::Status added = grouping.Add(ValueView(document).AsObject());
    if (!added.ok()) return added;
  }
  absl::StatusOr<std::vector<Object>> groups = grouping.Finish();
  if (!groups.ok()) return groups.status();
  EXPECT_EQ(groups->size(), 1u);
  return *(*groups)[0].Find(ResultName(aggregate));
}

Value Must(const AggregateSpec& aggregate, const std::vector<Value>& values) {
  absl::StatusOr<Value> result = Compute(aggregate, values);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : Value();
}

constexpr std::int64_t kMaxInt = std::numeric_limits<std::int64_t>::max();

TEST(AggregateTest, NullIsLeftOutOfAllButTheCount) {
  const std::vector<Value> values = {Value(3), Value(), Value(1), Value(5)};
  EXPECT_EQ(Must(Count(), values), Value(4));
  EXPECT_EQ(Must(Sum("x"), values), Value(9));
  EXPECT_EQ(Must(Average("x"), values), Value(3.0));
  EXPECT_EQ(Must(Min("x"), values), Value(1));
  EXPECT_EQ(Must(Max("x"), values), Value(5));
}

TEST(AggregateTest, OfNothingThereIsNothingButTheCount) {
  for (const std::vector<Value>& values : {std::vector<Value>(), {Value(), Value()}}) {
    EXPECT_EQ(Must(Count(), values), Value(static_cast<std::int64_t>(values.size())));
    EXPECT_TRUE(Must(Sum("x"), values).is_null());
    EXPECT_TRUE(Must(Average("x"), values).is_null());
    EXPECT_TRUE(Must(Min("x"), values).is_null());
    EXPECT_TRUE(Must(Max("x"), values).is_null());
  }
}

TEST(AggregateTest, IntegersAreAddedExactly) {
  EXPECT_EQ(Must(Sum("x"), {Value(kMaxInt), Value(1), Value(-1)}), Value(kMaxInt));
  EXPECT_EQ(Must(Sum("x"), {Value(kMaxInt), Value(-kMaxInt), Value(7)}), Value(7));
  const Value beyond = Must(Sum("x"), {Value(kMaxInt), Value(kMaxInt)});
  ASSERT_EQ(beyond.type(), Type::kDouble);
  EXPECT_EQ(beyond.AsDouble(), 2.0 * 9223372036854775807.0);
  EXPECT_EQ(Must(Sum("x"), {Value(1), Value(2.0)}).type(), Type::kDouble);
  EXPECT_EQ(Must(Sum("x"), {Value(1), Value(2)}).type(), Type::kInt64);
}

TEST(AggregateTest, DoublesDoNotLoseTheSmallBesideTheLarge) {
  EXPECT_EQ(Must(Sum("x"), {Value(1.0), Value(1e100), Value(1.0), Value(-1e100)}), Value(2.0));
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Must(Sum("x"), {Value(1.0), Value(infinity), Value(2.0)}), Value(infinity));
  EXPECT_TRUE(std::isnan(Must(Sum("x"), {Value(infinity), Value(-infinity)}).AsDouble()));
}

TEST(AggregateTest, WhatIsNoNumberHasNoSum) {
  for (const AggregateSpec& aggregate : {Sum("x"), Average("x")}) {
    const absl::Status status = Compute(aggregate, {Value(1), Value("two")}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_NE(std::string(status.message()).find("\"two\""), std::string::npos) << status;
    EXPECT_NE(std::string(status.message()).find("(x)"), std::string::npos) << status;
  }
  EXPECT_EQ(Must(Max("x"), {Value(1), Value("two")}), Value("two"));
}

TEST(AggregateTest, GroupsAgreeWithAMap) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 50; ++round) {
    Grouping grouping({{"a"}, {"b", "c"}}, {Count(), Sum("x").As("total")}, 1000);
    std::map<std::pair<std::string, std::int64_t>, std::pair<std::int64_t, std::int64_t>> model;
    for (int i = 0; i < 100; ++i) {
      const std::string a(random.Below(3), 'a');
      const auto c = static_cast<std::int64_t>(random.Below(3));
      const auto x = static_cast<std::int64_t>(random.Below(1000));
      const Value document(Object{{"a", a}, {"b", Object{{"c", c}}}, {"x", x}});
      ASSERT_TRUE(grouping.Add(ValueView(document).AsObject()).ok());
      auto& [count, total] = model[{a, c}];
      ++count, total += x;
    }
    const absl::StatusOr<std::vector<Object>> groups = grouping.Finish();
    ASSERT_TRUE(groups.ok()) << groups.status();
    ASSERT_EQ(groups->size(), model.size());
    std::size_t i = 0;
    for (const auto& [key, result] : model) {
      const Object expected{
          {"a", key.first}, {"b.c", key.second}, {"count", result.first}, {"total", result.second}};
      EXPECT_EQ(Value((*groups)[i++]), Value(expected));
    }
  }
}

TEST(AggregateTest, MissingAndNullAreOneGroup) {
  Grouping grouping({{"a"}}, {Count()}, 10);
  for (const Object& object : {Object{{"b", 1}}, Object{{"a", nullptr}}, Object{{"a", 1}}}) {
    const Value document(object);
    ASSERT_TRUE(grouping.Add(ValueView(document).AsObject()).ok());
  }
  const absl::StatusOr<std::vector<Object>> groups = grouping.Finish();
  ASSERT_TRUE(groups.ok()) << groups.status();
  ASSERT_EQ(groups->size(), 2u);
  EXPECT_EQ(Value((*groups)[0]), Value(Object{{"a", nullptr}, {"count", 2}}));
}

TEST(AggregateTest, ThereIsABoundOnGroups) {
  Grouping grouping({{"a"}}, {Count()}, 3);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(grouping.Add(ValueView(Value(Object{{"a", i}})).AsObject()).ok());
  }
  EXPECT_TRUE(grouping.Add(ValueView(Value(Object{{"a", 1}})).AsObject()).ok());
  const absl::Status status = grouping.Add(ValueView(Value(Object{{"a", 3}})).AsObject());
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

TEST(AggregateTest, TheTextFormNamesThem) {
  EXPECT_EQ(ToString(Average("a.b").As("mean")), "avg(a.b) as mean");
  EXPECT_EQ(ResultName(Average("a.b")), "avg(a.b)");
  EXPECT_EQ(ResultName(Count()), "count");
  EXPECT_EQ(ResultName(Count().As("n")), "n");
}

}  // namespace
}  // namespace aurora
