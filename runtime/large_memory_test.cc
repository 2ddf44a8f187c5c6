#include "aurora/runtime/large_memory.h"

#include <cstdint>
#include <cstring>
#include <new>

#include "gtest/gtest.h"

namespace aurora {
namespace {

TEST(LargeMemoryTest, IsAlignedAndUsableToItsLastByte) {
  for (const std::size_t pages : {1u, 3u}) {
    const std::size_t bytes = pages * kLargePageBytes;
    char* const memory = AllocateLarge(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % kLargePageBytes, 0u);
    std::memset(memory, 'x', bytes);
    EXPECT_EQ(memory[bytes - 1], 'x');
    FreeLarge(memory, bytes);
  }
}

TEST(LargeMemoryTest, MoreThanThereIsThrows) {
  EXPECT_THROW(AllocateLarge(std::size_t{1} << 47), std::bad_alloc);
}

TEST(LargeMemoryDeathTest, SizesAreWholePages) {
  EXPECT_DEATH(AllocateLarge(4096), "kLargePageBytes");
}

}  // namespace
}  // namespace aurora
