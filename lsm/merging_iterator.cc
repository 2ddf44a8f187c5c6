#include "aurora/lsm/merging_iterator.h"

#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"

namespace aurora::lsm {

MergingIterator::MergingIterator(std::vector<std::unique_ptr<EntryIterator>> sources)
    : sources_(std::move(sources)) {
  heap_.reserve(sources_.size());
}

EntryKey MergingIterator::key() const {
  AURORA_DCHECK(Valid());
  return heap_[0].key;
}

std::string_view MergingIterator::value() const {
  AURORA_DCHECK(Valid());
  return heap_[0].entries->value();
}

Task<absl::Status> MergingIterator::Seek(EntryKey target) { return MoveAll(Move::kSeek, target); }
Task<absl::Status> MergingIterator::SeekBackward(EntryKey target) {
  return MoveAll(Move::kSeekBackward, target);
}
Task<absl::Status> MergingIterator::SeekToFirst() { return MoveAll(Move::kFirst, {}); }
Task<absl::Status> MergingIterator::SeekToLast() { return MoveAll(Move::kLast, {}); }

Task<absl::Status> MergingIterator::Next() {
  AURORA_DCHECK(Valid() || !status_.ok());
  if (AURORA_UNLIKELY(!status_.ok())) return status_;
  if (AURORA_UNLIKELY(!forward_)) return MoveAll(Move::kTurnForward, {});
  return Step(heap_[0].entries->Next());
}

bool MergingIterator::NextAtHand(EntryRef* entry) {
  AURORA_DCHECK(Valid());
  if (AURORA_UNLIKELY(!forward_)) return false;
  EntryIterator* const front = heap_[0].entries;
  if (!front->NextAtHand(entry)) return false;
  heap_[0].key = entry->key;
  if (heap_.size() == 1) return true;
  SiftDown(0);
  if (heap_[0].entries != front) *entry = {heap_[0].key, heap_[0].entries->value()};
  return true;
}

Task<absl::Status> MergingIterator::Prev() {
  AURORA_DCHECK(Valid() || !status_.ok());
  if (AURORA_UNLIKELY(!status_.ok())) return status_;
  if (AURORA_UNLIKELY(forward_)) return MoveAll(Move::kTurnBackward, {});
  return Step(heap_[0].entries->Prev());
}

Task<absl::Status> MergingIterator::Step(Task<absl::Status> move) {
  if (AURORA_LIKELY(move.IsReady())) return AfterStep(std::move(move).TakeReady());
  return FinishStep(std::move(move));
}

Task<absl::Status> MergingIterator::FinishStep(Task<absl::Status> move) {
  absl::Status moved = co_await std::move(move);
  co_return AfterStep(std::move(moved));
}

absl::Status MergingIterator::AfterStep(absl::Status moved) {
  if (AURORA_UNLIKELY(!moved.ok())) return Fail(std::move(moved));
  EntryIterator* const front = heap_[0].entries;
  if (AURORA_LIKELY(front->Valid())) {
    heap_[0].key = front->key();
  } else {
    heap_[0] = heap_.back();
    heap_.pop_back();
    valid_ = !heap_.empty();
    if (!valid_) return absl::OkStatus();
  }
  SiftDown(0);
  return absl::OkStatus();
}

// Turning round at entry K, all sources but the one in front are at their first entry beyond K, in
// the old direction, or have run out: a step back takes the former to their last before K, and the
// latter hold nothing beyond K, so their end is it. The one in front steps back from K itself.
Task<absl::Status> MergingIterator::MoveOne(EntryIterator& source, Move move,
                                            EntryKey target) const {
  switch (move) {
    case Move::kSeek:
      return source.Seek(target);
    case Move::kSeekBackward:
      return source.SeekBackward(target);
    case Move::kFirst:
      return source.SeekToFirst();
    case Move::kLast:
      return source.SeekToLast();
    case Move::kTurnForward:
      return source.Valid() ? source.Next() : source.SeekToFirst();
    case Move::kTurnBackward:
      return source.Valid() ? source.Prev() : source.SeekToLast();
  }
  AURORA_CHECK(false && "no such move");
}

Task<absl::Status> MergingIterator::MoveAll(Move move, EntryKey target) {
  if (AURORA_UNLIKELY(!status_.ok())) return status_;
  valid_ = false;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    Task<absl::Status> moving = MoveOne(*sources_[i], move, target);
    if (!moving.IsReady()) {
      return MoveRest(move, std::string(target.key), target.version, i, std::move(moving));
    }
    absl::Status moved = std::move(moving).TakeReady();
    if (!moved.ok()) return Fail(std::move(moved));
  }
  BuildHeap(move == Move::kSeek || move == Move::kFirst || move == Move::kTurnForward);
  return absl::OkStatus();
}

Task<absl::Status> MergingIterator::MoveRest(Move move, std::string key, Version version,
                                             std::size_t index, Task<absl::Status> pending) {
  const EntryKey target{key, version};
  absl::Status moved = co_await std::move(pending);
  while (moved.ok() && ++index < sources_.size()) {
    Task<absl::Status> moving = MoveOne(*sources_[index], move, target);
    moved = co_await std::move(moving);
  }
  if (!moved.ok()) co_return Fail(std::move(moved));
  BuildHeap(move == Move::kSeek || move == Move::kFirst || move == Move::kTurnForward);
  co_return absl::OkStatus();
}

absl::Status MergingIterator::Fail(absl::Status error) {
  valid_ = false;
  status_ = std::move(error);
  return status_;
}

void MergingIterator::BuildHeap(bool forward) {
  forward_ = forward;
  heap_.clear();
  for (const std::unique_ptr<EntryIterator>& source : sources_) {
    if (source->Valid()) heap_.push_back({source->key(), source.get()});
  }
  for (std::size_t i = heap_.size() / 2; i-- > 0;) SiftDown(i);
  valid_ = !heap_.empty();
}

void MergingIterator::SiftDown(std::size_t index) {
  const Source moving = heap_[index];
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && InOrder(heap_[child + 1], heap_[child])) ++child;
    if (!InOrder(heap_[child], moving)) break;
    heap_[index] = heap_[child];
    index = child;
  }
  heap_[index] = moving;
}

}  // namespace aurora::lsm
