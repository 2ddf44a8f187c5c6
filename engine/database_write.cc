// DatabaseImpl: reading one document, and every write.
#include <algorithm>
#include <span>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "aurora/engine/database_impl.h"
#include "aurora/engine/document/document_encoder.h"
#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/refused_object.h"
#include "aurora/engine/resource_hash.h"
#include "aurora/engine/stored_document.h"
#include "aurora/engine/stricter_rules.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {
namespace {

// Equal, and of the same type: 3 and 3.0 differ in what they say of a free-form field.
bool Identical(const ValueView& a, const ValueView& b) {
  return a.type() == b.type() && Equal(a, b);
}

// A write that loses this many races in a row gives up with Aborted.
constexpr int kAttemptsMax = 1000;
constexpr std::size_t kLabelBytesMax = 256;

absl::Status CheckWriteOptions(const WriteOptions& options) {
  if (options.label.size() <= kLabelBytesMax) return absl::OkStatus();
  return InvalidArgumentError("WriteOptions::label of ", options.label.size(), " bytes; at most ",
                              kLabelBytesMax);
}

// The ids, ascending, of the fields that differ, and the values that they had. Undeclared fields
// count as one.
std::vector<std::uint32_t> ChangedSlots(const Schema& schema, const ObjectView& old_fields,
                                        const ObjectView& new_fields, Object* old_values) {
  std::vector<std::uint32_t> changed;
  for (const FieldSchema& field : schema.fields()) {
    if (field.dropped()) continue;
    const std::optional<ValueView> before = old_fields.Find(field.name);
    const std::optional<ValueView> after = new_fields.Find(field.name);
    if (before.has_value() == after.has_value() &&
        (!before.has_value() || Identical(*before, *after)))
      continue;
    changed.push_back(field.id);
    if (before.has_value()) old_values->Set(field.name, Value(*before));
  }
  if (!schema.open_id().has_value()) return changed;
  const auto undeclared = [&](const MemberView& member) {
    return member.name != kIdFieldName && schema.Find(member.name) == nullptr;
  };
  bool differs = false;
  for (const MemberView member : old_fields) {
    if (!undeclared(member)) continue;
    const std::optional<ValueView> after = new_fields.Find(member.name);
    if (after.has_value() && Identical(member.value, *after)) continue;
    differs = true;
    old_values->Set(member.name, Value(member.value));
  }
  for (const MemberView member : new_fields)
    differs = differs || (undeclared(member) && !old_fields.Find(member.name).has_value());
  if (differs) {
    changed.push_back(*schema.open_id());
    std::sort(changed.begin(), changed.end());
  }
  return changed;
}

absl::Status AtObject(const absl::Status& status, std::string_view collection, std::size_t i,
                      std::size_t count) {
  if (status.ok()) return status;
  const std::string where = count == 1 ? "" : StrCat(", object ", i);
  return MarkRefused(Annotate(status, StrCat("collection ", Quoted(collection), where)), i);
}

}  // namespace

// A transaction as it is prepared: operations, what they do to the store, and what they depend on.
struct DatabaseImpl::Write {
  struct UniqueKey {
    const FieldIndex* index = nullptr;  // null: the document's id
    std::string key;
    index::RowId row = 0;  // who may have it
    std::size_t object = 0;
  };
  struct HotChange {
    index::RowId row = 0;
    std::optional<Document> document;  // nullopt: deleted
  };

  std::shared_ptr<CollectionState> collection;
  WriteOptions options;
  std::vector<std::string>
      kept;  // bytes that operations view; reserved ahead, so that they do not move
  std::vector<Operation> operations;
  EntryBuilder entries;
  std::vector<UniqueKey> unique_keys;
  std::vector<std::uint64_t> reads;
  std::vector<std::uint64_t> writes;
  std::vector<HotChange> hot_changes;
  std::optional<MigrationState> migration;  // what the commit makes of it
  bool id_is_taken = false;                 // why CheckUnique failed

