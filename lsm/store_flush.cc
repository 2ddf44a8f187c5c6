// Memtables to tables; changes of the tree; what must be done now and then.
#include <algorithm>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

// --- Errors and waiting. ---

void StoreImpl::Poison(const absl::Status& error) {
  AURORA_CHECK(!error.ok());
  {
    const std::lock_guard lock(state_mutex_);
    if (!poison_.ok()) return;
    poison_ = Annotate(
        error, StrCat(options_.directory, " takes no more writes until it is opened again"));
    poisoned_.store(true, std::memory_order_seq_cst);
  }
  events_.Post(Poisoned{status()});
  stop_.request_stop();
  event_.Notify();
}

absl::Status StoreImpl::status() const {
  const std::lock_guard lock(state_mutex_);
  return poison_;
}

void StoreImpl::SetError(absl::Status* which, absl::Status error) {
  const bool is_error = !error.ok();
  if (is_error) events_.Post(BackgroundFailure{error});
  if (absl::IsResourceExhausted(error) && log_ != nullptr) {
    log_->GiveUpSpares();
    if (archiver_ != nullptr) archiver_->NoteFullDevice();
  }
  {
    const std::lock_guard lock(state_mutex_);
    *which = std::move(error);
    if (is_error) ++failures_;
  }
  event_.Notify();
}

absl::Status StoreImpl::HoldError() const {
  if (!flush_error_.ok()) return flush_error_;
  if (flush_stopped_ && !compaction_error_.ok()) return compaction_error_;
  return absl::OkStatus();
}

absl::Status StoreImpl::BackgroundError() const {
  if (!flush_error_.ok()) return flush_error_;
  return compaction_error_.ok() ? values_error_ : compaction_error_;
}

absl::Status StoreImpl::UnusableError() const {
  if (options_.read_only) return ReadOnlyError();
  if (!poison_.ok()) return poison_;
  return FailedPreconditionError(options_.directory, " is being closed");
}

Task<void> StoreImpl::BackOff(int attempt) {
  const absl::Duration longest = absl::Seconds(5);
  const absl::Duration wait =
      std::min(longest, absl::Milliseconds(20) * (1 << std::min(attempt, 10)));
  const absl::Status slept = co_await environment_.Sleep(wait, stop_.get_token());
  // Without a clock there is no pacing: nothing is tried again.
  if (!slept.ok() && !absl::IsCancelled(slept)) Poison(slept);
}

// --- Flush. ---

Task<absl::StatusOr<Sequence>> StoreImpl::SealForFlush() {
  for (;;) {
    {
      const std::lock_guard lock(commit_mutex_);
      if (poisoned()) co_return status();
      if (active_bytes_ == 0) co_return queue_->registered();
      if (SealedHasRoom()) {
        Seal();
        co_return queue_->registered();
      }
    }
    AURORA_CO_RETURN_IF_ERROR(co_await WaitFor(Hold::kMemtable, 0));
  }
}

Task<absl::Status> StoreImpl::Flush() {
  if (options_.read_only) co_return ReadOnlyError();
  AURORA_CO_ASSIGN(const Sequence target, co_await SealForFlush());
  std::uint64_t failures = 0;
  {
    const std::lock_guard lock(state_mutex_);
    failures = failures_;
  }
  std::optional<absl::Status> outcome;
  const auto is_over = [this, target, failures, &outcome] {
    if (outcome.has_value()) return true;
    const bool closing_or_poisoned = poisoned() || closing();
    const std::lock_guard lock(state_mutex_);
    if (sealed_.empty() || sealed_.front()->last > target) {
      outcome = absl::OkStatus();
    } else if (closing_or_poisoned) {
      outcome = UnusableError();
    } else if (failures_ > failures && !HoldError().ok()) {
      outcome = HoldError();
    }
    return outcome.has_value();
  };
  co_await event_.Until(is_over);
  co_return *std::move(outcome);
}

