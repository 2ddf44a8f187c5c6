// The store. See store.h for what it promises; this header says how its parts hold together.
//
// Locks, in the order in which they may be taken:
//   manifest lock   (asynchronous) a change of the tree, from its edit to its view
//   commit_mutex_   the order of commits: sequence, log, active memtable, conflicts
//   state_mutex_    the sealed memtables, the tree and the errors of background work
// Nothing is awaited under a mutex. An Event's condition may take state_mutex_ and no other.
//
// A commit: (1) hash and measure, no lock; (2) commit_mutex_: checks, sequence, log, registration;
// (3) the memtable, no lock; (4) publication in order; (5) wait for durability. Whatever stands in
// its way in (2) is waited for without the lock, and (2) is tried again.
//
// The files: store_open.cc (opening, recovery, closing), store_commit.cc, store_read.cc,
// store_flush.cc (memtables to tables, manifest, housekeeping), store_compaction.cc,
// store_capture.cc, store_read_only.cc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/cache/block_cache.h"
#include "aurora/lsm/commit_pacer.h"
#include "aurora/lsm/commit_queue.h"
#include "aurora/lsm/compaction_picker.h"
#include "aurora/lsm/compaction_range_deletes.h"
#include "aurora/lsm/conflict_table.h"
#include "aurora/lsm/entry_filter.h"
#include "aurora/lsm/event.h"
#include "aurora/lsm/event_feed.h"
#include "aurora/lsm/log.h"
#include "aurora/lsm/log_pins.h"
#include "aurora/lsm/manifest.h"
#include "aurora/lsm/snapshot_list.h"
#include "aurora/lsm/stall_watch.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_statistics.h"
#include "aurora/lsm/table.h"
#include "aurora/lsm/table_builder.h"
#include "aurora/lsm/table_output.h"
#include "aurora/lsm/tree.h"
#include "aurora/lsm/tree_change.h"
#include "aurora/lsm/view_slots.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora::lsm {

class StoreImpl final : public Store, public TableOpener {
 public:
  // Sealed memtables that wait for their flush, at most; then commits are held.
  static constexpr std::size_t kSealedMax = 3;
  // Level 0 may grow to so many times level0_runs_max runs: commits are slowed down from the first
  // on, and flushes wait at the second.
  static constexpr int kSlowdownFactor = 3;
  static constexpr int kStopFactor = 6;
  static constexpr int kCompactionJobsMax = 8;  // side by side, one background thread aside
  // Sequences and file numbers are reserved in the manifest this many at a time.
  static constexpr Sequence kSequenceReserve = Sequence{1} << 24;
  static constexpr std::uint64_t kFileNumberReserve = 1024;

  StoreImpl(Environment& environment, StoreOptions options, RecordHandler& handler);
  ~StoreImpl() override;

  // Once, before anything else. If it fails, Close() must still be called.
  Task<absl::Status> Open();

  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> Commit(
      const CommitRequest& request) override;
  Sequence published() const override { return queue_->published(); }
  std::unique_ptr<Snapshot> GetSnapshot() override;
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::optional<PinnedValue>>> Get(
      KeyspaceId keyspace, std::string_view key, Sequence at, OperationProfile* profile) override;
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<std::optional<PinnedValue>>>> GetMany(
      KeyspaceId keyspace, std::span<const std::string_view> keys, Sequence at,
      OperationProfile* profile) override;
  std::unique_ptr<Iterator> NewIterator(KeyspaceId keyspace,
                                        const IterateOptions& options) override;
  Task<absl::Status> Flush() override;
  Task<absl::Status> Compact(std::stop_token stop) override;
  Task<absl::Status> WaitIdle() override;
  StoreStats Stats() const override;
  absl::Status status() const override;
  const LogIdentity& identity() const override { return identity_; }
  Task<absl::StatusOr<std::unique_ptr<StoreImage>>> Capture() override;
  Task<absl::Status> Close() override;

 private:
  // --- store_open.cc ---
  // Creates or checks the directory and takes the lock.
  Task<absl::Status> PrepareDirectory();
  Task<absl::Status> CheckDirectory(bool* is_new);
  // Reads the manifest, or makes the first state, and puts a new manifest in force that says all
  // that is known: what was read is made durable before it is acted on.
  Task<absl::Status> RecoverManifest();
  Task<absl::Status> CheckTables();
  Task<absl::Status> RemoveOrphans();
  Task<absl::Status> OpenLog();
  absl::Status Replay(const LogRecord& record);
  void StartBackground();
  Task<void> FlushBeforeClose();  // what takes long to replay
  void StartReading();            // the first view, snapshots, conflicts

  // --- store_read_only.cc ---
  class ReadOnlyOpening;
  Task<absl::Status> OpenReadOnly();
  absl::Status ReadOnlyError() const;

