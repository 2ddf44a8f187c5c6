#include "aurora/lsm/store_iterator.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/lsm/key.h"
#include "aurora/lsm/key_history.h"
#include "aurora/lsm/level_iterator.h"
#include "aurora/lsm/memtable.h"
#include "aurora/lsm/merging_iterator.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/undeleted_iterator.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

// In the order of entries, the first and the last place of a key.
constexpr std::uint64_t kBeforeAllVersions = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kAfterAllVersions = 0;

// The sources of an iterator, and the range deletes that hide what is in them, collected from the
// newest to the oldest. Where there are no range deletes nothing is done for them.
class Sources {
 public:
  Sources(std::string_view lower, std::string_view upper, Sequence at)
      : lower_(lower), upper_(upper), at_(at) {}

  void AddRun(const Memtable& memtable) {
    if (const auto* const groups = memtable.range_deletes(); AURORA_UNLIKELY(groups != nullptr)) {
      for (const RangeDeleteGroup& group : *groups) AddGroup(group);
    }
    // One without entries holds no commit that was published before; later ones are of no concern.
    if (memtable.entry_count() > 0) AddSource(std::make_unique<Memtable::Iterator>(&memtable));
    EndSource();
  }
  // Tables of which none overlaps another. If any of the tree has range deletes (`may_hide`), those
  // that do are open.
  void AddTables(Tree::Tables tables, bool may_hide, const Table::IterateOptions& options) {
    if (AURORA_UNLIKELY(may_hide)) {
      RangeDeleteGroup group;
      for (const auto& table : tables) {
        if (table->info().range_delete_count > 0) group.push_back(table->opened()->range_deletes());
      }
      AddGroup(std::move(group));
    }
    AddSource(std::make_unique<LevelIterator>(std::move(tables), options));
    EndSource();
  }
  std::unique_ptr<EntryIterator> Merge() {
    if (sources_.size() == 1) return std::move(sources_.front());
    return std::make_unique<MergingIterator>(std::move(sources_));
  }

 private:
  // Of the source in progress: its range deletes, then its entries.
  void AddGroup(RangeDeleteGroup group) {
    std::erase_if(group, [this](const RangeDeletes* set) {
      return set->begin() >= upper_ || set->end() <= lower_;
    });
    if (group.empty()) return;
    if (groups_ == nullptr) groups_ = std::make_shared<std::vector<RangeDeleteGroup>>();
    groups_->push_back(std::move(group));
  }
  void AddSource(std::unique_ptr<EntryIterator> source) {
    if (AURORA_UNLIKELY(groups_ != nullptr)) {
      source = std::make_unique<UndeletedIterator>(std::move(source), groups_, newer_count_,
                                                   groups_->size() - newer_count_, at_);
    }
    sources_.push_back(std::move(source));
  }
  void EndSource() {
    if (AURORA_UNLIKELY(groups_ != nullptr)) newer_count_ = groups_->size();
  }

  const std::string_view lower_;
  const std::string_view upper_;
  const Sequence at_;
  std::vector<std::unique_ptr<EntryIterator>> sources_;
  // Grows while sources are made, each of which knows how much of it is its own. Null: none so far.
  std::shared_ptr<std::vector<RangeDeleteGroup>> groups_;
  std::size_t newer_count_ = 0;
};

// The tables with range deletes that an iterator needs and that are not open.
Tree::Tables TablesToOpen(const Tree& tree, std::string_view lower, std::string_view upper) {
  Tree::Tables closed;
  if (AURORA_LIKELY(tree.range_delete_table_count() == 0)) return closed;
  for (int level = 0; level < kLevelCount; ++level) {
    for (std::shared_ptr<TreeTable>& table : tree.Overlapping(level, lower, upper)) {
      if (table->info().range_delete_count > 0 && table->opened() == nullptr) {
        closed.push_back(std::move(table));
      }
    }
  }
  return closed;
}

