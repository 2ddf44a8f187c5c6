// DatabaseImpl: opening, closing, replay.
#include <algorithm>
#include <deque>
#include <utility>

#include "aurora/engine/database_impl.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/stored_document.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/system_environment.h"

namespace aurora::engine {
namespace {

constexpr std::size_t kMemoryBytesMin = 8u << 20;

absl::Status CheckOptions(const Options& options) {
  if (options.memory_bytes < kMemoryBytesMin) {
    return InvalidArgumentError("Options::memory_bytes is ", options.memory_bytes, "; at least ",
                                kMemoryBytesMin);
  }
  if (!(options.hot_tier_share >= 0 && options.hot_tier_share <= 0.5)) {
    return InvalidArgumentError("Options::hot_tier_share is ", options.hot_tier_share,
                                "; must be 0 to 0.5");
  }
  if (options.durability == Durability::kBuffered &&
      options.flush_interval <= absl::ZeroDuration()) {
    return InvalidArgumentError("Options::flush_interval must be positive");
  }
  return absl::OkStatus();
}

std::size_t HotTierBytes(const Options& options) {
  return static_cast<std::size_t>(static_cast<double>(options.memory_bytes) *
                                  options.hot_tier_share);
}

}  // namespace

// What the mutations of a replayed record point to.
struct ReplayedRecord {
  std::deque<std::string> stored;
  EntryBuilder entries;
};

DatabaseImpl::DatabaseImpl(Options options, std::shared_ptr<Environment> environment)
    : options_(std::move(options)),
      environment_(std::move(environment)),
      memory_(options_.memory_bytes),
      hot_tier_(HotTierBytes(options_), &memory_) {}

DatabaseImpl::~DatabaseImpl() {
  if (store_ != nullptr && !gate_.closed() && options_.logger != nullptr) {
    options_.logger->Log(LogSeverity::kWarning, "a database was dropped without Close");
  }
}

lsm::StoreOptions DatabaseImpl::MakeStoreOptions(const std::string& path) const {
  lsm::StoreOptions store;
  store.directory = path;
  store.create_if_missing = options_.create_if_missing;
  store.error_if_exists = options_.error_if_exists;
  store.read_only = options_.read_only;
  store.durability = options_.durability;
  store.flush_interval = options_.flush_interval;
  // Two memtables, one that fills while the other is flushed, share a quarter.
  store.memtable_bytes = std::clamp<std::size_t>(options_.memory_bytes / 8, 1u << 20, 64u << 20);
  store.log_segment_bytes =
      std::clamp<std::size_t>(options_.memory_bytes / 16, 1u << 20, 16u << 20);
  store.block_cache_bytes = options_.memory_bytes / 2;
  store.direct_reads = options_.direct_reads;
  store.memory = const_cast<MemoryBudget*>(&memory_);
  store.default_merge_operator = &posting_merge_;
  store.logger = options_.logger.get();
  store.event_listener = options_.event_listener.get();
  store.event_file = options_.event_file;
  store.stats_interval = options_.stats_interval;
  store.latency_sampling = options_.latency_sampling;
  if (!options_.read_only) store.archive.directory = options_.archive;
  store.archive.interval = options_.archive_interval;
  store.archive.retain_bytes = options_.archive_retain_bytes;
  return store;
}

Task<absl::StatusOr<std::shared_ptr<DatabaseImpl>>> DatabaseImpl::Open(std::string path,
                                                                       Options options) {
  AURORA_CO_RETURN_IF_ERROR(CheckOptions(options));
  std::shared_ptr<Environment> environment = options.environment;
  if (environment == nullptr) {
    AURORA_CO_ASSIGN(environment, MakeSystemEnvironment());
  }
  std::shared_ptr<DatabaseImpl> database(
      new DatabaseImpl(std::move(options), std::move(environment)));
  const lsm::StoreOptions store_options = database->MakeStoreOptions(path);
  AURORA_CO_ASSIGN(database->store_,
                   co_await lsm::Store::Open(*database->environment_, store_options, *database));
  database->replayed_.reset();
  database->ResumeIndexBuilds();
  co_return database;
}

absl::StatusOr<Gate::Pass> DatabaseImpl::Enter() {
  std::optional<Gate::Pass> pass = gate_.Enter();
  if (!pass.has_value()) return FailedPreconditionError("the database is closed");
  return *std::move(pass);
}

absl::StatusOr<Gate::Pass> DatabaseImpl::EnterToWrite() {
  if (options_.read_only) {
    return FailedPreconditionError("the database is open for reading only");
  }
  return Enter();
}

Task<absl::Status> DatabaseImpl::Close() {
  if (gate_.closed()) co_return absl::OkStatus();
  // What builds an index goes on when the database is opened again.
  stop_.request_stop();
  co_await gate_.Close();
  co_return co_await store_->Close();
}

absl::StatusOr<std::shared_ptr<CollectionState>> DatabaseImpl::FindCollection(
    std::string_view name) const {
  std::shared_ptr<CollectionState> found = catalog_.Find(name);
  if (found != nullptr) return found;
  std::string known;
  for (const std::shared_ptr<CollectionState>& state : catalog_.All()) {
    StrAppend(&known, known.empty() ? "" : ", ", Quoted(state->definition->name));
  }
  return NotFoundError("there is no collection ", Quoted(name), "; there ",
                       known.empty() ? "are none" : "are ", known);
}

DatabaseStats DatabaseImpl::Stats() const {
  DatabaseStats stats;
  stats.collection_count = static_cast<int>(catalog_.All().size());
  stats.memory_limit_bytes = memory_.limit_bytes();
  for (std::size_t i = 0; i < kMemoryUseCount; ++i) {
    const auto use = static_cast<MemoryUse>(i);
    stats.memory.push_back({std::string(MemoryUseName(use)), memory_.used_bytes(use)});
  }
  const cache::HotTier<Document>::Stats hot = hot_tier_.GetStats();
  stats.hot_tier = {hot.count, hot.bytes, hot.hits, hot.misses};
  stats.store = store_->Stats();
  return stats;
}

absl::StatusOr<lsm::RecordFacts> DatabaseImpl::FactsOf(std::string_view record) {
  AURORA_ASSIGN_OR_RETURN(const Record decoded, DecodeRecord(record));
  lsm::RecordFacts facts;
  facts.micros = decoded.tick_micros;
  return facts;
}

absl::Status DatabaseImpl::Replay(lsm::Sequence sequence, std::string_view record,
                                  std::vector<lsm::Mutation>* mutations) {
  absl::StatusOr<Record> decoded = DecodeRecord(record);
  if (!decoded.ok()) return Annotate(decoded.status(), StrCat("commit ", sequence));
  replayed_ = std::make_unique<ReplayedRecord>();
  for (const Operation& operation : decoded->operations) {
    const absl::Status status = ReplayOperation(sequence, operation, &replayed_->entries);
    if (!status.ok()) return Annotate(status, StrCat("commit ", sequence));
  }
  tick_micros_.store(std::max(tick_micros_.load(std::memory_order_relaxed), decoded->tick_micros),
                     std::memory_order_relaxed);
  next_transaction_.store(
      std::max(next_transaction_.load(std::memory_order_relaxed), decoded->transaction_id + 1),
      std::memory_order_relaxed);
  const std::span<const lsm::Mutation> derived = replayed_->entries.Finish();
  mutations->insert(mutations->end(), derived.begin(), derived.end());
  return absl::OkStatus();
}

absl::Status DatabaseImpl::ReplayDefinition(lsm::Sequence sequence, const Operation& operation,
                                            EntryBuilder* entries) {
  AURORA_ASSIGN_OR_RETURN(std::shared_ptr<const CollectionDefinition> definition,
                          CollectionDefinition::Decode(operation.definition));
  const std::shared_ptr<CollectionState> state = catalog_.FindById(definition->id);
  if (state == nullptr) return catalog_.Add(std::move(definition));
  for (const lsm::KeyspaceId keyspace : definition->DroppedSince(*state->definition)) {
    entries->Clear(keyspace);
  }
  return catalog_.Change(*definition, sequence);
}

absl::Status DatabaseImpl::ReplayBackfill(lsm::Sequence sequence, const Operation& operation,
                                          const CollectionDefinition& collection,
                                          EntryBuilder* entries) {
  const FieldIndex* const index = collection.FindIndex(operation.keyspace);
  if (index == nullptr) {
    return DataLossError("a backfill of index ", operation.keyspace, ", which collection ",
                         Quoted(collection.name), " does not have");
  }
  AURORA_ASSIGN_OR_RETURN(const std::vector<BackfilledRow> rows,
                          DecodeBackfill(operation.backfill, operation.next_row));
  for (const BackfilledRow& row : rows) {
    AURORA_ASSIGN_OR_RETURN(Value value, DecodeKey(row.value));
    entries->Backfill(*index, row.row, std::move(value));
  }
  index->progress->Advance(operation.next_row, sequence);
  return absl::OkStatus();
}

absl::Status DatabaseImpl::ReplayOperation(lsm::Sequence sequence, const Operation& operation,
                                           EntryBuilder* entries) {
  if (operation.kind == OperationKind::kDefineCollection) {
    return ReplayDefinition(sequence, operation, entries);
  }
  if (operation.kind == OperationKind::kMigrate) {
    AURORA_ASSIGN_OR_RETURN(MigrationState state, DecodeMigration(operation.definition));
    catalog_.SetMigration(std::move(state));
    return absl::OkStatus();
  }
  const std::shared_ptr<CollectionState> state = catalog_.FindById(operation.collection);
  if (state == nullptr)
    return DataLossError("an operation on collection ", operation.collection,
                         ", which is not defined");
  const CollectionDefinition& collection = *state->definition;
  if (operation.kind == OperationKind::kBackfillIndex) {
    return ReplayBackfill(sequence, operation, collection, entries);
  }
  if (operation.kind == OperationKind::kDropCollection) {
    entries->ClearAll(collection);
    return catalog_.Drop(operation.collection);
  }
  return ReplayDocument(operation, *state, entries);
}

absl::Status DatabaseImpl::ReplayDocument(const Operation& operation, CollectionState& state,
                                          EntryBuilder* entries) {
  const CollectionDefinition& collection = *state.definition;
  AURORA_ASSIGN_OR_RETURN(const DocumentId id, DocumentId::FromEncodedKey(operation.id));
  if (operation.schema_version == 0 || operation.schema_version > collection.layout->version()) {
    return DataLossError("an operation with schema version ", operation.schema_version,
                         " of collection ", Quoted(collection.name));
  }
  // Copies, because what is read in place must be aligned.
  const auto keep = [&](std::string_view message) -> std::string_view {
    return replayed_->stored.emplace_back(StoreDocument(operation.schema_version, message));
  };
  const std::string_view new_stored = keep(operation.document);
  const std::string_view old_stored = keep(operation.old_document);
  switch (operation.kind) {
    case OperationKind::kInsert: {
      AURORA_ASSIGN_OR_RETURN(const DocumentView document,
                              ViewStoredDocument(*collection.layout, new_stored));
      entries->Insert(collection, operation.row, id, new_stored, document.fields());
      if (AURORA_PLANTED_BUG("replay-forgets-rows")) return absl::OkStatus();
      state.next_row.store(std::max(state.next_row.load(), operation.row + 1));
      return absl::OkStatus();
    }
    case OperationKind::kUpdate: {
      AURORA_ASSIGN_OR_RETURN(const DocumentView document,
                              ViewStoredDocument(*collection.layout, new_stored));
      AURORA_ASSIGN_OR_RETURN(const ValueView old_fields,
                              OpenValue(old_stored.substr(kStoredHeaderBytes)));
      if (old_fields.type() != Type::kObject)
        return DataLossError("old values that are not an object");
      entries->Update(collection, operation.row, new_stored, document.fields(),
                      operation.changed_slots, old_fields.AsObject());
      return absl::OkStatus();
    }
    default: {
      AURORA_CHECK(operation.kind == OperationKind::kDelete);
      AURORA_ASSIGN_OR_RETURN(const DocumentView document,
                              ViewStoredDocument(*collection.layout, old_stored));
      entries->Delete(collection, operation.row, id, document.fields());
      return absl::OkStatus();
    }
  }
}

std::string DatabaseImpl::SaveState() {
  return catalog_.Save(tick_micros_.load(std::memory_order_relaxed));
}

absl::Status DatabaseImpl::RestoreState(std::string_view state) {
  std::int64_t tick = 0;
  AURORA_RETURN_IF_ERROR(catalog_.Restore(state, &tick));
  tick_micros_.store(tick, std::memory_order_relaxed);
  return absl::OkStatus();
}

// Time as the log knows it: the wall clock, but never back.
std::int64_t DatabaseImpl::NextTick() {
  const std::int64_t now = absl::ToUnixMicros(environment_->clock().Now());
  std::int64_t last = tick_micros_.load(std::memory_order_relaxed);
  while (last < now && !tick_micros_.compare_exchange_weak(last, now, std::memory_order_relaxed)) {
  }
  return std::max(last, now);
}

}  // namespace aurora::engine
