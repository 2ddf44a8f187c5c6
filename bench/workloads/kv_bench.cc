// Whole key-value workloads on Aurora and its peers, one engine after another on the same machine
// in one run, at equal durability and equal memory. tools/bench.sh kv runs it.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/latency_histogram.h"
#include "aurora/bench/workloads/report.h"
#include "aurora/runtime/random.h"

namespace aurora::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Opener = std::unique_ptr<KvEngine> (*)(const KvOptions&);

constexpr std::size_t kKeyBytes = 16;

struct Settings {
  std::uint64_t keys = 1'000'000;
  std::uint64_t reads = 1'000'000;
  std::uint64_t seeks = 100'000;
  int synced_puts = 4000;
  double mixed_seconds = 10;
  std::size_t value_bytes = 100;
  std::string directory;
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Bytes that this process has had written to devices, or made dirty in the page cache.
std::uint64_t BytesWritten() {
  std::ifstream io("/proc/self/io");
  std::string name;
  std::uint64_t value = 0;
  while (io >> name >> value) {
    if (name == "write_bytes:") return value;
  }
  return 0;
}

std::uint64_t DirectoryBytes(const std::string& directory) {
  std::uint64_t total = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file(ignored)) total += entry.file_size(ignored);
  }
  return total;
}

// Runs the workloads on one engine. The order matters: each finds the data that those before it
// left.
class Suite {
 public:
  Suite(Opener open, const Settings& settings, Report* report)
      : open_(open), settings_(settings), report_(report) {
    options_.directory = settings.directory;
  }

  void Run() {
    std::filesystem::remove_all(options_.directory);
    engine_ = open_(options_);
    Puts("put", 0);
    Puts("overwrite", settings_.keys);
    const std::uint64_t written_before_settling = BytesWritten();
    engine_->Settle();
    Space(written_before_settling);
    Reads();
    Mixed();
    Synced();
    Reopen();
    engine_.reset();
    std::filesystem::remove_all(options_.directory);
    BatchesAlone();
  }

 private:
  Result NewResult(std::string workload) const {
    Result result;
    result.suite = "kv";
    result.workload = std::move(workload);
    result.engine = engine_->name();
    return result;
  }

  // Does `operation(i)` for i in [0, count), timing each, and reports the rate.
  template <class Operation>
  void Timed(std::string workload, std::uint64_t count, double rows_each, Operation operation) {
    LatencyHistogram latencies;
    const Clock::time_point start = Clock::now();
    Clock::time_point before = start;
    for (std::uint64_t i = 0; i < count; ++i) {
      operation(i);
      const Clock::time_point after = Clock::now();
      latencies.Record((after - before).count());
      before = after;
    }
    Result result = NewResult(std::move(workload));
    result.ops_per_second = static_cast<double>(count) * rows_each / SecondsSince(start);
    result.SetLatencies(latencies);
    report_->Add(std::move(result));
  }

  // `order` permutes the keys, so that overwriting visits them in another order.
  void Puts(std::string workload, std::uint64_t order) {
    if (order == 0) written_at_start_ = BytesWritten();
    SeededRandom random(order);
    const std::vector<std::string> values = Values();
    Timed(std::move(workload), settings_.keys, 1, [&](std::uint64_t i) {
      const std::uint64_t number = order == 0 ? i : random.Below(settings_.keys);
      engine_->Put(KvKey(number), values[i % values.size()], false);
    });
  }

  std::vector<std::string> Values() const {
    std::vector<std::string> values;
    for (std::uint64_t i = 0; i < 1000; ++i) values.push_back(KvValue(i, settings_.value_bytes));
    return values;
  }

  void Space(std::uint64_t written_before_settling) {
    const double live = static_cast<double>(settings_.keys * (kKeyBytes + settings_.value_bytes));
    Result result = NewResult("space and writes, settled");
    result.bytes_written_per_byte =
        static_cast<double>(BytesWritten() - written_at_start_) / (2 * live);
    result.space_ratio = static_cast<double>(DirectoryBytes(options_.directory)) / live;
    result.note = "of it before settling: " +
                  std::to_string(static_cast<double>(written_before_settling - written_at_start_) /
                                 (2 * live))
                      .substr(0, 4);
    report_->Add(std::move(result));
  }

  void Expect(bool good, std::string_view what) {
    if (!good) KvFail(engine_->name(), what, "wrong answer");
  }

  void Reads() {
    SeededRandom random(1);
    engine_->Scan();  // everything is in the caches from here on
    Timed("get, random, cached", settings_.reads, 1, [&](std::uint64_t) {
      Expect(engine_->Get(KvKey(random.Below(settings_.keys))) ==
                 static_cast<std::int64_t>(settings_.value_bytes),
             "get");
    });
    Timed("get, missing", settings_.reads, 1, [&](std::uint64_t) {
      Expect(engine_->Get(KvKey(settings_.keys * 2 + random.Below(settings_.keys))) == -1,
             "get of a missing key");
    });
    Timed("get, hottest 1%", settings_.reads, 1, [&](std::uint64_t) {
      Expect(engine_->Get(KvKey(random.Below(settings_.keys / 100))) >= 0, "get");
    });
    Timed("full scan (rows)", 3, static_cast<double>(settings_.keys),
          [&](std::uint64_t) { Expect(engine_->Scan().first == settings_.keys, "scan"); });
    Timed("seek + next 50", settings_.seeks, 1, [&](std::uint64_t) {
      Expect(engine_->SeekAndNext(KvKey(random.Below(settings_.keys)), 50) > 0, "seek");
    });
  }

