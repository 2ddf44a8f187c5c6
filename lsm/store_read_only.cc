// Opening to read, beside a process that writes.
//
// Nothing here holds the writer back, so anything may change while it is read. What is read is
// right all the same, or it is read again:
//
//   the manifest   is appended to or replaced by another. Read in part, it is an older state, whose
//                  tables and segments may be gone.
//   the tables     and value files never change, and are all opened here, and kept open: a file
//                  that is open may be removed. So the process needs a descriptor for each.
//                  Those that the log's records claim may be newer than that manifest; they are in
//                  the one that is read after the log.
//   the log        is read from where that manifest says. Its segments name their predecessors, and
//                  its frames prove their place, so nothing can be missing in the middle. It could
//                  end too early only in a segment that was recycled while it was read. That was
//                  released before, by an edit of the manifest: hence the second look at it.
//
// What is read goes to the layer above only when it is known to be right.
#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "aurora/lsm/closed_log.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/log_reader.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

// A writer would have to flush this often during as many attempts to be in the way of all of them.
constexpr int kAttemptsMax = 40;

}  // namespace

class StoreImpl::ReadOnlyOpening {
 public:
  explicit ReadOnlyOpening(StoreImpl* store)
      : store_(*store),
        files_(store->environment_.files()),
        log_directory_(JoinPath(store->options_.directory, kLogDirectoryName)) {}

  // Reads until it is right.
  Task<absl::Status> Run() {
    for (int attempt = 1;; ++attempt) {
      absl::Status read = co_await Attempt();
      if (read.ok()) co_return read;
      // An error is taken for what it says only if nothing has moved since before it.
      AURORA_CO_ASSIGN(const bool moved, co_await HasMoved());
      if (!moved && !absl::IsAborted(read)) co_return read;
      if (attempt == kAttemptsMax) {
        co_return UnavailableError(
            store_.options_.directory,
            " changes faster than it can be read; the last attempt: ", ToStd(read.message()));
      }
      const absl::Duration wait = absl::Milliseconds(std::min(attempt, 20));
      AURORA_CO_RETURN_IF_ERROR(co_await store_.environment_.Sleep(wait));
    }
  }

  // Fills the store. REQUIRES that Run has succeeded.
  absl::Status Apply() {
    ManifestState& state = found_->manifest.state;
    if (!state.handler_state.empty()) {
      AURORA_RETURN_IF_ERROR(store_.handler_.RestoreState(state.handler_state));
    }
    store_.recovery_ = scan_.report;
    // Nothing was cut: what is not whole may be about to be.
    store_.recovery_.cut_bytes = 0;
    store_.recovery_.cut_reason.clear();
    store_.flushed_through_ = state.flushed_through;
    store_.ingestion_.installed_through = state.ingested_through;
    store_.tree_ = store_.tree_->With({}, tables_, values_);
    store_.queue_ =
        std::make_unique<CommitQueue>(std::max(scan_.last_sequence, state.flushed_through));
    for (const ScannedSegment& segment : scan_.chain) {
      store_.scanned_log_.push_back({segment.header.number, segment.end});
    }
    store_.active_ = store_.active_view_ =
        std::make_shared<MemtableRun>(store_.options_.memory, store_.options_.memtable_bytes);
    while (!records_.empty()) {
      const Record& record = records_.front();
      AURORA_RETURN_IF_ERROR(store_.Replay(
          LogRecord{record.sequence, record.position, record.payload, record.file, record.tables}));
      records_.pop_front();
    }
    const std::lock_guard lock(store_.state_mutex_);
    for (const std::shared_ptr<TreeTable>& table : ingested_) {
      store_.tree_ = store_.tree_->With({}, {{store_.PlaceOf(table->info()), table}});
    }
    store_.ingestion_.only_logged.clear();
    return absl::OkStatus();
  }

 private:
  struct Record {
    Sequence sequence = 0;
    LogPosition position;
    std::string payload;
    RecordFileReference file;
    std::string tables;
  };

