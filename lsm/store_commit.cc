// How a commit happens: see store_impl.h.
#include <algorithm>
#include <utility>

#include "aurora/lsm/held_request.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

using Counter = StoreStatistics::Counter;

std::size_t TotalSize(std::span<const std::string_view> parts) {
  std::size_t bytes = 0;
  for (const std::string_view part : parts) bytes += part.size();
  return bytes;
}

Measure MeasureOf(Durability durability) {
  switch (durability) {
    case Durability::kSync:
      return Measure::kCommitSync;
    case Durability::kProcess:
      return Measure::kCommitProcess;
    case Durability::kBuffered:
      break;
  }
  return Measure::kCommitBuffered;
}

StallReason ReasonOf(StoreParts::Hold hold) {
  using Hold = StoreParts::Hold;
  switch (hold) {
    case Hold::kLog:
      return StallReason::kLogRoom;
    case Hold::kQueue:
      return StallReason::kQueue;
    case Hold::kMemtable:
      return StallReason::kMemtables;
    case Hold::kSequences:
      return StallReason::kSequences;
    case Hold::kIngestion:
      return StallReason::kIngestion;
    case Hold::kNone:
    case Hold::kStatus:
    case Hold::kSlowdown:
      break;
  }
  return StallReason::kPacing;
}

void AddTime(std::uint64_t* nanos, std::int64_t start, std::int64_t end) {
  *nanos += static_cast<std::uint64_t>(std::max<std::int64_t>(end - start, 0));
}

absl::Status ConflictError(const ConflictTable::Conflict& conflict, Sequence snapshot) {
  if (conflict.exact) {
    return AbortedError("resource ", conflict.resource, " was written by commit ", conflict.written,
                        ", after the transaction's snapshot ", snapshot, ": run it again");
  }
  return AbortedError("the transaction's snapshot ", snapshot,
                      " is older than what is remembered of the writers of resource ",
                      conflict.resource, " (commit ", conflict.written, "): run it again");
}

}  // namespace

StoreImpl::Measured StoreImpl::MeasureRequest(const CommitRequest& request) {
  Measured measured;
  measured.payload_bytes = TotalSize(request.record);
  measured.payload_hash = Log::HashPayload(request.record);
  for (const Mutation& mutation : request.mutations) {
    measured.memtable_bytes += Memtable::EntryBytes(mutation);
    measured.has_claims |= mutation.kind == EntryKind::kSeparatedPut;
    measured.expires |= mutation.kind == EntryKind::kExpiringPut;
  }
  measured.memtable_bytes =
      MemtableRun::ChargedBytes(measured.memtable_bytes, measured.payload_bytes);
  return measured;
}

absl::Status StoreImpl::CheckExpiring(std::span<const Mutation> mutations) {
  for (const Mutation& mutation : mutations) {
    if (mutation.kind != EntryKind::kExpiringPut) continue;
    const PutForm form = ParsePutForm(mutation.value);
    if (form.is_separated) {
      return InvalidArgumentError("key ", Quoted(mutation.key),
                                  " is put for a time, and its value does not say until when");
    }
  }
  return absl::OkStatus();
}

Task<absl::StatusOr<CommitResult>> StoreImpl::Commit(const CommitRequest& request) {
  const Durability durability = request.durability.value_or(options_.durability);
  if (AURORA_UNLIKELY(TotalSize(request.record) == 0)) {
    const absl::StatusOr<CommitResult> validated = Validate(request);
    if (!validated.ok()) return validated;
    return AwaitCommit(*validated, durability, /*start=*/0, request.profile);
  }
  if (absl::Status checked = Memtable::CheckRangeDeletes(request.mutations);
      AURORA_UNLIKELY(!checked.ok())) {
    return absl::StatusOr<CommitResult>(std::move(checked));
  }
  const Measured measured = MeasureRequest(request);
  if (AURORA_UNLIKELY(measured.expires)) {
    if (absl::Status checked = CheckExpiring(request.mutations); !checked.ok()) {
      return absl::StatusOr<CommitResult>(std::move(checked));
    }
    snapshots_->BeginToExpire();
  }
  if (AURORA_UNLIKELY(log_ != nullptr && measured.payload_bytes > log_->max_payload_bytes())) {
    return CommitOversize(request, measured, durability);
  }
  const std::int64_t start = statistics_.IsSampled(queue_->registered() + 1) ? Now() : 0;
  Begun begun;
  Hold hold = Hold::kSlowdown;
  if (AURORA_LIKELY(pacer_.is_idle())) {
    hold = TryBegin(request, measured, nullptr, &begun);
  }
  if (AURORA_UNLIKELY(hold != Hold::kNone)) {
    if (hold == Hold::kStatus) return absl::StatusOr<CommitResult>(std::move(begun.status));
    return CommitHeld(std::make_unique<HeldRequest>(request), durability);
  }
  Apply(request, begun);
  if (AURORA_LIKELY(queue_->published() >= begun.result.sequence)) {
    Task<absl::Status> durable = log_->WaitDurable(begun.result.end, durability);
    if (durable.IsReady()) {
      if (AURORA_UNLIKELY(start != 0)) {
        statistics_.RecordTime(MeasureOf(durability), Now() - start, statistics_.weight());
      }
      return Concluded(std::move(durable).TakeReady(), begun.result);
    }
    // Not started: AwaitCommit asks again.
  }
  return AwaitCommit(begun.result, durability, start != 0 ? start : Now(), request.profile);
}

