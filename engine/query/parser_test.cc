#include "aurora/engine/query/parser.h"

#include <string>

#include "aurora/engine/document/value.h"
#include "aurora/engine/query/evaluator.h"
#include "aurora/engine/query/query_spec.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

std::string Reprint(const std::string& text) {
  const absl::StatusOr<QuerySpec> spec = ParseQuery(text);
  return spec.ok() ? ToString(*spec) : std::string(spec.status().message());
}

TEST(ParserTest, ReadsEveryClauseInAnyOrder) {
  const absl::StatusOr<QuerySpec> spec = ParseQuery(
      "products WHERE price < 100 and tags any \"lamp\" select name, maker.city limit 10 order by "
      "price desc, name offset 5");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->collection, "products");
  EXPECT_EQ(spec->limit, 10u);
  EXPECT_EQ(spec->offset, 5u);
  ASSERT_EQ(spec->order_by.size(), 2u);
  EXPECT_EQ(spec->order_by[0].direction, Direction::kDescending);
  EXPECT_EQ(spec->order_by[1].path, FieldPath{"name"});
  ASSERT_EQ(spec->select.size(), 2u);
  EXPECT_EQ(spec->select[1], (FieldPath{"maker", "city"}));
}

TEST(ParserTest, WhatIsPrintedReadsTheSame) {
  for (const std::string text :
       {"a",
        "a where b == 1",
        "a where b == 1 and (c == 2 or d == 3)",
        "a where (b == 1 and c == 2) or d == 3",
        "a where not (b == 1)",
        "a where b in (1, \"x\", null, true)",
        "a where b not in ()",
        "a where b between 1 and 2.5",
        "a where exists b.c.0",
        "a where b is null and not (c is null)",
        "a where length(b) >= 2",
        "a where length == 2",
        "a where b == [1, [2]]",
        R"(a where b == "q\"\\\u0001")",
        "a where `b c`.d starts_with \"x\" order by `b c` desc limit 1",
        "a where t > timestamp(\"2024-02-29T12:00:00.25Z\")",
        "a where u == uuid(\"0190163d-8694-739b-aea5-966c26f8ad91\") offset 2 limit 3 select x, "
        "y.z",
        "a where b == -5 and c == -1.5e+300",
        "a group by b",
        "a select count()",
        "a group by b, c.d select b, max(e) as `the most`",
        "a where b == 1 group by c order by n desc, c limit 3 select count() as n, avg(d.e)",
        "a select count, group",
        "a where b matches \"^x\" and c ends_with \"y\" and d contains 1"}) {
    const std::string once = Reprint(text);
    EXPECT_EQ(once, Reprint(once)) << text;
    EXPECT_TRUE(ParseQuery(once).ok()) << text << " -> " << once;
  }
  EXPECT_EQ(Reprint("a where b = 1 && c <> 'it''s' || ! d < 2"),
            R"(a where (b == 1 and c != "it's") or not (d < 2))");
}

TEST(ParserTest, ReadsGroupsAndAggregates) {
  const absl::StatusOr<QuerySpec> spec = ParseQuery(
      "products where price < 100 SELECT maker, COUNT(), avg(price) as mean group by maker.name, "
      "maker order by mean");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->group_by, (std::vector<FieldPath>{{"maker", "name"}, {"maker"}}));
  ASSERT_EQ(spec->aggregates.size(), 2u);
  EXPECT_EQ(spec->aggregates[0].kind, AggregateKind::kCount);
  EXPECT_EQ(spec->aggregates[1].kind, AggregateKind::kAverage);
  EXPECT_EQ(spec->aggregates[1].path, FieldPath{"price"});
  EXPECT_EQ(spec->aggregates[1].name, "mean");
  EXPECT_TRUE(spec->select.empty());
  // A field may be called as a function is.
  EXPECT_EQ(ParseQuery("a select count, sum")->select.size(), 2u);
}

TEST(ParserTest, MeansWhatItSays) {
  const Object lamp = {{"name", "Lamp"}, {"price", 39.5}, {"tags", Array{"desk"}}};
  const auto matches = [&](const std::string& text) {
    const absl::StatusOr<Expression> condition = ParseCondition(text);
    EXPECT_TRUE(condition.ok()) << condition.status();
    return condition.ok() && Matches(*condition, ObjectView(lamp));
  };
  EXPECT_TRUE(matches("price < 40 and name == 'Lamp'"));
  EXPECT_TRUE(matches("price > 40 or tags any 'desk'"));
  EXPECT_FALSE(matches("price > 40 or tags any 'desk' and name is null"));
  EXPECT_TRUE(matches("not price > 40 and true"));
  EXPECT_TRUE(matches("name not in ('Chair') and length(tags) == 1"));
  EXPECT_TRUE(matches(R"(name == "\u004camp")"));
}

TEST(ParserTest, ErrorsNameThePlaceAndWhatWasExpected) {
  EXPECT_EQ(Reprint("a where b ~ 1"), "query, line 1, column 11: unexpected \"~\"");
  EXPECT_EQ(Reprint("a where\n  b == "),
            "query, line 2, column 8: expected a constant (a number, a string, true, false, null, "
            "uuid(\"...\"), "
            "timestamp(\"...\"), [...]), found the end");
  EXPECT_EQ(Reprint("a limit -1"), "query, line 1, column 9: expected a whole number, found \"-\"");
  EXPECT_EQ(Reprint("a limit 1 limit 2"), "query, line 1, column 11: a second \"limit\"");
  EXPECT_EQ(Reprint("a select median(b)"),
            "query, line 1, column 10: there is no function \"median\"; there are count, sum, avg, "
            "min and max");
  EXPECT_EQ(Reprint("a select b, count() group by c"),
            "query, line 1, column 10: field \"b\" is selected, but the groups are not by it");
  for (const std::string text : {"",
                                 "a group b",
                                 "a group by",
                                 "a select count(b)",
                                 "a select sum()",
                                 "a select sum(b",
                                 "a select sum(b) as",
                                 "a b",
                                 "a where",
                                 "a where b",
                                 "a where (b == 1",
                                 "a where b in 1",
                                 "a where b == \"x",
                                 "a where b == 'x",
                                 "a where `b",
                                 "a where b == \"\\q\"",
                                 "a where b == \"\\ud800\"",
                                 "a where b == uuid(\"x\")",
                                 "a where b == timestamp(1)",
                                 "a order price",
                                 "a select",
                                 "a where b starts_with 1",
                                 "a where b == 1e999",
                                 "a where b matches \"(\"",
                                 "a where b == [1",
                                 "a where b is 1"}) {
    const absl::StatusOr<QuerySpec> spec = ParseQuery(text);
    EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ParserTest, DepthIsBounded) {
  for (const std::string nest : {"(", "not ", "! ", "("}) {
    std::string text = "a where ";
    for (int i = 0; i < 100'000; ++i) text += nest;
    EXPECT_EQ(ParseQuery(text).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(ParseQuery("a where b == " + std::string(100'000, '[')).ok());
}

}  // namespace
}  // namespace aurora
