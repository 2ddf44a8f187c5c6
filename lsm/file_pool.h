// The files of a store, with a bound on how many of them are open at once.
//
// A store has as many tables as it has data, and a process may have about a thousand descriptors
// open. So a table keeps a file of the pool, which stands for the real one: that is opened when it
// is read, and may be closed whenever nobody reads it. What a table has in memory stays there;
// decisions.md says why.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/forwarding_file_system.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// The FileSystem that it is given, and the pool of the files that are opened by OpenPooled. Safe
// from every thread.
//
// The bound: at most `open_files_max` real files of the pool are open, those included that are
// being opened. It is exceeded only by as many as are read at the same moment, since a file that is
// read is not closed. Of the others, those go first that nobody has read for long (roughly: a file
// that was read since the pool last looked at it gets a second chance).
//
// Out of descriptors: where opening any file, listing a directory or syncing one fails for the want
// of a descriptor, half of the pool's open files are closed, as far as they are idle, and it is
// tried again, until it succeeds or nothing is left to be closed. What then was open is the bound
// from there on, so that the rest of the process finds some, too. So a store lives within whatever
// limit the process has, as long as that is enough for its log and for what it does at once.
class FilePool final : public ForwardingFileSystem {
 public:
  // `files` must outlive the pool. `open_files_max` is at least 1 (checked).
  FilePool(FileSystem& files, std::size_t open_files_max);
  // The pool must outlive its files (checked).
  ~FilePool() override;

  // Opens a file to read, which must exist now, and must neither change nor be renamed or removed
  // as long as the result lives: it may be opened by its path again. That may fail, as a read: with
  // what opening a file fails with, and if it is gone, with DataLoss. Everything that changes a
  // file fails with FailedPrecondition. `options.mode` is kReadOnly (checked).
  //
  // A read of a file that is open costs two atomic operations on a word of that file more than one
  // without a pool, and is ready where that is.
  Task<absl::StatusOr<std::unique_ptr<File>>> OpenPooled(std::string path, OpenOptions options);

  struct Counts {
    std::size_t open_count = 0;        // real files that are open, or are being opened
    std::uint64_t reopened_count = 0;  // how often one was opened again
  };
  Counts counts() const;

  // These close files of the pool if there is no descriptor left.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::unique_ptr<File>>> Open(
      std::string path, OpenOptions options) override;
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<DirectoryEntry>>> List(
      std::string path) override;
  AURORA_TASK_WRAPPER Task<absl::Status> SyncDirectory(std::string path) override;

 private:
  class PooledFile;
  class Pin;
  using OpenFiles = std::list<PooledFile*>;

  // Opens a real file, for which there is room then; Admit or GiveUp follows.
  Task<absl::StatusOr<std::unique_ptr<File>>> OpenReal(std::string path, OpenOptions options);
  // Runs `operation`, again if there was no descriptor and some could be freed.
  template <class Result, class Operation>
  Task<Result> WithDescriptors(Operation operation);
  // Frees descriptors, unless that was done since `known` times; false if there were none to free.
  bool FreeDescriptors(std::uint64_t known);
  std::uint64_t freed_times() const;

  void Admit(PooledFile* file, std::unique_ptr<File> real, bool is_pinned);
  void GiveUp();
  void Forget(PooledFile* file);
  // Closes idle files down to the bound.
  void Trim();
  // These REQUIRE mutex_. Takes up to `count` real files that are idle, for the caller to close.
  std::vector<std::unique_ptr<File>> TakeIdle(std::size_t count);
  std::vector<std::unique_ptr<File>> TakeExcess();
  void NoteCount();

  mutable std::mutex mutex_;
  OpenFiles open_files_;              // those looked at longest ago first; protected by mutex_
  std::size_t opening_count_ = 0;     // protected by mutex_
  std::size_t open_files_max_;        // protected by mutex_
  std::uint64_t freed_times_ = 0;     // protected by mutex_
  std::uint64_t reopened_count_ = 0;  // protected by mutex_
  std::size_t file_count_ = 0;        // of PooledFiles; protected by mutex_
  std::atomic<bool> is_over_{false};  // more are open, or being opened, than the bound
};

}  // namespace aurora::lsm
