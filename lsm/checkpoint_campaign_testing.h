// What is done to checkpoints in the simulator. Each returns the first violation of what they
// promise, with all that is needed to see it again.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

// Checkpoints are made while the store is written to, flushed and compacted. Each is opened later,
// when the store has gone on, then lives a life of its own; the store is checked after that.
absl::Status RunCheckpoints(std::uint64_t seed, Durability durability);

// A checkpoint under a writer. At every persistent operation, crash images in `modes_per_event`
// modes are opened: the store has lost nothing; there is no checkpoint, and one can be made, or it
// is whole. `*images` counts.
absl::Status EnumerateCheckpointCrashes(std::uint64_t seed, Durability durability,
                                        int modes_per_event, std::uint64_t* images);

// A checkpoint of which operation number `first` fails with `error`, an errno: there is none
// afterwards, or it is whole, the store goes on, and the next attempt succeeds. `*struck` tells
// whether there was such an operation.
absl::Status RunCheckpointFault(std::uint64_t seed, Durability durability, std::uint64_t first,
                                int error, bool* struck);

}  // namespace aurora::lsm
