#include "aurora/lsm/stall_watch.h"

#include <cstddef>

#include "aurora/runtime/check.h"

namespace aurora::lsm {

void StallWatch::Begin(StallReason reason, std::int64_t now) {
  const std::lock_guard lock(mutex_);
  Stall& stall = stalls_[static_cast<std::size_t>(reason)];
  ++stall.commits;
  if (stall.waiting++ > 0) return;
  stall.begun_at = now;
  stall.is_told = stall.told_at == 0 || now - stall.told_at >= kQuietNanos;
  if (!stall.is_told) return;
  stall.told_at = now;
  events_->Post(StallBegun{reason});
}

void StallWatch::End(StallReason reason, std::int64_t now) {
  const std::lock_guard lock(mutex_);
  Stall& stall = stalls_[static_cast<std::size_t>(reason)];
  AURORA_CHECK(stall.waiting > 0);
  if (--stall.waiting > 0) return;
  stall.nanos += now - stall.begun_at;
  if (!stall.is_told) return;
  events_->Post(StallEnded{reason, stall.commits, stall.nanos});
  stall.commits = 0;
  stall.nanos = 0;
}

}  // namespace aurora::lsm
