// The blocking system calls behind a file system on the real machine, as plain functions that
// return a Status. Each may take as long as the device does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/file.h"

namespace aurora::internal {

// An open file descriptor, closed when this dies. Move-only.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Close();
  // Gives it up without closing it.
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

struct OpenedFile {
  FileDescriptor fd;
  bool direct = false;
  bool writable = false;
};

// Opens a regular file as FileSystem::Open says. The descriptor is closed by exec and is never 0, 1
// or 2: what the program prints must not end up in a database.
absl::StatusOr<OpenedFile> OpenRegularFile(const std::string& path, const OpenOptions& options);

// fdatasync, repeated when interrupted.
absl::Status SyncData(int fd, std::string_view path);
absl::Status SetSize(int fd, std::string_view path, std::uint64_t size);
absl::Status AllocateSpace(int fd, std::string_view path, std::uint64_t size);
absl::StatusOr<std::uint64_t> SizeOf(int fd, std::string_view path);

// The methods of FileSystem, by the same names.
absl::StatusOr<std::vector<DirectoryEntry>> ListDirectory(const std::string& path);
absl::StatusOr<FileInfo> StatPath(const std::string& path);
absl::Status CreateDirectory(const std::string& path);
absl::Status RemoveDirectory(const std::string& path);
absl::Status RemoveFile(const std::string& path);
absl::Status RenameFile(const std::string& from, const std::string& to);
absl::Status LinkFile(const std::string& from, const std::string& to);
absl::Status SyncDirectory(const std::string& path);
absl::StatusOr<std::uint64_t> FreeSpace(const std::string& path);
std::string ReadBootId();

}  // namespace aurora::internal
