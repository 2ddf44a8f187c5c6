// DatabaseImpl: indices that come and go on a live collection.
//
// An index is there from the commit of the definition that has it. Whatever is written from then on
// has its entries. The documents that were there before get theirs in batches, in the order of
// their rows, and IndexProgress says how far that has come: a row above it is none of the index's,
// so writers leave the index alone when they change it. Therefore entries are never added twice,
// nor removed before they are there, and a unique index never loses one value to another
// document's.
//
// A batch is a commit that writes the resource of each document that it read, so a document cannot
// be changed between the read and the commit, and whoever was about to change it starts anew and
// sees how far the index is now. Its record holds the values that it read: replay has no documents
// to read, and makes the same entries of them.
#include <algorithm>
#include <map>
#include <utility>

#include "aurora/engine/database_impl.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/resource_hash.h"
#include "aurora/engine/stored_document.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/spawn.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/task_group.h"

namespace aurora::engine {
namespace {

// So few that a batch takes a small part of the table of recent writers. The first is small, so
// that a unique index that cannot be is soon known for what it is.
constexpr std::size_t kFirstBatchRows = 8;
constexpr std::size_t kBatchRows = 256;
constexpr std::size_t kBatchBytes = 1u << 20;

IndexKind KindOf(const FieldIndex& index) {
  if (index.unique) return IndexKind::kUnique;
  return index.array ? IndexKind::kItems : IndexKind::kEquality;
}

// The schema with another set of flags for one field; a later version.
absl::StatusOr<Schema> WithIndexFlags(const Schema& schema, std::string_view field,
                                      std::uint32_t flags) {
  Schema desired;
  bool found = false;
  for (FieldSchema each : schema.fields()) {
    if (each.dropped()) continue;
    if (each.name == field) {
      found = true;
      const std::uint32_t index_flags = (kUnique | kIndexed).flags;
      each.attributes.flags = (each.attributes.flags & ~index_flags) | flags;
    }
    desired.Add(std::move(each));
  }
  if (!found) return NotFoundError("there is no field ", Quoted(field));
  if (schema.open()) desired.Open();
  AURORA_RETURN_IF_ERROR(desired.Validate());
  return schema.Evolve(desired);
}

}  // namespace

// One batch as it is made.
struct DatabaseImpl::Backfill {
  struct Term {
    std::string key;
    index::RowId row = 0;
  };

  std::shared_ptr<CollectionState> state;
  const CollectionDefinition* definition = nullptr;
  const FieldIndex* index = nullptr;
  lsm::Sequence snapshot = 0;
  index::RowId next_row = 0;
  std::vector<BackfilledRow> rows;
  std::vector<std::string> values;  // what `rows` view; reserved ahead
  std::vector<Term> unique_terms;
  std::vector<std::uint64_t> reads;
  std::vector<std::uint64_t> writes;
  EntryBuilder entries;

