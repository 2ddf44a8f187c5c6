#include "aurora/engine/catalog.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "aurora/engine/catalog.capnp.h"
#include "aurora/runtime/status.h"
#include "capnp/message.h"
#include "capnp/serialize.h"
#include "kj/exception.h"

namespace aurora::engine {
namespace {

// An index that was there before all documents has nothing to tell.
bool HasProgress(const IndexProgress& progress) {
  return progress.end() > 0 || progress.ready_since() > 0;
}

void SaveProgress(const CollectionDefinition& definition, index::RowId next_row,
                  wire::CatalogState::Collection::Builder builder) {
  unsigned count = 0;
  for (const FieldIndex& index : definition.indices) count += HasProgress(*index.progress);
  if (count == 0) return;
  auto out = builder.initIndices(count);
  unsigned i = 0;
  for (const FieldIndex& index : definition.indices) {
    const IndexProgress& progress = *index.progress;
    if (!HasProgress(progress)) continue;
    out[i].setKeyspace(index.keyspace);
    out[i].setNextRow(progress.next());
    // No row that was given lies above.
    out[i].setEndRow(std::min(progress.end(), next_row));
    out[i].setReadySince(progress.is_ready() ? progress.ready_since() : 0);
    ++i;
  }
}

absl::Status RestoreProgress(const CollectionDefinition& definition,
                             wire::CatalogState::Collection::Reader reader) {
  for (const auto saved : reader.getIndices()) {
    const FieldIndex* const index = definition.FindIndex(saved.getKeyspace());
    if (index == nullptr || saved.getEndRow() > index::kMaxRowId + 1 ||
        saved.getReadySince() >= lsm::kMaxSequence) {
      return DataLossError("catalog: the progress of an index of collection ",
                           Quoted(definition.name), " is malformed");
    }
    const lsm::Sequence ready = saved.getReadySince();
    index->progress->Restore(saved.getNextRow(), saved.getEndRow(),
                             ready == 0 ? lsm::kMaxSequence : ready);
  }
  return absl::OkStatus();
}

absl::Status TakeSavedKeyspaces(const CollectionDefinition& definition,
                                std::set<lsm::KeyspaceId>* taken) {
  bool good = taken->insert(definition.documents).second && taken->insert(definition.ids).second;
  for (const FieldIndex& index : definition.indices) {
    good = good && taken->insert(index.keyspace).second;
  }
  if (good && !taken->contains(UINT32_MAX)) return absl::OkStatus();
  return DataLossError("catalog: collection ", Quoted(definition.name),
                       " has a keyspace of another");
}

}  // namespace

std::shared_ptr<CollectionState> Catalog::Find(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::shared_ptr<CollectionState> Catalog::FindById(CollectionId id) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<CollectionState>> Catalog::All() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::shared_ptr<CollectionState>> all;
  for (const auto& [name, state] : by_name_) all.push_back(state);
  return all;
}

CollectionId Catalog::next_collection() const {
  const std::shared_lock lock(mutex_);
  return next_collection_;
}

lsm::KeyspaceId Catalog::next_keyspace() const {
  const std::shared_lock lock(mutex_);
  return next_keyspace_;
}

absl::Status Catalog::Add(std::shared_ptr<const CollectionDefinition> definition) {
  const std::unique_lock lock(mutex_);
  if (definition->id < next_collection_ || by_name_.contains(definition->name)) {
    return DataLossError("catalog: collection ", Quoted(definition->name),
                         " is defined twice, or with a number that was given before");
  }
  AURORA_RETURN_IF_ERROR(TakeKeyspaces(*definition, nullptr));
  return AddLocked(std::move(definition));
}

absl::Status Catalog::AddLocked(std::shared_ptr<const CollectionDefinition> definition) {
  if (by_name_.contains(definition->name) || by_id_.contains(definition->id)) {
    return DataLossError("catalog: collection ", Quoted(definition->name), " is defined twice");
  }
  next_collection_ = std::max(next_collection_, definition->id + 1);
  auto state = std::make_shared<CollectionState>(std::move(definition));
  by_name_.emplace(state->definition->name, state);
  by_id_.emplace(state->definition->id, std::move(state));
  return absl::OkStatus();
}

absl::Status Catalog::TakeKeyspaces(const CollectionDefinition& definition,
                                    const CollectionDefinition* from) {
  std::set<lsm::KeyspaceId> taken;
  const auto take = [&](lsm::KeyspaceId keyspace) {
    return keyspace >= next_keyspace_ && keyspace < UINT32_MAX && taken.insert(keyspace).second;
  };
  bool good = from != nullptr || (take(definition.documents) && take(definition.ids));
  for (const FieldIndex& index : definition.indices) {
    const FieldIndex* const old = from == nullptr ? nullptr : from->FindIndex(index.keyspace);
    good = good && (old != nullptr ? old->slot == index.slot && old->unique == index.unique
                                   : take(index.keyspace));
  }
  if (!good) {
    return DataLossError("catalog: collection ", Quoted(definition.name),
                         " is defined with keyspaces that were given before");
  }
  if (!taken.empty()) next_keyspace_ = *taken.rbegin() + 1;
  return absl::OkStatus();
}

absl::Status Catalog::Change(const CollectionDefinition& definition, lsm::Sequence at) {
  const std::unique_lock lock(mutex_);
  const auto found = by_id_.find(definition.id);
  if (found == by_id_.end()) {
    return DataLossError("catalog: a change of collection ", definition.id,
                         ", which is not defined");
  }
  CollectionState& state = *found->second;
  const CollectionDefinition& from = *state.definition;
  const bool renamed = definition.name != from.name;
  if (definition.documents != from.documents || definition.ids != from.ids ||
      definition.revision != from.revision + 1 ||
      definition.layout->version() < from.layout->version() ||
      (renamed && by_name_.contains(definition.name))) {
    return DataLossError("catalog: a change of collection ", Quoted(from.name),
                         " that does not follow from its definition");
  }
  AURORA_RETURN_IF_ERROR(TakeKeyspaces(definition, &from));
  auto next = std::make_shared<CollectionDefinition>(definition);
  for (FieldIndex& index : next->indices) {
    if (const FieldIndex* const old = from.FindIndex(index.keyspace)) {
      index.progress = old->progress;
    } else {
      // Every document that was inserted without the index has a row below this; and every one that
      // will be inserted with it, one above.
      index.progress = std::make_shared<IndexProgress>();
      index.progress->Begin(state.next_row.load(), at);
    }
  }
  if (renamed) {
    by_name_.emplace(next->name, found->second);
    by_name_.erase(by_name_.find(from.name));
  }
  state.definition.Set(std::move(next));
  return absl::OkStatus();
}

void Catalog::SetStricter(CollectionId id, std::shared_ptr<const StricterRules> rules) {
  const std::unique_lock lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  auto next = std::make_shared<CollectionDefinition>(*found->second->definition);
  next->stricter = std::move(rules);
  found->second->definition.Set(std::move(next));
}

std::vector<MigrationState> Catalog::Migrations() const {
  const std::shared_lock lock(mutex_);
  std::vector<MigrationState> all;
  for (const auto& [version, state] : migrations_) all.push_back(state);
  return all;
}

std::optional<MigrationState> Catalog::FindMigration(std::uint32_t version) const {
  const std::shared_lock lock(mutex_);
  const auto found = migrations_.find(version);
  if (found == migrations_.end()) return std::nullopt;
  return found->second;
}

void Catalog::SetMigration(MigrationState state) {
  const std::unique_lock lock(mutex_);
  const std::uint32_t version = state.version;
  migrations_[version] = std::move(state);
}

absl::Status Catalog::Drop(CollectionId id) {
  const std::unique_lock lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    return DataLossError("catalog: collection ", id, " is dropped, but not defined");
  }
  found->second->dropped.store(true, std::memory_order_release);
  by_name_.erase(by_name_.find(found->second->definition->name));
  by_id_.erase(found);
  return absl::OkStatus();
}

