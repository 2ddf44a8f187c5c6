// Opening, recovery and closing.
#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "aurora/lsm/closed_log.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

// A clean close may leave so much of the log to be read.
constexpr std::uint64_t kReplayBytesMax = std::size_t{2} << 20;

CompactionPicker::Options PickerOptions(const StoreOptions& options) {
  CompactionPicker::Options picker;
  picker.level0_runs_max = options.level0_runs_max;
  picker.level_base_bytes = options.level_base_bytes;
  picker.level_multiplier = options.level_multiplier;
  picker.table_bytes = options.table_bytes;
  return picker;
}

CommitPacer::Limits PacerLimits(const StoreOptions& options) {
  const auto level0_runs = static_cast<std::size_t>(options.level0_runs_max);
  CommitPacer::Limits limits;
  limits.memtable_bytes = options.memtable_bytes;
  limits.sealed_max = StoreState::kSealedMax;
  limits.level0_first = level0_runs * StoreState::kSlowdownFactor;
  limits.level0_last = level0_runs * StoreState::kStopFactor;
  return limits;
}

EventFeed::Options FeedOptions(const StoreOptions& options) {
  EventFeed::Options feed;
  feed.directory = options.directory;
  feed.listener = options.event_listener;
  feed.logger = options.logger;
  feed.writes_file = options.event_file && !options.read_only;
  feed.stats_interval = options.stats_interval;
  return feed;
}

absl::Status CheckOptions(const StoreOptions& options) {
  if (options.directory.empty()) return InvalidArgumentError("no directory was given");
  if (options.level0_runs_max < 1 || options.level_multiplier < 2) {
    return InvalidArgumentError(options.directory,
                                ": level0_runs_max must be at least 1 and level_multiplier 2");
  }
  if (options.memtable_bytes == 0 || options.table_bytes == 0 || options.level_base_bytes == 0) {
    return InvalidArgumentError(
        options.directory, ": memtable_bytes, table_bytes and level_base_bytes must be above 0");
  }
  if (options.value_file_min_bytes != 0 && options.value_file_min_bytes < kValueFileBytesLeast) {
    return InvalidArgumentError(options.directory, ": value_file_min_bytes must be 0 or at least ",
                                kValueFileBytesLeast);
  }
  if (options.block_bytes < kBlockBytesLeast || options.block_bytes > kBlockBytesMost) {
    return InvalidArgumentError(options.directory, ": block_bytes must be ", kBlockBytesLeast,
                                " to ", kBlockBytesMost, ", not ", options.block_bytes);
  }
  if (options.open_files_max == 0) {
    return InvalidArgumentError(options.directory, ": open_files_max must be above 0");
  }
  if (!options.archive.directory.empty() && options.archive.interval <= absl::ZeroDuration()) {
    return InvalidArgumentError(options.directory, ": the archive's interval must be above 0");
  }
  if (options.archive.directory == options.directory) {
    return InvalidArgumentError(options.directory, " cannot be its own archive");
  }
  return absl::OkStatus();
}

}  // namespace

Task<absl::StatusOr<std::unique_ptr<Store>>> Store::Open(Environment& environment,
                                                         StoreOptions options,
                                                         RecordHandler& handler) {
  AURORA_CO_RETURN_IF_ERROR(CheckOptions(options));
  auto store = std::make_unique<StoreImpl>(environment, std::move(options), handler);
  absl::Status opened = co_await store->Open();
  if (!opened.ok()) {
    const absl::Status closed = co_await store->Close();
    static_cast<void>(closed);
    co_return opened;
  }
  co_return std::unique_ptr<Store>(std::move(store));
}

