// One thread's scheduler: ready coroutines, timers, and the thread's own io_uring.
//
// A loop is driven by exactly one thread at a time: a LoopThread's own, a thread inside BlockOn, or
// a user's, who pumps it (a game loop calls RunReady once a frame). A loop with a ring is driven by
// one and the same thread all its life (checked). Only Post and Wake may come from other threads.
//
// I/O that a coroutine starts while it runs on a loop goes into that loop's ring and is submitted,
// in one system call, when nothing is ready any more, or after kResumesPerPoll resumptions; its
// completion resumes the coroutine on the same loop without a hop to another thread. So a lone
// waiting thread submits and reaps its own I/O, and many coroutines on one loop share their
// submissions. Where io_uring is not to be had, ring() is null and the loop sleeps on an eventfd.
//
// Cost: Post from the driving thread is a list insertion; from another thread a compare-and-swap,
// and a system call only if the loop sleeps.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "aurora/runtime/continuation_queue.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/timer_heap.h"

namespace aurora {

class IoRing;

class EventLoop final : public Executor {
 public:
  // A loop that is never out of work still submits I/O, reaps completions and looks at its timers
  // each time it has resumed this many coroutines.
  static constexpr int kResumesPerPoll = 32;
  // What one RunReady resumes at most.
  static constexpr std::size_t kMaxResumesPerRunReady = 4096;

  // `with_ring`: try to set up an io_uring for this loop (at its first use, by the thread that
  // drives it). `identity`: the executor that coroutines on this loop run on, if it is not the loop
  // itself: a pool of loops.
  explicit EventLoop(bool with_ring, Executor* identity = nullptr);
  // Nothing may be queued, sleeping or in flight (checked). On any thread, if no thread drives it.
  ~EventLoop() override;

  void Post(Continuation& continuation) override;
  // In RunUntil, while nothing else is ready, timed or in flight here.
  bool MayDriveIo() override;

  // Runs what is ready, including expired timers and completed I/O, submits new I/O, and returns
  // without blocking: the number of coroutines resumed, at most kMaxResumesPerRunReady.
  std::size_t RunReady();

  // Runs, sleeping when there is nothing to do, until `done` is true. `done` is set by a coroutine
  // on this loop, or by another thread that then calls Wake().
  void RunUntil(const std::atomic<bool>& done);
  // From any thread. The loop must live until this returns.
  void Wake();

  // From any thread: true if the loop slept a moment ago, so that a Post would wake it. A hint.
  bool asleep() const { return mailbox_.asleep(); }
  // The executor that coroutines on this loop run on.
  Executor& identity() { return *identity_; }

  // The rest is for the driving thread.

  // The loop's io_uring, set up at the first call; null if it is not to be had or not wanted.
  IoRing* ring();
  // Why ring() is null. OK if there is one, or none was asked for yet.
  const absl::Status& ring_status() const { return ring_status_; }

  // The timer's continuation becomes ready once its deadline has passed, unless it was claimed
  // before. A timer that is not queued any more must not be removed.
  void AddTimer(internal::Timer& timer);
  void RemoveTimer(internal::Timer& timer);

  // True if no coroutine is ready here, no timer is set, and no I/O is in flight.
  bool Idle() const;

  // The loop that drives the calling thread right now, or null.
  static EventLoop* Current();

 private:
  class DriveScope;

  void ResumeBatch(std::size_t limit, std::size_t& resumed, const std::atomic<bool>* done);
  void ExpireTimers();
  void Reap();
  void SleepUnless(const std::atomic<bool>& done);
  // True if the wake descriptor is readable. Negative: no limit.
  bool WaitForWake(std::int64_t timeout_nanos);
  void ConsumeWakes();
  void SetUpRing();

  Executor* const identity_;
  const int wake_descriptor_;

  // For the driving thread alone.
  bool ring_wanted_;
  bool in_run_until_ = false;
  internal::ContinuationList ready_;
  internal::TimerHeap timers_;
  std::unique_ptr<IoRing> ring_;
  absl::Status ring_status_;
  std::thread::id ring_thread_;
  // Wake-ups that others have promised by Mailbox and whose token has not been read.
  std::uint64_t owed_wakes_ = 0;

  // Shared; on a cache line of its own, away from what the driving thread writes all the time.
  alignas(64) internal::Mailbox mailbox_;
};

}  // namespace aurora
