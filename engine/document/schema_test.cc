#include "aurora/engine/document/schema.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "aurora/engine/document/field_rules.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

using absl::StatusCode;

Schema Products() {
  return Schema()
      .String("sku", kUnique | kRequired)
      .String("name")
      .Double("price", kIndexed | AtLeast(0))
      .Bool("in_stock", kIndexed)
      .Array("tags", Type::kString, kIndexed)
      .Object("maker", Schema().String("name").String("city", kNullable));
}

TEST(SchemaTest, FieldsHaveIdsInTheOrderOfDeclaration) {
  const Schema schema = Products().Open();
  EXPECT_TRUE(schema.Validate().ok()) << schema.Validate();
  ASSERT_EQ(schema.fields().size(), 6u);
  for (std::uint32_t i = 0; i < 6; ++i) EXPECT_EQ(schema.fields()[i].id, i);
  EXPECT_EQ(schema.open_id(), 6u);
  EXPECT_EQ(schema.Find("tags")->TypeText(), "array of string");
  EXPECT_EQ(schema.Find("tag"), nullptr);
}

TEST(SchemaTest, WhatMakesNoSenseIsRefusedAndTheFieldNamed) {
  const std::vector<std::pair<Schema, std::string>> bad = {
      {Schema().String(""), "empty name"},
      {Schema().String("a.b"), "\"a.b\" holds a dot"},
      {Schema().String("$a"), "\"$a\" starts with $"},
      {Schema().String("_id"), "_id"},
      {Schema().String("a\n"), "control"},
      {Schema().String("\xff"), "UTF-8"},
      {Schema().String(std::string(256, 'x')), "longer than 255"},
      {Schema().String("a").Int64("a"), "\"a\" is declared twice"},
      {Schema().Array("a", Type::kString, kUnique), "\"a\": is unique"},
      {Schema().Object("a", kUnique), "is unique"},
      {Schema().Any("a", kIndexed), "is indexed"},
      {Schema().Array("a", std::nullopt, kIndexed), "is indexed"},
      {Schema().Int64("a", kUnique | Default(1)), "only one document"},
      {Schema().Int64("a", FieldFlag(1 << 20)), "unknown flags"},
      {Schema().Int64("a", kAllowNaN), "NaN"},
      {Schema().String("a", AtLeast(1)), "minimum"},
      {Schema().Int64("a", AtLeast("1")), "bound \"1\""},
      {Schema().Int64("a", AtLeast(2) | AtMost(1)), "above the maximum"},
      {Schema().Int64("a", MinLength(2)), "length"},
      {Schema().String("a", MinLength(2) | MaxLength(1)), "above the maximum length"},
      {Schema().Int64("a", Pattern("x")), "pattern"},
      {Schema().String("a", Pattern("(")), "no regular expression"},
      {Schema().String("a", Pattern(std::string(2000, 'a'))), "limit"},
      {Schema().String("a", Pattern("((a{100}){100}){100}")), "no regular expression"},
      {Schema().String("a", OneOf({"x", 1})), "may have the value 1"},
      {Schema().Array("a", Type::kString, OneOf({"x"})), "cannot"},
      {Schema().String("a", Default(1)), "default 1"},
      {Schema().String("a", Default(nullptr)), "not nullable"},
      {Schema().Int64("a", AtLeast(5) | Default(4)), "less than the minimum"},
      {Schema().Array("a", Type::kString, Default(Array{"x", 1})), "not of type array of string"},
      {Schema().Double("a", Default(std::numeric_limits<double>::quiet_NaN())), "NaN"},
      {Schema().Array("a", Type::kNull), "type null"},
      {Schema().Object("o", Schema().String("x").String("x")), "\"o.x\" is declared twice"},
  };
  for (const auto& [schema, message] : bad) {
    const absl::Status status = schema.Validate();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << message;
    EXPECT_NE(std::string(status.message()).find(message), std::string::npos) << status;
  }
}