// REQUIRES that there are no TablesToOpen.
std::unique_ptr<EntryIterator> MergeSources(const ReadView& view, std::string_view lower,
                                            std::string_view upper, Sequence at,
                                            const Table::IterateOptions& options) {
  Sources sources(lower, upper, at);
  for (const auto& run : view.runs) sources.AddRun(run->memtable);
  const bool may_hide = view.tree->range_delete_table_count() > 0;
  const auto add = [&](const Tree::Tables& disjoint) {
    Tree::Tables tables = Tree::Overlapping(disjoint, lower, upper);
    if (!tables.empty()) sources.AddTables(std::move(tables), may_hide, options);
  };
  for (const Tree::Tables& run : view.tree->level0_runs()) add(run);
  for (int level = 1; level < kLevelCount; ++level) add(view.tree->level(level));
  return sources.Merge();
}

// The merged source is always at the first entry, in the direction of the walk, that was not
// examined, except while source_is_at_it_: then it is at the one that gave the current value.
class StoreIterator final : public Iterator {
 public:
  StoreIterator(std::shared_ptr<const ReadView> view, KeyspaceId keyspace,
                const MergeOperator* merge_operator, Sequence at, const IterateOptions& options,
                ReadTime time, const IteratorObservers& observers)
      : observers_(observers),
        profile_(options.profile),
        view_(std::move(view)),
        keyspace_(keyspace),
        prefix_size_(KeyspacePrefixSize(keyspace)),
        merge_operator_(merge_operator),
        at_(at),
        time_(time),
        lower_(MakeStoredKey(keyspace, options.lower)),
        upper_(options.upper.empty() ? KeyspaceEnd(keyspace)
                                     : MakeStoredKey(keyspace, options.upper)) {
    history_.SetTime(&time_);
    lazy_ = options.lazy_values;
    read_options_.fill_cache = options.fill_cache;
    read_options_.sources = &blocks_;
    if (AURORA_LIKELY(TablesToOpen(*view_->tree, lower_, upper_).empty())) {
      source_ = MergeSources(*view_, lower_, upper_, at_, read_options_);
    }
  }
  ~StoreIterator() override { Account(); }

  bool Valid() const override { return valid_; }
  std::string_view key() const override {
    AURORA_DCHECK(valid_);
    return current_->key.key.substr(prefix_size_);
  }
  std::string_view value() const override {
    AURORA_DCHECK(valid_ && !is_put_off_);
    return current_->value;
  }
  AURORA_TASK_WRAPPER Task<absl::Status> LoadValue() override {
    AURORA_DCHECK(valid_);
    if (AURORA_LIKELY(!is_put_off_)) return absl::OkStatus();
    return FetchValue();
  }
  Sequence sequence() const override {
    AURORA_DCHECK(valid_);
    return current_->key.version.sequence();
  }