  // REQUIRES a snapshot for the commit that is older: then the definition is the one that holds at
  // the commit, or the commit is aborted.
  Write(std::shared_ptr<CollectionState> c, WriteOptions o, std::size_t kept_count)
      : collection(std::move(c)), options(std::move(o)), definition_(collection->definition.get()) {
    kept.reserve(kept_count);
    if (AURORA_PLANTED_BUG("write-under-old-definition")) return;
    reads.push_back(DefinitionResource(definition_->id));
  }
  const CollectionDefinition& definition() const { return *definition_; }
  // False once another definition holds, or none: what was prepared is of no use then.
  bool IsCurrent() const {
    if (AURORA_PLANTED_BUG("write-under-old-definition")) return true;
    return collection->definition.get() == definition_ &&
           !collection->dropped.load(std::memory_order_acquire);
  }
  void Touch(lsm::KeyspaceId keyspace, std::string_view key) {
    reads.push_back(ResourceHash(keyspace, key));
    writes.push_back(reads.back());
  }
  std::string_view Keep(std::string bytes) {
    AURORA_CHECK(kept.size() < kept.capacity());
    return kept.emplace_back(std::move(bytes));
  }

 private:
  const CollectionDefinition* const definition_;
};

// --- Reading ---
//
// What is not read by a query is read as it is now, not as of a sequence: without a snapshot, which
// would cost a lock, a compaction may take away what an older sequence needs while a read waits for
// the device. A write that depends on what it read is validated when it commits.

namespace {

// The document as a layout shows it that is of its version, or of a later one.
Document InLayout(Document document, const std::shared_ptr<const Layout>& layout) {
  if (AURORA_LIKELY(document.layout() == layout)) return document;
  return Document::Copy(layout, document.bytes(), document.version());
}

absl::Status CheckNotDropped(const CollectionState& collection) {
  if (!collection.dropped.load(std::memory_order_acquire)) return absl::OkStatus();
  return NotFoundError("collection ", Quoted(collection.definition->name), " has been dropped");
}

void NoteRead(bool was_hot, OperationProfile* profile) {
  if (profile == nullptr) return;
  ++profile->documents_read;
  profile->hot_tier_hits += was_hot ? 1 : 0;
}

}  // namespace

Task<absl::StatusOr<std::optional<Document>>> DatabaseImpl::ReadRow(
    const CollectionDefinition& collection, index::RowId row, lsm::Sequence at,
    OperationProfile* profile) {
  std::optional<Document> hot = hot_tier_.Get({collection.id, row}, at);
  NoteRead(hot.has_value(), profile);
  if (hot.has_value()) {
    hot = InLayout(*std::move(hot), collection.layout);
    return absl::StatusOr<std::optional<Document>>(std::move(hot));
  }
  return ReadRowFromStore(&collection, nullptr, row, at, at, profile);
}

Task<absl::StatusOr<std::optional<Document>>> DatabaseImpl::ReadLatestRow(
    const CollectionState& collection, index::RowId row, OperationProfile* profile) {
  const lsm::Sequence published = store_->published();
  const CollectionDefinition* const definition = collection.definition.get();
  std::optional<Document> hot = hot_tier_.Get({definition->id, row}, published);
  NoteRead(hot.has_value(), profile);
  if (hot.has_value()) {
    // The definition of now: that of before may be older than the document.
    hot = InLayout(*std::move(hot), collection.definition->layout);
    return absl::StatusOr<std::optional<Document>>(std::move(hot));
  }
  return ReadRowFromStore(definition, &collection.definition, row, lsm::kMaxSequence, published,
                          profile);
}

