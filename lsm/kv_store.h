// A plain ordered key-value engine: the store with nothing above it. A log record is the batch of
// mutations itself. For benchmarks, tests and tools; the database has its own records.
//
// Thread-safe, except that a WriteBatch has one user at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/snapshot.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// Mutations that are committed together. Of several Puts and Deletes of a key the last one counts;
// a Merge may not share its key with another mutation of the batch. A DeleteRange takes back what
// stands before it in the batch, and leaves what stands behind it.
//
//   record = mutation ...
//   mutation = varint keyspace * 4 + code, varint key size, key, and unless it is a Delete,
//              varint value size, value
//   code     = 0 Delete, 1 Put, 2 Merge, 3 DeleteRange, 2^34 + 1 a Put of a StagedValue: what
//              stands for the value is its claim; 2^34 + 2 a Put for a time: 8 bytes that say until
//              when (expiry.h), then the value
//
// Of a DeleteRange the key is the begin, the value the end.
class WriteBatch {
 public:
  void Put(std::string_view key, std::string_view value, KeyspaceId keyspace = 0) {
    Add(keyspace, EntryKind::kPut, key, value);
  }
  // The value must live until the commit completes.
  void Put(std::string_view key, const StagedValue& value, KeyspaceId keyspace = 0) {
    Add(keyspace, EntryKind::kSeparatedPut, key, value.claim());
  }
  // A value that lives so long from when the batch is written on, by the wall clock; nothing or
  // less: it is as if deleted at once. What does not fit into the calendar lives for ever. To give
  // a value another time to live is to put it again. One that is put without is put for ever, or as
  // long as StoreOptions::time_to_live says.
  void PutFor(std::string_view key, std::string_view value, absl::Duration time_to_live,
              KeyspaceId keyspace = 0);
  // The same, until a time.
  void PutUntil(std::string_view key, std::string_view value, Expiry expiry,
                KeyspaceId keyspace = 0);
  void Delete(std::string_view key, KeyspaceId keyspace = 0) {
    Add(keyspace, EntryKind::kDelete, key, {});
  }
  void Merge(std::string_view key, std::string_view operand, KeyspaceId keyspace = 0) {
    Add(keyspace, EntryKind::kMerge, key, operand);
  }
  // Every key from `begin` on and below `end`; an empty `end`: to the end of the keyspace. A range
  // that is empty fails the commit.
  void DeleteRange(std::string_view begin, std::string_view end, KeyspaceId keyspace = 0) {
    Add(keyspace, EntryKind::kDeleteRange, begin, end);
  }
  void Clear();
  bool empty() const { return record_.empty(); }
  std::size_t size_bytes() const { return record_.size(); }

  // Of a batch with PutFor, not as it is written: that has times, not durations.
  const std::string& record() const { return record_; }

 private:
  friend class KvStore;
  // Where the record has a time that begins when it is written.
  struct Lifetime {
    std::size_t offset;
    absl::Duration time_to_live;
  };
  // The record, with all times.
  std::string RecordAt(absl::Time now) const;
  std::size_t AddExpiring(KeyspaceId keyspace, std::string_view key, std::string_view value,
                          Expiry expiry);
  void Add(KeyspaceId keyspace, EntryKind kind, std::string_view key, std::string_view value);
  std::string record_;
  std::vector<Lifetime> lifetimes_;
};

// The mutations of a record, without those that a later one replaces. DataLoss if it is not a
// record; InvalidArgument for a Merge that shares its key, and for an empty range. Views into
// `record`.
absl::Status DecodeBatch(std::string_view record, std::vector<Mutation>* mutations);

class KvStore {
 public:
  static Task<absl::StatusOr<std::unique_ptr<KvStore>>> Open(Environment& environment,
                                                             StoreOptions options);
  ~KvStore();

  // Commits. `batch` may be used again at once.
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> Write(
      const WriteBatch& batch, std::optional<Durability> durability = std::nullopt,
      OperationProfile* profile = nullptr);
  // A batch of one. Key and value need only live during the call.
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> Put(
      std::string_view key, std::string_view value,
      std::optional<Durability> durability = std::nullopt);
  // As WriteBatch::PutFor.
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> PutFor(
      std::string_view key, std::string_view value, absl::Duration time_to_live,
      std::optional<Durability> durability = std::nullopt);
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> Delete(
      std::string_view key, std::optional<Durability> durability = std::nullopt);
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> DeleteRange(
      std::string_view begin, std::string_view end,
      std::optional<Durability> durability = std::nullopt);
  // As Store::Ingest.
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> Ingest(TableFiles tables);
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::optional<PinnedValue>>> Get(
      std::string_view key, ReadPoint at = {}, OperationProfile* profile = nullptr) {
    return store_->Get(0, key, at, profile);
  }
  // As the Store's: when the value of a key expires.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::optional<Expiry>>> GetExpiry(std::string_view key,
                                                                            ReadPoint at = {}) {
    return store_->GetExpiry(0, key, at);
  }
  // As the Store's: values of any size, written and read in parts.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::unique_ptr<ValueWriter>>> NewValue() {
    return store_->NewValue();
  }
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::unique_ptr<ValueReader>>> OpenValue(
      std::string_view key, ReadPoint at = {}) {
    return store_->OpenValue(0, key, at);
  }
  // As Store::GetMany.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<std::optional<PinnedValue>>>> GetMany(
      std::span<const std::string_view> keys, ReadPoint at = {},
      OperationProfile* profile = nullptr) {
    return store_->GetMany(0, keys, at, profile);
  }

  Store& store() { return *store_; }
  AURORA_TASK_WRAPPER Task<absl::Status> Close();

 private:
  class Handler;
  explicit KvStore(Environment* environment);
  // The times to live of keyspaces, put into `batch`; and the times of its own that begin now.
  absl::StatusOr<std::string> RecordOf(const WriteBatch& batch) const;
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> WriteOne(
      const Mutation& mutation, std::optional<Durability> durability);

  Environment* const environment_;
  absl::flat_hash_map<KeyspaceId, absl::Duration> time_to_live_;
  std::unique_ptr<Handler> handler_;
  std::unique_ptr<Store> store_;
};

}  // namespace aurora::lsm
