#include "aurora/lsm/arena.h"

#include <algorithm>
#include <new>

#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"

namespace aurora::lsm {

Arena::Arena(MemoryBudget* budget, MemoryUse use)
    : next_chunk_bytes_(kFirstChunkBytes), charge_(budget->Take(use, 0)) {
  current_.store(AddChunk(0), std::memory_order_relaxed);
}

Arena::~Arena() {
  for (Chunk* const chunk : chunks_) FreeChunk(chunk);
}

char* Arena::Allocate(std::size_t bytes) {
  AURORA_DCHECK(bytes > 0);
  bytes = (bytes + kAlignment - 1) & ~(kAlignment - 1);
  // Acquire: the chunk's header was written before the chunk was made current.
  Chunk* const chunk = current_.load(std::memory_order_acquire);
  if (AURORA_LIKELY(bytes <= kOwnChunkBytes)) {
    // Relaxed: the addition only divides the chunk; whoever publishes what is put there orders it.
    const std::size_t offset = chunk->used_bytes.fetch_add(bytes, std::memory_order_relaxed);
    if (AURORA_LIKELY(offset + bytes <= chunk->size_bytes)) return chunk->memory() + offset;
  }
  return AllocateSlow(bytes);
}

char* Arena::AllocateSlow(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > kOwnChunkBytes) {
    Chunk* const own = AddChunk(bytes);
    closed_bytes_.fetch_add(own->size_bytes, std::memory_order_relaxed);
    return own->memory();
  }
  // Another thread may have started a chunk in the meantime.
  Chunk* chunk = current_.load(std::memory_order_relaxed);
  std::size_t offset = chunk->used_bytes.fetch_add(bytes, std::memory_order_relaxed);
  if (offset + bytes > chunk->size_bytes) {
    closed_bytes_.fetch_add(chunk->size_bytes, std::memory_order_relaxed);
    chunk = AddChunk(bytes);
    // Taken before others can see the chunk, so that it fits.
    offset = chunk->used_bytes.fetch_add(bytes, std::memory_order_relaxed);
    current_.store(chunk, std::memory_order_release);
  }
  AURORA_CHECK(offset + bytes <= chunk->size_bytes);
  return chunk->memory() + offset;
}

Arena::Chunk* Arena::AddChunk(std::size_t bytes) {
  std::size_t total = bytes + sizeof(Chunk);
  if (bytes <= kOwnChunkBytes) {
    // A small first chunk may still be too small for a large small allocation.
    while (next_chunk_bytes_ < total) next_chunk_bytes_ *= 2;
    total = next_chunk_bytes_;
    next_chunk_bytes_ = std::min(next_chunk_bytes_ * 2, kMaxChunkBytes);
  }
  charge_.Resize(charge_.bytes() + total);
  charged_bytes_.fetch_add(total, std::memory_order_relaxed);
  void* const memory = total == kMaxChunkBytes
                           ? AllocateLarge(total)
                           : ::operator new(total, std::align_val_t(kCacheLine));
  chunks_.push_back(new (memory) Chunk(total - sizeof(Chunk)));
  return chunks_.back();
}

void Arena::FreeChunk(Chunk* chunk) {
  const std::size_t total = chunk->size_bytes + sizeof(Chunk);
  chunk->~Chunk();
  if (total == kMaxChunkBytes) {
    FreeLarge(reinterpret_cast<char*>(chunk), total);
  } else {
    ::operator delete(chunk, std::align_val_t(kCacheLine));
  }
}

std::size_t Arena::used_bytes() const {
  const Chunk* const chunk = current_.load(std::memory_order_acquire);
  return closed_bytes_.load(std::memory_order_relaxed) +
         std::min(chunk->used_bytes.load(std::memory_order_relaxed), chunk->size_bytes);
}

}  // namespace aurora::lsm
