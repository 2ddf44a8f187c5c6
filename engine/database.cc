#include "aurora/engine/database.h"

#include <utility>

#include "aurora/engine/database_impl.h"
#include "aurora/lsm/backup_set.h"
#include "aurora/lsm/checkpoint.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

using engine::CollectionState;
using engine::DatabaseImpl;

template <class T>
using Result = absl::StatusOr<T>;

Task<Result<DocumentId>> InsertOne(std::shared_ptr<DatabaseImpl> database,
                                   std::shared_ptr<CollectionState> collection, Object object,
                                   WriteOptions options) {
  std::vector<Object> objects;
  objects.push_back(std::move(object));
  AURORA_CO_ASSIGN(
      std::vector<DocumentId> ids,
      co_await database->Insert(std::move(collection), std::move(objects), std::move(options)));
  co_return std::move(ids[0]);
}

Task<Result<std::vector<DocumentId>>> InsertAll(std::shared_ptr<DatabaseImpl> database,
                                                std::shared_ptr<CollectionState> collection,
                                                std::vector<Object> objects, WriteOptions options) {
  co_return co_await database->Insert(std::move(collection), std::move(objects),
                                      std::move(options));
}

Task<Result<std::optional<Document>>> GetOne(std::shared_ptr<DatabaseImpl> database,
                                             std::shared_ptr<CollectionState> collection,
                                             DocumentId id, ReadOptions options) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, database->Enter());
  AURORA_CO_ASSIGN(
      std::optional<engine::FoundDocument> found,
      co_await database->FindById(std::move(collection), std::move(id), options.profile));
  if (!found.has_value()) co_return std::nullopt;
  co_return std::optional<Document>(std::move(found->document));
}

Task<absl::Status> ChangeOne(std::shared_ptr<DatabaseImpl> database,
                             std::shared_ptr<CollectionState> collection, DocumentId id,
                             Object object, DatabaseImpl::ChangeKind kind, WriteOptions options) {
  const std::string name = collection->definition->name;
  AURORA_CO_ASSIGN(const bool found,
                   co_await database->Change(std::move(collection), id, std::move(object), kind,
                                             std::move(options)));
  if (!found)
    co_return NotFoundError("collection ", Quoted(name), ": there is no document ", id.ToString());
  co_return absl::OkStatus();
}

Task<Result<bool>> UpsertOne(std::shared_ptr<DatabaseImpl> database,
                             std::shared_ptr<CollectionState> collection, DocumentId id,
                             Object object, WriteOptions options) {
  co_return co_await database->Upsert(std::move(collection), std::move(id), std::move(object),
                                      std::move(options));
}

Task<Result<bool>> DeleteOne(std::shared_ptr<DatabaseImpl> database,
                             std::shared_ptr<CollectionState> collection, DocumentId id,
                             WriteOptions options) {
  co_return co_await database->Delete(std::move(collection), std::move(id), std::move(options));
}

// A task keeps what it works on alive, whatever becomes of the handle.
Task<absl::Status> RunClose(std::shared_ptr<DatabaseImpl> database) {
  co_return co_await database->Close();
}

Task<absl::Status> RunCreate(std::shared_ptr<DatabaseImpl> database, std::string name,
                             Schema schema) {
  co_return co_await database->CreateCollection(std::move(name), std::move(schema));
}

Task<absl::Status> RunFlush(std::shared_ptr<DatabaseImpl> database) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, database->Enter());
  co_return co_await database->store().Flush();
}

Task<absl::Status> RunCompact(std::shared_ptr<DatabaseImpl> database, std::stop_token stop) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, database->Enter());
  co_return co_await database->store().Compact(std::move(stop));
}

Task<Result<CheckpointInfo>> RunCheckpoint(std::shared_ptr<DatabaseImpl> database, std::string path,
                                           CopyOptions options) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, database->Enter());
  co_return co_await lsm::MakeCheckpoint(&database->environment(), &database->store(),
                                         std::move(path), std::move(options));
}

Task<Result<BackupInfo>> RunBackup(std::shared_ptr<DatabaseImpl> database, std::string backups,
                                   std::string label, CopyOptions options) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, database->Enter());
  AURORA_CO_ASSIGN(const std::unique_ptr<lsm::BackupSet> set,
                   co_await lsm::BackupSet::Open(&database->environment(), std::move(backups),
                                                 lsm::BackupSet::Access::kWrite));
  co_return co_await set->Create(&database->store(), std::move(label), std::move(options));
}

Task<Result<std::uint64_t>> RunArchiveNow(std::shared_ptr<DatabaseImpl> database) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, database->Enter());
  co_return co_await database->store().ArchiveNow();
}

}  // namespace

// Runs what takes a collection once the name has been resolved, in the caller: names are not
// copied.
#define AURORA_WITH_COLLECTION(state, name)                                             \
  absl::StatusOr<std::shared_ptr<CollectionState>> state = impl_->FindCollection(name); \
  if (!state.ok()) return state.status()

