#include "aurora/lsm/range_deletes.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "aurora/lsm/stripe.h"
#include "aurora/runtime/check.h"

namespace aurora::lsm {

std::size_t RangeDeletes::SizeEstimate(std::span<const RangeDelete> deletes) {
  std::size_t bytes = sizeof(RangeDeletes);
  std::size_t log = 1;
  while (deletes.size() >> log != 0) ++log;
  for (const RangeDelete& range : deletes) {
    bytes += range.begin.size() + range.end.size() + 2 * sizeof(std::string_view) +
             sizeof(RangeDelete) + 4 * sizeof(std::uint32_t) + log * sizeof(Sequence);
  }
  return bytes;
}

RangeDeletes::RangeDeletes(std::span<const RangeDelete> deletes, MemoryBudget::Charge charge)
    : charge_(std::move(charge)) {
  if (deletes.empty()) return;
  CopyKeys(deletes);
  BuildTree();
}

void RangeDeletes::CopyKeys(std::span<const RangeDelete> deletes) {
  for (const RangeDelete& range : deletes) {
    AURORA_CHECK(range.begin < range.end);
    bounds_.push_back(range.begin);
    bounds_.push_back(range.end);
  }
  std::sort(bounds_.begin(), bounds_.end());
  bounds_.erase(std::unique(bounds_.begin(), bounds_.end()), bounds_.end());
  std::size_t size = 0;
  for (const std::string_view bound : bounds_) size += bound.size();
  bytes_ = std::make_unique_for_overwrite<char[]>(size);
  char* out = bytes_.get();
  for (std::string_view& bound : bounds_) {
    bound.copy(out, bound.size());
    bound = {out, bound.size()};
    out += bound.size();
  }
  deletes_.reserve(deletes.size());
  for (const RangeDelete& range : deletes) {
    deletes_.push_back(
        {bounds_[FragmentOf(range.begin)], bounds_[FragmentOf(range.end)], range.sequence});
  }
  std::sort(deletes_.begin(), deletes_.end(), [](const RangeDelete& a, const RangeDelete& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    return a.sequence != b.sequence ? a.sequence > b.sequence : a.end < b.end;
  });
}

std::size_t RangeDeletes::FragmentOf(std::string_view bound) const {
  return static_cast<std::size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), bound) -
                                  bounds_.begin());
}

template <class Visit>
void RangeDeletes::VisitNodes(const RangeDelete& range, Visit visit) const {
  const std::size_t fragments = bounds_.size() - 1;
  std::size_t left = FragmentOf(range.begin) + fragments;
  std::size_t right = FragmentOf(range.end) + fragments;
  for (; left < right; left /= 2, right /= 2) {
    if (left % 2 == 1) visit(left++);
    if (right % 2 == 1) visit(--right);
  }
}

void RangeDeletes::BuildTree() {
  std::vector<std::uint32_t> fill(2 * (bounds_.size() - 1));
  for (const RangeDelete& range : deletes_) {
    VisitNodes(range, [&fill](std::size_t node) { ++fill[node]; });
  }
  node_ends_.reserve(fill.size());
  std::uint32_t end = 0;
  for (std::uint32_t& count : fill) {
    end += std::exchange(count, end);
    node_ends_.push_back(end);
  }
  sequences_.resize(end);
  for (const RangeDelete& range : deletes_) {
    VisitNodes(range, [&](std::size_t node) { sequences_[fill[node]++] = range.sequence; });
  }
  std::uint32_t start = 0;
  for (const std::uint32_t node_end : node_ends_) {
    std::sort(sequences_.begin() + start, sequences_.begin() + node_end, std::greater<>());
    start = node_end;
  }
}

RangeCover RangeDeletes::Cover(std::string_view key, Sequence at) const {
  if (empty()) return {};
  const auto next = std::upper_bound(bounds_.begin(), bounds_.end(), key);
  if (next == bounds_.begin()) return {0, {}, *next};
  if (next == bounds_.end()) return {0, bounds_.back(), {}};
  RangeCover cover{0, *(next - 1), *next};
  const std::size_t fragments = bounds_.size() - 1;
  for (std::size_t node = static_cast<std::size_t>(next - 1 - bounds_.begin()) + fragments;
       node > 0; node /= 2) {
    const auto end = sequences_.begin() + node_ends_[node];
    const auto newest =
        std::lower_bound(sequences_.begin() + node_ends_[node - 1], end, at, std::greater<>());
    if (newest != end) cover.sequence = std::max(cover.sequence, *newest);
  }
  return cover;
}

RangeCover CoverOf(const RangeDeleteGroup& group, std::string_view key, Sequence at) {
  const auto found = std::partition_point(
      group.begin(), group.end(), [key](const RangeDeletes* set) { return set->end() <= key; });
  RangeCover cover;
  if (found != group.end()) cover = (*found)->Cover(key, at);
  if (cover.begin.empty() && found != group.begin()) cover.begin = (*(found - 1))->end();
  return cover;
}

RangeCover CoverOf(std::span<const RangeDeleteGroup> groups, std::string_view key, Sequence at) {
  RangeCover all;
  for (const RangeDeleteGroup& group : groups) {
    const RangeCover cover = CoverOf(group, key, at);
    all.sequence = std::max(all.sequence, cover.sequence);
    all.begin = std::max(all.begin, cover.begin);
    if (all.end.empty() || (!cover.end.empty() && cover.end < all.end)) all.end = cover.end;
  }
  return all;
}

namespace {

// Appends what `deletes`, between which no reader is, add up to.
void AppendUnion(const RangeDeletes& deletes, std::vector<RangeDelete>* out) {
  RangeDelete piece{deletes.begin(), deletes.begin(), 0};
  while (piece.end < deletes.end()) {
    const RangeCover cover = deletes.Cover(piece.end, kMaxSequence);
    if (cover.sequence != piece.sequence) {
      if (piece.sequence != 0) out->push_back(piece);
      piece = {cover.begin, cover.begin, cover.sequence};
    }
    piece.end = cover.end;
  }
  if (piece.sequence != 0) out->push_back(piece);
}

}  // namespace

std::unique_ptr<const RangeDeletes> Reduce(std::span<const RangeDelete> deletes,
                                           std::span<const Sequence> visible) {
  std::map<std::uint64_t, std::vector<RangeDelete>> stripes;
  for (const RangeDelete& range : deletes) {
    stripes[StripeOf(visible, range.sequence)].push_back(range);
  }
  std::vector<std::unique_ptr<const RangeDeletes>> sets;  // hold the keys of `reduced`
  std::vector<RangeDelete> reduced;
  for (const auto& [stripe, of_stripe] : stripes) {
    sets.push_back(std::make_unique<const RangeDeletes>(of_stripe));
    AppendUnion(*sets.back(), &reduced);
  }
  return std::make_unique<const RangeDeletes>(reduced);
}

}  // namespace aurora::lsm
