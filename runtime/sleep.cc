#include "aurora/runtime/sleep.h"

#include <coroutine>
#include <optional>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/clock.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/timer_heap.h"

namespace aurora {
namespace {

absl::Status Stopped() { return CancelledError("a stop was requested during a sleep"); }

// For a coroutine that runs on `loop`. The coroutine is resumed on that very loop, also by a stop,
// because only its thread may take the timer out of the heap.
class SleepOnLoop {
 public:
  SleepOnLoop(EventLoop& loop, std::int64_t deadline_nanos, std::stop_token stop)
      : loop_(loop), stop_(std::move(stop)) {
    timer_.deadline_nanos = deadline_nanos;
  }

  bool await_ready() const noexcept { return false; }

  void await_suspend(std::coroutine_handle<> handle) {
    AURORA_DCHECK(EventLoop::Current() == &loop_);
    timer_.continuation = Continuation{handle, &loop_, nullptr};
    loop_.AddTimer(timer_);
    // May call OnStop right here; the loop resumes nothing before this returns.
    if (stop_.stop_possible()) on_stop_.emplace(stop_, OnStop{this});
  }

  absl::Status await_resume() {
    // Waits for an OnStop that is running on another thread.
    on_stop_.reset();
    if (timer_.queued()) loop_.RemoveTimer(timer_);
    return stopped_ ? Stopped() : absl::OkStatus();
  }

 private:
  struct OnStop {
    SleepOnLoop* sleep;
    void operator()() const noexcept {
      if (!sleep->timer_.Claim()) return;
      sleep->stopped_ = true;
      sleep->loop_.Post(sleep->timer_.continuation);
    }
  };

  EventLoop& loop_;
  const std::stop_token stop_;
  internal::Timer timer_;
  bool stopped_ = false;  // written by whoever claims the timer
  std::optional<std::stop_callback<OnStop>> on_stop_;
};

Task<absl::Status> SleepHere(EventLoop* loop, std::int64_t deadline_nanos, std::stop_token stop) {
  SleepOnLoop sleep(*loop, deadline_nanos, std::move(stop));
  co_return co_await sleep;
}

Task<absl::Status> SleepElsewhere(EventLoop* timers, std::int64_t deadline_nanos,
                                  std::stop_token stop) {
  Executor* const home = Executor::Current();
  AURORA_CHECK(home != nullptr && "a coroutine that sleeps must run on an executor");
  co_await SwitchTo(*timers);
  SleepOnLoop sleep(*timers, deadline_nanos, std::move(stop));
  absl::Status status = co_await sleep;
  co_await SwitchTo(*home);
  co_return status;
}

// On the loop's executor, not merely on its thread: a user's executor may borrow the thread.
bool RunsOn(EventLoop* loop) { return loop != nullptr && Executor::Current() == &loop->identity(); }

}  // namespace

AURORA_TASK_WRAPPER Task<absl::Status> SleepUntil(EventLoop& timers, std::int64_t deadline_nanos,
                                                  std::stop_token stop) {
  if (stop.stop_requested()) return Stopped();
  if (deadline_nanos <= Clock::System().MonotonicNanos()) return absl::OkStatus();
  EventLoop* const here = EventLoop::Current();
  if (RunsOn(here)) return SleepHere(here, deadline_nanos, std::move(stop));
  return SleepElsewhere(&timers, deadline_nanos, std::move(stop));
}

}  // namespace aurora
