#include "aurora/lsm/growing_filter.h"

#include <algorithm>

#include "aurora/runtime/check.h"

namespace aurora::lsm {
namespace {

constexpr std::size_t kWordBytes = sizeof(std::uint64_t);

// Zeros. A large one takes no memory where it is not touched.
std::atomic<std::uint64_t>* NewWords(std::uint64_t count) {
  static_assert(sizeof(std::atomic<std::uint64_t>) == kWordBytes &&
                std::atomic<std::uint64_t>::is_always_lock_free);
  void* const memory = std::calloc(count, kWordBytes);
  AURORA_CHECK(memory != nullptr && "out of memory");
  return static_cast<std::atomic<std::uint64_t>*>(memory);
}

}  // namespace

GrowingFilter::GrowingFilter(MemoryBudget* budget, MemoryUse use, std::size_t bytes)
    : word_count_(std::clamp<std::uint64_t>((bytes + kWordBytes - 1) / kWordBytes, 1, UINT32_MAX)),
      charge_(budget->Take(use, word_count_ * kWordBytes)),
      words_(NewWords(word_count_)) {}

}  // namespace aurora::lsm
