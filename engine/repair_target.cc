#include "aurora/engine/repair_target.h"

#include <algorithm>
#include <optional>

#include "aurora/engine/stored_document.h"
#include "aurora/lsm/coding.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::engine {
namespace {

constexpr std::size_t kBatchDocuments = 256;
constexpr std::size_t kBatchBytes = std::size_t{1} << 20;

std::string_view MessageOf(const std::string& stored) {
  return std::string_view(stored).substr(kStoredHeaderBytes);
}

DocumentView ViewOf(const CollectionState& collection, const std::string& stored) {
  const absl::StatusOr<DocumentView> view =
      ViewStoredDocument(*collection.definition->layout, stored);
  AURORA_CHECK(view.ok());
  return *view;
}

// The keys under which only one document may be: its id, if that is the user's, and unique values.
std::vector<std::pair<lsm::KeyspaceId, std::string>> UniqueKeys(const SalvagedDocument& document) {
  std::vector<std::pair<lsm::KeyspaceId, std::string>> keys;
  const CollectionDefinition& collection = *document.collection->definition;
  const DocumentView view = ViewOf(*document.collection, document.stored);
  if (std::string key = OwnIdKey(view.id(), document.row); !key.empty()) {
    keys.emplace_back(collection.ids, std::move(key));
  }
  for (const FieldIndex& index : collection.indices) {
    if (!index.unique || !index.progress->Holds(document.row)) continue;
    for (std::string& term : IndexTerms(index, view.fields())) {
      keys.emplace_back(index.keyspace, std::move(term));
    }
  }
  return keys;
}

RepairReport::SetAside Outdated(const CollectionState& collection, const std::string& stored,
                                lsm::Sequence sequence, lsm::Sequence newer) {
  RepairReport::SetAside aside;
  aside.collection = collection.definition->name;
  aside.id = ViewOf(collection, stored).id().ToString();
  aside.sequence = sequence;
  aside.reason = StrCat(
      "outdated: its id or a unique value of it belongs to another document since "
      "commit ",
      newer);
  return aside;
}

// Of a document as it is stored, whatever version of the schema laid it out.
Operation OperationOf(OperationKind kind, const CollectionState& collection, index::RowId row,
                      const std::string& stored) {
  Operation operation;
  operation.kind = kind;
  operation.collection = collection.definition->id;
  operation.row = row;
  operation.schema_version = lsm::LoadFixed<std::uint32_t>(stored.data());
  return operation;
}

}  // namespace

Task<absl::StatusOr<std::unique_ptr<RepairTarget>>> RepairTarget::Open(
    Environment* environment, lsm::NewDirectory* directory, Catalog* catalog,
    const lsm::StoreSalvage* salvage, std::int64_t tick_micros) {
  std::unique_ptr<RepairTarget> target(
      new RepairTarget(catalog, salvage->report().has_losses(), tick_micros));
  lsm::ManifestState state;
  state.identity = salvage->identity();
  // Nothing of the original is taken for something of this.
  state.reserved_through = salvage->issued();
  state.handler_state = target->SaveState();
  AURORA_CO_RETURN_IF_ERROR(co_await directory->Seed(std::move(state)));
  lsm::StoreOptions options;
  options.directory = directory->path();
  options.create_if_missing = false;
  options.durability = lsm::Durability::kBuffered;
  options.default_merge_operator = &target->posting_merge_;
  AURORA_CO_ASSIGN(target->store_, co_await lsm::Store::Open(*environment, options, *target));
  co_return target;
}

lsm::Sequence RepairTarget::SequenceOf(const CollectionState* collection, index::RowId row) const {
  const auto& rows = sequences_.at(collection);
  const auto found = std::lower_bound(rows.begin(), rows.end(), std::pair(row, lsm::Sequence{0}));
  AURORA_CHECK(found != rows.end() && found->first == row);
  return found->second;
}

Task<absl::StatusOr<std::set<index::RowId>>> RepairTarget::FindHolders(
    const SalvagedDocument* document) {
  std::set<index::RowId> holders;
  for (const auto& key : UniqueKeys(*document)) {
    if (const auto found = batch_keys_.find(key); found != batch_keys_.end()) {
      holders.insert(found->second);
      continue;
    }
    AURORA_CO_ASSIGN(const std::optional<lsm::PinnedValue> value,
                     co_await store_->Get(key.first, key.second));
    if (!value.has_value()) continue;
    AURORA_CO_ASSIGN(const index::RowId row, ParseRowKey(value->view()));
    holders.insert(row);
  }
  co_return holders;
}

