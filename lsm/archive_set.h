// An archive of logs, read: what is in it, whether it is whole, and what of it nobody needs.
//
// Reading takes no lock, and may go on beside databases that archive: what is added meanwhile is
// not seen. Prune removes only files from the begin of a lineage, which no writer touches.
//
// One call at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/archive_format.h"
#include "aurora/lsm/file_copier.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// Commits that a lineage lacks.
struct ArchiveHole {
  Sequence after = 0;    // the last commit before
  Sequence through = 0;  // the last one that is missing
  bool is_gap = false;   // it was given up when it was to be archived; else files are missing
};

struct ArchiveLineage {
  struct File {
    std::string path;
    ArchiveFileName name;
    absl::Status status;  // why its header cannot be used; then that says nothing
    ArchiveHeader header;
  };
  LogIdentity identity;
  std::string directory;
  std::vector<File> files;  // of the log, ascending
  std::uint64_t bytes = 0;  // of all files, those that the log names included
  std::vector<ArchiveHole> holes;
  std::uint64_t greatest_number = 0;  // of the record and value files

  Sequence first() const { return files.empty() ? 0 : files.front().name.first; }
  Sequence last() const { return files.empty() ? 0 : files.back().name.last; }
};

struct ArchiveReport {
  int lineage_count = 0;
  int file_count = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> problems;  // damage and missing files; gaps are not among them
  std::vector<std::string> gaps;
};

struct ArchivePruned {
  int file_count = 0;
  std::uint64_t bytes = 0;
};

class ArchiveSet {
 public:
  // NotFound if there is no such directory; FailedPrecondition if it holds something else.
  // `environment` must outlive it.
  static Task<absl::StatusOr<std::unique_ptr<ArchiveSet>>> Open(Environment* environment,
                                                                std::string directory);

  // By database and epoch. Reads the header of every file.
  Task<absl::StatusOr<std::vector<ArchiveLineage>>> List();
  // Reads everything and lists every problem.
  Task<absl::StatusOr<ArchiveReport>> Verify(CopyOptions options);
  // Removes of a lineage what is only needed to reach commits up to `keep_from`.
  Task<absl::StatusOr<ArchivePruned>> Prune(LogIdentity identity, Sequence keep_from);
  // A file of the log, whole.
  Task<absl::StatusOr<std::string>> ReadFile(std::string path);

  const std::string& directory() const { return directory_; }

 private:
  ArchiveSet(Environment* environment, std::string directory)
      : environment_(environment), directory_(std::move(directory)) {}
  Task<absl::StatusOr<ArchiveLineage>> ReadLineage(LogIdentity identity);
  Task<absl::Status> ReadHeader(ArchiveLineage::File* file, LogIdentity identity);
  Task<absl::Status> VerifyLineage(FileCopier* copier, const ArchiveLineage* lineage,
                                   ArchiveReport* report);
  Task<absl::Status> VerifyFile(FileCopier* copier, const ArchiveLineage* lineage,
                                const ArchiveLineage::File* file, ArchiveReport* report);
  Task<absl::Status> VerifyNamed(FileCopier* copier, std::string path, std::uint64_t bytes,
                                 std::uint64_t hash, ArchiveReport* report);

  Environment* const environment_;
  const std::string directory_;
};

// True if both are of the same life of the same database.
bool IsSameLineage(const LogIdentity& a, const LogIdentity& b);

}  // namespace aurora::lsm
