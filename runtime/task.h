// Task<T>: a value that is already there, or a lazy coroutine that will produce it.
//
//   Task<int> Answer() { co_return 42; }             // a coroutine: starts when awaited
//   AURORA_TASK_WRAPPER Task<int> Cached() {         // no coroutine: awaiting it costs nothing
//     return 42;                                     // and allocates nothing
//   }
//
// So an operation that finds what it needs in memory answers from a plain function, and only one
// that must wait becomes a coroutine.
//
// Ownership: move-only, awaited exactly once, as an rvalue: `co_await F()` or `co_await
// std::move(task)`. A Task that is never awaited destroys its frame and its arguments, and the body
// never runs. A Task may not be destroyed between its start and its end: structured code (co_await,
// TaskGroup, BlockOn) cannot do that, and the destructor checks. Executors: the body runs where the
// awaiting coroutine runs; see executor.h. Exceptions: our own code throws none. One that user code
// lets escape is rethrown where the task is awaited. Stack: completion transfers control
// symmetrically, so a chain of any length completes in constant stack.
//
// Rules for writing coroutines, each with the trap behind it, are in docs/runtime.md. In short:
// parameters by value (a reference is stored as a reference), no capturing lambda as a coroutine,
// no lock held and nothing thread-local kept across a co_await.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/frame_pool.h"

// Lets clang report a coroutine argument or lambda that dies before the task does, where the call
// makes it visible. A plain function that returns a Task must be marked AURORA_TASK_WRAPPER: it
// vouches for the lifetimes itself. Before a function's declaration, after a lambda's parameters.
#define AURORA_TASK_TYPE [[clang::coro_return_type]] [[clang::coro_lifetimebound]]
#define AURORA_TASK_WRAPPER __attribute__((coro_wrapper))
// The same for one whose task keeps nothing of its arguments: they need only live during the call.
#define AURORA_TASK_UNBOUND_WRAPPER __attribute__((coro_wrapper, coro_disable_lifetimebound))

namespace aurora {

template <class T>
class Task;

namespace internal {

class TaskPromiseBase {
 public:
  static void* operator new(std::size_t size) { return FramePool::Allocate(size); }
  static void operator delete(void* memory, std::size_t size) noexcept {
    FramePool::Free(memory, size);
  }

  std::suspend_always initial_suspend() noexcept { return {}; }

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> handle) const noexcept {
      return handle.promise().continuation_;
    }
    void await_resume() const noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }

  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  void SetContinuation(std::coroutine_handle<> continuation) noexcept {
    AURORA_DCHECK(continuation_ == nullptr);
    continuation_ = continuation;
  }
  bool started() const noexcept { return continuation_ != nullptr; }

 protected:
  void RethrowIfFailed() {
    if (AURORA_UNLIKELY(exception_ != nullptr)) std::rethrow_exception(std::move(exception_));
  }

 private:
  std::coroutine_handle<> continuation_ = nullptr;  // null until the task is started
  std::exception_ptr exception_;
};

template <class T>
class TaskPromise final : public TaskPromiseBase {
 public:
  TaskPromise() noexcept {}
  ~TaskPromise() {
    if (has_value_) std::destroy_at(&value_);
  }
  Task<T> get_return_object() noexcept;

  template <class U>
    requires std::constructible_from<T, U&&>
  void return_value(U&& value) {
    std::construct_at(&value_, std::forward<U>(value));
    has_value_ = true;
  }
  T Take() {
    RethrowIfFailed();
    AURORA_DCHECK(has_value_);
    return std::move(value_);
  }

 private:
  union {
    T value_;
  };
  bool has_value_ = false;
};

template <>
class TaskPromise<void> final : public TaskPromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void Take() { RethrowIfFailed(); }
};

