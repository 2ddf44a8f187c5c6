// What is done to sets of backups in the simulator. Each returns the first violation of what they
// promise, with all that is needed to see it again.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

// Backups are made under a writer, deleted, verified and restored, at random; each that is there is
// what it was when it was made.
absl::Status RunBackups(std::uint64_t seed, Durability durability);

// A second backup under a writer, the deletion of the first, a restore. At every persistent
// operation, crash images in `modes_per_event` modes are looked at: every backup that was made is
// there and whole, none that was deleted is, and the set can be used. `*images` counts.
absl::Status EnumerateBackupCrashes(std::uint64_t seed, Durability durability, int modes_per_event,
                                    std::uint64_t* images);

// The same work, of which operation number `first` on the set or the restored directory fails with
// `error`, an errno. `*struck` tells whether there was such an operation.
absl::Status RunBackupFault(std::uint64_t seed, std::uint64_t first, int error, bool* struck);

// One bit after another of a set's files is flipped: Verify tells, and Restore fails or restores
// what was backed up.
absl::Status FlipBackupBits(std::uint64_t seed, int count);

}  // namespace aurora::lsm
