// What two transactions may meet at, as a hash: see lsm::CommitRequest. It is not stored: it lives
// as long as the table of recent commits.
#pragma once

#include <cstdint>
#include <string_view>

#include "aurora/engine/record.h"
#include "aurora/lsm/types.h"
#include "xxhash.h"

namespace aurora::engine {

// A key of a keyspace: a document by its row, an id, a unique value.
inline std::uint64_t ResourceHash(lsm::KeyspaceId keyspace, std::string_view key) {
  return XXH3_64bits_withSeed(key.data(), key.size(), keyspace);
}

// The definition of a collection: what every write reads, and every change of it writes.
// Collections have no keyspace 0.
inline std::uint64_t DefinitionResource(CollectionId collection) {
  return XXH3_64bits_withSeed(&collection, sizeof(collection), 0);
}

}  // namespace aurora::engine
