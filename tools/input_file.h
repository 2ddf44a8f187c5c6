// A file to import, or standard input, as a stream of bytes. Input that begins as gzip does is
// unpacked; several gzip streams one after the other, as `cat a.gz b.gz` makes them, are one.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace aurora::tools {

// Not thread-safe.
class InputFile {
 public:
  // "-" is standard input. NotFound, FailedPrecondition (no permission), InvalidArgument (a
  // directory).
  static absl::StatusOr<std::unique_ptr<InputFile>> Open(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  // Some of what comes next; valid until the next call. Empty at the end.
  //   Cancelled     an InterruptScope was asked to stop
  //   DataLoss      it is gzip, and damaged or cut short
  //   Unavailable   it cannot be read
  absl::StatusOr<std::string_view> Read();

  // How far into the file, as it is stored, the last Read came.
  std::uint64_t position_bytes() const { return position_bytes_; }
  // 0 if that is not known (a pipe).
  std::uint64_t size_bytes() const { return size_bytes_; }
  bool compressed() const { return compressed_; }

 private:
  InputFile(std::string name, int fd, bool owned, std::uint64_t size_bytes);

  // Refills stored_; leaves it empty at the end.
  absl::Status Fill();
  absl::StatusOr<std::string_view> Unpack();

  const std::string name_;
  const int fd_;
  const bool owned_;
  const std::uint64_t size_bytes_;
  std::uint64_t position_bytes_ = 0;
  std::string buffer_;
  std::string_view stored_;  // read and not yet used, in buffer_
  bool started_ = false;
  bool compressed_ = false;
  bool in_stream_ = false;     // within a gzip stream
  bool holds_output_ = false;  // inflate_ has more to give without more input
  z_stream inflate_ = {};
  std::string unpacked_;
};

}  // namespace aurora::tools
