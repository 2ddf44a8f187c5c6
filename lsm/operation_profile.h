// What one operation cost, told to whoever asks: pass a pointer to a profile with the operation.
#pragma once

#include <cstdint>

namespace aurora::lsm {

// Operations add to it, so one profile may sum up several. Not thread-safe: it belongs to one
// operation at a time, from the call until its task is done; of an iterator, from its making until
// its end. Asking for no profile costs a branch, asking for one some nanoseconds, and where
// something is waited for, two looks at the clock.
struct OperationProfile {
  std::uint64_t memtables_probed = 0;   // of Get and GetMany, for each key
  std::uint64_t tables_probed = 0;      // the same; those included that a filter excluded
  std::uint64_t filter_rejections = 0;  // tables that a filter excluded: no block was looked at
  // Of tables. A read from a value file counts as one, whatever it reads.
  std::uint64_t blocks_from_cache = 0;
  std::uint64_t blocks_from_device = 0;
  std::uint64_t bytes_read = 0;          // from the device, or from the system's cache of it
  std::uint64_t entries_walked = 0;      // of iterators: keys that were returned
  std::uint64_t merge_operands = 0;      // that were folded
  std::uint64_t tombstones_skipped = 0;  // deletes met in place of values
  std::uint64_t versions_skipped = 0;    // of iterators: entries that a newer one replaces
  // Times for which nothing else could be done, in nanoseconds.
  std::uint64_t device_wait_nanos = 0;       // for blocks of tables, and values
  std::uint64_t room_wait_nanos = 0;         // for being let in: pacing, a full log or memtable
  std::uint64_t publication_wait_nanos = 0;  // for commits that came before
  std::uint64_t log_wait_nanos = 0;          // for the log to be as durable as asked

  void Add(const OperationProfile& other);
};

}  // namespace aurora::lsm
