// What a look into the caches costs.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "aurora/cache/block_cache.h"
#include "aurora/cache/hot_tier.h"
#include "aurora/runtime/memory_budget.h"
#include "benchmark/benchmark.h"

namespace aurora::cache {
namespace {

constexpr std::size_t kNoLimit = std::size_t{1} << 40;
constexpr std::size_t kObjectBytes = 200;
// Steps through the keys in an order that the prefetcher cannot guess.
constexpr std::uint64_t kStride = 7919;

// --- Block cache ---

void BlockCacheFind(benchmark::State& state) {
  MemoryBudget budget(kNoLimit);
  BlockCache cache(&budget, kNoLimit);
  const auto count = static_cast<std::uint64_t>(state.range(0));
  for (std::uint64_t i = 0; i < count; ++i) {
    const MemoryBudget::Charge charge = cache.Reserve({1, i * 8192}, 8192);
    cache.Insert({1, i * 8192}, std::make_shared<std::uint64_t>(i), 8192);
  }
  std::uint64_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache.Find({1, i * 8192}));
    i = (i + kStride) % count;
  }
}
BENCHMARK(BlockCacheFind)->Arg(1000)->Arg(100000);

// A miss that is filled, with eviction.
void BlockCacheFill(benchmark::State& state) {
  MemoryBudget budget(kNoLimit);
  BlockCache cache(&budget, std::size_t{64} << 20);
  std::uint64_t i = 0;
  for (auto _ : state) {
    const MemoryBudget::Charge charge = cache.Reserve({1, i}, 8192);
    cache.Insert({1, i}, std::make_shared<std::uint64_t>(i), 8192);
    ++i;
  }
}
BENCHMARK(BlockCacheFill);

// --- Hot tier ---

using Object = std::shared_ptr<const std::uint64_t>;

struct FilledHotTier {
  explicit FilledHotTier(std::uint64_t count) : tier(kNoLimit, &budget) {
    for (std::uint64_t row = 0; row < count; ++row) {
      tier.Fill({1, row}, std::make_shared<std::uint64_t>(row), 1, kObjectBytes);
    }
  }
  MemoryBudget budget{kNoLimit};
  HotTier<Object> tier;
};

void HotTierHit(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  FilledHotTier filled(count);
  std::uint64_t row = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(filled.tier.Get({1, row}, 1));
    row = (row + kStride) % count;
  }
}
BENCHMARK(HotTierHit)->Arg(5000)->Arg(500000);

void HotTierMiss(benchmark::State& state) {
  constexpr std::uint64_t kCount = 5000;
  FilledHotTier filled(kCount);
  std::uint64_t row = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(filled.tier.Get({2, row}, 1));
    row = (row + kStride) % kCount;
  }
}
BENCHMARK(HotTierMiss);

// What a commit pays for an object that the tier holds.
void HotTierReplace(benchmark::State& state) {
  constexpr std::uint64_t kCount = 5000;
  FilledHotTier filled(kCount);
  const Object object = std::make_shared<std::uint64_t>(0);
  std::uint64_t sequence = 1;
  for (auto _ : state) {
    filled.tier.Replace({1, sequence * kStride % kCount}, object, sequence, kObjectBytes);
    ++sequence;
  }
}
BENCHMARK(HotTierReplace);

// A fill of a full tier: something else has to go.
void HotTierFill(benchmark::State& state) {
  MemoryBudget budget(kNoLimit);
  HotTier<Object> tier(std::size_t{16} << 20, &budget);
  const Object object = std::make_shared<std::uint64_t>(0);
  std::uint64_t row = 0;
  for (auto _ : state) tier.Fill({1, ++row}, object, 1, kObjectBytes);
}
BENCHMARK(HotTierFill);

}  // namespace
}  // namespace aurora::cache
