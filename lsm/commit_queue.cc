#include "aurora/lsm/commit_queue.h"

#include "aurora/runtime/check.h"

namespace aurora::lsm {

CommitQueue::CommitQueue(Sequence published)
    : slots_(std::make_unique<std::atomic<Sequence>[]>(kCapacity)),
      registered_(published),
      published_(published) {}

Sequence CommitQueue::Register() {
  AURORA_DCHECK(HasRoom());
  const Sequence sequence = registered() + 1;
  AURORA_CHECK(sequence < kMaxSequence);
  registered_.store(sequence, std::memory_order_relaxed);
  return sequence;
}

void CommitQueue::Finish(Sequence sequence) {
  AURORA_DCHECK(sequence > published());
  // Two threads that finish neighbours at once each store their own slot and then look at the
  // other's: sequential consistency lets at least one see both.
  Slot(sequence).store(sequence, std::memory_order_seq_cst);
  Sequence published = published_.load(std::memory_order_seq_cst);
  bool advanced = false;
  while (Slot(published + 1).load(std::memory_order_seq_cst) == published + 1) {
    if (published_.compare_exchange_weak(published, published + 1, std::memory_order_seq_cst)) {
      ++published;
      advanced = true;
    }
  }
  if (advanced) event_.Notify();
}

}  // namespace aurora::lsm
