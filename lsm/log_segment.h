// A log segment as an open file: made, recycled and written.
//
// Every function leaves the directory such that a crash at any point loses nothing: a file counts
// as ready only once its blocks and its name are on the device.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/log_format.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// What all segments of a log have in common.
struct SegmentOptions {
  std::string directory;
  std::uint64_t segment_bytes = 0;
  SegmentMode mode = SegmentMode::kDirect;
};

std::string SegmentPath(const std::string& directory, std::uint32_t number);

// Open for writing, in one mode. Not thread-safe but for file().
class LogSegment {
 public:
  LogSegment(std::uint32_t number, std::uint64_t bytes, std::unique_ptr<File> file,
             std::unique_ptr<MappedRegion> region)
      : number_(number), bytes_(bytes), file_(std::move(file)), region_(std::move(region)) {}

  std::uint32_t number() const { return number_; }
  std::uint64_t bytes() const { return bytes_; }
  // Where records must end.
  std::uint64_t records_end() const { return bytes_ - kSegmentReserveBytes; }
  SegmentMode mode() const {
    return region_ == nullptr ? SegmentMode::kDirect : SegmentMode::kMapped;
  }
  File& file() { return *file_; }
  // Null for a direct segment.
  MappedRegion* region() { return region_.get(); }

  // Writes `bytes` at `offset` and makes them durable, by the means of the segment's mode. Both are
  // multiples of kDeviceBlockSize, and so is the address. `bytes` must live until then.
  Task<absl::Status> WriteDurably(std::uint64_t offset, std::span<const char> bytes);

 private:
  const std::uint32_t number_;
  const std::uint64_t bytes_;
  const std::unique_ptr<File> file_;
  const std::unique_ptr<MappedRegion> region_;
};

// Opens an existing segment of the right size. FailedPrecondition if its size is another.
Task<absl::StatusOr<std::unique_ptr<LogSegment>>> OpenSegment(FileSystem& files,
                                                              SegmentOptions options,
                                                              std::uint32_t number);

// Creates segment `number`, all zeros: written to the device for a direct one; for a mapped one
// only reserved, where the file system can. If that fails, no such file is left, as far as the
// device allows. `*written_bytes`, which must live until then, grows by what was written.
Task<absl::StatusOr<std::unique_ptr<LogSegment>>> CreateSegment(FileSystem& files,
                                                                SegmentOptions options,
                                                                std::uint32_t number,
                                                                std::uint64_t* written_bytes);

// Makes segment `to` of segment `from`, which nobody needs any more. Keeps its bytes: no frame of
// another segment's number is ever taken for one of `to`.
Task<absl::StatusOr<std::unique_ptr<LogSegment>>> RecycleSegment(FileSystem& files,
                                                                 SegmentOptions options,
                                                                 std::uint32_t from,
                                                                 std::uint32_t to);

}  // namespace aurora::lsm
