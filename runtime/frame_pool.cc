#include "aurora/runtime/frame_pool.h"

#include <cstdint>
#include <new>

#include "aurora/runtime/check.h"

namespace aurora::internal {

#ifdef AURORA_ASAN

void* FramePool::Allocate(std::size_t size) { return ::operator new(size); }
void FramePool::Free(void* memory, std::size_t) noexcept { ::operator delete(memory); }

#else

namespace {

struct FreeNode {
  FreeNode* next;
};

// Has no constructor and no destructor, so that a frame may be made and freed at any time in the
// life of a thread: also by the destructors of its other thread-local objects, and of static ones.
struct ThreadLists {
  FreeNode* head[FramePool::kClassCount];
  std::uint32_t room[FramePool::kClassCount];  // how many frames may still be put in
  bool opened;                                 // room was given, once
};

constinit thread_local ThreadLists thread_lists = {};

// Frees what the lists hold when the thread ends, and keeps them empty from then on.
struct ListsOwner {
  ~ListsOwner() {
    for (std::size_t i = 0; i < FramePool::kClassCount; ++i) {
      while (thread_lists.head[i] != nullptr) {
        FreeNode* node = thread_lists.head[i];
        thread_lists.head[i] = node->next;
        ::operator delete(node);
      }
      thread_lists.room[i] = 0;
    }
  }
};

AURORA_COLD void OpenLists() {
  static thread_local ListsOwner owner;
  static_cast<void>(owner);
  thread_lists.opened = true;
  for (std::uint32_t& room : thread_lists.room) room = FramePool::kMaxFreePerClass;
}

constexpr std::size_t ClassOf(std::size_t size) { return (size - 1) / FramePool::kSizeStep; }

}  // namespace

void* FramePool::Allocate(std::size_t size) {
  AURORA_DCHECK(size > 0);
  if (AURORA_UNLIKELY(size > kMaxPooledSize)) return ::operator new(size);
  const std::size_t size_class = ClassOf(size);
  ThreadLists& lists = thread_lists;
  FreeNode* node = lists.head[size_class];
  if (AURORA_UNLIKELY(node == nullptr)) return ::operator new((size_class + 1) * kSizeStep);
  lists.head[size_class] = node->next;
  ++lists.room[size_class];
  return node;
}

void FramePool::Free(void* memory, [[maybe_unused]] std::size_t size) noexcept {
  if (AURORA_LIKELY(size <= kMaxPooledSize)) {
    const std::size_t size_class = ClassOf(size);
    ThreadLists& lists = thread_lists;
    if (AURORA_UNLIKELY(!lists.opened)) OpenLists();
    if (AURORA_LIKELY(lists.room[size_class] > 0)) {
      lists.head[size_class] = ::new (memory) FreeNode{lists.head[size_class]};
      --lists.room[size_class];
      return;
    }
  }
  ::operator delete(memory);
}

#endif

}  // namespace aurora::internal
