// What the handles of database.h and query.h share.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/cache/hot_tier.h"
#include "aurora/engine/catalog.h"
#include "aurora/engine/collection.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/index_entries.h"
#include "aurora/engine/index_info.h"
#include "aurora/engine/migration.h"
#include "aurora/engine/migration_state.h"
#include "aurora/engine/operation_profile.h"
#include "aurora/engine/options.h"
#include "aurora/engine/record.h"
#include "aurora/engine/stats.h"
#include "aurora/engine/stricter_rules.h"
#include "aurora/index/posting.h"
#include "aurora/lsm/store.h"
#include "aurora/runtime/async_mutex.h"
#include "aurora/runtime/gate.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/task.h"

namespace aurora::engine {

// A document and where it is.
struct FoundDocument {
  index::RowId row = 0;
  Document document;
};

struct ReplayedRecord;

class DatabaseImpl final : public lsm::RecordHandler,
                           public std::enable_shared_from_this<DatabaseImpl> {
 public:
  static Task<absl::StatusOr<std::shared_ptr<DatabaseImpl>>> Open(std::string path,
                                                                  Options options);
  ~DatabaseImpl() override;

  Task<absl::Status> Close();

  // Being at work on the database, which Close waits for. FailedPrecondition once Close has been
  // called.
  absl::StatusOr<Gate::Pass> Enter();
  // The same, to write: FailedPrecondition also if the database is open for reading only.
  absl::StatusOr<Gate::Pass> EnterToWrite();
  // NotFound, naming those that exist.
  absl::StatusOr<std::shared_ptr<CollectionState>> FindCollection(std::string_view name) const;
  const Catalog& catalog() const { return catalog_; }
  lsm::Store& store() { return *store_; }
  Environment& environment() { return *environment_; }
  const Clock& clock() const { return environment_->clock(); }
  DatabaseStats Stats() const;

  // database.h says what these promise. database_schema.cc
  Task<absl::Status> CreateCollection(std::string name, Schema schema);
  Task<absl::Status> AlterCollection(std::string name, Schema desired);
  Task<absl::Status> RenameField(std::string collection, std::string from, std::string to);
  Task<absl::Status> RenameCollection(std::string from, std::string to);
  Task<absl::Status> DropCollection(std::string name);
  // database_index.cc
  Task<absl::Status> CreateIndex(std::string collection, std::string field, IndexOptions options);
  Task<absl::Status> DropIndex(std::string collection, std::string field);
  Task<absl::StatusOr<std::vector<IndexInfo>>> ListIndexes(std::string collection);

  // Reads as of `at`, which no compaction has passed: the published sequence, or a snapshot's.
  // `collection` and `profile` must live until the task completes. A null profile: nobody asks;
  // here and below.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::optional<Document>>> ReadRow(
      const CollectionDefinition& collection, index::RowId row, lsm::Sequence at,
      OperationProfile* profile);
  // The document as it is at some moment during the call.
  Task<absl::StatusOr<std::optional<FoundDocument>>> FindById(
      std::shared_ptr<CollectionState> collection, DocumentId id,
      OperationProfile* profile = nullptr);

  // `id_is_taken`, if not null, must live until the task completes: whether it failed for an id.
  Task<absl::StatusOr<std::vector<DocumentId>>> Insert(std::shared_ptr<CollectionState> collection,
                                                       std::vector<Object> objects,
                                                       WriteOptions options,
                                                       bool* id_is_taken = nullptr);
  enum class ChangeKind { kUpdate, kReplace };
  // Whether the document was there.
  Task<absl::StatusOr<bool>> Change(std::shared_ptr<CollectionState> collection, DocumentId id,
                                    Object object, ChangeKind kind, WriteOptions options);
  // Whether it was inserted.
  Task<absl::StatusOr<bool>> Upsert(std::shared_ptr<CollectionState> collection, DocumentId id,
                                    Object object, WriteOptions options);
  Task<absl::StatusOr<bool>> Delete(std::shared_ptr<CollectionState> collection, DocumentId id,
                                    WriteOptions options);

  // database_migrate.cc
  Task<absl::StatusOr<std::vector<MigrationStatus>>> Migrate(std::vector<Migration> migrations,
                                                             MigrateOptions options);
  std::vector<MigrationStatus> Migrations() const;

