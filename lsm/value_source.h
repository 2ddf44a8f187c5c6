// Where the values of separated Puts come from.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "aurora/lsm/block_sources.h"
#include "aurora/lsm/pinned_value.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class ValueSource {
 public:
  virtual ~ValueSource() = default;
  // The value of a handle (value_format.h). Ready if it is in memory. `handle` may die at once.
  // `fill_cache` false: what is read from the device is not kept. Counts in `sources`, which must
  // live until the task completes; null: nowhere.
  AURORA_TASK_UNBOUND_WRAPPER virtual Task<absl::StatusOr<PinnedValue>> ReadValue(
      std::string_view handle, bool fill_cache, BlockSources* sources) const = 0;
};

}  // namespace aurora::lsm
