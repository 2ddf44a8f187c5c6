#include "aurora/runtime/random.h"

#include <bit>
#include <random>

#include "aurora/runtime/check.h"

namespace aurora {
namespace {

// Seeds itself from the operating system on each thread's first use.
class SystemRandom final : public Random {
 public:
  std::uint64_t Next64() override {
    static thread_local SeededRandom generator([] {
      std::random_device device;
      return std::uint64_t{device()} << 32 | device();
    }());
    return generator.Next64();
  }
};

std::uint64_t SplitMix64(std::uint64_t* state) {
  std::uint64_t z = *state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

}  // namespace

// Lemire's multiplication with rejection: exactly uniform, rarely more than one draw
// (https://arxiv.org/abs/1805.10941).
std::uint64_t Random::Below(std::uint64_t bound) {
  AURORA_DCHECK(bound > 0);
  __extension__ using Wide = unsigned __int128;
  Wide product = Wide{Next64()} * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t threshold = -bound % bound;
    while (static_cast<std::uint64_t>(product) < threshold) product = Wide{Next64()} * bound;
  }
  return static_cast<std::uint64_t>(product >> 64);
}

Random& Random::System() {
  static SystemRandom* const random = new SystemRandom;
  return *random;
}

SeededRandom::SeededRandom(std::uint64_t seed) {
  for (std::uint64_t& word : state_) word = SplitMix64(&seed);
}

std::uint64_t SeededRandom::Next64() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

}  // namespace aurora
