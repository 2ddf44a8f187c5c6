#include "aurora/runtime/memory_budget.h"

#include <gtest/gtest.h>

#include <set>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace aurora {
namespace {

TEST(MemoryBudgetTest, ChargesUpToTheLimitExactly) {
  MemoryBudget budget(100);
  const MemoryBudget::Charge a = budget.TryTake(MemoryUse::kMemtable, 60);
  EXPECT_EQ(a.bytes(), 60u);
  EXPECT_EQ(budget.TryTake(MemoryUse::kBlockCache, 41).bytes(), 0u);
  const MemoryBudget::Charge b = budget.TryTake(MemoryUse::kBlockCache, 40);
  EXPECT_EQ(b.bytes(), 40u);
  EXPECT_EQ(budget.used_bytes(), 100u);
  EXPECT_EQ(budget.used_bytes(MemoryUse::kMemtable), 60u);
  EXPECT_EQ(budget.used_bytes(MemoryUse::kBlockCache), 40u);
  EXPECT_EQ(budget.TryTake(MemoryUse::kHotTier, SIZE_MAX).bytes(), 0u);
}

TEST(MemoryBudgetTest, AChargeIsGivenBackWhenItDies) {
  MemoryBudget budget(100);
  {
    const MemoryBudget::Charge charge = budget.Take(MemoryUse::kHotTier, 100);
  }
  EXPECT_EQ(budget.used_bytes(), 0u);
  EXPECT_EQ(budget.used_bytes(MemoryUse::kHotTier), 0u);
}

TEST(MemoryBudgetTest, TakeMayPassTheLimitAndThenNobodyElseFits) {
  MemoryBudget budget(100);
  MemoryBudget::Charge charge = budget.Take(MemoryUse::kMemtable, 150);
  EXPECT_EQ(budget.used_bytes(), 150u);
  EXPECT_EQ(budget.TryTake(MemoryUse::kMemtable, 1).bytes(), 0u);
  charge.Resize(99);
  EXPECT_EQ(budget.TryTake(MemoryUse::kMemtable, 1).bytes(), 1u);
}

TEST(MemoryBudgetTest, AssigningGivesBackWhatWasHeldBefore) {
  MemoryBudget budget(100);
  MemoryBudget::Charge a = budget.Take(MemoryUse::kMemtable, 10);
  MemoryBudget::Charge b = budget.Take(MemoryUse::kIndexCache, 20);
  a = std::move(b);
  EXPECT_EQ(a.bytes(), 20u);
  EXPECT_EQ(budget.used_bytes(), 20u);
  EXPECT_EQ(budget.used_bytes(MemoryUse::kMemtable), 0u);
  a = MemoryBudget::Charge();
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST(MemoryBudgetTest, EveryUseHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kMemoryUseCount; ++i) {
    names.insert(MemoryUseName(static_cast<MemoryUse>(i)));
  }
  EXPECT_EQ(names.size(), kMemoryUseCount);
  EXPECT_FALSE(names.contains(""));
}

TEST(MemoryBudgetTest, ManyThreadsTogetherNeverPassTheLimitAndGiveAllBack) {
  MemoryBudget budget(1000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&budget, t] {
      const auto use = static_cast<MemoryUse>(t % kMemoryUseCount);
      for (int i = 0; i < 20'000; ++i) {
        MemoryBudget::Charge charge = budget.TryTake(use, 400);
        EXPECT_LE(budget.used_bytes(), 1000u);
        if (charge.bytes() > 0) charge.Resize(i % 400 + 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST(MemoryBudgetDeathTest, AChargeMustNotOutliveItsBudget) {
  EXPECT_DEATH(
      {
        MemoryBudget::Charge charge;
        MemoryBudget budget(10);
        charge = budget.Take(MemoryUse::kMemtable, 1);
      },
      "must not outlive");
}

}  // namespace
}  // namespace aurora
