// Adds records to the end of a log that nobody has open: of a directory that is being restored.
//
// They go into new segments, which follow the one where the log ends, just as a recovery writes
// what it copies (log_restart.h). So whoever opens the directory replays them.
//
// One user at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/segment_image.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class LogExtension {
 public:
  // Reads the log in `directory` that `state` describes, to its end; there may be none. DataLoss if
  // it is damaged. `files` must outlive the object.
  static Task<absl::StatusOr<std::unique_ptr<LogExtension>>> Open(FileSystem* files,
                                                                  std::string directory,
                                                                  const ManifestState* state);

  // Of the log, what is added included.
  Sequence last_sequence() const { return last_sequence_; }
  // Of what was added so far.
  std::uint64_t added_bytes() const { return added_bytes_; }

  // REQUIRES a sequence above all before.
  Task<absl::Status> Add(Sequence sequence, std::string_view payload);
  // A record in a file of its own, which must be there when the log is opened.
  Task<absl::Status> AddRecordFile(Sequence sequence, RecordFileReference file);
  // Writes what is left, durably but for the names. The segment with which the log begins; 0: there
  // is none. Nothing may be added afterwards.
  Task<absl::StatusOr<std::uint64_t>> Finish();

 private:
  LogExtension(FileSystem* files, std::string directory, const LogIdentity& identity)
      : files_(files), directory_(std::move(directory)), identity_(identity) {}
  Task<absl::Status> FindEnd(const ManifestState* state);
  Task<absl::Status> AddFrame(FrameKind kind, Sequence sequence, std::string_view payload);
  void BeginSegment(std::size_t payload_bytes);
  Task<absl::Status> EndSegment();

  FileSystem* const files_;
  const std::string directory_;
  const LogIdentity identity_;
  std::uint64_t first_segment_ = 0;
  LogPosition end_;  // of the log as it is on the device
  std::uint32_t next_number_ = 1;
  Sequence last_sequence_ = 0;
  std::uint64_t added_bytes_ = 0;
  // The segment that is being filled.
  std::optional<SegmentImage> image_;
  std::uint32_t number_ = 0;
  std::uint64_t segment_bytes_ = 0;
  Sequence before_ = 0;
};

}  // namespace aurora::lsm
