#include "aurora/tools/commands/surveyed.h"

#include <algorithm>
#include <utility>

#include "aurora/engine/collection.h"
#include "aurora/engine/record.h"
#include "aurora/lsm/file_name.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/system_environment.h"

namespace aurora::tools {

absl::StatusOr<SurveyedDatabase> SurveyedDatabase::Open(const std::string& path) {
  SurveyedDatabase database;
  AURORA_ASSIGN_OR_RETURN(database.environment_, MakeSystemEnvironment());
  FileSystem& files = database.environment_->files();
  AURORA_ASSIGN_OR_RETURN(database.files_, BlockOn(lsm::SurveyDirectory(&files, path)));
  AURORA_RETURN_IF_ERROR(database.files_.CheckRemains());
  const lsm::SurveyedManifest* const manifest = database.files_.manifest_in_force();
  if (manifest == nullptr || !manifest->status.ok()) {
    return DataLossError(
        path, " has no manifest that can be read",
        manifest == nullptr ? "" : StrCat(" (", ToStd(manifest->status.message()), ")"),
        "; run aurora-tool verify");
  }
  // What cannot be read is of another kind of database: then there are plain keys.
  std::int64_t tick = 0;
  if (!manifest->state.handler_state.empty() &&
      !database.catalog_->Restore(manifest->state.handler_state, &tick).ok()) {
    database.catalog_ = std::make_unique<engine::Catalog>();
  }
  return database;
}

absl::StatusOr<lsm::LogSurvey> SurveyedDatabase::ReadLog(
    absl::FunctionRef<void(const lsm::LogRecord&)> visit) {
  lsm::LogSurveyOptions options;
  options.directory = files_.LogDirectory();
  if (files_.identity.has_value()) options.identities.push_back(*files_.identity);
  options.first_segment = static_cast<std::uint32_t>(state().log_start_segment);
  lsm::LogRecordCallback take = [&](const lsm::LogRecord& log_record) {
    visit(log_record);
    const absl::StatusOr<engine::Record> record = engine::DecodeRecord(log_record.payload);
    if (!record.ok()) return absl::OkStatus();
    for (const engine::Operation& operation : record->operations) {
      if (operation.kind != engine::OperationKind::kDefineCollection) continue;
      auto definition = engine::CollectionDefinition::Decode(operation.definition);
      if (!definition.ok()) continue;
      const auto known = catalog_->FindById((*definition)->id);
      if (known != nullptr && known->definition->revision >= (*definition)->revision) continue;
      const absl::Status ignored = known == nullptr
                                       ? catalog_->Add(*std::move(definition))
                                       : catalog_->Change(**definition, log_record.sequence);
      static_cast<void>(ignored);  // one that contradicts the others
    }
    return absl::OkStatus();
  };
  return BlockOn(lsm::SurveyLog(&environment_->files(), std::move(options), &take));
}

std::map<lsm::KeyspaceId, KeyspacePart> SurveyedDatabase::Keyspaces() const {
  std::map<lsm::KeyspaceId, KeyspacePart> parts;
  for (const auto& state : catalog_->All()) {
    const engine::CollectionDefinition& collection = *state->definition;
    parts[collection.documents] = {collection.name, "documents"};
    parts[collection.ids] = {collection.name, "ids"};
    for (const engine::FieldIndex& index : collection.indices) {
      parts[index.keyspace] = {collection.name,
                               StrCat(index.unique ? "unique " : "index ", index.field)};
    }
  }
  return parts;
}

std::vector<const lsm::TableInfo*> SurveyedDatabase::Tables() const {
  std::vector<const lsm::TableInfo*> tables;
  for (const auto& [number, info] : state().tables) tables.push_back(&info);
  std::sort(tables.begin(), tables.end(), [](const lsm::TableInfo* a, const lsm::TableInfo* b) {
    if (a->level != b->level) return a->level < b->level;
    if (a->level == 0) return a->largest_sequence > b->largest_sequence;
    return a->smallest_key < b->smallest_key;
  });
  return tables;
}

absl::StatusOr<std::unique_ptr<lsm::TableSurvey>> SurveyedDatabase::OpenTable(
    std::uint64_t number) {
  std::string path = lsm::JoinPath(files_.directory, lsm::TableFileName(number));
  return BlockOn(lsm::TableSurvey::Open(&environment_->files(), std::move(path),
                                        files_.TableIdentityOf(number)));
}

}  // namespace aurora::tools
