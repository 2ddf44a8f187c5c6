// Reading one key.
#include <utility>

#include "aurora/lsm/key.h"
#include "aurora/lsm/lookup.h"
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
  Expiry as_of() const override { return handle_->as_of(); }

 private:
  const std::unique_ptr<SnapshotList::Handle> handle_;
};

// As Resolved, where the value is in a value file. `counted` as in GetSlow; `history` and the key
// may die at once.
AURORA_TASK_UNBOUND_WRAPPER Task<GetResult> ResolvedElsewhere(std::shared_ptr<const ReadView> view,
                                                              const Lookup& lookup,
                                                              std::size_t counted,
                                                              KeyHistory* history) {
  auto sources = std::make_unique<BlockSources>();
  Task<absl::StatusOr<PinnedValue>> read =
      view->tree->ReadValue(history->handle(), /*fill_cache=*/true, sources.get());
  if (!read.IsReady()) {
    if (history->has_operands()) {
      return GetSlow(std::move(view), lookup, std::string(lookup.key), counted);
    }
    return GetFetched(std::move(view), lookup, std::move(sources), std::move(read));
  }
  CountBlocks(lookup, *sources);
  absl::StatusOr<PinnedValue> value = std::move(read).TakeReady();
  if (!value.ok()) return GetResult(value.status());
  history->SetValue(*std::move(value));
  return Resolved(*history, lookup);
}

// `counted` as in GetSlow; `history` and the key may die at once.
AURORA_TASK_UNBOUND_WRAPPER inline Task<GetResult> ResolvedFrom(
    std::shared_ptr<const ReadView> view, const Lookup& lookup, std::size_t counted,
    KeyHistory* history) {
  if (AURORA_LIKELY(!history->needs_value())) return Resolved(*history, lookup);
  return ResolvedElsewhere(std::move(view), lookup, counted, history);
}

AURORA_TASK_WRAPPER inline Task<GetResult> GetFrom(std::shared_ptr<const ReadView> view,
                                                   Lookup lookup) {
  const StoredKey stored(lookup.keyspace, lookup.key);
  const std::uint64_t hash = HashKey(stored.view());
  KeyHistory history;
  history.SetTime(&lookup.time);
  for (std::size_t i = 0; i < view->runs.size(); ++i) {
    if (lookup.profile != nullptr) ++lookup.profile->memtables_probed;
    if (view->runs[i]->memtable.Get(stored.view(), hash, lookup.at, view->pins[i], &history)) {
      return ResolvedFrom(std::move(view), lookup, 0, &history);
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
  return ResolvedFrom(std::move(view), lookup, counted, &history);
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

Task<GetResult> StoreImpl::Get(KeyspaceId keyspace, std::string_view key, ReadPoint point,
                               OperationProfile* profile) {
  // The view first: it then holds all that was published when this call began, and its tables
  // nothing that was folded for readers of a later sequence.
  std::uint64_t ordinal = 0;
  std::shared_ptr<const ReadView> view = views_.GetFor(1, &ordinal);
  Sequence at = point.sequence;
  const bool is_latest = at == kMaxSequence;
  if (is_latest) at = queue_->published();
  if (AURORA_UNLIKELY(has_staged_.load(std::memory_order_seq_cst)) && views_.Get() != view) {
    // A commit may have claimed a value of a file that this view does not hold. The later view may
    // hold too little for a snapshot that nobody keeps, so the sequence is a later one too.
    Sequence published = 0;
    view = ConsistentView(&published, 0);
    if (is_latest) at = published;
  }
  Lookup lookup{keyspace,     key,          at, profile, FindMergeOperator(keyspace),
                &statistics_, &environment_};
  const bool by_clock = AURORA_LIKELY(point.as_of == ReadPoint::kByTheClock);
  lookup.time = by_clock ? ReadTime(&environment_.clock()) : ReadTime(point.as_of);
  const bool is_timed = statistics_.IsSampled(ordinal);
  const std::int64_t start = AURORA_UNLIKELY(is_timed) ? Now() : 0;
  Task<GetResult> get = GetFrom(std::move(view), lookup);
  if (AURORA_UNLIKELY(is_timed) && get.IsReady()) {
    statistics_.RecordTime(Measure::kGet, Now() - start, statistics_.weight());
  }
  return get;
}

Task<absl::StatusOr<std::vector<std::optional<PinnedValue>>>> StoreImpl::GetMany(
    KeyspaceId keyspace, std::span<const std::string_view> keys, ReadPoint point,
    OperationProfile* profile) {
  using Values = std::vector<std::optional<PinnedValue>>;
  const std::int64_t start = Now();
  Sequence published = 0;
  const std::shared_ptr<const ReadView> view = ConsistentView(&published, keys.size());
  const Sequence at = point.sequence == kMaxSequence ? published : point.sequence;
  Lookup lookup{keyspace,
                {},
                at,
                nullptr,
                FindMergeOperator(keyspace),
                &statistics_,
                &environment_,
                snapshots_->TimeOf(point)};
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
    // was set, so if it is published, that view is seen here. So is the one with the value file of
    // a commit that claims a value.
    std::shared_ptr<const ReadView> seen = views_.Get();
    if (seen == view) return view;
    view = std::move(seen);
  }
}

Task<absl::StatusOr<std::optional<Expiry>>> StoreImpl::GetExpiry(KeyspaceId keyspace,
                                                                 std::string_view key,
                                                                 ReadPoint point) {
  Sequence published = 0;
  const std::shared_ptr<const ReadView> view = ConsistentView(&published, 1);
  const Sequence at = point.sequence == kMaxSequence ? published : point.sequence;
  Lookup lookup{keyspace,
                key,
                at,
                nullptr,
                FindMergeOperator(keyspace),
                &statistics_,
                &environment_,
                snapshots_->TimeOf(point)};
  KeyHistory history;
  history.SetTime(&lookup.time);
  std::uint64_t bytes_read = 0;
  AURORA_CO_RETURN_IF_ERROR(co_await Collect(view.get(), &lookup, 0, &history, &bytes_read));
  const bool has_value = !history.empty() && !history.is_deleted();
  co_return has_value ? std::optional(history.expiry()) : std::nullopt;
}

std::unique_ptr<Iterator> StoreImpl::NewIterator(KeyspaceId keyspace,
                                                 const IterateOptions& options) {
  Sequence at = 0;
  std::shared_ptr<const ReadView> view = ConsistentView(&at, 0);
  if (options.at.sequence != kMaxSequence) at = options.at.sequence;
  statistics_.Count(StoreStatistics::Counter::kIterators);
  return NewStoreIterator(std::move(view), keyspace, FindMergeOperator(keyspace), at, options,
                          snapshots_->TimeOf(options.at), {&statistics_, &environment_.clock()});
}

}  // namespace aurora::lsm