  // --- store_commit.cc ---
  // What a commit must wait for before it can be tried again, or why it fails.
  enum class Hold : std::uint8_t {
    kNone,
    kStatus,     // it fails
    kLog,        // the log has no room
    kMemtable,   // too many sealed memtables wait for their flush
    kQueue,      // too many commits are in progress
    kSequences,  // no sequence is reserved
    kSlowdown,   // flushes or compactions lag behind
  };
  struct Measured {
    std::size_t payload_bytes = 0;
    std::size_t memtable_bytes = 0;
    std::uint64_t payload_hash = 0;
  };
  struct Begun {
    CommitResult result;
    MemtableRun* run = nullptr;  // lives until its commits are published
    absl::Status status;         // of Hold::kStatus
  };
  static Measured MeasureRequest(const CommitRequest& request);
  // Step (2).
  Hold TryBegin(const CommitRequest& request, const Measured& measured, Begun* begun);
  // Steps (3) and (4), the latter as far as it goes without waiting.
  void Apply(const CommitRequest& request, const Begun& begun);
  absl::StatusOr<CommitResult> Validate(const CommitRequest& request);
  struct HeldRequest;
  Task<absl::StatusOr<CommitResult>> CommitHeld(std::unique_ptr<HeldRequest> held_request,
                                                Durability durability);
  // `start`: when the commit began, to be timed; 0: not to be.
  Task<absl::StatusOr<CommitResult>> AwaitCommit(CommitResult result, Durability durability,
                                                 std::int64_t start, OperationProfile* profile);
  std::int64_t Now() const { return environment_.clock().MonotonicNanos(); }
  absl::StatusOr<CommitResult> Concluded(const absl::Status& durable, const CommitResult& result);
  Task<absl::Status> WaitFor(Hold hold, std::size_t payload_bytes);
  Task<absl::Status> SlowDown(std::size_t memtable_bytes);
  // Counts a commit that was held back since `start`.
  void NoteHeld(StallReason reason, std::int64_t start);
  std::size_t ActiveBytes() const;
  // Seals the active memtable. REQUIRES commit_mutex_, and that it is not empty.
  void Seal();
  // REQUIRES commit_mutex_.
  bool SealedHasRoom() const;

  // --- store_read.cc ---
  // The view and a sequence that it holds completely, for a read of so many keys.
  std::shared_ptr<const ReadView> ConsistentView(Sequence* published, std::uint64_t keys);
  const MergeOperator* FindMergeOperator(KeyspaceId keyspace) const;

  // --- store_flush.cc ---
  Task<absl::Status> FlushLoop();
  Task<absl::Status> FlushRun(std::shared_ptr<MemtableRun> run);
  // Of FlushRun. Adds the tables that were written to `told`.
  Task<absl::Status> WriteRun(std::shared_ptr<MemtableRun> run, std::int64_t start,
                              FlushEnded* told);
  // Seals what is there; the sequence up to which a flush then reaches.
  Task<absl::StatusOr<Sequence>> SealForFlush();
  Task<absl::Status> HousekeepingLoop();
  Task<void> RemoveObsoleteTables();
  Task<absl::Status> ReserveSequences();

  // Makes the change durable, then visible. A full disk is waited for. If it fails otherwise, the
  // store is poisoned: it is unknown which files are needed.
  Task<absl::Status> Install(TreeChange change);
  Task<absl::Status> AppendEdit(ManifestEdit edit);
  Task<void> LockManifest();
  void UnlockManifest();
  Task<absl::StatusOr<std::uint64_t>> NewFileNumber();
  Task<absl::Status> ReserveFileNumbers();
  // What no file number that was given out reaches, with a reserve. REQUIRES the manifest lock.
  std::uint64_t NextFileNumber() const;
  // REQUIRES state_mutex_. The result is to be freed without it.
  [[nodiscard]] ViewSlots::Views PublishView();
  void NoteDebt();  // REQUIRES state_mutex_
  // Removes files of a failed job, which no edit names.
  Task<void> Discard(std::vector<TableInfo> tables);

  // --- store_compaction.cc ---
  // One of several that run side by side.
  Task<absl::Status> CompactionLoop();
  bool HasCompaction() const;  // REQUIRES state_mutex_
  Task<absl::Status> RunCompaction(Compaction compaction, std::size_t parts_max);
  // Merges the inputs, in up to `parts_max` parts side by side; makes the change to the outcome.
  Task<absl::Status> Merge(Compaction compaction, std::size_t parts_max, TreeChange* change);
  // Takes out of the inputs what range deletes hide from everybody. What they hide so further
  // down, and no other compaction has taken, `change` drops too. The tree without that.
  std::shared_ptr<const Tree> TakeHiddenTables(const CompactionRangeDeletes& range_deletes,
                                               Compaction* compaction, TreeChange* change);

