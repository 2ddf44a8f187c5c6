// For tests and benchmarks: counts the calls of operator new in a program that links this, which
// then has its own operator new. Under the sanitizers, which have theirs, nothing is counted.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aurora {

bool AllocationsAreCounted();
// Since the program began, on every thread.
std::uint64_t AllocationCount();
// Of the calling thread: the bytes asked for last.
std::size_t LastAllocationSize();

}  // namespace aurora
