#include "aurora/lsm/store_events.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

std::string Numbers(const std::vector<std::uint64_t>& numbers) {
  constexpr std::size_t kNamed = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(numbers.size(), kNamed); ++i) {
    StrAppend(&text, i == 0 ? "" : " ", numbers[i]);
  }
  if (numbers.size() > kNamed) StrAppend(&text, " and ", numbers.size() - kNamed, " more");
  return numbers.empty() ? "none" : text;
}

std::string Millis(std::int64_t nanos) {
  return absl::StrFormat("%.3f ms", static_cast<double>(nanos) / 1e6);
}

std::string Outcome(const absl::Status& status) {
  return status.ok() ? "" : StrCat(" and failed: ", status.ToString());
}

// Overloads for every event; a new one that is missing here does not compile.
struct Describer {
  std::string operator()(const StoreOpened& e) const {
    std::string text =
        StrCat("open", e.read_only ? " for reading" : "", ": ", e.table_count, " tables, ",
               e.recovery.record_count, " commits recovered from the log after ",
               e.recovery.clean_close ? "a clean close" : "a crash or a kill", ", files by ",
               e.file_backend);
    if (e.recovery.cut_bytes > 0) {
      StrAppend(&text, "; cut ", e.recovery.cut_bytes,
                " bytes off the log: ", e.recovery.cut_reason);
    }
    return text;
  }
  std::string operator()(const ManifestCut& e) const {
    return StrCat("cut ", e.reason, " off ", e.file);
  }
  std::string operator()(const LeftoverRemoved& e) const {
    return StrCat("removed ", e.file, ", left by a job that did not end");
  }
  std::string operator()(const FlushBegun& e) const {
    return StrCat("flush of the commits up to ", e.last, " begun: ", e.entry_count, " entries, ",
                  e.memtable_bytes, " bytes");
  }
  std::string operator()(const FlushEnded& e) const {
    return StrCat("flush took ", Millis(e.nanos), Outcome(e.status), ": tables ", Numbers(e.tables),
                  ", ", e.bytes_written, " bytes");
  }
  std::string operator()(const CompactionBegun& e) const {
    return StrCat(e.is_move ? "move" : "compaction", " of level ", e.level, " to ", e.output_level,
                  " begun (", CompactionReasonName(e.reason), "): tables ", Numbers(e.inputs), ", ",
                  e.input_bytes, " bytes");
  }
  std::string operator()(const CompactionEnded& e) const {
    return StrCat(e.what.is_move ? "move" : "compaction", " of level ", e.what.level, " to ",
                  e.what.output_level, " took ", Millis(e.nanos), Outcome(e.status), ": tables ",
                  Numbers(e.outputs), ", ", e.what.input_bytes, " bytes in, ", e.bytes_written,
                  " written");
  }
  std::string operator()(const TableCreated& e) const {
    return StrCat("table ", e.number, " created in level ", e.level, ": ", e.entry_count,
                  " entries, ", e.bytes, " bytes");
  }
  std::string operator()(const TableRemoved& e) const {
    return StrCat("table ", e.number, " removed");
  }
  std::string operator()(const ValueFileCreated& e) const {
    return StrCat("value file ", e.number, " created: ", e.value_count, " values, ", e.bytes,
                  " bytes");
  }
  std::string operator()(const ValueFileRemoved& e) const {
    return StrCat("value file ", e.number, " removed");
  }
  std::string operator()(const StallBegun& e) const {
    return StrCat("commits are held back: ", StallReasonName(e.reason));
  }
  std::string operator()(const StallEnded& e) const {
    return StrCat("commits are no longer held back: ", StallReasonName(e.reason), ", ", e.commits,
                  " commits in ", Millis(e.nanos));
  }
  std::string operator()(const BackgroundFailure& e) const { return e.status.ToString(); }
  std::string operator()(const Poisoned& e) const { return e.status.ToString(); }
  std::string operator()(const LogSegmentMade& e) const {
    return StrCat("log segment ", e.number, e.is_recycled ? " recycled" : " created", " in ",
                  Millis(e.nanos));
  }
  std::string operator()(const LogSegmentRemoved& e) const {
    return StrCat("log segment ", e.number, " removed");
  }
  std::string operator()(const RecordFileMade& e) const {
    return StrCat("record file ", e.number, " of ", e.bytes, " bytes created in ", Millis(e.nanos));
  }
  std::string operator()(const RecordFileRemoved& e) const {
    return StrCat("record file ", e.number, " removed");
  }
  std::string operator()(const ArchiveFailed& e) const {
    return StrCat("the log is not archived: ", e.status.ToString());
  }
  std::string operator()(const ArchiveResumed& e) const {
    return StrCat("the log is archived again, up to commit ", e.archived_through);
  }
  std::string operator()(const ArchiveGap& e) const {
    return StrCat("the archive has a gap: the commits above ", e.after, " up to ", e.through,
                  " were given up. Make a backup");
  }
  std::string operator()(const StatsTaken& e) const { return SummaryOf(e.stats); }
  std::string operator()(const StoreClosed& e) const { return StrCat("closed", Outcome(e.status)); }
  std::string operator()(const EventsLost& e) const {
    return StrCat(e.count, " events were given up, since the listener is slow");
  }
};

struct SeverityFinder {
  static LogSeverity Of(const absl::Status& status) {
    return status.ok() ? LogSeverity::kInfo : LogSeverity::kWarning;
  }
  LogSeverity operator()(const StoreOpened& e) const {
    return e.recovery.cut_bytes > 0 ? LogSeverity::kWarning : LogSeverity::kInfo;
  }
  LogSeverity operator()(const ManifestCut&) const { return LogSeverity::kWarning; }
  LogSeverity operator()(const FlushEnded& e) const { return Of(e.status); }
  LogSeverity operator()(const CompactionEnded& e) const { return Of(e.status); }
  LogSeverity operator()(const BackgroundFailure&) const { return LogSeverity::kWarning; }
  LogSeverity operator()(const ArchiveFailed&) const { return LogSeverity::kWarning; }
  LogSeverity operator()(const ArchiveGap&) const { return LogSeverity::kError; }
  LogSeverity operator()(const Poisoned&) const { return LogSeverity::kError; }
  LogSeverity operator()(const StoreClosed& e) const { return Of(e.status); }
  LogSeverity operator()(const EventsLost&) const { return LogSeverity::kWarning; }
  template <class Other>
  LogSeverity operator()(const Other&) const {
    return LogSeverity::kInfo;
  }
};

}  // namespace

std::string_view CompactionReasonName(CompactionReason reason) {
  switch (reason) {
    case CompactionReason::kLevel0:
      return "level0";
    case CompactionReason::kLevelBytes:
      return "level_bytes";
    case CompactionReason::kDeletes:
      return "deletes";
    case CompactionReason::kExpired:
      return "expired";
    case CompactionReason::kRequested:
      break;
  }
  return "requested";
}

std::string Describe(const StoreEvent::What& what) { return std::visit(Describer(), what); }

LogSeverity SeverityOf(const StoreEvent::What& what) { return std::visit(SeverityFinder(), what); }

}  // namespace aurora::lsm
