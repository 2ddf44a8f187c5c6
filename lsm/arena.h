// Memory that is handed out in pieces and given back all at once.
//
// Thread-safe: an allocation is one atomic addition, except for the rare one that starts a new
// chunk. Every chunk is charged to the MemoryBudget, in full, before it is allocated; the charge is
// taken even above the limit (MemoryBudget::Take), because a commit that is in the log must reach
// the memtable.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "aurora/runtime/large_memory.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::lsm {

class Arena {
 public:
  static constexpr std::size_t kAlignment = 8;
  // Chunks start small, for databases that hold little, and grow to a large page. Allocations of
  // more than an eighth of that get a chunk of their own.
  static constexpr std::size_t kFirstChunkBytes = 32u << 10;
  static constexpr std::size_t kMaxChunkBytes = kLargePageBytes;
  static constexpr std::size_t kOwnChunkBytes = kMaxChunkBytes / 8;

  // `budget` must outlive the arena.
  Arena(MemoryBudget* budget, MemoryUse use);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Uninitialised memory, aligned to kAlignment, valid as long as the arena; aligned to a cache
  // line if every allocation is a multiple of one. bytes > 0.
  char* Allocate(std::size_t bytes);

  // What the arena occupies: the sum of its chunks, which is what is charged.
  std::size_t charged_bytes() const { return charged_bytes_.load(std::memory_order_relaxed); }
  // What was handed out, rounded up to the alignment; at most charged_bytes(). The rest of a chunk
  // that a larger allocation did not fit into counts as handed out.
  std::size_t used_bytes() const;

 private:
  static constexpr std::size_t kCacheLine = 64;
  struct alignas(kCacheLine) Chunk {
    explicit Chunk(std::size_t size) : size_bytes(size) {}
    std::atomic<std::size_t> used_bytes{0};  // may pass size_bytes: then the chunk is full
    const std::size_t size_bytes;            // of what follows this header
    char* memory() { return reinterpret_cast<char*>(this + 1); }
  };
  static_assert(sizeof(Chunk) == kCacheLine);

  static void FreeChunk(Chunk* chunk);
  char* AllocateSlow(std::size_t bytes);
  // REQUIRES the lock, or the constructor. Returns a chunk with room for `bytes`.
  Chunk* AddChunk(std::size_t bytes);

  std::atomic<Chunk*> current_;
  std::atomic<std::size_t> charged_bytes_{0};
  std::atomic<std::size_t> closed_bytes_{0};  // of all chunks but the current one

  std::mutex mutex_;
  std::vector<Chunk*> chunks_;    // protected by mutex_
  std::size_t next_chunk_bytes_;  // protected by mutex_
  MemoryBudget::Charge charge_;   // protected by mutex_
};

}  // namespace aurora::lsm
