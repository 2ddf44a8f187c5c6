#include "aurora/runtime/task_group.h"

#include "aurora/runtime/check.h"

namespace aurora {

TaskGroup::~TaskGroup() {
  AURORA_CHECK(pending_.load(std::memory_order_acquire) == 1 && joiner_ == nullptr &&
               "a task group must be joined before it is destroyed");
}

template <class T>
internal::SelfOwned TaskGroup::Run(Task<T> task, TaskGroup* group) {
  absl::Status status;
  std::exception_ptr exception;
  {
    // The task and all that it holds are gone before the group hears of its end.
    Task<T> running = std::move(task);
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::move(running);
      } else {
        status = co_await std::move(running);
      }
    } catch (...) {
      exception = std::current_exception();
    }
  }
  group->End(status, std::move(exception));
}

void TaskGroup::Spawn(Executor& executor, Task<absl::Status> task) {
  if (task.IsReady()) {
    Record(std::move(task).TakeReady(), nullptr);
    return;
  }
  Begin();
  Run(std::move(task), this).StartOn(executor);
}

void TaskGroup::Spawn(Executor& executor, Task<void> task) {
  if (task.IsReady()) return;
  Begin();
  Run(std::move(task), this).StartOn(executor);
}

void TaskGroup::Begin() {
  const std::size_t before = pending_.fetch_add(1, std::memory_order_relaxed);
  AURORA_CHECK(before > 0 && "a task cannot join a group that has been joined");
}

void TaskGroup::Record(const absl::Status& status, std::exception_ptr exception) {
  if (AURORA_LIKELY(status.ok() && exception == nullptr)) return;
  const std::lock_guard lock(mutex_);
  if (first_error_.ok()) first_error_ = status;
  if (first_exception_ == nullptr) first_exception_ = std::move(exception);
}

void TaskGroup::End(const absl::Status& status, std::exception_ptr exception) {
  Record(status, std::move(exception));
  // The last one resumes the joiner, and touches the group no more after that.
  if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) joiner_->continuation_.Post();
}

bool TaskGroup::Joiner::await_ready() noexcept {
  AURORA_CHECK(group_.joiner_ == nullptr && "a task group is joined by one coroutine");
  return group_.pending_.load(std::memory_order_acquire) == 1;
}

bool TaskGroup::Joiner::await_suspend(std::coroutine_handle<> handle) {
  continuation_ = Continuation::Here(handle);
  group_.joiner_ = this;
  // Not suspended if the last task has ended in the meantime.
  return group_.pending_.fetch_sub(1, std::memory_order_acq_rel) != 1;
}

absl::Status TaskGroup::Joiner::await_resume() {
  group_.joiner_ = nullptr;
  group_.pending_.store(1, std::memory_order_relaxed);
  const std::lock_guard lock(group_.mutex_);
  absl::Status status = std::exchange(group_.first_error_, absl::OkStatus());
  if (std::exception_ptr exception = std::exchange(group_.first_exception_, nullptr)) {
    std::rethrow_exception(std::move(exception));
  }
  return status;
}

}  // namespace aurora
