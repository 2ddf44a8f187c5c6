// A database whose files are looked at without opening it: what find, space and inspect share.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "aurora/engine/catalog.h"
#include "aurora/lsm/directory_survey.h"
#include "aurora/lsm/log_survey.h"
#include "aurora/lsm/table_survey.h"
#include "aurora/runtime/environment.h"

namespace aurora::tools {

// What a keyspace of the store holds.
struct KeyspacePart {
  std::string collection;
  std::string part;  // "documents", "ids", "index price", "unique sku"
};

class SurveyedDatabase {
 public:
  // Reads the manifest in force. NotFound if there is no database; DataLoss if it has no manifest
  // that can be used.
  static absl::StatusOr<SurveyedDatabase> Open(const std::string& path);

  const lsm::DirectorySurvey& files() const { return files_; }
  const lsm::ManifestState& state() const { return files_.manifest_in_force()->state; }
  Environment& environment() { return *environment_; }

  // Gives every record of the log to `visit`, oldest first; then the catalog is complete. Records
  // that are in tables already, and are still there, included.
  absl::StatusOr<lsm::LogSurvey> ReadLog(absl::FunctionRef<void(const lsm::LogRecord&)> visit);
  // Empty for a database of plain keys, and for those of collections that are not known.
  const engine::Catalog& catalog() const { return *catalog_; }
  // By keyspace.
  std::map<lsm::KeyspaceId, KeyspacePart> Keyspaces() const;

  // The tables in force, by level, then by key; of level 0 the newest first.
  std::vector<const lsm::TableInfo*> Tables() const;
  // Reads what is around the table's data.
  absl::StatusOr<std::unique_ptr<lsm::TableSurvey>> OpenTable(std::uint64_t number);

 private:
  SurveyedDatabase() : catalog_(std::make_unique<engine::Catalog>()) {}

  std::shared_ptr<Environment> environment_;
  lsm::DirectorySurvey files_;
  std::unique_ptr<engine::Catalog> catalog_;
};

}  // namespace aurora::tools
