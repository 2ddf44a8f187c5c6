// A flag that coroutines wait for: closed at first, open once Set, closed again after Reset.
#pragma once

#include <mutex>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/wait_queue.h"

namespace aurora {

// Every method from any thread. Set resumes everybody who waits, in the order of arrival, each on
// its own executor. Waiting for an event that is set neither suspends nor allocates. An event may
// be destroyed as soon as nobody waits, also by a coroutine that Set has just resumed.
class Event {
  class Waiting : public internal::Wait {
   public:
    Waiting(Event& event, std::stop_token stop)
        : Wait(event.mutex_, event.waiting_, std::move(stop)), event_(event) {}
    bool await_ready() {
      return TryGrant([this] { return event_.set_; });
    }
    bool await_suspend(std::coroutine_handle<> handle) {
      return Suspend(handle, [this] { return event_.set_; });
    }

   private:
    Event& event_;
  };

 public:
  void Set();
  void Reset();
  bool IsSet() const;

  class [[nodiscard("await it")]] Waiter final : public Waiting {
   public:
    using Waiting::Waiting;
    void await_resume() { Finish(); }
  };
  class [[nodiscard("await it")]] StoppableWaiter final : public Waiting {
   public:
    using Waiting::Waiting;
    absl::Status await_resume() {
      return Finish() ? absl::OkStatus() : CancelledError("a stop was requested during a wait");
    }
  };

  // `co_await event.Wait()`: until the event is set.
  Waiter Wait() { return Waiter(*this, std::stop_token()); }
  // The same, or until a stop is requested: then Cancelled.
  StoppableWaiter Wait(std::stop_token stop) { return StoppableWaiter(*this, std::move(stop)); }

 private:
  mutable std::mutex mutex_;
  bool set_ = false;             // guarded by mutex_
  internal::WaitQueue waiting_;  // guarded by mutex_; empty while set_
};

}  // namespace aurora
