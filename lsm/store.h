// Store: ordered, durable bytes. A log-structured merge tree over one commit log.
//
// The log carries records whose meaning belongs to the layer above; the tree holds the mutations
// that follow from them. The layer above hands over both at commit, and derives the mutations
// again, through its RecordHandler, when a record is replayed. So what can be derived (index
// entries) costs no log bytes, and is recovered and flushed together with what it was derived from,
// at one sequence.
//
// Thread-safety: every method from every thread. Reads take no lock that is held across I/O.
// Errors: after a failed log write or sync, or a failed manifest write, the store is poisoned:
// reads go on, every write returns the first error until the store is reopened. Damage found by a
// read is DataLoss to that reader only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/log.h"
#include "aurora/lsm/operation_profile.h"
#include "aurora/lsm/pinned_value.h"
#include "aurora/lsm/record_facts.h"
#include "aurora/lsm/snapshot.h"
#include "aurora/lsm/store_options.h"
#include "aurora/lsm/store_stats.h"
#include "aurora/lsm/table_file.h"
#include "aurora/lsm/types.h"
#include "aurora/lsm/value_stream.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// What the records of the log mean.
class RecordHandler {
 public:
  virtual ~RecordHandler() = default;
  // The mutations of a record, as they were given with it at commit. Appended to `mutations`; views
  // into `record`, or into memory that lives until the next call. Called in sequence order, before
  // Open returns.
  virtual absl::Status Replay(Sequence sequence, std::string_view record,
                              std::vector<Mutation>* mutations) = 0;
  // State that is not in the tree but must survive once the records that made it are gone from the
  // log (counters of ids, say): saved with every flush, given back at open before any record,
  // unless it is empty. SaveState is called inside the commit lock: must be quick. It may already
  // show what belongs to commits that are being made; their records are replayed on top of it.
  virtual std::string SaveState() = 0;
  virtual absl::Status RestoreState(std::string_view state) = 0;
  // For the archive of the log: what `record` says of itself. From any thread, beside everything
  // else. A handler whose records hold claims must name them.
  virtual absl::StatusOr<RecordFacts> FactsOf(std::string_view) { return RecordFacts(); }
};

struct CommitRequest {
  // The log record: the concatenation of these. Empty only if `mutations` is empty too: such a
  // request commits nothing, but is validated, and waits until every commit before it is published
  // and as durable as asked.
  std::span<const std::string_view> record;
  // At most one mutation for each (keyspace, key), not counting range deletes: of these any number,
  // and they may overlap. A range delete (EntryKind::kDeleteRange) hides every entry of its range
  // that an earlier commit made, and none of this one: a commit's range deletes come before its
  // other mutations, wherever they stand. So a commit can empty a range and fill it again. Cost in
  // log and memtable: that of one entry, whatever the range holds. InvalidArgument if a range is
  // empty or inverted.
  std::span<const Mutation> mutations;
  std::optional<Durability> durability;  // default: the store's
  // Optimistic validation: the commit fails with Aborted if a commit after `snapshot` wrote one of
  // `reads`. Both are hashes of whatever the layer above calls a resource (a document, a unique
  // value), made by a hash of its own that is stable. A false match of hashes costs a retry, never
  // correctness. A snapshot older than the table of recent commits aborts too. The store derives
  // none of these from mutations; so who deletes a range names, in `writes`, a resource that all
  // name in `reads` who rely on any of its keys (the collection, say).
  Sequence snapshot = kMaxSequence;  // kMaxSequence: validate nothing
  std::span<const std::uint64_t> reads;
  std::span<const std::uint64_t> writes;
  // What is viewed here lives until the task completes, and not only during the call: then nothing
  // is copied of a commit that is held back or is large.
  bool outlives_call = false;
  // Called once, with the sequence, when the commit is certain to be logged: inside the commit lock
  // and before any reader can see it. So what the layer above keeps in memory changes in the order
  // of the commits. Must be quick, and call nothing of the store.
  const absl::FunctionRef<void(Sequence)>* on_sequenced = nullptr;
  // Filled with what the commit waited for. Must live until the task completes; null: nobody asks.
  OperationProfile* profile = nullptr;
};

