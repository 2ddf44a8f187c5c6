#include "aurora/tools/input_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/interrupt.h"

namespace aurora::tools {
namespace {

constexpr std::size_t kReadBytes = 64u << 10;
constexpr std::size_t kUnpackedBytes = 256u << 10;
constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr int kGzipOnly = 16;  // added to the window bits: expect a gzip header

}  // namespace

InputFile::InputFile(std::string name, int fd, bool owned, std::uint64_t size_bytes)
    : name_(std::move(name)), fd_(fd), owned_(owned), size_bytes_(size_bytes) {}

InputFile::~InputFile() {
  if (compressed_) inflateEnd(&inflate_);
  if (owned_) ::close(fd_);
}

absl::StatusOr<std::unique_ptr<InputFile>> InputFile::Open(const std::string& path) {
  const bool owned = path != "-";
  std::string name = owned ? path : "standard input";
  const int fd = owned ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
  if (fd < 0) return SystemError(errno, "open", name);
  struct stat info = {};
  const bool known = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  std::unique_ptr<InputFile> file(new InputFile(
      std::move(name), fd, owned, known ? static_cast<std::uint64_t>(info.st_size) : 0));
  if (S_ISDIR(info.st_mode)) {
    return InvalidArgumentError(file->name_, " is a directory; a file of JSON lines is needed");
  }
  return file;
}

absl::Status InputFile::Fill() {
  AURORA_CHECK(stored_.empty());
  buffer_.resize(kReadBytes);
  while (true) {
    pollfd waits[] = {{fd_, POLLIN, 0}, {InterruptScope::Descriptor(), POLLIN, 0}};
    if (::poll(waits, 2, -1) < 0 && errno != EINTR) return SystemError(errno, "read", name_);
    if (InterruptScope::Signal() != 0) return CancelledError("interrupted");
    if (waits[0].revents == 0) continue;
    const ssize_t count = ::read(fd_, buffer_.data(), buffer_.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return SystemError(errno, "read", name_);
    stored_ = std::string_view(buffer_).substr(0, static_cast<std::size_t>(count));
    position_bytes_ += stored_.size();
    return absl::OkStatus();
  }
}

absl::StatusOr<std::string_view> InputFile::Read() {
  if (!started_) {
    started_ = true;
    AURORA_RETURN_IF_ERROR(Fill());
    // No text begins with these bytes, and a pipe that gives one byte at a time gives no gzip.
    compressed_ = stored_.starts_with(kGzipMagic);
    if (compressed_) {
      AURORA_CHECK(inflateInit2(&inflate_, MAX_WBITS + kGzipOnly) == Z_OK);
      in_stream_ = true;
    }
  } else if (!compressed_) {
    AURORA_RETURN_IF_ERROR(Fill());
  }
  if (compressed_) return Unpack();
  return std::exchange(stored_, std::string_view());
}

absl::StatusOr<std::string_view> InputFile::Unpack() {
  unpacked_.resize(kUnpackedBytes);
  while (true) {
    if (stored_.empty() && !holds_output_) {
      AURORA_RETURN_IF_ERROR(Fill());
      if (stored_.empty() && !in_stream_) return std::string_view();
      if (stored_.empty()) return DataLossError(name_, " is cut short: its gzip data has no end");
    }
    if (!in_stream_) {
      AURORA_CHECK(inflateReset(&inflate_) == Z_OK);
      in_stream_ = true;
    }
    inflate_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(stored_.data()));
    inflate_.avail_in = static_cast<uInt>(stored_.size());
    inflate_.next_out = reinterpret_cast<Bytef*>(unpacked_.data());
    inflate_.avail_out = static_cast<uInt>(unpacked_.size());
    const int result = inflate(&inflate_, Z_NO_FLUSH);
    stored_.remove_prefix(stored_.size() - inflate_.avail_in);
    if (result == Z_STREAM_END) in_stream_ = false;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return DataLossError(name_, " is damaged gzip data, before byte ",
                           position_bytes_ - stored_.size(), ": ",
                           inflate_.msg != nullptr ? inflate_.msg : "not gzip");
    }
    holds_output_ = result == Z_OK && inflate_.avail_out == 0;
    const std::size_t count = unpacked_.size() - inflate_.avail_out;
    if (count > 0) return std::string_view(unpacked_).substr(0, count);
  }
}

}  // namespace aurora::tools