StoreState::StoreState(Environment& environment, StoreOptions options, RecordHandler& handler)
    : files_(environment.files(), options.open_files_max),
      own_environment_(environment, files_),
      options_(std::move(options)),
      handler_(handler),
      statistics_(options_.latency_sampling),
      events_(environment_, FeedOptions(options_)),
      tree_(std::make_shared<Tree>()),
      compaction_jobs_(std::clamp(environment.background_threads() - 1, 1, kCompactionJobsMax)),
      picker_(PickerOptions(options_)),
      pacer_(PacerLimits(options_)) {
  if (options_.memory == nullptr) {
    own_memory_ = std::make_unique<MemoryBudget>(SIZE_MAX);
    options_.memory = own_memory_.get();
  }
  block_cache_ = std::make_unique<cache::BlockCache>(options_.memory, options_.block_cache_bytes);
}

StoreImpl::StoreImpl(Environment& environment, StoreOptions options, RecordHandler& handler)
    : StoreState(environment, std::move(options), handler) {}

StoreImpl::~StoreImpl() { AURORA_CHECK(closed_ && "Store::Close must have completed"); }

Task<absl::Status> StoreImpl::Open() {
  events_.Start();
  if (options_.read_only) co_return co_await OpenReadOnly();
  AURORA_CO_RETURN_IF_ERROR(co_await PrepareDirectory());
  AURORA_CO_RETURN_IF_ERROR(co_await RecoverManifest());
  events_.AllowFile();  // from here on a crash leaves what is known for a database
  AURORA_CO_RETURN_IF_ERROR(co_await CheckFiles());
  AURORA_CO_RETURN_IF_ERROR(co_await OpenLog());
  // Not before: the log may name a table that the manifest does not.
  AURORA_CO_RETURN_IF_ERROR(co_await RemoveOrphans());
  AURORA_CO_RETURN_IF_ERROR(co_await DropUnclaimedValues());
  events_.Post(StoreOpened{tree_->table_count(), recovery_,
                           std::string(environment_.files().name()), /*read_only=*/false});
  StartBackground();  // last: from here on the tree belongs to other threads, too
  co_return absl::OkStatus();
}

// What is in the directory decides whether it is ours, before anything is changed in it.
Task<absl::Status> StoreImpl::CheckDirectory(bool* is_new) {
  FileSystem& files = environment_.files();
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries,
                   co_await files.List(options_.directory));
  std::string foreign;
  std::string ours;
  bool has_root = false;
  bool has_log = false;
  for (const DirectoryEntry& entry : entries) {
    const FileName name = ParseFileName(entry.name);
    has_root |= name.kind == FileName::Kind::kRoot;
    has_log |= name.kind == FileName::Kind::kLogDirectory;
    if (name.kind == FileName::Kind::kOther || name.kind == FileName::Kind::kEvents) {
      foreign = entry.name;
    }
    if (name.kind == FileName::Kind::kTable || name.kind == FileName::Kind::kValues) {
      ours = entry.name;
    }
  }
  *is_new = !has_root;
  if (has_root) co_return absl::OkStatus();
  if (has_log) {
    AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> segments,
                     co_await files.List(JoinPath(options_.directory, kLogDirectoryName)));
    if (!segments.empty()) ours = StrCat(kLogDirectoryName, "/", segments.front().name);
  }
  if (!ours.empty()) {
    co_return DataLossError(options_.directory, " holds ", Quoted(ours), " of a database, but no ",
                            RootFileName(1), " or later, which would say what belongs to it");
  }
  if (!foreign.empty()) {
    co_return FailedPreconditionError(options_.directory, " is not a database: it holds ",
                                      Quoted(foreign), ". Name an empty or a new directory");
  }
  if (!options_.create_if_missing) {
    co_return NotFoundError("there is no database in ", options_.directory,
                            ", and create_if_missing is off");
  }
  co_return absl::OkStatus();
}