Task<absl::StatusOr<std::optional<Document>>> DatabaseImpl::ReadRowFromStore(
    const CollectionDefinition* collection, const CurrentDefinition* latest, index::RowId row,
    lsm::Sequence at, lsm::Sequence published, OperationProfile* profile) {
  const std::string key = RowKey(row);
  AURORA_CO_ASSIGN(const std::optional<lsm::PinnedValue> value,
                   co_await store_->Get(collection->documents, key, at, profile));
  if (!value.has_value()) co_return std::nullopt;
  if (latest != nullptr) collection = latest->get();
  absl::StatusOr<Document> document = LoadStoredDocument(collection->layout, value->view());
  if (!document.ok())
    co_return Annotate(document.status(),
                       StrCat("collection ", Quoted(collection->name), ", row ", row));
  // Refused if the row was written after `published`, and so may be newer than that.
  hot_tier_.Fill({collection->id, row}, *document, published, document->memory_bytes());
  co_return std::optional<Document>(*std::move(document));
}

Task<absl::StatusOr<std::optional<index::RowId>>> DatabaseImpl::LookUp(lsm::KeyspaceId keyspace,
                                                                       std::string key,
                                                                       OperationProfile* profile) {
  AURORA_CO_ASSIGN(const std::optional<lsm::PinnedValue> value,
                   co_await store_->Get(keyspace, key, lsm::kMaxSequence, profile));
  if (!value.has_value()) co_return std::nullopt;
  AURORA_CO_ASSIGN(const index::RowId row, ParseRowKey(value->view()));
  co_return std::optional<index::RowId>(row);
}

Task<absl::StatusOr<std::optional<FoundDocument>>> DatabaseImpl::FindById(
    std::shared_ptr<CollectionState> collection, DocumentId id, OperationProfile* profile) {
  const CollectionDefinition& definition = *collection->definition;
  // A user's own UUIDv7 has bits where ours have the row, so what is found there must bear the id.
  if (const std::optional<index::RowId> row = id.EmbeddedRowId()) {
    AURORA_CO_ASSIGN(std::optional<Document> document,
                     co_await ReadLatestRow(*collection, *row, profile));
    if (document.has_value() && document->id() == id)
      co_return FoundDocument{*row, *std::move(document)};
  }
  std::optional<index::RowId> before;
  for (;;) {
    std::string key = id.EncodedKey();
    AURORA_CO_ASSIGN(const std::optional<index::RowId> row,
                     co_await LookUp(definition.ids, std::move(key), profile));
    if (!row.has_value()) co_return std::nullopt;
    AURORA_CO_ASSIGN(std::optional<Document> document,
                     co_await ReadLatestRow(*collection, *row, profile));
    if (document.has_value()) co_return FoundDocument{*row, *std::move(document)};
    // The document was deleted in between, and its id with it. Rows are not used again, so the id
    // cannot lead there once more.
    if (row == before) {
      co_return DataLossError("collection ", Quoted(definition.name), ": id ", id.ToString(),
                              " leads to row ", *row,
                              ", where there is no document; run aurora-tool verify");
    }
    before = row;
  }
}

// --- Committing ---

// Every unique value and every id of the user's must be free, or belong to the row that writes it.
Task<absl::Status> DatabaseImpl::CheckUnique(Write* write) {
  const CollectionDefinition& definition = write->definition();
  absl::flat_hash_map<std::pair<lsm::KeyspaceId, std::string>, index::RowId> within;
  for (const Write::UniqueKey& unique : write->unique_keys) {
    const lsm::KeyspaceId keyspace =
        unique.index != nullptr ? unique.index->keyspace : definition.ids;
    const auto [entry, added] = within.try_emplace({keyspace, unique.key}, unique.row);
    std::optional<index::RowId> holder;
    if (!added && !AURORA_PLANTED_BUG("unique-check-forgets-batch")) {
      holder = entry->second;
    } else if (unique.index != nullptr) {
      AURORA_CO_ASSIGN(holder, co_await LookUp(keyspace, unique.key, write->options.profile));
    } else {
      AURORA_CO_ASSIGN(DocumentId id, DocumentId::FromEncodedKey(unique.key));
      AURORA_CO_ASSIGN(const std::optional<FoundDocument> found,
                       co_await FindById(write->collection, std::move(id)));
      if (found.has_value()) holder = found->row;
    }
    if (!holder.has_value() || *holder == unique.row) continue;
    write->id_is_taken = unique.index == nullptr;
    const absl::StatusOr<Value> value = DecodeKey(unique.key);
    const std::string field =
        unique.index != nullptr ? unique.index->field : std::string(kIdFieldName);
    const absl::Status taken =
        AlreadyExistsError("field ", Quoted(field), ": the value ",
                           value.ok() ? DebugString(*value) : "?", " is taken by another document");
    co_return AtObject(taken, definition.name, unique.object, write->operations.size());
  }
  co_return absl::OkStatus();
}

