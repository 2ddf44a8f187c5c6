// Reads what a damaged file, or a device that fails, still gives.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/aligned_buffer.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// A part of a file.
struct FileRange {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t end() const { return offset + bytes; }
  friend bool operator==(const FileRange&, const FileRange&) = default;
};

// Reads from the device, past the page cache, where that is possible: what the cache shows is no
// proof of what the medium holds. Changes nothing. One call at a time.
class PatientFile {
 public:
  // The FileSystem must outlive the file.
  static Task<absl::StatusOr<std::unique_ptr<PatientFile>>> Open(FileSystem* files,
                                                                 std::string path);

  const std::string& path() const { return file_->path(); }
  // When it was opened.
  std::uint64_t size() const { return size_; }

  // The bytes [begin, end), as far as the file goes; valid until the next call. Where a read fails
  // it is tried again block by block; what the device does not give reads as zeros, and is added to
  // unreadable(). Memory: as much as is read.
  Task<std::string_view> Read(std::uint64_t begin, std::uint64_t end);

  // What could not be read so far, ascending within each call, in blocks of the device.
  const std::vector<FileRange>& unreadable() const { return unreadable_; }

 private:
  PatientFile(std::unique_ptr<File> file, std::uint64_t size)
      : file_(std::move(file)), size_(size) {}
  Task<void> ReadBlockwise(std::uint64_t from);
  void AddUnreadable(std::uint64_t offset);

  const std::unique_ptr<File> file_;
  const std::uint64_t size_;
  AlignedBuffer buffer_;
  std::vector<FileRange> unreadable_;
};

}  // namespace aurora::lsm
