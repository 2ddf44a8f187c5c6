// The commit log: the database itself, of which everything else is a view.
//
// A log is a sequence of numbered segment files, LOGDIR/<number>.log, prepared once ahead of need
// (log_segment.h) and recycled, so that a sync never waits for metadata. A segment holds frames; a
// frame holds one record (one transaction), or names the file that holds it, and, in its header,
// the record's sequence, the identity of its segment, its own offset and the position up to which
// the log was known to be on the device when it was written: the durable watermark.
// docs/file-format.md has the layout and the validity rules.
//
// A segment is written by direct I/O or through a mapping, never both; its header says which:
//   direct  (kSync databases)               a group of records starts on a fresh device block and
//   is padded to the next; one
//                                           submission writes and syncs it; no write touches a
//                                           block that holds acknowledged bytes
//   mapped  (kProcess, kBuffered databases) records are stored into a shared mapping: no system
//   call. A kSync commit syncs the
//                                           file, after which the next record starts on a fresh
//                                           block
//
// Group commit has no leader: Append copies into the current group inside the caller's critical
// section; whoever finds the log idle drives it (a lone thread that waits on an EventLoop does its
// own I/O; otherwise the Environment's io() executor), and one completion wakes every waiter of a
// group.
//
// After any failed write or sync the log is poisoned: every waiting and later commit fails with the
// same error until the database is reopened, which reads the tail anew from the device. Nothing is
// ever retried.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class Log {
 public:
  using RecordCallback = LogRecordCallback;

  // Replays every record with a sequence above `after`, from `first_segment` on, in order; then
  // makes the recovered tail durable anew (what the page cache showed may never have reached the
  // device) and opens the log for appending. A gap, an invalid frame below the watermark, or one
  // that valid frames follow within the same boot of the machine is DataLoss naming file, offset
  // and the sequences around it; nothing is skipped. So is a record file that is not as its frame
  // says. An invalid tail is cut and reported.
  // `first_segment` 0: a new log. Needs no more space than the log already has.
  static Task<absl::StatusOr<std::unique_ptr<Log>>> Open(Environment& environment,
                                                         LogOptions options,
                                                         std::uint64_t first_segment,
                                                         Sequence after, RecordCallback replay,
                                                         LogRecovery* recovery);
  virtual ~Log() = default;

  // --- Appending. The three calls below are made under one lock of the caller, which orders the
  // log. ---

  // True if a record of `payload_bytes` can be appended now.
  virtual bool HasRoom(std::size_t payload_bytes) const = 0;
  // Appends a record: the concatenation of `parts`. Copies; never waits. REQUIRES HasRoom(total),
  // and `sequence` above all before. `payload_hash` is HashPayload(parts), computed outside of the
  // lock. The position is that of the record's end.
  virtual LogPosition Append(Sequence sequence, std::span<const std::string_view> parts,
                             std::uint64_t payload_hash) = 0;
  // Appends a record that is in a file of its own, which is durable. As Append; REQUIRES
  // HasRoom(kRecordFileReferenceBytes) (log_format.h).
  virtual LogPosition AppendRecordFile(Sequence sequence, const RecordFileReference& file) = 0;
  // Appends an ingestion: `parts` are the payload of its frame (log_format.h). As Append.
  virtual LogPosition AppendIngestion(Sequence sequence, std::span<const std::string_view> parts,
                                      std::uint64_t payload_hash) = 0;
  static std::uint64_t HashPayload(std::span<const std::string_view> parts);

  // --- Safe from every thread. ---

  // Waits until HasRoom(payload_bytes) is likely; InvalidArgument if a record of that size can
  // never be logged.
  virtual Task<absl::Status> MakeRoom(std::size_t payload_bytes) = 0;
  // The largest payload of one record that is not in a file of its own.
  virtual std::size_t max_payload_bytes() const = 0;

  // Waits until everything up to `end` is as durable as asked; a ready Task where it is already.
  virtual Task<absl::Status> WaitDurable(LogPosition end, Durability durability) = 0;

  // Everything below is on the device.
  virtual LogPosition durable_end() const = 0;
  // The first error of the log, for good; OK while healthy.
  virtual absl::Status status() const = 0;

  // Segments wholly below `position` are no longer needed to recover; they are recycled or removed.
  virtual void Release(LogPosition position) = 0;
  // Live segments, oldest first: number and bytes used.
  virtual std::vector<LogPosition> Segments() const = 0;
  // Something else has found the device full: removes the spare segments but for the fewest.
  virtual void GiveUpSpares() = 0;
  // Bytes written since the log was opened, to the device or into a mapping; padding and
  // zero-filling included.
  virtual std::uint64_t bytes_written() const = 0;

  // Where the mark of a clean end goes.
  enum class CloseMark : std::uint8_t {
    kBehindRecords,
    kNewSegment,  // if there can be one: the next open need not read the records before it
  };
  // Writes what is buffered, syncs, and marks a clean end with its watermark. No operation may be
  // in flight. Afterwards only Segments() and destruction. On a poisoned log: returns its error and
  // marks nothing.
  virtual Task<absl::Status> Close(CloseMark mark) = 0;
  AURORA_TASK_WRAPPER Task<absl::Status> Close() { return Close(CloseMark::kBehindRecords); }
};

}  // namespace aurora::lsm
