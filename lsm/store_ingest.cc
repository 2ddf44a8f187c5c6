// Ingestion: tables that were written beside the commits become part of the tree at one sequence.
//
// The commit is a frame of the log that describes the tables; an edit of the manifest then adds
// them. When the frame is written every earlier commit is in a table, by a durable edit: commits
// are held back while what was left of them is flushed. So the tree needs no place between
// memtables for what is ingested; and a recovery that finds the frame without the edit adds the
// tables before anything that the log has besides, which is newer.
//
// The entries of an ingested table have sequence 0 in its file; the manifest says which commit they
// are of (TableInfo::ingested_at), and whoever reads a block adds it.
#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/lsm/file_copier.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/held_request.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/memtable.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/lsm/table_builder.h"
#include "aurora/lsm/table_verifier.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {

class StoreImpl::IngestFile final : public TableFile {
 public:
  IngestFile(StoreImpl* store, KeyspaceId keyspace, std::uint64_t number)
      : store_(store), keyspace_(keyspace) {
    info_.number = number;
  }
  ~IngestFile() override {
    builder_ = nullptr;  // closes the file
    if (!is_ingested_) store_->obsolete_.Add({TableFileName(info_.number), nullptr, nullptr});
  }

  Task<absl::Status> Open() {
    OpenOptions open;
    open.mode = OpenMode::kCreateNew;
    AURORA_CO_ASSIGN(std::unique_ptr<File> file,
                     co_await store_->environment_.files().Open(path(), open));
    TableBuilderOptions options;
    options.identity = identity();
    options.memory = store_->options_.memory;
    options.block_bytes = store_->options_.block_bytes;
    options.index_part_bytes = options.block_bytes / 2;
    options.filter_bits_per_key = 10;
    builder_ = std::make_unique<TableBuilder>(std::move(file), options);
    co_return absl::OkStatus();
  }

  Task<absl::Status> Add(std::string_view key, std::string_view value) override {
    if (builder_ == nullptr) co_return FailedPreconditionError("the table is finished");
    std::string stored = MakeStoredKey(keyspace_, key);
    if (stored <= last_key_ && builder_->entry_count() > 0) {
      co_return InvalidArgumentError("key ", Quoted(key),
                                     " is not above the one before it in the table to ingest");
    }
    AURORA_CO_RETURN_IF_ERROR(co_await builder_->Add({stored, Version(0, EntryKind::kPut)}, value));
    if (first_key_.empty()) first_key_ = stored;
    last_key_ = std::move(stored);
    co_return absl::OkStatus();
  }

  void ReplaceRange(std::string_view begin, std::string_view end) override {
    replaced_ = Range{MakeStoredKey(keyspace_, begin), RangeEnd(keyspace_, end)};
  }

  Task<absl::Status> Finish() override {
    if (builder_ == nullptr) co_return FailedPreconditionError("the table is finished");
    AURORA_CO_RETURN_IF_ERROR(CheckRange());
    if (replaced_.has_value() && !IsToForgetRange()) {
      AURORA_CO_RETURN_IF_ERROR(
          builder_->AddRangeDelete({replaced_->begin, replaced_->end, /*sequence=*/0}));
    }
    AURORA_CO_ASSIGN(TableSummary summary, co_await builder_->Finish());
    builder_ = nullptr;
    info_.size_bytes = summary.file_bytes;
    info_.hash = summary.file_hash;
    info_.entry_count = summary.properties.entry_count;
    info_.delete_count = summary.properties.delete_count;
    info_.smallest_key = std::move(summary.properties.smallest_key);
    info_.largest_key = std::move(summary.properties.largest_key);
    info_.largest_is_exclusive = summary.properties.largest_is_exclusive;
    info_.range_delete_count = summary.properties.range_delete_count;
    is_finished_ = true;
    co_return absl::OkStatus();
  }

  std::uint64_t file_bytes() const override {
    return builder_ == nullptr ? info_.size_bytes : builder_->file_bytes();
  }

