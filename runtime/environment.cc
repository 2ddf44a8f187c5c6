#include "aurora/runtime/environment.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace aurora {

AURORA_TASK_WRAPPER Task<absl::Status> Environment::Sleep(absl::Duration duration,
                                                          std::stop_token stop) {
  const std::int64_t now = clock().MonotonicNanos();
  const std::int64_t nanos = std::max<std::int64_t>(0, absl::ToInt64Nanoseconds(duration));
  const std::int64_t last = std::numeric_limits<std::int64_t>::max();
  return SleepUntil(nanos < last - now ? now + nanos : last, std::move(stop));
}

}  // namespace aurora
