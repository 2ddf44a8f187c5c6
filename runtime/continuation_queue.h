// The two queues of suspended coroutines that an event loop is made of. Both link Continuations
// through their `next` member, so that queueing allocates nothing and cannot fail.
#pragma once

#include <atomic>
#include <cstddef>

#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"

namespace aurora::internal {

// First in, first out. For one thread.
class ContinuationList {
 public:
  ContinuationList() = default;
  ContinuationList(const ContinuationList&) = delete;
  ContinuationList& operator=(const ContinuationList&) = delete;

  bool empty() const { return head_ == nullptr; }

  void PushBack(Continuation& continuation) {
    AURORA_DCHECK(&continuation != tail_);
    continuation.next = nullptr;
    if (head_ == nullptr) {
      head_ = &continuation;
    } else {
      tail_->next = &continuation;
    }
    tail_ = &continuation;
  }

  // Unlinks the first one. There must be one.
  Continuation& PopFront() {
    AURORA_DCHECK(head_ != nullptr);
    Continuation& first = *head_;
    head_ = first.next;
    if (head_ == nullptr) tail_ = nullptr;
    return first;
  }

 private:
  Continuation* head_ = nullptr;
  Continuation* tail_ = nullptr;
};

// Many threads put in, one (the owner) takes everything out, in the order in which it was put in.
// The same atomic word says whether the owner sleeps, so a poster makes the wake-up system call
// only when it must, and no fence is needed:
//
//   null         nothing is queued, the owner is awake
//   kSleeping    nothing is queued, the owner sleeps or is about to
//   other        the newest Continuation of a list, linked from new to old; the owner is awake, or
//                is being woken
//
// Whoever replaces kSleeping owes the owner exactly one wake-up. The owner learns of the debt from
// EndSleep and does not die before it has been paid: the waker still holds the descriptor that it
// is going to write to.
class Mailbox {
 public:
  Mailbox() = default;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // From any thread. Touches neither the mailbox nor `continuation` once it is in, for both may
  // then be gone. True: the caller owes a wake-up.
  [[nodiscard]] bool Push(Continuation& continuation) {
    Continuation* head = head_.load(std::memory_order_relaxed);
    do {
      continuation.next = head == &kSleeping ? nullptr : head;
    } while (!head_.compare_exchange_weak(head, &continuation, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    return head == &kSleeping;
  }

  // From any thread: what the caller wrote before is seen by the owner after its next
  // PrepareToSleep, or else the owner was asleep. True: the caller owes a wake-up. It is a
  // read-modify-write in every case, because that is what orders it against PrepareToSleep.
  [[nodiscard]] bool Nudge() {
    Continuation* head = head_.load(std::memory_order_relaxed);
    while (!head_.compare_exchange_weak(head, head == &kSleeping ? nullptr : head,
                                        std::memory_order_acq_rel, std::memory_order_relaxed)) {
    }
    return head == &kSleeping;
  }

  // Owner: appends everything to `list`, oldest first.
  void TakeInto(ContinuationList& list) {
    if (head_.load(std::memory_order_relaxed) == nullptr) return;
    Continuation* newest = head_.exchange(nullptr, std::memory_order_acquire);
    AURORA_DCHECK(newest != &kSleeping);
    Continuation* oldest = nullptr;
    while (newest != nullptr) {
      Continuation* next = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
    while (oldest != nullptr) {
      Continuation* next = oldest->next;
      list.PushBack(*oldest);
      oldest = next;
    }
  }

  // Owner: false if something is queued. Otherwise posters now owe a wake-up, until EndSleep.
  [[nodiscard]] bool PrepareToSleep() {
    Continuation* expected = nullptr;
    return head_.compare_exchange_strong(expected, &kSleeping, std::memory_order_acq_rel,
                                         std::memory_order_relaxed);
  }
  // Owner: true if somebody owes a wake-up for this sleep, paid already or not.
  [[nodiscard]] bool EndSleep() {
    Continuation* expected = &kSleeping;
    return !head_.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel,
                                          std::memory_order_relaxed);
  }

  bool empty() const {
    Continuation* head = head_.load(std::memory_order_relaxed);
    return head == nullptr || head == &kSleeping;
  }
  // From any thread; a hint.
  bool asleep() const { return head_.load(std::memory_order_relaxed) == &kSleeping; }

 private:
  static inline Continuation kSleeping;

  std::atomic<Continuation*> head_{nullptr};
};

}  // namespace aurora::internal
