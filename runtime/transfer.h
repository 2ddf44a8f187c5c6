// The bookkeeping of one read or write over system calls that may do less than they were asked:
//
//   Transfer transfer = Transfer::Write(file, offset, bytes);
//   while (!transfer.done()) transfer.Advance(pwrite(fd, transfer.data(), transfer.size(), ...));
//
// Knows nothing of how the calls are made, so every back end shares it, and a test can feed it any
// sequence of outcomes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace aurora::internal {

// Of one system call. A multiple of every alignment that direct I/O may ask for.
inline constexpr std::size_t kMaxTransferSize = std::size_t{1} << 30;

// Calls in a row that may make no progress (interrupted, refused for the moment) before the device
// is said to have failed.
inline constexpr int kMaxStalledCalls = 1000;

class Transfer {
 public:
  // `fd`, `path` and `direct` of the file; `path` must outlive the transfer.
  static Transfer Read(int fd, std::string_view path, bool direct, std::uint64_t offset,
                       std::span<char> buffer) {
    return Transfer("read", fd, path, direct, offset, buffer.data(), buffer.size());
  }
  static Transfer Write(int fd, std::string_view path, bool direct, std::uint64_t offset,
                        std::span<const char> bytes) {
    return Transfer("write", fd, path, direct, offset, const_cast<char*>(bytes.data()),
                    bytes.size());
  }

  bool done() const { return finished_ || transferred_ == total_size_; }

  // The arguments of the next call. Not to be asked for when done().
  int fd() const { return fd_; }
  std::uint64_t offset() const { return offset_ + transferred_; }
  char* data() const { return data_ + transferred_; }
  std::size_t size() const {
    const std::size_t left = total_size_ - transferred_;
    return left < kMaxTransferSize ? left : kMaxTransferSize;
  }

  // Takes the outcome of that call: a number of bytes, or a negative errno.
  void Advance(std::int64_t outcome);

  // Of a finished transfer: the bytes transferred (fewer than asked for only by a read that met the
  // end of file), or the error.
  absl::StatusOr<std::size_t> Result() const;
  absl::Status status() const;

 private:
  Transfer(const char* operation, int fd, std::string_view path, bool direct, std::uint64_t offset,
           char* data, std::size_t size)
      : operation_(operation),
        fd_(fd),
        direct_(direct),
        path_(path),
        offset_(offset),
        data_(data),
        total_size_(size) {}

  bool reading() const { return operation_[0] == 'r'; }
  void AdvanceUnevenly();
  void Stall(int error);

  const char* const operation_;  // "read" or "write"
  const int fd_;
  const bool direct_;
  const std::string_view path_;
  const std::uint64_t offset_;
  char* const data_;
  const std::size_t total_size_;

  std::size_t transferred_ = 0;
  int stalled_calls_ = 0;
  int error_ = 0;
  bool finished_ = false;
};

}  // namespace aurora::internal
