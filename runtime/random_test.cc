#include "aurora/runtime/random.h"

#include <array>
#include <cstdint>

#include "gtest/gtest.h"

namespace aurora {
namespace {

TEST(SeededRandomTest, TheSameSeedGivesTheSameNumbersOnEveryMachine) {
  // The state that SplitMix64 makes of seed 0 is published; these are xoshiro256**'s numbers from
  // there.
  SeededRandom a(0), b(0), c(1);
  const std::array<std::uint64_t, 3> golden = {11091344671253066420u, 13793997310169335082u,
                                               1900383378846508768u};
  for (const std::uint64_t expected : golden) {
    EXPECT_EQ(a.Next64(), expected);
    EXPECT_EQ(b.Next64(), expected);
  }
  EXPECT_NE(c.Next64(), golden[0]);
}

TEST(RandomTest, BelowStaysBelowAndReachesEverything) {
  SeededRandom random(7);
  std::array<int, 5> seen{};
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = random.Below(5);
    ASSERT_LT(value, 5u);
    ++seen[value];
  }
  for (const int count : seen) EXPECT_GT(count, 100);
  EXPECT_EQ(random.Below(1), 0u);
  for (int i = 0; i < 100; ++i) EXPECT_LT(random.Below(UINT64_MAX), UINT64_MAX);
}

TEST(RandomTest, TheSystemsNumbersDiffer) {
  EXPECT_NE(Random::System().Next64(), Random::System().Next64());
}

}  // namespace
}  // namespace aurora
