#include "aurora/engine/repair.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "aurora/engine/catalog.h"
#include "aurora/engine/collection.h"
#include "aurora/engine/record.h"
#include "aurora/engine/repair_target.h"
#include "aurora/engine/stored_document.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/new_directory.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/system_environment.h"

namespace aurora {
namespace engine {
namespace {

class Repairer {
 public:
  Repairer(std::shared_ptr<Environment> environment, std::string source, std::string target,
           RepairOptions options)
      : environment_(std::move(environment)),
        source_(std::move(source)),
        target_path_(std::move(target)),
        options_(std::move(options)) {}

  Task<absl::StatusOr<RepairReport>> Run() {
    AURORA_CO_RETURN_IF_ERROR(co_await LockSource());
    lsm::CopyOptions copy = options_.copy;
    AURORA_CO_ASSIGN(
        salvage_, co_await lsm::StoreSalvage::Open(environment_.get(), source_, std::move(copy)));
    AURORA_CO_RETURN_IF_ERROR(co_await ReadCatalogAndLog());
    AURORA_CO_RETURN_IF_ERROR(co_await BeginTarget());
    const absl::Status made = co_await Fill();
    if (target_ != nullptr) AURORA_CO_RETURN_IF_ERROR(co_await FinishTarget(made));
    AURORA_CO_RETURN_IF_ERROR(made);
    Conclude();
    co_return std::move(report_);
  }

 private:
  // What a commit of the log made of a row.
  struct LoggedRow {
    lsm::Sequence sequence = 0;
    std::optional<std::string> stored;  // nullopt: deleted
  };

  // On media that cannot be written nobody else can have it open to write.
  Task<absl::Status> LockSource() {
    FileSystem& files = environment_->files();
    const std::string path = lsm::JoinPath(source_, lsm::kLockFileName);
    if (const absl::StatusOr<FileInfo> info = co_await files.Stat(path); !info.ok()) {
      co_return absl::OkStatus();
    }
    absl::StatusOr<std::unique_ptr<FileLock>> lock = co_await files.Lock(path);
    if (lock.ok()) {
      lock_ = *std::move(lock);
      co_return absl::OkStatus();
    }
    OpenOptions writable;
    writable.mode = OpenMode::kReadWrite;
    const absl::StatusOr<std::unique_ptr<File>> file = co_await files.Open(path, writable);
    co_return file.ok() ? lock.status() : absl::OkStatus();
  }

  Task<absl::Status> ReadCatalogAndLog() {
    // The newest state that can be read; what was defined later is in the log, if that is there.
    for (const std::string& state : salvage_->HandlerStates()) {
      auto catalog = std::make_unique<Catalog>();
      if (!catalog->Restore(state, &tick_micros_).ok()) continue;
      catalog_ = std::move(catalog);
      break;
    }
    if (catalog_ == nullptr) catalog_ = std::make_unique<Catalog>();
    first_unknown_collection_ = catalog_->next_collection();
    first_unknown_keyspace_ = catalog_->next_keyspace();
    lsm::LogRecordCallback replay = [this](const lsm::LogRecord& record) {
      TakeRecord(record);
      return absl::OkStatus();
    };
    AURORA_CO_RETURN_IF_ERROR(co_await salvage_->ReadLog(&replay));
    for (const std::shared_ptr<CollectionState>& state : catalog_->All()) {
      by_keyspace_[state->definition->documents] = state;
      derived_.insert(state->definition->ids);
      for (const FieldIndex& index : state->definition->indices) {
        derived_.insert(index.keyspace);
        // Documents may break what an index asks that is not complete. So it stays empty here, and
        // is built from the start when the database is opened.
        if (!index.progress->is_ready()) index.progress->Begin(index::kMaxRowId + 1, 0);
      }
    }
    co_return absl::OkStatus();
  }

  void TakeRecord(const lsm::LogRecord& log_record) {
    const absl::StatusOr<Record> record = DecodeRecord(log_record.payload);
    if (!record.ok()) {
      ++report_.lost_operations;
      return;
    }
    tick_micros_ = std::max(tick_micros_, record->tick_micros);
    for (const Operation& operation : record->operations) {
      TakeOperation(operation, log_record.sequence);
    }
  }

  void TakeOperation(const Operation& operation, lsm::Sequence sequence) {
    if (operation.kind == OperationKind::kDefineCollection) {
      TakeDefinition(operation, sequence);
      return;
    }
    if (operation.kind == OperationKind::kMigrate) {
      if (auto state = DecodeMigration(operation.definition); state.ok()) {
        catalog_->SetMigration(*std::move(state));
      }
      return;
    }
    const std::shared_ptr<CollectionState> state = catalog_->FindById(operation.collection);
    if (state == nullptr) {
      // What the saved state does not know any more has been dropped.
      report_.lost_operations += operation.collection >= first_unknown_collection_;
      return;
    }
    if (operation.kind == OperationKind::kDropCollection) {
      TakeDrop(*state);
      return;
    }
    // Indices are made anew.
    if (operation.kind == OperationKind::kBackfillIndex) return;
    const CollectionDefinition& collection = *state->definition;
    LoggedRow& row = logged_[lsm::MakeStoredKey(collection.documents, RowKey(operation.row))];
    row.sequence = sequence;
    row.stored.reset();
    if (operation.kind != OperationKind::kDelete) {
      row.stored = StoreDocument(operation.schema_version, operation.document);
    }
    KeepRowFree(*state, operation.row);
  }