  AURORA_TASK_WRAPPER Task<absl::Status> Seek(std::string_view key) override {
    AppendStoredKey(keyspace_, key, &Target());
    if (target_ < lower_) target_ = lower_;
    return SeekForward();
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToFirst() override {
    Target() = lower_;
    return SeekForward();
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekBackward(std::string_view key) override {
    AppendStoredKey(keyspace_, key, &Target());
    if (target_ >= upper_) return SeekToLast();
    BeginSeek();
    return EndSeek(MoveBackward(kAfterAllVersions));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToLast() override {
    Target() = upper_;
    BeginSeek();
    return EndSeek(MoveBackward(kBeforeAllVersions));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> Next() override;
  AURORA_TASK_WRAPPER Task<absl::Status> Prev() override;

 private:
  // Empty, for a new target.
  std::string& Target() {
    target_.clear();
    return target_;
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekForward() {
    BeginSeek();
    return EndSeek(MoveForward());
  }
  // Around the move of a Seek: counts it, and what came before it, and perhaps takes the time. The
  // time of one that waits is taken where it waits.
  void BeginSeek();
  AURORA_TASK_WRAPPER Task<absl::Status> EndSeek(Task<absl::Status> move);
  // Hands on what was counted.
  void Account();
  std::int64_t Now() const { return observers_.clock->MonotonicNanos(); }
  // To the first key at or after target_.
  AURORA_TASK_WRAPPER Task<absl::Status> MoveForward();
  // Makes the source, for which tables have to be opened, and then moves: forward if there is no
  // version, else backward.
  Task<absl::Status> OpenAndMove(std::optional<std::uint64_t> version);
  // To the last key with an entry at or before (target_, version).
  AURORA_TASK_WRAPPER Task<absl::Status> MoveBackward(std::uint64_t version);
  void Restart(bool forward);
  // Before a move: of a value that was never loaded nothing is left.
  void LeaveValue() {
    if (AURORA_LIKELY(!is_put_off_)) return;
    is_put_off_ = false;
    history_.Reset();
  }

  AURORA_TASK_WRAPPER Task<absl::Status> Continue(Task<absl::Status> move);
  Task<absl::Status> ContinueSlow(Task<absl::Status> move);
  // Counts the wait since `start` of a move, or of LoadValue.
  void CountWait(std::int64_t start);
  AURORA_TASK_WRAPPER Task<absl::Status> Step() {
    return forward_ ? source_->Next() : source_->Prev();
  }
  // Takes note of where the source stands after a move.
  void Look();
  // The usual case of ExamineForward, told by a few comparisons: a value of another key than the
  // last. False: it is another case, and nothing has happened.
  bool TakeValue();
  // Looks at the entry at which the source stands. True if the source is to be moved on; false if a
  // key with a value was found (found()) or the walk has ended.
  absl::StatusOr<bool> Examine() { return forward_ ? ExamineForward() : ExamineBackward(); }
  absl::StatusOr<bool> ExamineForward();
  absl::StatusOr<bool> ExamineBackward();
  // Makes what was collected of key_ the current entry, if it has a value; it may have to be
  // fetched first (must_fetch_).
  absl::Status Settle();
  bool found() const { return valid_ || must_fetch_; }
  // Ends a move, or LoadValue.
  AURORA_TASK_WRAPPER Task<absl::Status> FinishMove() {
    if (AURORA_LIKELY(!must_fetch_)) return absl::OkStatus();
    return FetchValue();
  }
  AURORA_TASK_WRAPPER Task<absl::Status> FetchValue();
  Task<absl::Status> FetchSlow(Task<absl::StatusOr<PinnedValue>> read);
  AURORA_TASK_WRAPPER Task<absl::StatusOr<PinnedValue>> ReadValue() {
    return view_->tree->ReadValue(history_.handle(), read_options_.fill_cache, &blocks_);
  }
  absl::Status TakeFetched(absl::StatusOr<PinnedValue> value);
  absl::Status Fail(absl::Status error);

  const IteratorObservers observers_;
  OperationProfile* const profile_;
  OperationProfile counts_;  // since they were last handed on
  BlockSources blocks_;      // the same
  bool is_seeking_ = false;
  std::int64_t seek_start_ = 0;  // of a Seek that is timed, else 0

  const std::shared_ptr<const ReadView> view_;
  const KeyspaceId keyspace_;
  const std::size_t prefix_size_;
  const MergeOperator* const merge_operator_;
  const Sequence at_;
  ReadTime time_;
  const std::string lower_;  // stored keys
  const std::string upper_;
  Table::IterateOptions read_options_;
  std::unique_ptr<EntryIterator> source_;  // null before the first move if it waits for tables
  bool ended_ = false;                     // the source is not at an entry
  EntryRef here_;                          // where it is, if not ended_
  absl::Status status_;                    // the first error, for good

  bool forward_ = true;
  std::string target_;
  // The key in progress, and whether its entries are to be passed over (forward) or are being
  // collected (backward, or operands).
  std::string key_;
  bool skip_key_ = false;
  KeyHistory history_;
  struct Collected {
    Version version;
    std::string value;
  };
  std::vector<Collected> collected_;  // backward: oldest first; only the first `collected_count_`
  std::size_t collected_count_ = 0;
  bool collecting_ = false;

  bool valid_ = false;
  bool source_is_at_it_ = false;
  // The entry, while valid_: &here_ or &settled_. Nothing is copied out of here_, which was written
  // just before: what loads all of it at once would wait until it has left the store buffer.
  const EntryRef* current_ = nullptr;
  EntryRef settled_;  // of key_; what its entries came to
  bool lazy_ = false;
  bool must_fetch_ = false;  // the value of history_, before the entry is valid
  bool is_put_off_ = false;  // the same, of a valid entry
  PinnedValue fetched_;      // what the value or folded_ was made of
  std::string folded_;
};

absl::Status StoreIterator::Fail(absl::Status error) {
  AURORA_DCHECK(!error.ok());
  valid_ = false;
  status_ = std::move(error);
  return status_;
}

void StoreIterator::Restart(bool forward) {
  forward_ = forward;
  skip_key_ = false;
  collecting_ = false;
  collected_count_ = 0;
  source_is_at_it_ = false;
  LeaveValue();
  history_.Reset();
}

void StoreIterator::BeginSeek() {
  Account();
  is_seeking_ = true;
  const std::uint64_t ordinal = observers_.statistics->Count(StoreStatistics::Counter::kSeeks);
  seek_start_ = AURORA_UNLIKELY(observers_.statistics->IsSampled(ordinal)) ? Now() : 0;
}

Task<absl::Status> StoreIterator::EndSeek(Task<absl::Status> move) {
  if (!move.IsReady()) return move;
  is_seeking_ = false;
  if (AURORA_UNLIKELY(seek_start_ != 0)) {
    StoreStatistics& statistics = *observers_.statistics;
    statistics.RecordTime(Measure::kSeek, Now() - seek_start_, statistics.weight());
  }
  return move;
}

void StoreIterator::Account() {
  using Counter = StoreStatistics::Counter;
  counts_.blocks_from_cache = blocks_.cache;
  counts_.blocks_from_device = blocks_.device;
  counts_.bytes_read = blocks_.device_bytes;
  const std::pair<Counter, std::uint64_t> totals[] = {
      {Counter::kSteps, counts_.entries_walked},
      {Counter::kTombstones, counts_.tombstones_skipped},
      {Counter::kVersionsSkipped, counts_.versions_skipped},
      {Counter::kBytesReadByIterators, counts_.bytes_read},
  };
  for (const auto& [counter, by] : totals) {
    if (by != 0) observers_.statistics->Count(counter, by);
  }
  if (profile_ != nullptr) profile_->Add(counts_);
  counts_ = {};
  blocks_ = {};
}

Task<absl::Status> StoreIterator::MoveForward() {
  if (!status_.ok()) return status_;
  if (AURORA_UNLIKELY(source_ == nullptr)) return OpenAndMove(std::nullopt);
  Restart(/*forward=*/true);
  return Continue(source_->Seek({target_, Version::FromWord(at_ << 8 | 0xFF)}));
}

Task<absl::Status> StoreIterator::OpenAndMove(std::optional<std::uint64_t> version) {
  for (const auto& table : TablesToOpen(*view_->tree, lower_, upper_)) {
    const absl::StatusOr<Table*> opened = co_await table->Open();
    if (!opened.ok()) co_return Fail(opened.status());
  }
  source_ = MergeSources(*view_, lower_, upper_, at_, read_options_);
  is_seeking_ = false;
  absl::Status moved = co_await (version.has_value() ? MoveBackward(*version) : MoveForward());
  co_return moved;
}

Task<absl::Status> StoreIterator::MoveBackward(std::uint64_t version) {
  if (!status_.ok()) return status_;
  if (AURORA_UNLIKELY(source_ == nullptr)) return OpenAndMove(version);
  Restart(/*forward=*/false);
  return Continue(source_->SeekBackward({target_, Version::FromWord(version)}));
}

Task<absl::Status> StoreIterator::Next() {
  AURORA_DCHECK(valid_);
  if (AURORA_UNLIKELY(!forward_)) {
    target_ = current_->key.key;
    Restart(/*forward=*/true);
    return Continue(source_->Seek({target_, Version::FromWord(kAfterAllVersions)}));
  }
  skip_key_ = true;
  LeaveValue();
  if (!source_is_at_it_) return Continue(absl::OkStatus());
  source_is_at_it_ = valid_ = false;
  if (current_ == &here_) key_.assign(here_.key.key);
  while (AURORA_LIKELY(source_->NextAtHand(&here_))) {
    if (AURORA_LIKELY(TakeValue())) return absl::OkStatus();
    const absl::StatusOr<bool> more = ExamineForward();
    if (AURORA_UNLIKELY(!more.ok())) return Fail(more.status());
    if (!*more) return FinishMove();
  }
  return Continue(source_->Next());
}

void StoreIterator::Look() {
  ended_ = !source_->Valid();
  if (!ended_) here_ = {source_->key(), source_->value()};
}

inline bool StoreIterator::TakeValue() {
  const EntryKey& entry = here_.key;
  if (entry.version.kind() != EntryKind::kPut || entry.version.sequence() > at_ ||
      !history_.empty() || (skip_key_ && entry.key == key_) || entry.key >= upper_) {
    return false;
  }
  skip_key_ = false;
  current_ = &here_;
  ++counts_.entries_walked;
  valid_ = source_is_at_it_ = true;
  return true;
}

Task<absl::Status> StoreIterator::Prev() {
  AURORA_DCHECK(valid_);
  LeaveValue();
  if (!forward_) return Continue(absl::OkStatus());
  target_ = current_->key.key;
  Restart(/*forward=*/false);
  std::uint64_t beyond = kBeforeAllVersions;
  if (AURORA_PLANTED_BUG("iterator-turn-repeats-key")) beyond = kAfterAllVersions;
  return Continue(source_->SeekBackward({target_, Version::FromWord(beyond)}));
}

Task<absl::Status> StoreIterator::Continue(Task<absl::Status> move) {
  valid_ = false;
  while (AURORA_LIKELY(move.IsReady())) {
    if (absl::Status moved = std::move(move).TakeReady(); AURORA_UNLIKELY(!moved.ok())) {
      return Fail(std::move(moved));
    }
    Look();
    const absl::StatusOr<bool> more = Examine();
    if (AURORA_UNLIKELY(!more.ok())) return Fail(more.status());
    if (!*more) return FinishMove();
    move = Step();
  }
  return ContinueSlow(std::move(move));
}

Task<absl::Status> StoreIterator::ContinueSlow(Task<absl::Status> move) {
  const std::int64_t start = Now();
  absl::Status moved = co_await std::move(move);
  for (;;) {
    if (!moved.ok()) co_return Fail(std::move(moved));
    Look();
    const absl::StatusOr<bool> more = Examine();
    if (!more.ok()) co_return Fail(more.status());
    if (!*more) break;
    moved = co_await Step();
  }
  if (must_fetch_) {
    absl::StatusOr<PinnedValue> value = co_await ReadValue();
    AURORA_CO_RETURN_IF_ERROR(TakeFetched(std::move(value)));
  }
  CountWait(start);
  co_return absl::OkStatus();
}

void StoreIterator::CountWait(std::int64_t start) {
  const std::int64_t waited = std::max<std::int64_t>(Now() - start, 0);
  counts_.device_wait_nanos += static_cast<std::uint64_t>(waited);
  observers_.statistics->RecordTime(
      std::exchange(is_seeking_, false) ? Measure::kSeek : Measure::kNextWait, waited);
}

Task<absl::Status> StoreIterator::FetchValue() {
  Task<absl::StatusOr<PinnedValue>> read = ReadValue();
  if (!read.IsReady()) return FetchSlow(std::move(read));
  return TakeFetched(std::move(read).TakeReady());
}

Task<absl::Status> StoreIterator::FetchSlow(Task<absl::StatusOr<PinnedValue>> read) {
  const std::int64_t start = Now();
  absl::StatusOr<PinnedValue> value = co_await std::move(read);
  AURORA_CO_RETURN_IF_ERROR(TakeFetched(std::move(value)));
  CountWait(start);
  co_return absl::OkStatus();
}

absl::Status StoreIterator::TakeFetched(absl::StatusOr<PinnedValue> value) {
  // One that was put off was counted when it was reached.
  const bool is_counted = std::exchange(is_put_off_, false);
  must_fetch_ = false;
  if (!value.ok()) return Fail(value.status());
  fetched_ = *std::move(value);
  history_.SetValue(fetched_);
  if (absl::Status settled = Settle(); !settled.ok()) return Fail(std::move(settled));
  if (is_counted) --counts_.entries_walked;
  return absl::OkStatus();
}

absl::StatusOr<bool> StoreIterator::ExamineForward() {
  const EntryKey entry = ended_ ? EntryKey() : here_.key;
  if (!history_.empty() && (ended_ || entry.key != key_)) {
    AURORA_RETURN_IF_ERROR(Settle());
    if (found()) return false;
  }
  if (ended_ || entry.key >= upper_) return false;
  if (entry.version.sequence() > at_) return true;
  if (skip_key_ && entry.key == key_) {
    ++counts_.versions_skipped;
    return true;
  }
  if (TakeValue()) return false;
  if (history_.empty()) key_.assign(entry.key);
  skip_key_ = entry.version.kind() != EntryKind::kMerge;
  if (history_.empty() && entry.version.kind() == EntryKind::kDelete) {
    ++counts_.tombstones_skipped;
    return true;
  }
  if (history_.AddFromIterator(entry.version, here_.value)) {
    AURORA_RETURN_IF_ERROR(Settle());
    source_is_at_it_ = found();
    return !found();
  }
  return true;
}

absl::StatusOr<bool> StoreIterator::ExamineBackward() {
  const EntryKey entry = ended_ ? EntryKey() : here_.key;
  if (collecting_ && (ended_ || entry.key != key_)) {
    collecting_ = false;
    for (std::size_t i = collected_count_; i > 0 && !history_.done(); --i) {
      history_.AddFromIterator(collected_[i - 1].version, collected_[i - 1].value);
    }
    AURORA_RETURN_IF_ERROR(Settle());
    if (found()) return false;
  }
  if (ended_ || entry.key < lower_) return false;
  if (entry.version.sequence() > at_) return true;
  if (!collecting_) {
    collecting_ = true;
    key_.assign(entry.key);
    collected_count_ = 0;
  }
  if (entry.version.kind() != EntryKind::kMerge) {
    counts_.versions_skipped += collected_count_;
    collected_count_ = 0;  // hides what is older
  }
  if (collected_count_ == collected_.size()) collected_.emplace_back();
  collected_[collected_count_].version = entry.version;
  collected_[collected_count_].value.assign(here_.value);
  ++collected_count_;
  return true;
}

absl::Status StoreIterator::Settle() {
  AURORA_DCHECK(!history_.empty());
  current_ = &settled_;
  settled_.key = {key_, history_.newest()};
  if (AURORA_UNLIKELY(history_.needs_value())) {
    valid_ = is_put_off_ = lazy_ && !history_.has_operands();
    must_fetch_ = !valid_;
    if (valid_) ++counts_.entries_walked;
    return absl::OkStatus();
  }
  AURORA_ASSIGN_OR_RETURN(
      const std::optional<std::string_view> value,
      history_.Resolve(std::string_view(key_).substr(prefix_size_), merge_operator_, &folded_));
  if (history_.is_deleted()) ++counts_.tombstones_skipped;
  counts_.merge_operands += history_.operand_count();
  history_.Reset();
  valid_ = value.has_value();
  if (valid_) ++counts_.entries_walked;
  if (valid_) settled_.value = *value;
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Iterator> NewStoreIterator(std::shared_ptr<const ReadView> view,
                                           KeyspaceId keyspace, const MergeOperator* merge_operator,
                                           Sequence at, const IterateOptions& options,
                                           ReadTime time, const IteratorObservers& observers) {
  return std::make_unique<StoreIterator>(std::move(view), keyspace, merge_operator, at, options,
                                         time, observers);
}

}  // namespace aurora::lsm
