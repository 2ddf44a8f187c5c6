// A database directory that is there whole or not at all.
//
// Its files are put into `<target>.incomplete`, which one rename makes the target once all of them
// are durable. What a crash leaves is recognised by its name and its contents, and removed by the
// next attempt. The manifest that Finish writes gives the copy an epoch of its own: no position or
// log record of the original, or of another copy, can be taken for one of this.
//
// One user at a time; other processes are kept out by the lock file of the directory itself.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// An epoch above `epoch`, by a random step, so that no two copies of a database share one.
std::uint64_t NextEpoch(std::uint64_t epoch, Random& random);

// `files` must live until the task completes.
Task<absl::Status> CreateDirectoryIfAbsent(FileSystem* files, std::string path);

class NewDirectory {
 public:
  // AlreadyExists if there is anything at `target`; NotFound if its parent does not exist;
  // FailedPrecondition if somebody else is making it, or if `<target>.incomplete` holds something
  // that is not of a database. `environment` must outlive the object.
  static Task<absl::StatusOr<std::unique_ptr<NewDirectory>>> Begin(Environment* environment,
                                                                   std::string target);

  std::string SegmentPath(std::uint64_t number) const;
  std::string RecordFilePath(std::uint64_t number) const;

  // Writes the manifest of `state`, makes everything durable and gives the directory its name. The
  // files of tables and log must be there, with their contents synced. `state` has the original's
  // identity. An error that comes after the name was given says so.
  Task<absl::Status> Finish(ManifestState state);
  // Finish in two steps, for who fills the directory as an open store: Seed makes `path()` a
  // database of `state` and gives up the lock; Publish, once that store is closed, gives it its
  // name.
  Task<absl::Status> Seed(ManifestState state);
  Task<absl::Status> Publish();
  const std::string& path() const { return path_; }
  // Instead of Finish, as far as the device allows.
  Task<void> Abandon();

 private:
  NewDirectory(Environment* environment, std::string target);
  Task<absl::Status> Prepare();
  Task<absl::Status> WriteManifest(ManifestState state);
  // Removes what bears a name of ours.
  Task<absl::Status> Clear();

  Environment* const environment_;
  const std::string target_;
  const std::string path_;
  std::unique_ptr<FileLock> lock_;
};

}  // namespace aurora::lsm
