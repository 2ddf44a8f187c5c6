#include "aurora/cache/hot_tier.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "gtest/gtest.h"

namespace aurora::cache {
namespace {

using Object = std::shared_ptr<const int>;
using Tier = HotTier<Object>;

Object Make(int value) { return std::make_shared<const int>(value); }

TEST(HotTierTest, AnEntryServesOnlyReadersAtOrAboveItsSequence) {
  MemoryBudget budget(1 << 20);
  Tier tier(1 << 20, &budget);
  tier.Fill({1, 7}, Make(70), 10, 8);
  EXPECT_EQ(**tier.Get({1, 7}, 10), 70);
  EXPECT_EQ(**tier.Get({1, 7}, 11), 70);
  EXPECT_FALSE(tier.Get({1, 7}, 9).has_value());
  EXPECT_FALSE(tier.Get({2, 7}, 10).has_value());
}

TEST(HotTierTest, AWriterReplacesWhatIsThereAndNothingElse) {
  MemoryBudget budget(1 << 20);
  Tier tier(1 << 20, &budget);
  tier.Replace({1, 7}, Make(1), 5, 8);
  EXPECT_FALSE(tier.Get({1, 7}, 5).has_value());
  tier.Fill({1, 7}, Make(1), 5, 8);
  tier.Replace({1, 7}, Make(2), 6, 8);
  EXPECT_FALSE(tier.Get({1, 7}, 5).has_value());
  EXPECT_EQ(**tier.Get({1, 7}, 6), 2);
  tier.Drop({1, 7}, 7);
  EXPECT_FALSE(tier.Get({1, 7}, 7).has_value());
}

TEST(HotTierTest, AFillThatAWriteOvertookIsRefused) {
  MemoryBudget budget(1 << 20);
  Tier tier(1 << 20, &budget);
  tier.Drop({1, 7}, 20);
  tier.Fill({1, 7}, Make(1), 19, 8);
  EXPECT_FALSE(tier.Get({1, 7}, 30).has_value());
  tier.Fill({1, 7}, Make(2), 20, 8);
  EXPECT_EQ(**tier.Get({1, 7}, 30), 2);
}

TEST(HotTierTest, MemoryStaysWithinCapacityAndBudget) {
  MemoryBudget budget(200'000);
  {
    Tier tier(400'000, &budget);
    for (std::uint64_t row = 0; row < 10'000; ++row) tier.Fill({1, row}, Make(1), 1, 100);
    EXPECT_LE(budget.used_bytes(MemoryUse::kHotTier), 200'000u);
    EXPECT_GT(tier.GetStats().count, 300u);
    EXPECT_EQ(tier.GetStats().bytes, budget.used_bytes(MemoryUse::kHotTier));
    tier.Fill({1, 20'000}, Make(1), 1, 1 << 20);
    EXPECT_FALSE(tier.Get({1, 20'000}, 1).has_value());
  }
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST(HotTierTest, WithoutCapacityItKeepsNothing) {
  MemoryBudget budget(1 << 20);
  Tier tier(0, &budget);
  tier.Fill({1, 1}, Make(1), 1, 8);
  EXPECT_FALSE(tier.Get({1, 1}, 1).has_value());
}

// One writer gives each row its sequence as value, in order, and publishes afterwards; readers must
// never see a value that is not the newest at what was published when they began.
TEST(HotTierTest, ReadersNeverSeeAnOldVersion) {
  constexpr std::uint64_t kRows = 32;
  MemoryBudget budget(1 << 20);
  Tier tier(1 << 20, &budget);
  std::vector<std::atomic<std::uint64_t>> newest(kRows);  // stands for the store
  std::atomic<std::uint64_t> published{0};
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    SeededRandom random(1);
    for (std::uint64_t sequence = 1; sequence < 100'000; ++sequence) {
      const std::uint64_t row = random.Below(kRows);
      if (random.Below(4) == 0) {
        tier.Drop({1, row}, sequence);
      } else {
        tier.Replace({1, row}, Make(static_cast<int>(sequence)), sequence, 8);
      }
      newest[row] = sequence;
      published = sequence;
    }
    stop = true;
  });
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      SeededRandom random(static_cast<std::uint64_t>(reader) + 2);
      while (!stop) {
        const std::uint64_t row = random.Below(kRows);
        const std::uint64_t at = published;
        const std::uint64_t before = newest[row];
        const std::optional<Object> object = tier.Get({1, row}, at);
        if (object.has_value() && before <= at)
          EXPECT_GE(static_cast<std::uint64_t>(**object), before);
        if (!object.has_value() && newest[row] <= at)
          tier.Fill({1, row}, Make(static_cast<int>(before)), at, 8);
      }
    });
  }
  writer.join();
  for (std::thread& thread : readers) thread.join();
}

}  // namespace
}  // namespace aurora::cache
