// Latencies in logarithmic buckets: 1/32 relative error, constant memory, a few ns to record.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace aurora::bench {

// Not thread-safe: one for each thread, merged at the end.
class LatencyHistogram {
 public:
  void Record(std::int64_t nanos) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(nanos, 0));
    ++counts_[BucketOf(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  void Merge(const LatencyHistogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t count() const { return count_; }
  double MaxMicros() const { return static_cast<double>(max_) / 1e3; }
  // The latency that `quantile` (0 to 1) of the recorded ones do not exceed, but for the bucket's
  // width.
  double QuantileMicros(double quantile) const {
    const auto rank = static_cast<std::uint64_t>(quantile * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > rank)
        return std::min(static_cast<double>(UpperOf(i)), static_cast<double>(max_)) / 1e3;
    }
    return MaxMicros();
  }

 private:
  static constexpr int kSubBits = 5;
  static constexpr std::size_t kBuckets = (64 - kSubBits + 1) << kSubBits;

  static std::size_t BucketOf(std::uint64_t value) {
    const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - kSubBits - 1);
    return (static_cast<std::size_t>(shift) << kSubBits) + static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t UpperOf(std::size_t bucket) {
    const std::size_t sub = std::size_t{1} << kSubBits;
    if (bucket < 2 * sub) return bucket;
    const std::size_t shift = (bucket >> kSubBits) - 1;
    return ((bucket - (shift << kSubBits) + 1) << shift) - 1;
  }

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace aurora::bench
