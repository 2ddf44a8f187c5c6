#include "aurora/runtime/memory_budget.h"

#include "aurora/runtime/check.h"

namespace aurora {

std::string_view MemoryUseName(MemoryUse use) {
  switch (use) {
    case MemoryUse::kMemtable:
      return "memtable";
    case MemoryUse::kBlockCache:
      return "block cache";
    case MemoryUse::kTableMetadata:
      return "table metadata";
    case MemoryUse::kHotTier:
      return "hot tier";
    case MemoryUse::kIndexCache:
      return "index cache";
    case MemoryUse::kInFlight:
      return "in flight";
  }
  AURORA_CHECK(!"a use of memory without a name");
  return {};
}

MemoryBudget::Charge& MemoryBudget::Charge::operator=(Charge&& other) noexcept {
  if (this != &other) {
    Resize(0);
    budget_ = std::exchange(other.budget_, nullptr);
    use_ = other.use_;
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

MemoryBudget::Charge::~Charge() { Resize(0); }

void MemoryBudget::Charge::Resize(std::size_t bytes) {
  if (bytes == bytes_) return;
  AURORA_CHECK(budget_ != nullptr && "an empty charge has no budget to grow from");
  if (bytes > bytes_) {
    budget_->total_.fetch_add(bytes - bytes_, std::memory_order_relaxed);
    budget_->AddUse(use_, bytes - bytes_);
  } else {
    budget_->Subtract(use_, bytes_ - bytes);
  }
  bytes_ = bytes;
}

MemoryBudget::~MemoryBudget() {
  AURORA_CHECK(used_bytes() == 0 && "a charge must not outlive its budget");
}

MemoryBudget::Charge MemoryBudget::TryTake(MemoryUse use, std::size_t bytes) {
  // A loop rather than an addition that is taken back: nobody sees the total above the limit on
  // account of a charge that is then refused, or is refused himself because of it.
  std::size_t total = total_.load(std::memory_order_relaxed);
  do {
    if (total > limit_bytes_ || bytes > limit_bytes_ - total) return Charge();
  } while (!total_.compare_exchange_weak(total, total + bytes, std::memory_order_relaxed));
  AddUse(use, bytes);
  return Charge(this, use, bytes);
}

MemoryBudget::Charge MemoryBudget::Take(MemoryUse use, std::size_t bytes) {
  total_.fetch_add(bytes, std::memory_order_relaxed);
  AddUse(use, bytes);
  return Charge(this, use, bytes);
}

void MemoryBudget::AddUse(MemoryUse use, std::size_t bytes) {
  by_use_[static_cast<std::size_t>(use)].fetch_add(bytes, std::memory_order_relaxed);
}

void MemoryBudget::Subtract(MemoryUse use, std::size_t bytes) {
  const std::size_t before =
      by_use_[static_cast<std::size_t>(use)].fetch_sub(bytes, std::memory_order_relaxed);
  AURORA_CHECK(before >= bytes);
  total_.fetch_sub(bytes, std::memory_order_relaxed);
}

}  // namespace aurora
