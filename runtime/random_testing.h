// The seed of random tests: printed by every one, and taken back.
#pragma once

#include <cstdint>

namespace aurora {

// The value of the environment variable AURORA_SEED if it is set, else `fallback`; a fallback of 0
// means a new one each run. Prints it, with how to run the test with it again.
std::uint64_t TestSeed(std::uint64_t fallback = 0);

}  // namespace aurora
