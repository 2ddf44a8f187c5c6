#include "aurora/lsm/filter.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

std::string Key(std::uint64_t i) { return "key/" + std::to_string(i); }

Filter Build(std::uint64_t key_count, int bits_per_key) {
  FilterBuilder builder(bits_per_key);
  for (std::uint64_t i = 0; i < key_count; ++i) builder.Add(HashKey(Key(i)));
  std::optional<Filter> filter = Filter::Open(builder.Finish());
  EXPECT_TRUE(filter.has_value());
  return std::move(*filter);
}

double FalsePositiveRate(const Filter& filter, std::uint64_t key_count) {
  constexpr std::uint64_t kProbes = 200000;
  std::uint64_t passed = 0;
  for (std::uint64_t i = 0; i < kProbes; ++i) {
    if (filter.MayContain(HashKey(Key(key_count + i)))) ++passed;
  }
  return static_cast<double>(passed) / kProbes;
}

TEST(FilterTest, EveryKeyPassesItsFilter) {
  for (const std::uint64_t key_count : {1, 2, 51, 52, 1000, 50000}) {
    for (const int bits_per_key : {1, 4, 10, 16}) {
      const Filter filter = Build(key_count, bits_per_key);
      for (std::uint64_t i = 0; i < key_count; ++i) {
        ASSERT_TRUE(filter.MayContain(HashKey(Key(i)))) << i;
      }
    }
  }
}

TEST(FilterTest, FewAbsentKeysPassAndFewerWithMoreBits) {
  constexpr std::uint64_t kKeys = 100000;
  EXPECT_LT(FalsePositiveRate(Build(kKeys, 8), kKeys), 0.028);
  EXPECT_LT(FalsePositiveRate(Build(kKeys, 10), kKeys), 0.013);
  EXPECT_LT(FalsePositiveRate(Build(kKeys, 14), kKeys), 0.0045);
}

TEST(FilterTest, AFilterOfNoKeysIsPassedByNone) {
  EXPECT_EQ(FalsePositiveRate(Build(0, 10), 0), 0.0);
}

TEST(FilterTest, BytesThatAreNotAFilterAreRefused) {
  FilterBuilder builder(10);
  for (std::uint64_t i = 0; i < 500; ++i) builder.Add(HashKey(Key(i)));
  const std::string good = builder.Finish();
  ASSERT_TRUE(Filter::Open(good).has_value());
  EXPECT_FALSE(Filter::Open("").has_value());
  EXPECT_FALSE(Filter::Open(std::string_view(good).substr(1)).has_value());
  EXPECT_FALSE(Filter::Open(std::string_view(good).substr(kFilterLineBytes)).has_value());
  for (std::size_t i = good.size() - kFilterTrailerBytes; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x40);
    EXPECT_FALSE(Filter::Open(bad).has_value()) << i;
  }
}

TEST(FilterTest, TheHashIsThatOfTheFormat) {
  // XXH3-64, from its reference implementation; files depend on it.
  EXPECT_EQ(HashKey(""), 0x2D06800538D394C2u);
}

}  // namespace
}  // namespace aurora::lsm
