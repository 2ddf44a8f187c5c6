// What a damaged store still proves, and what it has lost.
//
// Everything that is given out has a right checksum of its place: an entry of a data block, a value
// of a value file, a record of the log. Nothing is guessed. But what was lost may have been newer
// than what is there: so a value that is given out was committed once, and is the last one only
// where nothing is reported that its key or its sequence falls into.
//
//   manifest whole     its tables and its log are the store, as for an open. Where a table has lost
//                      anything, the records of the log that it had are taken from there again
//   manifest damaged,  every table that is there and that no edit that can be read has removed, and
//   or its root lost   the whole log. Whether a table is missing cannot be known, and a deleted key
//                      may be there again, where compaction has dropped the deletion and
//                      left a table behind that had the key: `tables_uncertain`
//
// The source is not changed. It must not be open elsewhere meanwhile; who calls sees to that. One
// user at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/directory_survey.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/file_copier.h"
#include "aurora/lsm/iterator.h"
#include "aurora/lsm/log_survey.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/store_verifier.h"
#include "aurora/lsm/table_survey.h"
#include "aurora/lsm/types.h"
#include "aurora/lsm/value_survey.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// Versions that are lost: of keys in a range, from commits in a range.
struct LostVersions {
  LostKeys keys;
  Sequence smallest_sequence = 0;  // both inclusive
  Sequence largest_sequence = kMaxSequence;
  std::string file;
  std::string what;
};

struct SalvageReport {
  std::vector<Finding> findings;  // what is wrong, and where
  std::vector<LostVersions> lost_versions;
  std::vector<LostCommits> lost_commits;  // whatever they wrote
  // Nothing says any more which tables there were.
  bool tables_uncertain = false;
  std::uint64_t table_count = 0;
  std::uint64_t value_file_count = 0;
  std::uint64_t entry_count = 0;
  std::uint64_t record_count = 0;

  // A value that was given out may not be the last one of its key.
  bool has_losses() const {
    return tables_uncertain || !lost_versions.empty() || !lost_commits.empty();
  }
};

class StoreSalvage {
 public:
  // Reads everything once, to know what is lost. NotFound if nothing of a database is there;
  // FailedPrecondition if something else is, or it is of another format version; DataLoss if not
  // even the id of the database can be read; Cancelled. `environment` must outlive the object.
  static Task<absl::StatusOr<std::unique_ptr<StoreSalvage>>> Open(Environment* environment,
                                                                  std::string directory,
                                                                  CopyOptions options);

  // Complete, but for the counts.
  const SalvageReport& report() const { return report_; }
  const LogIdentity& identity() const { return *survey_.identity; }
  // What the layer above has saved, the newest first.
  std::vector<std::string> HandlerStates() const;
  // No sequence above was issued, as far as can be known.
  Sequence issued() const { return issued_; }

  // Gives every record that is not known to be in the tables, in order. An error of `replay` ends
  // it.
  Task<absl::Status> ReadLog(LogRecordCallback* replay);

  // Of the newest range delete of the tables that covers the key; 0: none does. Versions of the key
  // below it are deleted, wherever they come from.
  Sequence DeletedBelow(std::string_view stored_key) const {
    return range_deletes_ == nullptr ? 0 : range_deletes_->Cover(stored_key, kMaxSequence).sequence;
  }

  // Moves to the next entry of the tables: every version of every key that no range delete has
  // deleted, in EntryKey order, each once. One whose value was in a value file, or that expires,
  // is a Put as any other; it is left out if the value is lost. False at the end. Memory: that of
  // the value.
  Task<absl::StatusOr<bool>> Next();
  // Valid until the next move.
  EntryRef entry() const;
  // When the current entry expires; kNeverExpires unless it is a Put that does. One that has
  // expired already is given out too: it hides what is older.
  Expiry expiry() const { return expiry_; }

 private:
  struct Source {
    std::unique_ptr<TableSurvey> survey;
    Block::Cursor cursor;
  };
  // A table that is to be read, from its first key on.
  struct Planned {
    std::uint64_t number = 0;
    std::string first_key;
    Sequence ingested_at = 0;
  };

  StoreSalvage(Environment* environment, std::string directory, CopyOptions options);
  Task<absl::Status> Prepare();
  void JudgeManifests();
  void JoinRangeDeletes();
  std::map<std::uint64_t, std::optional<TableInfo>> ChooseTables();
  Task<absl::Status> OpenValueFiles();
  // What the log says of the tables that were ingested.
  Task<absl::Status> ReadIngestions();
  Task<absl::Status> CheckTable(std::uint64_t number, std::optional<TableInfo> info);
  // Reads the values that the entries of a block name; what cannot be read is lost.
  Task<absl::Status> CheckValues(const Block* block, std::string table);
  void LoseValue(EntryKey key, std::string table, std::string what);
  void LoseTable(const std::optional<TableInfo>& info, std::string file, std::string what);
  void LoseKeys(const TableSurvey& survey, const std::optional<TableInfo>& info, std::string file);
  void LoseRangeDeletes(const TableSurvey& survey, const std::optional<TableInfo>& info,
                        std::string file);
  void LoseVersions(LostKeys keys, const TableSurvey& survey, const std::optional<TableInfo>& info,
                    std::string file, std::string what);
  Task<absl::Status> CheckLog();
  Task<absl::StatusOr<LogSurvey>> SurveyLogFrom(std::uint32_t first, LogRecordCallback* replay);
  Task<absl::Status> ScanLogFrom(std::uint32_t first, LogRecordCallback* replay);
  void TakeLosses(const LogSurvey& log, const absl::Status& scanned);
  void CheckLogEnd();
  void LoseCommits(LostCommits lost);
  // To the next entry of a source; false, and the source is of no more use, at its end.
  Task<bool> Advance(Source* source);
  Task<absl::Status> OpenPlanned();
  absl::Status Progress(std::uint64_t bytes);
  std::string PathOf(std::uint64_t table) const;

  FileSystem& files_;
  const CopyOptions options_;
  DirectorySurvey survey_;
  CopyProgress progress_;
  SalvageReport report_;
  const ManifestState* state_ = nullptr;  // of the manifest in force, if that is whole
  Sequence issued_ = 0;
  bool tables_are_whole_ = true;
  std::uint32_t log_start_ = 0;
  Sequence replay_after_ = 0;
  bool log_is_whole_ = false;
  bool log_closed_ = false;
  Sequence log_last_ = 0;

  ValueSalvage values_;
  std::string value_;  // of the current entry, if it was in a value file
  bool is_fetched_ = false;
  Expiry expiry_ = kNeverExpires;  // of the current entry
  std::vector<std::unique_ptr<const RangeDeletes>> range_deletes_of_tables_;
  std::unique_ptr<const RangeDeletes> range_deletes_;  // all of them; null: there are none
  std::map<std::uint64_t, TableInfo> ingested_;        // tables that the log names
  std::vector<Planned> planned_;                       // ascending by first key
  std::size_t next_planned_ = 0;
  std::vector<std::unique_ptr<Source>> sources_;
  Source* current_ = nullptr;
  std::string last_key_;
  Version last_version_;
  bool any_ = false;
};

}  // namespace aurora::lsm
