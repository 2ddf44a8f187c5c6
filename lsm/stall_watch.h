// Tells when commits begin to be held back, and when that is over: see StallBegun and StallEnded.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "aurora/lsm/event_feed.h"
#include "aurora/lsm/store_stats.h"

namespace aurora::lsm {

// Thread-safe.
class StallWatch {
 public:
  // Stalls of one reason are told no more often.
  static constexpr std::int64_t kQuietNanos = 10'000'000'000;

  // Not owned; must outlive it.
  explicit StallWatch(EventFeed* events) : events_(events) {}

  // Around the wait of a commit. Times by Clock::MonotonicNanos.
  void Begin(StallReason reason, std::int64_t now);
  void End(StallReason reason, std::int64_t now);

 private:
  struct Stall {
    std::uint64_t waiting = 0;  // commits
    std::int64_t begun_at = 0;  // when the first of them began to wait
    bool is_told = false;       // its beginning was
    std::int64_t told_at = 0;   // when a beginning was told last; 0: never
    // Since the last end that was told.
    std::uint64_t commits = 0;
    std::int64_t nanos = 0;
  };

  EventFeed* const events_;
  std::mutex mutex_;
  std::array<Stall, kStallReasonCount> stalls_;  // protected by mutex_
};

}  // namespace aurora::lsm
