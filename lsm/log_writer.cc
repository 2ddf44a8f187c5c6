#include "aurora/lsm/log_writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "aurora/lsm/coding.h"
#include "aurora/lsm/event_feed.h"
#include "aurora/lsm/store_statistics.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

std::uint64_t Pack(LogPosition position) {
  AURORA_DCHECK(position.segment <= UINT32_MAX && position.offset <= UINT32_MAX);
  return position.segment << 32 | position.offset;
}
LogPosition Unpack(std::uint64_t packed) { return {packed >> 32, packed & UINT32_MAX}; }

// What a record gets that was appended to a poisoned log: never durable.
constexpr LogPosition kNowhere{UINT64_MAX, UINT64_MAX};

std::uint64_t SegmentCapacity(std::uint64_t segment_bytes) {
  return segment_bytes - kSegmentHeaderBytes - kSegmentReserveBytes;
}

// The records of a mapped log that a loss of power would take must fit into one segment, for
// recovery copies them. Two blocks less, so that they never spread over three: what is left empty
// in a segment that is full for the next record is less than that record and one block.
std::uint64_t UnsyncedBytesMax(const LogOptions& options) {
  return SegmentCapacity(options.segment_bytes) - 2 * kDeviceBlockSize;
}

std::uint32_t BufferBytes(const LogOptions& options) {
  const std::uint64_t wanted = AlignUp(options.buffer_bytes, kDeviceBlockSize);
  return static_cast<std::uint32_t>(std::min(wanted, SegmentCapacity(options.segment_bytes)));
}

}  // namespace

// A waiter for durability, or for room: parks itself in a list of the log.
class LogWriter::DurableWait {
 public:
  DurableWait(LogWriter* log, LogPosition end) : log_(log) { waiter_.end = end; }
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    bool wake = false;
    {
      std::lock_guard lock(log_->mutex_);
      if (log_->poisoned_.load(std::memory_order_relaxed) || log_->durable_end() >= waiter_.end) {
        return false;
      }
      waiter_.continuation = Continuation::Here(handle);
      const bool covered = log_->in_cycle_ && waiter_.end <= log_->cycle_end_;
      Waiter*& list = covered ? log_->covered_ : log_->waiting_;
      waiter_.next = std::exchange(list, &waiter_);
      wake = log_->TakeDriverLocked();
    }
    // The coroutine may be running again, and the log gone with it, unless this wakes the driver.
    if (wake) log_->driver_.Wake();
    return true;
  }
  void await_resume() const noexcept {}

 private:
  LogWriter* const log_;
  Waiter waiter_;
};

class LogWriter::RoomWait {
 public:
  RoomWait(LogWriter* log, std::size_t payload_bytes) : log_(log), payload_bytes_(payload_bytes) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    LogWriter* const log = log_;
    bool drive = false;
    bool supply = false;
    {
      std::lock_guard lock(log->mutex_);
      if (log->poisoned_.load(std::memory_order_relaxed) || log->closing_ ||
          log->HasRoomLocked(payload_bytes_)) {
        return false;
      }
      waiter_.continuation = Continuation::Here(handle);
      waiter_.next = std::exchange(log->room_waiters_, &waiter_);
      supply = log->supply_->NeedsWork();
      // A cycle makes room only where something is left to be made durable.
      if (log->durable_end() < LogPosition{log->current_number(), log->previous_end_}) {
        log->cycle_requested_ = true;
        drive = log->TakeDriverLocked();
      }
    }
    if (drive) log->driver_.Wake();
    if (supply) log->housekeeper_.Wake();
    return true;
  }
  void await_resume() const noexcept {}

 private:
  LogWriter* const log_;
  const std::size_t payload_bytes_;
  Waiter waiter_;
};

