// Structured concurrency: tasks that are started together and waited for together.
//
//   TaskGroup group;
//   for (Shard& shard : shards) group.Spawn(executor, Compact(&shard));
//   AURORA_CO_RETURN_IF_ERROR(co_await group.Join());
//
// What the tasks use need only live until Join has returned.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <mutex>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/spawn.h"
#include "aurora/runtime/task.h"

namespace aurora {

// Spawn may be called from any thread, also by tasks of the group, as long as Join cannot have
// returned yet. Join is awaited by one coroutine. Costs one frame from the pool for each task.
class TaskGroup {
 public:
  TaskGroup() = default;
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  // Every task that was spawned must have been joined (checked).
  ~TaskGroup();

  // Starts `task` on `executor`. Nothing runs inside the call. A task that is ready costs nothing.
  void Spawn(Executor& executor, Task<absl::Status> task);
  void Spawn(Executor& executor, Task<void> task);

  class [[nodiscard("await it")]] Joiner {
   public:
    explicit Joiner(TaskGroup& group) : group_(group) {}
    bool await_ready() noexcept;
    bool await_suspend(std::coroutine_handle<> handle);
    absl::Status await_resume();

   private:
    friend class TaskGroup;
    TaskGroup& group_;
    Continuation continuation_;
  };

  // `co_await group.Join()`: waits until every task has ended and everything that they held is
  // freed. The first error that a task returned, in time; rethrows the first exception instead if
  // there was one. Afterwards the group is as new.
  Joiner Join() { return Joiner(*this); }

 private:
  template <class T>
  static internal::SelfOwned Run(Task<T> task, TaskGroup* group);
  void Begin();
  void End(const absl::Status& status, std::exception_ptr exception);
  void Record(const absl::Status& status, std::exception_ptr exception);

  // Tasks that have not ended, and one more for the Join that has not begun to wait.
  std::atomic<std::size_t> pending_{1};
  Joiner* joiner_ = nullptr;  // written before the Join gives up its part of pending_
  std::mutex mutex_;
  absl::Status first_error_;            // guarded by mutex_
  std::exception_ptr first_exception_;  // guarded by mutex_
};

namespace internal {
// What the workers of one ForEachConcurrently share.
template <class Function>
struct ForEachState {
  const std::size_t count;
  Function function;
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
};

template <class Function>
Task<absl::Status> ForEachWorker(ForEachState<Function>* state) {
  while (!state->failed.load(std::memory_order_relaxed)) {
    const std::size_t i = state->next.fetch_add(1, std::memory_order_relaxed);
    if (i >= state->count) break;
    absl::Status status = co_await state->function(i);
    if (!status.ok()) {
      state->failed.store(true, std::memory_order_relaxed);
      co_return status;
    }
  }
  co_return absl::OkStatus();
}
}  // namespace internal

// Calls `function(i)`, which gives a Task<absl::Status>, for each i below `count`, at most `limit`
// of them at a time, on `executor`. Stops starting new ones at the first error, and returns that
// when all that were started have ended.
template <class Function>
Task<absl::Status> ForEachConcurrently(Executor* executor, std::size_t count, std::size_t limit,
                                       Function function) {
  AURORA_CHECK(limit >= 1);
  internal::ForEachState<Function> state{count, std::move(function)};
  TaskGroup group;
  for (std::size_t i = 0; i < limit && i < count; ++i) {
    group.Spawn(*executor, internal::ForEachWorker(&state));
  }
  absl::Status status = co_await group.Join();
  co_return status;
}

}  // namespace aurora
