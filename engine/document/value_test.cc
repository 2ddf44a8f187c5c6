#include "aurora/engine/document/value.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "aurora/engine/document/timestamp.h"
#include "aurora/engine/document/uuid.h"
#include "aurora/engine/document/value_view.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

// What a function that takes an Object, as Insert does, receives from a braced list.
Object Pass(Object object) { return object; }

TEST(ValueTest, ABracedListOfPairsIsAnObject) {
  const Object lamp = Pass({{"sku", "A-1"},
                            {"price", 39.5},
                            {"in_stock", true},
                            {"count", 3},
                            {"tags", Array{"brass", "desk"}},
                            {"maker", {{"name", "Lumen"}, {"city", nullptr}}}});
  ASSERT_EQ(lamp.size(), 6u);
  EXPECT_EQ(lamp.Find("sku")->AsString(), "A-1");
  EXPECT_EQ(lamp.Find("price")->AsDouble(), 39.5);
  EXPECT_TRUE(lamp.Find("in_stock")->AsBool());
  EXPECT_EQ(lamp.Find("count")->AsInt64(), 3);
  EXPECT_EQ(lamp.Find("tags")->AsArray()[1].AsString(), "desk");
  EXPECT_TRUE(lamp.Find("maker")->AsObject().Find("city")->is_null());
  EXPECT_EQ(lamp.Find("colour"), nullptr);
}

TEST(ValueTest, AListOfOnePairIsAnObjectToo) {
  const Value value{{"a", "b"}};
  ASSERT_EQ(value.type(), Type::kObject);
  EXPECT_EQ(value.AsObject().Find("a")->AsString(), "b");
  EXPECT_EQ(Value({{"a", 1}}).type(), Type::kObject);
  const Value nested({{"a", {{"b", 1}}}});
  EXPECT_EQ(nested.AsObject().Find("a")->AsObject().Find("b")->AsInt64(), 1);
}

TEST(ValueTest, MembersKeepTheOrderInWhichTheyWereAdded) {
  Object object;
  EXPECT_TRUE(object.Add("z", 1));
  EXPECT_TRUE(object.Add("a", 2));
  object.Set("z", 3);
  EXPECT_EQ(DebugString(Value(object)), R"({"z": 3, "a": 2})");
}

TEST(ValueTest, ADuplicateNameIsRefusedOrReported) {
  Object object = {{"a", 1}};
  EXPECT_FALSE(object.Add("a", 2));
  EXPECT_EQ(object.Find("a")->AsInt64(), 1);
  EXPECT_EQ(object.FirstDuplicate(), std::nullopt);
  const Object twice = {{"a", 1}, {"b", 2}, {"a", 3}};
  EXPECT_EQ(twice.FirstDuplicate(), "a");
}

TEST(ValueTest, LookupIsRightWithFewAndWithManyMembers) {
  Object object;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(object.Add("f" + std::to_string(i), i));
    EXPECT_FALSE(object.Add("f" + std::to_string(i / 2), -1));
    EXPECT_EQ(object.Find("f" + std::to_string(i / 3))->AsInt64(), i / 3);
  }
  EXPECT_TRUE(object.Remove("f500"));
  EXPECT_FALSE(object.Remove("f500"));
  EXPECT_EQ(object.Find("f999")->AsInt64(), 999);
  const Object copy = object;
  EXPECT_EQ(copy.Find("f998")->AsInt64(), 998);
  const Object moved = std::move(object);
  EXPECT_EQ(moved.Find("f997")->AsInt64(), 997);
  EXPECT_EQ(moved.size(), 999u);
}

TEST(ValueTest, TypesAreThoseOfWhatIsGiven) {
  EXPECT_EQ(Value().type(), Type::kNull);
  EXPECT_EQ(Value(true).type(), Type::kBool);
  EXPECT_EQ(Value(std::uint32_t{7}).type(), Type::kInt64);
  EXPECT_EQ(Value(1.0f).type(), Type::kDouble);
  EXPECT_EQ(Value("text").type(), Type::kString);
  EXPECT_EQ(Value(Bytes{"x"}).type(), Type::kBytes);
  EXPECT_EQ(Value(Uuid()).type(), Type::kUuid);
  EXPECT_EQ(Value(Timestamp{5}).type(), Type::kTimestamp);
  EXPECT_EQ(Value(Array()).type(), Type::kArray);
  EXPECT_EQ(Value(Object()).type(), Type::kObject);
  static_assert(!std::is_constructible_v<Value, std::uint64_t>);
  static_assert(!std::is_constructible_v<Value, char>);
  static_assert(!std::is_constructible_v<Value, int*>);
  for (int i = 0; i < kTypeCount; ++i) {
    EXPECT_EQ(ParseTypeName(TypeName(static_cast<Type>(i))), static_cast<Type>(i));
  }
  EXPECT_EQ(ParseTypeName("float"), std::nullopt);
}