  // --- store_tables.cc ---
  class TableWriting;
  // Writes what the filter keeps and the range deletes to durable tables; removes them on failure.
  Task<absl::StatusOr<std::vector<TableInfo>>> WriteTables(std::unique_ptr<EntryIterator> source,
                                                           EntryFilter::Options filter,
                                                           CompactionRangeDeletes range_deletes,
                                                           TableOutput output);
  Task<absl::StatusOr<std::unique_ptr<Table>>> OpenTable(const TableInfo* info) override;

  // --- Errors and waiting. ---
  // Refuses every later write. The first error stays.
  void Poison(const absl::Status& error);
  bool poisoned() const { return poisoned_.load(std::memory_order_seq_cst); }
  bool closing() const { return closing_.load(std::memory_order_seq_cst); }
  // Keeps or clears the error of a kind of background work and tells everybody.
  void SetError(absl::Status* which, absl::Status error);
  // The error for which no room will be made soon, OK if there is none. REQUIRES state_mutex_.
  absl::Status HoldError() const;
  // The error of any background work. REQUIRES state_mutex_.
  absl::Status BackgroundError() const;
  // Why a poisoned or closing store does not go on. REQUIRES state_mutex_.
  absl::Status UnusableError() const;
  // Waits before a job is tried again; returns early when the store closes.
  Task<void> BackOff(int attempt);
  Task<void> StopEvents(absl::Status result);

  Environment& environment_;
  StoreOptions options_;
  RecordHandler& handler_;
  std::unique_ptr<MemoryBudget> own_memory_;  // where the options give none
  std::unique_ptr<cache::BlockCache> block_cache_;
  std::unique_ptr<FileLock> lock_;
  LogIdentity identity_;
  LogRecovery recovery_;
  StoreStatistics statistics_;
  EventFeed events_;
  StallWatch stalls_{&events_};
  Event event_;  // whatever background work, or whoever waits for it, waits for
  ObsoleteTables obsolete_{&event_};  // outlives every TreeTable
  bool opened_ = false;
  bool closed_ = false;
  std::vector<Mutation> replayed_;  // of one record, during Open

  std::unique_ptr<Manifest> manifest_;  // protected by the manifest lock
  std::atomic<bool> manifest_locked_{false};
  Event manifest_event_;
  std::atomic<std::uint64_t> next_file_number_{1};
  std::atomic<std::uint64_t> file_number_bound_{1};  // reserved in the manifest

  std::unique_ptr<Log> log_;
  std::unique_ptr<LogPins> log_pins_;
  std::vector<LogPosition> scanned_log_;  // of a read-only store, which has no log_
  std::unique_ptr<CommitQueue> queue_;
  std::unique_ptr<SnapshotList> snapshots_;
  std::atomic<Sequence> reserved_through_{0};

  mutable std::mutex commit_mutex_;
  std::unique_ptr<ConflictTable> conflicts_;  // protected by commit_mutex_
  std::shared_ptr<MemtableRun> active_;       // protected by commit_mutex_
  std::size_t active_bytes_ = 0;              // of active_, promised; protected by commit_mutex_
  LogPosition log_end_;                       // protected by commit_mutex_

  mutable std::mutex state_mutex_;
  std::deque<std::shared_ptr<MemtableRun>> sealed_;  // oldest first; protected by state_mutex_
  std::shared_ptr<MemtableRun> active_view_;         // active_; protected by state_mutex_
  std::shared_ptr<const Tree> tree_;                 // protected by state_mutex_
  absl::Status poison_;                              // protected by state_mutex_
  absl::Status flush_error_;                         // protected by state_mutex_
  absl::Status compaction_error_;                    // protected by state_mutex_
  bool flush_stopped_ = false;                       // protected by state_mutex_
  std::size_t compactions_running_ = 0;              // protected by state_mutex_
  std::uint64_t compact_requests_ = 0;               // protected by state_mutex_
  std::uint64_t compact_done_ = 0;                   // protected by state_mutex_
  absl::Status compact_status_;                      // protected by state_mutex_
  std::uint64_t failures_ = 0;  // of background jobs; protected by state_mutex_

  ViewSlots views_;
  const int compaction_jobs_;
  CompactionPicker picker_;  // protected by state_mutex_
  CommitPacer pacer_;
  std::atomic<bool> poisoned_{false};
  std::atomic<bool> closing_{false};
  std::atomic<Sequence> flushed_through_{0};
  std::atomic<Sequence> synced_through_{0};  // newest commit that has waited for the device
  std::stop_source stop_;
  TaskGroup background_;
};

}  // namespace aurora::lsm
