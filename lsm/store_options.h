// How a store is opened. The defaults are those of a store that is used by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "aurora/lsm/merge_operator.h"
#include "aurora/lsm/store_events.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/logger.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::lsm {

// Smaller values are always kept in tables: a scan would read each from another place.
inline constexpr std::size_t kValueFileBytesLeast = 1024;
// Below, a block's own overhead is more than what it holds; above, a get reads more than any cache
// makes up for.
inline constexpr std::size_t kBlockBytesLeast = 64;
inline constexpr std::size_t kBlockBytesMost = std::size_t{1} << 20;

// Where the log is archived, for a restore to any moment (point_in_time.h).
struct ArchiveOptions {
  // Best on another device; its parent must exist. It may be shared by any number of databases.
  // Empty: the log is not archived.
  std::string directory;
  // The longest time that a commit waits to be archived. At each, what was committed with less than
  // kSync becomes durable, too.
  absl::Duration interval = absl::Minutes(1);
  // While the archive cannot be written, at most so much of the log is kept for it; what is beyond
  // that, or no longer fits on the device, is given up, and the archive gets a gap.
  std::uint64_t retain_bytes = std::uint64_t{1} << 30;
};

struct StoreOptions {
  std::string directory;
  bool create_if_missing = true;
  bool error_if_exists = false;
  // Reads the database as it is now, beside whoever has it open, or on media that cannot be
  // written: takes no lock and writes nothing. Every table is opened and the log's tail read into
  // memory; later commits are not seen. Every write fails with FailedPrecondition.
  bool read_only = false;
  Durability durability = Durability::kSync;  // default of a commit; chooses how the log is written
  absl::Duration flush_interval = absl::Milliseconds(50);  // kBuffered
  std::size_t memtable_bytes = 32u << 20;
  std::uint64_t log_segment_bytes = 16u << 20;
  // A value of at least so many bytes goes to a value file when it is flushed; compaction then
  // moves its handle instead of it. 0: none does; else at least kValueFileBytesLeast. A value that
  // merge operands were folded into stays in its table.
  std::size_t value_file_min_bytes = 4096;
  // Of the tables, counting the values that they name. Compaction cuts its output about there.
  std::uint64_t table_bytes = 16u << 20;
  // What is read from a table at a time, uncompressed; kBlockBytesLeast to kBlockBytesMost. Smaller
  // ones make a get from the device cheaper; larger ones are compressed better and need less of an
  // index.
  std::size_t block_bytes = 8u << 10;
  std::uint64_t level_base_bytes =
      128u << 20;  // of level 1, as table_bytes; each below may hold level_multiplier times more
  int level_multiplier = 8;
  int level0_runs_max = 4;  // then they are compacted into level 1
  // The accountant of memory, and the cache of blocks that is charged to it. Not owned; must
  // outlive the store.
  MemoryBudget* memory = nullptr;
  std::size_t block_cache_bytes = 64u << 20;
  // Index and filter of a table, about 2% of its size, are held whole from its opening on, as long
  // as those of all open tables stay within so much, and within a quarter of the limit of `memory`.
  // Of other tables parts are read when they are needed, through the block cache.
  std::size_t table_metadata_bytes = std::numeric_limits<std::size_t>::max();
  // Tables are read past the page cache, where the file system can: for data much larger than
  // memory, of which the page cache would hold a second copy of what the block cache has, and cost
  // more processor time than it saves. Without it, what the block cache lacks is often there.
  bool direct_reads = false;
  // At most so many files of tables and values are open at once; others are opened again when they
  // are read, by a thread of the file system and a few system calls. At least 1. Exceeded only by
  // as many as are read at the same moment; lowered while the store is open when the process runs
  // out of descriptors (file_pool.h). The default leaves half of the usual limit of 1024 to
  // everything else. Not of a store that is open for reading only: whoever writes may remove a
  // file, which then can be read only as long as it is open; so all are.
  std::size_t open_files_max = 500;
  absl::flat_hash_map<KeyspaceId, const MergeOperator*> merge_operators;  // not owned
  // How long values live that are put without a time to live of their own; what is not here, for
  // ever. KvStore sees to it; whoever makes mutations for a Store says it in each.
  absl::flat_hash_map<KeyspaceId, absl::Duration> time_to_live;
  // Of the keyspaces that are not in the map. Not owned; null: those have no merges.
  const MergeOperator* default_merge_operator = nullptr;
  // Quick operations, which find what they need in memory, are timed one in so many (rounded up to
  // a power of two), each for as many as were left out; 1: every one, which costs two looks at the
  // clock; 0: none. Those that have to wait are always timed.
  int latency_sampling = 64;
  // Told of opening, recovery, flushes, compactions, stalls and errors: as values, and as lines for
  // people. Both are called on Environment::observers() (see EventListener). Not owned; null:
  // nobody.
  EventListener* event_listener = nullptr;
  Logger* logger = nullptr;
  // The same lines go into the file LOG of the directory: event_file.h. Not of a store that is open
  // for reading only.
  bool event_file = false;
  // A line of statistics among them, and a StatsTaken: so often at most, when something happens,
  // and at the end.
  absl::Duration stats_interval = absl::Minutes(10);
  // Not of a store that is open for reading only. Failures of the archive harm nobody: they are
  // events, and Stats() tells.
  ArchiveOptions archive;
};

}  // namespace aurora::lsm