struct CommitResult {
  Sequence sequence = 0;
  LogPosition end;
};

struct StoreImage;  // store_image.h

struct IterateOptions {
  ReadPoint at = {};       // the latest: of when the iterator was made
  std::string_view lower;  // inclusive; empty: none. Copied.
  std::string_view upper;  // exclusive; empty: none. Copied.
  bool fill_cache = true;  // false for scans that must not push the working set out
  // Filled with what the iterator costs, at each Seek for what came before it, and at its end. Must
  // outlive the iterator; null: nobody asks.
  OperationProfile* profile = nullptr;
  // Values in value files are read only where LoadValue asks for them: for scans of keys.
  bool lazy_values = false;
};

// Walks the live keys of one keyspace as of one sequence, in both directions. One user at a time.
// Sees nothing committed later, holds what it sees. key() and value() are valid until the next
// move. A move reads the value too, also where it lies in a value file, unless the iterator is
// lazy: then LoadValue must complete before value() is called. Errors are sticky (see
// EntryIterator).
class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual bool Valid() const = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  // Makes value() ready. REQUIRES Valid(). Costs nothing if it is.
  virtual Task<absl::Status> LoadValue() = 0;
  // The commit that made the value (of the newest operand, where it was folded).
  virtual Sequence sequence() const = 0;
  virtual Task<absl::Status> Seek(std::string_view key) = 0;          // first at or after
  virtual Task<absl::Status> SeekBackward(std::string_view key) = 0;  // last at or before
  virtual Task<absl::Status> SeekToFirst() = 0;
  virtual Task<absl::Status> SeekToLast() = 0;
  virtual Task<absl::Status> Next() = 0;
  virtual Task<absl::Status> Prev() = 0;
};

class Store {
 public:
  // Opens or creates. Refuses a directory that holds something else, another format version, or is
  // open elsewhere. What no manifest names and bears a name of ours is removed. Unavailable: a
  // database that is opened read-only changes faster than it can be read. `handler` is not owned
  // and must outlive the store.
  static Task<absl::StatusOr<std::unique_ptr<Store>>> Open(Environment& environment,
                                                           StoreOptions options,
                                                           RecordHandler& handler);
  // Close must have completed.
  virtual ~Store() = default;

  // Commits atomically and returns once the commit is published and as durable as asked. Later
  // commits may already be visible. The commit takes place in the call itself, unless it is held
  // back; then what the request views is copied. So all of it need only live during the call. A
  // record that is too large for the log, up to kMaxRecordBytes (record_file.h), is first written
  // and synced as a file of its own, and its mutations put into a memtable of their own; others
  // commit meanwhile. ResourceExhausted if the memory budget has no room for that memtable, and for
  // what is copied; or if the device has none for the file: nothing was committed then. If
  // it fails after the record was given to the log, the outcome is unknown until the store is
  // reopened, and the message says so. A task that is not awaited may or may not have committed.
  AURORA_TASK_UNBOUND_WRAPPER virtual Task<absl::StatusOr<CommitResult>> Commit(
      const CommitRequest& request) = 0;

  // A table to be filled and ingested, of about StoreOptions::table_bytes: who has more makes
  // several. The file is made in the store's directory.
  virtual Task<absl::StatusOr<std::unique_ptr<TableFile>>> NewTable(KeyspaceId keyspace) = 0;
  // Commits all entries of `tables`, which are finished and do not overlap (else InvalidArgument),
  // at one sequence, behind the ranges that they replace: they are checked whole and taken over as
  // they are, on the lowest level where nothing overlaps them. So bulk data is written once, and
  // costs no memory. The request has no mutations. The record may be empty; it must fit into the
  // log, with about 100 bytes and two keys for each table (else InvalidArgument). Conflicts as for
  // a commit. Always synced, whatever the request asks.
  //
  // What was committed before is flushed first; the last of that, and some writes to the device,
  // hold other commits back for some milliseconds. If it fails nothing was committed, and the
  // tables can be ingested later; unless the error says that the commit is in the log, or that its
  // outcome is unknown. Then a disk that is full, or fails, keeps it from being seen: until there
  // is space, or the store is opened again. DataLoss: a file is not what was written. `tables` must
  // live until the task completes.
  AURORA_TASK_UNBOUND_WRAPPER virtual Task<absl::StatusOr<CommitResult>> Ingest(
      const CommitRequest& request, TableFiles tables) = 0;