// One value of each place in the order; those within one line are equal.
std::vector<std::vector<Value>> ValuesInOrder() {
  const std::int64_t two_to_53 = std::int64_t{1} << 53;
  return {
      {Value()},
      {false},
      {true},
      {kNaN, -kNaN},
      {-kInfinity},
      {-std::numeric_limits<double>::max()},
      {-9223372036854777856.0},
      {kMin, -9223372036854775808.0},
      {kMin + 1},
      {-(two_to_53 + 1)},
      {-two_to_53, -9007199254740992.0},
      {-1, -1.0},
      {-0.5},
      {-std::numeric_limits<double>::denorm_min()},
      {0, 0.0, -0.0},
      {std::numeric_limits<double>::denorm_min()},
      {std::numeric_limits<double>::min()},
      {0.5},
      {1, 1.0},
      {1.5},
      {two_to_53 - 1},
      {two_to_53, 9007199254740992.0},
      {two_to_53 + 1},
      {two_to_53 + 2, 9007199254740994.0},
      {kMax - 1023, 9223372036854774784.0},
      {kMax - 1},
      {kMax},
      {9223372036854775808.0},
      {1e300},
      {kInfinity},
      {""},
      {std::string(1, '\0')},
      {std::string("\0a", 2)},
      {"a"},
      {std::string("a\0", 2)},
      {std::string("a\0\0", 3)},
      {std::string("a\0\xff", 3)},
      {"a\x01"},
      {"ab"},
      {"b"},
      {"\xc3\xa9"},
      {"\xff"},
      {Bytes{""}},
      {Bytes{"a"}},
      {Bytes{"\xff"}},
      {Uuid::FromHalves(0, 1)},
      {Uuid::FromHalves(1, 0)},
      {Uuid::FromHalves(0x8000000000000000, 0)},
      {Timestamp{kMin}},
      {Timestamp{-1}},
      {Timestamp{0}},
      {Timestamp{kMax}},
      {Array{}},
      {Array{nullptr}},
      {Array{nullptr, nullptr}},
      {Array{1}, Array{1.0}},
      {Array{1, "a"}},
      {Array{"a"}},
      {Array{Value(Array{})}},
      {Object{}},
      {Object{{"", 1}}},
      {Object{{"a", 1}}},
      {Object{{"a", 1}, {"b", 0}}, Object{{"b", 0.0}, {"a", 1.0}}},
      {Object{{"a", 1}, {"c", 0}}},
      {Object{{"a", 2}}},
      {Object{{"b", nullptr}}},
  };
}

TEST(CompareTest, ValuesHaveOneTotalOrderAcrossTypes) {
  const auto order = ValuesInOrder();
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = 0; j < order.size(); ++j) {
      for (const Value& a : order[i]) {
        for (const Value& b : order[j]) {
          EXPECT_TRUE(Compare(a, b) == (i <=> j)) << DebugString(a) << " and " << DebugString(b);
          EXPECT_EQ(a == b, i == j);
        }
      }
    }
  }
}

TEST(CompareTest, ViewsValuesAndPlainThingsCompareWithEachOther) {
  const Value three = 3;
  EXPECT_TRUE(Compare(three, 3.0) == 0);
  EXPECT_TRUE(Compare(2, three) < 0);
  EXPECT_TRUE(Compare(three, "3") < 0);
  EXPECT_TRUE(Equal(Value("x"), std::string_view("x")));
}