  bool is_of(const StoreImpl* store) const { return store_ == store; }
  bool is_finished() const { return is_finished_; }
  bool is_ingested() const { return is_ingested_; }
  const TableInfo& info() const { return info_; }
  TableIdentity identity() const {
    TableIdentity identity;
    std::copy(std::begin(store_->identity_.database_id), std::end(store_->identity_.database_id),
              identity.database_id.begin());
    identity.file_number = info_.number;
    return identity;
  }
  std::string path() const {
    return JoinPath(store_->options_.directory, TableFileName(info_.number));
  }
  // From here on it belongs to the tree.
  void TakeOver() { is_ingested_ = true; }

 private:
  struct Range {
    std::string begin;
    std::string end;
  };

  bool IsToForgetRange() const {
    return builder_->entry_count() > 0 && AURORA_PLANTED_BUG("ingestion-forgets-range");
  }
  absl::Status CheckRange() const {
    const bool has_entries = builder_->entry_count() > 0;
    if (!replaced_.has_value()) {
      if (has_entries) return absl::OkStatus();
      return InvalidArgumentError(
          "a table without an entry, which replaces no range either, cannot be ingested");
    }
    const auto& [begin, end] = *replaced_;
    if (begin >= end) {
      return InvalidArgumentError("the range to be replaced, from ", Quoted(begin), " to ",
                                  Quoted(end), ", is empty");
    }
    if (!has_entries || (begin <= first_key_ && last_key_ < end)) return absl::OkStatus();
    return InvalidArgumentError("the table to ingest has keys from ", Quoted(first_key_), " to ",
                                Quoted(last_key_), ", which is not within the range ",
                                Quoted(begin), " to ", Quoted(end), " that it replaces");
  }

  StoreImpl* const store_;
  const KeyspaceId keyspace_;
  TableInfo info_;
  std::string first_key_;  // of the entries
  std::string last_key_;
  std::optional<Range> replaced_;
  std::unique_ptr<TableBuilder> builder_;
  bool is_finished_ = false;
  bool is_ingested_ = false;
};

Task<absl::StatusOr<std::unique_ptr<TableFile>>> StoreImpl::NewTable(KeyspaceId keyspace) {
  AURORA_CO_RETURN_IF_ERROR(CheckUsable());
  AURORA_CO_ASSIGN(const std::uint64_t number, co_await NewFileNumber());
  auto file = std::make_unique<IngestFile>(this, keyspace, number);
  AURORA_CO_RETURN_IF_ERROR(co_await file->Open());
  co_return std::unique_ptr<TableFile>(std::move(file));
}

int StoreImpl::PlaceOf(const TableInfo& table) const {
  const auto is_free = [&](int level) {
    return tree_->Overlapping(level, table.smallest_key, table.largest_key).empty();
  };
  const int lowest = std::max(1, tree_->last_level());
  int level = 0;
  if (AURORA_PLANTED_BUG("ingestion-placed-below-older") && is_free(lowest) &&
      !picker_.Writes(lowest, table.smallest_key, table.largest_key)) {
    return lowest;
  }
  while (level <= lowest && is_free(level)) ++level;
  if (level == 0) return 0;  // what is there is older, and so is all below
  --level;
  // What a compaction writes may reach over the gap in which the table would be.
  while (level > 0 && picker_.Writes(level, table.smallest_key, table.largest_key)) --level;
  return level;
}

// One call of Ingest.
class StoreImpl::Ingestion {
 public:
  Ingestion(StoreImpl* store, std::unique_ptr<HeldRequest> request, TableFiles files)
      : store_(*store), held_(std::move(request)) {
    for (const std::unique_ptr<TableFile>& file : files) {
      files_.push_back(static_cast<IngestFile*>(file.get()));
    }
  }

