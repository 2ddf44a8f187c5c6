// Merging tables into the levels below.
#include <algorithm>
#include <iterator>
#include <utility>

#include "aurora/lsm/level_iterator.h"
#include "aurora/lsm/merging_iterator.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

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

// Takes out of the inputs what range deletes hide from everybody: it need not be read. The same of
// the levels below the output is returned.
Tree::Tables TakeHiddenTables(const Tree& tree, const CompactionRangeDeletes& range_deletes,
                              Compaction* compaction) {
  Tree::Tables below;
  if (range_deletes.all() == nullptr) return below;
  const auto is_hidden = [&](const std::shared_ptr<TreeTable>& table) {
    return range_deletes.Hides(table->info());
  };
  std::erase_if(compaction->upper, is_hidden);
  std::erase_if(compaction->lower, is_hidden);
  for (int level = compaction->output_level + 1; level < kLevelCount; ++level) {
    const Tree::Tables& tables = tree.level(level);
    std::copy_if(tables.begin(), tables.end(), std::back_inserter(below), is_hidden);
  }
  return below;
}

std::unique_ptr<EntryIterator> CompactionInput(const Compaction& compaction,
                                               BlockSources* block_sources) {
  Table::IterateOptions options;
  options.fill_cache = false;
  options.sources = block_sources;
  std::vector<std::unique_ptr<EntryIterator>> sources;
  // Tables of a level from 1 on follow each other; those of level 0 may overlap. A full compaction
  // has tables of several levels in `upper`: there each is a source of its own.
  for (const auto& table : compaction.upper) {
    sources.push_back(std::make_unique<LevelIterator>(Tree::Tables{table}, options));
  }
  if (!compaction.lower.empty()) {
    sources.push_back(std::make_unique<LevelIterator>(compaction.lower, options));
  }
  return std::make_unique<MergingIterator>(std::move(sources));
}

}  // namespace

Task<absl::Status> StoreImpl::Compact() {
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
  const auto is_over = [this, request, failures, &outcome] {
    if (outcome.has_value()) return true;
    const bool closing_or_poisoned = poisoned() || closing();
    const std::lock_guard lock(state_mutex_);
    if (compact_done_ >= request) {
      outcome = compact_status_;
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
    } else if (sealed_.empty() && !compacting_ && compact_done_ == compact_requests_ &&
               !picker_.IsDue(*tree_) && obsolete_.empty()) {
      outcome = absl::OkStatus();
    }
    return outcome.has_value();
  };
  co_await event_.Until(is_over);
  co_return *std::move(outcome);
}

Task<absl::Status> StoreImpl::CompactionLoop() {
  int failed_attempts = 0;
  const auto has_work = [this] {
    if (closing()) return true;
    if (poisoned()) return false;
    const std::lock_guard lock(state_mutex_);
    return compact_requests_ > compact_done_ || picker_.IsDue(*tree_);
  };
  for (;;) {
    co_await event_.Until(has_work);
    if (closing()) co_return absl::OkStatus();
    std::optional<Compaction> picked;
    std::uint64_t requests = 0;
    bool is_requested = false;
    {
      const std::lock_guard lock(state_mutex_);
      requests = compact_requests_;
      is_requested = requests > compact_done_;
      picked = is_requested ? picker_.PickAll(*tree_) : picker_.Pick(*tree_);
      compacting_ = true;
    }
    absl::Status compacted;
    if (picked.has_value()) compacted = co_await RunCompaction(*std::move(picked));
    picked.reset();  // releases its tables
    const bool failed = !compacted.ok();
    {
      const std::lock_guard lock(state_mutex_);
      compacting_ = false;
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

Task<absl::Status> StoreImpl::RunCompaction(Compaction compaction) {
  Change change;
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
  if (!compaction.is_move) {
    AURORA_CO_RETURN_IF_ERROR(co_await Merge(std::move(compaction), &change));
  }
  AURORA_CO_RETURN_IF_ERROR(co_await Install(std::move(change)));
  compaction_count_.fetch_add(1, std::memory_order_relaxed);
  co_return absl::OkStatus();
}

Task<absl::Status> StoreImpl::Merge(Compaction compaction, Change* change) {
  std::shared_ptr<const Tree> tree;
  {
    const std::lock_guard lock(state_mutex_);
    tree = tree_;
  }
  const int below = compaction.output_level + 1;
  EntryFilter::Options filter;
  filter.visible = snapshots_->Visible();
  AURORA_CO_ASSIGN(CompactionRangeDeletes range_deletes,
                   co_await InputRangeDeletes(compaction, filter.visible));
  const Tree::Tables hidden = TakeHiddenTables(*tree, range_deletes, &compaction);
  for (const auto& table : hidden) change->edit.removed_tables.push_back(table->info().number);
  change->obsolete.insert(change->obsolete.end(), hidden.begin(), hidden.end());
  if (!hidden.empty()) tree = tree->With(change->edit.removed_tables, {});
  range_deletes.DropUnneeded(*tree, below);
  // Tables that flushes add meanwhile hold only newer entries, and nothing else adds any below.
  filter.is_bottom = [tree, below](std::string_view key) {
    return AURORA_PLANTED_BUG("compaction-drops-tombstones") || !tree->MayHold(below, key);
  };
  filter.merge_operators = &options_.merge_operators;
  filter.default_merge_operator = options_.default_merge_operator;
  BlockSources sources;
  const Output output = {.level = compaction.output_level,
                         .is_last_level = tree->last_level() <= compaction.output_level,
                         .sources = &sources};
  std::unique_ptr<EntryIterator> source = CompactionInput(compaction, &sources);
  AURORA_CO_ASSIGN(
      change->edit.added_tables,
      co_await WriteTables(std::move(source), std::move(filter), std::move(range_deletes), output));
  for (const TableInfo& table : change->edit.added_tables) {
    change->added.push_back(
        {compaction.output_level, std::make_shared<TreeTable>(table, this, &obsolete_)});
    bytes_compacted_.fetch_add(table.size_bytes, std::memory_order_relaxed);
  }
  co_return absl::OkStatus();
}

}  // namespace aurora::lsm
