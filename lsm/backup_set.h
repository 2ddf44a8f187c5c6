// Backups of a store, in a directory of their own. Each is complete in itself; what they have in
// common is there once. A backup shares no file with the store.
//
//   AURORA_CO_ASSIGN(auto backups, co_await BackupSet::Open(&environment, "/backups", kWrite));
//   AURORA_CO_ASSIGN(BackupInfo info, co_await backups->Create(store, "nightly", {}));
//   AURORA_CO_RETURN_IF_ERROR(co_await backups->Restore(info.id, "/restored", {}));
//
// A backup exists from the moment in which its own file gets its name, after everything that it
// needs is durable; it ends when that name is gone, before anything that it alone needed is
// removed. So a crash, or an error, leaves the set valid: what is not finished is of no meaning,
// and what was copied whole is used by the next backup.
//
// Every byte that is copied is hashed, and compared with what the store wrote. A file that is there
// already is taken for what its name says if it has the right size: Verify reads all of it.
//
// One call at a time. A set that is open for writing is locked against other writers; reading
// (List, Verify, Restore) needs no lock and writes nothing, and works on read-only media.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/backup_format.h"
#include "aurora/lsm/file_copier.h"
#include "aurora/lsm/new_directory.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

struct BackupInfo {
  std::uint64_t id = 0;             // from 1; that of the newest, once deleted, is given again
  absl::Status status;              // why the backup cannot be read; then the rest says nothing
  std::int64_t created_micros = 0;  // by the wall clock, since 1970
  std::string label;
  Sequence sequence = 0;  // of the last commit in it
  int file_count = 0;
  std::uint64_t total_bytes = 0;
  std::uint64_t copied_bytes = 0;  // of Create: what no earlier backup had
};

struct BackupReport {
  int backup_count = 0;
  int file_count = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> problems;  // all of them; empty: every backup can be restored
};

class BackupSet {
 public:
  enum class Access : std::uint8_t { kRead, kWrite };

  // Opens the set in `directory`; for writing, creates it if there is none. `environment` must
  // outlive it.
  //   NotFound            there is none; or, for writing, its parent does not exist
  //   FailedPrecondition  the directory holds something else; or another process writes to it
  static Task<absl::StatusOr<std::unique_ptr<BackupSet>>> Open(Environment* environment,
                                                               std::string directory,
                                                               Access access);

  // Backs up the store as it is now, while it is written to; flushes it first, so that little of
  // its log has to be copied. `store` must not be closed meanwhile. REQUIRES kWrite.
  Task<absl::StatusOr<BackupInfo>> Create(Store* store, std::string label, CopyOptions options);
  // Ascending by id. One that cannot be read is listed with its error.
  Task<absl::StatusOr<std::vector<BackupInfo>>> List();
  // Removes the backup and every file that only it has needed. NotFound if there is none. While
  // another backup cannot be read no file is removed: it may need it. REQUIRES kWrite.
  Task<absl::Status> Delete(std::uint64_t id);
  // Reads every file of backup `id`, or of all (0), and compares it with its hash.
  Task<absl::StatusOr<BackupReport>> Verify(std::uint64_t id, CopyOptions options);
  // Makes a database of backup `id`, or of the newest (0), at `target`, where there must be
  // nothing, whole or not at all (new_directory.h). DataLoss, naming the file, if one is damaged.
  Task<absl::StatusOr<BackupInfo>> Restore(std::uint64_t id, std::string target,
                                           CopyOptions options);

  // For who makes a database of a backup and of something else.
  Task<absl::StatusOr<std::vector<std::uint64_t>>> ListIds();  // ascending
  Task<absl::StatusOr<BackupContents>> Load(std::uint64_t id);
  static BackupInfo InfoOf(std::uint64_t id, const BackupContents& contents);
  // Copies the files of a backup, checked and synced, to where they belong. All must live until
  // then.
  Task<absl::Status> CopyFiles(FileCopier* copier, const BackupContents* contents,
                               const NewDirectory* target);

 private:
  BackupSet(Environment* environment, std::string directory)
      : environment_(environment), directory_(std::move(directory)) {}
  Task<absl::Status> Prepare(Access access);
  Task<absl::Status> RemoveTemporaries(std::string directory);
  // Copies what the set does not have yet. `copier` must live until then.
  Task<absl::Status> AddFile(FileCopier* copier, std::string from, BackupFile file,
                             BackupInfo* info);
  Task<absl::Status> AddLogPart(FileCopier* copier, std::string from, BackupLogPart* part,
                                BackupInfo* info);
  Task<absl::Status> Publish(std::uint64_t id, const BackupContents* contents);
  Task<absl::Status> RemoveUnused();
  Task<absl::Status> VerifyFile(FileCopier* copier, const BackupFile* file, BackupReport* report);
  Task<absl::StatusOr<std::uint64_t>> Newest();
  std::string FilePath(std::string_view name) const;

  Environment* const environment_;
  const std::string directory_;
  std::unique_ptr<FileLock> lock_;
};

}  // namespace aurora::lsm
