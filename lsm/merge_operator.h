// How the operands of a key (EntryKind::kMerge) become one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace aurora::lsm {

// Must be associative and depend on nothing but its arguments: folding [a, b] and then c gives what
// folding a and then [b, c] does, whenever a flush or a compaction chooses to do it. Thread-safe.
class MergeOperator {
 public:
  virtual ~MergeOperator() = default;

  // The value of a key: `base` (the newest Put below the operands; absent if there is none or a
  // Delete) with `operands`, oldest first, applied. DataLoss if bytes are not what this operator
  // wrote.
  virtual absl::Status Fold(std::string_view key, std::optional<std::string_view> base,
                            std::span<const std::string_view> operands,
                            std::string* value) const = 0;

  // Several operands, oldest first, as one operand of the same effect.
  virtual absl::Status Combine(std::string_view key, std::span<const std::string_view> operands,
                               std::string* operand) const = 0;

  // True if a folded `value` says the same as no entry at all, so that compaction to the last level
  // may drop it.
  virtual bool IsEmpty(std::string_view value) const = 0;
};

}  // namespace aurora::lsm
