// Where coroutines run.
//
// An Executor resumes suspended coroutines on its thread or threads. A coroutine resumes on the
// executor on which it was started, whatever it waited for: whoever suspends one captures
// Executor::Current() in a Continuation, and whoever completes the wait posts that Continuation. So
// user code never runs on a thread that owes I/O to somebody else.
#pragma once

#include <coroutine>
#include <cstdint>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "aurora/runtime/compiler.h"

namespace aurora {

class Executor;

// A suspended coroutine and the executor that is to resume it. It is also the node by which it is
// queued, so that posting allocates nothing: it lives in the awaiter, hence in the suspended frame,
// and must not move while posted. Whoever takes it from a queue copies `handle` out first: once
// resumed, the frame and the Continuation may be gone.
struct Continuation {
  std::coroutine_handle<> handle;
  Executor* executor = nullptr;
  Continuation* next = nullptr;  // for the queue that holds it

  // The continuation of the coroutine that is suspending right now. It must run on an executor.
  static Continuation Here(std::coroutine_handle<> handle);

  // Hands the coroutine back to its executor. From any thread; must be the caller's last act on
  // whatever the coroutine owns, for it may be running, or finished, before this returns.
  void Post();
};

class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  // Queues `continuation` to be resumed on this executor, never inside the call. Safe from any
  // thread. Allocates nothing and cannot fail. Order: first posted, first resumed, on the executors
  // of this folder, except that the simulator picks by its seed.
  virtual void Post(Continuation& continuation) = 0;

  // True if the coroutine that asks may keep others waiting for I/O that it submits from here: it
  // is alone on a thread that does nothing but wait for it, so that the thread reaps the completion
  // at once. Asked from a coroutine on this executor.
  virtual bool MayDriveIo() { return false; }

  // The executor that runs the calling code, or null on a thread that runs none. Not to be kept
  // across a co_await by address of the thread-local; the value itself stays right, because a
  // coroutine stays on its executor.
  static Executor* Current();

 protected:
  // Marks `executor` as the current one of this thread while it lives. Nests.
  class CurrentScope {
   public:
    explicit CurrentScope(Executor* executor);
    ~CurrentScope();
    CurrentScope(const CurrentScope&) = delete;
    CurrentScope& operator=(const CurrentScope&) = delete;

   private:
    Executor* previous_;
  };
};

inline void Continuation::Post() { executor->Post(*this); }

// Gives a user's own scheduler the shape of an Executor: `post` is called with a function to run
// once, soon, on one of the user's threads. `post` must be safe from any thread and outlive every
// database that uses this executor. Costs one call of `post` and one allocation for each
// resumption.
class ForwardingExecutor final : public Executor {
 public:
  using Function = absl::AnyInvocable<void()>;
  explicit ForwardingExecutor(absl::AnyInvocable<void(Function) const> post)
      : post_(std::move(post)) {}
  void Post(Continuation& continuation) override;

 private:
  const absl::AnyInvocable<void(Function) const> post_;
};

// `co_await SwitchTo(executor)`: the rest of the coroutine runs on `executor`. Meant for code that
// needs another place for a while, such as work that would keep a user's thread busy; it switches
// back itself before it returns.
class SwitchTo {
 public:
  explicit SwitchTo(Executor& executor) : executor_(executor) {}
  bool await_ready() const noexcept { return Executor::Current() == &executor_; }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    continuation_.handle = handle;
    continuation_.executor = &executor_;
    continuation_.Post();
  }
  void await_resume() const noexcept {}

 private:
  Executor& executor_;
  Continuation continuation_;
};

// `co_await Yield()`: lets everything that is already queued on this executor run first.
class Yield {
 public:
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    continuation_ = Continuation::Here(handle);
    continuation_.Post();
  }
  void await_resume() const noexcept {}

 private:
  Continuation continuation_;
};

}  // namespace aurora
