#include "aurora/runtime/histogram.h"

#include <algorithm>

namespace aurora {

void Histogram::Record(std::uint64_t value, std::uint64_t weight) {
  counts_[BucketOf(value)] += weight;
  count_ += weight;
  sum_ += value * weight;
  max_ = std::max(max_, value);
}

void Histogram::Merge(const Histogram& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::UpperOf(std::size_t bucket) {
  constexpr std::size_t kSub = std::size_t{1} << kSubBits;
  if (bucket < 2 * kSub) return bucket;
  const std::size_t shift = (bucket >> kSubBits) - 1;
  return (std::uint64_t{bucket - (shift << kSubBits) + 1} << shift) - 1;
}

std::uint64_t Histogram::Quantile(double quantile) const {
  const auto rank = static_cast<std::uint64_t>(quantile * static_cast<double>(count_));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    // The last bucket has no upper bound but the greatest value.
    if (seen > rank) return i + 1 == kBuckets ? max_ : std::min(UpperOf(i), max_);
  }
  return max_;
}

Distribution Histogram::Summary() const {
  return {count_, sum_, Quantile(0.5), Quantile(0.99), Quantile(0.999), max_};
}

void SharedHistogram::Record(std::uint64_t value, std::uint64_t weight) {
  counts_[Histogram::BucketOf(value)].fetch_add(weight, std::memory_order_relaxed);
  sum_.fetch_add(value * weight, std::memory_order_relaxed);
  std::uint64_t max = max_.load(std::memory_order_relaxed);
  while (max < value && !max_.compare_exchange_weak(max, value, std::memory_order_relaxed)) {
  }
}

Histogram SharedHistogram::Snapshot() const {
  Histogram histogram;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    histogram.counts_[i] = counts_[i].load(std::memory_order_relaxed);
    histogram.count_ += histogram.counts_[i];
  }
  histogram.sum_ = sum_.load(std::memory_order_relaxed);
  histogram.max_ = max_.load(std::memory_order_relaxed);
  return histogram;
}

}  // namespace aurora