TEST(SchemaTest, WhatIsNotEnforcedYetIsRefused) {
  EXPECT_EQ(Schema().String("a", kText).Validate().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(Schema().String("a", References("b")).Validate().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(Schema().Object("o", Schema().String("a", kIndexed)).Validate().code(),
            StatusCode::kUnimplemented);
}

TEST(SchemaTest, SizeAndDepthAreBounded) {
  Schema wide;
  for (std::size_t i = 0; i <= kSchemaFieldsMax; ++i) wide.Int64("f" + std::to_string(i));
  EXPECT_EQ(wide.Validate().code(), StatusCode::kInvalidArgument);
  Schema deep;
  for (int i = 0; i < kSchemaDepthMax; ++i) deep = Schema(Schema().Object("o", deep));
  EXPECT_EQ(deep.Validate().code(), StatusCode::kInvalidArgument);
}

TEST(SchemaTest, TheDifferenceNamesTheFieldAndWhatDiffers) {
  const Schema base = Products();
  EXPECT_EQ(base.Difference(Products()), std::nullopt);
  const auto difference = [](const Schema& a, const Schema& b) {
    return a.Difference(b).value_or("none");
  };
  EXPECT_EQ(difference(Schema().Double("a").String("b"), Schema().String("b").Double("a")), "none");
  EXPECT_EQ(difference(Schema().Double("a"), Schema().Int64("a")),
            "field \"a\": the type is double, not int64");
  EXPECT_EQ(difference(Schema().Array("a", Type::kString), Schema().Array("a", Type::kInt64)),
            "field \"a\": the type is array of string, not array of int64");
  EXPECT_EQ(difference(Schema().Double("a"), Schema()), "field \"a\" (double) is missing");
  EXPECT_EQ(difference(Schema(), Schema().Double("a")), "field \"a\" (double) is new");
  EXPECT_EQ(difference(Schema().Int64("a", kIndexed), Schema().Int64("a")),
            "field \"a\": it is indexed, not otherwise");
  EXPECT_EQ(difference(Schema().Int64("a", Default(1)), Schema().Int64("a", Default(2))),
            "field \"a\": the default is 1, not 2");
  EXPECT_EQ(difference(Schema().Int64("a", AtLeast(1)), Schema().Int64("a")),
            "field \"a\": the minimum is 1, not none");
  EXPECT_EQ(difference(Schema().String("a", Pattern("x")), Schema().String("a")),
            "field \"a\": the pattern is \"x\", not \"\"");
  EXPECT_EQ(difference(Schema().String("a", HasFormat(TextFormat::kEmail)), Schema().String("a")),
            "field \"a\": the format is email, not none");
  EXPECT_EQ(difference(Schema().Object("o", Schema().Int64("a")),
                       Schema().Object("o", Schema().Double("a"))),
            "field \"o.a\": the type is int64, not double");
  EXPECT_EQ(difference(Schema().Object("o", Schema().Open()), Schema().Object("o", Schema())),
            "the object \"o\" is open, not closed");
  EXPECT_EQ(difference(Schema().Open(), Schema()), "the schema is open, not closed");
}

TEST(SchemaTest, EvolvingAddsAndDropsAndNeverReusesAnId) {
  const Schema first = Schema().Int64("a").String("b").Object("o", Schema().Int64("x"));
  const auto second = first.Evolve(
      Schema().Object("o", Schema().Int64("x").Int64("y")).Int64("a", kIndexed).Double("c"));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->version(), 2u);
  EXPECT_EQ(second->Find("a")->id, 0u);
  EXPECT_TRUE(second->Find("a")->attributes.Has(kIndexed));
  EXPECT_EQ(second->Find("b"), nullptr);
  EXPECT_EQ(second->Find("c")->id, 3u);
  EXPECT_EQ(second->Find("c")->added_in, 2u);
  EXPECT_EQ(second->Find("o")->object->Find("y")->added_in, 2u);
  const auto third = second->Evolve(Schema().Double("b").Int64("a").Double("c").Open());
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_EQ(third->Find("b")->id, 4u) << "the dropped field's id stays reserved";
  EXPECT_EQ(third->open_id(), 5u);
  EXPECT_EQ(third->fields()[1].dropped_in, 2u);
  EXPECT_EQ(third->Evolve(Schema().Open().Double("c").Double("b").Int64("a"))->version(), 3u);
}

TEST(SchemaTest, EvolvingRefusesWhatWouldNeedDocumentsConverted) {
  const Schema first = Schema().Int64("a");
  for (const Schema& desired :
       {Schema(Schema().Double("a")), Schema(Schema().Int64("a").Int64("b", kRequired)),
        Schema(Schema().Object("a"))}) {
    EXPECT_EQ(first.Evolve(desired).status().code(), StatusCode::kFailedPrecondition);
  }
  const Schema within_open = Schema().Object("o", Schema().Int64("x").Open());
  EXPECT_EQ(within_open.Evolve(Schema().Object("o", Schema().Int64("x").Int64("y").Open()))
                .status()
                .code(),
            StatusCode::kFailedPrecondition)
      << "documents may have a y already";
  EXPECT_TRUE(first.Evolve(Schema().Int64("a").Int64("b", kRequired | Default(1))).ok());
}

TEST(SchemaTest, StricterRulesAreToldFromOthers) {
  const auto breaks = [](const Schema& first, const Schema& second) {
    return first.MayBreak(*first.Evolve(second));
  };
  const Schema loose =
      Schema().Int64("a", kNullable | AtMost(10)).Object("o", Schema().String("s"));
  EXPECT_TRUE(breaks(loose, Schema().Int64("a", AtMost(10)).Object("o", Schema().String("s"))));
  EXPECT_TRUE(breaks(loose, Schema().Int64("a", kNullable | AtMost(9))));
  EXPECT_TRUE(breaks(loose, Schema().Int64("a", kNullable | kRequired | AtMost(10))));
  EXPECT_TRUE(breaks(loose, Schema().Object("o", Schema().String("s", MaxLength(3)))));
  EXPECT_TRUE(breaks(Schema().Open(), Schema()));
  EXPECT_FALSE(breaks(loose, Schema().Int64("a", kNullable)));
  EXPECT_FALSE(breaks(loose, Schema().Int64("b").Open()));
  EXPECT_FALSE(breaks(loose, Schema().Object("o", Schema().String("t", MaxLength(3)))));
}

TEST(SchemaTest, ARenamedFieldKeepsItsId) {
  const Schema renamed = *Schema().Int64("a").String("b").Rename("a", "c");
  EXPECT_EQ(renamed.Find("c")->id, 0u);
  EXPECT_EQ(renamed.Find("a"), nullptr);
  EXPECT_EQ(renamed.version(), 2u);
  EXPECT_EQ(renamed.Rename("a", "d").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(renamed.Rename("c", "b").status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(renamed.Rename("c", "").status().code(), StatusCode::kInvalidArgument);
}

TEST(SchemaTest, StoredPartsThatDoNotFitAreRefused) {
  const auto parts = [](const Schema& schema) {
    return Schema::Parts{schema.fields(), schema.open(), schema.open_id(), schema.version(),
                         schema.next_id()};
  };
  const Schema schema = Products().Open();
  ASSERT_TRUE(Schema::FromParts(parts(schema)).ok());
  EXPECT_EQ(Schema::FromParts(parts(schema))->Difference(schema), std::nullopt);
  std::vector<Schema::Parts> bad(6, parts(schema));
  bad[0].fields[1].id = 0;
  bad[1].fields[5].id = 100;
  bad[2].next_id = 100;
  bad[3].open_id = std::nullopt;
  bad[4].fields[0].added_in = 2;
  bad[5].fields[0].name = "";
  for (const auto& one : bad) {
    EXPECT_EQ(Schema::FromParts(one).status().code(), StatusCode::kDataLoss);
  }
}

TEST(FieldRulesTest, EachRuleFindsItsViolation) {
  const auto violation = [](const FieldAttributes& attributes, const Value& value) {
    return FieldRules::Compile(attributes)->Violation(value).value_or("none");
  };
  EXPECT_EQ(violation(AtLeast(0) | AtMost(10), 5), "none");
  EXPECT_EQ(violation(AtLeast(0), 0), "none");
  EXPECT_EQ(violation(AtLeast(0), -0.5), "is less than the minimum, 0");
  EXPECT_EQ(violation(AtMost(10), 10.5), "is more than the maximum, 10");
  EXPECT_EQ(violation(MinLength(2), "é"), "has 1 characters, fewer than the minimum, 2");
  EXPECT_EQ(violation(MaxLength(2), "éa"), "none");
  EXPECT_EQ(violation(MaxLength(1), Bytes{"ab"}), "has 2 bytes, more than the maximum, 1");
  EXPECT_EQ(violation(MaxLength(1), Array{1, 2}), "has 2 items, more than the maximum, 1");
  EXPECT_EQ(violation(OneOf({"b", "a"}), "a"), "none");
  EXPECT_EQ(violation(OneOf({"b", "a"}), "c"), "is not one of [\"a\", \"b\"]");
  EXPECT_EQ(violation(Pattern("[a-z]+"), "abc"), "none");
  EXPECT_EQ(violation(Pattern("[a-z]+"), "abc1"), "does not match the pattern \"[a-z]+\"");
  EXPECT_EQ(violation(HasFormat(TextFormat::kEmail), "a@b"), "none");
  EXPECT_EQ(violation(HasFormat(TextFormat::kEmail), "ab"), "is not of the format email");
}

TEST(FieldRulesTest, FormatsTakeWhatIsOfTheFormAndNothingElse) {
  const struct {
    TextFormat format;
    std::vector<std::string> good;
    std::vector<std::string> bad;
  } kCases[] = {
      {TextFormat::kEmail, {"a.b+c@example.org"}, {"", "a@", "@b", "a b@c", "a@b..c", "a@-b"}},
      {TextFormat::kUri, {"https://a.b/c?d=%20#e", "urn:x:y"}, {"", "a", "//a", "a b:c", "a:%2"}},
      {TextFormat::kHostname, {"a", "a-b.example"}, {"", "-a", "a..b", "a_b", "a."}},
      {TextFormat::kIpv4,
       {"0.0.0.0", "255.1.20.3"},
       {"", "256.0.0.1", "1.2.3", "1.2.3.4.", "01.2.3.4", "1.2.3.4.5"}},
      {TextFormat::kIpv6,
       {"::", "::1", "1::", "2001:db8::ff00:42:8329", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4"},
       {"", ":", "1", ":::", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8:9",
        "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4"}},
      {TextFormat::kDate,
       {"2024-02-29"},
       {"", "2023-02-29", "2024-13-01", "2024-1-1", "2024-00-10"}},
      {TextFormat::kTime, {"23:59:59", "00:00:00.123"}, {"", "24:00:00", "1:00:00", "00:00:00."}},
      {TextFormat::kDateTime, {"2024-02-29T12:00:00Z"}, {"2024-02-29"}},
      {TextFormat::kUuid, {"0190163d-8694-739b-aea5-966c26f8ad91"}, {"0190163d"}},
      {TextFormat::kPhone, {"+41446681800"}, {"", "0446681800", "+0123", "+41 44"}},
  };
  for (const auto& one : kCases) {
    EXPECT_EQ(ParseTextFormatName(TextFormatName(one.format)), one.format);
    for (const std::string& text : one.good) {
      EXPECT_TRUE(MatchesFormat(one.format, text)) << TextFormatName(one.format) << " " << text;
    }
    for (const std::string& text : one.bad) {
      EXPECT_FALSE(MatchesFormat(one.format, text)) << TextFormatName(one.format) << " " << text;
    }
  }
}

}  // namespace
}  // namespace aurora
