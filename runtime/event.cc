#include "aurora/runtime/event.h"

namespace aurora {

void Event::Set() {
  internal::Wait* first = nullptr;
  {
    const std::lock_guard lock(mutex_);
    set_ = true;
    internal::Wait** last = &first;
    while (internal::Wait* wait = waiting_.GrantFirst()) {
      *last = wait;
      last = &wait->next_granted;
    }
  }
  // The event may be gone from here on.
  while (first != nullptr) {
    internal::Wait* const next = first->next_granted;
    first->Resume();
    first = next;
  }
}

void Event::Reset() {
  const std::lock_guard lock(mutex_);
  set_ = false;
}

bool Event::IsSet() const {
  const std::lock_guard lock(mutex_);
  return set_;
}

}  // namespace aurora