LogWriter::LogWriter(Environment& environment, LogOptions options, Start start)
    : environment_(environment),
      options_(std::move(options)),
      boot_(start.boot),
      direct_(start.segment->mode() == SegmentMode::kDirect),
      buffer_bytes_(BufferBytes(options_)),
      unsynced_bytes_max_(UnsyncedBytesMax(options_)),
      max_payload_bytes_(static_cast<std::size_t>((direct_ ? buffer_bytes_ : unsynced_bytes_max_) -
                                                  kFrameHeaderBytes)),
      supply_(std::move(start.supply)),
      driver_(environment.io(), &LogWorker::Call<LogWriter, &LogWriter::Drive>, this),
      // These two are on time too, whatever the background is busy with: a log without a segment
      // ready holds back every commit. They only await files and timers.
      housekeeper_(environment.io(), &LogWorker::Call<LogWriter, &LogWriter::KeepSupplied>, this),
      flusher_(environment.io(), &LogWorker::Call<LogWriter, &LogWriter::FlushLater>, this),
      current_(std::move(start.segment)),
      identity_(start.identity),
      predecessor_(start.predecessor),
      seed_(FrameSeed(identity_, current_->number())),
      tail_(start.offset),
      previous_end_(start.previous_end),
      prepared_end_(start.offset),
      sealed_end_(start.offset),
      last_sequence_(start.last_sequence),
      sealed_sequence_(start.last_sequence),
      older_(std::move(start.older)) {
  AURORA_CHECK(start.offset % kDeviceBlockSize == 0 && previous_end_ <= tail_);
  durable_.store(Pack({current_number(), previous_end_}));
  if (direct_) {
    filling_.buffer = AlignedBuffer(buffer_bytes_ + kSegmentHeaderBytes);
    writing_.buffer = AlignedBuffer(buffer_bytes_ + kSegmentHeaderBytes);
    filling_.segment = current_;
    filling_.base = tail_;
    group_watermark_ = previous_end_;
  }
}

Task<absl::Status> LogWriter::Begin() {
  char payload[8];
  StoreFixed(payload, boot_);
  {
    std::lock_guard lock(mutex_);
    driving_ = true;
    WriteMarkLocked(FrameKind::kOpenMark, {payload, sizeof(payload)});
  }
  co_await RunCycle();
  {
    std::lock_guard lock(mutex_);
    driving_ = false;
    if (!status_.ok()) co_return status_;
  }
  driver_.Start();
  housekeeper_.Start();
  flusher_.Start();
  housekeeper_.Wake();
  co_return absl::OkStatus();
}

// --- Appending ---

bool LogWriter::FitsLocked(std::uint64_t offset, std::uint64_t frame_bytes) const {
  if (offset + frame_bytes > current_->records_end()) return false;
  return !direct_ || filling_.used + frame_bytes <= filling_.buffer.size();
}

bool LogWriter::HasRoomLocked(std::size_t payload_bytes) const {
  if (poisoned_.load(std::memory_order_relaxed) || closing_) return false;
  if (payload_bytes > max_payload_bytes_) return false;
  const int ready = supply_->ready_count();
  if (ready < 1) return false;  // no ballast
  const std::uint64_t frame_bytes = FrameBytes(payload_bytes);
  if (!direct_ && unsynced_bytes_ + frame_bytes > unsynced_bytes_max_) return false;
  // A cycle may end the block before the record comes.
  if (FitsLocked(NextBlock(tail_), frame_bytes)) return true;
  return ready >= 2 && (!direct_ || filling_.used == 0);
}

bool LogWriter::HasRoom(std::size_t payload_bytes) const {
  std::lock_guard lock(mutex_);
  return HasRoomLocked(payload_bytes);
}

