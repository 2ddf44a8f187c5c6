// Files, as the database uses them: positional, asynchronous, and honest about durability.
//
// Three implementations with one conformance suite (file_conformance.h): over io_uring, over a pool
// of threads with pread and pwrite, and simulated (simulation/). Paths are absolute or relative to
// the process.
//
// Thread-safety: every method may be called from any thread, by a coroutine on an executor, and any
// number of operations may be in flight on one File. Ordering: operations in flight together may
// reach the device in any order. A Sync covers the writes that had completed before it was called,
// and no others. Lifetime: the caller keeps buffers alive until the operation completes. A File is
// destroyed only when no operation is in flight (checked), and before its FileSystem; destroying it
// closes it. Completeness: partial transfers, EINTR and a full queue are handled inside: an
// operation does all of its work or fails; a write that fails may have been done in part. Forks: in
// a forked child every method fails with FailedPrecondition, and destroying what was inherited does
// not touch the parent's.
//
// Errors: SystemError() of status.h, naming the operation, the path and, for reads and writes, the
// offset. InvalidArgument also for what is not a regular file or directory where one is needed, and
// for offsets, sizes and buffers that direct I/O cannot have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/task.h"

namespace aurora {

// The unit in which devices keep or lose what was written, and the alignment that direct I/O needs
// of offsets, lengths and buffers. 512-byte devices work too.
inline constexpr std::size_t kDeviceBlockSize = 4096;

// A part of a file that is mapped shared and writable: stores survive the death of the process
// without a system call.
//
// A page that the device cannot provide does not raise SIGBUS in the user's program: the bytes go
// to memory that is thrown away and the next Publish fails. The mapped range must be allocated on
// the device beforehand (written, not just truncated to size).
class MappedRegion {
 public:
  virtual ~MappedRegion() = default;
  // The mapped bytes. Valid while this object lives. Writers of disjoint ranges need no
  // synchronisation.
  virtual std::span<char> bytes() = 0;
  // States that [offset, offset + size), which lies within bytes() (checked), now holds what a
  // crash of the process must preserve. Fails with Unavailable, and keeps failing, once any page of
  // the region could not be provided. No system call.
  virtual absl::Status Publish(std::size_t offset, std::size_t size) = 0;
  // Makes the pages of [offset, offset + size), which lies within bytes() (checked), ready to be
  // stored to: one system call instead of a fault for each. They may be written to the device with
  // what they hold. A matter of speed only; what cannot be provided shows at Publish.
  virtual void Prepare(std::size_t offset, std::size_t size) = 0;
  // States that the whole pages of [0, end) will not be accessed any more: not checked, and fatal.
  // The next Sync need not take them from every processor that had them mapped, one by one. One
  // system call. May run beside accesses to the rest, but not beside itself.
  virtual void Retire(std::size_t end) = 0;
};

class File {
 public:
  virtual ~File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Reads from `offset` into `buffer`. The result is the number of bytes read: less than asked for
  // only at the end of file, which may lie within a block of direct I/O too. What was never written
  // below it reads as zeros. Beyond the bytes read, `buffer` is unspecified.
  virtual Task<absl::StatusOr<std::size_t>> Read(std::uint64_t offset, std::span<char> buffer) = 0;

  // Writes all of `bytes` at `offset`, extending the file if need be; no bytes do nothing. Not
  // durable until a later Sync. FailedPrecondition if the file was opened read-only, as for every
  // method that changes it.
  virtual Task<absl::Status> Write(std::uint64_t offset, std::span<const char> bytes) = 0;

  // As Write, and durable on completion, in one submission: these bytes and whatever metadata is
  // needed to read them. It says nothing of other writes. After a failure the durability of the
  // range is unknown; a later success proves nothing.
  virtual Task<absl::Status> WriteDurably(std::uint64_t offset, std::span<const char> bytes) = 0;

  // Makes every completed write durable (fdatasync: contents and size). After a failure the
  // contents are in doubt for good: the kernel may have dropped the pages, and a second Sync that
  // succeeds proves nothing. Also covers MappedRegions.
  virtual Task<absl::Status> Sync() = 0;

