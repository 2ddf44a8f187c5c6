// How a database is opened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "aurora/engine/document/limits.h"
#include "aurora/engine/operation_profile.h"
#include "aurora/lsm/store_events.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/logger.h"

namespace aurora {

// What a commit survives once it is acknowledged: kSync the loss of power, kProcess the death of
// the process, kBuffered neither until it is flushed.
using Durability = lsm::Durability;

using EventListener = lsm::EventListener;
using StoreEvent = lsm::StoreEvent;

// The defaults work well; memory is given once and shared out.
struct Options {
  // Create the database if there is none at the path. Default: yes.
  bool create_if_missing = true;
  // Refuse to open a database that exists. Default: no.
  bool error_if_exists = false;
  // Read the database as it is at the moment of opening, beside another process that has it open,
  // or on media that cannot be written. Takes no lock and writes nothing; later commits are not
  // seen; every write fails with FailedPrecondition. Default: no.
  bool read_only = false;

  // Bytes for everything that is bounded: a quarter each for memtables and the hot tier, an eighth
  // for what is known of indices, the rest for cached blocks and the metadata of tables. At least 8
  // MiB. What the program itself holds (documents, results) is not part of it.
  std::size_t memory_bytes = 256u << 20;
  // The part of memory_bytes, 0 to 0.5, that holds whole documents for reads by id. 0: no hot tier.
  double hot_tier_share = 0.25;

  // Read tables past the page cache. Right where the data is much larger than the machine's memory:
  // a get from the device costs a fifth of the processor time, and nothing is in memory twice.
  // Wrong where the page cache holds what memory_bytes does not. Default: no.
  bool direct_reads = false;

  // Of commits that do not say otherwise. It also decides how the log is written: kSync by direct
  // I/O, the others through a mapping.
  Durability durability = Durability::kSync;
  // The longest time that a kBuffered commit is only in memory.
  absl::Duration flush_interval = absl::Milliseconds(50);

  // Where the log is archived, so that the database can be restored to any moment (RestoreToPoint,
  // archive.h): a directory, best on another device, which other databases may share. Its parent
  // must exist. Empty: it is not archived. A failure of the archive harms nothing else: it is
  // reported as an event, and by Stats().
  std::string archive;
  // The longest time that a commit waits to be archived. At each interval, what was committed with
  // less than kSync becomes durable too.
  absl::Duration archive_interval = absl::Minutes(1);
  // While the archive cannot be written, at most so many bytes of the log are kept for it; beyond
  // that, or where the database's own device is full, the archive gets a gap.
  std::uint64_t archive_retain_bytes = std::uint64_t{1} << 30;

  // How large and deep documents may be. DocumentLimits::Strict() for documents from strangers.
  DocumentLimits limits;

  // The machine: files, threads, clock. Null: a new one of the real machine
  // (MakeSystemEnvironment).
  std::shared_ptr<Environment> environment;
  // What happens, in lines for people, goes into the file LOG of the database: up to 1 MiB of it,
  // and as much in LOG.old. Not while it is open for reading only. Default: yes.
  bool event_file = true;
  // Told the same lines. Null: nobody is.
  std::shared_ptr<Logger> logger;
  // Told of what happens as values: lsm/store_events.h has the events, and says on which thread.
  // Null: nobody is.
  std::shared_ptr<EventListener> event_listener;
  // A line of statistics among them: so often at most, when something happens, and at the end.
  absl::Duration stats_interval = absl::Minutes(10);
  // Of the operations that find what they need in memory, one in so many is timed (1: all, 0:
  // none).
  int latency_sampling = 64;
};

// Of one write.
struct WriteOptions {
  // Default: the database's.
  std::optional<Durability> durability;
  // Goes into the log with the transaction; at most 256 bytes.
  std::string label;
  // Filled with what the write cost. Must live until its task completes. Null: nobody asks.
  OperationProfile* profile = nullptr;
};

// Of one read.
struct ReadOptions {
  // As of WriteOptions.
  OperationProfile* profile = nullptr;
};

}  // namespace aurora
