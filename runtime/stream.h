// Stream<T>: values that a coroutine makes one at a time, as they are asked for.
//
//   Stream<int> Count(int limit) {
//     for (int i = 0; i < limit; ++i) co_yield i;        // may co_await between yields
//   }
//   Stream<int> numbers = Count(3);
//   while (std::optional<int> number = co_await numbers.Next()) Use(*number);
//
// Pulled: the body runs only inside a Next, on the executor of whoever awaits it, and is suspended
// at a co_yield, or has not started, at all other times. So a stream may be destroyed whenever no
// Next is in progress (checked): the locals of the body are destroyed and nothing is left behind.
// That is how a stream is cancelled; a wait inside the body that is to be cut short takes a
// std::stop_token as a parameter of the stream.
//
// Move-only; belongs to one coroutine at a time. The rules for parameters are those of Task. An
// exception that leaves the body is rethrown by Next, and the stream has then ended. Costs one
// frame for the stream, and nothing for each value but two control transfers and two moves of T.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/frame_pool.h"
#include "aurora/runtime/task.h"

namespace aurora {

template <class T>
class [[nodiscard("a Stream does nothing until Next is awaited")]] AURORA_TASK_TYPE Stream {
 public:
  using value_type = T;

  class promise_type {
   public:
    static void* operator new(std::size_t size) { return internal::FramePool::Allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
      internal::FramePool::Free(memory, size);
    }

    Stream get_return_object() noexcept {
      return Stream(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }

    // At a yield and at the end the consumer goes on.
    struct ToConsumer {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> handle) const noexcept {
        return std::exchange(handle.promise().consumer_, nullptr);
      }
      void await_resume() const noexcept {}
    };
    ToConsumer final_suspend() noexcept { return {}; }
    ToConsumer yield_value(T value) {
      value_.emplace(std::move(value));
      return {};
    }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { exception_ = std::current_exception(); }

   private:
    friend class Stream;
    std::coroutine_handle<> consumer_ = nullptr;  // null unless a Next is in progress
    std::optional<T> value_;
    std::exception_ptr exception_;
  };

  // A stream without values.
  AURORA_TASK_WRAPPER Stream() noexcept = default;
  Stream(Stream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Stream() {
    if (handle_ == nullptr) return;
    AURORA_CHECK(handle_.promise().consumer_ == nullptr &&
                 "a stream must not be destroyed while a Next is in progress");
    handle_.destroy();
  }

  class [[nodiscard("await it")]] NextAwaiter {
   public:
    explicit NextAwaiter(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
    bool await_ready() const noexcept { return handle_ == nullptr || handle_.done(); }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> consumer) noexcept {
      AURORA_CHECK(handle_.promise().consumer_ == nullptr && "one Next at a time");
      handle_.promise().consumer_ = consumer;
      return handle_;
    }
    std::optional<T> await_resume() {
      if (handle_ == nullptr) return std::nullopt;
      promise_type& promise = handle_.promise();
      if (AURORA_UNLIKELY(promise.exception_ != nullptr)) {
        std::rethrow_exception(std::exchange(promise.exception_, nullptr));
      }
      return std::exchange(promise.value_, std::nullopt);
    }

   private:
    const std::coroutine_handle<promise_type> handle_;
  };

  // `co_await stream.Next()`: the next value, or nothing at the end, and ever after.
  NextAwaiter Next() noexcept { return NextAwaiter(handle_); }

 private:
  explicit Stream(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_ = nullptr;
};

}  // namespace aurora
