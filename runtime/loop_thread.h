// Threads of our own that drive event loops.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/executor.h"

namespace aurora {

// A thread that does nothing but drive one EventLoop, from construction to destruction. It blocks
// every signal, so that those reach the program's own threads.
class LoopThread {
 public:
  // `name` is shown by the system's tools: at most 15 bytes. `identity`: see EventLoop. `niceness`:
  // how much nicer (nice(2)) than the thread that makes it.
  explicit LoopThread(std::string name, bool with_ring, Executor* identity = nullptr,
                      int niceness = 0);
  // Ends the thread. Nothing may be queued, sleeping or in flight on the loop (checked), and the
  // caller must be another thread (checked).
  ~LoopThread();
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  EventLoop& loop() { return loop_; }

 private:
  EventLoop loop_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// A few LoopThreads that are one Executor. A coroutine may be resumed by any of them, never by two
// at a time; its I/O and its sleeps bring it back to the thread on which they began. A posted
// coroutine goes to a thread that sleeps, if there is one, else to the next in turn; it does not
// move once it is queued. Thread-safe.
class LoopPool final : public Executor {
 public:
  // Threads are named `name`-0, `name`-1, ...: at most 15 bytes. `niceness`: as above.
  LoopPool(const std::string& name, int threads, bool with_ring, int niceness = 0);
  // As ~LoopThread.
  ~LoopPool() override;

  void Post(Continuation& continuation) override;

  int thread_count() const { return static_cast<int>(threads_.size()); }

 private:
  std::vector<std::unique_ptr<LoopThread>> threads_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace aurora
