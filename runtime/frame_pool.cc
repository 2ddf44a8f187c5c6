#include "aurora/runtime/frame_pool.h"

#include <cstdint>
#include <new>

#include "aurora/runtime/check.h"

namespace aurora::internal {
namespace {

struct FreeNode {
  FreeNode* next;
};

struct FreeList {
  FreeNode* head = nullptr;
  std::uint32_t count = 0;
};

struct ThreadLists {
  FreeList lists[FramePool::kClassCount];
  ~ThreadLists() {
    for (FreeList& list : lists) {
      while (list.head != nullptr) {
        FreeNode* node = list.head;
        list.head = node->next;
        ::operator delete(node);
      }
    }
  }
};

ThreadLists& Lists() {
  static thread_local ThreadLists lists;
  return lists;
}

constexpr std::size_t ClassOf(std::size_t size) { return (size - 1) / FramePool::kSizeStep; }

}  // namespace

void* FramePool::Allocate(std::size_t size) {
  AURORA_DCHECK(size > 0);
#ifndef AURORA_ASAN
  if (AURORA_LIKELY(size <= kMaxPooledSize)) {
    FreeList& list = Lists().lists[ClassOf(size)];
    if (AURORA_LIKELY(list.head != nullptr)) {
      FreeNode* node = list.head;
      list.head = node->next;
      --list.count;
      return node;
    }
    return ::operator new((ClassOf(size) + 1) * kSizeStep);
  }
#endif
  return ::operator new(size);
}

void FramePool::Free(void* memory, std::size_t size) noexcept {
#ifndef AURORA_ASAN
  if (AURORA_LIKELY(size <= kMaxPooledSize)) {
    FreeList& list = Lists().lists[ClassOf(size)];
    if (AURORA_LIKELY(list.count < kMaxFreePerClass)) {
      list.head = ::new (memory) FreeNode{list.head};
      ++list.count;
      return;
    }
  }
#endif
  ::operator delete(memory);
}

}  // namespace aurora::internal