std::string Catalog::Save(std::int64_t tick_micros) const {
  const std::shared_lock lock(mutex_);
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<wire::CatalogState>();
  auto collections = builder.initCollections(static_cast<unsigned>(by_id_.size()));
  unsigned i = 0;
  for (const auto& [id, state] : by_id_) {
    const CollectionDefinition& current = *state->definition;
    const std::string& definition = current.Encode();
    collections[i].setDefinition(capnp::Data::Reader(
        reinterpret_cast<const capnp::byte*>(definition.data()), definition.size()));
    collections[i].setNextRow(state->next_row.load(std::memory_order_relaxed));
    SaveProgress(current, state->next_row.load(std::memory_order_relaxed), collections[i]);
    ++i;
  }
  auto migrations = builder.initMigrations(static_cast<unsigned>(migrations_.size()));
  unsigned number = 0;
  for (const auto& [version, migration] : migrations_) {
    const std::string state = EncodeMigration(migration);
    migrations.set(number++, capnp::Data::Reader(reinterpret_cast<const capnp::byte*>(state.data()),
                                                 state.size()));
  }
  builder.setNextCollection(next_collection_);
  builder.setNextKeyspace(next_keyspace_);
  builder.setTickMicros(tick_micros);
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  return std::string(reinterpret_cast<const char*>(words.begin()),
                     words.size() * sizeof(capnp::word));
}