void LogWriter::WriteFrameLocked(FrameKind kind, Sequence sequence,
                                 std::span<const std::string_view> parts, std::size_t payload_bytes,
                                 std::uint64_t payload_hash) {
  const auto frame_bytes = static_cast<std::uint32_t>(FrameBytes(payload_bytes));
  if (!direct_) PrepareLocked(tail_ + frame_bytes);
  char* const out =
      direct_ ? filling_.buffer.data() + filling_.used : current_->region()->bytes().data() + tail_;
  char* next = out + kFrameHeaderBytes;
  for (const std::string_view part : parts) {
    if (part.empty()) continue;
    std::memcpy(next, part.data(), part.size());
    next += part.size();
  }
  std::memset(next, 0, static_cast<std::size_t>(out + frame_bytes - next));
  FrameHeader header;
  header.kind = kind;
  header.sequence = sequence;
  header.payload_hash = payload_hash;
  header.payload_bytes = static_cast<std::uint32_t>(payload_bytes);
  header.segment = current_number();
  header.offset = tail_;
  header.previous_end = previous_end_;
  if (direct_) {
    header.watermark = group_watermark_;
    header.watermark_in_predecessor = group_watermark_in_predecessor_;
    filling_.used += frame_bytes;
  } else {
    const LogPosition durable = durable_end();
    AURORA_DCHECK(durable.segment == header.segment || durable.segment == predecessor_);
    header.watermark = static_cast<std::uint32_t>(durable.offset);
    header.watermark_in_predecessor = durable.segment != header.segment;
    unsynced_bytes_ += frame_bytes;
    bytes_written_.fetch_add(frame_bytes, std::memory_order_relaxed);
  }
  EncodeFrameHeader(header, seed_, out);
  tail_ += frame_bytes;
  previous_end_ = tail_;
  last_sequence_ = sequence;
  if (!direct_) PublishLocked(header.offset, frame_bytes);
}

void LogWriter::WriteMarkLocked(FrameKind kind, std::string_view payload) {
  AURORA_CHECK(tail_ % kDeviceBlockSize == 0);
  const bool is_new = filling_.base == 0 && filling_.used == kSegmentHeaderBytes;
  AURORA_CHECK(!direct_ || filling_.used == 0 || is_new);
  WriteFrameLocked(kind, last_sequence_, {&payload, 1}, payload.size(), HashBytes(payload));
}

void LogWriter::PrepareLocked(std::uint64_t end) {
  if (AURORA_LIKELY(end <= prepared_end_)) return;
  // A sync writes what is prepared too: so no more than has been used since the last one.
  const std::uint64_t ahead = std::min(end - sealed_end_, kPrepareBytesMax);
  const std::uint64_t to = std::min(NextBlock(end + ahead), current_->bytes());
  current_->region()->Prepare(static_cast<std::size_t>(prepared_end_),
                              static_cast<std::size_t>(to - prepared_end_));
  prepared_end_ = to;
}

void LogWriter::PublishLocked(std::uint32_t offset, std::uint32_t size) {
  const absl::Status published = current_->region()->Publish(offset, size);
  if (AURORA_UNLIKELY(!published.ok())) PoisonLocked(published);
}

LogPosition LogWriter::Append(Sequence sequence, std::span<const std::string_view> parts,
                              std::uint64_t payload_hash) {
  return AppendFrame(FrameKind::kRecord, sequence, parts, payload_hash);
}

LogPosition LogWriter::AppendRecordFile(Sequence sequence, const RecordFileReference& file) {
  char payload[kRecordFileReferenceBytes];
  EncodeRecordFileReference(file, payload);
  const std::string_view part(payload, sizeof payload);
  return AppendFrame(FrameKind::kRecordFile, sequence, {&part, 1}, HashBytes(part));
}

LogPosition LogWriter::AppendIngestion(Sequence sequence, std::span<const std::string_view> parts,
                                       std::uint64_t payload_hash) {
  return AppendFrame(FrameKind::kIngestion, sequence, parts, payload_hash);
}

