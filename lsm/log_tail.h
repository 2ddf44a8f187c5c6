// Reads a part of a log that is being written: frames that are on the device, one after the other.
//
// ScanLog (log_reader.h) decides what a log consists of after a crash; this is told, by the running
// log, and only reads. So a frame that is not as it must be is an error.
//
// One user at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/aligned_buffer.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class LogTail {
 public:
  // Reads from `from`, the end of a frame or {n, 0}, the begin of a segment, to the end of `parts`:
  // segments and where they end, ascending, the one of `from` among them. All of that must be
  // on the device, and stay. `files` must outlive the object. Memory: some hundred KiB, or the
  // largest frame.
  LogTail(FileSystem* files, std::string directory, LogPosition from,
          std::vector<LogPosition> parts);

  // Moves to the next frame; false at the end. DataLoss, naming file and offset, if there is none
  // where one must be; NotFound if a segment is gone.
  Task<absl::StatusOr<bool>> Next();
  // Valid until the next Next. The payload is checked.
  const FrameHeader& header() const { return header_; }
  std::string_view payload() const { return payload_; }
  // Where the frame ends.
  LogPosition end() const { return at_; }
  // Of the segment of the frame, or where Next has ended.
  const SegmentHeader& segment() const { return segment_; }

 private:
  Task<absl::Status> OpenSegment();
  // True if there is a frame at `offset` that follows the last one.
  Task<absl::StatusOr<bool>> TakeFrame(std::uint32_t offset);
  // Sees to it that the window holds [offset, end), if the segment has it.
  Task<absl::StatusOr<bool>> Load(std::uint64_t offset, std::uint64_t end);
  const char* At(std::uint64_t offset) const { return window_.data() + (offset - window_begin_); }

  FileSystem* const files_;
  const std::string directory_;
  const std::vector<LogPosition> parts_;
  std::size_t part_ = 0;
  LogPosition at_;
  std::unique_ptr<File> file_;  // of at_.segment, once it is open
  SegmentHeader segment_;
  std::uint64_t seed_ = 0;
  AlignedBuffer window_;
  std::uint64_t window_begin_ = 0;
  std::uint64_t window_end_ = 0;
  FrameHeader header_;
  std::string_view payload_;
};

}  // namespace aurora::lsm