  void Touch(lsm::KeyspaceId keyspace, std::string_view key) {
    if (AURORA_PLANTED_BUG("backfill-without-validation")) return;
    reads.push_back(ResourceHash(keyspace, key));
    writes.push_back(reads.back());
  }
};

// --- One batch ---

Task<absl::Status> DatabaseImpl::ReadBatch(Backfill* batch, std::size_t rows) {
  const IndexProgress& progress = *batch->index->progress;
  const std::string first = RowKey(std::min(progress.next(), index::kMaxRowId));
  lsm::IterateOptions options;
  options.fill_cache = false;
  options.lower = first;
  const std::unique_ptr<lsm::Iterator> documents =
      store_->NewIterator(batch->definition->documents, options);
  AURORA_CO_RETURN_IF_ERROR(co_await documents->SeekToFirst());
  std::size_t bytes = 0;
  batch->next_row = progress.end();
  batch->values.reserve(rows);
  while (documents->Valid()) {
    AURORA_CO_ASSIGN(const index::RowId row, ParseRowKey(documents->key()));
    if (row >= progress.end()) break;
    if (batch->rows.size() == rows || bytes >= kBatchBytes) {
      batch->next_row = row;
      break;
    }
    // Written after the definition was taken, perhaps with a later one: then the commit is aborted.
    if (documents->sequence() > batch->snapshot)
      co_return AbortedError("row ", row, " has changed");
    AURORA_CO_ASSIGN(const DocumentView view,
                     ViewStoredDocument(*batch->definition->layout, documents->value()));
    const ValueView value = view.Get(batch->index->slot);
    for (std::string& term : IndexTerms(*batch->index, view.fields())) {
      if (term.size() > options_.limits.key_bytes_max) {
        co_return InvalidArgumentError("document ", view.id().ToString(), ": field ",
                                       Quoted(batch->index->field), " holds a value of ",
                                       term.size(), " bytes, encoded; an index takes at most ",
                                       options_.limits.key_bytes_max);
      }
      if (batch->index->unique) batch->unique_terms.push_back({std::move(term), row});
    }
    batch->values.push_back(EncodeKey(value));
    batch->rows.push_back({row, batch->values.back()});
    batch->Touch(batch->definition->documents, documents->key());
    batch->entries.Backfill(*batch->index, row, Value(value));
    bytes += batch->values.back().size();
    AURORA_CO_RETURN_IF_ERROR(co_await documents->Next());
  }
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseImpl::CheckBackfilledUnique(Backfill* batch) {
  std::map<std::string_view, index::RowId> within;
  for (const Backfill::Term& term : batch->unique_terms) {
    batch->Touch(batch->index->keyspace, term.key);
    const auto [entry, added] = within.try_emplace(term.key, term.row);
    std::optional<index::RowId> holder = entry->second;
    if (added) {
      std::string key = term.key;
      AURORA_CO_ASSIGN(holder, co_await LookUp(batch->index->keyspace, std::move(key), nullptr));
    }
    if (!holder.has_value() || *holder == term.row) continue;
    AURORA_CO_ASSIGN(const std::optional<Document> one,
                     co_await ReadLatestRow(*batch->state, *holder, nullptr));
    AURORA_CO_ASSIGN(const std::optional<Document> other,
                     co_await ReadLatestRow(*batch->state, term.row, nullptr));
    const auto name = [](const std::optional<Document>& document) {
      return document.has_value() ? document->id().ToString() : std::string("that is gone");
    };
    const absl::StatusOr<Value> value = DecodeKey(term.key);
    co_return AlreadyExistsError("field ", Quoted(batch->index->field), ": documents ", name(one),
                                 " and ", name(other), " both have the value ",
                                 value.ok() ? DebugString(*value) : "?");
  }
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseImpl::CommitBatch(Backfill* batch) {
  const std::string rows = EncodeBackfill(batch->rows);
  Record record;
  record.transaction_id = next_transaction_.fetch_add(1, std::memory_order_relaxed);
  record.tick_micros = NextTick();
  Operation& operation = record.operations.emplace_back();
  operation.kind = OperationKind::kBackfillIndex;
  operation.collection = batch->definition->id;
  operation.keyspace = batch->index->keyspace;
  operation.next_row = batch->next_row;
  operation.backfill = rows;
  const std::string bytes = EncodeRecord(record);
  const std::string_view part = bytes;
  IndexProgress& progress = *batch->index->progress;
  const auto advance = [&](lsm::Sequence sequence) { progress.Advance(batch->next_row, sequence); };
  const absl::FunctionRef<void(lsm::Sequence)> on_sequenced = advance;
  lsm::CommitRequest request;
  request.record = {&part, 1};
  request.mutations = batch->entries.Finish();
  request.snapshot = batch->snapshot;
  request.reads = batch->reads;
  request.writes = batch->writes;
  request.outlives_call = true;
  request.on_sequenced = &on_sequenced;
  // Nothing is promised of an index that is not complete.
  if (batch->next_row < progress.end()) request.durability = Durability::kBuffered;
  AURORA_CO_RETURN_IF_ERROR(co_await store_->Commit(request));
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseImpl::BackfillBatch(std::shared_ptr<CollectionState> state,
                                               lsm::KeyspaceId keyspace, std::size_t rows) {
  Backfill batch;
  batch.snapshot = store_->published();
  batch.state = state;
  batch.definition = state->definition.get();
  batch.index = batch.definition->FindIndex(keyspace);
  if (batch.index == nullptr || state->dropped.load(std::memory_order_acquire)) {
    co_return CancelledError("the index was dropped while it was being built");
  }
  batch.reads.push_back(DefinitionResource(batch.definition->id));
  AURORA_CO_RETURN_IF_ERROR(co_await ReadBatch(&batch, rows));
  const absl::Status unique = co_await CheckBackfilledUnique(&batch);
  if (unique.ok()) co_return co_await CommitBatch(&batch);
  if (!absl::IsAlreadyExists(unique)) co_return unique;
  // What was read may be of different moments, and then the error of none.
  lsm::CommitRequest nothing;
  nothing.durability = Durability::kBuffered;
  nothing.snapshot = batch.snapshot;
  nothing.reads = batch.reads;
  AURORA_CO_RETURN_IF_ERROR(co_await store_->Commit(nothing));
  co_return unique;
}

// --- A whole index ---

Task<absl::Status> DatabaseImpl::BuildIndex(std::shared_ptr<CollectionState> state,
                                            lsm::KeyspaceId keyspace) {
  const FieldIndex* const index = state->definition->FindIndex(keyspace);
  if (index == nullptr) co_return CancelledError("the index has been dropped");
  const std::shared_ptr<IndexProgress> progress = index->progress;
  const AsyncMutex::Guard guard = co_await progress->builder().Lock();
  std::size_t rows = kFirstBatchRows;
  while (!progress->is_ready()) {
    AURORA_CO_RETURN_IF_ERROR(CheckNotClosing());
    const absl::Status done = co_await BackfillBatch(state, keyspace, rows);
    if (done.ok()) {
      rows = std::min(rows * 2, kBatchRows);
    } else if (absl::IsAborted(done)) {
      // Where documents are written all the time, few at once have a chance.
      rows = std::max<std::size_t>(rows / 2, 1);
      AURORA_CO_RETURN_IF_ERROR(co_await AwaitWinner());
    } else {
      co_return Annotate(done, StrCat("collection ", Quoted(state->definition->name)));
    }
    co_await Yield();
  }
  // Whoever completed it may not have made that durable yet.
  const WriteOptions options;
  co_return co_await Confirm(&options);
}

Task<absl::Status> DatabaseImpl::BuildIndices(std::shared_ptr<CollectionState> state) {
  std::vector<lsm::KeyspaceId> building;
  for (const FieldIndex& index : state->definition->indices) {
    if (!index.progress->is_ready()) building.push_back(index.keyspace);
  }
  for (const lsm::KeyspaceId keyspace : building) {
    TaskGroup group;
    group.Spawn(environment_->background(), BuildIndex(state, keyspace));
    const absl::Status built = co_await group.Join();
    if (built.ok()) continue;
    if (absl::IsAlreadyExists(built) || absl::IsInvalidArgument(built)) {
      AURORA_CO_RETURN_IF_ERROR(co_await DropUnfinishedIndex(state, keyspace));
    }
    co_return built;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseImpl::DropUnfinishedIndex(std::shared_ptr<CollectionState> state,
                                                     lsm::KeyspaceId keyspace) {
  const AsyncMutex::Guard guard = co_await define_mutex_.Lock();
  const FieldIndex* const index = state->definition->FindIndex(keyspace);
  if (index == nullptr || index->progress->is_ready() ||
      state->dropped.load(std::memory_order_acquire)) {
    co_return absl::OkStatus();
  }
  AURORA_CO_ASSIGN(const Schema without,
                   WithIndexFlags(state->definition->layout->schema(), index->field, 0));
  AURORA_CO_ASSIGN(std::shared_ptr<const CollectionDefinition> next,
                   NextDefinition(*state, without));
  co_return co_await CommitDefinition(state, std::move(next));
}

void DatabaseImpl::ResumeIndexBuilds() {
  if (options_.read_only) return;
  std::vector<std::shared_ptr<CollectionState>> states;
  for (const std::shared_ptr<CollectionState>& state : catalog_.All()) {
    const bool building =
        std::any_of(state->definition->indices.begin(), state->definition->indices.end(),
                    [](const FieldIndex& index) { return !index.progress->is_ready(); });
    if (building) states.push_back(state);
  }
  if (states.empty()) return;
  absl::StatusOr<Gate::Pass> pass = Enter();
  AURORA_CHECK(pass.ok());
  Spawn(environment_->background(), RunIndexBuilds(std::move(states), *std::move(pass)),
        [](const absl::Status&) {});
}

// Keeps the database open by the pass alone, which is the last that it lets go.
Task<absl::Status> DatabaseImpl::RunIndexBuilds(
    std::vector<std::shared_ptr<CollectionState>> states, Gate::Pass pass) {
  const Gate::Pass inside = std::move(pass);
  for (const std::shared_ptr<CollectionState>& state : states) {
    const absl::Status built = co_await BuildIndices(state);
    if (built.ok() || absl::IsCancelled(built) || options_.logger == nullptr) continue;
    options_.logger->Log(LogSeverity::kWarning,
                         StrCat("an index could not be completed: ", built.message()));
  }
  co_return absl::OkStatus();
}

// --- By the user ---

Task<absl::Status> DatabaseImpl::CreateIndex(std::string collection, std::string field,
                                             IndexOptions options) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, EnterToWrite());
  std::shared_ptr<CollectionState> state;
  {
    const AsyncMutex::Guard guard = co_await define_mutex_.Lock();
    AURORA_CO_ASSIGN(state, FindCollection(collection));
    if (const FieldIndex* const index = state->definition->FindIndex(field)) {
      if (index->unique != options.unique) {
        co_return AlreadyExistsError("collection ", Quoted(collection), ": field ", Quoted(field),
                                     " has an index of another kind; drop that first");
      }
    } else {
      const absl::StatusOr<Schema> with = WithIndexFlags(state->definition->layout->schema(), field,
                                                         options.unique ? kUnique : kIndexed);
      if (!with.ok()) co_return Annotate(with.status(), StrCat("collection ", Quoted(collection)));
      AURORA_CO_ASSIGN(std::shared_ptr<const CollectionDefinition> next,
                       NextDefinition(*state, *with));
      AURORA_CO_RETURN_IF_ERROR(co_await CommitDefinition(state, std::move(next)));
    }
  }
  co_return co_await BuildIndices(state);
}

Task<absl::Status> DatabaseImpl::CreateUniqueIndices(std::shared_ptr<CollectionState> state,
                                                     std::vector<std::string> fields) {
  const std::string name = state->definition->name;
  IndexOptions options;
  options.unique = true;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const absl::Status created = co_await CreateIndex(name, fields[i], options);
    if (created.ok()) continue;
    for (std::size_t made = 0; made < i; ++made) {
      AURORA_CO_RETURN_IF_ERROR(co_await DropIndex(name, fields[made]));
    }
    co_return created;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseImpl::DropIndex(std::string collection, std::string field) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, EnterToWrite());
  const AsyncMutex::Guard guard = co_await define_mutex_.Lock();
  AURORA_CO_ASSIGN(const std::shared_ptr<CollectionState> state, FindCollection(collection));
  if (state->definition->FindIndex(field) == nullptr) {
    co_return NotFoundError("collection ", Quoted(collection), ": field ", Quoted(field),
                            " has no index");
  }
  AURORA_CO_ASSIGN(const Schema without,
                   WithIndexFlags(state->definition->layout->schema(), field, 0));
  AURORA_CO_ASSIGN(std::shared_ptr<const CollectionDefinition> next,
                   NextDefinition(*state, without));
  co_return co_await CommitDefinition(state, std::move(next));
}

Task<absl::StatusOr<std::vector<IndexInfo>>> DatabaseImpl::ListIndexes(std::string collection) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, Enter());
  AURORA_CO_ASSIGN(const std::shared_ptr<CollectionState> state, FindCollection(collection));
  std::vector<IndexInfo> infos;
  for (const FieldIndex& index : state->definition->indices) {
    const IndexProgress& progress = *index.progress;
    IndexInfo& info = infos.emplace_back();
    info.field = index.field;
    info.kind = KindOf(index);
    info.state = progress.is_ready() ? IndexState::kReady : IndexState::kBuilding;
    if (info.state == IndexState::kBuilding) {
      info.rows_total = progress.end();
      info.rows_done = std::min(progress.next(), progress.end());
    }
    lsm::IterateOptions options;
    options.fill_cache = false;
    options.lazy_values = true;
    const std::unique_ptr<lsm::Iterator> entries = store_->NewIterator(index.keyspace, options);
    AURORA_CO_RETURN_IF_ERROR(co_await entries->SeekToFirst());
    while (entries->Valid()) {
      ++info.entries;
      AURORA_CO_RETURN_IF_ERROR(co_await entries->Next());
    }
  }
  co_return infos;
}

}  // namespace aurora::engine
