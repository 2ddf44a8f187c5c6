// Backups of databases: what is done with them when no database is open.
//
//   AURORA_CO_ASSIGN(BackupSet backups, co_await BackupSet::Open("/backups"));
//   AURORA_CO_RETURN_IF_ERROR(co_await backups.Restore(0, "shop.aurora"));
//
// A backup is made by Database::Backup. docs/operations.md tells how to work with them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/backup_set.h"
#include "aurora/lsm/checkpoint.h"
#include "aurora/lsm/file_copier.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora {

using BackupInfo = lsm::BackupInfo;
using BackupReport = lsm::BackupReport;
using CheckpointInfo = lsm::CheckpointInfo;
// The rate, the progress and the end of long copying.
using CopyOptions = lsm::CopyOptions;
using CopyProgress = lsm::CopyProgress;

// The backups in one directory. Movable; one call at a time; alive until its tasks have completed.
// Reading takes no lock and writes nothing; Delete locks the directory while it works, and fails
// with FailedPrecondition if a backup is being made there.
class BackupSet {
 public:
  // NotFound if there is none at `directory`; FailedPrecondition if it holds something else.
  AURORA_TASK_WRAPPER static Task<absl::StatusOr<BackupSet>> Open(
      std::string directory, std::shared_ptr<Environment> environment = nullptr);

  // Ascending by id. One that cannot be read is listed with its error in `status`.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<BackupInfo>>> List();
  // Reads every byte of backup `id`, or of all (0), and lists every problem.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<BackupReport>> Verify(std::uint64_t id = 0,
                                                                CopyOptions options = {});
  // Makes a database of backup `id`, or of the newest (0), at `path`, where there must be nothing.
  // A crash or an error leaves nothing there.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<BackupInfo>> Restore(std::uint64_t id, std::string path,
                                                               CopyOptions options = {});
  // Removes the backup and all that no other needs. NotFound if there is none.
  AURORA_TASK_WRAPPER Task<absl::Status> Delete(std::uint64_t id);

 private:
  BackupSet(std::string directory, std::shared_ptr<Environment> environment,
            std::unique_ptr<lsm::BackupSet> set)
      : directory_(std::move(directory)),
        environment_(std::move(environment)),
        set_(std::move(set)) {}
  static Task<absl::StatusOr<BackupSet>> OpenSet(std::string directory,
                                                 std::shared_ptr<Environment> environment);

  std::string directory_;
  std::shared_ptr<Environment> environment_;
  std::unique_ptr<lsm::BackupSet> set_;
};

}  // namespace aurora