  // `self` is this one, which lives until it is done with.
  Task<absl::StatusOr<CommitResult>> Run(std::shared_ptr<Ingestion> self) {
    AURORA_CO_RETURN_IF_ERROR(store_.CheckAhead(request()));
    AURORA_CO_RETURN_IF_ERROR(CheckTables());
    AURORA_CO_RETURN_IF_ERROR(co_await ReadTables());
    AURORA_CO_RETURN_IF_ERROR(
        co_await store_.environment_.files().SyncDirectory(store_.options_.directory));
    // Most of it, while others commit.
    AURORA_CO_RETURN_IF_ERROR(co_await Flush());
    AURORA_CO_RETURN_IF_ERROR(co_await HoldCommits());
    if (absl::Status logged = co_await LogAlone(); !logged.ok()) {
      ReleaseCommits();
      co_return logged;
    }
    // From here on it is to be done, however long a full disk has to be waited for.
    store_.background_.Spawn(store_.environment_.background(), Finish(self));
    if (const absl::Status room = co_await store_.WaitFor(Hold::kIngestion, 0); !room.ok()) {
      co_return Annotate(room, StrCat("commit ", result_.sequence,
                                      " is in the log, and will be seen when the manifest has it "
                                      "or the store is opened again"));
    }
    const auto is_over = [this] { return is_finished_.load(); };
    co_await store_.event_.Until(is_over);
    co_return store_.Concluded(status_, result_);
  }

 private:
  const CommitRequest& request() const { return held_->request(); }

  absl::Status CheckTables() {
    if (files_.empty()) return InvalidArgumentError("there is no table to ingest");
    if (!request().mutations.empty()) {
      return InvalidArgumentError("an ingestion has no mutations besides its tables");
    }
    for (const IngestFile* const file : files_) {
      if (!file->is_of(&store_)) return InvalidArgumentError("a table of another store");
      if (!file->is_finished() || file->is_ingested()) {
        return FailedPreconditionError(
            file->path(), file->is_ingested() ? " was ingested before" : " is not finished");
      }
    }
    std::sort(files_.begin(), files_.end(), [](const IngestFile* a, const IngestFile* b) {
      return a->info().smallest_key < b->info().smallest_key;
    });
    for (std::size_t i = 1; i < files_.size(); ++i) {
      if (files_[i - 1]->info().EndsBefore(files_[i]->info().smallest_key)) continue;
      return InvalidArgumentError("the tables to ingest overlap: ", files_[i - 1]->path(), " and ",
                                  files_[i]->path());
    }
    for (const IngestFile* const file : files_) tables_.push_back(file->info());
    return absl::OkStatus();
  }

  // Every byte, from the device: it is what was written, so it is in order and whole, all of one
  // keyspace and at sequence 0.
  Task<absl::Status> ReadTables() {
    std::uint64_t total_bytes = 0;
    for (const TableInfo& table : tables_) total_bytes += table.size_bytes;
    FileCopier reader(&store_.environment_, {}, total_bytes);
    for (const IngestFile* const file : files_) {
      if (AURORA_PLANTED_BUG("ingestion-unchecked")) break;
      AURORA_CO_ASSIGN(const std::uint64_t hash,
                       co_await reader.Hash(file->path(), file->info().size_bytes));
      if (hash != file->info().hash) co_return co_await NotAsWritten(file);
    }
    co_return absl::OkStatus();
  }

  // Says where, if that can be said.
  Task<absl::Status> NotAsWritten(const IngestFile* file) {
    const absl::StatusOr<TableVerdict> verdict =
        co_await VerifyTable(&store_.environment_.files(), file->path(), file->identity(),
                             /*info=*/std::nullopt);
    std::string where;
    if (verdict.ok() && !verdict->damage.empty()) {
      const FileDamage& first = verdict->damage.front();
      where = StrCat(", at offset ", first.where.offset, ": ", first.what);
    }
    co_return DataLossError(file->path(), " is not the table that was written", where,
                            "; nothing was ingested, write it again");
  }

  Task<absl::Status> Flush() {
    if (AURORA_PLANTED_BUG("ingestion-without-flush")) co_return absl::OkStatus();
    co_return co_await store_.Flush();
  }

