// Archived logs of databases, and restores to any moment: what is done with them when no database
// is open.
//
//   RestoreRequest request;
//   request.backups = "/backups";
//   request.archive = "/archive";
//   request.path = "shop.aurora";
//   request.point.micros = absl::ToUnixMicros(just_before);
//   AURORA_CO_RETURN_IF_ERROR(co_await RestoreToPoint(request));
//
// A database archives its log while it is open: Options::archive. docs/operations.md tells how to
// work with them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/backup.h"
#include "aurora/lsm/archive_set.h"
#include "aurora/lsm/point_in_time.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora {

using ArchiveLineage = lsm::ArchiveLineage;
using ArchiveReport = lsm::ArchiveReport;
using RestorePoint = lsm::RestorePoint;
using PointRestored = lsm::PointRestored;

// From which backup on every moment must stay within reach: one of the two.
struct PruneRequest {
  std::string backups;          // the directory of the backups
  std::uint64_t keep_from = 0;  // a backup; 0: see below
  // The newest backup that was made before this time, in microseconds since 1970. If there is none,
  // nothing is removed.
  std::optional<std::int64_t> before_micros;
};

struct PruneReport {
  std::uint64_t keep_from = 0;  // the backup; 0: nothing was removed
  int file_count = 0;           // that were removed
  std::uint64_t bytes = 0;
  // Lineages of which no backup from there on is: nothing of them was removed.
  std::vector<std::string> untouched;
};

// The archive in one directory. Movable; one call at a time; alive until its tasks have completed.
// Takes no lock: databases may archive meanwhile.
class Archive {
 public:
  // NotFound if there is none at `directory`; FailedPrecondition if it holds something else.
  AURORA_TASK_WRAPPER static Task<absl::StatusOr<Archive>> Open(
      std::string directory, std::shared_ptr<Environment> environment = nullptr);

  // By database and epoch: what is there, and what is missing in between.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<ArchiveLineage>>> List();
  // Reads every byte and lists every problem, and every gap.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<ArchiveReport>> Verify(CopyOptions options = {});
  // Removes what is only needed to start from older backups. DataLoss, and nothing is removed, if a
  // backup that is to be kept cannot be read.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<PruneReport>> Prune(PruneRequest request);

 private:
  Archive(std::shared_ptr<Environment> environment, std::unique_ptr<lsm::ArchiveSet> set)
      : environment_(std::move(environment)), set_(std::move(set)) {}
  static Task<absl::StatusOr<Archive>> OpenSet(std::string directory,
                                               std::shared_ptr<Environment> environment);
  static Task<absl::StatusOr<PruneReport>> PruneSet(Environment* environment, lsm::ArchiveSet* set,
                                                    PruneRequest request);

  std::shared_ptr<Environment> environment_;
  std::unique_ptr<lsm::ArchiveSet> set_;
};

struct RestoreRequest {
  std::string backups;
  std::string archive;
  std::string path;             // of the database to make, where there must be nothing
  RestorePoint point;           // default: the end of the archive
  std::uint64_t backup_id = 0;  // 0: the newest at or before the point
  CopyOptions copy;
  std::shared_ptr<Environment> environment;  // null: a new one of the real machine
};

// Makes a database of a backup and of the archived log from there on: as of the last commit that is
// not beyond the point. lsm/point_in_time.h has the errors, and what a time means where the clock
// was set back. A crash or an error leaves nothing at `path`. The database has a history of its own
// from there on: make a backup of it before you rely on its archive.
AURORA_TASK_WRAPPER Task<absl::StatusOr<PointRestored>> RestoreToPoint(RestoreRequest request);

}  // namespace aurora