Task<absl::Status> StoreImpl::FlushLoop() {
  int failed_attempts = 0;
  const auto has_work = [this] {
    if (closing()) return true;
    if (poisoned()) return false;
    const std::lock_guard lock(state_mutex_);
    const auto level0_stop = static_cast<std::size_t>(options_.level0_runs_max * kStopFactor);
    flush_stopped_ = tree_->level0_runs().size() >= level0_stop;
    return !sealed_.empty() && !flush_stopped_;
  };
  for (;;) {
    co_await event_.Until(has_work);
    if (closing()) co_return absl::OkStatus();
    std::shared_ptr<MemtableRun> run;
    {
      const std::lock_guard lock(state_mutex_);
      run = sealed_.front();
    }
    absl::Status flushed = co_await FlushRun(std::move(run));
    const bool failed = !flushed.ok();
    SetError(&flush_error_, std::move(flushed));
    failed_attempts = failed ? failed_attempts + 1 : 0;
    if (failed && !poisoned()) co_await BackOff(failed_attempts);
  }
}

Task<absl::Status> StoreImpl::FlushRun(std::shared_ptr<MemtableRun> run) {
  // Commits that were registered before the run was sealed may still be adding to it.
  co_await queue_->WaitPublished(run->last);
  const std::int64_t start = Now();
  events_.Post(FlushBegun{run->last, run->memtable.entry_count(), run->bytes});
  FlushEnded told;
  told.status = co_await WriteRun(std::move(run), start, &told);
  told.nanos = Now() - start;
  absl::Status status = told.status;
  if (status.ok()) {
    statistics_.Count(StoreStatistics::Counter::kFlushes);
    statistics_.RecordTime(Measure::kFlush, told.nanos);
  }
  events_.Post(std::move(told));
  co_return status;
}

Task<absl::Status> StoreImpl::WriteRun(std::shared_ptr<MemtableRun> run, std::int64_t start,
                                       FlushEnded* told) {
  TreeChange change;
  if (!run->memtable.empty()) {
    EntryFilter::Options filter;
    SnapshotList::Readers readers = snapshots_->Visible();
    filter.visible = std::move(readers.visible);
    filter.expired_through = readers.expired_through;
    change.readers = std::move(readers.hold);
    filter.is_bottom = [](std::string_view) { return false; };
    filter.merge_operators = &options_.merge_operators;
    filter.default_merge_operator = options_.default_merge_operator;
    {
      // The only separated Puts of a memtable are claims. A tree that is held for nothing keeps
      // what compactions replace meanwhile in the cache.
      const std::lock_guard lock(state_mutex_);
      if (!staged_.empty()) filter.values = tree_;
    }
    std::vector<RangeDelete> ranges;
    if (const auto* const groups = run->memtable.range_deletes(); groups != nullptr) {
      for (const RangeDeleteGroup& group : *groups) {
        ranges.insert(ranges.end(), group.front()->all().begin(), group.front()->all().end());
      }
    }
    CompactionRangeDeletes range_deletes(ranges, filter.visible);
    std::unique_ptr<EntryIterator> entries = std::make_unique<Memtable::Iterator>(&run->memtable);
    TableOutput output{.level = 0, .is_last_level = false};
    {
      const std::lock_guard lock(state_mutex_);
      output.cuts = picker_.FlushCuts(*tree_);
    }
    AURORA_CO_ASSIGN(Written written,
                     co_await WriteTables(std::move(entries), std::move(filter),
                                          std::move(range_deletes), std::move(output)));
    told->bytes_written = TakeWritten(std::move(written), 0, &change);
    statistics_.Count(StoreStatistics::Counter::kBytesFlushed, told->bytes_written);
  }
  // The archive has only what the log has on the device, and no table may know of more: what a loss
  // of power takes from the log could never be archived.
  if (archiver_ != nullptr && !AURORA_PLANTED_BUG("archive-flush-before-log")) {
    const absl::Status durable = co_await log_->WaitDurable(run->log_end, Durability::kSync);
    if (!durable.ok()) Poison(durable);
    AURORA_CO_RETURN_IF_ERROR(durable);
  }
  const std::int64_t written_after = Now() - start;
  for (const TableInfo& table : change.edit.added_tables) told->tables.push_back(table.number);
  change.edit.flushed_through = run->last;
  change.edit.log_start_segment =
      archiver_ == nullptr ? run->log_end.segment : archiver_->KeepFrom(run->log_end.segment);
  const LogPosition log_start{*change.edit.log_start_segment, 0};
  change.edit.handler_state = run->handler_state;
  change.flushed = run;
  if (AURORA_PLANTED_BUG("release-log-before-edit")) log_pins_->Release(run->log_end);
  AURORA_CO_RETURN_IF_ERROR(co_await Install(std::move(change)));
  // The tables have them now. Nobody else can find the run any more, to copy its part of the log.
  for (const auto& file : run->record_files) file->MarkObsolete();
  if (archiver_ != nullptr) archiver_->Hold(std::move(run->record_files));
  run->record_files.clear();
  pacer_.NoteFlush(run->bytes, written_after);
  log_pins_->Release(archiver_ == nullptr ? run->log_end : log_start);
  co_return absl::OkStatus();
}

