#include "aurora/bench/workloads/ycsb_generators.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "aurora/runtime/random.h"
#include "gtest/gtest.h"

namespace aurora::bench {
namespace {

constexpr int kDraws = 200'000;

template <class Generator>
std::vector<int> Draw(const Generator& generator, std::uint64_t count) {
  SeededRandom random(7);
  std::vector<int> drawn(count);
  for (int i = 0; i < kDraws; ++i) ++drawn.at(generator.Next(&random));
  return drawn;
}

double Zeta(std::uint64_t count) {
  double sum = 0;
  for (std::uint64_t i = 1; i <= count; ++i) sum += std::pow(static_cast<double>(i), -0.99);
  return sum;
}

TEST(YcsbGeneratorsTest, ZipfianNumbersAreAsFrequentAsTheLawSays) {
  const std::vector<int> drawn = Draw(ZipfianGenerator(1000), 1000);
  const double first = kDraws / Zeta(1000);
  EXPECT_NEAR(drawn[0], first, first * 0.03);
  EXPECT_NEAR(drawn[1], first / std::pow(2, 0.99), first * 0.03);
  int first_tenth = 0;
  for (int i = 0; i < 100; ++i) first_tenth += drawn[static_cast<std::size_t>(i)];
  EXPECT_NEAR(first_tenth, kDraws * Zeta(100) / Zeta(1000), kDraws * 0.03);
}

TEST(YcsbGeneratorsTest, GrowingIsAsIfMadeAnew) {
  ZipfianGenerator grown(10);
  grown.GrowTo(10);
  grown.GrowTo(1000);
  EXPECT_EQ(Draw(grown, 1000), Draw(ZipfianGenerator(1000), 1000));
}

TEST(YcsbGeneratorsTest, ScrambledNumbersAreAsSkewedButLieAnywhere) {
  std::vector<int> drawn = Draw(ScrambledZipfianGenerator(1000), 1000);
  const auto hottest = std::max_element(drawn.begin(), drawn.end());
  // YCSB's own constant: the most popular of ten billion.
  EXPECT_NEAR(*hottest, kDraws / 26.469, kDraws * 0.004);
  // Where YCSB's hash puts number 0: abs(FNV-1a of eight zero bytes) % 1000.
  EXPECT_EQ(hottest - drawn.begin(), 211);
  EXPECT_GT(std::count_if(drawn.begin(), drawn.end(), [](int n) { return n > 0; }), 990);
}

TEST(YcsbGeneratorsTest, TheLatestIsTheMostPopularAlsoAfterInserts) {
  LatestGenerator latest(500);
  latest.GrowTo(1000);
  const std::vector<int> drawn = Draw(latest, 1000);
  const double first = kDraws / Zeta(1000);
  EXPECT_NEAR(drawn[999], first, first * 0.03);
  EXPECT_GT(drawn[999], drawn[998]);
}

TEST(YcsbGeneratorsTest, OneRecordIsAlwaysItself) {
  EXPECT_EQ(Draw(ZipfianGenerator(1), 1)[0], kDraws);
  EXPECT_EQ(Draw(ScrambledZipfianGenerator(1), 1)[0], kDraws);
  EXPECT_EQ(Draw(LatestGenerator(1), 1)[0], kDraws);
}

}  // namespace
}  // namespace aurora::bench
