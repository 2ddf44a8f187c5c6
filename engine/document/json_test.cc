#include "aurora/engine/document/json.h"

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "aurora/engine/document/ndjson.h"
#include "aurora/engine/document/value_testing.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

using absl::StatusCode;

std::string Error(std::string_view text, const DocumentLimits& limits = {}) {
  const auto value = ParseJson(text, limits);
  return value.ok() ? "none" : std::string(value.status().message());
}

TEST(JsonTest, EveryValueRoundTripsWithItsTypes) {
  RandomValues random(TestSeed(1));
  for (int i = 0; i < 5000; ++i) {
    const Value value = random.Next(4);
    for (const int indent : {0, 2}) {
      const std::string text = ToJson(value, {.indent = indent});
      const auto read = ParseJson(text);
      ASSERT_TRUE(read.ok()) << text << read.status();
      EXPECT_EQ(*read, value) << text;
      EXPECT_EQ(ToJson(*read, {.indent = indent}), text);
    }
  }
  for (const Value& number : AdversarialNumbers()) {
    const auto read = ParseJson(ToJson(number));
    ASSERT_TRUE(read.ok()) << ToJson(number);
    EXPECT_EQ(*read, number) << ToJson(number);
    EXPECT_EQ(read->type(), number.type()) << ToJson(number);
  }
}

TEST(JsonTest, TypesThatJsonLacksAreWrittenAsDocumented) {
  EXPECT_EQ(ToJson(Value(Bytes{std::string("\0\1\2", 3)})), R"({"$bytes":"AAEC"})");
  EXPECT_EQ(ToJson(Uuid::FromHalves(0x0190163d8694739b, 0xaea5966c26f8ad91)),
            R"({"$uuid":"0190163d-8694-739b-aea5-966c26f8ad91"})");
  EXPECT_EQ(ToJson(Timestamp{0}), R"({"$timestamp":"1970-01-01T00:00:00Z"})");
  EXPECT_EQ(ToJson(std::numeric_limits<double>::infinity()), R"({"$double":"inf"})");
  EXPECT_EQ(ToJson(3.0), "3.0");
  EXPECT_EQ(ToJson(1e300), "1e+300");
  EXPECT_EQ(ToJson(0.1), "0.1");
  EXPECT_EQ(ToJson("a\"\\\n\x01\x7fé"), "\"a\\\"\\\\\\n\\u0001\x7fé\"");
  EXPECT_EQ(ToJson("a\xff\xc3z"), "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\"");
  EXPECT_EQ(ToJson(Value({{"a", Array{1, Object{}}}}), {.indent = 2}),
            "{\n  \"a\": [\n    1,\n    {}\n  ]\n}");
}

TEST(JsonTest, ObjectsThatOnlyLookLikeOtherTypesRoundTrip) {
  for (const Value& value :
       {Value({{"$uuid", 1}}), Value({{"$object", {{"$bytes", "x"}}}}), Value({{"$object", 1}}),
        Value({{"$foo", Object{}}}), Value({{"$uuid", "a"}, {"b", 1}}),
        Value({{"a", {{"$double", "nan"}}}}),
        Value({{"$object", {{"$object", {{"$object", 1}}}}}})}) {
    EXPECT_EQ(*ParseJson(ToJson(value)), value) << ToJson(value);
  }
  EXPECT_EQ(ToJson(Value({{"$uuid", 1}})), R"({"$object":{"$uuid":1}})");
  EXPECT_EQ(*ParseJson(R"({"$foo": 1})"), Value({{"$foo", 1}}));
}

