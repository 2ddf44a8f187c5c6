#include "aurora/runtime/executor.h"

#include "aurora/runtime/check.h"

namespace aurora {
namespace {

thread_local Executor* current_executor = nullptr;

}  // namespace

// Not inline: a caller that is a coroutine must not keep the address of the thread-local across a
// suspension.
AURORA_NOINLINE Executor* Executor::Current() { return current_executor; }

AURORA_NOINLINE Executor::CurrentScope::CurrentScope(Executor* executor)
    : previous_(current_executor) {
  current_executor = executor;
}
AURORA_NOINLINE Executor::CurrentScope::~CurrentScope() { current_executor = previous_; }

Continuation Continuation::Here(std::coroutine_handle<> handle) {
  Executor* executor = Executor::Current();
  AURORA_CHECK(executor != nullptr &&
               "a coroutine that waits must run on an executor: start it with BlockOn or Spawn");
  return Continuation{handle, executor, nullptr};
}

void ForwardingExecutor::Post(Continuation& continuation) {
  // The continuation itself may be gone once the coroutine has been resumed, so the function holds
  // the handle alone.
  post_([this, handle = continuation.handle] {
    CurrentScope scope(this);
    handle.resume();
  });
}

}  // namespace aurora