LogPosition LogWriter::AppendFrame(FrameKind kind, Sequence sequence,
                                   std::span<const std::string_view> parts,
                                   std::uint64_t payload_hash) {
  std::size_t payload_bytes = 0;
  for (const std::string_view part : parts) payload_bytes += part.size();
  bool wake_driver = false;
  bool rotated = false;
  LogPosition end;
  {
    std::lock_guard lock(mutex_);
    if (AURORA_UNLIKELY(poisoned_.load(std::memory_order_relaxed))) return kNowhere;
    AURORA_CHECK(sequence > last_sequence_ && sequence <= kMaxSequence && !closing_);
    if (AURORA_UNLIKELY(!FitsLocked(tail_, FrameBytes(payload_bytes)))) {
      RotateLocked();
      rotated = true;
    }
    WriteFrameLocked(kind, sequence, parts, payload_bytes, payload_hash);
    end = {current_number(), previous_end_};
    const std::uint64_t pending = direct_ ? filling_.used : unsynced_bytes_;
    const std::uint64_t trigger = direct_ ? buffer_bytes_ / 2 : buffer_bytes_;
    if (AURORA_UNLIKELY(pending >= trigger && !driving_)) {
      cycle_requested_ = true;
      wake_driver = TakeDriverLocked();
    }
  }
  if (AURORA_UNLIKELY(wake_driver)) driver_.Wake();
  if (AURORA_UNLIKELY(rotated)) housekeeper_.Wake();
  return end;
}

void LogWriter::RotateLocked() {
  AURORA_CHECK(!direct_ || filling_.used == 0);
  AURORA_CHECK(supply_->ready_count() >= 2);
  const LogPosition end{current_number(), previous_end_};
  SegmentHeader header;
  std::shared_ptr<LogSegment> segment = supply_->Take();
  header.segment_bytes = static_cast<std::uint32_t>(segment->bytes());
  header.identity = identity_ = options_.identity;
  header.number = segment->number();
  header.mode = segment->mode();
  header.boot = boot_;
  header.predecessor = current_number();
  header.predecessor_end = previous_end_;
  header.last_sequence = last_sequence_;
  // A direct header is handed to the device, with its first group, after all before it is durable.
  header.watermark = direct_ ? end : durable_end();
  older_.push_back(end);
  if (!direct_) unsynced_.push_back(current_);
  predecessor_ = current_number();
  current_ = std::move(segment);
  seed_ = FrameSeed(identity_, current_number());
  tail_ = previous_end_ = kSegmentHeaderBytes;
  prepared_end_ = sealed_end_ = 0;
  if (direct_) {
    EncodeSegmentHeader(header, filling_.buffer.data());
    filling_.segment = current_;
    filling_.base = 0;
    filling_.used = kSegmentHeaderBytes;
    group_watermark_ = static_cast<std::uint32_t>(end.offset);
    group_watermark_in_predecessor_ = true;
  } else {
    EncodeSegmentHeader(header, current_->region()->bytes().data());
    PublishLocked(0, kSegmentHeaderBytes);
  }
}

Task<absl::Status> LogWriter::MakeRoom(std::size_t payload_bytes) {
  if (payload_bytes > max_payload_bytes_) {
    co_return InvalidArgumentError("a log record of ", payload_bytes,
                                   " bytes is too large: the most is ", max_payload_bytes_);
  }
  std::uint64_t attempts = 0;
  for (bool first = true;; first = false) {
    {
      std::lock_guard lock(mutex_);
      if (!status_.ok()) co_return status_;
      if (closing_) co_return FailedPreconditionError("the log is closed");
      if (HasRoomLocked(payload_bytes)) co_return absl::OkStatus();
      if (first) attempts = supply_attempts_;
      const bool supplied = supply_->ready_count() >= 2;
      if (attempts != supply_attempts_ && !supply_status_.ok() && !supplied) {
        co_return Annotate(supply_status_, "no log segment is ready for this commit");
      }
    }
    RoomWait wait(this, payload_bytes);
    co_await wait;
  }
}

// --- Waiting ---

LogPosition LogWriter::durable_end() const {
  return Unpack(durable_.load(std::memory_order_acquire));
}

absl::Status LogWriter::status() const {
  if (!poisoned_.load(std::memory_order_acquire)) return absl::OkStatus();
  std::lock_guard lock(mutex_);
  return status_;
}

