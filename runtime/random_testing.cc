#include "aurora/runtime/random_testing.h"

#include <cstdio>
#include <cstdlib>

#include "aurora/runtime/random.h"

namespace aurora {

std::uint64_t TestSeed(std::uint64_t fallback) {
  const char* given = std::getenv("AURORA_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10)
                             : fallback != 0  ? fallback
                                              : Random::System().Next64();
  std::printf("seed %llu: run again with AURORA_SEED=%llu\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(seed));
  return seed;
}

}  // namespace aurora
