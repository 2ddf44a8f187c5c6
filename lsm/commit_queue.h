// Publishes commits in order.
//
// A commit is registered while its sequence is given out, under the lock that orders commits, and
// finishes its work in memory outside of it, in any order. Its sequence becomes visible once it and
// all before it have finished; whoever finishes the oldest publishes for all that are behind it and
// done. No leader, no lock, and nobody sleeps in the kernel.
//
// State: a ring of slots, slot i holding the last finished sequence that is i modulo the ring's
// size; so a slot needs no clearing. published_ is the head.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "aurora/lsm/event.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class CommitQueue {
 public:
  // Most commits between registration and publication.
  static constexpr std::size_t kCapacity = 4096;

  // Everything up to `published` counts as published.
  explicit CommitQueue(Sequence published);

  // --- Under the lock that orders commits. ---

  // True if another commit can be registered.
  bool HasRoom() const {
    return registered() - published_.load(std::memory_order_acquire) < kCapacity;
  }
  // The sequence of the next commit. REQUIRES HasRoom().
  Sequence Register();
  // --- From every thread. ---

  // States that the commit is complete in memory. Once for each registered sequence.
  void Finish(Sequence sequence);
  // The newest that was registered. Exact under the lock.
  Sequence registered() const { return registered_.load(std::memory_order_relaxed); }
  Sequence published() const { return published_.load(std::memory_order_acquire); }
  // Waits until `sequence` is published; ready if it is.
  AURORA_TASK_WRAPPER Task<void> WaitPublished(Sequence sequence) {
    return event_.Until(
        [this, sequence] { return published_.load(std::memory_order_seq_cst) >= sequence; });
  }
  // Waits until HasRoom() is likely.
  AURORA_TASK_WRAPPER Task<void> WaitRoom() {
    return event_.Until([this] {
      return registered_.load(std::memory_order_relaxed) -
                 published_.load(std::memory_order_seq_cst) <
             kCapacity;
    });
  }

 private:
  std::atomic<Sequence>& Slot(Sequence sequence) { return slots_[sequence % kCapacity]; }

  const std::unique_ptr<std::atomic<Sequence>[]> slots_;
  std::atomic<Sequence> registered_;  // written under the caller's lock
  alignas(64) std::atomic<Sequence> published_;
  Event event_;
};

}  // namespace aurora::lsm
