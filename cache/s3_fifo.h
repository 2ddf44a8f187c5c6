// Which entry of a cache to give up: S3-FIFO.
//
// Three queues, first in, first out (J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues
// are all you need for cache eviction", SOSP 2023):
//   small  a tenth of the capacity: where new entries start. Most are never asked for again and
//          leave from its end, so that a scan passes through it without disturbing the rest
//   main   entries that were asked for while in small, or came back soon after leaving it. An entry
//          at its end that was asked for since goes round again, once for each time, up to three
//   ghost  hashes of the entries that left small lately, as many as main has entries
//
// A hit only raises a small counter in the entry, by an atomic store: hits need no exclusive lock,
// and different ones do not meet.
//
// The policy owns nothing: entries embed an S3FifoNode and are owned by the cache around it, which
// also maps keys to them. Not thread-safe, except for Touch.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_set.h"

namespace aurora::cache {

class S3Fifo;

// The part of a cached entry that the policy uses.
class S3FifoNode {
 public:
  // `hash` identifies the entry's key after it is gone; the same in every process.
  S3FifoNode(std::uint64_t hash, std::size_t charge_bytes)
      : hash_(hash), charge_bytes_(charge_bytes) {}
  S3FifoNode(const S3FifoNode&) = delete;
  S3FifoNode& operator=(const S3FifoNode&) = delete;

  // The entry was asked for. From any thread, beside anything, as long as the entry lives. Two at
  // once may count as one.
  void Touch() {
    const std::uint8_t frequency = frequency_.load(std::memory_order_relaxed);
    if (frequency < kMaxFrequency) {
      frequency_.store(static_cast<std::uint8_t>(frequency + 1), std::memory_order_relaxed);
    }
  }
  std::size_t charge_bytes() const { return charge_bytes_; }
  std::uint64_t hash() const { return hash_; }

 private:
  friend class S3Fifo;
  static constexpr std::uint8_t kMaxFrequency = 3;
  enum class Queue : std::uint8_t { kNone, kSmall, kMain };

  const std::uint64_t hash_;
  std::size_t charge_bytes_;
  S3FifoNode* newer_ = nullptr;
  S3FifoNode* older_ = nullptr;
  std::atomic<std::uint8_t> frequency_{0};
  Queue queue_ = Queue::kNone;
};

class S3Fifo {
 public:
  // The capacity only says how much of it the small queue may have: when to evict is the caller's
  // decision.
  explicit S3Fifo(std::size_t capacity_bytes) : small_bytes_max_(capacity_bytes / 10) {}
  S3Fifo(const S3Fifo&) = delete;
  S3Fifo& operator=(const S3Fifo&) = delete;

  void Insert(S3FifoNode* node);
  // REQUIRES that it was inserted and neither removed nor evicted since.
  void Remove(S3FifoNode* node);
  // The entry takes more or less than it did. REQUIRES what Remove does.
  void Recharge(S3FifoNode* node, std::size_t charge_bytes);
  // Takes out the entry that is worth least; null if there is none.
  S3FifoNode* Evict();

  std::size_t charge_bytes() const { return small_.charge_bytes + main_.charge_bytes; }
  std::size_t entry_count() const { return small_.count + main_.count; }

 private:
  struct Queue {
    S3FifoNode* newest = nullptr;
    S3FifoNode* oldest = nullptr;
    std::size_t charge_bytes = 0;
    std::size_t count = 0;
  };
  void Push(Queue& queue, S3FifoNode::Queue which, S3FifoNode* node);
  void Unlink(S3FifoNode* node);
  void Remember(std::uint64_t hash);

  const std::size_t small_bytes_max_;
  Queue small_;
  Queue main_;
  std::deque<std::uint64_t> ghosts_;  // oldest first; may hold hashes that are no longer in the set
  absl::flat_hash_set<std::uint64_t> ghost_set_;
};

}  // namespace aurora::cache
