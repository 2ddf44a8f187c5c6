// A FileSystem that leaves everything to another one: the base of those that change some of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora {

// Safe from every thread, as the other one is.
class ForwardingFileSystem : public FileSystem {
 public:
  // `files` must outlive it.
  explicit ForwardingFileSystem(FileSystem& files) : files_(files) {}

  std::string_view name() const override { return files_.name(); }
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::unique_ptr<File>>> Open(
      std::string path, OpenOptions options) override {
    return files_.Open(std::move(path), options);
  }
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<DirectoryEntry>>> List(
      std::string path) override {
    return files_.List(std::move(path));
  }
  AURORA_TASK_WRAPPER Task<absl::StatusOr<FileInfo>> Stat(std::string path) override {
    return files_.Stat(std::move(path));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> CreateDirectory(std::string path) override {
    return files_.CreateDirectory(std::move(path));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> RemoveDirectory(std::string path) override {
    return files_.RemoveDirectory(std::move(path));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> Remove(std::string path) override {
    return files_.Remove(std::move(path));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> Rename(std::string from, std::string to) override {
    return files_.Rename(std::move(from), std::move(to));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> Link(std::string from, std::string to) override {
    return files_.Link(std::move(from), std::move(to));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SyncDirectory(std::string path) override {
    return files_.SyncDirectory(std::move(path));
  }
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::unique_ptr<FileLock>>> Lock(
      std::string path) override {
    return files_.Lock(std::move(path));
  }
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::uint64_t>> FreeSpace(std::string path) override {
    return files_.FreeSpace(std::move(path));
  }
  std::string BootId() override { return files_.BootId(); }

 protected:
  FileSystem& base() { return files_; }

 private:
  FileSystem& files_;
};

}  // namespace aurora
