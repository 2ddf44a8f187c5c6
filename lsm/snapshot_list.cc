#include "aurora/lsm/snapshot_list.h"

#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/fault_points.h"

namespace aurora::lsm {

SnapshotList::~SnapshotList() { AURORA_CHECK(first_ == nullptr); }

SnapshotList::Handle::~Handle() { list_->Release(this); }

void SnapshotList::Release(Handle* handle) {
  bool is_awaited = false;
  {
    const std::lock_guard lock(mutex_);
    (handle->previous_ != nullptr ? handle->previous_->next_ : first_) = handle->next_;
    (handle->next_ != nullptr ? handle->next_->previous_ : last_) = handle->previous_;
    if (AURORA_UNLIKELY(awaited_ != kMaxSequence) && OldestLocked() >= awaited_) {
      awaited_ = kMaxSequence;
      is_awaited = true;
    }
  }
  if (is_awaited && !AURORA_PLANTED_BUG("snapshot-release-untold")) event_->Notify();
}

Sequence SnapshotList::OldestLocked() const {
  return first_ != nullptr ? first_->sequence_ : queue_->published();
}

Sequence SnapshotList::Oldest() const {
  const std::lock_guard lock(mutex_);
  return OldestLocked();
}

Sequence SnapshotList::AwaitOldest(Sequence awaited) {
  const std::lock_guard lock(mutex_);
  const Sequence oldest = OldestLocked();
  awaited_ = oldest < awaited ? awaited : kMaxSequence;
  return oldest;
}

std::unique_ptr<SnapshotList::Handle> SnapshotList::Acquire() {
  std::unique_ptr<Handle> handle(new Handle(this));
  const std::lock_guard lock(mutex_);
  handle->sequence_ = queue_->published();
  AURORA_DCHECK(last_ == nullptr || last_->sequence_ <= handle->sequence_);
  handle->previous_ = last_;
  (last_ != nullptr ? last_->next_ : first_) = handle.get();
  last_ = handle.get();
  return handle;
}

std::vector<Sequence> SnapshotList::Visible() const {
  std::vector<Sequence> sequences;
  const std::lock_guard lock(mutex_);
  const auto add = [&sequences](Sequence sequence) {
    if (sequences.empty() || sequences.back() != sequence) sequences.push_back(sequence);
  };
  for (const Handle* handle = first_; handle != nullptr; handle = handle->next_) {
    if (AURORA_PLANTED_BUG("compaction-ignores-snapshots")) break;
    add(handle->sequence_);
  }
  add(queue_->published());
  return sequences;
}

}  // namespace aurora::lsm
