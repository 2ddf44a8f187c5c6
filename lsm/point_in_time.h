// Restoring a database as it was after any commit: a backup, and the archived log from there on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/archive_set.h"
#include "aurora/lsm/backup_set.h"
#include "aurora/lsm/file_copier.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// Up to where. Neither: to the end of the archive.
struct RestorePoint {
  // Up to the last commit that is not above.
  std::optional<Sequence> sequence;
  // Up to the last commit before the first one, of those that are archived, that is later: in
  // microseconds since 1970. Commits are in the order of their sequences, whatever the clock did;
  // so where it was set back, what follows a commit that is too late is left out, though its own
  // time may be earlier.
  std::optional<std::int64_t> micros;
};

// Whose records the log holds.
class DatabaseSettler {
 public:
  virtual ~DatabaseSettler() = default;
  // Opens the database in `directory`, flushes and closes it. No file but the database's own may
  // stay in it.
  virtual Task<absl::Status> Settle(std::string directory) = 0;
};

struct PointRestoreOptions {
  RestorePoint point;
  std::uint64_t backup_id = 0;  // 0: the newest one at or before the point
  CopyOptions copy;
  // Called whenever so much of the log was added that replaying all of it in one go would take
  // much memory. Not owned; null: whoever opens the database replays all.
  DatabaseSettler* settler = nullptr;
  std::uint64_t settle_bytes = std::uint64_t{64} << 20;
};

struct PointRestored {
  BackupInfo backup;
  Sequence sequence = 0;           // of the last commit that is in the database
  std::int64_t micros = 0;         // its time; 0: unknown, or it is of the backup
  std::uint64_t record_count = 0;  // of the archive
  bool is_end = false;             // the archive has no later commit
};

// Makes a database at `target`, where there must be nothing, whole or not at all (new_directory.h).
// It has an epoch of its own, so its own archived log is a lineage of its own. `backups` and
// `archive` must live until then. Errors:
//   OutOfRange  the archive ends before the sequence, or begins behind the point or the backup
//   NotFound    no backup is at or before the point, or the archive has no log of it
//   DataLoss    commits before the point are missing or damaged; names the file, and the last
//               sequence that can be reached
Task<absl::StatusOr<PointRestored>> RestoreToPoint(Environment* environment, BackupSet* backups,
                                                   ArchiveSet* archive, std::string target,
                                                   PointRestoreOptions options);

}  // namespace aurora::lsm