Task<absl::StatusOr<std::vector<RepairReport::SetAside>>> RepairTarget::Insert(
    SalvagedDocument document) {
  std::vector<RepairReport::SetAside> outdated;
  if (!check_conflicts_) {
    Append(std::move(document));
  } else {
    CollectionState* const collection = document.collection;
    AURORA_CO_ASSIGN(const std::set<index::RowId> holders, co_await FindHolders(&document));
    for (const index::RowId row : holders) {
      const lsm::Sequence sequence = SequenceOf(collection, row);
      if (sequence < document.sequence) continue;
      outdated.push_back(Outdated(*collection, document.stored, document.sequence, sequence));
      co_return outdated;
    }
    if (!holders.empty()) AURORA_CO_RETURN_IF_ERROR(co_await Commit());
    for (const index::RowId row : holders) {
      AURORA_CO_ASSIGN(RepairReport::SetAside aside,
                       co_await Remove(collection, row, document.sequence));
      outdated.push_back(std::move(aside));
    }
    for (auto& key : UniqueKeys(document)) batch_keys_[std::move(key)] = document.row;
    sequences_[collection].emplace_back(document.row, document.sequence);
    Append(std::move(document));
  }
  if (batch_.size() >= kBatchDocuments || batch_bytes_ >= kBatchBytes) {
    AURORA_CO_RETURN_IF_ERROR(co_await Commit());
  }
  co_return outdated;
}

void RepairTarget::Append(SalvagedDocument document) {
  batch_bytes_ += document.stored.size();
  batch_.push_back(std::move(document));
}

Task<absl::Status> RepairTarget::Commit() {
  if (batch_.empty()) co_return absl::OkStatus();
  Record record;
  record.transaction_id = ++transaction_;
  record.tick_micros = tick_micros_;
  record.label = "repair";
  EntryBuilder entries;
  std::vector<std::string> ids;
  ids.reserve(batch_.size());
  for (const SalvagedDocument& document : batch_) {
    const DocumentView view = ViewOf(*document.collection, document.stored);
    const DocumentId id = view.id();
    ids.push_back(id.EncodedKey());
    Operation operation =
        OperationOf(OperationKind::kInsert, *document.collection, document.row, document.stored);
    operation.id = ids.back();
    operation.document = MessageOf(document.stored);
    record.operations.push_back(std::move(operation));
    entries.Insert(*document.collection->definition, document.row, id, document.stored,
                   view.fields());
  }
  const std::string bytes = EncodeRecord(record);
  const std::string_view part = bytes;
  lsm::CommitRequest request;
  request.record = {&part, 1};
  request.mutations = entries.Finish();
  AURORA_CO_RETURN_IF_ERROR(co_await store_->Commit(request));
  batch_.clear();
  batch_keys_.clear();
  batch_bytes_ = 0;
  co_return absl::OkStatus();
}

// REQUIRES an empty batch.
Task<absl::StatusOr<RepairReport::SetAside>> RepairTarget::Remove(CollectionState* collection,
                                                                  index::RowId row,
                                                                  lsm::Sequence newer) {
  const std::string key = RowKey(row);
  AURORA_CO_ASSIGN(const std::optional<lsm::PinnedValue> value,
                   co_await store_->Get(collection->definition->documents, key));
  AURORA_CHECK(value.has_value());
  const std::string stored(value->view());
  const DocumentView view = ViewOf(*collection, stored);
  const DocumentId id = view.id();
  const std::string encoded_id = id.EncodedKey();
  Record record;
  record.transaction_id = ++transaction_;
  record.tick_micros = tick_micros_;
  Operation operation = OperationOf(OperationKind::kDelete, *collection, row, stored);
  operation.id = encoded_id;
  operation.old_document = MessageOf(stored);
  record.operations.push_back(std::move(operation));
  EntryBuilder entries;
  entries.Delete(*collection->definition, row, id, view.fields());
  const std::string bytes = EncodeRecord(record);
  const std::string_view part = bytes;
  lsm::CommitRequest request;
  request.record = {&part, 1};
  request.mutations = entries.Finish();
  AURORA_CO_RETURN_IF_ERROR(co_await store_->Commit(request));
  co_return Outdated(*collection, stored, SequenceOf(collection, row), newer);
}

Task<absl::Status> RepairTarget::Finish() {
  AURORA_CO_RETURN_IF_ERROR(co_await Commit());
  co_return co_await store_->Compact();
}

Task<absl::Status> RepairTarget::Close() { co_return co_await store_->Close(); }

absl::Status RepairTarget::Replay(lsm::Sequence, std::string_view, std::vector<lsm::Mutation>*) {
  return InternalError("a database that is being made has no log to be replayed");
}

std::string RepairTarget::SaveState() { return catalog_->Save(tick_micros_); }

// It is what the manifest was made with.
absl::Status RepairTarget::RestoreState(std::string_view) { return absl::OkStatus(); }

}  // namespace aurora::engine
