// What lies in a database's directory and what its manifests say, damaged or not.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/patient_file.h"
#include "aurora/lsm/table_survey.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

struct SurveyedManifest {
  std::uint64_t number = 0;
  bool has_root = false;
  bool exists = false;
  std::uint64_t file_bytes = 0;
  // As an open reads it: why it cannot be used, or what it would cut as an incomplete last edit.
  absl::Status status;
  std::string cut_reason;
  std::vector<FileDamage> damage;  // every place where no edit can be read
  // Of the edits that can be read, whatever is missing between them.
  std::uint64_t edit_count = 0;
  bool has_first_edit = false;
  ManifestState state;
  std::set<std::uint64_t> removed_tables;  // those that an edit removed for good

  // Says all that it ever said.
  bool is_whole() const { return status.ok() && cut_reason.empty(); }
  // Nothing is appended to a manifest before its root is durable.
  bool was_in_force() const { return has_root || edit_count > 1; }
};

struct DirectorySurvey {
  std::string directory;
  std::vector<SurveyedManifest> manifests;        // ascending; those with a root or a file
  std::optional<std::size_t> in_force;            // the newest that was in force
  std::map<std::uint64_t, std::uint64_t> tables;  // files, and their sizes
  std::map<std::uint64_t, std::uint64_t> value_files;
  std::vector<std::string> other;  // names that no file of a database has
  std::vector<std::string> other_in_log;
  std::set<std::uint32_t> segments;
  std::map<std::uint64_t, std::uint64_t> record_files;  // and their sizes
  bool has_log = false;
  bool has_lock = false;
  // Of the manifest in force, else of any manifest, else of the log, else of a table or value file.
  std::optional<LogIdentity> identity;

  bool has_root() const;
  const SurveyedManifest* manifest_in_force() const {
    return in_force.has_value() ? &manifests[*in_force] : nullptr;
  }
  // Anything that was of a database.
  bool has_remains() const {
    return !manifests.empty() || !tables.empty() || !value_files.empty() || !segments.empty();
  }
  // OK if there is; else NotFound, or FailedPrecondition where something else is there.
  absl::Status CheckRemains() const;
  std::string LogDirectory() const;
  // What the tables and value files of this database must show.
  TableIdentity TableIdentityOf(std::uint64_t number) const;
};

// Changes nothing. NotFound if there is nothing at `directory`; FailedPrecondition if that is a
// file.
Task<absl::StatusOr<DirectorySurvey>> SurveyDirectory(FileSystem* files, std::string directory);

// One manifest of a directory. NotFound if there is no such file.
Task<absl::StatusOr<SurveyedManifest>> SurveyManifest(FileSystem* files, std::string directory,
                                                      std::uint64_t number);

}  // namespace aurora::lsm
