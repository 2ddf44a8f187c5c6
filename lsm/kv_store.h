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

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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
//              stands for the value is its claim
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

  const std::string& record() const { return record_; }

 private:
  void Add(KeyspaceId keyspace, EntryKind kind, std::string_view key, std::string_view value);
  std::string record_;
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
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> Delete(
      std::string_view key, std::optional<Durability> durability = std::nullopt);
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> DeleteRange(
      std::string_view begin, std::string_view end,
      std::optional<Durability> durability = std::nullopt);
  // As Store::Ingest.
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> Ingest(TableFiles tables);
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::optional<PinnedValue>>> Get(
      std::string_view key, Sequence at = kMaxSequence, OperationProfile* profile = nullptr) {
    return store_->Get(0, key, at, profile);
  }
  // As the Store's: values of any size, written and read in parts.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::unique_ptr<ValueWriter>>> NewValue() {
    return store_->NewValue();
  }
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::unique_ptr<ValueReader>>> OpenValue(
      std::string_view key, Sequence at = kMaxSequence) {
    return store_->OpenValue(0, key, at);
  }
  // As Store::GetMany.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<std::optional<PinnedValue>>>> GetMany(
      std::span<const std::string_view> keys, Sequence at = kMaxSequence,
      OperationProfile* profile = nullptr) {
    return store_->GetMany(0, keys, at, profile);
  }

  Store& store() { return *store_; }
  AURORA_TASK_WRAPPER Task<absl::Status> Close();

 private:
  class Handler;
  KvStore();
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> WriteOne(
      const Mutation& mutation, std::optional<Durability> durability);

  std::unique_ptr<Handler> handler_;
  std::unique_ptr<Store> store_;
};

}  // namespace aurora::lsm
