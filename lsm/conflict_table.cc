#include "aurora/lsm/conflict_table.h"

#include <algorithm>

#include "aurora/runtime/check.h"

namespace aurora::lsm {

std::optional<ConflictTable::Conflict> ConflictTable::Check(
    Sequence snapshot, std::span<const std::uint64_t> reads) const {
  for (const std::uint64_t resource : reads) {
    if (sets_.empty()) {
      if (snapshot < floor_) return Conflict{resource, floor_, false};
      continue;
    }
    const Set& set = sets_[Index(resource)];
    Conflict conflict{resource, set.floor, false};
    for (std::size_t way = 0; way < kWays; ++way) {
      if (set.tags[way] == Tag(resource) && set.sequences[way] != 0) {
        conflict = Conflict{resource, set.sequences[way], true};
        break;
      }
    }
    if (conflict.written > snapshot) return conflict;
  }
  return std::nullopt;
}

void ConflictTable::Record(Sequence sequence, std::span<const std::uint64_t> writes) {
  if (writes.empty()) return;
  if (sets_.empty()) {
    sets_.resize(kSetCount);
    for (Set& set : sets_) set.floor = floor_;
  }
  for (const std::uint64_t resource : writes) {
    Set& set = sets_[Index(resource)];
    // The resource's own entry, or the oldest (a free one is older than all).
    std::size_t chosen = 0;
    for (std::size_t way = 0; way < kWays; ++way) {
      if (set.tags[way] == Tag(resource) && set.sequences[way] != 0) {
        chosen = way;
        break;
      }
      if (set.sequences[way] < set.sequences[chosen]) chosen = way;
    }
    AURORA_DCHECK(set.sequences[chosen] <= sequence);
    if (set.tags[chosen] != Tag(resource)) {
      set.floor = std::max(set.floor, set.sequences[chosen]);
    }
    set.tags[chosen] = Tag(resource);
    set.sequences[chosen] = sequence;
  }
}

}  // namespace aurora::lsm