TEST(JsonTest, IntegersBeyondInt64AreExactDoublesOrRefused) {
  EXPECT_EQ(ParseJson("9223372036854775807")->AsInt64(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(ParseJson("-9223372036854775808")->AsInt64(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(ParseJson("9223372036854775808")->AsDouble(), 9223372036854775808.0);
  EXPECT_EQ(ParseJson("18446744073709551616")->AsDouble(), 18446744073709551616.0);
  EXPECT_EQ(ParseJson("-18446744073709551616")->AsDouble(), -18446744073709551616.0);
  EXPECT_TRUE(absl::StrContains(Error("9223372036854775809"), "fits neither int64 nor"));
  EXPECT_TRUE(absl::StrContains(Error("-9223372036854775809"), "fits neither int64 nor"));
  EXPECT_TRUE(absl::StrContains(Error("18446744073709551617"), "fits neither int64 nor"));
  EXPECT_FALSE(ParseJson("1e400").ok());
  EXPECT_FALSE(ParseJson(std::string(500, '9')).ok());
  EXPECT_EQ(ParseJson("1.0")->type(), Type::kDouble);
  EXPECT_EQ(ParseJson("1e2")->type(), Type::kDouble);
}

TEST(JsonTest, ErrorsHaveLineAndColumn) {
  EXPECT_EQ(Error("{\n  \"a\": 1,\n  \"b\" 2\n}").substr(0, 17), "line 3, column 7:");
  EXPECT_EQ(Error("{\"a\":1,\n\"a\":2}"),
            "line 2, column 3: the member \"a\" comes twice in one object");
  EXPECT_TRUE(absl::StrContains(Error("[1, 2"), "(the text ends)"));
  EXPECT_TRUE(absl::StrContains(Error(""), "line 1, column 1"));
  EXPECT_EQ(Error("[1] x").substr(0, 17), "line 1, column 5:");
  EXPECT_NE(Error("\"\xff\""), "none");
  EXPECT_NE(Error("\"\\ud800\""), "none");
  EXPECT_NE(Error("{\"a\":1,}"), "none");
  EXPECT_NE(Error("// x\n1"), "none");
  EXPECT_NE(Error("NaN"), "none");
  EXPECT_NE(Error("01"), "none");
  EXPECT_LT(Error("[\"" + std::string(100000, 'x')).size(), 500u) << "errors are short";
  EXPECT_TRUE(absl::StrContains(Error(R"({"$uuid":"x"})"), "not a UUID"));
  EXPECT_TRUE(absl::StrContains(Error(R"({"$uuid":5})"), "$object"));
  EXPECT_TRUE(absl::StrContains(Error(R"({"$double":"x"})"), "$object"));
  EXPECT_TRUE(absl::StrContains(Error(R"({"$bytes":"*"})"), "$object"));
  EXPECT_EQ(Error("{\"a\" \"long\"}").substr(0, 17), "line 1, column 6:");
  EXPECT_EQ(Error("{\"a\": 1,\n 23.5: 2}").substr(0, 17), "line 2, column 2:");
  EXPECT_EQ(Error("[1 true]").substr(0, 17), "line 1, column 4:");
  EXPECT_EQ(Error("[[\n" + std::string(200, '[')).substr(0, 18), "line 2, column 99:");
  EXPECT_EQ(ParseJsonObject(" [1]").status().message(),
            "line 1, column 2: expected a JSON object, got array [1]");
  EXPECT_TRUE(absl::StartsWith(ParseJson("{\n]", {}, 40).status().message(), "line 41, column 1:"));
}

TEST(JsonTest, LimitsHoldWhateverTheText) {
  const auto code = [](std::string_view text, const DocumentLimits& limits = {}) {
    return ParseJson(text, limits).status().code();
  };
  EXPECT_EQ(code(std::string(100, '[') + std::string(100, ']')), StatusCode::kOk);
  EXPECT_EQ(code(std::string(101, '[')), StatusCode::kResourceExhausted);
  EXPECT_EQ(code(std::string(10'000'000, '[')), StatusCode::kResourceExhausted);
  EXPECT_EQ(code("[1,2,3]", {.array_items_max = 2}), StatusCode::kResourceExhausted);
  EXPECT_EQ(code(R"({"a":{"b":1}})", {.fields_max = 1}), StatusCode::kResourceExhausted);
  EXPECT_EQ(code("[1,2]", {.line_bytes_max = 4}), StatusCode::kResourceExhausted);
}

std::vector<std::string> Lines(std::string_view text, std::size_t chunk, std::uint64_t max = 100) {
  LineSplitter splitter(max);
  std::vector<std::string> lines;
  const auto drain = [&] {
    while (true) {
      const auto line = splitter.Next();
      if (!line.ok()) {
        lines.push_back("too long");
      } else if (!line->has_value()) {
        return;
      } else {
        lines.push_back(std::to_string((*line)->number) + ":" + std::string((*line)->text));
      }
    }
  };
  for (std::size_t i = 0; i < text.size(); i += chunk) {
    splitter.Add(text.substr(i, chunk));
    drain();
  }
  splitter.Finish();
  drain();
  EXPECT_EQ(splitter.consumed_bytes(), text.size());
  return lines;
}

TEST(LineSplitterTest, SplitsTheSameWhateverTheChunks) {
  for (std::size_t chunk = 1; chunk < 20; ++chunk) {
    using Expected = std::vector<std::string>;
    EXPECT_EQ(Lines("a\nbc\r\n\n \t\nd", chunk), (Expected{"1:a", "2:bc", "5:d"}));
    EXPECT_EQ(Lines("\xEF\xBB\xBF"
                    "a\n",
                    chunk),
              (Expected{"1:a"}));
    EXPECT_EQ(Lines("a", chunk), (Expected{"1:a"}));
    EXPECT_EQ(Lines("", chunk), Expected{});
    EXPECT_EQ(Lines("\n\n", chunk), Expected{});
    EXPECT_EQ(Lines("12345\n12345\r\n123456\n1\n1234567\r\n2\n12345678", chunk, 5),
              (Expected{"1:12345", "2:12345", "too long", "4:1", "too long", "6:2", "too long"}));
  }
}

}  // namespace
}  // namespace aurora