// The frame of a coroutine-backed task. Destroys it, and checks that nobody is suspended inside.
template <class Promise>
class TaskFrame {
 public:
  TaskFrame() = default;
  explicit TaskFrame(std::coroutine_handle<Promise> handle) noexcept : handle_(handle) {}
  TaskFrame(TaskFrame&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  TaskFrame& operator=(TaskFrame&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~TaskFrame() {
    if (handle_ == nullptr) return;
    AURORA_CHECK((!handle_.promise().started() || handle_.done()) &&
                 "a running task must not be destroyed");
    handle_.destroy();
  }
  explicit operator bool() const noexcept { return handle_ != nullptr; }
  std::coroutine_handle<Promise> get() const noexcept { return handle_; }

 private:
  std::coroutine_handle<Promise> handle_ = nullptr;
};

}  // namespace internal

template <class T>
class [[nodiscard("a Task does nothing until it is awaited")]] AURORA_TASK_TYPE Task {
 public:
  using value_type = T;
  using promise_type = internal::TaskPromise<T>;

  // A task that is already complete.
  template <class U = T>
    requires(std::constructible_from<T, U &&> && !std::same_as<std::remove_cvref_t<U>, Task>)
  AURORA_TASK_WRAPPER Task(U&& value) noexcept(std::is_nothrow_constructible_v<T, U&&>)
      : has_value_(true) {
    std::construct_at(&value_, std::forward<U>(value));
  }

  Task(Task&& other) noexcept : frame_(std::move(other.frame_)), has_value_(other.has_value_) {
    if (has_value_) std::construct_at(&value_, std::move(other.value_));
  }
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      std::destroy_at(this);
      std::construct_at(this, std::move(other));
    }
    return *this;
  }
  ~Task() {
    if (has_value_) std::destroy_at(&value_);
  }

  // True if awaiting would not suspend: the value is there.
  bool IsReady() const noexcept { return has_value_; }
  // The value of a ready task.
  T TakeReady() && {
    AURORA_DCHECK(has_value_);
    return std::move(value_);
  }

  // Runs the task to its end from a thread that is not inside a coroutine, and blocks until then.
  // See block_on.h, which must be included to use it.
  T Wait() &&;

  class Awaiter {
   public:
    explicit Awaiter(Task& task) noexcept : task_(task) {}
    bool await_ready() const noexcept { return task_.has_value_; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> continuation) noexcept {
      task_.frame_.get().promise().SetContinuation(continuation);
      return task_.frame_.get();
    }
    T await_resume() {
      if (task_.has_value_) return std::move(task_.value_);
      return task_.frame_.get().promise().Take();
    }

   private:
    Task& task_;
  };
  Awaiter operator co_await() && noexcept { return Awaiter(*this); }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> handle) noexcept
      : frame_(handle), has_value_(false) {}

  // Aligned, so that what is written at once when a ready task is made never lies across two pages:
  // such a store takes as long as a step of an iterator.
  alignas(16) internal::TaskFrame<promise_type> frame_;
  union {
    T value_;
  };
  bool has_value_;
};

template <>
class [[nodiscard("a Task does nothing until it is awaited")]] AURORA_TASK_TYPE Task<void> {
 public:
  using value_type = void;
  using promise_type = internal::TaskPromise<void>;

  // A task that is already complete.
  AURORA_TASK_WRAPPER Task() noexcept = default;
  Task(Task&&) noexcept = default;
  Task& operator=(Task&& other) noexcept = default;

  bool IsReady() const noexcept { return !frame_; }
  void TakeReady() && { AURORA_DCHECK(!frame_); }
  void Wait() &&;

  class Awaiter {
   public:
    explicit Awaiter(Task& task) noexcept : task_(task) {}
    bool await_ready() const noexcept { return !task_.frame_; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> continuation) noexcept {
      task_.frame_.get().promise().SetContinuation(continuation);
      return task_.frame_.get();
    }
    void await_resume() {
      if (task_.frame_) task_.frame_.get().promise().Take();
    }

   private:
    Task& task_;
  };
  Awaiter operator co_await() && noexcept { return Awaiter(*this); }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> handle) noexcept : frame_(handle) {}

  internal::TaskFrame<promise_type> frame_;
};

namespace internal {
template <class T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}
}  // namespace internal

}  // namespace aurora
