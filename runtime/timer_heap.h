// Deadlines, ordered. A binary heap that knows where each of its timers is, so that one can be
// taken out before it expires.
//
// Not thread-safe, but for Timer::Claim. Add, Remove and PopExpired cost O(log n); Add allocates
// when the heap grows beyond its largest size so far. Timers with the same deadline expire in the
// order in which they were added.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "aurora/runtime/executor.h"

namespace aurora::internal {

// A coroutine that waits for a deadline. Owned by the awaiter; must not move or die in the heap.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  // Expiry and cancellation may meet: whoever claims the timer first resumes the coroutine. From
  // any thread.
  [[nodiscard]] bool Claim() { return !claimed_.exchange(true, std::memory_order_acq_rel); }
  bool queued() const { return position_ != kNowhere; }

  std::int64_t deadline_nanos = 0;
  Continuation continuation;

 private:
  friend class TimerHeap;
  static constexpr std::size_t kNowhere = SIZE_MAX;

  std::size_t position_ = kNowhere;
  std::uint64_t order_ = 0;
  std::atomic<bool> claimed_{false};
};

class TimerHeap {
 public:
  bool empty() const { return heap_.empty(); }
  // The earliest deadline. There must be one.
  std::int64_t NextDeadline() const { return heap_.front()->deadline_nanos; }

  void Add(Timer& timer);
  void Remove(Timer& timer);
  // Takes out the earliest timer if its deadline is at or before `now_nanos`, else null.
  Timer* PopExpired(std::int64_t now_nanos);

 private:
  static bool Before(const Timer& a, const Timer& b) {
    if (a.deadline_nanos != b.deadline_nanos) return a.deadline_nanos < b.deadline_nanos;
    return a.order_ < b.order_;
  }
  void Place(Timer& timer, std::size_t position) {
    heap_[position] = &timer;
    timer.position_ = position;
  }
  void SiftUp(Timer& timer, std::size_t position);
  void SiftDown(Timer& timer, std::size_t position);

  std::vector<Timer*> heap_;
  std::uint64_t next_order_ = 0;
};

}  // namespace aurora::internal
