// What a store is made of: its constants and its members, apart from what is done with them
// (store_impl.h, which has the rules of their locks).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
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
#include "aurora/lsm/expiry_wait.h"
#include "aurora/lsm/file_pool.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/key_history.h"
#include "aurora/lsm/log.h"
#include "aurora/lsm/log_archiver.h"
#include "aurora/lsm/log_pins.h"
#include "aurora/lsm/manifest.h"
#include "aurora/lsm/snapshot_list.h"
#include "aurora/lsm/stall_watch.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_parts.h"
#include "aurora/lsm/store_statistics.h"
#include "aurora/lsm/table.h"
#include "aurora/lsm/table_builder.h"
#include "aurora/lsm/table_output.h"
#include "aurora/lsm/tree.h"
#include "aurora/lsm/tree_change.h"
#include "aurora/lsm/value_file.h"
#include "aurora/lsm/view_slots.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/environment_with_files.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora::lsm {

struct StoreState {
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

  StoreState(Environment& environment, StoreOptions options, RecordHandler& handler);

  std::int64_t Now() const { return environment_.clock().MonotonicNanos(); }
  bool poisoned() const { return poisoned_.load(std::memory_order_seq_cst); }
  bool closing() const { return closing_.load(std::memory_order_seq_cst); }

  struct Staged {
    Sequence sequence = 0;  // of the commit that has claimed it; 0: none has
    std::uint64_t hash = 0;
  };

  FilePool files_;  // through which everything of the store reaches the files
  EnvironmentWithFiles own_environment_;
  Environment& environment_ = own_environment_;
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
  Event event_;                      // whatever background work, or whoever waits for it, waits for
  ObsoleteFiles obsolete_{&event_};  // outlives every TreeTable and TreeValueFile
  bool opened_ = false;
  bool replayed_expiring_ = false;  // during Open
  ExpiryWait expiry_wait_;          // of ExpiryLoop
  bool closed_ = false;
  std::vector<Mutation> replayed_;  // of one record, during Open

  std::unique_ptr<Manifest> manifest_;  // protected by the manifest lock
  std::atomic<bool> manifest_locked_{false};
  Event manifest_event_;
  std::atomic<std::uint64_t> next_file_number_{1};
  std::atomic<std::uint64_t> file_number_bound_{1};  // reserved in the manifest

  StoreParts::IngestionState ingestion_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<LogPins> log_pins_;
  std::unique_ptr<ArchiveHost> archive_host_;
  std::unique_ptr<LogArchiver> archiver_;  // null: the log is not archived
  // Where recovery starts to need the log; the manifest's start may be below it, for the archive.
  // Protected by the manifest lock.
  std::uint64_t needed_log_segment_ = 0;
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
  absl::Status values_error_;                        // protected by state_mutex_
  bool flush_stopped_ = false;                       // protected by state_mutex_
  std::size_t compactions_running_ = 0;              // protected by state_mutex_
  std::uint64_t compact_requests_ = 0;               // protected by state_mutex_
  std::uint64_t compact_done_ = 0;                   // protected by state_mutex_
  absl::Status compact_status_;                      // protected by state_mutex_
  std::uint64_t failures_ = 0;  // of background jobs; protected by state_mutex_
  // How often the live values of a value file could not be moved; protected by state_mutex_.
  std::map<std::uint64_t, int> uncollected_;
  // Value files, by id, that are kept for a claim, or for one that is not flushed; protected by
  // state_mutex_.
  std::map<std::uint64_t, Staged> staged_;
  std::atomic<bool> has_staged_{false};  // any, ever

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
