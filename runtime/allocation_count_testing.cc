#include "aurora/runtime/allocation_count_testing.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace aurora {
namespace {

constinit std::atomic<std::uint64_t> allocation_count{0};
constinit thread_local std::size_t last_allocation_size = 0;

}  // namespace

#if defined(AURORA_ASAN) || defined(AURORA_TSAN)
bool AllocationsAreCounted() { return false; }
#else
bool AllocationsAreCounted() { return true; }
#endif

std::uint64_t AllocationCount() { return allocation_count.load(std::memory_order_relaxed); }
std::size_t LastAllocationSize() { return last_allocation_size; }

namespace internal {

// Called by the operators below, which are outside of every namespace.
void* CountedAllocate(std::size_t size) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  last_allocation_size = size;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}

}  // namespace internal
}  // namespace aurora

#if !defined(AURORA_ASAN) && !defined(AURORA_TSAN)
void* operator new(std::size_t size) { return aurora::internal::CountedAllocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif
