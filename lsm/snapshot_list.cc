#include "aurora/lsm/snapshot_list.h"

#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"

namespace aurora::lsm {

SnapshotList::~SnapshotList() { AURORA_CHECK(first_ == nullptr); }

SnapshotList::Handle::~Handle() {
  const std::lock_guard lock(list_->mutex_);
  (previous_ != nullptr ? previous_->next_ : list_->first_) = next_;
  (next_ != nullptr ? next_->previous_ : list_->last_) = previous_;
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