void DatabaseImpl::ApplyToColumns(lsm::Sequence sequence, const Write& write) {
  const CollectionDefinition& definition = write.definition();
  for (const Operation& operation : write.operations) {
    if (operation.kind == OperationKind::kMigrate) continue;  // of no document
    columns_.Apply(sequence, definition.id, operation.row, [&](std::uint32_t field) {
      if (operation.kind == OperationKind::kDelete) return index::NumberCell();
      const DocumentView document(*definition.layout, operation.document, operation.schema_version);
      return NumberCellOf(document.Find(field));
    });
  }
}

Task<absl::Status> DatabaseImpl::Commit(Write* write, std::span<const lsm::Mutation> mutations,
                                        lsm::Sequence snapshot) {
  Record record;
  record.transaction_id = next_transaction_.fetch_add(1, std::memory_order_relaxed);
  record.label = write->options.label;
  record.tick_micros = NextTick();
  record.operations = write->operations;
  const std::string bytes = EncodeRecord(record);
  const std::string_view part = bytes;
  lsm::CommitRequest request;
  request.record = {&part, 1};
  request.mutations = mutations;
  request.durability = write->options.durability;
  request.profile = write->options.profile;
  request.snapshot = snapshot;
  request.outlives_call = true;  // all of it, until the commit is done
  if (!AURORA_PLANTED_BUG("commit-without-validation")) request.reads = write->reads;
  request.writes = write->writes;
  const CollectionId collection = write->definition().id;
  const auto change_memory = [&](lsm::Sequence sequence) {
    postings_.Apply(sequence, write->entries.index_changes());
    ApplyToColumns(sequence, *write);
    if (write->migration.has_value()) catalog_.SetMigration(*write->migration);
    if (AURORA_PLANTED_BUG("hot-tier-keeps-old-document")) return;
    for (Write::HotChange& change : write->hot_changes) {
      const cache::HotKey key{collection, change.row};
      if (change.document.has_value()) {
        const std::size_t size = change.document->memory_bytes();
        hot_tier_.Replace(key, *std::move(change.document), sequence, size);
      } else {
        hot_tier_.Drop(key, sequence);
      }
    }
  };
  const absl::FunctionRef<void(lsm::Sequence)> on_sequenced = change_memory;
  request.on_sequenced = &on_sequenced;
  AURORA_CO_RETURN_IF_ERROR(co_await store_->Commit(request));
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseImpl::CheckAndCommit(Write* write,
                                                std::span<const lsm::Mutation> mutations,
                                                lsm::Sequence snapshot) {
  const absl::Status free = co_await CheckUnique(write);
  if (free.ok()) co_return co_await Commit(write, mutations, snapshot);
  if (!absl::IsAlreadyExists(free)) co_return free;
  // What was read may be of different moments, and then the error of none.
  lsm::CommitRequest nothing;
  nothing.durability = Durability::kBuffered;
  nothing.snapshot = snapshot;
  nothing.reads = write->reads;
  AURORA_CO_RETURN_IF_ERROR(co_await store_->Commit(nothing));
  co_return free;
}

// A write that finds its work done already may have found it done by a commit that is published,
// and not yet durable.
Task<absl::Status> DatabaseImpl::Confirm(const WriteOptions* options) {
  lsm::CommitRequest nothing;
  nothing.durability = options->durability;
  nothing.profile = options->profile;
  AURORA_CO_RETURN_IF_ERROR(co_await store_->Commit(nothing));
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseImpl::AwaitWinner() {
  lsm::CommitRequest nothing;
  nothing.durability = lsm::Durability::kBuffered;
  AURORA_CO_RETURN_IF_ERROR(co_await store_->Commit(nothing));
  co_return absl::OkStatus();
}

// --- Inserting ---

// Index keys are bounded, so that no document can be stored that its index cannot hold. Unique
// values must still be free when the write commits.
absl::Status DatabaseImpl::TakeTerms(const FieldIndex& index, const ObjectView& document,
                                     index::RowId row, std::size_t object, Write* write) const {
  for (std::string& term : IndexTerms(index, document)) {
    if (term.size() > options_.limits.key_bytes_max) {
      return ResourceExhaustedError("field ", Quoted(index.field), ": an indexed value of ",
                                    term.size(), " bytes, encoded; at most ",
                                    options_.limits.key_bytes_max);
    }
    if (!index.unique || !index.progress->Holds(row)) continue;
    write->Touch(index.keyspace, term);
    write->unique_keys.push_back({&index, std::move(term), row, object});
  }
  return absl::OkStatus();
}

absl::StatusOr<DocumentId> DatabaseImpl::PrepareInsert(const Object& object, std::size_t number,
                                                       Write* write) {
  const CollectionDefinition& definition = write->definition();
  const Value* own_id = object.Find(kIdFieldName);
  DocumentId id;
  if (own_id != nullptr) {
    AURORA_ASSIGN_OR_RETURN(id, DocumentId::FromValue(*own_id, options_.limits));
  }
  const index::RowId row = write->collection->next_row.fetch_add(1, std::memory_order_relaxed);
  if (row > index::kMaxRowId)
    return ResourceExhaustedError("all row ids of the collection are used");
  if (own_id == nullptr) {
    id = write->collection->ids.Generate(environment_->clock().Now(),
                                         environment_->random().Next64(), row);
  }
  AURORA_ASSIGN_OR_RETURN(const std::string message,
                          EncodeDocument(*definition.layout, id, object, options_.limits));
  if (definition.stricter != nullptr) {
    AURORA_RETURN_IF_ERROR(CheckStricter(*definition.stricter, id, object));
  }
  const std::uint32_t version = definition.layout->version();
  const std::string_view stored = write->Keep(StoreDocument(version, message));
  Operation& operation = write->operations.emplace_back();
  operation.kind = OperationKind::kInsert;
  operation.collection = definition.id;
  operation.row = row;
  operation.schema_version = version;
  operation.id = write->Keep(id.EncodedKey());
  operation.document = stored.substr(kStoredHeaderBytes);
  const ObjectView document =
      DocumentView(*definition.layout, operation.document, version).fields();
  // The id first: Upsert must know whether it is taken, whatever else is.
  if (own_id != nullptr) {
    write->Touch(definition.ids, operation.id);
    write->unique_keys.push_back({nullptr, std::string(operation.id), row, number});
  }
  for (const FieldIndex& index : definition.indices) {
    AURORA_RETURN_IF_ERROR(TakeTerms(index, document, row, number, write));
  }
  write->entries.Insert(definition, row, id, stored, document);
  return id;
}

absl::Status DatabaseImpl::PrepareInserts(const std::vector<Object>& objects, Write* write,
                                          std::vector<DocumentId>* ids) {
  ids->clear();
  for (std::size_t i = 0; i < objects.size(); ++i) {
    absl::StatusOr<DocumentId> id = PrepareInsert(objects[i], i, write);
    if (!id.ok()) return AtObject(id.status(), write->definition().name, i, objects.size());
    ids->push_back(*std::move(id));
  }
  return absl::OkStatus();
}

Task<absl::StatusOr<std::vector<DocumentId>>> DatabaseImpl::Insert(
    std::shared_ptr<CollectionState> collection, std::vector<Object> objects, WriteOptions options,
    bool* id_is_taken) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, EnterToWrite());
  AURORA_CO_RETURN_IF_ERROR(CheckWriteOptions(options));
  std::vector<DocumentId> ids;
  if (objects.empty()) co_return ids;
  std::optional<Write> write;
  std::span<const lsm::Mutation> mutations;
  for (int attempt = 1;; ++attempt) {
    const lsm::Sequence snapshot = store_->published();
    if (!write.has_value() || !write->IsCurrent()) {
      AURORA_CO_RETURN_IF_ERROR(CheckNotDropped(*collection));
      write.emplace(collection, options, 2 * objects.size());
      AURORA_CO_RETURN_IF_ERROR(PrepareInserts(objects, &*write, &ids));
      mutations = write->entries.Finish();
    }
    const absl::Status committed = co_await CheckAndCommit(&*write, mutations, snapshot);
    if (committed.ok()) co_return ids;
    if (absl::IsAborted(committed) && attempt < kAttemptsMax) {
      AURORA_CO_RETURN_IF_ERROR(co_await AwaitWinner());
      continue;
    }
    if (id_is_taken != nullptr) *id_is_taken = write->id_is_taken;
    co_return committed;
  }
}

