#include "aurora/bench/workloads/redb_published.h"

#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

namespace aurora::bench {
namespace {

// The table of redb's README in August 2025 (https://github.com/cberner/redb), commit d6773ef5.
constexpr std::string_view kEngines[] = {"redb", "lmdb", "rocksdb", "fjall"};
constexpr std::string_view kNote =
    "published August 2025, on other hardware: Ryzen 9950X3D, Samsung 9100 PRO";

// Milliseconds, and the operations that were done in them.
struct TimedRow {
  std::string_view workload;
  double operations;
  double millis[std::size(kEngines)];
};
constexpr double kElements = 5'101'000;
constexpr TimedRow kTimed[] = {
    {"bulk load", 5'000'000, {17063, 9232, 13969, 18619}},
    {"individual writes", 1'000, {920, 1598, 2432, 3488}},
    {"batch writes", 100'000, {1595, 942, 451, 353}},
    {"random reads", 1'000'000, {934, 631, 2884, 2357}},
    {"random range reads", 500'000, {1173, 565, 2742, 2690}},
    {"random reads, 4 threads", kElements, {1390, 840, 3995, 2606}},
    {"random reads, 8 threads", kElements, {757, 427, 2147, 1352}},
    {"random reads, 16 threads", kElements, {652, 216, 1478, 963}},
    {"random reads, 32 threads", kElements, {410, 125, 1100, 576}},
    {"removals", kElements / 2, {23297, 10435, 6900, 6004}},
};
// Below a millisecond the table says 0.
constexpr double kLenMillis[] = {0, 0, 749, 1181};
constexpr double kUncompactedGiB[] = {4.00, 2.61, 0.87, 0.98};
constexpr double kCompactedGiB[] = {1.69, 1.26, 0.44, 0.98};

Result New(std::string_view engine, std::string_view workload) {
  Result result;
  result.suite = "redb";
  result.workload = workload;
  result.engine = std::string(engine) + " (published)";
  result.note = kNote;
  return result;
}

void AddGiB(std::string_view engine, std::string_view workload, double gib, Report* report) {
  Result result = New(engine, workload);
  result.amount = gib * (1u << 30);
  result.unit = "bytes";
  report->Add(std::move(result));
}

}  // namespace

void AddPublishedRedbFigures(Report* report) {
  for (std::size_t engine = 0; engine < std::size(kEngines); ++engine) {
    for (const TimedRow& row : kTimed) {
      Result result = New(kEngines[engine], row.workload);
      result.ops_per_second = row.operations / row.millis[engine] * 1000;
      report->Add(std::move(result));
    }
    Result len = New(kEngines[engine], "len()");
    len.max_us = kLenMillis[engine] * 1000;
    report->Add(std::move(len));
    AddGiB(kEngines[engine], "size, uncompacted", kUncompactedGiB[engine], report);
    AddGiB(kEngines[engine], "size, compacted", kCompactedGiB[engine], report);
  }
}

}  // namespace aurora::bench
