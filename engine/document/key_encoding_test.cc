#include "aurora/engine/document/key_encoding.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "aurora/engine/document/value_testing.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    char buffer[4];
    std::snprintf(buffer, sizeof(buffer), "%02x", static_cast<unsigned char>(c));
    hex += buffer;
  }
  return hex;
}

void ExpectSameOrder(const Value& a, const Value& b) {
  const auto expected = Compare(a, b);
  EXPECT_TRUE((EncodeKey(a) <=> EncodeKey(b)) == expected)
      << DebugString(a) << " is " << Hex(EncodeKey(a)) << "\n"
      << DebugString(b) << " is " << Hex(EncodeKey(b));
  EXPECT_TRUE((EncodeKey(b, KeyOrder::kDescending) <=> EncodeKey(a, KeyOrder::kDescending)) ==
              expected)
      << DebugString(a) << " and " << DebugString(b);
}

TEST(KeyEncodingTest, AdversarialNumbersSortAsTheyCompare) {
  const std::vector<Value>& numbers = AdversarialNumbers();
  for (const Value& a : numbers) {
    for (const Value& b : numbers) {
      const bool less = EncodeKey(a) < EncodeKey(b);
      ASSERT_EQ(less, Compare(a, b) < 0) << DebugString(a) << " " << DebugString(b);
      ASSERT_EQ(EncodeKey(a) == EncodeKey(b), Equal(a, b));
    }
  }
}

