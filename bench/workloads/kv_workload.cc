#include "aurora/bench/workloads/kv_workload.h"

namespace aurora::bench {

std::uint64_t KvSettings::Scaled(std::uint64_t count) const {
  const auto scaled = static_cast<std::uint64_t>(static_cast<double>(count) * scale);
  return scaled > 0 ? scaled : 1;
}

KvValues::KvValues(std::size_t bytes) {
  for (std::uint64_t i = 0; i < 1000; ++i) values_.push_back(KvValue(i, bytes));
}

Result KvRows::New(std::string workload) const {
  Result result;
  result.suite = suite_;
  result.workload = std::move(workload);
  result.engine = engine_;
  return result;
}

void KvRows::AddAmount(std::string workload, double amount, std::string unit,
                       std::string note) const {
  Result result = New(std::move(workload));
  result.amount = amount;
  result.unit = std::move(unit);
  result.note = std::move(note);
  Add(std::move(result));
}

void KvRows::AddDuration(std::string workload, double seconds, std::string note) const {
  Result result = New(std::move(workload));
  result.max_us = seconds * 1e6;
  result.note = std::move(note);
  Add(std::move(result));
}

void KvRows::SetTimes(double operations, double seconds, const LatencyHistogram& latencies,
                      Result* result) {
  result->ops_per_second = operations / seconds;
  // A quantile of a handful says nothing.
  if (latencies.count() >= 100) result->SetLatencies(latencies);
}

}  // namespace aurora::bench
