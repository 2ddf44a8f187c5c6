#include "aurora/lsm/event.h"

namespace aurora::lsm {

void Event::Resume() {
  Node* node = nullptr;
  {
    const std::lock_guard lock(mutex_);
    std::uint32_t count = 0;
    while (first_ != nullptr) {  // oldest first
      Node* const next = first_->next;
      first_->next = node;
      node = first_;
      first_ = next;
      ++count;
    }
    waiting_.fetch_sub(count, std::memory_order_seq_cst);
  }
  while (node != nullptr) {
    Node* const next = node->next;
    node->continuation.Post();  // the node may be gone now
    node = next;
  }
}

}  // namespace aurora::lsm
