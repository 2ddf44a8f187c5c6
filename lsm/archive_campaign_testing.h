// What is done to archives in the simulator: a store that archives its log, beside a model, whose
// directory is then taken for lost. Each returns the first violation of what is promised, with all
// that is needed to see it again.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

// Commits, flushes, backups, reopenings, failures of the archive and pruning at random; a restore
// to any sequence holds the commits up to that one and no others, and one to the end at least all
// that the store said to be archived.
absl::Status RunArchives(std::uint64_t seed, Durability durability);

// The archiving of a small life. Of the crash images in `modes_per_event` modes at every persistent
// operation a third, drawn from the seed, is looked at: without the store's directory, the archive
// gives a prefix of the commits with all that were said to be archived; with it, the store goes on,
// and archives the rest.
// `*images` counts.
absl::Status EnumerateArchiveCrashes(std::uint64_t seed, Durability durability, int modes_per_event,
                                     std::uint64_t* images);

// The same life, of which operation number `first` in the archive fails with `error`, an errno: no
// commit fails, and the archive is complete in the end. `*struck` tells whether there was such an
// operation.
absl::Status RunArchiveFault(std::uint64_t seed, std::uint64_t first, int error, bool* struck);

// One bit after another of an archive's files is flipped: Verify tells, and a restore fails or
// holds what it should.
absl::Status FlipArchiveBits(std::uint64_t seed, int count);

}  // namespace aurora::lsm