LogPosition LogWriter::end() const {
  std::lock_guard lock(mutex_);
  return {current_number(), tail_};
}

std::uint64_t LogWriter::bytes_written() const {
  return bytes_written_.load(std::memory_order_relaxed) + supply_->bytes_filled();
}

AURORA_TASK_WRAPPER Task<absl::Status> LogWriter::WaitDurable(LogPosition end,
                                                              Durability durability) {
  if (durable_end() >= end) return absl::OkStatus();
  if (AURORA_UNLIKELY(poisoned_.load(std::memory_order_acquire))) return status();
  if (durability == Durability::kBuffered) {
    ArmFlush();
    return absl::OkStatus();
  }
  if (!direct_ && durability == Durability::kProcess) return absl::OkStatus();
  if (AURORA_PLANTED_BUG("log-ack-before-sync")) {
    RequestCycle();
    return absl::OkStatus();
  }
  return WaitSynced(end);
}

Task<absl::Status> LogWriter::WaitSynced(LogPosition end) {
  Executor* const executor = Executor::Current();
  bool drive = false;
  if (executor != nullptr && executor->MayDriveIo()) {
    std::lock_guard lock(mutex_);
    if (!driving_ && status_.ok()) driving_ = drive = true;
  }
  if (drive) {
    co_await RunCycle();
    bool more = false;
    {
      std::lock_guard lock(mutex_);
      more = status_.ok() && (waiting_ != nullptr || cycle_requested_);
      driving_ = more;
    }
    // The others are not this thread's business.
    if (more) driver_.Wake();
  } else {
    DurableWait wait(this, end);
    co_await wait;
  }
  if (durable_end() >= end) co_return absl::OkStatus();
  absl::Status failed = status();
  AURORA_CHECK(!failed.ok());
  co_return failed;
}

bool LogWriter::TakeDriverLocked() {
  if (driving_ || !status_.ok()) return false;
  driving_ = true;
  return true;
}

void LogWriter::PostAll(Waiter* list) {
  while (list != nullptr) {
    Waiter* const waiter = list;
    list = waiter->next;  // before the coroutine that holds it runs
    waiter->continuation.Post();
  }
}

void LogWriter::WakeRoomWaiters() {
  Waiter* list = nullptr;
  {
    std::lock_guard lock(mutex_);
    list = std::exchange(room_waiters_, nullptr);
  }
  PostAll(list);
}

// --- The cycle ---

bool LogWriter::SealLocked() {
  AURORA_CHECK(driving_ && !in_cycle_);
  cycle_requested_ = false;
  cycle_end_ = {current_number(), previous_end_};
  if (durable_end() >= cycle_end_) return false;
  covered_ = std::exchange(waiting_, nullptr);
  in_cycle_ = true;
  cycle_commits_ = last_sequence_ - std::exchange(sealed_sequence_, last_sequence_);
  tail_ = static_cast<std::uint32_t>(NextBlock(tail_));
  prepared_end_ = sealed_end_ = tail_;  // a sync undoes what was prepared ahead
  if (!direct_) {
    cycle_bytes_ = unsynced_bytes_;
    syncing_ = unsynced_;
    syncing_.push_back(current_);
    return true;
  }
  AURORA_CHECK(filling_.used > 0);
  const std::uint32_t padded = static_cast<std::uint32_t>(NextBlock(filling_.used));
  std::memset(filling_.buffer.data() + filling_.used, 0, padded - filling_.used);
  filling_.used = padded;
  std::swap(filling_, writing_);
  filling_.segment = current_;
  filling_.base = tail_;
  filling_.used = 0;
  group_watermark_ = previous_end_;
  group_watermark_in_predecessor_ = false;
  AURORA_CHECK(writing_.base % kDeviceBlockSize == 0 && writing_.base + padded == tail_);
  return true;
}

