// DatabaseImpl: collections and their schemas, made, changed and dropped.
//
// Every write reads the resource DefinitionResource of its collection, and every change of a
// definition writes it. So a write commits only under the definition that it was prepared with, and
// replay, which meets records in the order of their commits, reads each with the definition that it
// was written with.
#include <utility>

#include "aurora/engine/database_impl.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/resource_hash.h"
#include "aurora/engine/stored_document.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/task_group.h"

namespace aurora::engine {
namespace {

constexpr int kDocumentsBetweenYields = 256;

// The fields of `now` that are unique in `next`, and were not.
std::vector<std::string> NewlyUnique(const Schema& now, const Schema& next) {
  std::vector<std::string> names;
  for (const FieldSchema& field : next.fields()) {
    if (field.dropped() || !field.attributes.Has(kUnique)) continue;
    const FieldSchema* const before = now.Find(field.name);
    if (before != nullptr && !before->attributes.Has(kUnique)) names.push_back(field.name);
  }
  return names;
}

}  // namespace

absl::Status DatabaseImpl::CheckNotClosing() const {
  if (!stop_.stop_requested()) return absl::OkStatus();
  return CancelledError("the database is being closed");
}

Task<absl::Status> DatabaseImpl::CommitOperation(
    const Operation* operation, EntryBuilder* entries,
    absl::FunctionRef<absl::Status(lsm::Sequence)> apply) {
  Record record;
  record.transaction_id = next_transaction_.fetch_add(1, std::memory_order_relaxed);
  record.tick_micros = NextTick();
  record.operations.push_back(*operation);
  const std::string bytes = EncodeRecord(record);
  const std::string_view part = bytes;
  const std::uint64_t resource = DefinitionResource(operation->collection);
  absl::Status applied;
  const auto on_commit = [&](lsm::Sequence sequence) { applied = apply(sequence); };
  const absl::FunctionRef<void(lsm::Sequence)> on_sequenced = on_commit;
  lsm::CommitRequest request;
  request.record = {&part, 1};
  request.mutations = entries->Finish();
  request.writes = {&resource, 1};
  request.outlives_call = true;
  // Inside the commit lock, so that the state saved with a memtable is that after all commits of
  // that memtable.
  request.on_sequenced = &on_sequenced;
  AURORA_CO_RETURN_IF_ERROR(co_await store_->Commit(request));
  co_return applied;
}

// --- Making ---

Task<absl::Status> DatabaseImpl::CreateCollection(std::string name, Schema schema) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, EnterToWrite());
  const AsyncMutex::Guard guard = co_await define_mutex_.Lock();
  if (const std::shared_ptr<CollectionState> existing = catalog_.Find(name)) {
    AURORA_CO_RETURN_IF_ERROR(schema.Validate());
    const std::optional<std::string> difference =
        existing->definition->layout->schema().Difference(schema);
    const WriteOptions options;
    if (!difference.has_value()) co_return co_await Confirm(&options);
    co_return AlreadyExistsError("collection ", Quoted(name),
                                 " exists with another schema: ", *difference);
  }
  lsm::KeyspaceId next_keyspace = catalog_.next_keyspace();
  AURORA_CO_ASSIGN(
      const std::shared_ptr<const CollectionDefinition> definition,
      CollectionDefinition::Create(catalog_.next_collection(), name, schema, &next_keyspace));
  Operation operation;
  operation.kind = OperationKind::kDefineCollection;
  operation.collection = definition->id;
  operation.definition = definition->Encode();
  EntryBuilder nothing;
  const auto add = [&](lsm::Sequence) { return catalog_.Add(definition); };
  co_return co_await CommitOperation(&operation, &nothing, add);
}

// --- Changing ---

absl::StatusOr<std::shared_ptr<const CollectionDefinition>> DatabaseImpl::NextDefinition(
    const CollectionState& state, const Schema& schema) const {
  const CollectionDefinition& now = *state.definition;
  lsm::KeyspaceId next_keyspace = catalog_.next_keyspace();
  return CollectionDefinition::Change(now, now.name, schema, &next_keyspace);
}

