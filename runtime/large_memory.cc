#include "aurora/runtime/large_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#include "aurora/runtime/check.h"

namespace aurora {

char* AllocateLarge(std::size_t bytes) {
  AURORA_CHECK(bytes > 0 && bytes % kLargePageBytes == 0);
  // The kernel aligns to small pages only: what is too much at both ends is given back.
  const std::size_t mapped = bytes + kLargePageBytes;
  void* const start =
      ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) throw std::bad_alloc();
  const std::size_t before =
      (kLargePageBytes - reinterpret_cast<std::uintptr_t>(start) % kLargePageBytes) %
      kLargePageBytes;
  char* const memory = static_cast<char*>(start) + before;
  if (before > 0) ::munmap(start, before);
  if (before < kLargePageBytes) ::munmap(memory + bytes, kLargePageBytes - before);
  // A wish: without it the memory comes in small pages.
  ::madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

void FreeLarge(char* memory, std::size_t bytes) { AURORA_CHECK(::munmap(memory, bytes) == 0); }

}  // namespace aurora
