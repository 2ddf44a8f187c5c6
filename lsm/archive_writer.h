// The lineage of an archive that a running database writes to (archive_format.h).
//
// A file is written under a temporary name, synced, renamed, and its directory synced; only then is
// it archived. What a log file names goes first. After an error the object is of no more use: open
// another.
//
// One call at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/archive_format.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class ArchiveWriter {
 public:
  // Creates what is missing of `directory` (whose parent must exist) and of the lineage, locks it
  // and removes what is not finished. Files with commits above `known` are removed too: what an
  // earlier writer of the same process was not sure to have archived. kMaxSequence: there was none.
  // FailedPrecondition if another process has the lineage open. `environment` must outlive it.
  static Task<absl::StatusOr<std::unique_ptr<ArchiveWriter>>> Open(Environment* environment,
                                                                   std::string directory,
                                                                   LogIdentity identity,
                                                                   Sequence known);

  // The last commit that is archived; 0: none.
  Sequence last() const { return last_; }
  int file_count() const { return file_count_; }

  // Copies a record file or a value file, which must not change meanwhile. Not durable by name
  // before the Append that follows. `bytes` is its size; DataLoss if its hash is another.
  Task<absl::Status> AddFile(std::string from, ArchiveFileName name, std::uint64_t bytes);
  // Archives what `builder` has collected; it begins above last(). How many bytes.
  Task<absl::StatusOr<std::uint64_t>> Append(ArchiveBuilder* builder);

 private:
  ArchiveWriter(Environment* environment, std::string directory, LogIdentity identity)
      : environment_(environment), parent_(std::move(directory)), identity_(identity) {}
  Task<absl::Status> Prepare(Sequence known);
  Task<absl::Status> WriteFile(std::string path, const std::string* bytes);

  Environment* const environment_;
  const std::string parent_;
  const LogIdentity identity_;
  std::string directory_;  // of the lineage
  std::unique_ptr<FileLock> lock_;
  Sequence last_ = 0;
  int file_count_ = 0;
  bool has_new_names_ = false;  // of files that a log file is to name, which are not synced
};

}  // namespace aurora::lsm
