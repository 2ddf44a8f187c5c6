#include "aurora/bench/workloads/report.h"

#include <cstdio>
#include <fstream>
#include <utility>

#include "nlohmann/json.hpp"

namespace aurora::bench {
namespace {

std::string Cell(const std::optional<double>& value, int digits) {
  if (!value.has_value()) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, *value);
  return text;
}

nlohmann::ordered_json OrNull(const std::optional<double>& value) {
  return value.has_value() ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json Series(const Result& result) {
  if (result.series_ops_per_second.empty()) return nullptr;
  return {{"ops_per_second", result.series_ops_per_second}, {"max_us", result.series_max_us}};
}

}  // namespace

void Result::SetLatencies(const LatencyHistogram& latencies) {
  if (latencies.count() == 0) return;
  p50_us = latencies.QuantileMicros(0.5);
  p99_us = latencies.QuantileMicros(0.99);
  p999_us = latencies.QuantileMicros(0.999);
  max_us = latencies.MaxMicros();
}

void Report::Add(Result result) {
  if (results_.empty()) {
    std::printf("%-34s %-8s %12s %10s %10s %10s %10s %8s %7s %12s  %s\n", "workload", "engine",
                "ops/s", "p50 us", "p99 us", "p99.9 us", "max us", "written", "space", "amount",
                "note");
  }
  const std::string amount =
      Cell(result.amount, 2) + (result.unit.empty() ? "" : " ") + result.unit;
  std::printf("%-34s %-8s %12s %10s %10s %10s %10s %8s %7s %12s  %s\n", result.workload.c_str(),
              result.engine.c_str(), Cell(result.ops_per_second, 0).c_str(),
              Cell(result.p50_us, 2).c_str(), Cell(result.p99_us, 2).c_str(),
              Cell(result.p999_us, 1).c_str(), Cell(result.max_us, 0).c_str(),
              Cell(result.bytes_written_per_byte, 2).c_str(), Cell(result.space_ratio, 2).c_str(),
              amount.c_str(), result.note.c_str());
  std::fflush(stdout);
  results_.push_back(std::move(result));
}

bool Report::WriteJson(const std::string& path) const {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Result& result : results_) {
    list.push_back({{"suite", result.suite},
                    {"workload", result.workload},
                    {"engine", result.engine},
                    {"ops_per_second", OrNull(result.ops_per_second)},
                    {"p50_us", OrNull(result.p50_us)},
                    {"p99_us", OrNull(result.p99_us)},
                    {"p999_us", OrNull(result.p999_us)},
                    {"max_us", OrNull(result.max_us)},
                    {"bytes_written_per_byte", OrNull(result.bytes_written_per_byte)},
                    {"space_ratio", OrNull(result.space_ratio)},
                    {"amount", OrNull(result.amount)},
                    {"unit", result.unit},
                    {"note", result.note},
                    {"series", Series(result)}});
  }
  std::ofstream file(path);
  file << list.dump(2) << "\n";
  return file.good();
}

}  // namespace aurora::bench
