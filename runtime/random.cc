#include "aurora/runtime/random.h"

#include <sys/random.h>

#include <bit>
#include <cerrno>
#include <optional>

#include "aurora/runtime/check.h"
#include "aurora/runtime/fork_guard.h"

namespace aurora {
namespace {

std::uint64_t NextXoshiro(std::uint64_t (&state)[4]) {
  const std::uint64_t result = std::rotl(state[1] * 5, 7) * 9;
  const std::uint64_t shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = std::rotl(state[3], 45);
  return result;
}

std::uint64_t NextSplitMix(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

// The generator of one thread of one process: all of its 256 bits come from the operating system.
class ThreadGenerator {
 public:
  ThreadGenerator() {
    std::size_t filled = 0;
    while (filled < sizeof state_) {
      const ssize_t count =
          getrandom(reinterpret_cast<char*>(state_) + filled, sizeof state_ - filled, 0);
      AURORA_CHECK(count > 0 || errno == EINTR);
      if (count > 0) filled += static_cast<std::size_t>(count);
    }
  }
  // A forked child must not give out its parent's numbers again.
  bool inherited() const { return fork_guard_.InChild(); }
  std::uint64_t Next64() { return NextXoshiro(state_); }

 private:
  const internal::ForkGuard fork_guard_;
  std::uint64_t state_[4];
};

class SystemRandom final : public Random {
 public:
  std::uint64_t Next64() override {
    static thread_local std::optional<ThreadGenerator> generator;
    if (AURORA_UNLIKELY(!generator.has_value() || generator->inherited())) generator.emplace();
    return generator->Next64();
  }
};

}  // namespace

std::uint64_t Random::Below(std::uint64_t bound) {
  AURORA_CHECK(bound > 0);
  // D. Lemire, "Fast random integer generation in an interval", 2019: the high half of a product,
  // and a rare rejection that makes it exactly uniform.
  __extension__ using Wide = unsigned __int128;
  Wide product = Wide{Next64()} * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t threshold = -bound % bound;
    while (static_cast<std::uint64_t>(product) < threshold) {
      product = Wide{Next64()} * bound;
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

Random& Random::System() {
  static SystemRandom* const random = new SystemRandom;
  return *random;
}

SeededRandom::SeededRandom(std::uint64_t seed) {
  for (std::uint64_t& word : state_) word = NextSplitMix(seed);
}

std::uint64_t SeededRandom::Next64() { return NextXoshiro(state_); }

}  // namespace aurora
