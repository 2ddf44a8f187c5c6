// Reading one key.
#include <utility>

#include "aurora/lsm/key.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/lsm/store_iterator.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

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
  for (const auto& table : tree.level(0)) {
    if (table->info().Spans(stored_key) && !visit(*table)) return;
  }
  for (int level = 1; level < kLevelCount; ++level) {
    const Tree::Tables& tables = tree.level(level);
    if (tables.empty()) continue;
    const std::size_t index = tree.FirstNotBefore(level, stored_key);
    if (index == tables.size() || !tables[index]->info().Spans(stored_key)) continue;
    if (!visit(*tables[index])) return;
  }
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
  using Result = absl::StatusOr<std::optional<PinnedValue>>;
  // The view first: it then holds all that was published when this call began, and its tables
  // nothing that was folded for readers of a later sequence.
  std::shared_ptr<const ReadView> view = views_.Get();
  if (at == kMaxSequence) at = queue_->published();
  const StoredKey stored(keyspace, key);
  KeyHistory history;
  for (std::size_t i = 0; i < view->runs.size(); ++i) {
    if (view->runs[i]->memtable.Get(stored.view(), at, view->pins[i], &history)) {
      return history.Resolve(key, FindMergeOperator(keyspace));
    }
  }
  bool must_wait = false;
  absl::Status error;
  const std::uint64_t hash = HashKey(stored.view());
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
  KeyHistory history;
  for (std::size_t i = 0; i < view->runs.size(); ++i) {
    if (view->runs[i]->memtable.Get(stored.view(), at, view->pins[i], &history)) break;
  }
  const std::uint64_t hash = HashKey(stored.view());
  std::vector<TreeTable*> tables;
  if (!history.settled()) {
    VisitTables(*view->tree, stored.view(), [&tables](TreeTable& table) {
      tables.push_back(&table);
      return true;
    });
  }
  for (TreeTable* table : tables) {
    AURORA_CO_ASSIGN(Table* const open_table, co_await table->Open());
    AURORA_CO_RETURN_IF_ERROR(co_await open_table->Get(stored.view(), hash, at, &history));
    if (history.settled()) break;
  }
  co_return history.Resolve(key, FindMergeOperator(keyspace));
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
