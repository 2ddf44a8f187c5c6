// Waiting for tables to expire.
#include <algorithm>
#include <stop_token>
#include <utility>

#include "absl/time/time.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

// Then the wait begins again, so that no clock need count further.
constexpr absl::Duration kLongestWait = absl::Hours(24 * 365);

}  // namespace

// What a reader keeps from expiring is looked at again when that goes (SnapshotList::AwaitOldest).
// This is for time alone. A table that has expired already is not waited for, whether or not
// anything can be done about it; so this sleeps, or waits for a change of the tree.
Task<absl::Status> StoreImpl::ExpiryLoop() {
  const auto now = [this] { return ToExpiry(environment_.clock().Now()); };
  const auto next = [this, now] {
    const std::lock_guard lock(state_mutex_);
    return tree_->dense_tables().empty() ? kNeverExpires : tree_->NextExpiry(now());
  };
  const auto has_work = [this, next] {
    return closing() || (!poisoned() && next() != kNeverExpires);
  };
  for (;;) {
    co_await event_.Until(has_work);
    if (closing()) co_return absl::OkStatus();
    // First it can be woken, then it looks: what comes in between is not missed.
    std::stop_token woken = expiry_wait_.Begin();
    const std::stop_callback close(stop_.get_token(), [this] { expiry_wait_.Wake(); });
    const Expiry until = next();
    if (until == kNeverExpires) continue;
    expiry_wait_.SetUntil(until);
    const absl::Duration wait = absl::Milliseconds(until - now());
    const absl::Status slept =
        co_await environment_.Sleep(std::min(wait, kLongestWait), std::move(woken));
    // Without timers, what has expired goes with the next change of the tree.
    if (!slept.ok() && !absl::IsCancelled(slept)) co_return absl::OkStatus();
    if (slept.ok() && !AURORA_PLANTED_BUG("expiry-timer-untold")) event_.Notify();
  }
}

}  // namespace aurora::lsm