// --- Changing and deleting ---

absl::Status DatabaseImpl::PrepareChange(const FoundDocument& found, const Object& object,
                                         ChangeKind kind, Write* write) {
  const CollectionDefinition& definition = write->definition();
  const ObjectView old_fields = found.document.fields();
  Object merged;
  if (kind != ChangeKind::kReplace) merged = found.document.ToObject();
  for (const Object::Member& member : object) merged.Set(member.name, member.value);
  const DocumentId id = found.document.id();
  AURORA_ASSIGN_OR_RETURN(const std::string message,
                          EncodeDocument(*definition.layout, id, merged, options_.limits));
  if (definition.stricter != nullptr) {
    AURORA_RETURN_IF_ERROR(CheckStricter(*definition.stricter, id, merged));
  }
  const std::uint32_t version = definition.layout->version();
  Document document = Document::Copy(definition.layout, message);
  const ObjectView new_fields = document.fields();

  const std::string_view stored = write->Keep(StoreDocument(version, message));
  Operation& operation = write->operations.emplace_back();
  operation.kind = OperationKind::kUpdate;
  operation.collection = definition.id;
  operation.row = found.row;
  operation.schema_version = version;
  operation.id = write->Keep(id.EncodedKey());
  operation.document = stored.substr(kStoredHeaderBytes);
  Object old_values;
  operation.changed_slots =
      ChangedSlots(definition.layout->schema(), old_fields, new_fields, &old_values);
  AURORA_ASSIGN_OR_RETURN(std::string old_message,
                          EncodeValue(Value(old_values), DocumentLimits::Absolute()));
  operation.old_document = write->Keep(std::move(old_message));
  for (const FieldIndex& index : definition.indices) {
    if (!std::binary_search(operation.changed_slots.begin(), operation.changed_slots.end(),
                            index.slot))
      continue;
    AURORA_RETURN_IF_ERROR(TakeTerms(index, new_fields, found.row, 0, write));
    // Who waits to take a value that this one gives up must see it go.
    if (!index.unique) continue;
    for (const std::string& term : IndexTerms(index, old_fields))
      write->writes.push_back(ResourceHash(index.keyspace, term));
  }
  write->entries.Update(definition, found.row, stored, new_fields, operation.changed_slots,
                        old_values);
  write->hot_changes.push_back({found.row, std::move(document)});
  return absl::OkStatus();
}

