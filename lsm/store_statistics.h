// The counters of a running store, of which StoreStats is the reading.
//
// Everything is relaxed atomics. What is counted for every get lies several times, so that threads
// seldom meet; the rest is counted where something slow happens anyway.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/store_stats.h"
#include "aurora/runtime/histogram.h"
#include "aurora/runtime/thread_stripe.h"

namespace aurora::lsm {

// Thread-safe.
class StoreStatistics {
 public:
  enum class Look : std::uint8_t { kRejected, kFound, kMissed, kUnfiltered };
  enum class Counter : std::uint8_t {
    kIterators,
    kSeeks,
    kSteps,
    kTombstones,
    kVersionsSkipped,
    kTablesOpened,
    kBytesReadByGets,
    kBytesReadByIterators,
    kBytesReadByCompactions,
    kBytesReadByOpening,
    kFlushes,
    kBytesFlushed,
    kCompactions,
    kBytesCompacted,
    kBytesStaged,
    kBytesCollected,
    kCommits,
    kBytesCommitted,
    kBytesInRecordFiles,
    kStallNanos,
  };
  static constexpr std::size_t kCounterCount = 20;

  // One of `sampling` quick operations is measured, or of the next power of two; 0: none.
  explicit StoreStatistics(int sampling)
      : weight_(sampling > 0 ? std::bit_ceil(static_cast<std::uint64_t>(sampling)) : 0) {}

  // Whether the quick operation of this number, from 1 on, is to be measured, for `weight()` of
  // them.
  bool IsSampled(std::uint64_t ordinal) const { return (ordinal & (weight_ - 1)) == 0; }
  std::uint64_t weight() const { return weight_; }

  void CountLook(int level, Look look) {
    looks_[ThreadStripe()]
        .of[static_cast<std::size_t>(level)][static_cast<std::size_t>(look)]
        .fetch_add(1, std::memory_order_relaxed);
  }
  // The count that it makes.
  std::uint64_t Count(Counter counter, std::uint64_t by = 1) {
    return by +
           counters_[static_cast<std::size_t>(counter)].fetch_add(by, std::memory_order_relaxed);
  }
  // The same where one counts at a time: without a locked instruction.
  void CountAlone(Counter counter, std::uint64_t by) {
    std::atomic<std::uint64_t>& count = counters_[static_cast<std::size_t>(counter)];
    count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void Record(Measure measure, std::uint64_t value, std::uint64_t weight = 1) {
    histograms_[static_cast<std::size_t>(measure)].Record(value, weight);
  }
  void RecordTime(Measure measure, std::int64_t nanos, std::uint64_t weight = 1) {
    Record(measure, nanos > 0 ? static_cast<std::uint64_t>(nanos) : 0, weight);
  }
  void CountStall(StallReason reason, std::int64_t nanos) {
    Stall& stall = stalls_[static_cast<std::size_t>(reason)];
    stall.commits.fetch_add(1, std::memory_order_relaxed);
    stall.nanos.fetch_add(nanos > 0 ? static_cast<std::uint64_t>(nanos) : 0,
                          std::memory_order_relaxed);
  }

  // Writes all of it into `stats`, whose levels are there.
  void Report(StoreStats* stats) const;

 private:
  struct alignas(64) Looks {
    std::array<std::array<std::atomic<std::uint64_t>, 4>, kLevelCount> of{};
  };
  struct Stall {
    std::atomic<std::uint64_t> commits{0};
    std::atomic<std::uint64_t> nanos{0};
  };
  std::uint64_t count(Counter counter) const {
    return counters_[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }
  std::uint64_t looks(std::size_t level, Look look) const;

  const std::uint64_t weight_;
  std::array<Looks, kThreadStripes> looks_;
  std::array<std::atomic<std::uint64_t>, kCounterCount> counters_{};
  std::array<Stall, kStallReasonCount> stalls_;
  std::array<SharedHistogram, kMeasureCount> histograms_;
};

}  // namespace aurora::lsm
