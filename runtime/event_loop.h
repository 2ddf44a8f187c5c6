// One thread's scheduler: ready coroutines, timers, and the thread's own io_uring.
//
// A loop is driven by exactly one thread at a time: a LoopThread's own, a thread inside BlockOn, or
// a user's, who pumps it (a game loop calls RunReady once a frame). Only Post, and the wake-up it
// implies, may come from other threads.
//
// I/O that a coroutine starts while it runs on a loop goes into that loop's ring and is submitted,
// in one system call, when nothing is ready any more; its completion resumes the coroutine on the
// same loop without a hop to another thread. So a lone waiting thread submits and reaps its own
// I/O, and many coroutines on one loop share their submissions. Where io_uring is not to be had,
// ring() is null and the loop sleeps on an eventfd.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <thread>

#include "absl/status/status.h"
#include "aurora/runtime/executor.h"

namespace aurora {

class IoRing;

class EventLoop final : public Executor {
 public:
  // `with_ring`: try to set up an io_uring for this loop (at its first use, by the thread that
  // drives it).
  explicit EventLoop(bool with_ring);
  // Nothing may be queued, sleeping or in flight.
  ~EventLoop() override;

  void Post(Continuation& continuation) override;

  // Runs what is ready, including expired timers and completed I/O, submits new I/O, and returns
  // without blocking: the number of coroutines resumed.
  std::size_t RunReady();

  // Runs, sleeping when there is nothing to do, until `*done` is true. `*done` is set by a
  // coroutine on this loop, or by another thread that then calls Wake().
  void RunUntil(const std::atomic<bool>& done);
  void Wake();

  // The loop that drives the calling thread right now, or null.
  static EventLoop* Current();
};

}  // namespace aurora
