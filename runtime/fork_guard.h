// Tells a process from the children that it forks.
//
// A forked child inherits memory but no threads, and shares open files, locks and mappings with its
// parent. Whatever holds one of those remembers the generation in which it was made, and refuses
// to work in another. exec, posix_spawn and vfork are no forks in this sense.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "aurora/runtime/compiler.h"

namespace aurora::internal {

class ForkGuard {
 public:
  // The object that holds it belongs to the calling process.
  ForkGuard();

  // True in a forked child of the process that made this. One relaxed load.
  bool InChild() const {
    return AURORA_UNLIKELY(current_.load(std::memory_order_relaxed) != generation_);
  }

  // FailedPrecondition in a child: "`what` of `path`: ...".
  absl::Status Check(std::string_view what, std::string_view path) const {
    return InChild() ? Refusal(what, path) : absl::OkStatus();
  }

 private:
  AURORA_COLD static absl::Status Refusal(std::string_view what, std::string_view path);
  static void EnterChild();

  static std::atomic<std::uint64_t> current_;
  std::uint64_t generation_;
};

}  // namespace aurora::internal
