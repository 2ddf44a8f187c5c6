#include "aurora/lsm/log_supply.h"

#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

std::unique_ptr<LogSegment> SegmentSupply::Take() {
  std::lock_guard lock(mutex_);
  AURORA_CHECK(!ready_.empty());
  std::unique_ptr<LogSegment> segment = std::move(ready_.front());
  ready_.pop_front();
  ready_count_.fetch_sub(1, std::memory_order_acq_rel);
  return segment;
}

void SegmentSupply::AddReady(std::unique_ptr<LogSegment> segment) {
  std::lock_guard lock(mutex_);
  AURORA_CHECK(ready_.empty() || ready_.back()->number() < segment->number());
  ready_.push_back(std::move(segment));
  ready_count_.fetch_add(1, std::memory_order_acq_rel);
}

void SegmentSupply::Discard(const std::vector<std::uint32_t>& numbers) {
  std::lock_guard lock(mutex_);
  discarded_.insert(discarded_.end(), numbers.begin(), numbers.end());
}

void SegmentSupply::Remove(const std::vector<std::uint32_t>& numbers) {
  std::lock_guard lock(mutex_);
  to_remove_.insert(to_remove_.end(), numbers.begin(), numbers.end());
}

bool SegmentSupply::NeedsWork() const {
  std::lock_guard lock(mutex_);
  return !discarded_.empty() || !to_remove_.empty() ||
         ready_.size() < static_cast<std::size_t>(target_);
}

Task<absl::Status> SegmentSupply::Replenish(std::stop_token stop) {
  while (!stop.stop_requested() && NeedsWork()) {
    AURORA_CO_RETURN_IF_ERROR(co_await ReplenishOne());
  }
  co_return absl::OkStatus();
}

Task<absl::Status> SegmentSupply::RemoveFile(std::uint32_t number) {
  const absl::Status removed = co_await files_.Remove(SegmentPath(options_.directory, number));
  if (!removed.ok() && !absl::IsNotFound(removed)) co_return removed;
  co_return co_await files_.SyncDirectory(options_.directory);
}

Task<absl::Status> SegmentSupply::ReplenishOne() {
  std::uint32_t old_number = 0;
  std::uint32_t new_number = 0;
  {
    std::lock_guard lock(mutex_);
    const bool wanted = ready_.size() < static_cast<std::size_t>(target_);
    // Recycling comes before removing, and both before creating: a ballast soon, space for it next.
    std::deque<std::uint32_t>& from =
        (wanted && !discarded_.empty()) || to_remove_.empty() ? discarded_ : to_remove_;
    const bool recycle = wanted && &from == &discarded_;
    if (!from.empty()) {
      old_number = from.front();
      from.pop_front();
    }
    if (recycle) {
      AURORA_CHECK(next_number_ != UINT32_MAX);
      new_number = next_number_++;
    }
  }
  if (new_number == 0) co_return co_await RemoveFile(old_number);
  if (old_number != 0) {
    absl::StatusOr<std::unique_ptr<LogSegment>> recycled =
        co_await RecycleSegment(files_, options_, old_number, new_number);
    if (recycled.ok()) {
      AddReady(*std::move(recycled));
      co_return absl::OkStatus();
    }
    // Of another size, or worse: not one that we want.
    (void)co_await files_.Remove(SegmentPath(options_.directory, new_number));
    (void)co_await files_.Remove(SegmentPath(options_.directory, old_number));
    if (absl::IsFailedPrecondition(recycled.status())) co_return absl::OkStatus();
    co_return recycled.status();
  }
  std::uint64_t written_bytes = 0;
  absl::StatusOr<std::unique_ptr<LogSegment>> created =
      co_await CreateSegment(files_, options_, new_number, &written_bytes);
  bytes_filled_.fetch_add(written_bytes, std::memory_order_relaxed);
  if (!created.ok()) co_return created.status();
  AddReady(*std::move(created));
  co_return absl::OkStatus();
}

}  // namespace aurora::lsm