absl::Status Catalog::Restore(std::string_view bytes, std::int64_t* tick_micros) {
  const std::unique_lock lock(mutex_);
  kj::Array<capnp::word> words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
  bytes.copy(reinterpret_cast<char*>(words.begin()), words.size() * sizeof(capnp::word));
  capnp::ReaderOptions options;
  options.traversalLimitInWords =
      UINT64_MAX;  // nothing is read twice, and pointers into `words` cannot amplify it
  absl::Status status;
  std::set<lsm::KeyspaceId> keyspaces;
  const auto restore = [&](wire::CatalogState::Reader state) -> absl::Status {
    for (const auto collection : state.getCollections()) {
      const capnp::Data::Reader data = collection.getDefinition();
      AURORA_ASSIGN_OR_RETURN(
          std::shared_ptr<const CollectionDefinition> definition,
          CollectionDefinition::Decode({reinterpret_cast<const char*>(data.begin()), data.size()}));
      const CollectionId id = definition->id;
      AURORA_RETURN_IF_ERROR(TakeSavedKeyspaces(*definition, &keyspaces));
      AURORA_RETURN_IF_ERROR(RestoreProgress(*definition, collection));
      AURORA_RETURN_IF_ERROR(AddLocked(std::move(definition)));
      by_id_[id]->next_row.store(collection.getNextRow(), std::memory_order_relaxed);
    }
    if (!keyspaces.empty()) next_keyspace_ = *keyspaces.rbegin() + 1;
    for (const capnp::Data::Reader data : state.getMigrations()) {
      AURORA_ASSIGN_OR_RETURN(
          MigrationState migration,
          DecodeMigration({reinterpret_cast<const char*>(data.begin()), data.size()}));
      migrations_[migration.version] = std::move(migration);
    }
    next_collection_ = std::max(next_collection_, state.getNextCollection());
    next_keyspace_ = std::max(next_keyspace_, state.getNextKeyspace());
    *tick_micros = state.getTickMicros();
    return absl::OkStatus();
  };
  const kj::Maybe<kj::Exception> thrown = kj::runCatchingExceptions([&] {
    capnp::FlatArrayMessageReader message(words, options);
    status = restore(message.getRoot<wire::CatalogState>());
  });
  KJ_IF_MAYBE (exception, thrown) {
    return DataLossError("catalog: ", exception->getDescription().cStr());
  }
  return status;
}

}  // namespace aurora::engine