Task<absl::Status> DatabaseImpl::CommitDefinition(
    std::shared_ptr<CollectionState> state, std::shared_ptr<const CollectionDefinition> next) {
  const bool same_layout = next->layout->version() == state->definition->layout->version();
  Operation operation;
  operation.kind = OperationKind::kDefineCollection;
  operation.collection = next->id;
  operation.definition = next->Encode();
  EntryBuilder entries;
  for (const lsm::KeyspaceId keyspace : next->DroppedSince(*state->definition)) {
    entries.Clear(keyspace);
  }
  const auto change = [&](lsm::Sequence sequence) { return catalog_.Change(*next, sequence); };
  AURORA_CO_RETURN_IF_ERROR(co_await CommitOperation(&operation, &entries, change));
  // Documents in it would have to be copied for each reader, to be shown in the new layout.
  if (!same_layout) hot_tier_.DropCollection(next->id);
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseImpl::CheckDocuments(std::shared_ptr<CollectionState> state,
                                                std::shared_ptr<const StricterRules> rules) {
  const std::unique_ptr<lsm::Snapshot> snapshot = store_->GetSnapshot();
  const CollectionDefinition& definition = *state->definition;
  lsm::IterateOptions options;
  options.at = snapshot->sequence();
  options.fill_cache = false;
  const std::unique_ptr<lsm::Iterator> documents =
      store_->NewIterator(definition.documents, options);
  AURORA_CO_RETURN_IF_ERROR(co_await documents->SeekToFirst());
  for (int count = 1; documents->Valid(); ++count) {
    AURORA_CO_ASSIGN(const DocumentView view,
                     ViewStoredDocument(*definition.layout, documents->value()));
    if (const absl::Status kept = CheckStricter(*rules, view.id(), view.fields()); !kept.ok()) {
      co_return FailedPreconditionError("collection ", Quoted(definition.name), ": document ",
                                        view.id().ToString(),
                                        " does not fit the new schema: ", ToStd(kept.message()));
    }
    if (count % kDocumentsBetweenYields == 0) {
      AURORA_CO_RETURN_IF_ERROR(CheckNotClosing());
      co_await Yield();
    }
    AURORA_CO_RETURN_IF_ERROR(co_await documents->Next());
  }
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseImpl::ChangeSchema(std::shared_ptr<CollectionState> state, Schema next) {
  const Schema now = state->definition->layout->schema();
  AURORA_CO_RETURN_IF_ERROR(next.Validate());
  const std::shared_ptr<const StricterRules> rules = RulesOfChange(now, next);
  if (rules != nullptr) {
    // The definition again: the commit makes all writes that were prepared before it begin anew.
    AURORA_CO_ASSIGN(std::shared_ptr<const CollectionDefinition> same, NextDefinition(*state, now));
    auto with_rules = std::make_shared<CollectionDefinition>(*same);
    with_rules->stricter = rules;
    AURORA_CO_RETURN_IF_ERROR(co_await CommitDefinition(state, std::move(with_rules)));
    TaskGroup group;
    group.Spawn(environment_->background(), CheckDocuments(state, rules));
    const absl::Status checked = co_await group.Join();
    if (!checked.ok()) {
      catalog_.SetStricter(state->definition->id, nullptr);
      co_return checked;
    }
  }
  absl::StatusOr<std::shared_ptr<const CollectionDefinition>> definition =
      NextDefinition(*state, next);
  absl::Status changed = definition.status();
  if (changed.ok()) changed = co_await CommitDefinition(state, *std::move(definition));
  if (!changed.ok() && rules != nullptr) catalog_.SetStricter(state->definition->id, nullptr);
  co_return changed;
}

Task<absl::Status> DatabaseImpl::AlterCollection(std::string name, Schema desired) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, EnterToWrite());
  AURORA_CO_RETURN_IF_ERROR(desired.Validate());
  std::shared_ptr<CollectionState> state;
  {
    AURORA_CO_ASSIGN(state, FindCollection(name));
    const Schema now = state->definition->layout->schema();
    AURORA_CO_ASSIGN(const Schema next, now.Evolve(desired));
    AURORA_CO_RETURN_IF_ERROR(next.Validate());
    std::vector<std::string> unique = NewlyUnique(now, next);
    AURORA_CO_RETURN_IF_ERROR(co_await CreateUniqueIndices(state, std::move(unique)));
  }
  {
    const AsyncMutex::Guard guard = co_await define_mutex_.Lock();
    AURORA_CO_ASSIGN(state, FindCollection(name));
    const Schema now = state->definition->layout->schema();
    AURORA_CO_ASSIGN(const Schema next, now.Evolve(desired));
    if (next.version() == now.version()) {
      const WriteOptions options;
      co_return co_await Confirm(&options);
    }
    if (!NewlyUnique(now, next).empty()) {
      co_return AbortedError("collection ", Quoted(name), " was changed meanwhile: try again");
    }
    const absl::Status changed = co_await ChangeSchema(state, next);
    if (!changed.ok()) co_return Annotate(changed, StrCat("collection ", Quoted(name)));
  }
  co_return co_await BuildIndices(state);
}

