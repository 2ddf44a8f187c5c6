// Reads a log as a crash, a kill or a clean close has left it, and decides what belongs to it.
// Writes nothing.
//
// The segments that form the log are found from the newest one back: each names its predecessor and
// where that ends. Within a segment, each frame says where the one before it ends. So the log is a
// chain, and reading stops at the first place P where the next link is missing or broken. What that
// means:
//
//   * Something valid beyond P states a durable watermark above P: the device once held what is
//     broken. DataLoss.
//   * P lies in a mapped segment, the machine has not been booted since that was written, and any
//     valid frame follows: nothing was lost by a loss of power, so it is damage. DataLoss.
//   * Otherwise P is the end. What follows was never acknowledged as durable: it is cut, and the
//     report says so. After a loss of power valid frames may well follow: blocks that were not
//     synced reach the device in any order.
//
// What this can promise. A direct segment has one write in flight at a time, and every frame states
// that all before its own write is durable: only the last write before the crash is without a
// witness. Damage within that one is reported as a cut, not as DataLoss. In a mapped segment the
// same holds for all that was written since the last sync whose watermark a later frame carries;
// after a loss of power, kProcess and kBuffered commits since then survive as a prefix.
//
// A record file (record_file.h) is durable before its frame is written, so one that is missing or
// damaged is damage wherever the frame stands. Those of records that are not replayed may be gone.
//
// The very last write is also what no reader can know to be on the device: after a failed sync the
// page cache, or the device's own, may show what the medium does not have. `LogScan::safe` is where
// that doubt begins.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/aligned_buffer.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/log_types.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// The bytes of one segment, read as far as they are needed.
class SegmentReader {
 public:
  // InvalidArgument or DataLoss if the file cannot be a segment.
  static Task<absl::StatusOr<SegmentReader>> Open(FileSystem& files, std::string path);

  std::uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }
  // What has been read so far, from the segment's start. Valid until the next Load.
  std::string_view view() const { return buffer_.view().substr(0, loaded_); }
  // Reads at least up to `end`, or to the end of the file.
  Task<absl::Status> Load(std::uint64_t end);

 private:
  SegmentReader(std::string path, std::unique_ptr<File> file, std::uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size), buffer_(NextBlock(size)) {}

  std::string path_;
  std::unique_ptr<File> file_;
  std::uint64_t size_;
  AlignedBuffer buffer_;
  std::size_t loaded_ = 0;
};

// Walks the frames of one segment from its first one to where the chain ends, or to `limit`.
class FrameWalker {
 public:
  // `limit`: an offset where the segment is known to end, 0 if it is not known.
  FrameWalker(SegmentReader* reader, const SegmentHeader& header, std::uint32_t limit)
      : reader_(reader),
        header_(header),
        limit_(limit),
        seed_(FrameSeed(header.identity, header.number)) {}

  // Moves to the next frame. False at the end: `limit` reached, or no valid frame follows.
  Task<absl::StatusOr<bool>> Next();
  // Valid until the next call of Next().
  const FrameView& frame() const { return frame_; }
  // Where the last frame ends: the first frame, if any, would start here or at the next block.
  std::uint32_t end() const { return end_; }
  std::uint64_t seed() const { return seed_; }

 private:
  SegmentReader* const reader_;
  const SegmentHeader header_;
  const std::uint32_t limit_;
  const std::uint64_t seed_;
  std::uint32_t end_ = kSegmentHeaderBytes;
  FrameView frame_;
};

struct ScanOptions {
  std::string directory;
  LogIdentity identity;
  std::uint64_t boot = 0;  // BootHash of the running machine
  std::uint32_t first_segment = 0;
  Sequence after = 0;
  // The record files of commits up to this one may be gone; then they are passed over.
  Sequence flushed_through = 0;
  // Another process may be writing the log. What was appended after the scan began may be left out;
  // a segment that was recycled meanwhile is an error, which another scan may not meet.
  bool live = false;
};

struct ScannedSegment {
  SegmentHeader header;
  std::uint64_t file_bytes = 0;
  std::uint32_t end = kSegmentHeaderBytes;  // of its last frame that belongs to the log
};

struct LogScan {
  // What the log consists of, oldest first. Empty if not even the first segment was begun.
  std::vector<ScannedSegment> chain;
  // Everything below is on the device for good, as later frames prove. May lie in the predecessor
  // of chain.front(). {n, 0}: not even the header block of segment n.
  LogPosition safe;
  Sequence last_sequence = 0;
  bool clean_close = false;
  // The last frame, if it is a mark: where it starts and where the frame before it ends. No record
  // follows it.
  std::optional<std::uint32_t> last_mark;
  std::uint32_t last_mark_previous_end = 0;
  // True if the last segment holds no record that was appended to it, as opposed to copied into it
  // by a recovery.
  bool last_segment_untouched = false;
  // Files that bear a segment's name and are not in `chain`, ascending: those that can be used
  // again; those that were part of the log before a recovery replaced or cut them, and still are
  // if the replacement turns out not to be on the device, so that they can be used only once
  // `chain` is; and those that must be removed, because their blocks may not be on the device or
  // because a rename that a crash interrupted has left them as a second name of another file.
  std::vector<std::uint32_t> reusable;
  std::vector<std::uint32_t> superseded;
  std::vector<std::uint32_t> unusable;
  std::uint32_t highest_number = 0;
  // The record files of the records that were replayed, ascending by sequence.
  std::vector<std::uint64_t> record_files;
  LogRecovery report;
};

// The numbers of the segment files in `directory`, ascending.
Task<absl::StatusOr<std::vector<std::uint32_t>>> ListSegments(FileSystem& files,
                                                              std::string directory);

// Reads the log from options.first_segment on and gives every record above options.after to
// `replay`, in order. DataLoss: damage, as defined above, naming the file, the offset and the
// sequences around it; or a record file that is not as its frame says.
// FailedPrecondition: a segment of another database or of a later epoch.
// Aborted: a live log changed in a way that needs another scan.
Task<absl::StatusOr<LogScan>> ScanLog(FileSystem& files, ScanOptions options,
                                      LogRecordCallback* replay);

}  // namespace aurora::lsm
