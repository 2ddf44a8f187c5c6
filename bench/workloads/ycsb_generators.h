// Which records YCSB's clients ask for. As the generators of the same names in YCSB's core package
// (https://github.com/brianfrankcooper/YCSB), after Gray et al., "Quickly generating billion-record
// synthetic databases". None is thread-safe.
#pragma once

#include <cstdint>

#include "aurora/runtime/random.h"

namespace aurora::bench {

// Numbers in [0, count), smaller ones more often: number i about in proportion to 1 / (i + 1)^0.99.
class ZipfianGenerator {
 public:
  static constexpr double kTheta = 0.99;

  // Takes time in proportion to `count`.
  explicit ZipfianGenerator(std::uint64_t count);
  // `zeta`: the sum of 1 / i^kTheta for i in [1, count].
  ZipfianGenerator(std::uint64_t count, double zeta);

  std::uint64_t Next(Random* random) const;
  // In proportion to the growth. `count` is no less than before.
  void GrowTo(std::uint64_t count);

 private:
  void Prepare();

  std::uint64_t count_;
  double zeta_;
  double eta_ = 0;
};

// As popular as the above, but the popular ones lie anywhere in [0, count): the hashes of zipfian
// numbers below ten billion, modulo `count`.
class ScrambledZipfianGenerator {
 public:
  explicit ScrambledZipfianGenerator(std::uint64_t count);
  std::uint64_t Next(Random* random) const;

 private:
  const std::uint64_t count_;
  const ZipfianGenerator zipfian_;
};

// Numbers in [0, count), larger ones more often: those that came last.
class LatestGenerator {
 public:
  explicit LatestGenerator(std::uint64_t count) : count_(count), zipfian_(count) {}
  std::uint64_t Next(Random* random) const { return count_ - 1 - zipfian_.Next(random); }
  void GrowTo(std::uint64_t count) {
    zipfian_.GrowTo(count);
    count_ = count;
  }

 private:
  std::uint64_t count_;
  ZipfianGenerator zipfian_;
};

}  // namespace aurora::bench
