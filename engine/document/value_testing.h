// Random and adversarial values for tests.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "aurora/engine/document/value.h"

namespace aurora {

// The seed of a random test: AURORA_SEED if it is set, else `fallback`. Printed, so that a failure
// can be repeated.
std::uint64_t TestSeed(std::uint64_t fallback);

// Numbers at which comparing, converting or encoding goes wrong: around 2^53, 2^63, zeros,
// subnormals, infinities, NaN; as int64 and as double.
const std::vector<Value>& AdversarialNumbers();

// All types, mostly small, often equal or nearly equal to others; nested up to `depth`. Strings are
// UTF-8 and hold NULs now and then.
class RandomValues {
 public:
  explicit RandomValues(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t Below(std::uint64_t bound) { return engine_() % bound; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

  Value Next(int depth = 3);
  Value Number();
  std::int64_t Integer();
  double Double();  // never NaN
  std::string Text();
  std::string Bytes();
  Uuid NextUuid();
  Timestamp NextTimestamp();
  Array NextArray(int depth);
  Object NextObject(int depth);

 private:
  std::mt19937_64 engine_;
};

}  // namespace aurora
