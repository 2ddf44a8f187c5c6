// A random life of a store in which values expire, beside a model of it.
//
// Times are those of a simulated machine, on which hours go by between operations that take
// moments; so what a read must see is known. Where the clock goes back, a read may see what it sees
// at any time between what the clock shows and the latest that it has shown.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace aurora::lsm {

// Internal, with what was wrong, or the first error. `clock_goes_back`: now and then.
absl::Status RunExpiryScript(std::uint64_t seed, int steps, bool clock_goes_back);

// A store of which all has expired, and which nobody asks for anything, gives all space back.
absl::Status RunExpiryAtRest(std::uint64_t seed);

}  // namespace aurora::lsm
