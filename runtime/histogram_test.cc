#include "aurora/runtime/histogram.h"

#include <cstdint>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace aurora {
namespace {

TEST(HistogramTest, QuantilesAreWithinTheWidthOfABucket) {
  Histogram histogram;
  for (std::uint64_t i = 1; i <= 1'000'000; ++i) histogram.Record(i);
  EXPECT_NEAR(static_cast<double>(histogram.Quantile(0.5)), 500'000, 500'000 / 32.0 + 1);
  EXPECT_NEAR(static_cast<double>(histogram.Quantile(0.99)), 990'000, 990'000 / 32.0 + 1);
  EXPECT_EQ(histogram.max(), 1'000'000u);
  EXPECT_EQ(histogram.Quantile(1), 1'000'000u);
  EXPECT_EQ(histogram.sum(), 500'000'500'000u);
}

TEST(HistogramTest, EveryValueIsTooLowByNothingAndTooHighByAThirtySecond) {
  for (std::uint64_t value = 0; value < std::uint64_t{1} << 43; value = value * 5 / 4 + 1) {
    Histogram histogram;
    histogram.Record(value);
    histogram.Record(UINT64_MAX / 2);  // so that the maximum bounds nothing
    const std::uint64_t told = histogram.Quantile(0.4);
    EXPECT_GE(told, value);
    EXPECT_LE(told, value + value / 32);
  }
}

TEST(HistogramTest, SmallAndHugeValuesHaveBuckets) {
  Histogram histogram;
  histogram.Record(0);
  histogram.Record(63);
  histogram.Record(INT64_MAX);
  EXPECT_EQ(histogram.count(), 3u);
  EXPECT_EQ(histogram.Quantile(0.5), 63u);
  EXPECT_EQ(histogram.Quantile(0.9), static_cast<std::uint64_t>(INT64_MAX));
}

TEST(HistogramTest, NothingRecordedIsZero) {
  EXPECT_EQ(Histogram().Quantile(0.5), 0u);
  EXPECT_EQ(Histogram().Summary().mean(), 0);
}

TEST(HistogramTest, MergingAddsUp) {
  Histogram a;
  Histogram b;
  for (std::uint64_t i = 0; i < 100; ++i) (i < 50 ? a : b).Record(i * 1000);
  a.Merge(b);
  EXPECT_EQ(a.count(), 100u);
  EXPECT_EQ(a.max(), 99'000u);
  EXPECT_EQ(a.sum(), 4'950'000u);
  EXPECT_NEAR(static_cast<double>(a.Quantile(0.9)), 90'000, 90'000 / 32.0 + 1);
}

TEST(HistogramTest, AWeightStandsForSoMany) {
  Histogram histogram;
  histogram.Record(10, 64);
  histogram.Record(5000);
  const Distribution told = histogram.Summary();
  EXPECT_EQ(told.count, 65u);
  EXPECT_EQ(told.sum, 5640u);
  EXPECT_EQ(told.p50, 10u);
  EXPECT_EQ(told.p999, 5000u);
  EXPECT_EQ(told.max, 5000u);
}

TEST(SharedHistogramTest, NothingThatManyThreadsRecordIsLost) {
  constexpr std::uint64_t kThreads = 4;
  constexpr std::uint64_t kValues = 20'000;
  SharedHistogram shared;
  Histogram expected;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&shared, t] {
      for (std::uint64_t i = 0; i < kValues; ++i) shared.Record(i * kThreads + t, 2);
    });
    for (std::uint64_t i = 0; i < kValues; ++i) expected.Record(i * kThreads + t, 2);
  }
  static_cast<void>(shared.Snapshot());  // beside the writers
  for (std::thread& thread : threads) thread.join();
  const Distribution told = shared.Snapshot().Summary();
  EXPECT_EQ(told.count, expected.count());
  EXPECT_EQ(told.sum, expected.sum());
  EXPECT_EQ(told.max, expected.max());
  EXPECT_EQ(told.p99, expected.Quantile(0.99));
}

}  // namespace
}  // namespace aurora