  // One that the saved state had already, or a later one, is no news.
  void TakeDefinition(const Operation& operation, lsm::Sequence sequence) {
    absl::StatusOr<std::shared_ptr<const CollectionDefinition>> definition =
        CollectionDefinition::Decode(operation.definition);
    if (!definition.ok()) return;
    const std::shared_ptr<CollectionState> state = catalog_->FindById((*definition)->id);
    if (state == nullptr) {
      if ((*definition)->id < first_unknown_collection_) return;
      definition_failures_ += !catalog_->Add(*std::move(definition)).ok();
    } else if ((*definition)->revision > state->definition->revision) {
      const std::vector<lsm::KeyspaceId> gone = (*definition)->DroppedSince(*state->definition);
      dropped_.insert(gone.begin(), gone.end());
      definition_failures_ += !catalog_->Change(**definition, sequence).ok();
    }
  }

  void TakeDrop(const CollectionState& state) {
    const CollectionDefinition& definition = *state.definition;
    dropped_.insert(definition.documents);
    dropped_.insert(definition.ids);
    for (const FieldIndex& index : definition.indices) dropped_.insert(index.keyspace);
    const auto first = logged_.lower_bound(lsm::MakeStoredKey(definition.documents, ""));
    const auto last = logged_.lower_bound(lsm::KeyspaceEnd(definition.documents));
    logged_.erase(first, last);
    definition_failures_ += !catalog_->Drop(definition.id).ok();
  }

  // No row id is given twice.
  void KeepRowFree(CollectionState& state, index::RowId row) {
    if (state.next_row.load() <= row) state.next_row.store(row + 1);
  }

  Task<absl::Status> BeginTarget() {
    if (options_.dry_run) co_return absl::OkStatus();
    AURORA_CO_ASSIGN(directory_,
                     co_await lsm::NewDirectory::Begin(environment_.get(), target_path_));
    absl::StatusOr<std::unique_ptr<RepairTarget>> target = co_await RepairTarget::Open(
        environment_.get(), directory_.get(), catalog_.get(), salvage_.get(), tick_micros_);
    if (!target.ok()) co_await directory_->Abandon();
    AURORA_CO_RETURN_IF_ERROR(target.status());
    target_ = *std::move(target);
    co_return absl::OkStatus();
  }

  // Entries of the tables and rows of the log, together in the order of their keys.
  Task<absl::Status> Fill() {
    auto logged = logged_.begin();
    std::string last_key;
    for (;;) {
      AURORA_CO_ASSIGN(const bool more, co_await salvage_->Next());
      if (more && salvage_->entry().key.key == last_key) continue;  // an older version
      for (; logged != logged_.end() && (!more || logged->first < salvage_->entry().key.key);
           ++logged) {
        AURORA_CO_RETURN_IF_ERROR(co_await TakeLogged(&logged->first, &logged->second));
      }
      if (!more) co_return absl::OkStatus();
      last_key = salvage_->entry().key.key;
      const bool newer = logged != logged_.end() && logged->first == last_key &&
                         logged->second.sequence >= salvage_->entry().key.version.sequence();
      if (newer) continue;  // it is taken when the next key comes
      if (logged != logged_.end() && logged->first == last_key) ++logged;
      AURORA_CO_RETURN_IF_ERROR(co_await TakeEntry());
    }
  }

  Task<absl::Status> TakeLogged(const std::string* key, const LoggedRow* row) {
    if (!row->stored.has_value() || row->sequence < salvage_->DeletedBelow(*key)) {
      co_return absl::OkStatus();
    }
    co_return co_await TakeDocument(key, row->sequence, *row->stored);
  }

  Task<absl::Status> TakeEntry() {
    const lsm::EntryRef entry = salvage_->entry();
    if (entry.key.version.kind() != lsm::EntryKind::kPut) {
      CountUnknown(entry.key.key);
      co_return absl::OkStatus();
    }
    const std::string key(entry.key.key);
    co_return co_await TakeDocument(&key, entry.key.version.sequence(), std::string(entry.value));
  }

