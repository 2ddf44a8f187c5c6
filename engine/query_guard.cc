#include "aurora/engine/query_guard.h"

#include "aurora/runtime/status.h"

namespace aurora::engine {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

std::int64_t DeadlineOf(const QueryLimits& limits, const Clock& clock) {
  const std::int64_t now = clock.MonotonicNanos();
  const absl::Duration longest = absl::Nanoseconds(kNever - now);
  if (limits.timeout >= longest) return kNever;
  return now + absl::ToInt64Nanoseconds(limits.timeout);
}

}  // namespace

QueryGuard::QueryGuard(const QueryLimits& limits, const Clock& clock)
    : limits_(limits), clock_(clock), deadline_nanos_(DeadlineOf(limits, clock)) {}

absl::Status QueryGuard::Look() const {
  if (limits_.stop.stop_requested()) return CancelledError("the query was cancelled");
  if (deadline_nanos_ != kNever && clock_.MonotonicNanos() >= deadline_nanos_) {
    return DeadlineExceededError("the query took longer than ",
                                 absl::FormatDuration(limits_.timeout), ", its timeout");
  }
  return absl::OkStatus();
}

absl::Status QueryGuard::TooMany() const {
  return ResourceExhaustedError("the query would have to read more than ", limits_.documents_read,
                                " documents, its limit");
}

}  // namespace aurora::engine
