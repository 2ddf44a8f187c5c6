// The results of whole workloads: lines for people while they run, JSON for machines.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/bench/workloads/latency_histogram.h"

namespace aurora::bench {

// What a workload does not measure is absent.
struct Result {
  std::string suite;
  std::string workload;
  std::string engine;
  std::optional<double> ops_per_second;
  std::optional<double> p50_us, p99_us, p999_us, max_us;
  std::optional<double> bytes_written_per_byte;
  std::optional<double> space_ratio;
  // What is none of the above, in `unit`: "bytes", "/s", or "" for a number of things.
  std::optional<double> amount;
  std::string unit;
  std::string note;
  // Over time, if the workload follows it: the rate and the longest operation of each second.
  std::vector<double> series_ops_per_second, series_max_us;

  void SetLatencies(const LatencyHistogram& latencies);
};

class Report {
 public:
  // Keeps the result and prints its line.
  void Add(Result result);
  // The results as a JSON list, as docs/benchmarks.md describes it. False if the file cannot be
  // written.
  bool WriteJson(const std::string& path) const;

 private:
  std::vector<Result> results_;
};

}  // namespace aurora::bench
