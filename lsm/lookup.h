// Looking for one key in a view: what store_read.cc, which tries without waiting, and those who
// have to wait have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/block_sources.h"
#include "aurora/lsm/key_history.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/merge_operator.h"
#include "aurora/lsm/operation_profile.h"
#include "aurora/lsm/pinned_value.h"
#include "aurora/lsm/read_time.h"
#include "aurora/lsm/store_statistics.h"
#include "aurora/lsm/table.h"
#include "aurora/lsm/tree.h"
#include "aurora/lsm/types.h"
#include "aurora/lsm/view_slots.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

using GetResult = absl::StatusOr<std::optional<PinnedValue>>;

// What is looked for, and who counts and takes the time. Not owned, all of it.
struct Lookup {
  KeyspaceId keyspace = 0;
  std::string_view key;
  Sequence at = 0;
  OperationProfile* profile = nullptr;  // null: nobody asks
  const MergeOperator* merge_operator = nullptr;
  StoreStatistics* statistics = nullptr;
  Environment* environment = nullptr;
  ReadTime time = {};
  std::int64_t Now() const { return environment->clock().MonotonicNanos(); }
};

// Calls `visit` with each table that may hold the key and its level, the newest first, until it
// returns false.
template <class Visit>
void VisitTables(const Tree& tree, std::string_view stored_key, Visit visit) {
  // False if `visit` was, of the table among these disjoint ones that may hold the key.
  const auto visit_one = [&](const Tree::Tables& tables, int level) {
    if (tables.empty()) return true;
    const std::size_t index = Tree::FirstNotBefore(tables, stored_key);
    if (index == tables.size() || !tables[index]->info().Spans(stored_key)) return true;
    return visit(*tables[index], level);
  };
  for (const Tree::Tables& run : tree.level0_runs()) {
    if (!visit_one(run, 0)) return;
  }
  for (int level = 1; level < kLevelCount; ++level) {
    if (!visit_one(tree.level(level), level)) return;
  }
}

inline void CountBlocks(const Lookup& lookup, const BlockSources& blocks) {
  OperationProfile* const profile = lookup.profile;
  if (AURORA_LIKELY(profile == nullptr)) return;
  profile->blocks_from_cache += blocks.cache;
  profile->blocks_from_device += blocks.device;
  profile->bytes_read += blocks.device_bytes;
}

// Counts a look into `table` of `level`, which has fed the history the entries above
// `entries_before`.
inline void CountLook(const Lookup& lookup, int level, const Table& table,
                      const KeyHistory& history, std::size_t entries_before,
                      const Table::GetTrace& trace) {
  using Look = StoreStatistics::Look;
  Look look = table.has_filter() ? Look::kMissed : Look::kUnfiltered;
  if (trace.was_rejected) look = Look::kRejected;
  if (history.entry_count() > entries_before) look = Look::kFound;
  lookup.statistics->CountLook(level, look);
  if (AURORA_LIKELY(lookup.profile == nullptr)) return;
  ++lookup.profile->tables_probed;
  lookup.profile->filter_rejections += trace.was_rejected ? 1 : 0;
  CountBlocks(lookup, trace.blocks);
}

// The value of what was found, and counts of it. REQUIRES !history.needs_value().
inline GetResult Resolved(const KeyHistory& history, const Lookup& lookup) {
  if (AURORA_UNLIKELY(history.is_deleted())) {
    lookup.statistics->Count(StoreStatistics::Counter::kTombstones);
    if (lookup.profile != nullptr) ++lookup.profile->tombstones_skipped;
  }
  if (lookup.profile != nullptr) lookup.profile->merge_operands += history.operand_count();
  return history.Resolve(lookup.key, lookup.merge_operator);
}

// Counts a Get that has waited since `start`, and what was read for it.
void CountWait(const Lookup& lookup, std::int64_t start, std::uint64_t bytes_read);

// Feeds the entries of the key to `history`, and adds what is read to `bytes_read`. The looks into
// the first `counted` tables are counted already. All must live until the task completes.
Task<absl::Status> Collect(const ReadView* view, const Lookup* lookup, std::size_t counted,
                           KeyHistory* history, std::uint64_t* bytes_read);
// Gives the history the value that it needs, if it does. As Collect.
Task<absl::Status> FetchBase(const ReadView* view, const Lookup* lookup, KeyHistory* history,
                             std::uint64_t* bytes_read);

// The value, looked for anew, with a copy of the key. The looks into the memtables, and into the
// first `counted` tables, are counted already.
Task<GetResult> GetSlow(std::shared_ptr<const ReadView> view, Lookup lookup, std::string key,
                        std::size_t counted);
// The value that `read` fetches from a file which the view keeps, counting in `sources`.
Task<GetResult> GetFetched(std::shared_ptr<const ReadView> view, Lookup lookup,
                           std::unique_ptr<BlockSources> sources,
                           Task<absl::StatusOr<PinnedValue>> read);

}  // namespace aurora::lsm