Task<absl::Status> StoreImpl::PrepareDirectory() {
  FileSystem& files = environment_.files();
  const std::string& directory = options_.directory;
  const absl::StatusOr<FileInfo> info = co_await files.Stat(directory);
  if (absl::IsNotFound(info.status())) {
    if (!options_.create_if_missing) {
      co_return NotFoundError("there is no database at ", directory,
                              ", and create_if_missing is off");
    }
    absl::Status created = co_await files.CreateDirectory(directory);
    if (absl::IsNotFound(created)) {
      co_return NotFoundError("cannot create ", directory, ": there is no directory ",
                              ParentPath(directory));
    }
    if (!created.ok() && !absl::IsAlreadyExists(created)) co_return created;
    AURORA_CO_RETURN_IF_ERROR(co_await files.SyncDirectory(ParentPath(directory)));
  } else {
    AURORA_CO_RETURN_IF_ERROR(info);
    if (!info->is_directory) {
      co_return FailedPreconditionError(directory, " is a file; a database is a directory");
    }
  }
  bool is_new = false;
  AURORA_CO_RETURN_IF_ERROR(co_await CheckDirectory(&is_new));
  AURORA_CO_ASSIGN(lock_, co_await files.Lock(JoinPath(directory, kLockFileName)));
  if (AURORA_PLANTED_BUG("open-drops-lock")) lock_ = nullptr;
  // Somebody else may have been there first.
  AURORA_CO_RETURN_IF_ERROR(co_await CheckDirectory(&is_new));
  if (!is_new && options_.error_if_exists) {
    co_return AlreadyExistsError(directory, " holds a database already");
  }
  if (is_new) {
    absl::Status created = co_await files.CreateDirectory(JoinPath(directory, kLogDirectoryName));
    if (!created.ok() && !absl::IsAlreadyExists(created)) co_return created;
    AURORA_CO_RETURN_IF_ERROR(co_await files.SyncDirectory(ParentPath(directory)));
    AURORA_CO_RETURN_IF_ERROR(co_await files.SyncDirectory(directory));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> StoreImpl::RecoverManifest() {
  FileSystem* const files = &environment_.files();
  AURORA_CO_ASSIGN(std::optional<Manifest::Recovered> recovered,
                   co_await Manifest::Recover(files, options_.directory));
  ManifestState state;
  std::uint64_t number = 0;
  Sequence issued = 0;  // none above was issued by an earlier process
  if (recovered.has_value()) {
    state = std::move(recovered->manifest.state);
    number = recovered->number;
    issued = state.closed_at.value_or(state.reserved_through);
    AURORA_CO_RETURN_IF_ERROR(
        co_await CheckClosedLog(files, JoinPath(options_.directory, kLogDirectoryName), &state));
    if (!recovered->manifest.cut_reason.empty()) {
      events_.Post(ManifestCut{ManifestFileName(number), recovered->manifest.cut_reason});
    }
  } else {
    for (std::size_t i = 0; i < sizeof state.identity.database_id; i += 8) {
      const std::uint64_t random = environment_.random().Next64();
      std::memcpy(state.identity.database_id + i, &random, 8);
    }
    state.identity.epoch = 1;
  }
  if (!state.handler_state.empty()) {
    AURORA_CO_RETURN_IF_ERROR(handler_.RestoreState(state.handler_state));
  }
  identity_ = state.identity;
  state.boot_id = files->BootId();
  state.closed_at.reset();
  state.reserved_through = std::max(state.reserved_through, issued + kSequenceReserve);
  next_file_number_ = state.next_file_number;
  state.next_file_number += kFileNumberReserve;
  file_number_bound_ = state.next_file_number;
  reserved_through_ = state.reserved_through;
  flushed_through_ = state.flushed_through;
  ingestion_.installed_through = state.ingested_through;
  queue_ = std::make_unique<CommitQueue>(issued);
  AURORA_CO_ASSIGN(manifest_, co_await Manifest::Create(files, options_.directory, number + 1,
                                                        std::move(state)));
  co_await manifest_->KeepReserve();
  co_return absl::OkStatus();
}

// Files that cannot be used: all are told at once.
class StoreImpl::FileProblems {
 public:
  void Add(std::string_view name, std::string_view what) {
    constexpr int kNamedMax = 20;
    if (++count_ <= kNamedMax) StrAppend(&text_, " ", name, " ", what, ";");
  }
  absl::Status ToStatus(std::string_view directory) const {
    if (count_ == 0) return absl::OkStatus();
    return DataLossError(directory, ": ", count_, " of its files cannot be used:", text_,
                         " restore them from a backup");
  }

 private:
  std::string text_;
  int count_ = 0;
};

Task<absl::Status> StoreImpl::CheckFile(std::string name, std::uint64_t size_bytes,
                                        FileProblems* problems) {
  const absl::StatusOr<FileInfo> file =
      co_await environment_.files().Stat(JoinPath(options_.directory, name));
  if (!file.ok() && !absl::IsNotFound(file.status())) co_return file.status();
  if (!file.ok() || file->is_directory) {
    problems->Add(name, "is missing");
  } else if (file->size_bytes != size_bytes) {
    problems->Add(name, StrCat("has ", file->size_bytes, " bytes instead of ", size_bytes));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> StoreImpl::CheckFiles() {
  FileProblems problems;
  std::vector<Tree::Addition> tables;
  Tree::ValueFileChange values;
  for (const auto& [number, info] : manifest_->state().tables) {
    AURORA_CO_RETURN_IF_ERROR(
        co_await CheckFile(TableFileName(number), info.size_bytes, &problems));
    tables.push_back({info.level, std::make_shared<TreeTable>(info, this, &obsolete_)});
  }
  for (const auto& [id, use] : manifest_->state().value_files) {
    AURORA_CO_RETURN_IF_ERROR(
        co_await CheckFile(ValueFileName(use.info.number), use.info.size_bytes, &problems));
    values.added.push_back(std::make_shared<TreeValueFile>(use.info, this, &obsolete_));
  }
  AURORA_CO_RETURN_IF_ERROR(problems.ToStatus(options_.directory));
  tree_ = tree_->With({}, tables, values);
  co_return absl::OkStatus();
}

// What bears a name and number of ours, and is in no edit, is left of a job that did not end.
Task<absl::Status> StoreImpl::RemoveOrphans() {
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries,
                   co_await environment_.files().List(options_.directory));
  std::set<std::string> needed;
  for (const auto& [number, table] : manifest_->state().tables) {
    needed.insert(TableFileName(number));
  }
  for (const auto& [id, use] : manifest_->state().value_files) {
    needed.insert(ValueFileName(use.info.number));
  }
  for (const DirectoryEntry& entry : entries) {
    const FileName name = ParseFileName(entry.name);
    const bool is_ours =
        name.kind == FileName::Kind::kTable || name.kind == FileName::Kind::kValues;
    if (!is_ours || entry.is_directory) continue;
    if (name.number >= next_file_number_) continue;  // never ours
    if (needed.contains(entry.name)) continue;
    AURORA_CO_RETURN_IF_ERROR(
        co_await environment_.files().Remove(JoinPath(options_.directory, entry.name)));
    events_.Post(LeftoverRemoved{entry.name});
  }
  co_return absl::OkStatus();
}

Task<absl::Status> StoreImpl::OpenLog() {
  LogOptions log;
  log.directory = JoinPath(options_.directory, kLogDirectoryName);
  log.identity = identity_;
  log.durability = options_.durability;
  log.segment_bytes = options_.log_segment_bytes;
  log.flush_interval = options_.flush_interval;
  log.statistics = &statistics_;
  log.events = &events_;
  active_ = active_view_ = std::make_shared<MemtableRun>(options_.memory, options_.memtable_bytes);
  const std::uint64_t first = manifest_->state().log_start_segment;
  Sequence after = manifest_->state().flushed_through;
  if (after > 0 && AURORA_PLANTED_BUG("replay-flushed-records")) --after;
  Log::RecordCallback replay = [this](const LogRecord& record) { return Replay(record); };
  AURORA_CO_ASSIGN(log_, co_await Log::Open(environment_, std::move(log), first, after,
                                            std::move(replay), &recovery_));
  log_pins_ = std::make_unique<LogPins>(log_.get());
  const Sequence last = std::max(recovery_.last_sequence, after);
  if (last > queue_->registered()) {
    co_return DataLossError(options_.directory, ": the log holds commit ", last,
                            ", and the manifest says that none above ", queue_->registered(),
                            " was issued");
  }
  if (AURORA_PLANTED_BUG("sequence-reused-after-recovery")) {
    queue_ = std::make_unique<CommitQueue>(last);
  }
  AURORA_CO_RETURN_IF_ERROR(co_await FinishIngestions());
  AURORA_CO_RETURN_IF_ERROR(co_await MakeArchiver(first == 0 ? after : 0));
  AURORA_CO_RETURN_IF_ERROR(co_await RemoveOrphanRecords());
  // All that was recovered is on the device.
  log_end_ = log_->durable_end();
  synced_through_ = last;
  if (first == 0) {
    // From here on the log is looked for; before, there was nothing in it.
    const std::vector<LogPosition> segments = log_->Segments();
    AURORA_CHECK(!segments.empty());
    ManifestEdit edit;
    edit.log_start_segment = segments.front().segment;
    AURORA_CO_RETURN_IF_ERROR(co_await manifest_->Append(edit));
  }
  co_return absl::OkStatus();
}

absl::Status StoreImpl::Replay(const LogRecord& record) {
  const bool is_oversize = record.file.number != 0;
  if (active_bytes_ >= options_.memtable_bytes || (is_oversize && active_bytes_ > 0)) {
    active_->last = record.sequence - 1;
    active_->bytes = active_bytes_;
    active_->log_end = record.position;
    active_->handler_state = handler_.SaveState();
    sealed_.push_back(std::move(active_));
    active_ = active_view_ = std::make_shared<MemtableRun>(
        options_.memory, std::max<std::size_t>(options_.memtable_bytes, record.payload.size()));
    active_bytes_ = 0;
  }
  if (is_oversize) {
    active_->record_files.push_back(
        std::make_shared<NeededRecordFile>(record.sequence, record.file, &obsolete_));
  }
  if (!record.tables.empty()) AURORA_RETURN_IF_ERROR(ReplayIngestion(record));
  replayed_.clear();
  // Only an ingestion may have no record.
  if (!record.payload.empty()) {
    AURORA_RETURN_IF_ERROR(handler_.Replay(record.sequence, record.payload, &replayed_));
  }
  if (const absl::Status checked = Memtable::CheckRangeDeletes(replayed_); !checked.ok()) {
    return DataLossError("the record of commit ", record.sequence, ": ", ToStd(checked.message()));
  }
  if (const absl::Status checked = CheckExpiring(replayed_); !checked.ok()) {
    return DataLossError("the record of commit ", record.sequence, ": ", ToStd(checked.message()));
  }
  std::size_t entry_bytes = 0;
  for (Mutation& mutation : replayed_) {
    if (AURORA_UNLIKELY(mutation.kind == EntryKind::kSeparatedPut)) {
      AURORA_RETURN_IF_ERROR(ReplayClaim(mutation, record.sequence));
      mutation = WithoutHash(mutation);
    }
    replayed_expiring_ |= mutation.kind == EntryKind::kExpiringPut;
    entry_bytes += Memtable::EntryBytes(mutation);
    active_->memtable.Add(mutation, record.sequence);
  }
  active_bytes_ += MemtableRun::ChargedBytes(entry_bytes, record.payload.size());
  return absl::OkStatus();
}

absl::Status StoreImpl::ReplayIngestion(const LogRecord& record) {
  if (record.sequence <= ingestion_.installed_through) return absl::OkStatus();
  absl::StatusOr<std::vector<TableInfo>> tables = DecodeTables(record.tables);
  if (!tables.ok() || !active_->memtable.empty() || !sealed_.empty()) {
    return DataLossError("commit ", record.sequence,
                         ", an ingestion, does not describe its tables, or earlier commits are not "
                         "in tables, as they must be");
  }
  for (TableInfo& table : *tables) {
    table.ingested_at = table.smallest_sequence = table.largest_sequence = record.sequence;
    ingestion_.only_logged.push_back(std::move(table));
  }
  return absl::OkStatus();
}

void StoreImpl::StartReading() {
  snapshots_ = std::make_unique<SnapshotList>(queue_.get(), &event_, &environment_.clock());
  bool expires = replayed_expiring_;
  for (int level = 0; level < kLevelCount; ++level) {
    for (const auto& table : tree_->level(level)) expires |= table->info().expiring_count > 0;
  }
  if (expires) snapshots_->BeginToExpire();
  conflicts_ = std::make_unique<ConflictTable>(queue_->registered());
  const std::lock_guard lock(state_mutex_);
  const ViewSlots::Views none = PublishView();
  static_cast<void>(none);
  NoteDebt();
}

void StoreImpl::StartBackground() {
  StartReading();
  background_.Spawn(environment_.background(), FlushLoop());
  for (int i = 0; i < compaction_jobs_; ++i) {
    background_.Spawn(environment_.background(), CompactionLoop());
  }
  background_.Spawn(environment_.background(), ExpiryLoop());
  background_.Spawn(environment_.background(), ValuesLoop());
  background_.Spawn(environment_.background(), HousekeepingLoop());
  if (archiver_ != nullptr) archiver_->Start();
  opened_ = true;
  events_.SetStatsSource([this] { return Stats(); });
}

Task<std::uint64_t> StoreImpl::LogBytesToRead() {
  co_await LockManifest();
  const std::uint64_t first = manifest_->state().log_start_segment;
  UnlockManifest();
  std::uint64_t bytes = 0;
  for (const LogPosition& segment : log_->Segments()) {
    if (segment.segment >= first) bytes += segment.offset;
  }
  co_return bytes;
}

std::size_t StoreImpl::UnflushedBytes() const {
  const std::lock_guard lock(commit_mutex_);
  const std::lock_guard state_lock(state_mutex_);
  std::size_t bytes = active_bytes_;
  for (const auto& run : sealed_) bytes += run->bytes;
  return bytes;
}

Task<Log::CloseMark> StoreImpl::FlushBeforeClose() {
  using Mark = Log::CloseMark;
  if (!opened_ || options_.read_only || poisoned()) co_return Mark::kBehindRecords;
  const std::uint64_t log_bytes = std::min(kReplayBytesMax, options_.log_segment_bytes / 2);
  const std::uint64_t memtable_bytes =
      std::min<std::uint64_t>(kReplayBytesMax, options_.memtable_bytes / 2);
  if (co_await LogBytesToRead() < log_bytes && UnflushedBytes() < memtable_bytes) {
    co_return Mark::kBehindRecords;
  }
  // Without it the next open replays more: nothing is lost but its time.
  const absl::Status flushed = co_await Flush();
  if (!flushed.ok()) {
    events_.Post(BackgroundFailure{Annotate(flushed, "not flushed before closing")});
  }
  co_return flushed_through_ == queue_->registered() ? Mark::kNewSegment : Mark::kBehindRecords;
}

Task<absl::Status> StoreImpl::Close() {
  AURORA_CHECK(!closed_);
  const Log::CloseMark mark = co_await FlushBeforeClose();
  if (opened_ && archiver_ != nullptr) co_await archiver_->Stop();
  closing_.store(true, std::memory_order_seq_cst);
  stop_.request_stop();
  event_.Notify();
  const absl::Status joined = co_await background_.Join();
  AURORA_CHECK(joined.ok());  // the loops keep their errors
  absl::Status result = status();
  if (log_ != nullptr) {
    absl::Status log_closed = co_await log_->Close(mark);
    if (result.ok()) result = std::move(log_closed);
  }
  if (opened_ && result.ok() && !options_.read_only) {
    ManifestEdit edit;
    edit.closed_at = queue_->registered();
    if (mark == Log::CloseMark::kNewSegment) {
      const std::uint64_t last = log_->Segments().back().segment;
      edit.log_start_segment = archiver_ == nullptr ? last : archiver_->KeepFrom(last);
    }
    // Without it the next open is one after a crash: nothing is lost but numbers.
    const absl::Status marked = co_await manifest_->Append(edit);
    if (!marked.ok()) events_.Post(BackgroundFailure{marked});
  }
  co_await StopEvents(result);
  const ViewSlots::Views views = views_.Set(nullptr);
  static_cast<void>(views);
  sealed_.clear();
  active_ = active_view_ = nullptr;
  tree_ = nullptr;
  archiver_ = nullptr;
  log_pins_ = nullptr;
  log_ = nullptr;
  manifest_ = nullptr;
  lock_ = nullptr;
  closed_ = true;
  co_return result;
}

Task<void> StoreImpl::StopEvents(absl::Status result) {
  events_.SetStatsSource(nullptr);
  if (opened_ && events_.is_wanted()) {
    events_.Post(StatsTaken{Stats()});
    events_.Post(StoreClosed{std::move(result)});
  }
  co_await events_.Stop();
}

StoreStats StoreImpl::Stats() const {
  StoreStats stats;
  stats.published = queue_->published();
  stats.file_backend = std::string(environment_.files().name());
  stats.recovery = recovery_;
  std::shared_ptr<const ReadView> view = views_.Get();
  for (const auto& run : view->runs) stats.memtable_bytes += run->memtable.charged_bytes();
  stats.memtable_count = static_cast<int>(view->runs.size());
  for (int level = 0; level < kLevelCount; ++level) {
    LevelStats level_stats;
    for (const auto& table : view->tree->level(level)) {
      ++level_stats.table_count;
      level_stats.bytes += table->info().size_bytes;
      level_stats.entry_count += table->info().entry_count;
      level_stats.delete_count += table->info().delete_count;
      level_stats.range_delete_count += table->info().range_delete_count;
      level_stats.value_bytes += table->info().value_bytes();
    }
    stats.levels.push_back(level_stats);
  }
  stats.level0_run_count = static_cast<int>(view->tree->level0_runs().size());
  {
    const std::lock_guard lock(state_mutex_);
    stats.compactions_running = static_cast<int>(compactions_running_);
  }
  for (const auto& [id, held] : view->tree->value_files()) {
    ++stats.value_file_count;
    stats.value_file_bytes += held.file->info().size_bytes;
    stats.value_bytes += held.live_bytes;
    stats.value_garbage_bytes += held.garbage_bytes();
  }
  const std::vector<LogPosition> segments = log_ == nullptr ? scanned_log_ : log_->Segments();
  for (const LogPosition& segment : segments) {
    stats.log_bytes += segment.offset;
    ++stats.log_segment_count;
  }
  const cache::BlockCacheStats cached = block_cache_->Stats();
  stats.block_cache_hits = cached.hits;
  stats.block_cache_misses = cached.misses;
  stats.block_cache_inserted_bytes = cached.inserted_bytes;
  stats.block_cache_evicted_bytes = cached.evicted_bytes;
  stats.block_cache_bytes = cached.charged_bytes;
  stats.block_cache_entries = cached.entry_count;
  const FilePool::Counts files = files_.counts();
  stats.open_files = files.open_count;
  stats.files_reopened = files.reopened_count;
  {
    const std::lock_guard lock(commit_mutex_);
    stats.durable = log_ == nullptr || log_->durable_end() >= log_end_
                        ? queue_->registered()
                        : std::max(synced_through_.load(), flushed_through_.load());
  }
  if (log_ != nullptr) stats.bytes_logged = log_->bytes_written();
  if (archiver_ != nullptr) stats.archive = archiver_->Stats();
  stats.get_count = views_.key_count();
  statistics_.Report(&stats);
  return stats;
}

}  // namespace aurora::lsm
