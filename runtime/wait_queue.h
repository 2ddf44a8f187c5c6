// What every waiting primitive of this folder is made of: a queue of suspended coroutines under the
// primitive's mutex, each of which may leave it early because a stop is requested.
//
// The primitives lock a std::mutex for a few instructions, never across a suspension, and post
// coroutines only after they have unlocked it: a resumed coroutine may destroy the primitive at
// once, when nobody else uses it any more.
#pragma once

#include <coroutine>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"

namespace aurora::internal {

class Wait;

// A doubly linked list of waits, first in, first out. Guarded by the owner's mutex.
class WaitQueue {
 public:
  WaitQueue() = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;
  // Nobody may wait (checked).
  ~WaitQueue();

  bool empty() const { return head_ == nullptr; }

  // Takes out the first wait and grants it what it waits for, or null if there is none. The caller
  // then hands over what is granted, unlocks, and calls Resume.
  Wait* GrantFirst();

 private:
  friend class Wait;
  void PushBack(Wait& wait);
  void Remove(Wait& wait);

  Wait* head_ = nullptr;
  Wait* tail_ = nullptr;
};

// The awaiter of one suspended coroutine, to be derived from.
class Wait {
 public:
  Wait(std::mutex& mutex, WaitQueue& queue, std::stop_token stop)
      : mutex_(mutex), queue_(queue), stop_(std::move(stop)) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  // Posts the coroutine of a granted wait. Without the mutex; the wait is gone afterwards.
  void Resume() { continuation_.Post(); }
  // The next of a list of granted waits: for owners that grant many at once.
  Wait* next_granted = nullptr;

 protected:
  ~Wait() { AURORA_CHECK(state_ != State::kQueued && "a waiting coroutine must not be destroyed"); }

  // For await_ready: true if `try_now`, called with the mutex held, grants at once.
  template <class TryNow>
  bool TryGrant(TryNow&& try_now) {
    const std::lock_guard lock(mutex_);
    if (try_now()) state_ = State::kGranted;
    return state_ == State::kGranted;
  }

  // For await_suspend: true if the coroutine is to stay suspended. Nothing of this object may be
  // touched after that.
  template <class TryNow>
  bool Suspend(std::coroutine_handle<> handle, TryNow&& try_now) {
    continuation_ = Continuation::Here(handle);
    // Before the wait is queued: once it is, it may be granted and gone at any moment.
    if (stop_.stop_possible()) on_stop_.emplace(stop_, OnStop{this});
    const std::lock_guard lock(mutex_);
    if (state_ == State::kStopped) return false;
    if (try_now()) {
      state_ = State::kGranted;
      return false;
    }
    queue_.PushBack(*this);
    state_ = State::kQueued;
    return true;
  }

  // For await_resume: true if granted, false if stopped.
  bool Finish() {
    on_stop_.reset();  // waits for a callback that is running on another thread
    AURORA_DCHECK(state_ == State::kGranted || state_ == State::kStopped);
    return state_ == State::kGranted;
  }

 private:
  friend class WaitQueue;
  enum class State : std::uint8_t { kNew, kQueued, kGranted, kStopped };

  struct OnStop {
    Wait* wait;
    void operator()() const noexcept { wait->Stop(); }
  };
  void Stop() noexcept;

  std::mutex& mutex_;
  WaitQueue& queue_;
  const std::stop_token stop_;
  Continuation continuation_;
  Wait* previous_ = nullptr;
  Wait* next_ = nullptr;
  State state_ = State::kNew;
  std::optional<std::stop_callback<OnStop>> on_stop_;
};

}  // namespace aurora::internal
