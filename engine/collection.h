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
#include "aurora/runtime/async_mutex.h"

namespace aurora::engine {

struct StricterRules;  // stricter_rules.h

// How far an index is. One that is made on a collection with documents is built in the background:
// it first holds the documents that are written from then on, and gets the others in the order of
// their rows. Safe from every thread; changed in the order of commits.
class IndexProgress {
 public:
  // Whether the index has the entries of a document of `row`, and writers keep them.
  bool Holds(index::RowId row) const { return row >= end() || row < next(); }
  // Rows from next() on and below end() are still to come.
  index::RowId next() const { return next_.load(std::memory_order_acquire); }
  index::RowId end() const { return end_.load(std::memory_order_acquire); }
  // Whether queries as of `at` may use the index.
  bool IsReadyAt(lsm::Sequence at) const { return ready_since() <= at; }
  bool is_ready() const { return IsReadyAt(lsm::kMaxSequence - 1); }
  // kMaxSequence while it is being built.
  lsm::Sequence ready_since() const { return ready_since_.load(std::memory_order_acquire); }

  // By whoever makes commits, in their order: rows below `end` are to come; rows below `next` are
  // there since the commit `at`.
  void Begin(index::RowId end, lsm::Sequence at);
  void Advance(index::RowId next, lsm::Sequence at);
  void Restore(index::RowId next, index::RowId end, lsm::Sequence ready_since);

  // Held by who builds it.
  AsyncMutex& builder() { return builder_; }

 private:
  std::atomic<index::RowId> next_{0};
  std::atomic<index::RowId> end_{0};
  std::atomic<lsm::Sequence> ready_since_{0};
  AsyncMutex builder_;
};

// An index over one field (index/term_index.h).
//   unique  value -> row                    holds values that are there and not null
//   plain   (value, chunk of rows) -> rows  holds a value for every row, null where it has none; of
//                                           an array field the distinct items instead
struct FieldIndex {
  std::string field;
  FieldSlot slot = 0;
  bool unique = false;
  bool array = false;
  bool required = false;  // every row has a value that is not null
  lsm::KeyspaceId keyspace = 0;
  // One for all definitions that have the index; never null.
  std::shared_ptr<IndexProgress> progress = std::make_shared<IndexProgress>();
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
  // One more with each change.
  std::uint32_t revision = 0;
  // Null but for a while. Not encoded.
  std::shared_ptr<const StricterRules> stricter;

  const FieldIndex* FindIndex(std::string_view field) const;
  const FieldIndex* FindIndex(lsm::KeyspaceId keyspace) const;

  // As the log and the saved state hold it, and back (DataLoss).
  const std::string& Encode() const { return encoded; }
  static absl::StatusOr<std::shared_ptr<const CollectionDefinition>> Decode(std::string_view bytes);

  // Assigns keyspaces from *next_keyspace on to a new collection. InvalidArgument if the schema or
  // the name is unusable.
  static absl::StatusOr<std::shared_ptr<const CollectionDefinition>> Create(
      CollectionId id, std::string name, const Schema& schema, lsm::KeyspaceId* next_keyspace);
  // The next definition of `from`'s collection. Indices that stay keep their keyspaces.
  static absl::StatusOr<std::shared_ptr<const CollectionDefinition>> Change(
      const CollectionDefinition& from, std::string name, const Schema& schema,
      lsm::KeyspaceId* next_keyspace);
  // The keyspaces of indices that `from` has, and this one has no more.
  std::vector<lsm::KeyspaceId> DroppedSince(const CollectionDefinition& from) const;

  std::string encoded;  // what Encode gives
};

// The definition that holds now. Readers take it with one load; what they have taken stays usable
// as long as the collection's state, which keeps all of them. So an operation takes it once, and
// again only to see a later one.
class CurrentDefinition {
 public:
  explicit CurrentDefinition(std::shared_ptr<const CollectionDefinition> first) {
    Set(std::move(first));
  }
  const CollectionDefinition* get() const { return current_.load(std::memory_order_acquire); }
  const CollectionDefinition* operator->() const { return get(); }
  const CollectionDefinition& operator*() const { return *get(); }
  // By one caller at a time.
  void Set(std::shared_ptr<const CollectionDefinition> next) {
    kept_.push_back(std::move(next));
    current_.store(kept_.back().get(), std::memory_order_release);
  }

 private:
  std::atomic<const CollectionDefinition*> current_{nullptr};
  std::vector<std::shared_ptr<const CollectionDefinition>> kept_;
};

// Documents lie under the keys of their rows.
using index::ParseRowKey;
using index::RowKey;

// A collection that is open.
struct CollectionState {
  explicit CollectionState(std::shared_ptr<const CollectionDefinition> d)
      : definition(std::move(d)) {}

  // A definition that a commit made is there before that commit can be seen. So whoever reads what
  // a commit wrote, and takes the definition then, has one that describes it.
  CurrentDefinition definition;
  // Set, like a new definition, by the commit that drops the collection.
  std::atomic<bool> dropped{false};
  // The row id of the next insert. Rows that failed inserts took are lost.
  std::atomic<index::RowId> next_row{0};
  DocumentIdGenerator ids;
};

// Names that a collection may have: 1 to 128 letters, digits, '_' or '-', not starting with '-'.
// Those that start with '_' are the system's.
absl::Status CheckCollectionName(std::string_view name);

}  // namespace aurora::engine
