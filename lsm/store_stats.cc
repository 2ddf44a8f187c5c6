#include "aurora/lsm/store_stats.h"

#include "absl/strings/str_format.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {

std::string_view MeasureName(Measure measure) {
  constexpr std::array<std::string_view, kMeasureCount> kNames = {"get",
                                                                  "get_many",
                                                                  "commit_sync",
                                                                  "commit_process",
                                                                  "commit_buffered",
                                                                  "seek",
                                                                  "next_wait",
                                                                  "flush",
                                                                  "compaction",
                                                                  "log_sync",
                                                                  "log_group_commits",
                                                                  "log_group_bytes"};
  return kNames[static_cast<std::size_t>(measure)];
}

bool IsTime(Measure measure) { return measure < Measure::kLogGroupCommits; }

std::string_view StallReasonName(StallReason reason) {
  constexpr std::array<std::string_view, kStallReasonCount> kNames = {
      "pacing", "memtables", "log_room", "queue", "sequences", "ingestion"};
  return kNames[static_cast<std::size_t>(reason)];
}

namespace {

std::string Percent(std::uint64_t part, std::uint64_t rest) {
  if (part + rest == 0) return "-";
  return absl::StrFormat("%.1f%%",
                         100 * static_cast<double>(part) / static_cast<double>(part + rest));
}

std::string Micros(std::uint64_t nanos) {
  return absl::StrFormat("%.1f", static_cast<double>(nanos) / 1e3);
}

}  // namespace

std::string SummaryOf(const StoreStats& stats) {
  std::uint64_t bytes = 0;
  std::uint64_t rejected = 0;
  std::uint64_t missed = 0;
  std::string tables;
  for (const LevelStats& level : stats.levels) {
    bytes += level.bytes;
    rejected += level.looks.rejected;
    missed += level.looks.missed;
    StrAppend(&tables, tables.empty() ? "" : "+", level.table_count);
  }
  std::string text = StrCat(
      "stats: ", stats.commit_count, " commits of ", stats.bytes_committed, " bytes, written ",
      stats.bytes_logged + stats.bytes_in_record_files, " log ", stats.bytes_flushed, " flush ",
      stats.bytes_compacted, " compaction ", stats.bytes_collected, " collection (",
      absl::StrFormat("%.2f", stats.write_amplification()), " times); ", stats.get_count, " gets, ",
      stats.seek_count, " seeks, ", stats.step_count, " steps; cache hits ");
  StrAppend(&text, Percent(stats.block_cache_hits, stats.block_cache_misses), ", filter right ",
            Percent(rejected, missed), "; tables ", tables, " of ", bytes, " bytes; ",
            stats.value_file_count, " value files of ", stats.value_file_bytes, " bytes, ",
            stats.value_garbage_bytes, " garbage; stalled ", Micros(stats.stall_nanos), " us");
  for (std::size_t i = 0; i < kMeasureCount; ++i) {
    const auto measure = static_cast<Measure>(i);
    const Distribution& told = stats.measures[i];
    if (told.count == 0 || !IsTime(measure)) continue;
    StrAppend(&text, "; ", MeasureName(measure), " us p50 ", Micros(told.p50), " p99 ",
              Micros(told.p99), " p99.9 ", Micros(told.p999), " max ", Micros(told.max));
  }
  if (stats.archive.is_on) {
    StrAppend(&text, "; archived up to commit ", stats.archive.archived_through, ", behind by ",
              stats.archive.lag_bytes, " bytes and ", stats.archive.lag_nanos / 1000000, " ms, ",
              stats.archive.gap_count, " gaps",
              stats.archive.error.empty() ? "" : StrCat(", failing: ", stats.archive.error));
  }
  return text;
}

double StoreStats::write_amplification() const {
  const std::uint64_t stored = bytes_committed + bytes_staged;
  if (stored == 0) return 0;
  return static_cast<double>(bytes_logged + bytes_in_record_files + bytes_flushed +
                             bytes_compacted + bytes_staged + bytes_collected) /
         static_cast<double>(stored);
}

}  // namespace aurora::lsm
