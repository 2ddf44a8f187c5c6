// Waiting for a point in time, from a coroutine on any executor.
#pragma once

#include <cstdint>
#include <stop_token>

#include "absl/status/status.h"
#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/task.h"

namespace aurora {

// Suspends the caller until `deadline_nanos` of Clock::System().MonotonicNanos() has passed, or
// until a stop is requested, from whatever thread: then Cancelled. Never early; late by the
// precision of the kernel's timers (about 50 us) and by whatever the executor is doing then.
//
// A coroutine on an EventLoop waits in that loop, without a hop. One on another executor waits in
// `timers`, a loop that some thread drives all the time, and then returns to its own executor.
// A deadline in the past, or a stop already requested, is answered at once.
Task<absl::Status> SleepUntil(EventLoop& timers, std::int64_t deadline_nanos,
                              std::stop_token stop = {});

}  // namespace aurora