  // Sets the size, to any number of bytes; those beyond the old size read as zero.
  virtual Task<absl::Status> Truncate(std::uint64_t size) = 0;

  // Reserves space for [0, size) and makes the file at least that long, changing no byte of it. Not
  // a substitute for writing zeros where sync latency matters. Unimplemented where the file system
  // has no such operation.
  virtual Task<absl::Status> Allocate(std::uint64_t size) = 0;

  virtual Task<absl::StatusOr<std::uint64_t>> Size() = 0;

  // Maps [0, size), which must lie within the file and not be empty (InvalidArgument). Not for
  // files opened for direct I/O (FailedPrecondition). Reads the range into memory first. The region
  // may outlive the File, not its FileSystem; a Sync of the File covers it.
  virtual Task<absl::StatusOr<std::unique_ptr<MappedRegion>>> Map(std::size_t size) = 0;

  const std::string& path() const { return path_; }
  // True if offsets, sizes and buffers must be multiples of kDeviceBlockSize.
  bool direct() const { return direct_; }

 protected:
  File(std::string path, bool direct) : path_(std::move(path)), direct_(direct) {}

 private:
  const std::string path_;
  const bool direct_;
};

enum class OpenMode {
  kReadOnly,   // must exist
  kReadWrite,  // must exist
  kCreate,     // read-write; created if absent, kept if present
  kCreateNew,  // read-write; fails with AlreadyExists if present
};

struct OpenOptions {
  OpenMode mode = OpenMode::kReadOnly;
  // Bypass the page cache. Falls back to buffered I/O where the file system cannot; File::direct()
  // tells.
  bool direct = false;
};

// Held while it lives. Taken by another holder: FailedPrecondition, naming the process that holds
// it where known.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
};

struct FileInfo {
  std::uint64_t size_bytes = 0;
  bool is_directory = false;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // "io_uring", "threads" or "simulated".
  virtual std::string_view name() const = 0;

  // A created file is itself durable only after SyncDirectory of its parent. A symbolic link at
  // `path` is not followed; what is not a regular file is refused (InvalidArgument). Files are
  // created with mode 0600.
  virtual Task<absl::StatusOr<std::unique_ptr<File>>> Open(std::string path,
                                                           OpenOptions options) = 0;

  // The entries of a directory, without "." and "..", sorted by name.
  virtual Task<absl::StatusOr<std::vector<DirectoryEntry>>> List(std::string path) = 0;
  // NotFound if there is nothing at `path`. Does not follow a symbolic link.
  virtual Task<absl::StatusOr<FileInfo>> Stat(std::string path) = 0;

  // Mode 0700. AlreadyExists if there is one. The parent must exist.
  virtual Task<absl::Status> CreateDirectory(std::string path) = 0;
  // FailedPrecondition unless it is empty.
  virtual Task<absl::Status> RemoveDirectory(std::string path) = 0;
  // Removes the name of a file. Who has it open may go on reading and writing it.
  virtual Task<absl::Status> Remove(std::string path) = 0;
  // Gives a file or directory another name, which atomically replaces a file that has it. Durable
  // after SyncDirectory of both parents.
  virtual Task<absl::Status> Rename(std::string from, std::string to) = 0;
  // Gives a file a second name. AlreadyExists if `to` is taken. Durable after SyncDirectory.
  virtual Task<absl::Status> Link(std::string from, std::string to) = 0;
  // Makes creations, renames and removals in this directory durable.
  virtual Task<absl::Status> SyncDirectory(std::string path) = 0;

  // Takes the exclusive lock on `path`, a file that is created if absent and never removed.
  // Excludes every other holder in this and in any other process, by whatever path they reach the
  // file; a failed attempt takes nothing from the holder. Kernel-held: it ends with the process.
  virtual Task<absl::StatusOr<std::unique_ptr<FileLock>>> Lock(std::string path) = 0;

  // Bytes that an unprivileged writer can still use on the device that holds `path`.
  virtual Task<absl::StatusOr<std::uint64_t>> FreeSpace(std::string path) = 0;

  // Identifies the running kernel: changes with every boot of the machine. Empty if unknown.
  virtual std::string BootId() = 0;
};

}  // namespace aurora
