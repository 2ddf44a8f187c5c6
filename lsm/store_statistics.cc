#include "aurora/lsm/store_statistics.h"

namespace aurora::lsm {

std::uint64_t StoreStatistics::looks(std::size_t level, Look look) const {
  std::uint64_t sum = 0;
  for (const Looks& stripe : looks_) {
    sum += stripe.of[level][static_cast<std::size_t>(look)].load(std::memory_order_relaxed);
  }
  return sum;
}

void StoreStatistics::Report(StoreStats* stats) const {
  for (std::size_t level = 0; level < stats->levels.size(); ++level) {
    stats->levels[level].looks = {
        .rejected = looks(level, Look::kRejected),
        .found = looks(level, Look::kFound),
        .missed = looks(level, Look::kMissed),
        .unfiltered = looks(level, Look::kUnfiltered),
    };
  }
  stats->iterator_count = count(Counter::kIterators);
  stats->seek_count = count(Counter::kSeeks);
  stats->step_count = count(Counter::kSteps);
  stats->tombstones_met = count(Counter::kTombstones);
  stats->versions_skipped = count(Counter::kVersionsSkipped);
  stats->tables_opened = count(Counter::kTablesOpened);
  stats->bytes_read_by_gets = count(Counter::kBytesReadByGets);
  stats->bytes_read_by_iterators = count(Counter::kBytesReadByIterators);
  stats->bytes_read_by_compactions = count(Counter::kBytesReadByCompactions);
  stats->bytes_read_by_opening = count(Counter::kBytesReadByOpening);
  stats->flush_count = count(Counter::kFlushes);
  stats->bytes_flushed = count(Counter::kBytesFlushed);
  stats->compaction_count = count(Counter::kCompactions);
  stats->bytes_compacted = count(Counter::kBytesCompacted);
  stats->bytes_staged = count(Counter::kBytesStaged);
  stats->bytes_collected = count(Counter::kBytesCollected);
  stats->commit_count = count(Counter::kCommits);
  stats->bytes_committed = count(Counter::kBytesCommitted);
  stats->bytes_in_record_files = count(Counter::kBytesInRecordFiles);
  stats->stall_nanos = count(Counter::kStallNanos);
  for (std::size_t i = 0; i < kStallReasonCount; ++i) {
    stats->stalls[i] = {stalls_[i].commits.load(std::memory_order_relaxed),
                        stalls_[i].nanos.load(std::memory_order_relaxed)};
  }
  for (std::size_t i = 0; i < kMeasureCount; ++i) {
    stats->measures[i] = histograms_[i].Snapshot().Summary();
  }
}

}  // namespace aurora::lsm