Task<absl::Status> LogWriter::WriteCycle() {
  if (direct_) {
    const std::span<const char> bytes = writing_.buffer.span().first(writing_.used);
    bytes_written_.fetch_add(bytes.size(), std::memory_order_relaxed);
    if (AURORA_PLANTED_BUG("log-skip-sync")) {
      co_return co_await writing_.segment->file().Write(writing_.base, bytes);
    }
    absl::Status written = co_await writing_.segment->file().WriteDurably(writing_.base, bytes);
    if (!written.ok() && AURORA_PLANTED_BUG("log-reuse-failed-file")) {
      written = co_await writing_.segment->file().Sync();
    }
    co_return written;
  }
  for (const std::shared_ptr<LogSegment>& segment : syncing_) {
    // What is synced is never written to again: the next record starts on a fresh block.
    const bool is_whole = segment->number() < cycle_end_.segment;
    segment->region()->Retire(
        static_cast<std::size_t>(is_whole ? segment->bytes() : cycle_end_.offset));
    if (AURORA_PLANTED_BUG("log-skip-sync")) continue;
    absl::Status synced = co_await segment->file().Sync();
    if (!synced.ok() && AURORA_PLANTED_BUG("log-reuse-failed-file")) {
      synced = co_await segment->file().Sync();
    }
    AURORA_CO_RETURN_IF_ERROR(synced);
  }
  co_return absl::OkStatus();
}

Task<void> LogWriter::RunCycle() {
  bool sealed = false;
  {
    std::lock_guard lock(mutex_);
    sealed = status_.ok() && SealLocked();
  }
  absl::Status result;
  if (sealed) {
    const std::int64_t start = environment_.clock().MonotonicNanos();
    result = co_await WriteCycle();
    if (result.ok()) NoteSync(environment_.clock().MonotonicNanos() - start);
  }
  CompleteCycle(std::move(result));
}

void LogWriter::NoteSync(std::int64_t nanos) {
  if (options_.statistics == nullptr) return;
  StoreStatistics& statistics = *options_.statistics;
  statistics.RecordTime(Measure::kLogSync, nanos);
  statistics.Record(Measure::kLogGroupBytes, direct_ ? writing_.used : cycle_bytes_);
  statistics.Record(Measure::kLogGroupCommits, cycle_commits_);
}

void LogWriter::CompleteCycle(absl::Status result) {
  Waiter* covered = nullptr;
  Waiter* waiting = nullptr;
  Waiter* room = nullptr;
  std::vector<std::shared_ptr<LogSegment>> closed;  // destroyed outside of the lock
  bool discarded = false;
  {
    std::lock_guard lock(mutex_);
    if (!result.ok()) PoisonLocked(result);
    if (in_cycle_ && status_.ok()) {
      durable_.store(Pack(cycle_end_), std::memory_order_release);
      if (!direct_) {
        unsynced_bytes_ -= cycle_bytes_;
        unsynced_.erase(unsynced_.begin(),
                        unsynced_.begin() + static_cast<std::ptrdiff_t>(syncing_.size() - 1));
      }
      ReleaseLocked();
      discarded = supply_->NeedsWork();
    }
    in_cycle_ = false;
    closed = std::move(syncing_);
    syncing_.clear();
    closed.push_back(std::move(writing_.segment));
    covered = std::exchange(covered_, nullptr);
    if (!status_.ok()) waiting = std::exchange(waiting_, nullptr);
    room = std::exchange(room_waiters_, nullptr);
  }
  closed.clear();
  if (discarded) housekeeper_.Wake();
  PostAll(covered);
  PostAll(waiting);
  PostAll(room);
}

void LogWriter::PoisonLocked(const absl::Status& status) {
  if (!status_.ok()) return;
  status_ = Annotate(status,
                     "the log failed, and takes no more until the database is opened again; the "
                     "outcome of what was not acknowledged is unknown");
  poisoned_.store(true, std::memory_order_release);
}

Task<void> LogWriter::Drive(std::stop_token) {
  for (;;) {
    co_await RunCycle();
    std::lock_guard lock(mutex_);
    driving_ = status_.ok() && (waiting_ != nullptr || cycle_requested_);
    if (!driving_) co_return;
  }
}

