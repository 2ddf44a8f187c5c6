// Copies the log of a running store to an archive, a little behind.
//
// What is archived is records, in the order of the commits, once they are on the device: so the
// archive never holds what the store may still lose. One loop on the background executor does it,
// after every interval, when much has been logged, and when it is asked to.
//
// Ingestions are not archived, since their record is not what they have brought: a gap tells of
// each, and a backup that is made after it closes the gap.
//
// The store keeps the log, the record files and the value files that it names until they are
// archived: see KeepFrom, which the store asks before it lets go of a part of the log. There is a
// bound on what is kept; beyond it the rest is given up, and the archive has a gap, which its files
// and an event tell. Nobody but the archive is harmed by its failures.
//
// Thread-safe, but for Start and Stop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/archive_format.h"
#include "aurora/lsm/archive_writer.h"
#include "aurora/lsm/event.h"
#include "aurora/lsm/event_feed.h"
#include "aurora/lsm/log.h"
#include "aurora/lsm/log_tail.h"
#include "aurora/lsm/needed_record_file.h"
#include "aurora/lsm/record_facts.h"
#include "aurora/lsm/store_stats.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora::lsm {

// What an archiver needs of its store. Thread-safe.
class ArchiveHost {
 public:
  virtual ~ArchiveHost() = default;
  // Makes every commit so far durable.
  virtual Task<absl::Status> MakeLogDurable() = 0;
  virtual absl::StatusOr<RecordFacts> FactsOf(std::string_view record) = 0;
  // The value file of a claim, as it was claimed; it stays as long as its commit is not archived.
  virtual absl::StatusOr<ValueFileInfo> FileOfClaim(std::string_view claim) = 0;
  // Nothing of the commits up to this one is needed for the archive any more.
  virtual void NoteArchived(Sequence through) = 0;
};

class LogArchiver {
 public:
  // About so many bytes of records make one file; with more that wait, the interval is not awaited.
  static constexpr std::size_t kFileBytes = std::size_t{16} << 20;

  struct Options {
    std::string archive;  // its directory
    absl::Duration interval = absl::Minutes(1);
    std::uint64_t retain_bytes = std::uint64_t{1} << 30;  // of the log, for the archive's sake
    std::string store_directory;
    LogIdentity identity;
    // Where the log begins that the store keeps, and which commit is known to be before that, or 0.
    LogPosition from;
    Sequence before = 0;
    Sequence last = 0;  // the last commit of the store, in log or tables, when it was opened
  };
  // None of these is owned, and all must outlive it.
  LogArchiver(Environment* environment, Options options, Log* log, EventFeed* events,
              ArchiveHost* host);
  // Stop must have completed if Start was called.
  ~LogArchiver() = default;

  void Start();
  // Archives what was committed, as far as it works, and ends the loop. Nothing may be appended to
  // the log meanwhile.
  Task<void> Stop();

  // Archives what is committed so far. The last commit that is archived.
  Task<absl::StatusOr<Sequence>> ArchiveNow();

  // The store needs the log from segment `needed` on. From which one on must it be kept? Gives up
  // what is beyond the bound.
  std::uint64_t KeepFrom(std::uint64_t needed);
  // The store's own device is full: gives up what the archive has not got yet.
  void NoteFullDevice();
  bool is_giving_up() const;
  // The last commit of which nothing need be kept: it is archived, or was given up.
  Sequence released_through() const;

  // Keeps record files until their commits are archived.
  void Hold(std::vector<std::shared_ptr<NeededRecordFile>> files);
  std::vector<std::uint64_t> HeldRecordFiles() const;  // numbers

  ArchiveStats Stats() const;

 private:
  struct Cursor {
    LogPosition at;       // where the next frame is looked for
    Sequence before = 0;  // the last commit before that; 0: what the segment says
  };

  Task<void> Loop();
  Task<void> WaitForWork();
  void Wake();  // REQUIRES mutex_
  Task<void> RunRound();
  Task<absl::Status> Round();
  Task<absl::Status> OpenWriter();
  // Reads what follows the cursor and moves it; false if that was all.
  Task<absl::StatusOr<bool>> Collect(const std::vector<LogPosition>* parts, Cursor* cursor,
                                     std::optional<ArchiveBuilder>* builder);
  Task<absl::Status> AddRecord(const LogTail* tail, ArchiveBuilder* builder);
  Task<absl::Status> AddClaims(Sequence sequence, const RecordFacts* facts,
                               ArchiveBuilder* builder);
  Task<absl::Status> WriteOut(ArchiveBuilder* builder);
  void Advance(const Cursor& cursor);
  // What of the log is on the device.
  std::vector<LogPosition> DurableParts() const;
  std::uint64_t BytesBetween(LogPosition from, std::uint64_t below) const;
  void NoteOutcome(const absl::Status& status, std::int64_t begun, std::uint64_t ticket);
  std::int64_t Now() const { return environment_->clock().MonotonicNanos(); }

  Environment* const environment_;
  const Options options_;
  const std::string log_directory_;
  Log* const log_;
  EventFeed* const events_;
  ArchiveHost* const host_;

  // Of the loop alone.
  std::unique_ptr<ArchiveWriter> writer_;
  TaskGroup loop_;
  bool started_ = false;

  Event served_event_;
  mutable std::mutex mutex_;
  // Protected by it, as all below.
  Cursor cursor_;
  Sequence archived_ = 0;
  Sequence released_ = 0;
  bool is_known_ = false;  // archived_ was read from the archive
  std::multimap<Sequence, std::shared_ptr<NeededRecordFile>> held_;
  bool giving_up_ = false;
  bool stopping_ = false;
  bool hurried_ = false;
  std::uint64_t requests_ = 0;
  std::uint64_t served_ = 0;
  std::stop_source wake_;
  std::int64_t deadline_ = 0;
  std::int64_t caught_up_at_ = 0;  // all that was committed by then is archived
  int failures_ = 0;               // in a row
  absl::Status status_;
  ArchiveStats counted_;
};

}  // namespace aurora::lsm
