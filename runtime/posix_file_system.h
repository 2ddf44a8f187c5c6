// What the file systems over the real machine share: everything but reading and writing.
//
// Opening, metadata, locks and mappings run as blocking calls on a small pool of threads. In a
// forked child every method fails with FailedPrecondition, and destroying a file system, file or
// lock leaves its parent's alone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/blocking_pool.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/fork_guard.h"
#include "aurora/runtime/posix_calls.h"
#include "aurora/runtime/task.h"

namespace aurora::internal {

class PosixFile : public File {
 public:
  ~PosixFile() override;

  Task<absl::Status> Truncate(std::uint64_t size) override;
  Task<absl::Status> Allocate(std::uint64_t size) override;
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::uint64_t>> Size() override;
  Task<absl::StatusOr<std::unique_ptr<MappedRegion>>> Map(std::size_t size) override;

 protected:
  // `pool` outlives the file.
  PosixFile(std::string path, OpenedFile opened, BlockingPool& pool);

  // Counts an operation while it lives, so that the destructor can check that none is in flight.
  class InFlight {
   public:
    explicit InFlight(PosixFile& file) : file_(file) {
      file_.in_flight_.fetch_add(1, std::memory_order_relaxed);
    }
    ~InFlight() { file_.in_flight_.fetch_sub(1, std::memory_order_release); }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;

   private:
    PosixFile& file_;
  };

  // Whether a read, a write or a sync may be tried at all.
  absl::Status CheckRead(std::uint64_t offset, std::span<const char> buffer) const {
    return CheckTransfer("read", offset, buffer);
  }
  absl::Status CheckWrite(std::uint64_t offset, std::span<const char> bytes) const;
  absl::Status CheckProcess(std::string_view operation) const {
    return fork_guard_.Check(operation, path());
  }

  // Fills `buffer` if all of it is in the page cache, without waiting; else false, and the buffer
  // is unspecified.
  bool ReadCached(std::uint64_t offset, std::span<char> buffer) const;

  int fd() const { return opened_.fd.get(); }
  BlockingPool& pool() { return pool_; }

 private:
  absl::Status CheckTransfer(std::string_view operation, std::uint64_t offset,
                             std::span<const char> buffer) const;
  absl::Status CheckWritable(std::string_view operation) const;

  const OpenedFile opened_;
  BlockingPool& pool_;
  const ForkGuard fork_guard_;
  std::atomic<int> in_flight_{0};
};

class PosixFileSystem : public FileSystem {
 public:
  Task<absl::StatusOr<std::unique_ptr<File>>> Open(std::string path, OpenOptions options) override;
  Task<absl::StatusOr<std::vector<DirectoryEntry>>> List(std::string path) override;
  Task<absl::StatusOr<FileInfo>> Stat(std::string path) override;
  Task<absl::Status> CreateDirectory(std::string path) override;
  Task<absl::Status> RemoveDirectory(std::string path) override;
  Task<absl::Status> Remove(std::string path) override;
  Task<absl::Status> Rename(std::string from, std::string to) override;
  Task<absl::Status> Link(std::string from, std::string to) override;
  Task<absl::Status> SyncDirectory(std::string path) override;
  Task<absl::StatusOr<std::unique_ptr<FileLock>>> Lock(std::string path) override;
  Task<absl::StatusOr<std::uint64_t>> FreeSpace(std::string path) override;
  std::string BootId() override { return boot_id_; }

 protected:
  explicit PosixFileSystem(int max_threads);

  // Wraps what was opened. Files do not outlive the file system.
  virtual std::unique_ptr<File> MakeFile(std::string path, OpenedFile opened) = 0;

  BlockingPool& pool() { return pool_; }

 private:
  BlockingPool pool_;
  const ForkGuard fork_guard_;
  const std::string boot_id_;
};

}  // namespace aurora::internal
