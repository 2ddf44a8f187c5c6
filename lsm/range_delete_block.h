// The range deletes of a table, as its file holds them: a block (block.h) with an entry for each,
// ordered by begin and then newest first. The key is the begin, the version its sequence with the
// kind of a delete, the value the end.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "aurora/lsm/block.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::lsm {

// REQUIRES at least one, no two of the same begin and sequence (Reduce sees to it), and less than
// 4 GiB of keys.
std::string EncodeRangeDeletes(std::span<const RangeDelete> deletes);

// `bytes` are `size` bytes, aligned to 8. DataLoss if they are no such block, or hold a range that
// is empty, a kind that is not a delete, or entries out of order; the message does not know the
// file. `budget` is charged (kTableMetadata) as long as the result lives; `later` is added to
// every sequence.
absl::StatusOr<std::unique_ptr<const RangeDeletes>> DecodeRangeDeletes(
    std::unique_ptr<char[]> bytes, std::size_t size, MemoryBudget* budget, Sequence later = 0);
// The same of a block; not charged.
absl::StatusOr<std::unique_ptr<const RangeDeletes>> DecodeRangeDeletes(const Block& block,
                                                                       Sequence later = 0);

}  // namespace aurora::lsm
