// A compaction whose inputs cannot be read.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace aurora::lsm {

// Compacts a store whose tables have many blocks and are not in memory, again and again: each time
// another read of a table fails. An error if a key is missing afterwards.
absl::Status LoopOverCompactionReads(std::uint64_t seed);

}  // namespace aurora::lsm