absl::StatusOr<CommitResult> StoreImpl::Validate(const CommitRequest& request) {
  if (!request.mutations.empty()) {
    return InvalidArgumentError("a commit with mutations needs a log record");
  }
  if (options_.read_only) return ReadOnlyError();
  if (poisoned()) return status();
  const std::lock_guard lock(commit_mutex_);
  AURORA_RETURN_IF_ERROR(CheckConflicts(request));
  return CommitResult{queue_->registered(), log_end_};
}

absl::Status StoreImpl::CheckConflicts(const CommitRequest& request) const {
  if (request.snapshot == kMaxSequence) return absl::OkStatus();
  if (const auto conflict = conflicts_->Check(request.snapshot, request.reads)) {
    return ConflictError(*conflict, request.snapshot);
  }
  return absl::OkStatus();
}

absl::Status StoreImpl::CheckUsable() const {
  if (AURORA_LIKELY(!poisoned() && !closing())) return absl::OkStatus();
  const std::lock_guard state_lock(state_mutex_);
  return UnusableError();
}

absl::Status StoreImpl::CheckAhead(const CommitRequest& request) const {
  AURORA_RETURN_IF_ERROR(CheckUsable());
  const std::lock_guard lock(commit_mutex_);
  return CheckConflicts(request);
}

StoreImpl::Hold StoreImpl::TryBegin(const CommitRequest& request, const Measured& measured,
                                    Oversize* oversize, Begun* begun) {
  const std::lock_guard lock(commit_mutex_);
  if (AURORA_UNLIKELY(poisoned() || closing())) {
    begun->status = CheckUsable();
    return Hold::kStatus;
  }
  if (AURORA_UNLIKELY(ingestion_.holds_commits)) return Hold::kIngestion;
  if (request.snapshot != kMaxSequence) {
    begun->status = CheckConflicts(request);
    if (!begun->status.ok()) return Hold::kStatus;
  }
  if (AURORA_UNLIKELY(measured.has_claims)) {
    begun->status = CheckClaims(request.mutations);
    if (!begun->status.ok()) return Hold::kStatus;
  }
  const std::size_t logged_bytes =
      oversize == nullptr ? measured.payload_bytes : kRecordFileReferenceBytes;
  if (AURORA_UNLIKELY(!log_->HasRoom(logged_bytes))) return Hold::kLog;
  if (AURORA_UNLIKELY(!queue_->HasRoom())) return Hold::kQueue;
  const Sequence registered = queue_->registered();
  const Sequence reserved = reserved_through_.load(std::memory_order_relaxed);
  if (AURORA_UNLIKELY(reserved - registered < kSequenceReserve / 2)) {
    if (reserved <= registered) return Hold::kSequences;
    if (reserved - registered == kSequenceReserve / 2 - 1) event_.Notify();
  }
  const bool is_full = active_bytes_ + measured.memtable_bytes > options_.memtable_bytes;
  if ((is_full && active_bytes_ > 0) || oversize != nullptr) {
    if (AURORA_UNLIKELY(!SealedHasRoom())) return Hold::kMemtable;
    if (active_bytes_ > 0) Seal();
  }
  Register(request, measured, oversize, begun);
  return Hold::kNone;
}