  Task<absl::Status> Attempt() {
    found_.reset();
    segments_.clear();
    tables_.clear();
    values_ = {};
    value_file_ids_.clear();
    records_.clear();
    ingested_.clear();
    scan_ = LogScan();
    AURORA_CO_ASSIGN(found_, co_await Manifest::Recover(&files_, store_.options_.directory));
    if (!found_.has_value()) {
      co_return NotFoundError("there is no database in ", store_.options_.directory);
    }
    store_.identity_ = found_->manifest.state.identity;  // which its tables must show
    AURORA_CO_ASSIGN(segments_, co_await ListSegments(files_, log_directory_));
    AURORA_CO_RETURN_IF_ERROR(co_await OpenTables());
    AURORA_CO_RETURN_IF_ERROR(co_await OpenValueFiles(&found_->manifest.state));
    AURORA_CO_RETURN_IF_ERROR(co_await ReadLog());
    AURORA_CO_RETURN_IF_ERROR(co_await OpenIngested());
    co_return co_await CheckLogStart();
  }

  Task<absl::StatusOr<std::shared_ptr<TreeTable>>> OpenTable(const TableInfo* info) {
    auto table = std::make_shared<TreeTable>(*info, &store_, &store_.obsolete_);
    const absl::StatusOr<Table*> opened = co_await table->Open();
    if (absl::IsNotFound(opened.status())) {
      co_return DataLossError(store_.options_.directory, ": ", TableFileName(info->number),
                              " is missing; restore it from a backup");
    }
    AURORA_CO_RETURN_IF_ERROR(opened.status());
    co_return table;
  }

  Task<absl::Status> OpenTables() {
    for (const auto& [number, info] : found_->manifest.state.tables) {
      AURORA_CO_ASSIGN(std::shared_ptr<TreeTable> table, co_await OpenTable(&info));
      tables_.push_back({info.level, std::move(table)});
    }
    co_return absl::OkStatus();
  }

  // Those of `state` that are not open yet.
  Task<absl::Status> OpenValueFiles(const ManifestState* state) {
    for (const auto& [id, use] : state->value_files) {
      if (!value_file_ids_.insert(id).second) continue;
      auto values = std::make_shared<TreeValueFile>(use.info, &store_, &store_.obsolete_);
      const absl::StatusOr<ValueFile*> opened = co_await values->Open();
      if (absl::IsNotFound(opened.status())) {
        co_return DataLossError(store_.options_.directory, ": ", ValueFileName(use.info.number),
                                " is missing; restore it from a backup");
      }
      AURORA_CO_RETURN_IF_ERROR(opened.status());
      values_.added.push_back(std::move(values));
    }
    co_return absl::OkStatus();
  }

  // The tables of ingestions that the log has and the manifest has not.
  Task<absl::Status> OpenIngested() {
    for (const Record& record : records_) {
      if (record.tables.empty() || record.sequence <= found_->manifest.state.ingested_through) {
        continue;
      }
      // The writer had flushed all before it, and this manifest does not know that.
      if (&record != &records_.front()) {
        co_return AbortedError("commits were made and flushed while the log was read");
      }
      AURORA_CO_ASSIGN(std::vector<TableInfo> infos, DecodeTables(record.tables));
      for (TableInfo& info : infos) {
        info.ingested_at = info.smallest_sequence = info.largest_sequence = record.sequence;
        AURORA_CO_ASSIGN(std::shared_ptr<TreeTable> table, co_await OpenTable(&info));
        ingested_.push_back(std::move(table));
      }
    }
    co_return absl::OkStatus();
  }

