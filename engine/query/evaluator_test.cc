#include "aurora/engine/query/evaluator.h"

#include <cmath>
#include <cstdint>
#include <string>

#include "aurora/engine/document/value.h"
#include "aurora/engine/query/expression.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

const Object& Lamp() {
  static const Object lamp = {{"name", "Lamp"},
                              {"price", 39.5},
                              {"count", 3},
                              {"note", nullptr},
                              {"big", std::int64_t{9007199254740993}},
                              {"tags", Array{"brass", "desk"}},
                              {"maker", {{"city", "Bern"}, {"years", Array{1990, 2001}}}}};
  return lamp;
}

bool Lit(const Expression& expression) { return Matches(expression, ObjectView(Lamp())); }

TEST(EvaluatorTest, ComparesWithinAKind) {
  EXPECT_TRUE(Lit(Field("price") < 40));
  EXPECT_TRUE(Lit(Field("count") == 3.0));
  EXPECT_TRUE(Lit(Field("name") >= "Lamp"));
  EXPECT_FALSE(Lit(Field("name") > "Lamp"));
  EXPECT_TRUE(Lit(Field("price").Between(39.5, 39.5)));
  EXPECT_FALSE(Lit(Field("price").Between(40, 39)));
}

TEST(EvaluatorTest, RangesNeverMatchAnotherKind) {
  for (const Value& bound : {Value(), Value(true), Value(1), Value("a"), Value(Array{1})}) {
    const bool number = bound.is_number();
    EXPECT_EQ(Lit(Field("price") > bound), number) << DebugString(bound);
    EXPECT_FALSE(Lit(Field("price") < bound)) << DebugString(bound);
  }
}

TEST(EvaluatorTest, NumbersCompareExactlyBeyondTheDoubles) {
  EXPECT_FALSE(Lit(Field("big") == 9007199254740992.0));
  EXPECT_TRUE(Lit(Field("big") > 9007199254740992.0));
}

TEST(EvaluatorTest, MissingAndNullEqualNullAndMatchNegations) {
  for (const char* name : {"note", "absent", "maker.absent", "name.absent", "tags.7"}) {
    EXPECT_TRUE(Lit(Field(name) == nullptr)) << name;
    EXPECT_TRUE(Lit(Field(name).IsNull())) << name;
    EXPECT_TRUE(Lit(Field(name) != 5)) << name;
    EXPECT_TRUE(Lit(Field(name).NotIn({5, 6}))) << name;
    EXPECT_TRUE(Lit(Field(name).In({5, nullptr}))) << name;
    EXPECT_FALSE(Lit(Field(name) < 5)) << name;
    EXPECT_FALSE(Lit(Field(name) <= nullptr)) << name;
    EXPECT_FALSE(Lit(Field(name).Contains("a"))) << name;
  }
}

TEST(EvaluatorTest, ExistsTellsMissingFromNull) {
  EXPECT_TRUE(Lit(Field("note").Exists()));
  EXPECT_FALSE(Lit(Field("absent").Exists()));
}

TEST(EvaluatorTest, TextConditionsMatchStringsOnly) {
  EXPECT_TRUE(Lit(Field("name").StartsWith("La")));
  EXPECT_TRUE(Lit(Field("name").EndsWith("mp")));
  EXPECT_TRUE(Lit(Field("name").Contains("am")));
  EXPECT_TRUE(Lit(Field("name").Matches("^L.*p$")));
  EXPECT_FALSE(Lit(Field("name").Matches("^x")));
  EXPECT_FALSE(Lit(Field("count").StartsWith("3")));
}

TEST(EvaluatorTest, ArraysAreAskedForTheirItems) {
  EXPECT_TRUE(Lit(Field("tags").Any("desk")));
  EXPECT_TRUE(Lit(Field("tags").Contains("desk")));
  EXPECT_FALSE(Lit(Field("tags").Any("des")));
  EXPECT_TRUE(Lit(Field("tags").Length() == 2));
  EXPECT_TRUE(Lit(Field("name").Length() > 3));
  EXPECT_FALSE(Lit(Field("count").Length().Exists()));
}

TEST(EvaluatorTest, PathsEnterObjectsAndArrays) {
  EXPECT_TRUE(Lit(Field("maker.city") == "Bern"));
  EXPECT_TRUE(Lit(Field("maker.years.1") == 2001));
}

TEST(EvaluatorTest, ConnectivesAreTwoValued) {
  const Expression yes = Field("count") == 3;
  const Expression no = Field("count") == 4;
  EXPECT_TRUE(Lit(yes && !no));
  EXPECT_TRUE(Lit(no || yes));
  EXPECT_FALSE(Lit(!(no || yes)));
  EXPECT_TRUE(Lit(Expression()));
  EXPECT_TRUE(Lit(!(Field("absent") > 1)));
}

TEST(ExpressionTest, TooLargeOrBadExpressionsAreRefused) {
  ExpressionLimits limits;
  limits.depth = 10;
  limits.nodes = 50;
  Expression deep = Field("a") == 1;
  for (int i = 0; i < 10; ++i) deep = !(deep && Field("b") == i);
  EXPECT_EQ(CheckExpression(deep, limits).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(CheckExpression(Field("a").In(std::vector<Value>(60)), limits).ok());
  EXPECT_FALSE(CheckExpression(Field("a").Matches("("), limits).ok());
  EXPECT_FALSE(CheckExpression(Field("a.") == 1, limits).ok());
  EXPECT_FALSE(CheckExpression(Field("a").Matches(std::string(2000, 'x'))).ok());
  EXPECT_TRUE(CheckExpression(Field("a").Matches("x+") && Field("b") == 1, limits).ok());
}

}  // namespace
}  // namespace aurora
