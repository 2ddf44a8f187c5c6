#include "aurora/lsm/log_supply.h"

#include <algorithm>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

int SegmentSupply::SparesLocked() const {
  if (fill_nanos_ == 0) return spares_min_;
  const std::int64_t since = environment_.clock().MonotonicNanos() - taken_at_;
  const std::int64_t fill_nanos = std::max(fill_nanos_, since);
  const std::int64_t filled_meanwhile = (2 * make_nanos_ + fill_nanos - 1) / fill_nanos;
  const auto wanted = static_cast<int>(std::min<std::int64_t>(filled_meanwhile, kSparesMax));
  return std::max(wanted, spares_min_);
}

int SegmentSupply::spares() const {
  std::lock_guard lock(mutex_);
  return SparesLocked();
}

std::unique_ptr<LogSegment> SegmentSupply::Take() {
  const std::int64_t now = environment_.clock().MonotonicNanos();
  std::lock_guard lock(mutex_);
  AURORA_CHECK(!ready_.empty());
  if (taken_at_ != 0) fill_nanos_ = std::max<std::int64_t>(now - taken_at_, 1);
  taken_at_ = now;
  std::unique_ptr<LogSegment> segment = std::move(ready_.front());
  ready_.pop_front();
  ready_count_.fetch_sub(1, std::memory_order_acq_rel);
  return segment;
}

void SegmentSupply::NoteMade(std::int64_t nanos) {
  // The slowest is forgotten step by step: half of it after six that were quick.
  constexpr double kKept = 0.9;
  std::lock_guard lock(mutex_);
  const auto kept = static_cast<std::int64_t>(kKept * static_cast<double>(make_nanos_));
  make_nanos_ = std::max(nanos, kept);
}

void SegmentSupply::GiveUpSpares() {
  std::lock_guard lock(mutex_);
  make_nanos_ = 0;
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
         ready_.size() != static_cast<std::size_t>(SparesLocked()) + 1;
}

Task<absl::Status> SegmentSupply::RemoveFile(std::uint32_t number) {
  const absl::Status removed = co_await files_.Remove(SegmentPath(options_.directory, number));
  if (!removed.ok() && !absl::IsNotFound(removed)) co_return removed;
  co_return co_await files_.SyncDirectory(options_.directory);
}

SegmentSupply::Job SegmentSupply::NextJob() {
  std::unique_ptr<LogSegment> surplus;  // closed without the lock
  std::lock_guard lock(mutex_);
  const std::size_t target = static_cast<std::size_t>(SparesLocked()) + 1;
  const bool wanted = ready_.size() < target;
  Job job;
  // Recycling comes before removing, and both before creating: a ballast soon, space for it next.
  std::deque<std::uint32_t>& from =
      (wanted && !discarded_.empty()) || to_remove_.empty() ? discarded_ : to_remove_;
  if (wanted && &from == &discarded_) {
    AURORA_CHECK(next_number_ != UINT32_MAX);
    job.new_number = next_number_++;
  }
  if (!from.empty()) {
    job.old_number = from.front();
    from.pop_front();
  } else if (ready_.size() > target) {
    surplus = std::move(ready_.back());
    ready_.pop_back();
    ready_count_.fetch_sub(1, std::memory_order_acq_rel);
    job.old_number = surplus->number();
  }
  return job;
}

Task<absl::Status> SegmentSupply::Replenish(std::optional<Done>* done) {
  using Kind = Done::Kind;
  const Job job = NextJob();
  if (job.new_number != 0) {
    const std::int64_t start = environment_.clock().MonotonicNanos();
    const absl::Status made = co_await MakeReady(job);
    if (absl::IsResourceExhausted(made)) GiveUpSpares();
    AURORA_CO_RETURN_IF_ERROR(made);
    const std::int64_t nanos = environment_.clock().MonotonicNanos() - start;
    NoteMade(nanos);
    const Kind kind = job.old_number != 0 ? Kind::kRecycled : Kind::kCreated;
    if (done != nullptr) *done = Done{kind, job.new_number, nanos};
  } else if (job.old_number != 0) {
    AURORA_CO_RETURN_IF_ERROR(co_await RemoveFile(job.old_number));
    if (done != nullptr) *done = Done{Kind::kRemoved, job.old_number, 0};
  }
  co_return absl::OkStatus();
}

Task<absl::Status> SegmentSupply::MakeReady(Job job) {
  if (job.old_number != 0) {
    absl::StatusOr<std::unique_ptr<LogSegment>> recycled =
        co_await RecycleSegment(files_, options_, job.old_number, job.new_number);
    if (recycled.ok()) {
      AddReady(*std::move(recycled));
      co_return absl::OkStatus();
    }
    // Of another size, or worse: not one that we want.
    (void)co_await files_.Remove(SegmentPath(options_.directory, job.new_number));
    (void)co_await files_.Remove(SegmentPath(options_.directory, job.old_number));
    if (absl::IsFailedPrecondition(recycled.status())) co_return absl::OkStatus();
    co_return recycled.status();
  }
  std::uint64_t written_bytes = 0;
  absl::StatusOr<std::unique_ptr<LogSegment>> created =
      co_await CreateSegment(files_, options_, job.new_number, &written_bytes);
  bytes_filled_.fetch_add(written_bytes, std::memory_order_relaxed);
  if (!created.ok()) co_return created.status();
  AddReady(*std::move(created));
  co_return absl::OkStatus();
}

}  // namespace aurora::lsm
