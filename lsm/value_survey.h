// A value file as far as it can be read: to verify, to salvage and to show one that may be damaged.
//
// ValueFile (value_file.h) is for reading right answers fast. This goes on behind damage, and says
// what is missing. Every piece of a value is proved by its own checksum; but without footer and
// index nothing says which value a piece belongs to, so then all values are lost.
//
// Reads from the device; changes nothing. One user at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/file_verifier.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/patient_file.h"
#include "aurora/lsm/table_format.h"
#include "aurora/lsm/value_format.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class ValueSurvey {
 public:
  // Reads footer and index. Only a file that cannot be opened is an error. `identity` is what the
  // file must be; `files` must outlive the survey.
  static Task<absl::StatusOr<std::unique_ptr<ValueSurvey>>> Open(FileSystem* files,
                                                                 std::string path,
                                                                 TableIdentity identity);

  // nullopt if they are lost.
  const std::optional<ValueFooter>& footer() const { return footer_; }
  const std::optional<ValueIndex>& index() const { return index_; }
  const std::string& path() const { return file_->path(); }
  std::uint64_t file_bytes() const { return file_->size(); }
  // All that was found to be wrong so far.
  const std::vector<FileDamage>& damage() const { return damage_; }

  // The value, or why it cannot be read: DataLoss; NotFound if the file has none of this number.
  // Memory: that of the value.
  Task<absl::StatusOr<std::string>> Read(std::uint32_t number);
  // Reads every piece of every value; damage() then has all that are wrong.
  Task<void> CheckValues();

 private:
  ValueSurvey(std::unique_ptr<PatientFile> file, const TableIdentity& identity)
      : file_(std::move(file)), identity_(identity) {}
  Task<void> ReadMetadata();
  Task<absl::StatusOr<std::unique_ptr<char[]>>> ReadPiece(BlockHandle piece);
  void Damage(std::uint64_t offset, std::uint64_t bytes, std::string what);

  const std::unique_ptr<PatientFile> file_;
  const TableIdentity identity_;
  std::optional<ValueFooter> footer_;
  std::optional<ValueIndex> index_;
  std::vector<FileDamage> damage_;
};

struct ValueFileVerdict {
  std::vector<FileDamage> damage;
  std::uint64_t file_bytes = 0;
  std::optional<ValueIndex> index;  // if it can be read
};

// Reads the file twice: as a whole, to hash it, and piece by piece. `info` is what the manifest
// says of it, if it does. Only a file that cannot be opened is an error.
Task<absl::StatusOr<ValueFileVerdict>> VerifyValueFile(FileSystem* files, std::string path,
                                                       TableIdentity identity,
                                                       std::optional<ValueFileInfo> info);

// The values of a directory, from whichever files still have them. What a handle names never
// changes, so any file of its id that has the value has the right one. One user at a time.
class ValueSalvage {
 public:
  explicit ValueSalvage(FileSystem* files) : files_(*files) {}

  // Takes a file in. What is wrong with its footer and index is added to `findings`, which must
  // outlive the task.
  Task<absl::Status> Add(std::string path, TableIdentity identity,
                         std::vector<FileDamage>* findings);
  // The value, or DataLoss, saying why it is lost.
  Task<absl::StatusOr<std::string>> Read(std::string_view handle);

 private:
  FileSystem& files_;
  std::multimap<std::uint64_t, std::unique_ptr<ValueSurvey>> surveys_;  // by id
};

}  // namespace aurora::lsm
