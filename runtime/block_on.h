// From plain code into coroutines: run a Task to its end and wait for it.
//
//   absl::Status status = BlockOn(database.Insert(...));
//   absl::Status same = database.Insert(...).Wait();
//
// A task that is ready returns at once. Any other runs on the calling thread, which drives an
// EventLoop of its own until the task is done: coroutines, timers and I/O that the task starts
// there, included. The loop (with its io_uring, once something does I/O) is made at the first call
// of each thread and freed when the thread ends.
//
// From any thread that runs no coroutine: blocking inside one would stop the executor that runs it
// (checked; co_await instead). All work that the task starts on this thread's loop must have ended
// when the task ends (checked): a TaskGroup sees to that, and what is to live longer belongs on
// another executor. An exception that leaves the task is rethrown.
#pragma once

#include <atomic>
#include <coroutine>
#include <exception>
#include <utility>

#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/frame_pool.h"
#include "aurora/runtime/task.h"

namespace aurora {
namespace internal {

// The calling thread's loop, for one BlockOn.
class BlockingLoop {
 public:
  BlockingLoop();
  ~BlockingLoop();
  BlockingLoop(const BlockingLoop&) = delete;
  BlockingLoop& operator=(const BlockingLoop&) = delete;

  EventLoop& loop() { return *loop_; }
  // Resumes `root` on the loop and drives it until `done`.
  void Run(std::coroutine_handle<> root, const std::atomic<bool>& done);

 private:
  EventLoop* loop_;
  bool owned_;
};

// The outermost coroutine of a BlockOn.
class BlockOnRoot {
 public:
  struct promise_type {
    static void* operator new(std::size_t size) { return FramePool::Allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
      FramePool::Free(memory, size);
    }
    BlockOnRoot get_return_object() noexcept {
      return BlockOnRoot(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    // The task keeps its own exception; nothing else here throws.
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };

  explicit BlockOnRoot(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  BlockOnRoot(const BlockOnRoot&) = delete;
  BlockOnRoot& operator=(const BlockOnRoot&) = delete;
  ~BlockOnRoot() { handle_.destroy(); }
  std::coroutine_handle<> handle() const { return handle_; }

 private:
  std::coroutine_handle<promise_type> handle_;
};

// Awaits the end of a task and leaves its result where it is.
template <class Awaiter>
class EndOf {
 public:
  explicit EndOf(Awaiter& awaiter) noexcept : awaiter_(awaiter) {}
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> continuation) noexcept {
    return awaiter_.await_suspend(continuation);
  }
  void await_resume() const noexcept {}

 private:
  Awaiter& awaiter_;
};

template <class Awaiter>
BlockOnRoot RunToEnd(Awaiter* awaiter, EventLoop* loop, std::atomic<bool>* done) {
  co_await EndOf<Awaiter>(*awaiter);
  // The task may have ended elsewhere, but `done` is for the loop's own thread.
  co_await SwitchTo(*loop);
  done->store(true, std::memory_order_release);
}

}  // namespace internal

template <class T>
T BlockOn(Task<T> task) {
  if (task.IsReady()) return std::move(task).TakeReady();
  auto awaiter = std::move(task).operator co_await();
  {
    internal::BlockingLoop blocking;
    std::atomic<bool> done{false};
    const internal::BlockOnRoot root = internal::RunToEnd(&awaiter, &blocking.loop(), &done);
    blocking.Run(root.handle(), done);
  }
  return awaiter.await_resume();
}

template <class T>
T Task<T>::Wait() && {
  return BlockOn(std::move(*this));
}

inline void Task<void>::Wait() && { BlockOn(std::move(*this)); }

}  // namespace aurora
