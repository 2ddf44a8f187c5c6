#include "aurora/lsm/undeleted_iterator.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"

namespace aurora::lsm {
namespace {

constexpr int kStepsBeforeSeek = 8;
// In the order of entries, the place before all versions of a key.
constexpr std::uint64_t kBeforeAllVersions = std::numeric_limits<std::uint64_t>::max();

}  // namespace

bool UndeletedIterator::IsHidden(EntryKey entry) {
  if (!have_stretch_ || !all_.Holds(entry.key)) {
    const std::span<const RangeDeleteGroup> groups(*groups_);
    newer_ = CoverOf(groups.first(newer_count_), entry.key, at_);
    const RangeCover own = CoverOf(groups.subspan(newer_count_, own_count_), entry.key, at_);
    all_ = newer_;
    all_.sequence = std::max(newer_.sequence, own.sequence);
    all_.begin = std::max(newer_.begin, own.begin);
    if (all_.end.empty() || (!own.end.empty() && own.end < all_.end)) all_.end = own.end;
    have_stretch_ = true;
  }
  return entry.version.sequence() < all_.sequence;
}

Task<absl::Status> UndeletedIterator::Leave(bool forward) {
  if (++hidden_in_a_row_ <= kStepsBeforeSeek || newer_.sequence == 0) {
    return forward ? source_->Next() : source_->Prev();
  }
  const Version before_all = Version::FromWord(kBeforeAllVersions);
  return forward ? source_->Seek({newer_.end, before_all})
                 : source_->SeekBackward({newer_.begin, before_all});
}

Task<absl::Status> UndeletedIterator::Settle(Task<absl::Status> move, bool forward) {
  hidden_in_a_row_ = 0;
  left_entry_ = false;
  while (AURORA_LIKELY(move.IsReady())) {
    absl::Status moved = std::move(move).TakeReady();
    if (AURORA_UNLIKELY(!moved.ok())) return moved;
    if (!source_->Valid() || !IsHidden(source_->key())) return absl::OkStatus();
    move = Leave(forward);
  }
  return SettleSlow(std::move(move), forward);
}

Task<absl::Status> UndeletedIterator::SettleSlow(Task<absl::Status> move, bool forward) {
  absl::Status moved = co_await std::move(move);
  while (moved.ok() && source_->Valid() && IsHidden(source_->key())) {
    moved = co_await Leave(forward);
  }
  co_return moved;
}

Task<absl::Status> UndeletedIterator::Next() {
  if (!left_entry_) return Settle(source_->Next(), true);
  return Settle(absl::OkStatus(), true);
}

bool UndeletedIterator::NextAtHand(EntryRef* entry) {
  if (left_entry_ || !source_->NextAtHand(entry)) return false;
  left_entry_ = IsHidden(entry->key);
  return !left_entry_;
}

}  // namespace aurora::lsm
