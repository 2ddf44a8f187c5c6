// Latencies, told in microseconds.
#pragma once

#include <algorithm>
#include <cstdint>

#include "aurora/runtime/histogram.h"

namespace aurora::bench {

// Not thread-safe: one for each thread, merged at the end.
class LatencyHistogram {
 public:
  void Record(std::int64_t nanos) {
    nanos_.Record(static_cast<std::uint64_t>(std::max<std::int64_t>(nanos, 0)));
  }
  void Merge(const LatencyHistogram& other) { nanos_.Merge(other.nanos_); }

  std::uint64_t count() const { return nanos_.count(); }
  double MaxMicros() const { return static_cast<double>(nanos_.max()) / 1e3; }
  double QuantileMicros(double quantile) const {
    return static_cast<double>(nanos_.Quantile(quantile)) / 1e3;
  }

 private:
  Histogram nanos_;
};

}  // namespace aurora::bench
