// Reads every byte of a store that means anything, and lists all that is wrong.
//
//   names      the root, the manifest in force, every file that it names; what else lies there
//   manifests  every edit; the one in force as an open reads it
//   tables     their hash against the manifest; every block's checksum, the order of all entries,
//              index, filter, properties and the manifest's figures against what the blocks hold;
//              that the tables of a level are disjoint
//   values     the hash of value files against the manifest; every checksum of every value; that
//              what the tables name is there, once, and as the manifest counts it
//   log        as an open reads it, with every frame from its start to its end; behind damage, each
//              further gap; that it ends as the manifest says
//
// Not covered, because it means nothing: what lies between frames and behind the last one, segments
// that are ready for use or released, the contents of LOCK and RESERVE.
//
// Changes nothing and takes no lock. Beside a process that writes, what has changed meanwhile is
// looked at again: only what is still so is told (the rules of a read-only open,
// store_read_only.cc).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/file_copier.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/patient_file.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

struct Finding {
  enum class Kind : std::uint8_t {
    kDamage,  // something is wrong
    kDoubt,   // what a crash leaves, and damage of the last write would look like: an open cuts it
    kNote,    // worth knowing
  };
  Kind kind = Kind::kNote;
  std::string file;  // relative to the database; empty: the directory
  std::optional<FileRange> where;
  std::string what;
};

struct VerifyReport {
  std::vector<Finding> findings;  // in the order of the checks
  std::uint64_t manifest = 0;     // the number of the one in force
  std::uint64_t table_count = 0;
  std::uint64_t value_file_count = 0;
  std::uint64_t value_count = 0;  // in value files, those that no table needs any more included
  std::uint64_t block_count = 0;
  std::uint64_t entry_count = 0;
  std::uint64_t segment_count = 0;  // of the log
  std::uint64_t record_count = 0;   // that the next open would replay
  std::uint64_t bytes = 0;          // read and checked
  Sequence last_sequence = 0;
  bool clean_close = false;

  std::uint64_t CountOf(Finding::Kind kind) const;
};

struct VerifyOptions {
  CopyOptions copy;  // rate, progress, stop
  // Checks what the next open would replay; an error is damage. Not owned; null: nobody does.
  LogRecordCallback* check_record = nullptr;
};

// Errors are of the attempt, never of what is found: NotFound, if nothing of a database is there;
// FailedPrecondition, if it is of another format version or not a database; Unavailable, if it
// changes faster than it can be read; Cancelled. `environment` must outlive the task.
Task<absl::StatusOr<VerifyReport>> VerifyStore(Environment* environment, std::string directory,
                                               VerifyOptions options);

}  // namespace aurora::lsm