Task<absl::StatusOr<Database>> Database::Open(std::string path, Options options) {
  return OpenDatabase(std::move(path), std::move(options));
}

Task<absl::StatusOr<Database>> Database::OpenDatabase(std::string path, Options options) {
  AURORA_CO_ASSIGN(std::shared_ptr<DatabaseImpl> impl,
                   co_await DatabaseImpl::Open(std::move(path), std::move(options)));
  co_return Database(std::move(impl));
}

Task<absl::Status> Database::Close() { return RunClose(impl_); }

Task<absl::Status> Database::CreateCollection(std::string name, Schema schema) {
  return RunCreate(impl_, std::move(name), std::move(schema));
}

std::vector<CollectionInfo> Database::Collections() const {
  std::vector<CollectionInfo> all;
  for (const std::shared_ptr<CollectionState>& state : impl_->catalog().All()) {
    all.push_back({state->definition->name, state->definition->layout->schema()});
  }
  return all;
}

absl::StatusOr<Schema> Database::GetSchema(std::string_view collection) const {
  AURORA_ASSIGN_OR_RETURN(const std::shared_ptr<CollectionState> state,
                          impl_->FindCollection(collection));
  return state->definition->layout->schema();
}

Task<absl::StatusOr<DocumentId>> Database::Insert(std::string_view collection, Object object,
                                                  WriteOptions options) {
  AURORA_WITH_COLLECTION(state, collection);
  return InsertOne(impl_, *std::move(state), std::move(object), std::move(options));
}

Task<absl::StatusOr<std::vector<DocumentId>>> Database::InsertMany(std::string_view collection,
                                                                   std::vector<Object> objects,
                                                                   WriteOptions options) {
  AURORA_WITH_COLLECTION(state, collection);
  return InsertAll(impl_, *std::move(state), std::move(objects), std::move(options));
}

Task<absl::StatusOr<std::optional<Document>>> Database::Get(std::string_view collection,
                                                            DocumentId id, ReadOptions options) {
  AURORA_WITH_COLLECTION(state, collection);
  // What a profile is to be told, the coroutine tells.
  if (options.profile == nullptr) {
    std::optional<Document> hot = impl_->FindHot(**state, id);
    if (hot.has_value()) return Result<std::optional<Document>>(std::move(hot));
  }
  return GetOne(impl_, *std::move(state), std::move(id), options);
}

Task<absl::Status> Database::Update(std::string_view collection, DocumentId id, Object changes,
                                    WriteOptions options) {
  AURORA_WITH_COLLECTION(state, collection);
  return ChangeOne(impl_, *std::move(state), std::move(id), std::move(changes),
                   DatabaseImpl::ChangeKind::kUpdate, std::move(options));
}

Task<absl::Status> Database::Replace(std::string_view collection, DocumentId id, Object object,
                                     WriteOptions options) {
  AURORA_WITH_COLLECTION(state, collection);
  return ChangeOne(impl_, *std::move(state), std::move(id), std::move(object),
                   DatabaseImpl::ChangeKind::kReplace, std::move(options));
}

Task<absl::StatusOr<bool>> Database::Upsert(std::string_view collection, DocumentId id,
                                            Object object, WriteOptions options) {
  AURORA_WITH_COLLECTION(state, collection);
  return UpsertOne(impl_, *std::move(state), std::move(id), std::move(object), std::move(options));
}

Task<absl::StatusOr<bool>> Database::Delete(std::string_view collection, DocumentId id,
                                            WriteOptions options) {
  AURORA_WITH_COLLECTION(state, collection);
  return DeleteOne(impl_, *std::move(state), std::move(id), std::move(options));
}

#undef AURORA_WITH_COLLECTION

::aurora::Query Database::Query(std::string_view collection) const {
  QuerySpec spec;
  spec.collection = std::string(collection);
  return ::aurora::Query(impl_, std::move(spec));
}

::aurora::Query Database::Query(QuerySpec spec) const {
  return ::aurora::Query(impl_, std::move(spec));
}

DatabaseStats Database::Stats() const { return impl_->Stats(); }
Task<absl::Status> Database::Flush() { return RunFlush(impl_); }
Task<absl::Status> Database::Compact(std::stop_token stop) {
  return RunCompact(impl_, std::move(stop));
}

Task<absl::StatusOr<CheckpointInfo>> Database::Checkpoint(std::string path, CopyOptions options) {
  return RunCheckpoint(impl_, std::move(path), std::move(options));
}

Task<absl::StatusOr<std::uint64_t>> Database::ArchiveNow() { return RunArchiveNow(impl_); }

Task<absl::StatusOr<BackupInfo>> Database::Backup(std::string backups, std::string label,
                                                  CopyOptions options) {
  return RunBackup(impl_, std::move(backups), std::move(label), std::move(options));
}

}  // namespace aurora