  // Index entries are made anew; what belongs to no collection cannot be read.
  bool CountUnknown(std::string_view stored_key) {
    lsm::KeyspaceId keyspace = 0;
    std::string_view key;
    const bool parsed = lsm::ParseStoredKey(stored_key, &keyspace, &key);
    if (parsed && (by_keyspace_.contains(keyspace) || derived_.contains(keyspace))) return false;
    // Of a collection or an index that has been dropped.
    if (parsed && (keyspace < first_unknown_keyspace_ || dropped_.contains(keyspace))) return true;
    ++unknown_[keyspace];
    return true;
  }

  Task<absl::Status> TakeDocument(const std::string* stored_key, lsm::Sequence sequence,
                                  std::string stored) {
    if (CountUnknown(*stored_key)) co_return absl::OkStatus();
    lsm::KeyspaceId keyspace = 0;
    std::string_view key;
    lsm::ParseStoredKey(*stored_key, &keyspace, &key);
    const auto found = by_keyspace_.find(keyspace);
    if (found == by_keyspace_.end()) co_return absl::OkStatus();
    CollectionState& collection = *found->second;
    const absl::StatusOr<index::RowId> row = ParseRowKey(key);
    RepairReport::SetAside aside;
    aside.collection = collection.definition->name;
    aside.sequence = sequence;
    const absl::StatusOr<DocumentView> view =
        ViewStoredDocument(*collection.definition->layout, stored);
    if (!row.ok() || !view.ok() || view->id_value().is_null()) {
      aside.reason = row.ok() && !view.ok() ? std::string(ToStd(view.status().message()))
                                            : std::string("it has no row or no id");
      SetAside(std::move(aside));
      co_return absl::OkStatus();
    }
    KeepRowFree(collection, *row);
    ++kept_[collection.definition->name];
    if (target_ == nullptr) co_return absl::OkStatus();
    SalvagedDocument document;
    document.collection = &collection;
    document.row = *row;
    document.sequence = sequence;
    document.stored = std::move(stored);
    AURORA_CO_ASSIGN(std::vector<RepairReport::SetAside> outdated,
                     co_await target_->Insert(std::move(document)));
    for (RepairReport::SetAside& each : outdated) {
      --kept_[each.collection];
      SetAside(std::move(each));
    }
    co_return absl::OkStatus();
  }

  void SetAside(RepairReport::SetAside aside) {
    ++report_.set_aside_count;
    if (report_.set_aside.size() < RepairReport::kSetAsideMax) {
      report_.set_aside.push_back(std::move(aside));
    }
  }

  // Closes what was filled, and gives it its name or takes it away.
  Task<absl::Status> FinishTarget(absl::Status made) {
    if (made.ok()) made = co_await target_->Finish();
    const absl::Status closed = co_await target_->Close();
    target_ = nullptr;
    if (made.ok()) made = closed;
    if (made.ok()) co_return co_await directory_->Publish();
    co_await directory_->Abandon();
    co_return made;
  }

  void Conclude() {
    for (const std::shared_ptr<CollectionState>& state : catalog_->All()) {
      const std::string& name = state->definition->name;
      report_.collections.push_back({name, kept_[name], state->next_row.load()});
    }
    for (const auto& [keyspace, entries] : unknown_) {
      report_.lost_keyspaces.push_back({keyspace, entries});
    }
    report_.catalog_lost = definition_failures_ > 0 ||
                           (report_.collections.empty() && salvage_->report().has_losses());
    report_.salvage = salvage_->report();
  }

  const std::shared_ptr<Environment> environment_;
  const std::string source_;
  const std::string target_path_;
  const RepairOptions options_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<lsm::StoreSalvage> salvage_;
  std::unique_ptr<Catalog> catalog_;
  std::int64_t tick_micros_ = 0;
  int definition_failures_ = 0;
  std::map<std::string, LoggedRow> logged_;                                  // by stored key
  std::map<lsm::KeyspaceId, std::shared_ptr<CollectionState>> by_keyspace_;  // of documents
  std::set<lsm::KeyspaceId> derived_;                                        // ids and indices
  std::set<lsm::KeyspaceId> dropped_;                                        // by the log
  // Those of the saved state are below.
  CollectionId first_unknown_collection_ = 0;
  lsm::KeyspaceId first_unknown_keyspace_ = 0;
  std::map<lsm::KeyspaceId, std::uint64_t> unknown_;
  std::map<std::string, std::uint64_t> kept_;
  std::unique_ptr<lsm::NewDirectory> directory_;
  std::unique_ptr<RepairTarget> target_;
  RepairReport report_;
};

}  // namespace
}  // namespace engine

Task<absl::StatusOr<RepairReport>> RepairDatabase(std::string source, std::string target,
                                                  RepairOptions options) {
  std::shared_ptr<Environment> environment = options.environment;
  if (environment == nullptr) {
    AURORA_CO_ASSIGN(environment, MakeSystemEnvironment());
  }
  engine::Repairer repairer(std::move(environment), std::move(source), std::move(target),
                            std::move(options));
  co_return co_await repairer.Run();
}

}  // namespace aurora
