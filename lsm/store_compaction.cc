// Merging tables into the levels below.
#include <algorithm>
#include <iterator>
#include <utility>

#include "aurora/lsm/level_iterator.h"
#include "aurora/lsm/merging_iterator.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/lsm/store_parts.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/task_group.h"

namespace aurora::lsm {
namespace {

// A part of a compaction has so many full tables to read, at least: a table of its own would gain
// nothing.
constexpr std::uint64_t kTablesPerPart = 4;

Task<absl::StatusOr<CompactionRangeDeletes>> InputRangeDeletes(
    const Compaction& compaction, const std::vector<Sequence>& visible) {
  std::vector<RangeDelete> ranges;  // views into tables, which the compaction holds
  for (const Tree::Tables* tables : {&compaction.upper, &compaction.lower}) {
    for (const auto& table : *tables) {
      if (table->info().range_delete_count == 0) continue;
      AURORA_CO_ASSIGN(Table* const open_table, co_await table->Open());
      const std::vector<RangeDelete>& all = open_table->range_deletes()->all();
      ranges.insert(ranges.end(), all.begin(), all.end());
    }
  }
  co_return CompactionRangeDeletes(ranges, visible);
}

std::unique_ptr<EntryIterator> CompactionInput(const Compaction& compaction,
                                               BlockSources* block_sources) {
  Table::IterateOptions options;
  options.fill_cache = false;
  options.sources = block_sources;
  std::vector<std::unique_ptr<EntryIterator>> sources;
  // Tables of a level from 1 on follow each other; those of level 0 may overlap. A full compaction
  // has tables of several levels in `upper`: there each is a source of its own. A table is opened
  // when it is reached, so those that a part of the compaction does not reach cost nothing.
  for (const auto& table : compaction.upper) {
    sources.push_back(std::make_unique<LevelIterator>(Tree::Tables{table}, options));
  }
  if (!compaction.lower.empty()) {
    sources.push_back(std::make_unique<LevelIterator>(compaction.lower, options));
  }
  return std::make_unique<MergingIterator>(std::move(sources));
}

// Stored keys, ascending, that divide the inputs into up to `parts_max` parts of about the same
// size, none of them small.
std::vector<std::string> PartBounds(const Compaction& compaction, std::size_t parts_max,
                                    std::uint64_t table_bytes) {
  const std::uint64_t bytes = compaction.input_bytes();
  const auto parts = std::min<std::uint64_t>(parts_max, bytes / (kTablesPerPart * table_bytes));
  std::vector<std::string> bounds;
  if (parts < 2) return bounds;
  Tree::Tables tables = compaction.upper;
  tables.insert(tables.end(), compaction.lower.begin(), compaction.lower.end());
  std::sort(tables.begin(), tables.end(), [](const auto& a, const auto& b) {
    return a->info().smallest_key < b->info().smallest_key;
  });
  std::uint64_t before = 0;
  for (const auto& table : tables) {
    const std::string& key = table->info().smallest_key;
    const bool is_due = before * parts >= bytes * (bounds.size() + 1);
    if (is_due && (bounds.empty() || bounds.back() < key)) bounds.push_back(key);
    before += table->info().size_bytes;
  }
  return bounds;
}

CompactionBegun BegunOf(const Compaction& compaction) {
  CompactionBegun begun;
  begun.reason = compaction.reason;
  begun.level = compaction.level;
  begun.output_level = compaction.output_level;
  begun.is_move = compaction.is_move;
  begun.input_bytes = compaction.input_bytes();
  for (const Tree::Tables* tables : {&compaction.upper, &compaction.lower}) {
    for (const auto& table : *tables) begun.inputs.push_back(table->info().number);
  }
  return begun;
}

// Where the tables of a level begin.
std::vector<std::string> Starts(const Tree& tree, int level) {
  std::vector<std::string> starts;
  if (level == kLevelCount) return starts;
  for (const auto& table : tree.level(level)) starts.push_back(table->info().smallest_key);
  return starts;
}

}  // namespace

Task<absl::Status> StoreImpl::Compact(std::stop_token stop) {
  AURORA_CO_RETURN_IF_ERROR(co_await Flush());
  std::uint64_t request = 0;
  std::uint64_t failures = 0;
  {
    const std::lock_guard lock(state_mutex_);
    request = ++compact_requests_;
    failures = failures_;
  }
  event_.Notify();
  // The outcome, once there is one.
  std::optional<absl::Status> outcome;
  std::atomic<bool> stopped{false};
  const std::stop_callback wake(stop, [this, &stopped] {
    stopped.store(true, std::memory_order_seq_cst);
    event_.Notify();
  });
  const auto is_over = [this, request, failures, &stopped, &outcome] {
    if (outcome.has_value()) return true;
    const bool closing_or_poisoned = poisoned() || closing();
    const std::lock_guard lock(state_mutex_);
    if (compact_done_ >= request && (!compact_status_.ok() || !HasValueWork())) {
      outcome = compact_status_;
    } else if (stopped.load(std::memory_order_seq_cst)) {
      outcome = CancelledError("the compaction was not waited for");
    } else if (closing_or_poisoned) {
      outcome = UnusableError();
    } else if (failures_ > failures && !BackgroundError().ok()) {
      outcome = BackgroundError();
    }
    return outcome.has_value();
  };
  co_await event_.Until(is_over);
  co_return *std::move(outcome);
}

Task<absl::Status> StoreImpl::WaitIdle() {
  if (options_.read_only) co_return absl::OkStatus();
  std::uint64_t failures = 0;
  {
    const std::lock_guard lock(state_mutex_);
    failures = failures_;
  }
  std::optional<absl::Status> outcome;
  const auto is_over = [this, failures, &outcome] {
    if (outcome.has_value()) return true;
    const bool closing_or_poisoned = poisoned() || closing();
    const std::lock_guard lock(state_mutex_);
    if (closing_or_poisoned) {
      outcome = UnusableError();
    } else if (failures_ > failures && !BackgroundError().ok()) {
      outcome = BackgroundError();
    } else if (sealed_.empty() && compactions_running_ == 0 && compact_done_ == compact_requests_ &&
               !IsCompactionDue() && !HasValueWork() && obsolete_.empty()) {
      outcome = absl::OkStatus();
    }
    return outcome.has_value();
  };
  // The clock may have jumped to where something has expired, of which nobody was told.
  event_.Notify();
  co_await event_.Until(is_over);
  co_return *std::move(outcome);
}

bool StoreImpl::IsCompactionDue() {
  NoteReaders();
  return picker_.IsDue(*tree_);
}

void StoreImpl::NoteReaders() {
  if (AURORA_LIKELY(tree_->dense_tables().empty())) return;
  SnapshotList::Oldest oldest = snapshots_->OldestReaders();
  for (;;) {
    picker_.SetOldestReader(*tree_, oldest.sequence, oldest.expired_through);
    const SnapshotList::Oldest awaited{picker_.FirstHeldBack(*tree_),
                                       tree_->NextExpiry(oldest.expired_through)};
    oldest = snapshots_->AwaitOldest(awaited);
    if (oldest.sequence < awaited.sequence && oldest.expired_through < awaited.expired_through) {
      return;  // else a release came in between, or time has passed
    }
  }
}

bool StoreImpl::HasCompaction() {
  if (ingestion_.places_tables) return false;  // until they are in the tree
  // One that was asked for waits for the others, and begins before any other.
  if (compact_requests_ > compact_done_) return compactions_running_ == 0;
  NoteReaders();
  return picker_.MayPick(*tree_);
}

Task<absl::Status> StoreImpl::CompactionLoop() {
  int failed_attempts = 0;
  const auto has_work = [this] {
    if (closing()) return true;
    if (poisoned()) return false;
    const std::lock_guard lock(state_mutex_);
    return HasCompaction();
  };
  for (;;) {
    co_await event_.Until(has_work);
    if (closing()) co_return absl::OkStatus();
    std::optional<Compaction> picked;
    std::uint64_t requests = 0;
    bool is_requested = false;
    std::size_t parts_max = 1;
    {
      const std::lock_guard lock(state_mutex_);
      if (!HasCompaction()) continue;  // another loop was quicker
      requests = compact_requests_;
      is_requested = requests > compact_done_;
      picked = is_requested ? picker_.PickAll(*tree_) : picker_.Pick(*tree_);
      ++compactions_running_;
      // What the others leave.
      parts_max = static_cast<std::size_t>(compaction_jobs_) - (compactions_running_ - 1);
    }
    absl::Status compacted;
    if (picked.has_value()) compacted = co_await RunCompaction(*std::move(picked), parts_max);
    picked.reset();  // releases its tables
    const bool failed = !compacted.ok();
    {
      const std::lock_guard lock(state_mutex_);
      --compactions_running_;
      if (is_requested) {
        compact_done_ = requests;
        compact_status_ = compacted;
      }
    }
    SetError(&compaction_error_, std::move(compacted));
    failed_attempts = failed ? failed_attempts + 1 : 0;
    if (failed && !poisoned()) co_await BackOff(failed_attempts);
  }
}

Task<absl::Status> StoreImpl::RunCompaction(Compaction compaction, std::size_t parts_max) {
  const std::int64_t start = Now();
  CompactionEnded told;
  told.what = BegunOf(compaction);
  events_.Post(told.what);
  TreeChange change;
  for (const Tree::Tables* tables : {&compaction.upper, &compaction.lower}) {
    for (const auto& table : *tables) {
      change.edit.removed_tables.push_back(table->info().number);
      if (compaction.is_move) {
        TableInfo moved = table->info();
        moved.level = compaction.output_level;
        change.edit.added_tables.push_back(std::move(moved));
        change.added.push_back({compaction.output_level, table});
      } else {
        change.obsolete.push_back(table);
      }
    }
  }
  absl::Status done;
  if (!compaction.is_move) {
    done = co_await Merge(std::move(compaction), parts_max, &change);
  }
  for (const TableInfo& table : change.edit.added_tables) {
    told.outputs.push_back(table.number);
    if (!told.what.is_move) told.bytes_written += table.size_bytes;
  }
  const std::vector<std::uint64_t> taken = change.edit.removed_tables;
  if (done.ok()) done = co_await Install(std::move(change));
  {
    const std::lock_guard lock(state_mutex_);
    picker_.Release(taken);
  }
  told.status = done;
  told.nanos = Now() - start;
  if (done.ok()) {
    statistics_.Count(StoreStatistics::Counter::kCompactions);
    if (!told.what.is_move) statistics_.RecordTime(Measure::kCompaction, told.nanos);
  }
  events_.Post(std::move(told));
  co_return done;
}

std::shared_ptr<const Tree> StoreImpl::TakeHiddenTables(const CompactionRangeDeletes& range_deletes,
                                                        Compaction* compaction,
                                                        TreeChange* change) {
  const std::lock_guard lock(state_mutex_);
  if (range_deletes.all() == nullptr) return tree_;
  const auto is_hidden = [&](const std::shared_ptr<TreeTable>& table) {
    return range_deletes.Hides(table->info());
  };
  std::erase_if(compaction->upper, is_hidden);
  std::erase_if(compaction->lower, is_hidden);
  std::vector<std::uint64_t> below;
  for (int level = compaction->output_level + 1; level < kLevelCount; ++level) {
    for (const auto& table : tree_->level(level)) {
      if (!is_hidden(table) || !picker_.Take(table->info().number)) continue;
      below.push_back(table->info().number);
      change->obsolete.push_back(table);
    }
  }
  change->edit.removed_tables.insert(change->edit.removed_tables.end(), below.begin(), below.end());
  return below.empty() ? tree_ : tree_->With(below, {});
}

Task<absl::Status> StoreImpl::Merge(Compaction compaction, std::size_t parts_max,
                                    TreeChange* change) {
  const SnapshotList::Readers readers = snapshots_->Visible();
  change->readers = readers.hold;
  const std::vector<Sequence>& visible = readers.visible;
  AURORA_CO_ASSIGN(CompactionRangeDeletes range_deletes,
                   co_await InputRangeDeletes(compaction, visible));
  const std::shared_ptr<const Tree> tree = TakeHiddenTables(range_deletes, &compaction, change);
  const int below = compaction.output_level + 1;
  range_deletes.DropUnneeded(*tree, below);
  const std::vector<std::string> bounds = PartBounds(compaction, parts_max, options_.table_bytes);
  std::vector<Written> written(bounds.size() + 1);
  const auto write_part = [&](std::size_t i) -> Task<absl::Status> {
    EntryFilter::Options filter;
    filter.visible = visible;
    filter.expired_through = readers.expired_through;
    if (i > 0) filter.begin = bounds[i - 1];
    if (i > 0 && AURORA_PLANTED_BUG("compaction-parts-leave-gap")) filter.begin.push_back('\0');
    if (i < bounds.size()) filter.end = bounds[i];
    // Tables that flushes and ingestions add meanwhile hold only newer entries, wherever they are,
    // and no other compaction adds any of these keys below.
    filter.is_bottom = [&tree, below](std::string_view key) {
      return AURORA_PLANTED_BUG("compaction-drops-tombstones") || !tree->MayHold(below, key);
    };
    filter.merge_operators = &options_.merge_operators;
    filter.default_merge_operator = options_.default_merge_operator;
    filter.values = tree;
    BlockSources sources;
    filter.sources = &sources;
    TableOutput output = {.level = compaction.output_level,
                          .is_last_level = tree->last_level() <= compaction.output_level,
                          .sources = &sources,
                          .good_cuts = Starts(*tree, below)};
    CompactionRangeDeletes part_deletes = range_deletes.Within(filter.begin, filter.end);
    std::unique_ptr<EntryIterator> source = CompactionInput(compaction, &sources);
    AURORA_CO_ASSIGN(written[i], co_await WriteTables(std::move(source), std::move(filter),
                                                      std::move(part_deletes), std::move(output)));
    statistics_.Count(StoreStatistics::Counter::kBytesReadByCompactions, sources.device_bytes);
    co_return absl::OkStatus();
  };
  absl::Status merged = co_await ForEachConcurrently(&environment_.background(), written.size(),
                                                     written.size(), write_part);
  Written all;
  for (Written& part : written) {
    std::move(part.tables.begin(), part.tables.end(), std::back_inserter(all.tables));
  }
  if (!merged.ok()) {
    co_await Discard(all.FileNames());
    co_return merged;
  }
  statistics_.Count(StoreStatistics::Counter::kBytesCompacted,
                    TakeWritten(std::move(all), compaction.output_level, change));
  co_return absl::OkStatus();
}

}  // namespace aurora::lsm
