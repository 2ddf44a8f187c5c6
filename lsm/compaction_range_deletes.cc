#include "aurora/lsm/compaction_range_deletes.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "aurora/lsm/stripe.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

CompactionRangeDeletes::CompactionRangeDeletes(std::span<const RangeDelete> inputs,
                                               std::span<const Sequence> visible)
    : visible_(visible.begin(), visible.end()) {
  if (inputs.empty()) return;
  all_ = Reduce(inputs, visible);
  left_ = all_->all();
}

bool CompactionRangeDeletes::Hides(const TableInfo& table) const {
  if (all_ == nullptr) return false;
  const std::uint64_t stripe = StripeOf(visible_, table.smallest_sequence);
  if (stripe >= visible_.size()) return false;
  // A range delete above the largest sequence that the oldest reader of any of the table sees.
  std::string_view key = table.smallest_key;
  while (!table.EndsBefore(key)) {
    const RangeCover cover = all_->Cover(key, visible_[stripe]);
    if (cover.sequence <= table.largest_sequence) return false;
    key = cover.end;
  }
  return true;
}

void CompactionRangeDeletes::DropUnneeded(const Tree& tree, int first_level_below) {
  std::erase_if(left_, [&](const RangeDelete& range) {
    // Below a reader that does not see it there may be entries that it hides from others.
    if (range.sequence > visible_.front() && !AURORA_PLANTED_BUG("range-delete-ignores-snapshot")) {
      return false;
    }
    if (range.sequence > visible_.back()) return false;
    if (AURORA_PLANTED_BUG("range-delete-dropped-early")) return true;
    return !tree.MayHoldAny(first_level_below, range.begin, range.end);
  });
}

CompactionRangeDeletes CompactionRangeDeletes::Within(std::string_view begin,
                                                      std::optional<std::string_view> end) const {
  CompactionRangeDeletes part;
  part.visible_ = visible_;
  part.all_ = all_;
  const std::string_view first = part.Keep(begin);
  const std::string_view last = end.has_value() ? part.Keep(*end) : std::string_view();
  for (RangeDelete range : left_) {
    if (range.begin < first) range.begin = first;
    if (end.has_value() && last < range.end) range.end = last;
    if (range.begin < range.end) part.left_.push_back(range);
  }
  return part;
}

std::string_view CompactionRangeDeletes::Keep(std::string_view key) {
  return *cuts_.emplace_back(std::make_unique<const std::string>(key));
}

absl::Status CompactionRangeDeletes::Cut(std::optional<std::string_view> end,
                                         TableBuilder* builder) {
  std::string_view cut;
  if (end.has_value()) cut = Keep(*end);
  // By begin: what begins beyond the cut stays as it is.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < left_.size(); ++i) {
    RangeDelete range = left_[i];
    if (end.has_value() && range.begin >= cut) {
      left_[kept++] = range;
      continue;
    }
    RangeDelete part = range;
    if (end.has_value() && cut < range.end) {
      part.end = cut;
      range.begin = cut;
      if (!AURORA_PLANTED_BUG("range-delete-loses-end")) left_[kept++] = range;
    }
    AURORA_RETURN_IF_ERROR(builder->AddRangeDelete(part));
  }
  left_.resize(kept);
  return absl::OkStatus();
}

}  // namespace aurora::lsm
