#include "aurora/runtime/random.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

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

TEST(SystemRandomTest, DiffersFromThreadToThread) {
  constexpr int kThreads = 4;
  std::vector<std::uint64_t> first(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { first[i] = Random::System().Next64(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<std::uint64_t>(first.begin(), first.end()).size(), std::size_t{kThreads});
}

TEST(SystemRandomTest, AForkedChildDoesNotRepeatItsParentsNumbers) {
  (void)Random::System().Next64();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::uint64_t number = Random::System().Next64();
    _exit(write(ends[1], &number, sizeof number) == sizeof number ? 0 : 1);
  }
  std::uint64_t of_child = 0;
  ASSERT_EQ(read(ends[0], &of_child, sizeof of_child), ssize_t{sizeof of_child});
  int exit_code = -1;
  ASSERT_EQ(waitpid(child, &exit_code, 0), child);
  EXPECT_EQ(exit_code, 0);
  EXPECT_NE(of_child, Random::System().Next64());
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace aurora
