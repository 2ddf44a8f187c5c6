// The database that a repair makes: filled document by document, through the ordinary commits of a
// store, so that ids and indices are derived as they always are.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/catalog.h"
#include "aurora/engine/collection.h"
#include "aurora/engine/index_entries.h"
#include "aurora/engine/record.h"
#include "aurora/engine/repair.h"
#include "aurora/index/posting.h"
#include "aurora/lsm/new_directory.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_salvage.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora::engine {

struct SalvagedDocument {
  CollectionState* collection = nullptr;
  index::RowId row = 0;
  lsm::Sequence sequence = 0;  // of the commit that made it
  std::string stored;          // stored_document.h, validated
};

// One user at a time.
class RepairTarget final : public lsm::RecordHandler {
 public:
  // Makes the store in `directory`, which is given its name by the caller in the end. What is
  // pointed to must outlive the object.
  static Task<absl::StatusOr<std::unique_ptr<RepairTarget>>> Open(Environment* environment,
                                                                  lsm::NewDirectory* directory,
                                                                  Catalog* catalog,
                                                                  const lsm::StoreSalvage* salvage,
                                                                  std::int64_t tick_micros);

  // Adds a document; those of a collection in the order of their rows. The result are the documents
  // that are left out because of it: older ones that it proves to be outdated, or itself.
  Task<absl::StatusOr<std::vector<RepairReport::SetAside>>> Insert(SalvagedDocument document);
  // Commits what is left, and compacts.
  Task<absl::Status> Finish();
  // Must be called, whatever failed.
  Task<absl::Status> Close();

  // lsm::RecordHandler
  absl::Status Replay(lsm::Sequence sequence, std::string_view record,
                      std::vector<lsm::Mutation>* mutations) override;
  std::string SaveState() override;
  absl::Status RestoreState(std::string_view state) override;

 private:
  RepairTarget(Catalog* catalog, bool check_conflicts, std::int64_t tick_micros)
      : catalog_(catalog), check_conflicts_(check_conflicts), tick_micros_(tick_micros) {}
  // The rows of the collection that have an id or a unique value of the document.
  Task<absl::StatusOr<std::set<index::RowId>>> FindHolders(const SalvagedDocument* document);
  lsm::Sequence SequenceOf(const CollectionState* collection, index::RowId row) const;
  Task<absl::StatusOr<RepairReport::SetAside>> Remove(CollectionState* collection, index::RowId row,
                                                      lsm::Sequence newer);
  void Append(SalvagedDocument document);
  Task<absl::Status> Commit();

  Catalog* const catalog_;
  const bool check_conflicts_;
  const std::int64_t tick_micros_;
  const index::PostingMergeOperator posting_merge_;
  std::unique_ptr<lsm::Store> store_;
  std::uint64_t transaction_ = 0;

  // The batch that is not committed yet.
  std::vector<SalvagedDocument> batch_;
  std::size_t batch_bytes_ = 0;
  std::map<std::pair<lsm::KeyspaceId, std::string>, index::RowId> batch_keys_;
  // Which commit made each row, ascending; only while conflicts are possible.
  std::map<const CollectionState*, std::vector<std::pair<index::RowId, lsm::Sequence>>> sequences_;
};

}  // namespace aurora::engine
