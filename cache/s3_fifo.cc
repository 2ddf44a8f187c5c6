#include "aurora/cache/s3_fifo.h"

#include <algorithm>

#include "aurora/runtime/check.h"

namespace aurora::cache {

namespace {
// Hits in the small queue that make an entry worth keeping. With 1 a scan that reads each block
// twice would move into main.
constexpr std::uint8_t kPromotionHits = 2;
constexpr std::size_t kGhostsMin = 64;
}  // namespace

void S3Fifo::Push(Queue& queue, S3FifoNode::Queue which, S3FifoNode* node) {
  AURORA_DCHECK(node->queue_ == S3FifoNode::Queue::kNone);
  node->queue_ = which;
  node->newer_ = nullptr;
  node->older_ = queue.newest;
  (queue.newest == nullptr ? queue.oldest : queue.newest->newer_) = node;
  queue.newest = node;
  queue.charge_bytes += node->charge_bytes_;
  ++queue.count;
}

void S3Fifo::Unlink(S3FifoNode* node) {
  AURORA_CHECK(node->queue_ != S3FifoNode::Queue::kNone);
  Queue& queue = node->queue_ == S3FifoNode::Queue::kSmall ? small_ : main_;
  (node->newer_ == nullptr ? queue.newest : node->newer_->older_) = node->older_;
  (node->older_ == nullptr ? queue.oldest : node->older_->newer_) = node->newer_;
  AURORA_DCHECK(queue.charge_bytes >= node->charge_bytes_ && queue.count > 0);
  queue.charge_bytes -= node->charge_bytes_;
  --queue.count;
  node->queue_ = S3FifoNode::Queue::kNone;
}

void S3Fifo::Insert(S3FifoNode* node) {
  if (ghost_set_.erase(node->hash_) > 0) {
    Push(main_, S3FifoNode::Queue::kMain, node);
  } else {
    Push(small_, S3FifoNode::Queue::kSmall, node);
  }
}

void S3Fifo::Remove(S3FifoNode* node) { Unlink(node); }

void S3Fifo::Recharge(S3FifoNode* node, std::size_t charge_bytes) {
  AURORA_CHECK(node->queue_ != S3FifoNode::Queue::kNone);
  Queue& queue = node->queue_ == S3FifoNode::Queue::kSmall ? small_ : main_;
  queue.charge_bytes = queue.charge_bytes - node->charge_bytes_ + charge_bytes;
  node->charge_bytes_ = charge_bytes;
}

void S3Fifo::Remember(std::uint64_t hash) {
  if (ghost_set_.insert(hash).second) ghosts_.push_back(hash);
  const std::size_t ghosts_max = std::max(kGhostsMin, main_.count + small_.count);
  while (ghosts_.size() > ghosts_max) {
    ghost_set_.erase(ghosts_.front());
    ghosts_.pop_front();
  }
}

S3FifoNode* S3Fifo::Evict() {
  for (;;) {
    if (small_.oldest != nullptr &&
        (small_.charge_bytes > small_bytes_max_ || main_.oldest == nullptr)) {
      S3FifoNode* const node = small_.oldest;
      Unlink(node);
      if (node->frequency_.load(std::memory_order_relaxed) < kPromotionHits) {
        Remember(node->hash_);
        return node;
      }
      node->frequency_.store(0, std::memory_order_relaxed);
      Push(main_, S3FifoNode::Queue::kMain, node);
      continue;
    }
    S3FifoNode* const node = main_.oldest;
    if (node == nullptr) return nullptr;
    Unlink(node);
    const std::uint8_t frequency = node->frequency_.load(std::memory_order_relaxed);
    if (frequency == 0) return node;
    // Ends: each round takes away one of at most kMaxFrequency. Hits that race can only add as many
    // rounds as there are hits.
    node->frequency_.store(static_cast<std::uint8_t>(frequency - 1), std::memory_order_relaxed);
    Push(main_, S3FifoNode::Queue::kMain, node);
  }
}

}  // namespace aurora::cache