  // Until all commits before are in tables, and no other is begun.
  Task<absl::Status> HoldCommits() {
    for (;;) {
      {
        const std::lock_guard lock(store_.commit_mutex_);
        if (!store_.ingestion_.holds_commits.load()) {
          store_.ingestion_.holds_commits.store(true);
          break;
        }
      }
      AURORA_CO_RETURN_IF_ERROR(co_await store_.WaitFor(Hold::kIngestion, 0));
      AURORA_CO_RETURN_IF_ERROR(store_.CheckUsable());
    }
    const absl::Status flushed = co_await Flush();
    if (!flushed.ok()) ReleaseCommits();
    co_return flushed;
  }
  void ReleaseCommits() {
    {
      const std::lock_guard lock(store_.commit_mutex_);
      store_.ingestion_.holds_commits.store(false);
    }
    store_.event_.Notify();
  }

  // Ends with the manifest locked, if it succeeds: then the commit has its sequence.
  Task<absl::Status> LogAlone() {
    for (;;) {
      co_await store_.LockManifest();
      absl::Status status;
      const Hold hold = TryLog(&status);
      if (hold == Hold::kNone) break;
      store_.UnlockManifest();
      if (hold == Hold::kStatus) co_return status;
      AURORA_CO_RETURN_IF_ERROR(co_await store_.WaitFor(hold, payload_bytes_));
    }
    // They are not the caller's any more.
    for (IngestFile* const file : files_) file->TakeOver();
    files_.clear();
    co_return absl::OkStatus();
  }

  // The rest. Whatever happens, readers see all of it then.
  Task<absl::Status> Finish(std::shared_ptr<Ingestion> self) {
    status_ = co_await store_.log_->WaitDurable(result_.end, Durability::kSync);
    if (!status_.ok()) store_.Poison(status_);
    if (status_.ok()) status_ = co_await AddToManifest();
    AddToTree();
    store_.queue_->Finish(result_.sequence);
    store_.ingestion_.is_logged.store(false);
    store_.ingestion_.waits_for_room.store(false);
    is_finished_.store(true);
    store_.UnlockManifest();
    ReleaseCommits();
    co_return absl::OkStatus();
  }

  // The critical section of the commit.
  Hold TryLog(absl::Status* status) {
    const std::string description = EncodeTables(tables_);
    char header[kIngestionHeaderBytes];
    EncodeIngestionHeader(description.size(), header);
    std::vector<std::string_view> parts = {{header, sizeof header}, description};
    parts.insert(parts.end(), request().record.begin(), request().record.end());
    payload_bytes_ = 0;
    for (const std::string_view part : parts) payload_bytes_ += part.size();
    const std::uint64_t hash = Log::HashPayload(parts);
    const std::lock_guard lock(store_.commit_mutex_);
    *status = store_.CheckUsable();
    if (status->ok()) *status = store_.CheckConflicts(request());
    if (!status->ok()) return Hold::kStatus;
    if (!store_.log_->HasRoom(payload_bytes_)) return Hold::kLog;
    if (!store_.queue_->HasRoom()) return Hold::kQueue;
    const Sequence registered = store_.queue_->registered();
    if (store_.reserved_through_.load() <= registered) return Hold::kSequences;
    AURORA_CHECK(AURORA_PLANTED_BUG("ingestion-without-flush") || store_.active_bytes_ == 0);
    result_.sequence = store_.queue_->Register();
    result_.end = store_.log_->AppendIngestion(result_.sequence, parts, hash);
    // A new one, so that a view shows whether it has the tables (ConsistentView).
    run_ = store_.active_ =
        std::make_shared<MemtableRun>(store_.options_.memory, store_.options_.memtable_bytes);
    store_.log_end_ = result_.end;
    store_.conflicts_->Record(result_.sequence, request().writes);
    store_.ingestion_.is_logged.store(true);
    if (request().on_sequenced != nullptr) (*request().on_sequenced)(result_.sequence);
    return Hold::kNone;
  }

  void PlaceTables(ManifestEdit* edit) {
    const std::lock_guard lock(store_.state_mutex_);
    store_.ingestion_.places_tables = true;  // until they are there, no compaction is begun
    for (TableInfo& table : tables_) {
      table.ingested_at = table.smallest_sequence = table.largest_sequence = result_.sequence;
      table.level = store_.PlaceOf(table);
    }
    edit->added_tables = tables_;
  }

  Task<absl::Status> AddToManifest() {
    ManifestEdit edit;
    edit.ingested_through = result_.sequence;
    PlaceTables(&edit);
    EditRenewal place_again = [this](ManifestEdit* again) {
      PlaceTables(again);
      store_.ingestion_.waits_for_room.store(true);
      store_.event_.Notify();
    };
    absl::Status appended =
        co_await store_.AppendEdit(edit, /*waits_for_room=*/true, std::move(place_again));
    co_return appended;
  }

  // REQUIRES the manifest lock, since the tables were placed.
  void AddToTree() {
    ManifestEdit unused;
    if (tables_.front().ingested_at == 0) PlaceTables(&unused);
    std::vector<Tree::Addition> added;
    for (const TableInfo& table : tables_) {
      added.push_back(
          {table.level, std::make_shared<TreeTable>(table, &store_, &store_.obsolete_)});
      store_.events_.Post(
          TableCreated{table.number, table.level, table.size_bytes, table.entry_count});
    }
    std::shared_ptr<const Tree> old_tree;
    ViewSlots::Views old_views;  // freed without the lock
    const std::lock_guard lock(store_.state_mutex_);
    old_tree = std::exchange(store_.tree_, store_.tree_->With({}, added));
    store_.active_view_ = run_;
    old_views = store_.PublishView();
    store_.NoteDebt();
    store_.ingestion_.places_tables = false;
    store_.picker_.TreeChanged();
  }

  StoreImpl& store_;
  const std::unique_ptr<HeldRequest> held_;
  std::vector<IngestFile*> files_;  // by key, once they were checked
  std::vector<TableInfo> tables_;   // of files_
  std::size_t payload_bytes_ = 0;
  std::shared_ptr<MemtableRun> run_;
  CommitResult result_;
  absl::Status status_;  // of what follows the critical section
  std::atomic<bool> is_finished_{false};
};

namespace {

// Keeps the ingestion alive while it runs.
template <class Ingestion>
Task<absl::StatusOr<CommitResult>> RunIngestion(std::shared_ptr<Ingestion> ingestion) {
  absl::StatusOr<CommitResult> result = co_await ingestion->Run(ingestion);
  co_return result;
}

}  // namespace

Task<absl::StatusOr<CommitResult>> StoreImpl::Ingest(const CommitRequest& request,
                                                     TableFiles tables) {
  if (options_.read_only) return absl::StatusOr<CommitResult>(ReadOnlyError());
  return RunIngestion(
      std::make_shared<Ingestion>(this, std::make_unique<HeldRequest>(request), tables));
}

Task<absl::Status> StoreImpl::FinishIngestions() {
  for (TableInfo& table : ingestion_.only_logged) {
    const std::string path = JoinPath(options_.directory, TableFileName(table.number));
    const absl::StatusOr<FileInfo> file = co_await environment_.files().Stat(path);
    if (absl::IsNotFound(file.status())) {
      co_return DataLossError(path, " is missing, and commit ", table.ingested_at,
                              " has ingested it");
    }
    AURORA_CO_RETURN_IF_ERROR(file);
    if (file->size_bytes != table.size_bytes) {
      co_return DataLossError(path, " has ", file->size_bytes, " bytes instead of ",
                              table.size_bytes);
    }
    const std::lock_guard lock(state_mutex_);
    table.level = PlaceOf(table);
    tree_ = tree_->With({}, {{table.level, std::make_shared<TreeTable>(table, this, &obsolete_)}});
  }
  if (ingestion_.only_logged.empty() || options_.read_only) co_return absl::OkStatus();
  ManifestEdit edit;
  edit.added_tables = ingestion_.only_logged;
  edit.ingested_through = ingestion_.only_logged.back().ingested_at;
  ingestion_.only_logged.clear();
  co_return co_await manifest_->Append(edit);
}

}  // namespace aurora::lsm
