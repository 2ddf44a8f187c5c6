// Assertions of our own invariants. Data that comes from disk, from a user or from a peer is
// validated and reported as a Status instead; it never reaches one of these.
#pragma once

#include "aurora/runtime/compiler.h"

namespace aurora::internal {
// Prints `file:line: check failed: condition` to standard error and aborts.
[[noreturn]] AURORA_COLD void CheckFailed(const char* condition, const char* file, int line);
}  // namespace aurora::internal

// Holds in every build. For control paths, where its cost does not show.
#define AURORA_CHECK(condition)                    \
  (AURORA_LIKELY(condition) ? static_cast<void>(0) \
                            : ::aurora::internal::CheckFailed(#condition, __FILE__, __LINE__))

// Holds in every build but `opt`. For inner loops.
#ifdef NDEBUG
#define AURORA_DCHECK(condition) static_cast<void>(sizeof(static_cast<bool>(condition)))
#else
#define AURORA_DCHECK(condition) AURORA_CHECK(condition)
#endif
