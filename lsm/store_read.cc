// Reading one key.
#include <algorithm>
#include <utility>

#include "aurora/lsm/key.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/lsm/store_iterator.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/task_group.h"

namespace aurora::lsm {
namespace {

class SnapshotImpl final : public Snapshot {
 public:
  explicit SnapshotImpl(std::unique_ptr<SnapshotList::Handle> handle)
      : handle_(std::move(handle)) {}
  Sequence sequence() const override { return handle_->sequence(); }

 private:
  const std::unique_ptr<SnapshotList::Handle> handle_;
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

using GetResult = absl::StatusOr<std::optional<PinnedValue>>;

// What is looked for, and who counts and takes the time.
struct Lookup {
  KeyspaceId keyspace = 0;
  std::string_view key;
  Sequence at = 0;
  OperationProfile* profile = nullptr;  // null: nobody asks
  const MergeOperator* merge_operator = nullptr;
  StoreStatistics* statistics = nullptr;
  Environment* environment = nullptr;
  std::int64_t Now() const { return environment->clock().MonotonicNanos(); }
};

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
  OperationProfile* const profile = lookup.profile;
  if (AURORA_LIKELY(profile == nullptr)) return;
  ++profile->tables_probed;
  profile->filter_rejections += trace.was_rejected ? 1 : 0;
  profile->blocks_from_cache += trace.blocks.cache;
  profile->blocks_from_device += trace.blocks.device;
  profile->bytes_read += trace.blocks.device_bytes;
}

inline GetResult Resolved(const KeyHistory& history, const Lookup& lookup) {
  if (AURORA_UNLIKELY(history.is_deleted())) {
    lookup.statistics->Count(StoreStatistics::Counter::kTombstones);
    if (lookup.profile != nullptr) ++lookup.profile->tombstones_skipped;
  }
  if (lookup.profile != nullptr) lookup.profile->merge_operands += history.operand_count();
  return history.Resolve(lookup.key, lookup.merge_operator);
}

// With a copy of the key. The looks into the memtables, and into the first `counted` tables, are
// counted already.
Task<GetResult> GetSlow(std::shared_ptr<const ReadView> view, Lookup lookup, std::string key,
                        std::size_t counted) {
  const std::int64_t start = lookup.Now();
  lookup.key = key;
  const StoredKey stored(lookup.keyspace, lookup.key);
  const std::uint64_t hash = HashKey(stored.view());
  KeyHistory history;
  for (std::size_t i = 0; i < view->runs.size(); ++i) {
    if (view->runs[i]->memtable.Get(stored.view(), hash, lookup.at, view->pins[i], &history)) break;
  }
  std::vector<std::pair<TreeTable*, int>> tables;
  if (!history.settled()) {
    VisitTables(*view->tree, stored.view(), [&tables](TreeTable& table, int level) {
      tables.emplace_back(&table, level);
      return true;
    });
  }
  std::uint64_t bytes_read = 0;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    AURORA_CO_ASSIGN(Table* const table, co_await tables[i].first->Open());
    const std::size_t entries_before = history.entry_count();
    Table::GetTrace trace;
    absl::Status got = co_await table->Get(stored.view(), hash, lookup.at, &history, &trace);
    if (!got.ok() && AURORA_PLANTED_BUG("get-skips-unreadable-block")) continue;
    AURORA_CO_RETURN_IF_ERROR(std::move(got));
    if (i >= counted) {
      CountLook(lookup, tables[i].second, *table, history, entries_before, trace);
    }
    bytes_read += trace.blocks.device_bytes;
    if (history.settled()) break;
  }
  const std::int64_t waited = lookup.Now() - start;
  lookup.statistics->RecordTime(Measure::kGet, waited);
  lookup.statistics->Count(StoreStatistics::Counter::kBytesReadByGets, bytes_read);
  if (lookup.profile != nullptr) {
    lookup.profile->device_wait_nanos +=
        static_cast<std::uint64_t>(std::max<std::int64_t>(waited, 0));
  }
  co_return Resolved(history, lookup);
}

AURORA_TASK_WRAPPER inline Task<GetResult> GetFrom(std::shared_ptr<const ReadView> view,
                                                   Lookup lookup) {
  const StoredKey stored(lookup.keyspace, lookup.key);
  const std::uint64_t hash = HashKey(stored.view());
  KeyHistory history;
  for (std::size_t i = 0; i < view->runs.size(); ++i) {
    if (lookup.profile != nullptr) ++lookup.profile->memtables_probed;
    if (view->runs[i]->memtable.Get(stored.view(), hash, lookup.at, view->pins[i], &history)) {
      return Resolved(history, lookup);
    }
  }
  bool must_wait = false;
  std::size_t counted = 0;
  absl::Status error;
  const auto visit = [&](TreeTable& tree_table, int level) {
    Task<absl::StatusOr<Table*>> opened = tree_table.Open();
    must_wait = !opened.IsReady();
    if (must_wait) return false;
    Table* const table = *std::move(opened).TakeReady();
    const std::size_t entries_before = history.entry_count();
    Table::GetTrace trace;
    Task<absl::Status> got = table->Get(stored.view(), hash, lookup.at, &history, &trace);
    must_wait = !got.IsReady();
    if (must_wait) return false;
    error = std::move(got).TakeReady();
    CountLook(lookup, level, *table, history, entries_before, trace);
    ++counted;
    return error.ok() && !history.settled();
  };
  VisitTables(*view->tree, stored.view(), visit);
  if (AURORA_UNLIKELY(must_wait)) {
    return GetSlow(std::move(view), lookup, std::string(lookup.key), counted);
  }
  if (AURORA_UNLIKELY(!error.ok())) return GetResult(std::move(error));
  return Resolved(history, lookup);
}

// A key of GetMany whose value is not in memory.
struct Awaited {
  std::size_t index;
  // Several may run at once, each with a profile of its own; null: nobody asks.
  std::unique_ptr<OperationProfile> profile;
  Task<GetResult> get;
};

Task<absl::Status> AwaitOne(Awaited* awaited, std::optional<PinnedValue>* value) {
  AURORA_CO_ASSIGN(*value, co_await std::move(awaited->get));
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::vector<std::optional<PinnedValue>>>> AwaitMany(
    std::vector<std::optional<PinnedValue>> values, std::vector<Awaited> awaited,
    std::int64_t start, Lookup lookup) {
  const auto get_one = [&values, &awaited](std::size_t i) AURORA_TASK_WRAPPER {
    return AwaitOne(&awaited[i], &values[awaited[i].index]);
  };
  absl::Status got = co_await ForEachConcurrently(Executor::Current(), awaited.size(),
                                                  Store::kGetsInFlight, get_one);
  for (const Awaited& each : awaited) {
    if (each.profile != nullptr) lookup.profile->Add(*each.profile);
  }
  lookup.statistics->RecordTime(Measure::kGetMany, lookup.Now() - start);
  AURORA_CO_RETURN_IF_ERROR(std::move(got));
  co_return values;
}

}  // namespace

std::unique_ptr<Snapshot> StoreImpl::GetSnapshot() {
  return std::make_unique<SnapshotImpl>(snapshots_->Acquire());
}

const MergeOperator* StoreImpl::FindMergeOperator(KeyspaceId keyspace) const {
  if (options_.merge_operators.empty()) return options_.default_merge_operator;
  const auto found = options_.merge_operators.find(keyspace);
  return found == options_.merge_operators.end() ? options_.default_merge_operator : found->second;
}

Task<GetResult> StoreImpl::Get(KeyspaceId keyspace, std::string_view key, Sequence at,
                               OperationProfile* profile) {
  // The view first: it then holds all that was published when this call began, and its tables
  // nothing that was folded for readers of a later sequence.
  std::uint64_t ordinal = 0;
  std::shared_ptr<const ReadView> view = views_.GetFor(1, &ordinal);
  if (at == kMaxSequence) at = queue_->published();
  const Lookup lookup{keyspace,     key,          at, profile, FindMergeOperator(keyspace),
                      &statistics_, &environment_};
  const bool is_timed = statistics_.IsSampled(ordinal);
  const std::int64_t start = AURORA_UNLIKELY(is_timed) ? Now() : 0;
  Task<GetResult> get = GetFrom(std::move(view), lookup);
  if (AURORA_UNLIKELY(is_timed) && get.IsReady()) {
    statistics_.RecordTime(Measure::kGet, Now() - start, statistics_.weight());
  }
  return get;
}

Task<absl::StatusOr<std::vector<std::optional<PinnedValue>>>> StoreImpl::GetMany(
    KeyspaceId keyspace, std::span<const std::string_view> keys, Sequence at,
    OperationProfile* profile) {
  using Values = std::vector<std::optional<PinnedValue>>;
  const std::int64_t start = Now();
  Sequence published = 0;
  const std::shared_ptr<const ReadView> view = ConsistentView(&published, keys.size());
  if (at == kMaxSequence) at = published;
  Lookup lookup{keyspace,     {},           at, nullptr, FindMergeOperator(keyspace),
                &statistics_, &environment_};
  Values values(keys.size());
  std::vector<Awaited> awaited;
  std::unique_ptr<OperationProfile> own_profile;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (profile != nullptr && own_profile == nullptr) {
      own_profile = std::make_unique<OperationProfile>();
    }
    lookup.key = keys[i];
    lookup.profile = own_profile.get();
    Task<GetResult> get = GetFrom(view, lookup);
    if (!get.IsReady()) {
      awaited.push_back({i, std::move(own_profile), std::move(get)});
      continue;
    }
    GetResult value = std::move(get).TakeReady();
    if (!value.ok()) return absl::StatusOr<Values>(value.status());
    values[i] = *std::move(value);
  }
  if (own_profile != nullptr) profile->Add(*own_profile);
  lookup.profile = profile;
  if (!awaited.empty()) return AwaitMany(std::move(values), std::move(awaited), start, lookup);
  statistics_.RecordTime(Measure::kGetMany, Now() - start);
  return absl::StatusOr<Values>(std::move(values));
}

std::shared_ptr<const ReadView> StoreImpl::ConsistentView(Sequence* published, std::uint64_t keys) {
  std::uint64_t ordinal = 0;
  std::shared_ptr<const ReadView> view = views_.GetFor(keys, &ordinal);
  for (;;) {
    *published = queue_->published();
    // A commit that this view's active memtable does not hold was registered after the next view
    // was set, so if it is published, that view is seen here.
    std::shared_ptr<const ReadView> seen = views_.Get();
    if (seen->runs.front() == view->runs.front()) return view;
    view = std::move(seen);
  }
}

std::unique_ptr<Iterator> StoreImpl::NewIterator(KeyspaceId keyspace,
                                                 const IterateOptions& options) {
  Sequence at = 0;
  std::shared_ptr<const ReadView> view = ConsistentView(&at, 0);
  if (options.at != kMaxSequence) at = options.at;
  statistics_.Count(StoreStatistics::Counter::kIterators);
  return NewStoreIterator(std::move(view), keyspace, FindMergeOperator(keyspace), at, options,
                          {&statistics_, &environment_.clock()});
}

}  // namespace aurora::lsm
