// What there is to know of an index.
#pragma once

#include <cstdint>
#include <string>

namespace aurora {

enum class IndexKind : std::uint8_t {
  kUnique,    // each value, and the one document that has it
  kEquality,  // each value, and the documents that have it
  kItems,     // of an array field: each item, and the documents that have it
};

enum class IndexState : std::uint8_t {
  kBuilding,  // kept by writers, and not used by queries yet
  kReady,
};

struct IndexInfo {
  std::string field;
  IndexKind kind = IndexKind::kEquality;
  IndexState state = IndexState::kReady;
  // While it is being built: so many rows, of so many, have been looked at. Rows are counted
  // whether or not their documents are still there.
  std::uint64_t rows_done = 0;
  std::uint64_t rows_total = 0;
  // In the store: of a unique index one for each value; of the others one for each value and each
  // 65,536 rows that have any.
  std::uint64_t entries = 0;
};

// Of CreateIndex.
struct IndexOptions {
  // No two documents may have the same value.
  bool unique = false;
};

}  // namespace aurora
