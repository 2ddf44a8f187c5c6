// Which entries of a key no reader can tell apart.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "aurora/lsm/types.h"

namespace aurora::lsm {

// A number that two sequences share if every reader sees the commits of both or of neither:
// `visible` are the sequences at which somebody may still read (SnapshotList::Visible), ascending
// and not empty. It is the index of the first of them at or above `sequence`; what is newer than
// all of them is alone.
inline std::uint64_t StripeOf(std::span<const Sequence> visible, Sequence sequence) {
  if (sequence > visible.back()) return visible.size() + sequence;
  return static_cast<std::uint64_t>(std::lower_bound(visible.begin(), visible.end(), sequence) -
                                    visible.begin());
}

}  // namespace aurora::lsm
