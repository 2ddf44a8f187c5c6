// Who wrote what lately: decides whether a transaction may commit.
//
// Maps the hash of a resource to the sequence of the last commit that wrote it, for recent commits,
// in a fixed amount of memory: sets of a few entries, one cache line each. A set that is full
// forgets its oldest entry and remembers that entry's sequence as its floor; a resource that is not
// found was last written at or before the floor of its set. So nothing that conflicts is missed; a
// snapshot older than a floor may abort without cause, and only where its set was written often.
//
// Not thread-safe: used under the lock that orders commits. Allocates its table at the first write
// that is recorded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "aurora/lsm/types.h"

namespace aurora::lsm {

class ConflictTable {
 public:
  static constexpr std::size_t kSetCount = 8192;
  static constexpr std::size_t kWays = 4;

  // Everything written up to `floor` counts as written at `floor`.
  explicit ConflictTable(Sequence floor) : floor_(floor) {}

  struct Conflict {
    std::uint64_t resource = 0;
    Sequence written = 0;  // at this sequence, or at the latest at this one
    bool exact = false;    // false: the snapshot is too old to tell
  };
  // The first of `reads` that was, or may have been, written after `snapshot`.
  std::optional<Conflict> Check(Sequence snapshot, std::span<const std::uint64_t> reads) const;

  // `sequence` is above all before.
  void Record(Sequence sequence, std::span<const std::uint64_t> writes);

 private:
  struct alignas(64) Set {
    std::uint32_t tags[kWays] = {};
    Sequence sequences[kWays] = {};  // 0: free
    Sequence floor = 0;
  };
  static_assert(sizeof(Set) == 64);

  static std::size_t Index(std::uint64_t resource) { return resource % kSetCount; }
  static std::uint32_t Tag(std::uint64_t resource) {
    return static_cast<std::uint32_t>(resource >> 32);
  }

  const Sequence floor_;
  std::vector<Set> sets_;
};

}  // namespace aurora::lsm
