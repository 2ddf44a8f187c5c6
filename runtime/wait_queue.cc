#include "aurora/runtime/wait_queue.h"

namespace aurora::internal {

WaitQueue::~WaitQueue() {
  AURORA_CHECK(empty() && "what coroutines wait for must outlive their wait");
}

void WaitQueue::PushBack(Wait& wait) {
  wait.previous_ = tail_;
  wait.next_ = nullptr;
  (tail_ != nullptr ? tail_->next_ : head_) = &wait;
  tail_ = &wait;
}

void WaitQueue::Remove(Wait& wait) {
  (wait.previous_ != nullptr ? wait.previous_->next_ : head_) = wait.next_;
  (wait.next_ != nullptr ? wait.next_->previous_ : tail_) = wait.previous_;
}

Wait* WaitQueue::GrantFirst() {
  Wait* const first = head_;
  if (first == nullptr) return nullptr;
  AURORA_DCHECK(first->state_ == Wait::State::kQueued);
  Remove(*first);
  first->state_ = Wait::State::kGranted;
  return first;
}

void Wait::Stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    // Granted: too late. New: Suspend is registering this callback and looks at the state next.
    if (state_ == State::kGranted) return;
    const bool queued = state_ == State::kQueued;
    state_ = State::kStopped;
    if (!queued) return;
    queue_.Remove(*this);
  }
  Resume();
}

}  // namespace aurora::internal
