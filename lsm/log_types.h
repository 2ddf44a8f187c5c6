// The vocabulary of the commit log (see log.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

class EventFeed;
class StoreStatistics;

struct LogOptions {
  std::string directory;
  LogIdentity identity;
  Durability durability = Durability::kSync;  // of the database: chooses the segments' mode
  std::uint64_t segment_bytes = 16u << 20;    // multiple of kDeviceBlockSize
  std::size_t buffer_bytes =
      4u << 20;  // most bytes of one direct group; also kBuffered's size trigger
  absl::Duration flush_interval =
      absl::Milliseconds(50);  // kBuffered: longest time before a commit is on the device
  int spare_segments = 1;      // the fewest kept ready ahead of need; more where they fill fast
  // Told of every sync. Not owned; null: nobody is.
  StoreStatistics* statistics = nullptr;
  // Told of segments that are made and removed. Not owned; null: nobody is.
  EventFeed* events = nullptr;
};

// What the log says of a record that has a file of its own (record_file.h).
struct RecordFileReference {
  std::uint64_t number = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t hash = 0;  // XXH3 of the whole file
  friend bool operator==(const RecordFileReference&, const RecordFileReference&) = default;
};

// One recovered record. The view is valid during the call.
struct LogRecord {
  Sequence sequence = 0;
  LogPosition position;  // of its frame
  std::string_view payload;
  RecordFileReference file;  // that holds it; number 0: the frame itself does
  std::string_view tables;   // of an ingestion: their description (DecodeTables); else empty
};

// What recovery found at the end of the log.
struct LogRecovery {
  LogPosition end;                 // where the next record goes
  Sequence last_sequence = 0;      // of the last record, 0 if none
  std::uint64_t record_count = 0;  // of those that were replayed
  bool clean_close = false;
  std::uint64_t cut_bytes = 0;  // bytes after `end` that held an incomplete, unacknowledged tail
  std::string cut_reason;       // empty if nothing was cut
};

using LogRecordCallback = absl::AnyInvocable<absl::Status(const LogRecord&)>;

}  // namespace aurora::lsm
