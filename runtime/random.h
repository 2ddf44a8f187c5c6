// Randomness for identifiers, jitter and sampling. Not for secrets that must resist an attacker.
#pragma once

#include <cstdint>

namespace aurora {

class Random {
 public:
  virtual ~Random() = default;
  // 64 uniformly distributed bits. Safe from every thread.
  virtual std::uint64_t Next64() = 0;
  // Uniform in [0, bound). bound > 0.
  std::uint64_t Below(std::uint64_t bound);

  // Seeded from the operating system, one generator for each thread. Lives forever.
  static Random& System();
};

// A generator that gives the same numbers for the same seed, on every machine: xoshiro256**, seeded
// through SplitMix64 (Blackman and Vigna, https://prng.di.unimi.it/). Not thread-safe.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);
  std::uint64_t Next64() override;

 private:
  std::uint64_t state_[4];
};

}  // namespace aurora
