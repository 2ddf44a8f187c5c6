// What a store knows of itself, as of one moment. Counters count from its opening on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/attributes.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/histogram.h"

namespace aurora::lsm {

// How the looks of Get and GetMany into tables of a level went. A key costs at most one look in
// each table of level 0, and one in each level below.
struct TableLooks {
  std::uint64_t rejected = 0;    // the filter excluded the key: no block was looked at
  std::uint64_t found = 0;       // the table has an entry of the key
  std::uint64_t missed = 0;      // the filter let it pass in vain: a false positive
  std::uint64_t unfiltered = 0;  // there was no filter, and no entry
  std::uint64_t total() const { return rejected + found + missed + unfiltered; }
};

struct LevelStats {
  int table_count = 0;
  std::uint64_t bytes = 0;
  std::uint64_t entry_count = 0;
  std::uint64_t delete_count = 0;  // of entry_count; of tables of format 2 and before, 0
  std::uint64_t range_delete_count = 0;
  std::uint64_t value_bytes = 0;  // that its tables need of value files
  TableLooks looks;
};

// What is measured by a histogram. Times are in nanoseconds. Of operations that find what they need
// in memory only a part is measured, each for as many as were left out
// (StoreOptions::latency_sampling); of those that have to wait, all.
enum class Measure : std::uint8_t {
  kGet,         // time of a Get, or OpenValue
  kGetMany,     // time of a GetMany
  kCommitSync,  // time of a commit, by the durability asked for
  kCommitProcess,
  kCommitBuffered,
  kSeek,             // time of an iterator's Seek of any kind
  kNextWait,         // time of a Next, Prev or LoadValue that had to wait for the device
  kFlush,            // time of writing a memtable to a table
  kCompaction,       // time of a compaction, moves of whole tables not included
  kLogSync,          // time of one write or sync of the log, for all who wait for it
  kLogGroupCommits,  // commits that one such sync made durable
  kLogGroupBytes,    // and their bytes; padding included
};
inline constexpr std::size_t kMeasureCount = 12;
// "get", "commit_sync": in lower case, to be used as a key.
std::string_view MeasureName(Measure measure);
// True of times.
bool IsTime(Measure measure);

// Why commits are held back.
enum class StallReason : std::uint8_t {
  kPacing,     // flushes or compactions lag behind: commits are slowed down
  kMemtables,  // too many sealed memtables wait for their flush
  kLogRoom,    // the log has no segment ready
  kQueue,      // too many commits are in progress
  kSequences,  // no sequence number is reserved
  kIngestion,  // an ingestion takes its place
};
inline constexpr std::size_t kStallReasonCount = 6;
// "pacing", "log_room".
std::string_view StallReasonName(StallReason reason);

struct StallStats {
  std::uint64_t commits = 0;  // that were held back
  std::uint64_t nanos = 0;    // for so long in all; of several at once, each counts
};

// Of the archive of the log.
struct ArchiveStats {
  bool is_on = false;
  Sequence archived_through = 0;  // the last commit that is archived
  // What of the log is not archived, and for how long some of it has not been.
  std::uint64_t lag_bytes = 0;
  std::uint64_t lag_nanos = 0;
  int file_count = 0;  // of log files of this lineage
  std::uint64_t bytes_written = 0;
  std::uint64_t gap_count = 0;  // parts of the log that were given up
  std::uint64_t failures = 0;
  std::string error;  // why it does not work now; empty: it does
};

struct StoreStats {
  Sequence published = 0;  // newest visible commit
  Sequence durable = 0;    // newest commit that is on the device
  std::size_t memtable_bytes = 0;
  int memtable_count = 0;
  std::vector<LevelStats> levels;
  int level0_run_count = 0;  // tables of level 0 on top of each other, at most
  int compactions_running = 0;
  std::uint64_t log_bytes = 0;
  int log_segment_count = 0;
  std::uint64_t flush_count = 0;
  std::uint64_t compaction_count = 0;  // moves included
  std::uint64_t commit_count = 0;
  std::uint64_t bytes_committed = 0;  // of the records of commits: what was asked to be stored
  std::uint64_t bytes_logged = 0;     // padding and zero-filling included
  std::uint64_t bytes_in_record_files = 0;  // of records that are too large for the log
  std::uint64_t bytes_flushed = 0;          // those of value files included
  std::uint64_t bytes_compacted = 0;
  std::uint64_t bytes_staged = 0;     // of values that were written in parts, claimed or not
  std::uint64_t bytes_collected = 0;  // written to move values away from garbage

  // Values in value files, and what of them no table needs any more. Once background work is idle,
  // garbage is at most a quarter of the rest (kGarbageShare).
  int value_file_count = 0;
  std::uint64_t value_file_bytes = 0;
  std::uint64_t value_bytes = 0;
  std::uint64_t value_garbage_bytes = 0;

  std::uint64_t get_count = 0;  // keys that Get and GetMany looked for
  std::uint64_t iterator_count = 0;
  // Of iterators, as of their last Seek, or their end. Steps: keys that were returned.
  std::uint64_t seek_count = 0;
  std::uint64_t step_count = 0;
  std::uint64_t tombstones_met = 0;    // by gets and iterators
  std::uint64_t versions_skipped = 0;  // by iterators: entries that a newer one replaces
  std::uint64_t tables_opened = 0;
  // Of the files of tables and values: descriptors that are open now, at most
  // StoreOptions::open_files_max, and how often a file was opened again. 0 of a store that is open
  // for reading only.
  std::size_t open_files = 0;
  std::uint64_t files_reopened = 0;
  // Read from the device, or from the system's cache of it.
  std::uint64_t bytes_read_by_gets = 0;
  std::uint64_t bytes_read_by_iterators = 0;
  std::uint64_t bytes_read_by_compactions = 0;  // by the collection of value files, too
  std::uint64_t bytes_read_by_opening = 0;      // footers, indices and filters of tables and values

  // The cache holds data blocks and small values of value files, and of tables whose index and
  // filter are not held whole, parts of them. Those of others are in memory as long as their file
  // is open.
  std::uint64_t block_cache_hits = 0;
  std::uint64_t block_cache_misses = 0;
  std::uint64_t block_cache_inserted_bytes = 0;
  std::uint64_t block_cache_evicted_bytes = 0;
  std::size_t block_cache_bytes = 0;
  std::size_t block_cache_entries = 0;

  std::uint64_t stall_nanos = 0;  // time that commits were held back
  std::array<StallStats, kStallReasonCount> stalls;
  std::array<Distribution, kMeasureCount> measures;
  std::string file_backend;
  LogRecovery recovery;  // what the last open found
  ArchiveStats archive;

  const Distribution& measure(Measure measure) const ABSL_ATTRIBUTE_LIFETIME_BOUND {
    return measures[static_cast<std::size_t>(measure)];
  }
  const StallStats& stall(StallReason reason) const ABSL_ATTRIBUTE_LIFETIME_BOUND {
    return stalls[static_cast<std::size_t>(reason)];
  }
  // Bytes written to the device for each byte committed or staged; 0 if there are none.
  double write_amplification() const;
};

// The most telling figures, in one line.
std::string SummaryOf(const StoreStats& stats);

}  // namespace aurora::lsm