TEST(ValueViewTest, ReadsArraysAndObjectsWithoutCopying) {
  const Value value = {{"list", Array{1, "two", Array{3}}}, {"none", nullptr}};
  const ValueView view = value;
  const ObjectView object = view.AsObject();
  EXPECT_EQ(object.size(), 2u);
  EXPECT_FALSE(object.Find("missing").has_value());
  EXPECT_TRUE(object.Find("none")->is_null());
  const ArrayView list = object.Find("list")->AsArray();
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[1].AsString().data(),
            value.AsObject().Find("list")->AsArray()[1].AsString().data());
  EXPECT_EQ(list[2].AsArray()[0].AsInt64(), 3);
  std::string names;
  for (const MemberView& member : object) names += std::string(member.name) + " ";
  EXPECT_EQ(names, "list none ");
  EXPECT_EQ(Value(view), value);
}

TEST(ValueViewTest, DefaultContainersAreEmpty) {
  EXPECT_TRUE(ArrayView().empty());
  EXPECT_TRUE(ObjectView().empty());
  EXPECT_EQ(ObjectView().size(), 0u);
  EXPECT_FALSE(ObjectView().Find("a").has_value());
  EXPECT_EQ(Value(ValueView(ObjectView())), Value(Object()));
}

TEST(DebugStringTest, ShowsTypesThatLookAlikeApart) {
  const Value value = {{"i", 1},
                       {"d", 1.0},
                       {"s", "a\"\n"},
                       {"b", Bytes{"\x01\xff"}},
                       {"u", Uuid::FromHalves(0x0190163d8694739b, 0xaea5966c26f8ad91)},
                       {"t", Timestamp{1}},
                       {"n", Array{nullptr, false, 1e100}}};
  EXPECT_EQ(DebugString(value, 1000),
            R"({"i": 1, "d": 1.0, "s": "a\"\x0a", "b": bytes(01ff), )"
            R"("u": uuid("0190163d-8694-739b-aea5-966c26f8ad91"), )"
            R"("t": timestamp("1970-01-01T00:00:00.000001Z"), "n": [null, false, 1e+100]})");
}

TEST(DebugStringTest, IsBounded) {
  Array big;
  for (int i = 0; i < 100000; ++i) big.Append(i);
  EXPECT_LT(DebugString(Value(big)).size(), 300u);
  EXPECT_LT(DebugString(Value(std::string(1 << 20, 'x'))).size(), 300u);
}

TEST(UuidTest, TextRoundTripsAndBadTextIsRefused) {
  const std::string text = "0190163d-8694-739b-aea5-966c26f8ad91";
  const auto uuid = Uuid::Parse("0190163D-8694-739b-AEA5-966c26f8ad91");
  ASSERT_TRUE(uuid.ok());
  EXPECT_EQ(uuid->ToString(), text);
  EXPECT_EQ(Uuid::FromHalves(uuid->High(), uuid->Low()), *uuid);
  for (const char* bad :
       {"", "0190163d8694739baea5966c26f8ad91", "0190163d-8694-739b-aea5-966c26f8ad9",
        "0190163d-8694-739b-aea5-966c26f8ad9g", "0190163d-8694-739b-aea5x966c26f8ad91"}) {
    EXPECT_FALSE(Uuid::Parse(bad).ok()) << bad;
  }
}

TEST(TimestampTest, TextRoundTripsOverTheWholeRange) {
  for (const std::int64_t micros : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1},
                                    std::int64_t{1709208000250000}, kMin, kMax}) {
    const std::string text = Timestamp{micros}.ToString();
    const auto parsed = Timestamp::Parse(text);
    ASSERT_TRUE(parsed.ok()) << text << parsed.status();
    EXPECT_EQ(parsed->micros, micros) << text;
    EXPECT_EQ(Timestamp::FromTime(Timestamp{micros}.ToTime()).micros, micros);
  }
  EXPECT_EQ(Timestamp{1709208000250000}.ToString(), "2024-02-29T12:00:00.25Z");
  EXPECT_EQ(Timestamp::Parse("2024-02-29T13:00:00.2500009+01:00")->micros, 1709208000250000);
  for (const char* bad :
       {"", "now", "infinite-future", " 2024-02-29T12:00:00Z", "2024-02-30T12:00:00Z", "2024-02-29",
        "2024-02-29T12:00:00", "400000-01-01T00:00:00Z"}) {
    EXPECT_FALSE(Timestamp::Parse(bad).ok()) << bad;
  }
  EXPECT_EQ(Timestamp::FromTime(absl::InfiniteFuture()).micros, kMax);
}

}  // namespace
}  // namespace aurora
