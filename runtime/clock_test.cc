#include "aurora/runtime/clock.h"

#include <gtest/gtest.h>

#include "absl/time/time.h"

namespace aurora {
namespace {

TEST(SystemClockTest, MonotonicTimeNeverGoesBack) {
  std::int64_t last = Clock::System().MonotonicNanos();
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t now = Clock::System().MonotonicNanos();
    EXPECT_GE(now, last);
    last = now;
  }
}

TEST(SystemClockTest, WallClockIsInThisCentury) {
  EXPECT_GT(Clock::System().Now(), absl::FromUnixSeconds(1'600'000'000));
  EXPECT_LT(Clock::System().Now(), absl::FromUnixSeconds(4'100'000'000));
}

}  // namespace
}  // namespace aurora
