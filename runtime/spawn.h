// Starting a Task on an executor from plain code, without waiting for it here.
//
// Nothing is ever orphaned: whoever starts a task hears of its end, through a callback (this file)
// or a TaskGroup (task_group.h), which is the one to prefer in coroutines.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "aurora/runtime/executor.h"
#include "aurora/runtime/frame_pool.h"
#include "aurora/runtime/task.h"

namespace aurora {
namespace internal {

// A coroutine that owns itself: started once on an executor, freed when its body ends. An exception
// that leaves its body ends the process.
class SelfOwned {
 public:
  struct promise_type {
    static void* operator new(std::size_t size) { return FramePool::Allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
      FramePool::Free(memory, size);
    }
    SelfOwned get_return_object() noexcept { return SelfOwned(*this); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

    Continuation start;
  };

  // The coroutine may have ended when this returns.
  void StartOn(Executor& executor) && {
    promise_.start.handle = std::coroutine_handle<promise_type>::from_promise(promise_);
    promise_.start.executor = &executor;
    promise_.start.Post();
  }

 private:
  explicit SelfOwned(promise_type& promise) : promise_(promise) {}
  promise_type& promise_;
};

template <class T, class Done>
SelfOwned RunThenCall(Task<T> task, Done done) {
  // The inner block: what the task holds is let go before `done` hears of its end.
  if constexpr (std::is_void_v<T>) {
    {
      Task<T> running = std::move(task);
      co_await std::move(running);
    }
    std::move(done)();
  } else {
    std::optional<T> result;
    {
      Task<T> running = std::move(task);
      result.emplace(co_await std::move(running));
    }
    std::move(done)(*std::move(result));
  }
}

}  // namespace internal

// Runs `task` on `executor` and then calls `done`, once, with its result (with nothing for
// Task<void>), in the coroutine's last steps: it must not block. From any thread; nothing runs
// inside the call. `executor` outlives the task. An exception that leaves the task or `done` ends
// the process. Costs one allocation, from the frame pool.
template <class T, class Done>
void Spawn(Executor& executor, Task<T> task, Done done) {
  internal::RunThenCall<T, Done>(std::move(task), std::move(done)).StartOn(executor);
}

}  // namespace aurora