void StoreImpl::Register(const CommitRequest& request, const Measured& measured, Oversize* oversize,
                         Begun* begun) {
  const Sequence sequence = queue_->Register();
  begun->result.sequence = sequence;
  if (AURORA_UNLIKELY(measured.has_claims)) TakeClaims(request.mutations, sequence);
  if (AURORA_LIKELY(oversize == nullptr)) {
    begun->result.end = log_->Append(sequence, request.record, measured.payload_hash);
  } else {
    begun->result.end = log_->AppendRecordFile(sequence, oversize->file);
    oversize->run->memtable.TakePlace(sequence);
    oversize->run->record_files.push_back(
        std::make_shared<NeededRecordFile>(sequence, oversize->file, &obsolete_));
    active_ = std::move(oversize->run);  // in place of one that is empty
  }
  begun->run = active_.get();
  begun->is_applied = oversize != nullptr;
  active_bytes_ += measured.memtable_bytes;
  log_end_ = begun->result.end;
  conflicts_->Record(sequence, request.writes);
  statistics_.CountAlone(Counter::kCommits, 1);
  statistics_.CountAlone(Counter::kBytesCommitted, measured.payload_bytes);
  if (request.on_sequenced != nullptr) (*request.on_sequenced)(sequence);
  // This may be one more than others may seal: else it could be kept waiting by them for ever.
  if (AURORA_UNLIKELY(oversize != nullptr)) {
    if (AURORA_PLANTED_BUG("record-file-removed-early")) {
      active_->record_files.front()->MarkObsolete();
      active_->record_files.clear();
    }
    Seal();
  }
}

void StoreImpl::Apply(const CommitRequest& request, const Begun& begun) {
  for (const Mutation& mutation : request.mutations) {
    if (begun.is_applied && mutation.kind != EntryKind::kDeleteRange) continue;
    if (AURORA_UNLIKELY(mutation.kind == EntryKind::kSeparatedPut)) {
      begun.run->memtable.Add(WithoutHash(mutation), begun.result.sequence);
    } else {
      begun.run->memtable.Add(mutation, begun.result.sequence);
    }
  }
  queue_->Finish(begun.result.sequence);
}

absl::StatusOr<CommitResult> StoreImpl::Concluded(const absl::Status& durable,
                                                  const CommitResult& result) {
  if (AURORA_LIKELY(durable.ok())) return result;
  Poison(durable);
  return Annotate(durable, StrCat("commit ", result.sequence,
                                  " is in memory, but whether it is durable is unknown until the "
                                  "store is opened again"));
}

Task<absl::StatusOr<CommitResult>> StoreImpl::AwaitCommit(CommitResult result,
                                                          Durability durability, std::int64_t start,
                                                          OperationProfile* profile) {
  const std::int64_t before = Now();
  co_await queue_->WaitPublished(result.sequence);
  const std::int64_t published = Now();
  const absl::Status durable = co_await log_->WaitDurable(result.end, durability);
  const std::int64_t end = Now();
  if (start != 0) statistics_.RecordTime(MeasureOf(durability), end - start);
  if (profile != nullptr) {
    AddTime(&profile->publication_wait_nanos, before, published);
    AddTime(&profile->log_wait_nanos, published, end);
  }
  if (durable.ok() && durability == Durability::kSync) {
    Sequence synced = synced_through_.load(std::memory_order_relaxed);
    while (synced < result.sequence &&
           !synced_through_.compare_exchange_weak(synced, result.sequence)) {
    }
  }
  co_return Concluded(durable, result);
}

Task<absl::StatusOr<CommitResult>> StoreImpl::CommitHeld(std::unique_ptr<HeldRequest> held_request,
                                                         Durability durability) {
  const CommitRequest& request = held_request->request();
  const Measured measured = MeasureRequest(request);
  const std::int64_t start = Now();
  AURORA_CO_RETURN_IF_ERROR(co_await SlowDown(measured.memtable_bytes));
  Begun begun;
  for (;;) {
    const Hold hold = TryBegin(request, measured, nullptr, &begun);
    if (hold == Hold::kNone) break;
    if (hold == Hold::kStatus) co_return std::move(begun.status);
    AURORA_CO_RETURN_IF_ERROR(co_await WaitHeld(hold, measured.payload_bytes));
  }
  CountHeld(start, request.profile);
  Apply(request, begun);
  absl::StatusOr<CommitResult> result =
      co_await AwaitCommit(begun.result, durability, start, request.profile);
  co_return result;
}

void StoreImpl::CountHeld(std::int64_t start, OperationProfile* profile) {
  const std::int64_t now = Now();
  statistics_.Count(Counter::kStallNanos,
                    static_cast<std::uint64_t>(std::max<std::int64_t>(now - start, 0)));
  if (profile != nullptr) AddTime(&profile->room_wait_nanos, start, now);
}

Task<absl::Status> StoreImpl::WaitHeld(Hold hold, std::size_t payload_bytes) {
  const std::int64_t start = Now();
  stalls_.Begin(ReasonOf(hold), start);
  absl::Status waited = co_await WaitFor(hold, payload_bytes);
  NoteHeld(ReasonOf(hold), start);
  co_return waited;
}

