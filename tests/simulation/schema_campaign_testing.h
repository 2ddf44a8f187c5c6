// What is done to schemas and indices in the simulator, while others write. Each returns the first
// violation of what the database promises.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace aurora::proof {

// A collection with documents, of which indices are made and dropped, fields added, renamed and
// dropped, and rules tightened, while writers insert, change and delete. Then every index is
// compared with a scan, and every document with what was acknowledged; also after another open.
absl::Status RunSchemaChanges(std::uint64_t seed);

// The same, shorter, with a crash at every persistent operation: what is opened has every step of
// the schema that was acknowledged and at most the one after it, every write that was acknowledged,
// and indices that agree with a scan, before and after they are completed. `*images` counts.
absl::Status EnumerateSchemaCrashes(std::uint64_t seed, int modes_per_event, std::uint64_t* images);

// A migration that moves a field, changes every document and makes an index, with a crash at every
// persistent operation. What is opened goes on with it, and changes no document twice.
absl::Status EnumerateMigrationCrashes(std::uint64_t seed, int modes_per_event,
                                       std::uint64_t* images);

}  // namespace aurora::proof
