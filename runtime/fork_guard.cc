#include "aurora/runtime/fork_guard.h"

#include <pthread.h>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::internal {

std::atomic<std::uint64_t> ForkGuard::current_{0};

void ForkGuard::EnterChild() { current_.fetch_add(1, std::memory_order_relaxed); }

ForkGuard::ForkGuard()
    : generation_([] {
        static const bool registered = pthread_atfork(nullptr, nullptr, &EnterChild) == 0;
        AURORA_CHECK(registered);
        return current_.load(std::memory_order_relaxed);
      }()) {}

absl::Status ForkGuard::Refusal(std::string_view what, std::string_view path) {
  return FailedPreconditionError(
      what, " of ", path,
      ": this process was forked after the file system was opened; open it anew in the child");
}

}  // namespace aurora::internal
