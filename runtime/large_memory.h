// Memory in large pieces, in large pages where the kernel has them: random accesses to it miss the
// translation cache far less often.
//
// Thread-safe.
#pragma once

#include <cstddef>

namespace aurora {

// Of a large page, and what sizes must be a multiple of.
inline constexpr std::size_t kLargePageBytes = std::size_t{2} << 20;

// Uninitialised memory, aligned to kLargePageBytes. Throws std::bad_alloc, as operator new does.
char* AllocateLarge(std::size_t bytes);
// Gives back what AllocateLarge(bytes) gave.
void FreeLarge(char* memory, std::size_t bytes);

}  // namespace aurora