  // Gets while one writer overwrites as fast as it can.
  void Mixed() {
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> puts{0};
    std::thread writer([&] {
      SeededRandom random(2);
      const std::vector<std::string> values = Values();
      for (std::uint64_t i = 0; !stop.load(std::memory_order_relaxed); ++i) {
        engine_->Put(KvKey(random.Below(settings_.keys)), values[i % values.size()], false);
        puts.store(i + 1, std::memory_order_relaxed);
      }
    });
    SeededRandom random(3);
    LatencyHistogram latencies;
    const Clock::time_point start = Clock::now();
    Clock::time_point before = start;
    while (SecondsSince(start) < settings_.mixed_seconds) {
      Expect(engine_->Get(KvKey(random.Below(settings_.keys))) >= 0, "get");
      const Clock::time_point after = Clock::now();
      latencies.Record((after - before).count());
      before = after;
    }
    const double seconds = SecondsSince(start);
    stop = true;
    writer.join();
    Result reads = NewResult("get while one writer runs");
    reads.ops_per_second = static_cast<double>(latencies.count()) / seconds;
    reads.SetLatencies(latencies);
    report_->Add(std::move(reads));
    Result writes = NewResult("the writer meanwhile");
    writes.ops_per_second = static_cast<double>(puts.load()) / seconds;
    report_->Add(std::move(writes));
  }

  void Synced() {
    engine_.reset();
    options_.for_synced_puts = true;
    engine_ = open_(options_);
    const std::string value = KvValue(1, settings_.value_bytes);
    Timed("synced put, 1 writer", static_cast<std::uint64_t>(settings_.synced_puts), 1,
          [&](std::uint64_t i) { engine_->Put(KvKey(i), value, true); });
    for (const int writers : {8, 64}) {
      const int each = std::max(1, settings_.synced_puts * 2 / writers);
      const Clock::time_point start = Clock::now();
      engine_->SyncedPuts(writers, each, 0);
      Result result = NewResult("synced puts, " + std::to_string(writers) + " writers");
      result.ops_per_second = writers * each / SecondsSince(start);
      report_->Add(std::move(result));
    }
    options_.for_synced_puts = false;
  }

  void Reopen() {
    engine_.reset();
    const Clock::time_point start = Clock::now();
    engine_ = open_(options_);
    Expect(engine_->Get(KvKey(0)) >= 0, "get after reopening");
    Result result = NewResult("reopen, first get");
    result.max_us = SecondsSince(start) * 1e6;
    report_->Add(std::move(result));
  }

  void BatchesAlone() {
    constexpr std::size_t kBatch = 1000;
    engine_ = open_(options_);
    const std::vector<std::string> values = Values();
    std::vector<std::pair<std::string, std::string>> batch(kBatch);
    Timed("put, batches of 1000 (rows)", settings_.keys / kBatch, kBatch, [&](std::uint64_t i) {
      for (std::size_t j = 0; j < kBatch; ++j) batch[j] = {KvKey(i * kBatch + j), values[j]};
      engine_->PutBatch(batch);
    });
    engine_.reset();
    std::filesystem::remove_all(options_.directory);
  }

  const Opener open_;
  const Settings settings_;
  Report* const report_;
  KvOptions options_;
  std::unique_ptr<KvEngine> engine_;
  std::uint64_t written_at_start_ = 0;
};

int Main(int argc, char** argv) {
  Settings settings;
  bool quick = false;
  std::string json;
  std::string directory = (std::filesystem::temp_directory_path() / "aurora-bench").string();
  std::vector<std::string> engines;
  CLI::App app("Key-value workloads on Aurora, RocksDB, LevelDB and LMDB.");
  app.add_flag("--quick", quick, "a tenth of the work: for seeing that it runs, not for figures");
  app.add_option("--json", json, "also write the results to this file");
  app.add_option("--directory", directory,
                 "where the data goes; a subdirectory is made and removed");
  app.add_option("--engines", engines, "of Aurora, RocksDB, LevelDB, LMDB; default all")
      ->delimiter(',');
  app.add_option("--keys", settings.keys, "how many keys");
  app.add_option("--value-bytes", settings.value_bytes, "how large each value is");
  CLI11_PARSE(app, argc, argv);
  if (quick) {
    settings.keys /= 10;
    settings.reads /= 10;
    settings.seeks /= 10;
    settings.synced_puts /= 10;
    settings.mixed_seconds /= 10;
  }
  settings.directory = (std::filesystem::path(directory) / "kv").string();
  std::filesystem::create_directories(directory);

  const std::pair<std::string, Opener> all[] = {{"Aurora", OpenAurora},
                                                {"RocksDB", OpenRocksDb},
                                                {"LevelDB", OpenLevelDb},
                                                {"LMDB", OpenLmdb}};
  Report report;
  for (const auto& [name, open] : all) {
    const bool wanted =
        engines.empty() || std::find(engines.begin(), engines.end(), name) != engines.end();
    if (wanted) Suite(open, settings, &report).Run();
  }
  report.PrintRatios("Aurora");
  if (!json.empty() && !report.WriteJson(json)) {
    std::fprintf(stderr, "cannot write %s\n", json.c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) { return aurora::bench::Main(argc, argv); }
