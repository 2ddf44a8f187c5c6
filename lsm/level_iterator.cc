#include "aurora/lsm/level_iterator.h"

#include <algorithm>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

std::size_t LevelIterator::FirstNotBefore(std::string_view key) const {
  const auto found = std::partition_point(tables_.begin(), tables_.end(), [key](const auto& table) {
    return table->info().EndsBefore(key);
  });
  return static_cast<std::size_t>(found - tables_.begin());
}

absl::Status LevelIterator::Fail(absl::Status error) {
  AURORA_DCHECK(!error.ok());
  if (status_.ok()) status_ = std::move(error);
  current_ = nullptr;
  return status_;
}

Task<absl::Status> LevelIterator::Seek(EntryKey target) {
  return EnterNow(FirstNotBefore(target.key), Entry::kSeek, target);
}

Task<absl::Status> LevelIterator::SeekBackward(EntryKey target) {
  // The last table that does not begin after the target.
  const auto after =
      std::partition_point(tables_.begin(), tables_.end(), [target](const auto& table) {
        return std::string_view(table->info().smallest_key) <= target.key;
      });
  return EnterNow(static_cast<std::size_t>(after - tables_.begin()) - 1, Entry::kSeekBackward,
                  target);
}

Task<absl::Status> LevelIterator::SeekToFirst() { return EnterNow(0, Entry::kFirst, {}); }
Task<absl::Status> LevelIterator::SeekToLast() {
  return EnterNow(tables_.size() - 1, Entry::kLast, {});
}

Task<absl::Status> LevelIterator::Next() {
  AURORA_DCHECK(Valid());
  return Finish(current_->Next(), +1);
}

Task<absl::Status> LevelIterator::Prev() {
  AURORA_DCHECK(Valid());
  return Finish(current_->Prev(), -1);
}

Task<absl::Status> LevelIterator::Finish(Task<absl::Status> move, int step) {
  if (AURORA_UNLIKELY(!move.IsReady())) return FinishSlow(std::move(move), step);
  absl::Status moved = std::move(move).TakeReady();
  if (AURORA_UNLIKELY(!moved.ok())) return Fail(std::move(moved));
  if (AURORA_LIKELY(current_->Valid())) return absl::OkStatus();
  return EnterNow(step > 0 ? index_ + 1 : index_ - 1, step > 0 ? Entry::kFirst : Entry::kLast, {});
}

Task<absl::Status> LevelIterator::FinishSlow(Task<absl::Status> move, int step) {
  absl::Status moved = co_await std::move(move);
  if (!moved.ok() && !AURORA_PLANTED_BUG("scan-skips-unreadable-table")) {
    co_return Fail(std::move(moved));
  }
  if (current_->Valid()) co_return absl::OkStatus();
  const std::size_t next = step > 0 ? index_ + 1 : index_ - 1;
  const Entry entry = step > 0 ? Entry::kFirst : Entry::kLast;
  const EntryKey none;
  absl::Status entered = co_await EnterNow(next, entry, none);
  co_return entered;
}

Task<absl::Status> LevelIterator::MoveIn(Entry entry, EntryKey target) {
  switch (entry) {
    case Entry::kSeek:
      return current_->Seek(target);
    case Entry::kSeekBackward:
      return current_->SeekBackward(target);
    case Entry::kFirst:
      return current_->SeekToFirst();
    case Entry::kLast:
      break;
  }
  return current_->SeekToLast();
}

Task<absl::Status> LevelIterator::EnterNow(std::size_t index, Entry entry, EntryKey target) {
  if (!status_.ok()) return status_;
  if (index >= tables_.size()) {
    current_ = nullptr;
    return absl::OkStatus();
  }
  if (current_ == nullptr || index != index_) {
    Task<absl::StatusOr<Table*>> opened = tables_[index]->Open();
    if (!opened.IsReady()) return Enter(index, entry, std::string(target.key), target.version);
    absl::StatusOr<Table*> table = std::move(opened).TakeReady();
    if (!table.ok()) return Fail(table.status());
    current_ = (*table)->NewIterator(options_);
    index_ = index;
  }
  const bool forward = entry == Entry::kSeek || entry == Entry::kFirst;
  return Finish(MoveIn(entry, target), forward ? +1 : -1);
}

Task<absl::Status> LevelIterator::Enter(std::size_t index, Entry entry, std::string key,
                                        Version version) {
  absl::StatusOr<Table*> table = co_await tables_[index]->Open();
  if (!table.ok()) co_return Fail(table.status());
  current_ = (*table)->NewIterator(options_);
  index_ = index;
  const bool forward = entry == Entry::kSeek || entry == Entry::kFirst;
  const EntryKey target{key, version};
  absl::Status moved = co_await Finish(MoveIn(entry, target), forward ? +1 : -1);
  co_return moved;
}

}  // namespace aurora::lsm
