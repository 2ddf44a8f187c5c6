// A coroutine that sleeps on an executor until it is woken, works, and sleeps again.
//
// Wake-ups that come while it works make it work once more. Waking allocates nothing. Wake() from
// any thread; Start() and Stop() once each, by the owner.
#pragma once

#include <coroutine>
#include <exception>
#include <mutex>
#include <stop_token>
#include <utility>

#include "aurora/runtime/executor.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class LogWorker {
 public:
  // Work is a method of `owner`: LogWorker(executor, &LogWorker::Call<Log, &Log::Drive>, this).
  using Work = Task<void> (*)(void* owner, std::stop_token stop);
  template <class Owner, Task<void> (Owner::*kMethod)(std::stop_token)>
  AURORA_TASK_WRAPPER static Task<void> Call(void* owner, std::stop_token stop) {
    return (static_cast<Owner*>(owner)->*kMethod)(std::move(stop));
  }

  LogWorker(Executor& executor, Work work, void* owner)
      : executor_(executor), work_(work), owner_(owner) {}
  // Asleep or stopped (checked): a process that is about to end may leave it asleep.
  ~LogWorker();
  LogWorker(const LogWorker&) = delete;
  LogWorker& operator=(const LogWorker&) = delete;

  void Start();
  void Wake();
  // Asks the work to stop, waits until it has, and ends the coroutine.
  Task<void> Stop();

 private:
  // Starts at once, and frees itself at its end.
  struct Detached {
    struct promise_type {
      Detached get_return_object() noexcept { return {}; }
      std::suspend_never initial_suspend() noexcept { return {}; }
      std::suspend_never final_suspend() noexcept { return {}; }
      void return_void() noexcept {}
      [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
    };
  };
  class Sleep;
  class End;
  static Detached Run(LogWorker* worker);

  Executor& executor_;
  const Work work_;
  void* const owner_;
  std::stop_source stop_;

  std::mutex mutex_;
  bool woken_ = false;
  bool started_ = false;
  bool ended_ = false;
  Continuation* sleeper_ = nullptr;
  Continuation* stopper_ = nullptr;
};

}  // namespace aurora::lsm
