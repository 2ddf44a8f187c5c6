// What happens in a store, told while it happens: to an EventListener of the program's, and as the
// lines of its log for people, which are made of the very same events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aurora/lsm/store_stats.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/logger.h"

namespace aurora::lsm {

struct StoreOpened {
  std::size_t table_count = 0;
  LogRecovery recovery;
  std::string file_backend;
  bool read_only = false;
};
// Bytes at the end of a manifest that a crash left incomplete, and that the open cut off.
struct ManifestCut {
  std::string file;
  std::string reason;
};
// A file that a job left that did not end.
struct LeftoverRemoved {
  std::string file;
};

struct FlushBegun {
  Sequence last = 0;  // the newest commit of the memtable
  std::uint64_t entry_count = 0;
  std::size_t memtable_bytes = 0;
};
struct FlushEnded {
  absl::Status status;  // not OK: it is tried again
  std::vector<std::uint64_t> tables;
  std::uint64_t bytes_written = 0;
  std::int64_t nanos = 0;
};

enum class CompactionReason : std::uint8_t {
  kLevel0,      // level 0 has as many runs, or bytes, as allowed
  kLevelBytes,  // a level below holds more than it should
  kDeletes,     // half of a table, or of a column of level 0, is deletes
  kExpired,     // the same of what has expired
  kRequested,   // by Store::Compact
};
std::string_view CompactionReasonName(CompactionReason reason);

struct CompactionBegun {
  CompactionReason reason = CompactionReason::kLevel0;
  int level = 0;
  int output_level = 0;
  bool is_move = false;               // nothing is read or written: tables change their level
  std::vector<std::uint64_t> inputs;  // numbers of tables
  std::uint64_t input_bytes = 0;
};
struct CompactionEnded {
  CompactionBegun what;
  absl::Status status;  // not OK: it is tried again
  std::vector<std::uint64_t> outputs;
  std::uint64_t bytes_written = 0;
  std::int64_t nanos = 0;
};

struct TableCreated {
  std::uint64_t number = 0;
  int level = 0;
  std::uint64_t bytes = 0;
  std::uint64_t entry_count = 0;
};
struct TableRemoved {
  std::uint64_t number = 0;
};

struct ValueFileCreated {
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
  std::uint64_t value_count = 0;
};
struct ValueFileRemoved {
  std::uint64_t number = 0;
};

// Commits are held back. Of each reason at most one stall in ten seconds is told, while it goes on
// and when it ends; the end tells of all since the last one that was told.
struct StallBegun {
  StallReason reason = StallReason::kPacing;
};
struct StallEnded {
  StallReason reason = StallReason::kPacing;
  std::uint64_t commits = 0;
  std::int64_t nanos = 0;  // during which any commit was held back
};

// What did not work and is tried again, or was not necessary.
struct BackgroundFailure {
  absl::Status status;
};
// No write is taken any more until the store is opened again.
struct Poisoned {
  absl::Status status;
};

struct LogSegmentMade {
  std::uint32_t number = 0;
  bool is_recycled = false;  // else new, and perhaps filled with zeros
  std::int64_t nanos = 0;
};
struct LogSegmentRemoved {
  std::uint32_t number = 0;
};

// Of a record that is too large for a segment.
struct RecordFileMade {
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
  std::int64_t nanos = 0;
};
struct RecordFileRemoved {
  std::uint64_t number = 0;
};

// The archive of the log cannot be written; the store goes on, and it is tried again. Told once
// until it works again.
struct ArchiveFailed {
  absl::Status status;
};
struct ArchiveResumed {
  Sequence archived_through = 0;
};
// The commits between these two are not in the archive, and never will be: from there on only a
// newer backup helps.
struct ArchiveGap {
  Sequence after = 0;
  Sequence through = 0;
};

// From time to time, if anything happens, and at the end.
struct StatsTaken {
  StoreStats stats;
};
struct StoreClosed {
  absl::Status status;
};
// The listener was so slow that events were given up.
struct EventsLost {
  std::uint64_t count = 0;
};

struct StoreEvent {
  using What =
      std::variant<StoreOpened, ManifestCut, LeftoverRemoved, FlushBegun, FlushEnded,
                   CompactionBegun, CompactionEnded, TableCreated, TableRemoved, ValueFileCreated,
                   ValueFileRemoved, StallBegun, StallEnded, BackgroundFailure, Poisoned,
                   LogSegmentMade, LogSegmentRemoved, RecordFileMade, RecordFileRemoved,
                   ArchiveFailed, ArchiveResumed, ArchiveGap, StatsTaken, StoreClosed, EventsLost>;
  absl::Time time;         // when it happened
  std::int64_t nanos = 0;  // the same, by Clock::MonotonicNanos
  What what;
};

// For people, in one line.
std::string Describe(const StoreEvent::What& what);
LogSeverity SeverityOf(const StoreEvent::What& what);

// Called for one event after the other, in the order in which they happened, on the Environment's
// observers() executor: a thread of its own, on which nothing of the store runs, and under no lock.
// So it may be slow, and may call the store but for Close; commits and background work go on
// meanwhile. What happens is kept for it up to EventFeed::kEventsMax events; then further ones are
// given up, and it is told how many (EventsLost). Must not throw. Close waits until it has heard
// everything.
class EventListener {
 public:
  virtual ~EventListener() = default;
  virtual void OnEvent(const StoreEvent& event) = 0;
};

}  // namespace aurora::lsm