Task<absl::StatusOr<bool>> DatabaseImpl::TryChange(std::shared_ptr<CollectionState> collection,
                                                   const DocumentId* id, const Object* object,
                                                   ChangeKind kind, const WriteOptions* options) {
  const lsm::Sequence snapshot = store_->published();
  AURORA_CO_RETURN_IF_ERROR(CheckNotDropped(*collection));
  AURORA_CO_ASSIGN(std::optional<FoundDocument> found,
                   co_await FindById(collection, *id, options->profile));
  if (!found.has_value()) co_return false;
  Write write(collection, *options, 3);
  const CollectionDefinition& definition = write.definition();
  found->document = InLayout(std::move(found->document), definition.layout);
  write.Touch(definition.documents, RowKey(found->row));
  const absl::Status prepared = PrepareChange(*found, *object, kind, &write);
  if (!prepared.ok()) co_return AtObject(prepared, definition.name, 0, 1);
  if (write.operations[0].changed_slots.empty()) {
    AURORA_CO_RETURN_IF_ERROR(co_await Confirm(options));
    co_return true;
  }
  AURORA_CO_RETURN_IF_ERROR(co_await CheckAndCommit(&write, write.entries.Finish(), snapshot));
  co_return true;
}

Task<absl::StatusOr<bool>> DatabaseImpl::Change(std::shared_ptr<CollectionState> collection,
                                                DocumentId id, Object object, ChangeKind kind,
                                                WriteOptions options) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, EnterToWrite());
  AURORA_CO_RETURN_IF_ERROR(CheckWriteOptions(options));
  for (int attempt = 1;; ++attempt) {
    const absl::StatusOr<bool> changed =
        co_await TryChange(collection, &id, &object, kind, &options);
    if (changed.ok() || !absl::IsAborted(changed.status()) || attempt == kAttemptsMax)
      co_return changed;
    AURORA_CO_RETURN_IF_ERROR(co_await AwaitWinner());
  }
}