void StoreImpl::NoteHeld(StallReason reason, std::int64_t start) {
  const std::int64_t now = Now();
  stalls_.End(reason, now);
  statistics_.CountStall(reason, now - start);
}

Task<absl::Status> StoreImpl::WaitFor(Hold hold, std::size_t payload_bytes) {
  switch (hold) {
    case Hold::kLog: {
      absl::Status status = co_await log_->MakeRoom(payload_bytes);
      co_return status;
    }
    case Hold::kQueue:
      co_await queue_->WaitRoom();
      co_return absl::OkStatus();
    case Hold::kMemtable: {
      event_.Notify();
      const auto may_go_on = [this] {
        const std::lock_guard lock(state_mutex_);
        return sealed_.size() < kSealedMax || poisoned() || closing() || !HoldError().ok();
      };
      co_await event_.Until(may_go_on);
      const std::lock_guard lock(state_mutex_);
      if (sealed_.size() < kSealedMax || poisoned() || closing()) co_return absl::OkStatus();
      co_return HoldError();
    }
    case Hold::kSequences: {
      event_.Notify();
      const Sequence reserved = reserved_through_.load(std::memory_order_seq_cst);
      const auto may_go_on = [this, reserved] {
        return reserved_through_.load(std::memory_order_seq_cst) > reserved || poisoned() ||
               closing();
      };
      co_await event_.Until(may_go_on);
      co_return absl::OkStatus();
    }
    case Hold::kIngestion: {
      const auto may_go_on = [this] {
        return !ingestion_.holds_commits || ingestion_.waits_for_room || poisoned() || closing();
      };
      co_await event_.Until(may_go_on);
      if (!ingestion_.waits_for_room) co_return absl::OkStatus();
      const std::lock_guard lock(state_mutex_);
      if (absl::Status error = HoldError(); !error.ok()) co_return error;
      co_return ResourceExhaustedError(options_.directory,
                                       ": an ingestion waits for space for the manifest");
    }
    case Hold::kNone:
    case Hold::kStatus:
    case Hold::kSlowdown:
      break;
  }
  AURORA_CHECK(hold == Hold::kSlowdown);
  co_return absl::OkStatus();
}

std::size_t StoreImpl::ActiveBytes() const {
  const std::lock_guard lock(commit_mutex_);
  return active_bytes_;
}

Task<absl::Status> StoreImpl::SlowDown(std::size_t memtable_bytes) {
  if (pacer_.is_idle()) co_return absl::OkStatus();
  std::int64_t now = environment_.clock().MonotonicNanos();
  const std::int64_t turn = pacer_.TakeTurn(now, memtable_bytes, ActiveBytes());
  // A timer is worth its price only for a wait that can be felt. A long wait is for a large commit,
  // and the debt may be paid before it is over.
  constexpr std::int64_t kShortestWait = 200'000;
  constexpr std::int64_t kLongestSleep = 10'000'000;
  if (turn - now < kShortestWait || pacer_.IsFree(ActiveBytes())) co_return absl::OkStatus();
  const std::int64_t start = now;
  stalls_.Begin(StallReason::kPacing, start);
  absl::Status slept;
  while (slept.ok() && turn - now >= kShortestWait && !pacer_.IsFree(ActiveBytes())) {
    const std::int64_t until = std::min(turn, now + kLongestSleep);
    slept = co_await environment_.SleepUntil(until, stop_.get_token());
    now = Now();
  }
  NoteHeld(StallReason::kPacing, start);
  // The store is being closed, or is poisoned: TryBegin says so.
  if (absl::IsCancelled(slept)) co_return absl::OkStatus();
  co_return slept;
}

bool StoreImpl::SealedHasRoom() const {
  const std::lock_guard lock(state_mutex_);
  return sealed_.size() < kSealedMax;
}

void StoreImpl::Seal() {
  AURORA_CHECK(active_bytes_ > 0);
  active_->last = queue_->registered();
  active_->bytes = active_bytes_;
  active_->log_end = log_end_;
  active_->handler_state = handler_.SaveState();
  auto next = std::make_shared<MemtableRun>(options_.memory, options_.memtable_bytes);
  ViewSlots::Views old_views;  // freed without the lock
  {
    const std::lock_guard lock(state_mutex_);
    sealed_.push_back(std::move(active_));
    active_view_ = next;
    old_views = PublishView();
    NoteDebt();
  }
  active_ = std::move(next);
  active_bytes_ = 0;
  event_.Notify();
}

}  // namespace aurora::lsm
