#include "aurora/bench/workloads/latency_histogram.h"

#include "gtest/gtest.h"

namespace aurora::bench {
namespace {

TEST(LatencyHistogramTest, QuantilesAreWithinTheWidthOfABucket) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 1'000'000; ++i) histogram.Record(i);
  EXPECT_NEAR(histogram.QuantileMicros(0.5), 500, 500 / 32.0 + 1);
  EXPECT_NEAR(histogram.QuantileMicros(0.99), 990, 990 / 32.0 + 1);
  EXPECT_EQ(histogram.MaxMicros(), 1000);
  EXPECT_EQ(histogram.QuantileMicros(1), 1000);
}

TEST(LatencyHistogramTest, SmallAndHugeLatenciesHaveBuckets) {
  LatencyHistogram histogram;
  histogram.Record(0);
  histogram.Record(63);
  histogram.Record(INT64_MAX);
  EXPECT_EQ(histogram.count(), 3u);
  EXPECT_NEAR(histogram.QuantileMicros(0.5), 0.063, 1e-9);
}

TEST(LatencyHistogramTest, MergingAddsUp) {
  LatencyHistogram a, b;
  for (int i = 0; i < 100; ++i) (i < 50 ? a : b).Record(i * 1000);
  a.Merge(b);
  EXPECT_EQ(a.count(), 100u);
  EXPECT_NEAR(a.QuantileMicros(0.9), 90, 90 / 32.0 + 1);
}

}  // namespace
}  // namespace aurora::bench
