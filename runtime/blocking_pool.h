// A few threads for system calls that block.
//
//   int result = co_await pool.Run([&] { return ::ftruncate(fd, size); });
//
// The function runs on a thread of the pool; the coroutine then continues on its own executor.
//
// Thread-safety: all methods from any thread. Threads are made when there is work and none is idle,
// up to the limit, and stay until the pool dies; they block every signal, so that those reach the
// program's own threads. Where no thread can be made at all, the function runs in the caller.
// Order: functions start in the order of their calls. Cost: two hand-overs between threads, about
// 10-20 us; no allocation. Lifetime: destroyed only when every call has completed (checked). In a
// forked child, whose threads are gone, Run must not be used; destruction then leaves the threads
// alone.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aurora/runtime/executor.h"
#include "aurora/runtime/fork_guard.h"

namespace aurora::internal {

class BlockingPool {
  struct Job {
    void (*run)(Job* job) = nullptr;  // the job may be gone when it returns
    Job* next = nullptr;
  };

 public:
  // `name`: of its threads, at most 15 characters.
  BlockingPool(std::string name, int max_threads);
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  template <class Function>
  class [[nodiscard("a Call does nothing until it is awaited")]] Call : private Job {
   public:
    using Result = decltype(std::declval<Function&>()());

    Call(BlockingPool& pool, Function function) : pool_(pool), function_(std::move(function)) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      continuation_ = Continuation::Here(handle);
      this->run = [](Job* job) {
        Call& call = *static_cast<Call*>(job);
        call.result_.emplace(call.function_());
        call.continuation_.Post();
      };
      pool_.Submit(*this);
    }
    Result await_resume() { return *std::move(result_); }

   private:
    BlockingPool& pool_;
    Function function_;
    Continuation continuation_;
    std::optional<Result> result_;
  };

  // Awaited on an executor. `function` returns a value and must not throw.
  template <class Function>
  Call<Function> Run(Function function) {
    return Call<Function>(*this, std::move(function));
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable work;
    Job* head = nullptr;
    Job** tail = &head;
    int queued = 0;  // jobs
    int idle = 0;    // threads that wait for `work`
    bool stopping = false;
    std::vector<std::thread> threads;
  };

  void Submit(Job& job);
  // False if the system refuses another thread. The lock is held.
  bool StartThread();
  void Work();

  const std::string name_;
  const int max_threads_;
  const ForkGuard fork_guard_;
  std::unique_ptr<State> state_;  // given up in a child: a vanished thread may hold its mutex
};

}  // namespace aurora::internal
