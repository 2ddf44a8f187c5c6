// The collections of a database, in memory. Durable through the commit log, which holds every
// definition, and the state that the store saves with each flush.
//
// Safe from every thread. Changes are made in commit order, by one caller at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "aurora/engine/collection.h"
#include "aurora/engine/migration_state.h"
#include "aurora/engine/record.h"
#include "aurora/lsm/types.h"

namespace aurora::engine {

class Catalog {
 public:
  // Null if there is none. What is returned stays usable.
  std::shared_ptr<CollectionState> Find(std::string_view name) const;
  std::shared_ptr<CollectionState> FindById(CollectionId id) const;
  // By name.
  std::vector<std::shared_ptr<CollectionState>> All() const;

  // What the next new collection may use.
  CollectionId next_collection() const;
  lsm::KeyspaceId next_keyspace() const;

  // Adds a collection, whose id and keyspaces are none of any that was ever there. DataLoss if they
  // are: the definition comes from a log that contradicts itself.
  absl::Status Add(std::shared_ptr<const CollectionDefinition> definition);
  // Puts another definition in the place of a collection's, as the commit `at` does; indices that
  // are new in it begin to be built. DataLoss if it is not the next one.
  absl::Status Change(const CollectionDefinition& definition, lsm::Sequence at);
  // Gives a collection rules to keep beside its schema, or none: in memory only.
  void SetStricter(CollectionId id, std::shared_ptr<const StricterRules> rules);
  // Forgets a collection, whose numbers are not given again. DataLoss if there is none.
  absl::Status Drop(CollectionId id);

  // By version.
  std::vector<MigrationState> Migrations() const;
  std::optional<MigrationState> FindMigration(std::uint32_t version) const;
  void SetMigration(MigrationState state);

  // Everything above, the row counters and the progress of indices, as CatalogState
  // (catalog.capnp); and back, into an empty catalog (DataLoss).
  std::string Save(std::int64_t tick_micros) const;
  absl::Status Restore(std::string_view bytes, std::int64_t* tick_micros);

 private:
  absl::Status AddLocked(std::shared_ptr<const CollectionDefinition> definition);
  // Those that are new in `definition` must be above all that were given before. A null `from`: all
  // are new.
  absl::Status TakeKeyspaces(const CollectionDefinition& definition,
                             const CollectionDefinition* from);

  mutable std::shared_mutex mutex_;
  std::map<std::string, std::shared_ptr<CollectionState>, std::less<>> by_name_;
  std::map<CollectionId, std::shared_ptr<CollectionState>> by_id_;
  std::map<std::uint32_t, MigrationState> migrations_;
  CollectionId next_collection_ = 1;
  lsm::KeyspaceId next_keyspace_ = 1;
};

}  // namespace aurora::engine