  // lsm::RecordHandler
  absl::StatusOr<lsm::RecordFacts> FactsOf(std::string_view record) override;
  absl::Status Replay(lsm::Sequence sequence, std::string_view record,
                      std::vector<lsm::Mutation>* mutations) override;
  std::string SaveState() override;
  absl::Status RestoreState(std::string_view state) override;

 private:
  struct Write;

  DatabaseImpl(Options options, std::shared_ptr<Environment> environment);

  lsm::StoreOptions MakeStoreOptions(const std::string& path) const;
  // As ReadRow, at the newest published sequence, however long it takes.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::optional<Document>>> ReadLatestRow(
      const CollectionState& collection, index::RowId row, OperationProfile* profile);
  // Reads as of `at`; `published` is a sequence that was published by then, and not above `at`.
  // `latest`, if it is not null, gives the definition to read with, once the bytes are there.
  Task<absl::StatusOr<std::optional<Document>>> ReadRowFromStore(
      const CollectionDefinition* collection, const CurrentDefinition* latest, index::RowId row,
      lsm::Sequence at, lsm::Sequence published, OperationProfile* profile);
  absl::Status ReplayOperation(lsm::Sequence sequence, const Operation& operation,
                               EntryBuilder* entries);
  absl::Status ReplayDefinition(lsm::Sequence sequence, const Operation& operation,
                                EntryBuilder* entries);
  absl::Status ReplayBackfill(lsm::Sequence sequence, const Operation& operation,
                              const CollectionDefinition& collection, EntryBuilder* entries);
  absl::Status ReplayDocument(const Operation& operation, CollectionState& state,
                              EntryBuilder* entries);

  // REQUIRES define_mutex_, as do those that follow. Commits one operation on a collection as a
  // whole; `apply` changes the catalog, inside the commit lock.
  Task<absl::Status> CommitOperation(const Operation* operation, EntryBuilder* entries,
                                     absl::FunctionRef<absl::Status(lsm::Sequence)> apply);
  // Puts `next` in the place of the definition that holds, and empties the indices that it drops.
  Task<absl::Status> CommitDefinition(std::shared_ptr<CollectionState> state,
                                      std::shared_ptr<const CollectionDefinition> next);
  // The next definition of `state`'s collection: with this schema, and the same name.
  absl::StatusOr<std::shared_ptr<const CollectionDefinition>> NextDefinition(
      const CollectionState& state, const Schema& schema) const;
  // Changes the schema: documents are checked first, if `next`, a later version of it, asks more of
  // them. FailedPrecondition, naming one that does not fit.
  Task<absl::Status> ChangeSchema(std::shared_ptr<CollectionState> state, Schema next);
  Task<absl::Status> CheckDocuments(std::shared_ptr<CollectionState> state,
                                    std::shared_ptr<const StricterRules> rules);
  // Gives fields of `state`'s collection that are to become unique their indices, or leaves it as
  // it was. Without define_mutex_.
  Task<absl::Status> CreateUniqueIndices(std::shared_ptr<CollectionState> state,
                                         std::vector<std::string> fields);

  // Without define_mutex_. Completes the index, unless that is done. AlreadyExists: two documents
  // have a value that is to be unique; InvalidArgument: one that is too long. Cancelled: the
  // database is being closed, or the index has been dropped.
  Task<absl::Status> BuildIndex(std::shared_ptr<CollectionState> state, lsm::KeyspaceId keyspace);
  // The same for every index that needs it; one that cannot be is dropped.
  Task<absl::Status> BuildIndices(std::shared_ptr<CollectionState> state);
  struct Backfill;
  // One commit of at most `rows` documents. Aborted if another commit got in between.
  Task<absl::Status> BackfillBatch(std::shared_ptr<CollectionState> state, lsm::KeyspaceId keyspace,
                                   std::size_t rows);
  Task<absl::Status> ReadBatch(Backfill* batch, std::size_t rows);
  Task<absl::Status> CheckBackfilledUnique(Backfill* batch);
  Task<absl::Status> CommitBatch(Backfill* batch);
  // Drops the index if it still is the one of that keyspace.
  Task<absl::Status> DropUnfinishedIndex(std::shared_ptr<CollectionState> state,
                                         lsm::KeyspaceId keyspace);
  // Starts what goes on in the background after an open.
  void ResumeIndexBuilds();
  Task<absl::Status> RunIndexBuilds(std::vector<std::shared_ptr<CollectionState>> states,
                                    Gate::Pass pass);

  absl::Status CheckHistory(const std::vector<Migration>& migrations) const;
  // REQUIRES migrate_mutex_, as do those that follow. Does what is not done yet.
  Task<absl::Status> RunMigration(const Migration* migration, MigrationState* state, bool is_new);
  Task<absl::Status> RecordMigration(MigrationState state);
  // `may_be_done`: a crash may have come between the step and its record.
  Task<absl::Status> RunMigrationStep(const MigrationStep* step, MigrationState* state,
                                      bool may_be_done);
  Task<absl::Status> ChangeDocuments(const MigrationStep* step, MigrationState* state);
  // Whether there were documents left. Aborted if another commit got in between.
  Task<absl::StatusOr<bool>> ChangeBatch(std::shared_ptr<CollectionState> collection,
                                         const MigrationStep* step, MigrationState* state,
                                         std::size_t rows);
  // What is done to many rows goes on in the background, and ends early when the database is
  // closed.
  absl::Status CheckNotClosing() const;
  Task<absl::StatusOr<std::optional<index::RowId>>> LookUp(lsm::KeyspaceId keyspace,
                                                           std::string key,
                                                           OperationProfile* profile);
  Task<absl::Status> CheckUnique(Write* write);
  // Commits the write if nothing that it looked up has changed since `snapshot`; Aborted if
  // something has.
  Task<absl::Status> Commit(Write* write, std::span<const lsm::Mutation> mutations,
                            lsm::Sequence snapshot);
  // Commits the write if its unique values are free. AlreadyExists holds as of `snapshot`.
  Task<absl::Status> CheckAndCommit(Write* write, std::span<const lsm::Mutation> mutations,
                                    lsm::Sequence snapshot);
  // Waits until all that is published is as durable as `options` ask, which must live until the
  // task completes.
  Task<absl::Status> Confirm(const WriteOptions* options);
  // After a lost race: waits until whoever won it is published, durable or not. Until then a new
  // attempt would read what was there before, and lose again.
  Task<absl::Status> AwaitWinner();
  absl::Status TakeTerms(const FieldIndex& index, const ObjectView& document, index::RowId row,
                         std::size_t object, Write* write) const;
  absl::Status PrepareInserts(const std::vector<Object>& objects, Write* write,
                              std::vector<DocumentId>* ids);
  absl::StatusOr<DocumentId> PrepareInsert(const Object& object, std::size_t number, Write* write);
  absl::Status PrepareChange(const FoundDocument& found, const Object& object, ChangeKind kind,
                             Write* write);
  // One attempt; Aborted if another commit got in between. What is pointed to must live until the
  // task completes.
  Task<absl::StatusOr<bool>> TryChange(std::shared_ptr<CollectionState> collection,
                                       const DocumentId* id, const Object* object, ChangeKind kind,
                                       const WriteOptions* options);
  Task<absl::StatusOr<bool>> TryDelete(std::shared_ptr<CollectionState> collection,
                                       const DocumentId* id, const WriteOptions* options);
  std::int64_t NextTick();

  const Options options_;
  const std::shared_ptr<Environment> environment_;
  const index::PostingMergeOperator posting_merge_;
  MemoryBudget memory_;
  cache::HotTier<Document> hot_tier_;
  Catalog catalog_;
  Gate gate_;
  std::stop_source stop_;     // requested when the database is being closed
  AsyncMutex migrate_mutex_;  // one migration at a time; taken before define_mutex_
  AsyncMutex define_mutex_;   // one change of the catalog at a time
  std::atomic<std::int64_t> tick_micros_{0};
  std::atomic<std::uint64_t> next_transaction_{1};
  // What the mutations of the last replayed record view.
  std::unique_ptr<ReplayedRecord> replayed_;
  std::unique_ptr<lsm::Store> store_;
};

}  // namespace aurora::engine
