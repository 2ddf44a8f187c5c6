// Which of several copies of something a thread uses, so that threads seldom meet at one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aurora {

inline constexpr std::size_t kThreadStripes = 8;

// A number below kThreadStripes that differs from thread to thread, mostly: it follows from where
// the stack is. Not to be relied on: it is another one after a co_await, and perhaps after a call.
inline std::size_t ThreadStripe() {
  const auto stack = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  return (stack >> 16) * 0x9E3779B97F4A7C15u >> 61;
}

}  // namespace aurora