Task<absl::StatusOr<bool>> DatabaseImpl::Upsert(std::shared_ptr<CollectionState> collection,
                                                DocumentId id, Object object,
                                                WriteOptions options) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, EnterToWrite());
  for (int attempt = 1;; ++attempt) {
    AURORA_CO_ASSIGN(const bool changed,
                     co_await Change(collection, id, object, ChangeKind::kUpdate, options));
    if (changed) co_return false;
    Object with_id = object;
    with_id.Set(kIdFieldName, Value(id.ToValue()));
    std::vector<Object> objects;
    objects.push_back(std::move(with_id));
    bool id_is_taken = false;
    const absl::StatusOr<std::vector<DocumentId>> inserted =
        co_await Insert(collection, std::move(objects), options, &id_is_taken);
    if (inserted.ok()) co_return true;
    // Somebody else may have inserted it in between.
    if (!id_is_taken || attempt == kAttemptsMax) co_return inserted.status();
  }
}

Task<absl::StatusOr<bool>> DatabaseImpl::TryDelete(std::shared_ptr<CollectionState> collection,
                                                   const DocumentId* id,
                                                   const WriteOptions* options) {
  const lsm::Sequence snapshot = store_->published();
  AURORA_CO_RETURN_IF_ERROR(CheckNotDropped(*collection));
  AURORA_CO_ASSIGN(std::optional<FoundDocument> found,
                   co_await FindById(collection, *id, options->profile));
  if (!found.has_value()) {
    AURORA_CO_RETURN_IF_ERROR(co_await Confirm(options));
    co_return false;
  }
  Write write(collection, *options, 2);
  const CollectionDefinition& definition = write.definition();
  found->document = InLayout(std::move(found->document), definition.layout);
  write.Touch(definition.documents, RowKey(found->row));
  Operation& operation = write.operations.emplace_back();
  operation.kind = OperationKind::kDelete;
  operation.collection = definition.id;
  operation.row = found->row;
  operation.schema_version = found->document.version();
  operation.id = write.Keep(id->EncodedKey());
  operation.old_document = write.Keep(std::string(found->document.bytes()));
  const ObjectView old_fields = found->document.fields();
  write.writes.push_back(ResourceHash(definition.ids, operation.id));
  for (const FieldIndex& index : definition.indices) {
    if (!index.unique) continue;
    for (const std::string& term : IndexTerms(index, old_fields))
      write.writes.push_back(ResourceHash(index.keyspace, term));
  }
  write.entries.Delete(definition, found->row, *id, old_fields);
  write.hot_changes.push_back({found->row, std::nullopt});
  AURORA_CO_RETURN_IF_ERROR(co_await Commit(&write, write.entries.Finish(), snapshot));
  co_return true;
}

