// The range deletes of a memtable: a set that grows while it is read.
//
// Range deletes are kept in RangeDeletes of different sizes, which never change. A new one begins a
// set of its own, which is joined with the last one as long as that is not larger. So there are
// O(log n) sets, each range delete is copied O(log n) times, and what readers see is one pointer.
// What was replaced is kept as long as the whole, so that readers need no lock and no count.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "aurora/lsm/range_deletes.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::lsm {

// Thread-safe. Readers take no lock.
class GrowingRangeDeletes {
 public:
  // `budget` must outlive it; charged as kMemtable.
  explicit GrowingRangeDeletes(MemoryBudget* budget) : budget_(budget) {}
  GrowingRangeDeletes(const GrowingRangeDeletes&) = delete;
  GrowingRangeDeletes& operator=(const GrowingRangeDeletes&) = delete;

  // Adds one; copies its keys. In any order of sequences.
  void Add(const RangeDelete& range);

  // All that were added, as groups of one set each; null if there are none. Valid as long as this.
  const std::vector<RangeDeleteGroup>* groups() const {
    return groups_.load(std::memory_order_acquire);
  }
  std::size_t charged_bytes() const { return charged_bytes_.load(std::memory_order_relaxed); }

 private:
  MemoryBudget* const budget_;
  std::atomic<const std::vector<RangeDeleteGroup>*> groups_{nullptr};
  std::atomic<std::size_t> charged_bytes_{0};
  std::mutex mutex_;
  // All that ever were; protected by mutex_.
  std::vector<std::unique_ptr<const RangeDeletes>> sets_;
  std::vector<std::unique_ptr<const std::vector<RangeDeleteGroup>>> published_;
};

}  // namespace aurora::lsm
