#include "aurora/bench/workloads/ycsb_generators.h"

#include <algorithm>
#include <cmath>

namespace aurora::bench {
namespace {

// Of the scrambled generator, with its zeta.
constexpr std::uint64_t kScrambledCount = 10'000'000'000;
constexpr double kScrambledZeta = 26.46902820178302;

double ZetaOf(std::uint64_t first, std::uint64_t last) {
  double sum = 0;
  for (std::uint64_t i = first; i <= last; ++i) {
    sum += 1 / std::pow(static_cast<double>(i), ZipfianGenerator::kTheta);
  }
  return sum;
}

// FNV-1a of the eight bytes of `number`, of which YCSB takes the absolute value as a signed one.
std::uint64_t Hash(std::uint64_t number) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (int byte = 0; byte < 8; ++byte) {
    hash ^= number & 0xff;
    hash *= 1099511628211;
    number >>= 8;
  }
  return hash >> 63 != 0 ? 0 - hash : hash;
}

}  // namespace

ZipfianGenerator::ZipfianGenerator(std::uint64_t count)
    : ZipfianGenerator(count, ZetaOf(1, count)) {}

ZipfianGenerator::ZipfianGenerator(std::uint64_t count, double zeta) : count_(count), zeta_(zeta) {
  Prepare();
}

void ZipfianGenerator::Prepare() {
  const double zeta_of_two = ZetaOf(1, 2);
  eta_ = (1 - std::pow(2.0 / static_cast<double>(count_), 1 - kTheta)) / (1 - zeta_of_two / zeta_);
}

void ZipfianGenerator::GrowTo(std::uint64_t count) {
  if (count == count_) return;
  zeta_ += ZetaOf(count_ + 1, count);
  count_ = count;
  Prepare();
}

std::uint64_t ZipfianGenerator::Next(Random* random) const {
  const double uniform = static_cast<double>(random->Next64() >> 11) * 0x1p-53;
  const double part = uniform * zeta_;
  if (part < 1) return 0;
  if (part < 1 + std::pow(0.5, kTheta)) return std::min<std::uint64_t>(1, count_ - 1);
  const double share = std::pow(eta_ * uniform - eta_ + 1, 1 / (1 - kTheta));
  return std::min(static_cast<std::uint64_t>(static_cast<double>(count_) * share), count_ - 1);
}

ScrambledZipfianGenerator::ScrambledZipfianGenerator(std::uint64_t count)
    : count_(count), zipfian_(kScrambledCount, kScrambledZeta) {}

std::uint64_t ScrambledZipfianGenerator::Next(Random* random) const {
  return Hash(zipfian_.Next(random)) % count_;
}

}  // namespace aurora::bench
