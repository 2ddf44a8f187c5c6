#include "aurora/runtime/async_mutex.h"

#include "aurora/runtime/check.h"

namespace aurora {

AsyncMutex::~AsyncMutex() { AURORA_CHECK(!locked_ && "a mutex must not be destroyed while held"); }

std::optional<AsyncMutex::Guard> AsyncMutex::TryLock() {
  const std::lock_guard lock(mutex_);
  if (!TakeIfFree()) return std::nullopt;
  return Guard(this);
}

void AsyncMutex::Unlock() {
  internal::Wait* next;
  {
    const std::lock_guard lock(mutex_);
    AURORA_CHECK(locked_);
    next = waiting_.GrantFirst();
    if (next == nullptr) locked_ = false;
  }
  if (next != nullptr) next->Resume();
}

}  // namespace aurora
