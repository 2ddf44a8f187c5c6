// Reading one key.
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

// Calls `visit` with each table that may hold the key, the newest first, until it returns false.
template <class Visit>
void VisitTables(const Tree& tree, std::string_view stored_key, Visit visit) {
  // False if `visit` was, of the table among these disjoint ones that may hold the key.
  const auto visit_one = [&](const Tree::Tables& tables) {
    if (tables.empty()) return true;
    const std::size_t index = Tree::FirstNotBefore(tables, stored_key);
    if (index == tables.size() || !tables[index]->info().Spans(stored_key)) return true;
    return visit(*tables[index]);
  };
  for (const Tree::Tables& run : tree.level0_runs()) {
    if (!visit_one(run)) return;
  }
  for (int level = 1; level < kLevelCount; ++level) {
    if (!visit_one(tree.level(level))) return;
  }
}

// A key of GetMany whose value is not in memory.
struct Awaited {
  std::size_t index;
  Task<absl::StatusOr<std::optional<PinnedValue>>> get;
};

Task<absl::Status> AwaitOne(Awaited* awaited, std::optional<PinnedValue>* value) {
  AURORA_CO_ASSIGN(*value, co_await std::move(awaited->get));
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::vector<std::optional<PinnedValue>>>> AwaitMany(
    std::vector<std::optional<PinnedValue>> values, std::vector<Awaited> awaited) {
  const auto get_one = [&values, &awaited](std::size_t i) AURORA_TASK_WRAPPER {
    return AwaitOne(&awaited[i], &values[awaited[i].index]);
  };
  AURORA_CO_RETURN_IF_ERROR(co_await ForEachConcurrently(Executor::Current(), awaited.size(),
                                                         Store::kGetsInFlight, get_one));
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

Task<absl::StatusOr<std::optional<PinnedValue>>> StoreImpl::Get(KeyspaceId keyspace,
                                                                std::string_view key, Sequence at) {
  // The view first: it then holds all that was published when this call began, and its tables
  // nothing that was folded for readers of a later sequence.
  std::shared_ptr<const ReadView> view = views_.Get();
  if (at == kMaxSequence) at = queue_->published();
  return GetFrom(std::move(view), keyspace, key, at);
}

inline Task<absl::StatusOr<std::optional<PinnedValue>>> StoreImpl::GetFrom(
    std::shared_ptr<const ReadView> view, KeyspaceId keyspace, std::string_view key, Sequence at) {
  using Result = absl::StatusOr<std::optional<PinnedValue>>;
  const StoredKey stored(keyspace, key);
  const std::uint64_t hash = HashKey(stored.view());
  KeyHistory history;
  for (std::size_t i = 0; i < view->runs.size(); ++i) {
    if (view->runs[i]->memtable.Get(stored.view(), hash, at, view->pins[i], &history)) {
      return history.Resolve(key, FindMergeOperator(keyspace));
    }
  }
  bool must_wait = false;
  absl::Status error;
  const auto visit = [&](TreeTable& tree_table) {
    Task<absl::StatusOr<Table*>> opened = tree_table.Open();
    must_wait = !opened.IsReady();
    if (must_wait) return false;
    Table* const table = *std::move(opened).TakeReady();
    Task<absl::Status> got = table->Get(stored.view(), hash, at, &history);
    must_wait = !got.IsReady();
    if (must_wait) return false;
    error = std::move(got).TakeReady();
    return error.ok() && !history.settled();
  };
  VisitTables(*view->tree, stored.view(), visit);
  if (AURORA_UNLIKELY(must_wait)) {
    return GetSlow(keyspace, std::string(key), at, std::move(view));
  }
  if (AURORA_UNLIKELY(!error.ok())) return Result(std::move(error));
  return history.Resolve(key, FindMergeOperator(keyspace));
}

Task<absl::StatusOr<std::optional<PinnedValue>>> StoreImpl::GetSlow(
    KeyspaceId keyspace, std::string key, Sequence at, std::shared_ptr<const ReadView> view) {
  const StoredKey stored(keyspace, key);
  const std::uint64_t hash = HashKey(stored.view());
  KeyHistory history;
  for (std::size_t i = 0; i < view->runs.size(); ++i) {
    if (view->runs[i]->memtable.Get(stored.view(), hash, at, view->pins[i], &history)) break;
  }
  std::vector<TreeTable*> tables;
  if (!history.settled()) {
    VisitTables(*view->tree, stored.view(), [&tables](TreeTable& table) {
      tables.push_back(&table);
      return true;
    });
  }
  for (TreeTable* table : tables) {
    AURORA_CO_ASSIGN(Table* const open_table, co_await table->Open());
    absl::Status got = co_await open_table->Get(stored.view(), hash, at, &history);
    if (!got.ok() && AURORA_PLANTED_BUG("get-skips-unreadable-block")) continue;
    AURORA_CO_RETURN_IF_ERROR(std::move(got));
    if (history.settled()) break;
  }
  co_return history.Resolve(key, FindMergeOperator(keyspace));
}

Task<absl::StatusOr<std::vector<std::optional<PinnedValue>>>> StoreImpl::GetMany(
    KeyspaceId keyspace, std::span<const std::string_view> keys, Sequence at) {
  using Values = std::vector<std::optional<PinnedValue>>;
  Sequence published = 0;
  const std::shared_ptr<const ReadView> view = ConsistentView(&published);
  if (at == kMaxSequence) at = published;
  Values values(keys.size());
  std::vector<Awaited> awaited;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    auto get = GetFrom(view, keyspace, keys[i], at);
    if (!get.IsReady()) {
      awaited.push_back({i, std::move(get)});
      continue;
    }
    absl::StatusOr<std::optional<PinnedValue>> value = std::move(get).TakeReady();
    if (!value.ok()) return absl::StatusOr<Values>(value.status());
    values[i] = *std::move(value);
  }
  if (awaited.empty()) return absl::StatusOr<Values>(std::move(values));
  return AwaitMany(std::move(values), std::move(awaited));
}

std::shared_ptr<const ReadView> StoreImpl::ConsistentView(Sequence* published) const {
  for (;;) {
    std::shared_ptr<const ReadView> view = views_.Get();
    *published = queue_->published();
    // A commit that this view's active memtable does not hold was registered after the next view
    // was set, so if it is published, that view is seen here.
    if (views_.Get()->runs.front() == view->runs.front()) return view;
  }
}

std::unique_ptr<Iterator> StoreImpl::NewIterator(KeyspaceId keyspace,
                                                 const IterateOptions& options) {
  Sequence at = 0;
  std::shared_ptr<const ReadView> view = ConsistentView(&at);
  if (options.at != kMaxSequence) at = options.at;
  return NewStoreIterator(std::move(view), keyspace, FindMergeOperator(keyspace), at, options);
}

}  // namespace aurora::lsm
