// How often which value was met: latencies in nanoseconds, sizes in bytes. Logarithmic buckets, so
// that a quantile is right but for 1/32 of it, in constant memory (10 KiB).
//
//   Histogram         plain; to be filled by one thread, merged and asked
//   SharedHistogram   filled by many threads at once, without locks
//   Distribution      what is told of the values: a few figures, cheap to copy
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace aurora {

struct Distribution {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  // Values that half, 99% and 99.9% of all do not exceed, but for the width of a bucket.
  std::uint64_t p50 = 0;
  std::uint64_t p99 = 0;
  std::uint64_t p999 = 0;
  std::uint64_t max = 0;  // exact

  double mean() const {
    return count == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(count);
  }
};

// Not thread-safe.
class Histogram {
 public:
  // A value that stands for `weight` of its like, where not every one is recorded. A few ns.
  void Record(std::uint64_t value, std::uint64_t weight = 1);
  void Merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t sum() const { return sum_; }
  std::uint64_t max() const { return max_; }
  // The value that `quantile` (0 to 1) of the recorded ones do not exceed, but for the width of a
  // bucket; 0 if there are none.
  std::uint64_t Quantile(double quantile) const;
  Distribution Summary() const;

 private:
  friend class SharedHistogram;

  static constexpr int kSubBits = 5;
  // Larger values share the last bucket: five hours, 16 TiB.
  static constexpr int kValueBits = 44;
  static constexpr std::size_t kBuckets = (kValueBits - kSubBits + 1) << kSubBits;

  static std::size_t BucketOf(std::uint64_t value) {
    constexpr std::uint64_t kLargest = (std::uint64_t{1} << kValueBits) - 1;
    if (value > kLargest) value = kLargest;
    const int bits = static_cast<int>(std::bit_width(value)) - kSubBits - 1;
    const int shift = bits > 0 ? bits : 0;
    return (static_cast<std::size_t>(shift) << kSubBits) + static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t UpperOf(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

// Thread-safe. Nothing is ordered by it.
class SharedHistogram {
 public:
  // Three relaxed atomic operations: 10 to 20 ns where nobody else records at the same moment.
  void Record(std::uint64_t value, std::uint64_t weight = 1);
  // What was recorded so far; of what is being recorded, perhaps a part.
  Histogram Snapshot() const;

 private:
  std::array<std::atomic<std::uint64_t>, Histogram::kBuckets> counts_{};
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::uint64_t> max_{0};
};

}  // namespace aurora
