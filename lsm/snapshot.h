// At which sequence, and at which time, something is read.
#pragma once

#include <limits>

#include "aurora/lsm/expiry.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

// Readers at a fixed sequence and time. While it lives, what it sees is kept. Movable; give it back
// soon: it holds space.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual Sequence sequence() const = 0;
  // What has expired by then it does not see. The time of the clock when it was made; or more if
  // the clock goes back meanwhile (SnapshotList).
  virtual Expiry as_of() const = 0;
};

// What a read is to see: the commits up to a sequence, without what has expired at a time.
// Implicit, since sequences and snapshots are such points.
struct ReadPoint {
  static constexpr Expiry kByTheClock = std::numeric_limits<Expiry>::max();

  ReadPoint() = default;
  ReadPoint(Sequence at) : sequence(at) {}  // NOLINT: see above
  // What the snapshot sees is always the same.
  ReadPoint(const Snapshot& snapshot)  // NOLINT: see above
      : sequence(snapshot.sequence()), as_of(snapshot.as_of()) {}

  Sequence sequence = kMaxSequence;  // kMaxSequence: the latest published
  Expiry as_of = kByTheClock;        // kByTheClock: when the read began
};

}  // namespace aurora::lsm
