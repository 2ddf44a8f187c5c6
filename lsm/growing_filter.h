// Says of a key that it is surely not in a memtable, without searching it.
//
// A Bloom filter whose bits for a key lie in one word of 64 bits (register-blocked: F. Putze,
// P. Sanders, J. Singler, "Cache-, hash- and space-efficient Bloom filters", WEA 2007), so that
// adding a key is one atomic OR and asking for one a load: a cache miss each, where a search in a
// large memtable meets one at every level. With 12 bits for each key about 2% of absent keys pass;
// with more keys more do.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "aurora/runtime/memory_budget.h"

namespace aurora::lsm {

// Thread-safe, without locks.
class GrowingFilter {
 public:
  // Of `bytes` bytes, rounded up to whole words; charged to `budget`, which must outlive it.
  GrowingFilter(MemoryBudget* budget, MemoryUse use, std::size_t bytes);
  GrowingFilter(const GrowingFilter&) = delete;
  GrowingFilter& operator=(const GrowingFilter&) = delete;

  // `key_hash`: HashKey (filter.h).
  void Add(std::uint64_t key_hash) {
    std::atomic<std::uint64_t>& word = words_[IndexOf(key_hash)];
    const std::uint64_t mask = MaskOf(key_hash);
    if ((word.load(std::memory_order_relaxed) & mask) == mask) return;
    word.fetch_or(mask, std::memory_order_relaxed);
  }

  // Starts to fetch what Add will change.
  void PrefetchToAdd(std::uint64_t key_hash) const {
    __builtin_prefetch(&words_[IndexOf(key_hash)], /*rw=*/1);
  }

  // False only if no key with this hash was added by anyone whose call happened before this one.
  bool MayContain(std::uint64_t key_hash) const {
    const std::uint64_t mask = MaskOf(key_hash);
    return (words_[IndexOf(key_hash)].load(std::memory_order_relaxed) & mask) == mask;
  }

  std::size_t charged_bytes() const { return charge_.bytes(); }

 private:
  struct Free {
    void operator()(std::atomic<std::uint64_t>* words) const { std::free(words); }
  };

  std::size_t IndexOf(std::uint64_t key_hash) const {
    return static_cast<std::size_t>((key_hash >> 32) * word_count_ >> 32);
  }
  // Five bits, from other bits of the hash than the word.
  static std::uint64_t MaskOf(std::uint64_t key_hash) {
    const auto bit = [key_hash](int shift) { return std::uint64_t{1} << (key_hash >> shift & 63); };
    return bit(0) | bit(6) | bit(12) | bit(18) | bit(24);
  }

  const std::uint64_t word_count_;
  const MemoryBudget::Charge charge_;
  const std::unique_ptr<std::atomic<std::uint64_t>[], Free> words_;
};

}  // namespace aurora::lsm
