#include "aurora/lsm/growing_filter.h"

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "aurora/lsm/filter.h"
#include "aurora/runtime/memory_budget.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

std::uint64_t Hash(std::uint64_t number) { return HashKey("key" + std::to_string(number)); }

// Of 100,000 keys that were not added.
double PassingPart(const GrowingFilter& filter) {
  constexpr int kAsked = 100'000;
  int passed = 0;
  for (std::uint64_t i = 0; i < kAsked; ++i) passed += filter.MayContain(Hash(1u << 30 | i));
  return static_cast<double>(passed) / kAsked;
}

TEST(GrowingFilterTest, WhatWasAddedPassesAndFewOthersDo) {
  MemoryBudget budget(SIZE_MAX);
  constexpr std::uint64_t kKeys = 100'000;
  GrowingFilter filter(&budget, MemoryUse::kMemtable, kKeys * 12 / 8);
  EXPECT_EQ(PassingPart(filter), 0);
  for (std::uint64_t i = 0; i < kKeys; ++i) filter.Add(Hash(i));
  for (std::uint64_t i = 0; i < kKeys; ++i) ASSERT_TRUE(filter.MayContain(Hash(i))) << i;
  EXPECT_LT(PassingPart(filter), 0.03);
  // Twice as many keys as it is for: it still tells most.
  for (std::uint64_t i = 0; i < kKeys; ++i) filter.Add(Hash(kKeys + i));
  EXPECT_LT(PassingPart(filter), 0.2);
}

TEST(GrowingFilterTest, TheSmallestHasOneWord) {
  MemoryBudget budget(SIZE_MAX);
  GrowingFilter filter(&budget, MemoryUse::kMemtable, 0);
  EXPECT_EQ(filter.charged_bytes(), 8u);
  EXPECT_EQ(budget.used_bytes(MemoryUse::kMemtable), 8u);
  filter.Add(Hash(1));
  EXPECT_TRUE(filter.MayContain(Hash(1)));
}

TEST(GrowingFilterTest, ThreadsThatAddToTheSameWordsLoseNothing) {
  MemoryBudget budget(SIZE_MAX);
  GrowingFilter filter(&budget, MemoryUse::kMemtable, 4096);
  constexpr std::uint64_t kKeys = 2000;
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&filter, thread] {
      for (std::uint64_t i = thread; i < kKeys; i += 4) filter.Add(Hash(i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::uint64_t i = 0; i < kKeys; ++i) ASSERT_TRUE(filter.MayContain(Hash(i))) << i;
}

}  // namespace
}  // namespace aurora::lsm
