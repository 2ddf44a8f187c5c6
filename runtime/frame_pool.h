// Memory for coroutine frames: a free list for each size class, for each thread.
//
// A frame may be freed on another thread than the one that made it; it then joins that thread's
// list. Lists are bounded (kMaxFreePerClass), so a thread that only frees cannot hoard. Frames
// above kMaxPooledSize go to operator new. Under the address sanitizer every frame goes to operator
// new, so that a use after free is seen. Memory is aligned to alignof(std::max_align_t), no more:
// an over-aligned local of a coroutine is misaligned.
#pragma once

#include <cstddef>

namespace aurora::internal {

class FramePool {
 public:
  static constexpr std::size_t kSizeStep = 64;
  static constexpr std::size_t kClassCount = 32;
  static constexpr std::size_t kMaxPooledSize = kSizeStep * kClassCount;
  static constexpr std::size_t kMaxFreePerClass = 1024;

  static void* Allocate(std::size_t size);
  static void Free(void* memory, std::size_t size) noexcept;
};

}  // namespace aurora::internal