TEST(KeyEncodingTest, RandomValuesSortAsTheyCompareInBothDirections) {
  RandomValues random(TestSeed(1));
  std::vector<Value> values;
  for (int i = 0; i < 600; ++i) values.push_back(random.Next());
  for (const Value& a : values) {
    for (const Value& b : values) ExpectSameOrder(a, b);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(KeyEncodingTest, KeysReadBackAndSayWhereTheyEnd) {
  RandomValues random(TestSeed(2));
  for (int i = 0; i < 20000; ++i) {
    const Value value = random.Next();
    const KeyOrder order = random.OneIn(2) ? KeyOrder::kAscending : KeyOrder::kDescending;
    const std::string key = EncodeKey(value, order);
    const std::string followed = key + random.Bytes();
    std::string_view rest = followed;
    const auto read = ConsumeKey(&rest, order);
    ASSERT_TRUE(read.ok()) << DebugString(value) << read.status();
    EXPECT_EQ(*read, value) << DebugString(value);
    EXPECT_EQ(rest.size(), followed.size() - key.size());
    // No key is a proper prefix of another: all that is shorter is cut short.
    for (std::size_t size = 0; size < key.size(); ++size) {
      EXPECT_FALSE(DecodeKey(std::string_view(key).substr(0, size), order).ok());
    }
  }
}

TEST(KeyEncodingTest, NumbersComeBackAsIntegersWhereThatIsExact) {
  EXPECT_EQ(DecodeKey(EncodeKey(3.0))->type(), Type::kInt64);
  EXPECT_EQ(DecodeKey(EncodeKey(-0.0))->type(), Type::kInt64);
  EXPECT_EQ(DecodeKey(EncodeKey(3.5))->type(), Type::kDouble);
  EXPECT_EQ(DecodeKey(EncodeKey(9223372036854775808.0))->type(), Type::kDouble);
  for (const Value& number : AdversarialNumbers()) {
    EXPECT_EQ(*DecodeKey(EncodeKey(number)), number) << DebugString(number);
  }
}

TEST(KeyEncodingTest, TuplesCompareElementByElement) {
  RandomValues random(TestSeed(3));
  const auto tuple_of = [&] {
    std::vector<Value> tuple;
    for (std::uint64_t i = 0; i < 2; ++i) tuple.push_back(random.Next(1));
    return tuple;
  };
  for (int i = 0; i < 20000; ++i) {
    const auto a = tuple_of();
    const auto b = tuple_of();
    auto expected = Compare(a[0], b[0]);
    if (expected == 0) expected = Compare(a[1], b[1]);
    const std::vector<ValueView> a_views(a.begin(), a.end());
    const std::vector<ValueView> b_views(b.begin(), b.end());
    EXPECT_TRUE((EncodeTuple(a_views) <=> EncodeTuple(b_views)) == expected);
    EXPECT_EQ(*DecodeTuple(EncodeTuple(a_views)), a);
    // The second element descending.
    expected = Compare(a[0], b[0]);
    if (expected == 0) expected = Compare(b[1], a[1]);
    const auto mixed = [](const std::vector<Value>& tuple) {
      return EncodeKey(tuple[0]) + EncodeKey(tuple[1], KeyOrder::kDescending);
    };
    EXPECT_TRUE((mixed(a) <=> mixed(b)) == expected);
  }
}

TEST(KeyEncodingTest, RangesHoldExactlyTheirKind) {
  RandomValues random(TestSeed(4));
  for (int i = 0; i < 5000; ++i) {
    const Value value = random.Next();
    for (int t = 0; t < kTypeCount; ++t) {
      const auto type = static_cast<Type>(t);
      const bool number = type == Type::kInt64 || type == Type::kDouble;
      const KeyRange range = KeyRangeOf(type);
      const std::string key = EncodeKey(value);
      EXPECT_EQ(range.begin <= key && key < range.end,
                number ? value.is_number() : value.type() == type)
          << DebugString(value) << TypeName(type);
    }
  }
}

TEST(KeyEncodingTest, PrefixRangesHoldExactlyTheStringsThatStartSo) {
  RandomValues random(TestSeed(5));
  for (int i = 0; i < 20000; ++i) {
    const std::string prefix = random.Text();
    const std::string text = random.OneIn(2) ? prefix + random.Text() : random.Text();
    const KeyRange range = KeyRangeOfPrefix(prefix);
    const std::string key = EncodeKey(text);
    EXPECT_EQ(range.begin <= key && key < range.end, text.starts_with(prefix))
        << Hex(prefix) << " " << Hex(text);
  }
  EXPECT_EQ(PrefixSuccessor("a\xff\xff"), "b");
  EXPECT_EQ(PrefixSuccessor("\xff"), "");
}

TEST(KeyEncodingTest, TheFormatIsAsDocumented) {
  EXPECT_EQ(Hex(EncodeKey(nullptr)), "10");
  EXPECT_EQ(Hex(EncodeKey(true)), "19");
  EXPECT_EQ(Hex(EncodeKey(1)), "20bff0000000000000");
  EXPECT_EQ(Hex(EncodeKey(-1)), "20400fffffffffffff");
  EXPECT_EQ(Hex(EncodeKey((std::int64_t{1} << 53) + 1)), "20c3400000000000000001");
  EXPECT_EQ(Hex(EncodeKey(std::numeric_limits<double>::quiet_NaN())), "200000000000000000");
  EXPECT_EQ(Hex(EncodeKey(std::string_view("a\0b", 3))), "306100ff620001");
  EXPECT_EQ(Hex(EncodeKey(ValueView::OfBytes("a"))), "38610001");
  EXPECT_EQ(Hex(EncodeKey(Timestamp{1})), "488000000000000001");
  EXPECT_EQ(Hex(EncodeKey(Value(Array{true}))), "501900");
  EXPECT_EQ(Hex(EncodeKey(Value(Object{{"b", true}, {"a", nullptr}}))),
            "5801610001100162000119"
            "00");
  EXPECT_EQ(Hex(EncodeKey(true, KeyOrder::kDescending)), "e6");
}

TEST(KeyEncodingTest, WhatNoEncoderWroteIsRefused) {
  const auto refused = [](std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    }
    const auto read = DecodeKey(bytes);
    return read.status().code() == absl::StatusCode::kDataLoss;
  };
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("00"));
  EXPECT_TRUE(refused("ff"));
  EXPECT_TRUE(refused("1010")) << "more than one key";
  EXPECT_TRUE(refused("207fffffffffffffff")) << "-0";
  EXPECT_TRUE(refused("20fff8000000000000")) << "NaN";
  EXPECT_TRUE(refused("20c3400000000000000002")) << "a remainder that is a double of its own";
  EXPECT_TRUE(refused("20c340000000000000ffff")) << "a remainder too large";
  EXPECT_TRUE(refused("30610002")) << "a wrong escape";
  EXPECT_TRUE(
      refused("580162000119"
              "0161000110"
              "00"))
      << "members not sorted";
  EXPECT_TRUE(
      refused("580161000119"
              "0161000110"
              "00"))
      << "a member twice";
  EXPECT_TRUE(refused("580200"));
  EXPECT_TRUE(DecodeKey(std::string(100000, '\x50')).status().code() ==
              absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace aurora
