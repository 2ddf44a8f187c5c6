#include "aurora/lsm/lookup.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "aurora/lsm/key.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

void CountWait(const Lookup& lookup, std::int64_t start, std::uint64_t bytes_read) {
  const std::int64_t waited = lookup.Now() - start;
  lookup.statistics->RecordTime(Measure::kGet, waited);
  lookup.statistics->Count(StoreStatistics::Counter::kBytesReadByGets, bytes_read);
  if (lookup.profile == nullptr) return;
  lookup.profile->device_wait_nanos +=
      static_cast<std::uint64_t>(std::max<std::int64_t>(waited, 0));
}

Task<absl::Status> Collect(const ReadView* view, const Lookup* lookup, std::size_t counted,
                           KeyHistory* history, std::uint64_t* bytes_read) {
  const StoredKey stored(lookup->keyspace, lookup->key);
  const std::uint64_t hash = HashKey(stored.view());
  for (std::size_t i = 0; i < view->runs.size(); ++i) {
    if (view->runs[i]->memtable.Get(stored.view(), hash, lookup->at, view->pins[i], history)) break;
  }
  std::vector<std::pair<TreeTable*, int>> tables;
  if (!history->settled()) {
    VisitTables(*view->tree, stored.view(), [&tables](TreeTable& table, int level) {
      tables.emplace_back(&table, level);
      return true;
    });
  }
  for (std::size_t i = 0; i < tables.size(); ++i) {
    AURORA_CO_ASSIGN(Table* const table, co_await tables[i].first->Open());
    const std::size_t entries_before = history->entry_count();
    Table::GetTrace trace;
    absl::Status got = co_await table->Get(stored.view(), hash, lookup->at, history, &trace);
    if (!got.ok() && AURORA_PLANTED_BUG("get-skips-unreadable-block")) continue;
    AURORA_CO_RETURN_IF_ERROR(std::move(got));
    if (i >= counted) {
      CountLook(*lookup, tables[i].second, *table, *history, entries_before, trace);
    }
    *bytes_read += trace.blocks.device_bytes;
    if (history->settled()) break;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> FetchBase(const ReadView* view, const Lookup* lookup, KeyHistory* history,
                             std::uint64_t* bytes_read) {
  if (!history->needs_value()) co_return absl::OkStatus();
  BlockSources sources;
  AURORA_CO_ASSIGN(PinnedValue value, co_await view->tree->ReadValue(
                                          history->handle(), /*fill_cache=*/true, &sources));
  CountBlocks(*lookup, sources);
  *bytes_read += sources.device_bytes;
  history->SetValue(std::move(value));
  co_return absl::OkStatus();
}

Task<GetResult> GetSlow(std::shared_ptr<const ReadView> view, Lookup lookup, std::string key,
                        std::size_t counted) {
  const std::int64_t start = lookup.Now();
  lookup.key = key;
  KeyHistory history;
  history.SetTime(&lookup.time);
  std::uint64_t bytes_read = 0;
  AURORA_CO_RETURN_IF_ERROR(co_await Collect(view.get(), &lookup, counted, &history, &bytes_read));
  AURORA_CO_RETURN_IF_ERROR(co_await FetchBase(view.get(), &lookup, &history, &bytes_read));
  CountWait(lookup, start, bytes_read);
  co_return Resolved(history, lookup);
}

Task<GetResult> GetFetched(std::shared_ptr<const ReadView>, Lookup lookup,
                           std::unique_ptr<BlockSources> sources,
                           Task<absl::StatusOr<PinnedValue>> read) {
  const std::int64_t start = lookup.Now();
  AURORA_CO_ASSIGN(PinnedValue value, co_await std::move(read));
  CountBlocks(lookup, *sources);
  CountWait(lookup, start, sources->device_bytes);
  co_return std::optional<PinnedValue>(std::move(value));
}

}  // namespace aurora::lsm