// --- Changes of the tree. ---

Task<void> StoreImpl::LockManifest() {
  while (manifest_locked_.exchange(true, std::memory_order_seq_cst)) {
    const auto is_free = [this] { return !manifest_locked_.load(std::memory_order_seq_cst); };
    co_await manifest_event_.Until(is_free);
  }
}

void StoreImpl::UnlockManifest() {
  manifest_locked_.store(false, std::memory_order_seq_cst);
  manifest_event_.Notify();
}

// REQUIRES the manifest lock. What a full disk has stopped is tried again: the manifest then begins
// a new file, so it does not matter how much of the edit is in the old one.
Task<absl::Status> StoreImpl::AppendEdit(ManifestEdit edit, bool waits_for_room,
                                         EditRenewal renew) {
  bool was_held = false;
  for (int attempt = 1;; ++attempt) {
    if (poisoned()) co_return status();
    const absl::Status appended = co_await manifest_->Append(edit);
    if (appended.ok()) break;
    if (!absl::IsResourceExhausted(appended)) {
      Poison(appended);
      co_return appended;
    }
    if (!waits_for_room) co_return appended;
    was_held = true;
    SetError(&flush_error_, appended);
    if (closing()) {
      Poison(appended);
      co_return appended;
    }
    // Meanwhile the state without the edit can be captured, and another job may be luckier.
    UnlockManifest();
    co_await BackOff(attempt);
    co_await LockManifest();
    if (edit.next_file_number.has_value()) {
      edit.next_file_number = std::max(*edit.next_file_number, manifest_->state().next_file_number);
    }
    if (renew) renew(&edit);
  }
  file_number_bound_.store(manifest_->state().next_file_number, std::memory_order_relaxed);
  if (was_held) SetError(&flush_error_, absl::OkStatus());
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::uint64_t>> StoreImpl::NewFileNumber() {
  const std::uint64_t number = next_file_number_.fetch_add(1, std::memory_order_relaxed);
  // Every edit renews the reserve, so this is for jobs that write more tables than it holds.
  while (number >= file_number_bound_.load(std::memory_order_relaxed)) {
    AURORA_CO_RETURN_IF_ERROR(co_await ReserveFileNumbers());
  }
  co_return number;
}

Task<absl::Status> StoreImpl::ReserveFileNumbers() {
  co_await LockManifest();
  ManifestEdit edit;
  edit.next_file_number = NextFileNumber();
  absl::Status appended = co_await AppendEdit(edit);
  UnlockManifest();
  event_.Notify();
  co_return appended;
}

std::uint64_t StoreImpl::NextFileNumber() const {
  const std::uint64_t next = next_file_number_.load(std::memory_order_relaxed);
  return std::max(manifest_->state().next_file_number, next + kFileNumberReserve);
}

Task<absl::Status> StoreImpl::Install(TreeChange change) {
  if (AURORA_PLANTED_BUG("unlink-before-edit")) {
    for (const auto& table : change.obsolete) {
      const absl::Status ignored = co_await environment_.files().Remove(
          JoinPath(options_.directory, TableFileName(table->info().number)));
      static_cast<void>(ignored);
    }
  }
  co_await LockManifest();
  change.edit.next_file_number = NextFileNumber();
  absl::Status appended = co_await AppendEdit(change.edit, change.waits_for_room);
  if (!appended.ok()) {
    UnlockManifest();
    co_return appended;
  }
  std::shared_ptr<const Tree> old_tree;
  ViewSlots::Views old_views;  // freed without the lock
  Expiry next_expiry = kNeverExpires;
  {
    const std::lock_guard lock(state_mutex_);
    old_tree =
        std::exchange(tree_, tree_->With(change.edit.removed_tables, change.added, change.values));
    if (change.flushed != nullptr) {
      AURORA_CHECK(sealed_.front() == change.flushed);
      sealed_.pop_front();
      ForgetClaims(change.flushed->last);
      needed_log_segment_ = change.flushed->log_end.segment;
      flushed_through_.store(change.flushed->last, std::memory_order_seq_cst);
    }
    old_views = PublishView();
    NoteDebt();
    picker_.TreeChanged();
    if (AURORA_UNLIKELY(!tree_->dense_tables().empty())) {
      next_expiry = tree_->NextExpiry(ToExpiry(environment_.clock().Now()));
    }
  }
  expiry_wait_.WakeFor(next_expiry);
  for (const auto& table : change.obsolete) table->MarkObsolete();
  for (const auto& values : change.obsolete_values) values->MarkObsolete();
  UnlockManifest();
  event_.Notify();
  co_return absl::OkStatus();
}

ViewSlots::Views StoreImpl::PublishView() {
  auto view = std::make_shared<ReadView>();
  view->runs.push_back(active_view_);
  view->runs.insert(view->runs.end(), sealed_.rbegin(), sealed_.rend());
  view->pins.assign(view->runs.begin(), view->runs.end());
  view->tree = tree_;
  return views_.Set(std::move(view));
}

void StoreImpl::NoteDebt() { pacer_.NoteDebt(sealed_.size(), tree_->level0_runs().size()); }

// --- Housekeeping. ---

void StoreImpl::PostRemoved(std::string_view name) {
  const FileName file = ParseFileName(name);
  if (file.kind == FileName::Kind::kTable) events_.Post(TableRemoved{file.number});
  if (file.kind == FileName::Kind::kValues) events_.Post(ValueFileRemoved{file.number});
  const std::uint64_t record = ParseRecordFileName(name.substr(name.rfind('/') + 1));
  if (record != 0) events_.Post(RecordFileRemoved{record});
}

Task<void> StoreImpl::Discard(std::vector<std::string> names) {
  if (poisoned()) co_return;
  for (const std::string& name : names) {
    const absl::Status ignored =
        co_await environment_.files().Remove(JoinPath(options_.directory, name));
    if (ignored.ok()) PostRemoved(name);  // else at the next open
  }
}

Task<void> StoreImpl::RemoveObsoleteFiles() {
  // After a failed edit it is unknown which files the manifest names.
  if (poisoned()) co_return;
  for (ObsoleteFiles::Entry& entry : obsolete_.Take()) {
    if (entry.table != nullptr) entry.table->ForgetBlocks();
    if (entry.values != nullptr) entry.values->ForgetValues();
    entry.table.reset();  // closes the file before it is removed
    entry.values.reset();
    const absl::Status removed =
        co_await environment_.files().Remove(JoinPath(options_.directory, entry.name));
    if (removed.ok()) {
      PostRemoved(entry.name);
    } else {
      events_.Post(BackgroundFailure{removed});
    }
  }
}

Task<absl::Status> StoreImpl::ReserveSequences() {
  co_await LockManifest();
  ManifestEdit edit;
  edit.reserved_through = queue_->registered() + kSequenceReserve;
  absl::Status appended = co_await AppendEdit(edit);
  if (appended.ok()) {
    reserved_through_.store(*edit.reserved_through, std::memory_order_seq_cst);
  }
  UnlockManifest();
  event_.Notify();
  co_return appended;
}

Task<absl::Status> StoreImpl::HousekeepingLoop() {
  const auto needs_sequences = [this] {
    return reserved_through_.load(std::memory_order_seq_cst) - queue_->registered() <
           kSequenceReserve / 2;
  };
  const auto has_work = [this, needs_sequences] {
    if (closing()) return true;
    const bool gives_up = archiver_ != nullptr && archiver_->is_giving_up();
    return !poisoned() && (!obsolete_.empty() || needs_sequences() || gives_up);
  };
  for (;;) {
    co_await event_.Until(has_work);
    if (!closing() && needs_sequences()) {
      const absl::Status ignored = co_await ReserveSequences();  // has poisoned the store
      static_cast<void>(ignored);
    }
    if (!closing()) co_await GiveUpArchiving();
    co_await RemoveObsoleteFiles();
    event_.Notify();
    if (closing()) co_return absl::OkStatus();
  }
}

}  // namespace aurora::lsm
