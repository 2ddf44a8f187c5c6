// Stores that may have few files open, in the simulator. Each returns the first violation of what a
// store promises, with the seed to see it again.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

// Two lives of `steps` random steps of a store with many tables and value files, of which two to
// four may be open: every answer is the model's, no more are open once nobody reads, and some were
// opened again.
absl::Status RunWithFewFiles(std::uint64_t seed, Durability durability, int steps);

// The same on a machine with few descriptors, of a store that would take more: nothing fails.
absl::Status RunWithFewDescriptors(std::uint64_t seed, Durability durability, int steps);

// A reader, of which one file may be open, beside a writer that removes every file that was there:
// it finds what it found before.
absl::Status RunReaderOfRemovedFiles(std::uint64_t seed);

}  // namespace aurora::lsm
