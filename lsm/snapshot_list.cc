#include "aurora/lsm/snapshot_list.h"

#include <algorithm>

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
    if (AURORA_UNLIKELY(is_awaited_)) {
      const Oldest oldest = OldestLocked();
      is_awaited = oldest.sequence >= awaited_.sequence ||
                   oldest.expired_through >= awaited_.expired_through;
      if (is_awaited) is_awaited_ = false;
    }
  }
  if (is_awaited && !AURORA_PLANTED_BUG("snapshot-release-untold")) event_->Notify();
}

// What never expires has not expired at any time.
Expiry SnapshotList::Now() const { return std::min(ToExpiry(clock_->Now()), kNeverExpires - 1); }

ReadTime SnapshotList::TimeOf(const ReadPoint& at) const {
  if (AURORA_LIKELY(!expires())) return ReadTime();
  return ReadTime(at.as_of == ReadPoint::kByTheClock ? Now() : at.as_of);
}

Expiry SnapshotList::ExpiredThrough() const {
  if (AURORA_LIKELY(!expires())) return ReadTime::kBeforeAll;
  Expiry earliest = Now();
  if (AURORA_PLANTED_BUG("expiry-ignores-snapshot")) return earliest;
  for (const Handle* handle = first_; handle != nullptr; handle = handle->next_) {
    if (handle->time_ != ReadTime::kBeforeAll) earliest = std::min(earliest, handle->time_);
  }
  return earliest;
}

void SnapshotList::EndDropping(Expiry time) {
  const std::lock_guard lock(mutex_);
  dropping_.erase(dropping_.find(time));
}

SnapshotList::Oldest SnapshotList::OldestLocked() const {
  return {first_ != nullptr ? first_->sequence_ : queue_->published(), ExpiredThrough()};
}

SnapshotList::Oldest SnapshotList::OldestReaders() const {
  const std::lock_guard lock(mutex_);
  return OldestLocked();
}

SnapshotList::Oldest SnapshotList::AwaitOldest(const Oldest& awaited) {
  const std::lock_guard lock(mutex_);
  is_awaited_ = true;
  awaited_ = awaited;
  return OldestLocked();
}

std::unique_ptr<SnapshotList::Handle> SnapshotList::Acquire() {
  std::unique_ptr<Handle> handle(new Handle(this));
  const std::lock_guard lock(mutex_);
  handle->sequence_ = queue_->published();
  AURORA_DCHECK(last_ == nullptr || last_->sequence_ <= handle->sequence_);
  if (AURORA_UNLIKELY(expires())) {
    handle->time_ = Now();
    if (!dropping_.empty()) handle->time_ = std::max(handle->time_, *dropping_.rbegin());
  }
  handle->previous_ = last_;
  (last_ != nullptr ? last_->next_ : first_) = handle.get();
  last_ = handle.get();
  return handle;
}

SnapshotList::Readers SnapshotList::Visible() {
  Readers readers;
  std::vector<Sequence>& sequences = readers.visible;
  const std::lock_guard lock(mutex_);
  const auto add = [&sequences](Sequence sequence) {
    if (sequences.empty() || sequences.back() != sequence) sequences.push_back(sequence);
  };
  for (const Handle* handle = first_; handle != nullptr; handle = handle->next_) {
    if (AURORA_PLANTED_BUG("compaction-ignores-snapshots")) break;
    add(handle->sequence_);
  }
  add(queue_->published());
  if (AURORA_LIKELY(!expires())) return readers;
  const Expiry time = ExpiredThrough();
  readers.expired_through = time;
  dropping_.insert(time);
  readers.hold =
      std::shared_ptr<const void>(this, [this, time](const void*) { EndDropping(time); });
  return readers;
}

}  // namespace aurora::lsm
