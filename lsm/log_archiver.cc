#include "aurora/lsm/log_archiver.h"

#include <algorithm>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/record_file.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

constexpr absl::Duration kRetryLeast = absl::Milliseconds(100);

}  // namespace

LogArchiver::LogArchiver(Environment* environment, Options options, Log* log, EventFeed* events,
                         ArchiveHost* host)
    : environment_(environment),
      options_(std::move(options)),
      log_directory_(JoinPath(options_.store_directory, kLogDirectoryName)),
      log_(log),
      events_(events),
      host_(host),
      cursor_{options_.from, options_.before} {
  caught_up_at_ = Now();
  deadline_ = caught_up_at_;  // what an earlier process has left is archived at once
}

// --- The loop. ---

void LogArchiver::Start() {
  started_ = true;
  loop_.Spawn(environment_->background(), Loop());
}

void LogArchiver::Wake() { wake_.request_stop(); }

Task<void> LogArchiver::Loop() {
  for (;;) {
    co_await WaitForWork();
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) co_return;
    }
    co_await RunRound();
  }
}

Task<void> LogArchiver::WaitForWork() {
  for (;;) {
    std::int64_t deadline = 0;
    std::stop_token woken;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || requests_ > served_ || std::exchange(hurried_, false)) co_return;
      if (Now() >= deadline_) co_return;
      wake_ = std::stop_source();
      woken = wake_.get_token();
      deadline = deadline_;
    }
    const absl::Status slept = co_await environment_->SleepUntil(deadline, woken);
    if (!slept.ok() && !absl::IsCancelled(slept)) {
      // Without a clock there are no intervals: what is left to the end of the store.
      const std::lock_guard lock(mutex_);
      deadline_ = INT64_MAX;
    }
  }
}

Task<void> LogArchiver::RunRound() {
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = requests_;
  }
  const std::int64_t begun = Now();
  const absl::Status status = co_await Round();
  if (!status.ok()) writer_ = nullptr;
  NoteOutcome(status, begun, ticket);
  served_event_.Notify();
}

void LogArchiver::NoteOutcome(const absl::Status& status, std::int64_t begun,
                              std::uint64_t ticket) {
  bool is_news = false;
  Sequence archived = 0;
  {
    const std::lock_guard lock(mutex_);
    is_news = status.code() != status_.code();
    status_ = status;
    served_ = ticket;
    archived = archived_;
    absl::Duration wait = options_.interval;
    if (status.ok()) {
      failures_ = 0;
      caught_up_at_ = begun;
    } else {
      wait = std::min(wait, kRetryLeast * (1 << std::min(failures_++, 16)));
      ++counted_.failures;
    }
    if (deadline_ != INT64_MAX) deadline_ = Now() + absl::ToInt64Nanoseconds(wait);
  }
  if (!is_news) return;
  if (status.ok()) {
    events_->Post(ArchiveResumed{archived});
  } else {
    events_->Post(ArchiveFailed{status});
  }
}

Task<void> LogArchiver::Stop() {
  AURORA_CHECK(started_);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    Wake();
  }
  const absl::Status joined = co_await loop_.Join();
  AURORA_CHECK(joined.ok());
  co_await RunRound();
  writer_ = nullptr;
}

Task<absl::StatusOr<Sequence>> LogArchiver::ArchiveNow() {
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = ++requests_;
    Wake();
  }
  const auto is_served = [this, ticket] {
    const std::lock_guard lock(mutex_);
    return served_ >= ticket;
  };
  co_await served_event_.Until(is_served);
  const std::lock_guard lock(mutex_);
  if (!status_.ok()) co_return status_;
  co_return archived_;
}

// --- One round. ---

std::vector<LogPosition> LogArchiver::DurableParts() const {
  const LogPosition durable = log_->durable_end();
  std::vector<LogPosition> parts;
  for (const LogPosition& segment : log_->Segments()) {
    if (segment.segment > durable.segment) break;
    parts.push_back(segment.segment == durable.segment ? durable : segment);
  }
  return parts;
}

Task<absl::Status> LogArchiver::OpenWriter() {
  if (writer_ != nullptr) co_return absl::OkStatus();
  Sequence known = kMaxSequence;
  {
    const std::lock_guard lock(mutex_);
    if (is_known_) known = archived_;
  }
  AURORA_CO_ASSIGN(
      std::unique_ptr<ArchiveWriter> writer,
      co_await ArchiveWriter::Open(environment_, options_.archive, options_.identity, known));
  if (known == kMaxSequence && writer->last() > options_.last) {
    co_return FailedPreconditionError(
        "the archive ", options_.archive, " holds commits up to ", writer->last(), " of ",
        options_.store_directory, ", which has none above ", options_.last,
        ": it went back to an older state. Restore it from a backup, or give it another archive");
  }
  writer_ = std::move(writer);
  const std::lock_guard lock(mutex_);
  archived_ = writer_->last();
  is_known_ = true;
  counted_.file_count = writer_->file_count();
  co_return absl::OkStatus();
}