  Task<absl::Status> ReadLog() {
    const ManifestState& state = found_->manifest.state;
    if (state.log_start_segment == 0) co_return absl::OkStatus();
    ScanOptions options;
    options.directory = log_directory_;
    options.identity = state.identity;
    const std::string boot_id = files_.BootId();
    options.boot = BootHash(boot_id);
    options.first_segment = static_cast<std::uint32_t>(state.log_start_segment);
    options.after = state.flushed_through;
    options.live = true;
    LogRecordCallback collect = [this](const LogRecord& record) {
      records_.push_back({record.sequence, record.position, std::string(record.payload),
                          record.file, std::string(record.tables)});
      return absl::OkStatus();
    };
    AURORA_CO_ASSIGN(scan_, co_await ScanLog(files_, std::move(options), &collect));
    co_return CheckLogEnd(log_directory_, state, scan_);
  }

  // The segment in which the log ended must still have been the log's when it was read.
  Task<absl::Status> CheckLogStart() {
    AURORA_CO_ASSIGN(const std::optional<Manifest::Recovered> now,
                     co_await Manifest::Recover(&files_, store_.options_.directory));
    const std::uint64_t start = now.has_value() ? now->manifest.state.log_start_segment : 0;
    const std::uint64_t end =
        std::max(scan_.report.end.segment, found_->manifest.state.log_start_segment);
    if (!now.has_value() || start > end) {
      co_return AbortedError("the log up to segment ", end, " was released while it was read");
    }
    // What a record claims was in the manifest before it; and it is there until a later commit, of
    // the same key, was flushed.
    if (now->manifest.state.flushed_through >
        std::max(scan_.last_sequence, found_->manifest.state.flushed_through)) {
      co_return AbortedError("commits were made and flushed while the log was read");
    }
    co_return co_await OpenValueFiles(&now->manifest.state);
  }

  // Whether anything is not as the attempt has found it.
  Task<absl::StatusOr<bool>> HasMoved() {
    const absl::StatusOr<std::optional<Manifest::Recovered>> now =
        co_await Manifest::Recover(&files_, store_.options_.directory);
    // What cannot be read may have been replaced just then; but only so many times.
    if (!now.ok()) co_return ++unreadable_ <= 3;
    if (now->has_value() != found_.has_value()) co_return true;
    if (!found_.has_value()) co_return false;
    if ((*now)->number != found_->number ||
        (*now)->manifest.edit_count != found_->manifest.edit_count) {
      co_return true;
    }
    const absl::StatusOr<std::vector<std::uint32_t>> segments =
        co_await ListSegments(files_, log_directory_);
    co_return !segments.ok() || *segments != segments_;
  }

  StoreImpl& store_;
  FileSystem& files_;
  const std::string log_directory_;
  std::optional<Manifest::Recovered> found_;
  std::vector<std::uint32_t> segments_;
  std::vector<Tree::Addition> tables_;
  Tree::ValueFileChange values_;
  std::set<std::uint64_t> value_file_ids_;
  std::vector<std::shared_ptr<TreeTable>> ingested_;
  std::deque<Record> records_;
  LogScan scan_;
  int unreadable_ = 0;
};

absl::Status StoreImpl::ReadOnlyError() const {
  return FailedPreconditionError(options_.directory, " is open for reading only");
}

Task<absl::Status> StoreImpl::OpenReadOnly() {
  const absl::StatusOr<FileInfo> info = co_await environment_.files().Stat(options_.directory);
  if (absl::IsNotFound(info.status())) {
    co_return NotFoundError("there is no database at ", options_.directory);
  }
  AURORA_CO_RETURN_IF_ERROR(info);
  if (!info->is_directory) {
    co_return FailedPreconditionError(options_.directory, " is a file; a database is a directory");
  }
  ReadOnlyOpening opening(this);
  AURORA_CO_RETURN_IF_ERROR(co_await opening.Run());
  AURORA_CO_RETURN_IF_ERROR(opening.Apply());
  // As after an error of the device: reads go on, and no write begins.
  poisoned_.store(true, std::memory_order_seq_cst);
  StartReading();
  opened_ = true;
  events_.SetStatsSource([this] { return Stats(); });
  events_.Post(StoreOpened{tree_->table_count(), recovery_,
                           std::string(environment_.files().name()), /*read_only=*/true});
  co_return absl::OkStatus();
}

}  // namespace aurora::lsm
