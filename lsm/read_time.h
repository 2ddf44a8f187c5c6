// The time at which somebody reads, for what expires.
#pragma once

#include <limits>

#include "aurora/lsm/expiry.h"
#include "aurora/runtime/clock.h"

namespace aurora::lsm {

// One user at a time. A copy reads at the same time once it is known.
class ReadTime {
 public:
  // Before everything: nothing has expired.
  static constexpr Expiry kBeforeAll = std::numeric_limits<Expiry>::min();

  ReadTime() = default;
  explicit ReadTime(Expiry time) : time_(time) {}
  // What `clock` shows when it is first asked, which it is not where nothing expires. Not owned;
  // must outlive this.
  explicit ReadTime(const Clock* clock) : clock_(clock) {}

  bool HasExpired(Expiry expiry) {
    if (clock_ != nullptr) {
      time_ = ToExpiry(clock_->Now());
      clock_ = nullptr;
    }
    return expiry <= time_ && expiry != kNeverExpires;
  }

 private:
  const Clock* clock_ = nullptr;  // null once it was asked
  Expiry time_ = kBeforeAll;
};

}  // namespace aurora::lsm
