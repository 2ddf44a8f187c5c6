// The two clocks. Code above runtime/ reads time only through one of these, so that the simulator
// can own it.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace aurora {

class Clock {
 public:
  virtual ~Clock() = default;

  // Wall-clock time. May jump in either direction: never order, collect or lease by it.
  virtual absl::Time Now() const = 0;

  // Nanoseconds since an arbitrary origin; never goes back. For deadlines and measurements within
  // one process.
  virtual std::int64_t MonotonicNanos() const = 0;

  // The machine's clocks. Lives forever. Safe from every thread.
  static const Clock& System();
};

}  // namespace aurora