  // The newest published sequence.
  virtual Sequence published() const = 0;
  virtual std::unique_ptr<Snapshot> GetSnapshot() = 0;

  // The value of a key as of `at` (by default the latest), nullopt if it has none. `key`, and
  // `profile`, must live until the task completes.
  virtual Task<absl::StatusOr<std::optional<PinnedValue>>> Get(
      KeyspaceId keyspace, std::string_view key, ReadPoint at = {},
      OperationProfile* profile = nullptr) = 0;
  // The values of `keys` as of `at`, all at one sequence, in the order of the keys. What has to
  // come from the device is read together, kGetsInFlight keys at a time. `keys`, what they view,
  // and `profile`, must live until the task completes.
  static constexpr std::size_t kGetsInFlight = 64;
  virtual Task<absl::StatusOr<std::vector<std::optional<PinnedValue>>>> GetMany(
      KeyspaceId keyspace, std::span<const std::string_view> keys, ReadPoint at = {},
      OperationProfile* profile = nullptr) = 0;
  virtual std::unique_ptr<Iterator> NewIterator(KeyspaceId keyspace,
                                                const IterateOptions& options) = 0;

  // A value to be written in parts. A file for each: for values of some MiB and more.
  virtual Task<absl::StatusOr<std::unique_ptr<ValueWriter>>> NewValue() = 0;
  // The value of a key as of `at` (by default the latest), to be read in parts; null if it has
  // none. One with operands is folded in memory first. `key` must live until the task completes.
  virtual Task<absl::StatusOr<std::unique_ptr<ValueReader>>> OpenValue(KeyspaceId keyspace,
                                                                       std::string_view key,
                                                                       ReadPoint at = {}) = 0;
  // When the value of a key as of `at` expires; kNeverExpires: never; nullopt: it has none. Reads
  // no value. With operands above it, only what they were merged onto expires. `key` must live
  // until the task completes.
  virtual Task<absl::StatusOr<std::optional<Expiry>>> GetExpiry(KeyspaceId keyspace,
                                                                std::string_view key,
                                                                ReadPoint at = {}) = 0;

  // Writes the memtables to tables and makes them durable.
  virtual Task<absl::Status> Flush() = 0;
  // Flushes, then merges everything into the lowest level that is needed. Cancelled once a stop is
  // requested: what is being merged is then merged to its end, or until Close.
  virtual Task<absl::Status> Compact(std::stop_token stop = {}) = 0;
  // Waits until no background work is pending.
  virtual Task<absl::Status> WaitIdle() = 0;

  virtual StoreStats Stats() const = 0;
  virtual absl::Status status() const = 0;  // OK unless poisoned
  virtual const LogIdentity& identity() const = 0;

  // The newest published state, held in place to be copied (checkpoint.h, backup_set.h). Waits
  // until its commits are on the device; holds back nobody.
  virtual Task<absl::StatusOr<std::unique_ptr<StoreImage>>> Capture() = 0;

  // Archives what was committed until now, instead of waiting for the interval. The last commit
  // that is archived. FailedPrecondition without an archive.
  virtual Task<absl::StatusOr<Sequence>> ArchiveNow() = 0;

  // Flushes what would take the next open long to replay, waits for background work, marks a clean
  // end. All iterators, snapshots and images must be gone and no call in flight. A poisoned store
  // closes too, and returns why it was poisoned.
  virtual Task<absl::Status> Close() = 0;
};

}  // namespace aurora::lsm
