// What the handles of database.h and query.h share.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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
#include "aurora/engine/operation_profile.h"
#include "aurora/engine/options.h"
#include "aurora/engine/record.h"
#include "aurora/engine/stats.h"
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

  Task<absl::Status> CreateCollection(std::string name, Schema schema);

  // Reads as of `at`, which no compaction has passed: the published sequence, or a snapshot's.
  // `collection` and `profile` must live until the task completes. A null profile: nobody asks;
  // here and below.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::optional<Document>>> ReadRow(
      const CollectionDefinition& collection, index::RowId row, lsm::Sequence at,
      OperationProfile* profile);
  // The document as it is now, if the hot tier has it and the id says which row it is; nullopt says
  // nothing, and FindById must be asked.
  std::optional<Document> FindHot(const CollectionState& collection, const DocumentId& id);
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
      const CollectionDefinition& collection, index::RowId row, OperationProfile* profile);
  // Reads as of `at`; `published` is a sequence that was published by then, and not above `at`.
  Task<absl::StatusOr<std::optional<Document>>> ReadRowFromStore(
      const CollectionDefinition* collection, index::RowId row, lsm::Sequence at,
      lsm::Sequence published, OperationProfile* profile);
  absl::Status ReplayOperation(const Operation& operation, EntryBuilder* entries);
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
  AsyncMutex define_mutex_;  // one change of the catalog at a time
  std::atomic<std::int64_t> tick_micros_{0};
  std::atomic<std::uint64_t> next_transaction_{1};
  // What the mutations of the last replayed record view.
  std::unique_ptr<ReplayedRecord> replayed_;
  std::unique_ptr<lsm::Store> store_;
};

}  // namespace aurora::engine
