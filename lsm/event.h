// Where coroutines wait for a condition that somebody else makes true.
//
//   co_await event.Until([this] { return flushed_.load() >= target; });     // the waiter
//   flushed_.store(target);  event.Notify();                                // the other side
//
// Thread-safe. Notify costs one atomic load while nobody waits. It resumes every waiter, which
// tests its condition again; so one Event may serve several conditions.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <mutex>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  // Nobody may be waiting.
  ~Event() { AURORA_CHECK(first_ == nullptr); }

  // Waits until `condition()` is true; a ready Task if it is already. It is called from several
  // threads, one at a time, must be quick, and may take a lock under which nobody calls Notify. It
  // reads what others change by sequentially consistent atomics or under a lock.
  template <class Condition>
  AURORA_TASK_WRAPPER Task<void> Until(Condition condition) {
    if (condition()) return Task<void>();
    return Wait(this, std::move(condition));
  }

  // What was changed before (by sequentially consistent stores, or under a lock) is seen by
  // everyone who waits.
  void Notify() {
    if (waiting_.load(std::memory_order_seq_cst) != 0) Resume();
  }

 private:
  struct Node {
    Continuation continuation;
    Node* next = nullptr;
  };

  template <class Condition>
  class Awaiter {
   public:
    Awaiter(Event* event, const Condition& condition) : event_(event), condition_(condition) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> handle) {
      node_.continuation = Continuation::Here(handle);
      const std::lock_guard lock(event_->mutex_);
      // First announced, then tested: a change that the test does not see finds the announcement.
      event_->waiting_.fetch_add(1, std::memory_order_seq_cst);
      if (condition_()) {
        event_->waiting_.fetch_sub(1, std::memory_order_seq_cst);
        return false;
      }
      node_.next = event_->first_;
      event_->first_ = &node_;
      return true;
    }
    void await_resume() const noexcept {}

   private:
    Event* const event_;
    const Condition& condition_;
    Node node_;
  };

  template <class Condition>
  static Task<void> Wait(Event* event, Condition condition) {
    while (!condition()) {
      Awaiter<Condition> awaiter(event, condition);
      co_await awaiter;
    }
  }

  void Resume();

  std::atomic<std::uint32_t> waiting_{0};
  std::mutex mutex_;
  Node* first_ = nullptr;  // protected by mutex_
};

}  // namespace aurora::lsm
