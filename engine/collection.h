// A collection, as the engine knows it: its definition, and what its documents come to in the
// store.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/record.h"
#include "aurora/index/row_key.h"
#include "aurora/index/row_set.h"
#include "aurora/lsm/types.h"

namespace aurora::engine {

// An index over one field.
//   unique    (value) -> row id                 holds values that are there and not null
//   equality  (value, chunk of rows) -> rows    holds a value for every row, null where it has
//   none; of an array field the
//                                               distinct items instead
struct FieldIndex {
  std::string field;
  FieldSlot slot = 0;
  bool unique = false;
  bool array = false;
  bool required = false;  // every row has a value that is not null
  lsm::KeyspaceId keyspace = 0;
};

// Immutable and shared: a change of schema makes a new one.
struct CollectionDefinition {
  CollectionId id = 0;
  std::string name;
  std::shared_ptr<const Layout> layout;
  // (row id) -> document
  lsm::KeyspaceId documents = 0;
  // (the user's own id) -> row id; ids that Aurora gave carry their row id and are not in it
  lsm::KeyspaceId ids = 0;
  std::vector<FieldIndex> indices;

  // As the log and the saved state hold it, and back (DataLoss).
  std::string Encode() const;
  static absl::StatusOr<std::shared_ptr<const CollectionDefinition>> Decode(std::string_view bytes);

  // Assigns keyspaces from *next_keyspace on to a new collection. InvalidArgument if the schema or
  // the name is unusable.
  static absl::StatusOr<std::shared_ptr<const CollectionDefinition>> Create(
      CollectionId id, std::string name, const Schema& schema, lsm::KeyspaceId* next_keyspace);
};

// Documents lie under the keys of their rows.
using index::ParseRowKey;
using index::RowKey;

// A collection that is open. The definition never changes in place.
struct CollectionState {
  explicit CollectionState(std::shared_ptr<const CollectionDefinition> d)
      : definition(std::move(d)) {}

  const std::shared_ptr<const CollectionDefinition> definition;
  // The row id of the next insert. Rows that failed inserts took are lost.
  std::atomic<index::RowId> next_row{0};
  DocumentIdGenerator ids;
};

// Names that a collection may have: 1 to 128 letters, digits, '_' or '-', not starting with '-'.
// Those that start with '_' are the system's.
absl::Status CheckCollectionName(std::string_view name);

}  // namespace aurora::engine
