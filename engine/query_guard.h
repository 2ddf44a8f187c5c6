// Ends a query that was cancelled, takes too long or reads too much.
#pragma once

#include <cstdint>
#include <limits>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aurora/runtime/clock.h"

namespace aurora {

// What one run of a query may take. The default: anything.
struct QueryLimits {
  // Cancelled: a stop was requested.
  std::stop_token stop = {};
  // DeadlineExceeded: the run takes longer, by the monotonic clock.
  absl::Duration timeout = absl::InfiniteDuration();
  // ResourceExhausted: more documents would have to be read than this.
  std::uint64_t documents_read = std::numeric_limits<std::uint64_t>::max();
};

namespace engine {

// One run. Not thread-safe. The clock must outlive it.
class QueryGuard {
 public:
  QueryGuard(const QueryLimits& limits, const Clock& clock);

  // To be called for each entry of an index that is read, and for each document: of many calls, one
  // looks at the clock.
  absl::Status OnEntry() {
    if ((++entries_ & kLookMask) != 0) return absl::OkStatus();
    return Look();
  }
  absl::Status OnDocument() {
    if (++documents_ > limits_.documents_read) return TooMany();
    return OnEntry();
  }

 private:
  static constexpr std::uint64_t kLookMask = 127;

  absl::Status Look() const;
  absl::Status TooMany() const;

  const QueryLimits limits_;
  const Clock& clock_;
  const std::int64_t deadline_nanos_;
  std::uint64_t entries_ = kLookMask;  // the first looks
  std::uint64_t documents_ = 0;
};

}  // namespace engine
}  // namespace aurora