void LogWriter::RequestCycle() {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    cycle_requested_ = true;
    wake = TakeDriverLocked();
  }
  if (wake) driver_.Wake();
}

void LogWriter::ArmFlush() {
  if (flush_armed_.load(std::memory_order_relaxed)) return;
  if (!flush_armed_.exchange(true)) flusher_.Wake();
}

Task<void> LogWriter::FlushLater(std::stop_token stop) {
  const std::int64_t deadline =
      environment_.clock().MonotonicNanos() + absl::ToInt64Nanoseconds(options_.flush_interval);
  const absl::Status slept = co_await environment_.SleepUntil(deadline, stop);
  // Commits from here on start a new interval.
  flush_armed_.store(false);
  if (slept.ok()) RequestCycle();
}

// --- Segments ---

void LogWriter::TellOf(const SegmentSupply::Done& done) {
  using Kind = SegmentSupply::Done::Kind;
  if (options_.events == nullptr) return;
  if (done.kind == Kind::kRemoved) {
    options_.events->Post(LogSegmentRemoved{done.number});
  } else {
    options_.events->Post(LogSegmentMade{done.number, done.kind == Kind::kRecycled, done.nanos});
  }
}

Task<void> LogWriter::KeepSupplied(std::stop_token stop) {
  absl::Status status;
  do {
    std::optional<SegmentSupply::Done> done;
    status = co_await supply_->Replenish(&done);
    if (done.has_value()) TellOf(*done);
    {
      std::lock_guard lock(mutex_);
      supply_status_ = status;
      ++supply_attempts_;
    }
    WakeRoomWaiters();
  } while (status.ok() && !stop.stop_requested() && supply_->NeedsWork());
}

void LogWriter::ReleaseLocked() {
  // What is not yet durable may still be written or synced.
  const std::uint64_t below =
      std::min({released_below_, std::uint64_t{current_number()}, durable_end().segment});
  std::vector<std::uint32_t> numbers;
  while (!older_.empty() && older_.front().segment < below) {
    numbers.push_back(static_cast<std::uint32_t>(older_.front().segment));
    older_.erase(older_.begin());
  }
  if (!numbers.empty()) supply_->Discard(numbers);
}

void LogWriter::Release(LogPosition position) {
  {
    std::lock_guard lock(mutex_);
    if (!status_.ok() || closing_) return;
    released_below_ = std::max(released_below_, position.segment);
    ReleaseLocked();
  }
  if (supply_->NeedsWork()) housekeeper_.Wake();
}

void LogWriter::GiveUpSpares() {
  supply_->GiveUpSpares();
  housekeeper_.Wake();
}

std::vector<LogPosition> LogWriter::Segments() const {
  std::lock_guard lock(mutex_);
  std::vector<LogPosition> segments = older_;
  segments.push_back({current_number(), previous_end_});
  return segments;
}

Task<absl::Status> LogWriter::Close(CloseMark mark) {
  {
    std::lock_guard lock(mutex_);
    AURORA_CHECK(!closing_);
    closing_ = true;
  }
  WakeRoomWaiters();
  co_await flusher_.Stop();
  co_await housekeeper_.Stop();
  co_await driver_.Stop();
  {
    std::lock_guard lock(mutex_);
    AURORA_CHECK(covered_ == nullptr && waiting_ == nullptr && room_waiters_ == nullptr);
    driving_ = true;
  }
  co_await RunCycle();
  absl::Status supplied;
  while (mark == CloseMark::kNewSegment && supply_->ready_count() < 2 && supplied.ok()) {
    supplied = co_await supply_->Replenish();
  }
  {
    std::lock_guard lock(mutex_);
    if (!status_.ok()) co_return status_;
    if (mark == CloseMark::kNewSegment && supplied.ok()) RotateLocked();
    WriteMarkLocked(FrameKind::kCloseMark, {});
  }
  co_await RunCycle();
  co_return status();
}

}  // namespace aurora::lsm
