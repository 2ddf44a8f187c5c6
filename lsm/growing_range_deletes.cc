#include "aurora/lsm/growing_range_deletes.h"

#include <utility>

namespace aurora::lsm {

void GrowingRangeDeletes::Add(const RangeDelete& range) {
  const std::lock_guard lock(mutex_);
  auto next = std::make_unique<std::vector<RangeDeleteGroup>>();
  if (!published_.empty()) *next = *published_.back();
  std::vector<RangeDelete> joined{range};
  while (!next->empty() && next->back().front()->size() <= joined.size()) {
    const std::vector<RangeDelete>& last = next->back().front()->all();
    joined.insert(joined.end(), last.begin(), last.end());
    next->pop_back();
  }
  const std::size_t bytes = RangeDeletes::SizeEstimate(joined);
  sets_.push_back(
      std::make_unique<const RangeDeletes>(joined, budget_->Take(MemoryUse::kMemtable, bytes)));
  charged_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  next->push_back({sets_.back().get()});
  groups_.store(next.get(), std::memory_order_release);
  published_.push_back(std::move(next));
}

}  // namespace aurora::lsm
