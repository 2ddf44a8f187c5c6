// Every operation of a small life of a store fails once: the life passes through creation, commits
// of every durability, flushes, compaction, reads, a checkpoint, a backup, a close and a recovery.
//
//   for (std::uint64_t first = 1, struck = 1; struck; ++first) {
//     rule.first = first;
//     RunErrorLife(seed, durability, rule, &struck);
//   }
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/simulation/fault_plan.h"

namespace aurora::lsm {

// The kinds of failures that the loop goes through.
enum class FailureKind : std::uint8_t {
  kDevice,   // EIO, of any operation
  kSpace,    // ENOSPC, of those that take space
  kShorten,  // a read that ends early
};
FaultRule RuleOf(FailureKind kind, std::uint64_t first, bool for_ever);

// Lives that life while `rule` makes an operation fail, goes on writing after the first error, ends
// the process by a close or by a crash, and looks at what is left. A violation is: an answer that
// is not the model's; an acknowledged commit that is gone, in the store, the checkpoint or the
// backup; a commit that is acknowledged although the store said that it takes no more; an error
// that names no file; a store that cannot be opened afterwards. `*struck`: the life was long enough
// for the fault.
absl::Status RunErrorLife(std::uint64_t seed, Durability durability, const FaultRule& rule,
                          bool* struck);

}  // namespace aurora::lsm