Task<absl::Status> LogArchiver::Round() {
  AURORA_CO_RETURN_IF_ERROR(co_await OpenWriter());
  // If the log fails, that is told by the store; what is on the device is archived all the same.
  const absl::Status durable = co_await host_->MakeLogDurable();
  static_cast<void>(durable);
  const std::vector<LogPosition> parts = DurableParts();
  for (bool more = true; more;) {
    Cursor cursor;
    {
      const std::lock_guard lock(mutex_);
      cursor = cursor_;
    }
    std::optional<ArchiveBuilder> builder;
    AURORA_CO_ASSIGN(more, co_await Collect(&parts, &cursor, &builder));
    if (builder.has_value()) AURORA_CO_RETURN_IF_ERROR(co_await WriteOut(&*builder));
    Advance(cursor);
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<bool>> LogArchiver::Collect(const std::vector<LogPosition>* parts,
                                                Cursor* cursor,
                                                std::optional<ArchiveBuilder>* builder) {
  LogTail tail(&environment_->files(), log_directory_, cursor->at, *parts);
  while (!builder->has_value() || (*builder)->size_bytes() < kFileBytes) {
    AURORA_CO_ASSIGN(const bool found, co_await tail.Next());
    const bool is_record = found && IsRecord(tail.header().kind);
    const Sequence sequence = is_record ? tail.header().sequence : 0;
    const bool is_ingestion = is_record && tail.header().kind == FrameKind::kIngestion;
    // Where the log has lost what the store still has, in tables.
    const bool is_behind_loss = sequence > options_.last && cursor->before < options_.last;
    // What is before a gap comes first.
    if ((is_ingestion || is_behind_loss) && builder->has_value()) co_return true;
    cursor->at = std::max(cursor->at, tail.end());
    cursor->before = std::max(cursor->before, tail.segment().last_sequence);
    if (!found) co_return false;
    if (!is_record) continue;
    if (is_behind_loss) cursor->before = options_.last;
    // Of an ingestion there is no record that could be replayed: it makes a gap.
    if (sequence > writer_->last() && !is_ingestion) {
      if (!builder->has_value()) builder->emplace(options_.identity, cursor->before);
      AURORA_CO_RETURN_IF_ERROR(co_await AddRecord(&tail, &**builder));
    }
    cursor->before = sequence;
  }
  co_return true;
}

Task<absl::Status> LogArchiver::AddClaims(Sequence sequence, const RecordFacts* facts,
                                          ArchiveBuilder* builder) {
  for (const std::string_view claim : facts->claims) {
    AURORA_CO_ASSIGN(const ValueFileInfo file, host_->FileOfClaim(claim));
    AURORA_CO_RETURN_IF_ERROR(
        co_await writer_->AddFile(JoinPath(options_.store_directory, ValueFileName(file.number)),
                                  NameOfValues(sequence, file), file.size_bytes));
    builder->AddValueFile(sequence, file);
  }
  co_return absl::OkStatus();
}

Task<absl::Status> LogArchiver::AddRecord(const LogTail* tail, ArchiveBuilder* builder) {
  const Sequence sequence = tail->header().sequence;
  const std::string context = StrCat("commit ", sequence);
  if (tail->header().kind == FrameKind::kRecord) {
    absl::StatusOr<RecordFacts> facts = host_->FactsOf(tail->payload());
    if (!facts.ok()) co_return Annotate(facts.status(), context);
    AURORA_CO_RETURN_IF_ERROR(co_await AddClaims(sequence, &*facts, builder));
    builder->AddRecord(sequence, facts->micros, tail->payload());
    co_return absl::OkStatus();
  }
  const RecordFileReference file = DecodeRecordFileReference(tail->payload());
  FileSystem* const files = &environment_->files();
  const absl::StatusOr<RecordFilePayload> payload =
      co_await RecordFilePayload::Read(files, log_directory_, tail->segment().identity, file);
  if (!payload.ok()) co_return Annotate(payload.status(), context);
  const absl::StatusOr<RecordFacts> facts = host_->FactsOf(payload->view());
  if (!facts.ok()) co_return Annotate(facts.status(), context);
  AURORA_CO_RETURN_IF_ERROR(co_await AddClaims(sequence, &*facts, builder));
  AURORA_CO_RETURN_IF_ERROR(
      co_await writer_->AddFile(JoinPath(log_directory_, RecordFileName(file.number)),
                                NameOfRecord(sequence, file), RecordFileBytes(file.payload_bytes)));
  builder->AddRecordFile(sequence, facts->micros, file);
  co_return absl::OkStatus();
}

Task<absl::Status> LogArchiver::WriteOut(ArchiveBuilder* builder) {
  const Sequence previous = writer_->last();
  const Sequence after = builder->header().after;
  const Sequence last = builder->header().last;
  if (after < previous) {
    co_return FailedPreconditionError("the archive ", options_.archive, " holds commit ", previous,
                                      ", and the log of ", options_.store_directory,
                                      " goes on behind commit ", after);
  }
  if (AURORA_PLANTED_BUG("archive-ack-before-sync")) {
    const std::lock_guard lock(mutex_);
    archived_ = last;
  }
  AURORA_CO_ASSIGN(const std::uint64_t bytes, co_await writer_->Append(builder));
  const bool is_gap = previous != 0 && after > previous;
  {
    const std::lock_guard lock(mutex_);
    archived_ = last;
    counted_.file_count = writer_->file_count();
    counted_.bytes_written += bytes;
    if (is_gap) ++counted_.gap_count;
  }
  if (is_gap) events_->Post(ArchiveGap{previous, after});
  co_return absl::OkStatus();
}

void LogArchiver::Advance(const Cursor& cursor) {
  Sequence released = 0;
  std::vector<std::shared_ptr<NeededRecordFile>> done;  // freed without the lock
  {
    const std::lock_guard lock(mutex_);
    // Meanwhile a part may have been given up that was archived after all, or one behind it.
    if (cursor.at >= cursor_.at) cursor_ = cursor;
    released_ = std::max(released_, cursor.before);
    released = released_;
    const auto end = held_.upper_bound(released);
    for (auto held = held_.begin(); held != end; ++held) done.push_back(std::move(held->second));
    held_.erase(held_.begin(), end);
  }
  done.clear();
  host_->NoteArchived(released);
}

// --- What the store keeps. ---

std::uint64_t LogArchiver::BytesBetween(LogPosition from, std::uint64_t below) const {
  std::uint64_t bytes = 0;
  for (const LogPosition& segment : log_->Segments()) {
    if (segment.segment < from.segment || segment.segment >= below) continue;
    bytes += segment.segment == from.segment
                 ? segment.offset - std::min(segment.offset, from.offset)
                 : segment.offset;
  }
  return bytes;
}

std::uint64_t LogArchiver::KeepFrom(std::uint64_t needed) {
  if (AURORA_PLANTED_BUG("archive-releases-log-early")) return needed;
  const std::lock_guard lock(mutex_);
  if (needed <= cursor_.at.segment) {
    giving_up_ = false;
    return needed;
  }
  const std::uint64_t bytes = BytesBetween(cursor_.at, needed);
  if (!giving_up_ && bytes <= options_.retain_bytes) {
    if (bytes >= kFileBytes && !hurried_) {
      hurried_ = true;
      Wake();
    }
    return cursor_.at.segment;
  }
  giving_up_ = false;
  cursor_ = {{needed, 0}, 0};
  hurried_ = true;  // so that files are let go of, too
  Wake();
  return needed;
}

void LogArchiver::NoteFullDevice() {
  const std::lock_guard lock(mutex_);
  giving_up_ = true;
}

bool LogArchiver::is_giving_up() const {
  const std::lock_guard lock(mutex_);
  return giving_up_;
}

Sequence LogArchiver::released_through() const {
  const std::lock_guard lock(mutex_);
  return released_;
}

void LogArchiver::Hold(std::vector<std::shared_ptr<NeededRecordFile>> files) {
  const std::lock_guard lock(mutex_);
  for (std::shared_ptr<NeededRecordFile>& file : files) {
    if (file->sequence() > released_) held_.emplace(file->sequence(), std::move(file));
  }
}

std::vector<std::uint64_t> LogArchiver::HeldRecordFiles() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> numbers;
  for (const auto& [sequence, file] : held_) numbers.push_back(file->reference().number);
  return numbers;
}

ArchiveStats LogArchiver::Stats() const {
  const std::uint64_t everything = UINT64_MAX;
  const std::lock_guard lock(mutex_);
  ArchiveStats stats = counted_;
  stats.is_on = true;
  stats.archived_through = archived_;
  stats.lag_bytes = BytesBetween(cursor_.at, everything);
  if (stats.lag_bytes > 0) {
    stats.lag_nanos = static_cast<std::uint64_t>(std::max<std::int64_t>(0, Now() - caught_up_at_));
  }
  if (!status_.ok()) stats.error = status_.ToString();
  return stats;
}

}  // namespace aurora::lsm