Task<absl::Status> DatabaseImpl::RenameField(std::string collection, std::string from,
                                             std::string to) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, EnterToWrite());
  const AsyncMutex::Guard guard = co_await define_mutex_.Lock();
  AURORA_CO_ASSIGN(const std::shared_ptr<CollectionState> state, FindCollection(collection));
  const absl::StatusOr<Schema> next = state->definition->layout->schema().Rename(from, to);
  if (!next.ok()) co_return Annotate(next.status(), StrCat("collection ", Quoted(collection)));
  if (from == to) {
    const WriteOptions options;
    co_return co_await Confirm(&options);
  }
  co_return co_await ChangeSchema(state, *next);
}

Task<absl::Status> DatabaseImpl::RenameCollection(std::string from, std::string to) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, EnterToWrite());
  const AsyncMutex::Guard guard = co_await define_mutex_.Lock();
  AURORA_CO_ASSIGN(const std::shared_ptr<CollectionState> state, FindCollection(from));
  if (from == to) {
    const WriteOptions options;
    co_return co_await Confirm(&options);
  }
  if (catalog_.Find(to) != nullptr) {
    co_return AlreadyExistsError("there is a collection ", Quoted(to), " already");
  }
  const CollectionDefinition& now = *state->definition;
  lsm::KeyspaceId next_keyspace = catalog_.next_keyspace();
  AURORA_CO_ASSIGN(
      std::shared_ptr<const CollectionDefinition> next,
      CollectionDefinition::Change(now, std::move(to), now.layout->schema(), &next_keyspace));
  co_return co_await CommitDefinition(state, std::move(next));
}

// --- Dropping ---

Task<absl::Status> DatabaseImpl::DropCollection(std::string name) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, EnterToWrite());
  const AsyncMutex::Guard guard = co_await define_mutex_.Lock();
  AURORA_CO_ASSIGN(const std::shared_ptr<CollectionState> state, FindCollection(name));
  const CollectionDefinition& definition = *state->definition;
  Operation operation;
  operation.kind = OperationKind::kDropCollection;
  operation.collection = definition.id;
  EntryBuilder entries;
  entries.ClearAll(definition);
  const auto drop = [&](lsm::Sequence) { return catalog_.Drop(definition.id); };
  AURORA_CO_RETURN_IF_ERROR(co_await CommitOperation(&operation, &entries, drop));
  hot_tier_.DropCollection(definition.id);
  co_return absl::OkStatus();
}

}  // namespace aurora::engine