Task<absl::StatusOr<bool>> DatabaseImpl::Delete(std::shared_ptr<CollectionState> collection,
                                                DocumentId id, WriteOptions options) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, EnterToWrite());
  AURORA_CO_RETURN_IF_ERROR(CheckWriteOptions(options));
  for (int attempt = 1;; ++attempt) {
    const absl::StatusOr<bool> deleted = co_await TryDelete(collection, &id, &options);
    if (deleted.ok() || !absl::IsAborted(deleted.status()) || attempt == kAttemptsMax)
      co_return deleted;
    AURORA_CO_RETURN_IF_ERROR(co_await AwaitWinner());
  }
}

// --- Many, in a migration ---

Task<absl::StatusOr<bool>> DatabaseImpl::ChangeBatch(std::shared_ptr<CollectionState> collection,
                                                     const MigrationStep* step,
                                                     MigrationState* state, std::size_t rows) {
  const lsm::Sequence snapshot = store_->published();
  AURORA_CO_RETURN_IF_ERROR(CheckNotDropped(*collection));
  Write write(collection, WriteOptions(), 4 * rows + 1);
  const CollectionDefinition& definition = write.definition();
  const std::string first = RowKey(std::min(state->next_row, index::kMaxRowId));
  lsm::IterateOptions options;
  options.fill_cache = false;
  options.lower = first;
  const std::unique_ptr<lsm::Iterator> documents =
      store_->NewIterator(definition.documents, options);
  AURORA_CO_RETURN_IF_ERROR(co_await documents->SeekToFirst());
  MigrationState next = *state;
  std::size_t looked_at = 0;
  for (; documents->Valid() && looked_at < rows; ++looked_at) {
    if (documents->sequence() > snapshot) co_return AbortedError("a document has changed");
    FoundDocument found;
    AURORA_CO_ASSIGN(found.row, ParseRowKey(documents->key()));
    AURORA_CO_ASSIGN(found.document, LoadStoredDocument(definition.layout, documents->value()));
    next.next_row = found.row + 1;
    write.Touch(definition.documents, documents->key());
    absl::StatusOr<std::optional<Object>> changes = step->change(found.document);
    absl::Status changed = changes.status();
    if (changed.ok() && changes->has_value()) {
      changed = PrepareChange(found, **changes, ChangeKind::kUpdate, &write);
    }
    if (!changed.ok()) {
      co_return Annotate(changed, StrCat("document ", found.document.id().ToString()));
    }
    AURORA_CO_RETURN_IF_ERROR(co_await documents->Next());
  }
  if (looked_at == 0) co_return false;
  if (!AURORA_PLANTED_BUG("migration-forgets-position")) {
    Operation& operation = write.operations.emplace_back();
    operation.kind = OperationKind::kMigrate;
    operation.definition = write.Keep(EncodeMigration(next));
  }
  write.migration = next;
  AURORA_CO_RETURN_IF_ERROR(co_await CheckAndCommit(&write, write.entries.Finish(), snapshot));
  *state = next;
  co_return true;
}

}  // namespace aurora::engine
