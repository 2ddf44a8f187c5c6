#include "aurora/engine/catalog.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "aurora/engine/catalog.capnp.h"
#include "aurora/runtime/status.h"
#include "capnp/message.h"
#include "capnp/serialize.h"
#include "kj/exception.h"

namespace aurora::engine {

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
  return AddLocked(std::move(definition));
}

absl::Status Catalog::AddLocked(std::shared_ptr<const CollectionDefinition> definition) {
  lsm::KeyspaceId first = std::min(definition->documents, definition->ids);
  lsm::KeyspaceId last = std::max(definition->documents, definition->ids);
  for (const FieldIndex& index : definition->indices) {
    first = std::min(first, index.keyspace);
    last = std::max(last, index.keyspace);
  }
  if (definition->id < next_collection_ || first < next_keyspace_ || last == UINT32_MAX ||
      by_name_.contains(definition->name)) {
    return DataLossError("catalog: collection ", Quoted(definition->name),
                         " is defined twice, or with numbers that were given before");
  }
  next_collection_ = definition->id + 1;
  next_keyspace_ = last + 1;
  auto state = std::make_shared<CollectionState>(std::move(definition));
  by_name_.emplace(state->definition->name, state);
  by_id_.emplace(state->definition->id, std::move(state));
  return absl::OkStatus();
}

std::string Catalog::Save(std::int64_t tick_micros) const {
  const std::shared_lock lock(mutex_);
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<wire::CatalogState>();
  auto collections = builder.initCollections(static_cast<unsigned>(by_id_.size()));
  unsigned i = 0;
  for (const auto& [id, state] : by_id_) {
    const std::string definition = state->definition->Encode();
    collections[i].setDefinition(capnp::Data::Reader(
        reinterpret_cast<const capnp::byte*>(definition.data()), definition.size()));
    collections[i].setNextRow(state->next_row.load(std::memory_order_relaxed));
    ++i;
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
  const auto restore = [&](wire::CatalogState::Reader state) -> absl::Status {
    for (const auto collection : state.getCollections()) {
      const capnp::Data::Reader data = collection.getDefinition();
      AURORA_ASSIGN_OR_RETURN(
          std::shared_ptr<const CollectionDefinition> definition,
          CollectionDefinition::Decode({reinterpret_cast<const char*>(data.begin()), data.size()}));
      const CollectionId id = definition->id;
      AURORA_RETURN_IF_ERROR(AddLocked(std::move(definition)));
      by_id_[id]->next_row.store(collection.getNextRow(), std::memory_order_relaxed);
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
