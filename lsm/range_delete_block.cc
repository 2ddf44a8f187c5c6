#include "aurora/lsm/range_delete_block.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/lsm/block.h"
#include "aurora/lsm/block_builder.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

std::string EncodeRangeDeletes(std::span<const RangeDelete> deletes) {
  AURORA_CHECK(!deletes.empty());
  std::vector<RangeDelete> sorted(deletes.begin(), deletes.end());
  std::sort(sorted.begin(), sorted.end(), [](const RangeDelete& a, const RangeDelete& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.sequence > b.sequence;
  });
  BlockBuilder builder;
  for (const RangeDelete& range : sorted) {
    builder.Add({range.begin, Version(range.sequence, EntryKind::kDelete)}, range.end);
  }
  return std::string(builder.Finish());
}

namespace {

// Calls `take` with the range deletes of a block, which live as long as the call.
template <class Take>
absl::Status VisitRangeDeletes(const Block& block, Sequence later, Take take) {
  std::vector<std::string> begins;  // a cursor's key does not outlive its next move
  begins.reserve(block.entry_count());
  std::vector<RangeDelete> deletes;
  deletes.reserve(block.entry_count());
  Block::Cursor cursor;
  cursor.Reset(&block);
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    const EntryKey entry = cursor.key();
    if (entry.version.kind() != EntryKind::kDelete) {
      return DataLossError("range delete ", deletes.size(), " has the version ",
                           entry.version.word());
    }
    if (entry.key >= cursor.value()) {
      return DataLossError("range delete ", deletes.size(), " from ", Quoted(entry.key), " to ",
                           Quoted(cursor.value()), " is empty");
    }
    const Sequence sequence = entry.version.sequence() + later;
    if (sequence > kMaxSequence) {
      return DataLossError("range delete ", deletes.size(), " has a sequence above the greatest");
    }
    const bool is_after = deletes.empty() || deletes.back().begin < entry.key ||
                          (deletes.back().begin == entry.key && deletes.back().sequence > sequence);
    if (!is_after) {
      return DataLossError("range delete ", deletes.size(), " is out of order");
    }
    begins.emplace_back(entry.key);
    deletes.push_back({begins.back(), cursor.value(), sequence});
  }
  take(std::span<const RangeDelete>(deletes));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const RangeDeletes>> DecodeRangeDeletes(
    std::unique_ptr<char[]> bytes, std::size_t size, MemoryBudget* budget, Sequence later) {
  AURORA_ASSIGN_OR_RETURN(const std::shared_ptr<const Block> block,
                          Block::Open(std::move(bytes), size, {}));
  std::unique_ptr<const RangeDeletes> decoded;
  AURORA_RETURN_IF_ERROR(
      VisitRangeDeletes(*block, later, [&](std::span<const RangeDelete> deletes) {
        decoded = std::make_unique<const RangeDeletes>(
            deletes, budget->Take(MemoryUse::kTableMetadata, RangeDeletes::SizeEstimate(deletes)));
      }));
  return decoded;
}

absl::StatusOr<std::unique_ptr<const RangeDeletes>> DecodeRangeDeletes(const Block& block,
                                                                       Sequence later) {
  std::unique_ptr<const RangeDeletes> decoded;
  AURORA_RETURN_IF_ERROR(VisitRangeDeletes(block, later, [&](std::span<const RangeDelete> deletes) {
    decoded = std::make_unique<const RangeDeletes>(deletes);
  }));
  return decoded;
}

}  // namespace aurora::lsm
