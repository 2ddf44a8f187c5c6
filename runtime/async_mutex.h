// Mutual exclusion among coroutines that holds across a co_await, where a std::mutex must not.
#pragma once

#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "absl/status/statusor.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/wait_queue.h"

namespace aurora {

// Fair: whoever asks first gets it first; it passes from hand to hand, so that nobody can overtake
// a coroutine that is being resumed. Every method from any thread. Taking a free mutex neither
// suspends nor allocates. Not recursive: asking for it again deadlocks.
class AsyncMutex {
  class Locking : public internal::Wait {
   public:
    Locking(AsyncMutex& mutex, std::stop_token stop)
        : Wait(mutex.mutex_, mutex.waiting_, std::move(stop)), owner_(mutex) {}
    bool await_ready() {
      return TryGrant([this] { return owner_.TakeIfFree(); });
    }
    bool await_suspend(std::coroutine_handle<> handle) {
      return Suspend(handle, [this] { return owner_.TakeIfFree(); });
    }

   protected:
    AsyncMutex& owner_;
  };

 public:
  AsyncMutex() = default;
  // Nobody may hold it or wait for it (checked).
  ~AsyncMutex();

  // Holds the mutex while it lives; may be released early, and by another thread than the one that
  // took it. Move-only.
  class [[nodiscard]] Guard {
   public:
    Guard() = default;
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&& other) noexcept {
      if (this != &other) {
        Release();
        mutex_ = std::exchange(other.mutex_, nullptr);
      }
      return *this;
    }
    ~Guard() { Release(); }
    void Release() {
      if (mutex_ != nullptr) std::exchange(mutex_, nullptr)->Unlock();
    }
    bool held() const { return mutex_ != nullptr; }

   private:
    friend class AsyncMutex;
    explicit Guard(AsyncMutex* mutex) : mutex_(mutex) {}
    AsyncMutex* mutex_ = nullptr;
  };

  class [[nodiscard("await it")]] Locker final : public Locking {
   public:
    using Locking::Locking;
    Guard await_resume() {
      Finish();
      return Guard(&owner_);
    }
  };
  class [[nodiscard("await it")]] StoppableLocker final : public Locking {
   public:
    using Locking::Locking;
    absl::StatusOr<Guard> await_resume() {
      if (!Finish()) return CancelledError("a stop was requested while waiting for a mutex");
      return Guard(&owner_);
    }
  };

  // `AsyncMutex::Guard guard = co_await mutex.Lock();`
  Locker Lock() { return Locker(*this, std::stop_token()); }
  // The same, or Cancelled once a stop is requested.
  StoppableLocker Lock(std::stop_token stop) { return StoppableLocker(*this, std::move(stop)); }
  // Takes the mutex if it is free.
  std::optional<Guard> TryLock();

 private:
  bool TakeIfFree() { return !std::exchange(locked_, true); }
  void Unlock();

  std::mutex mutex_;
  bool locked_ = false;          // guarded by mutex_
  internal::WaitQueue waiting_;  // guarded by mutex_; empty unless locked_
};

}  // namespace aurora
