// Overwriting as fast as an engine takes it, for minutes: does a put ever wait long, and does the
// pace hold? tools/bench.sh saturation runs this for each engine and compares.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "aurora/bench/workloads/kv_command_line.h"
#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/kv_engines.h"
#include "aurora/bench/workloads/latency_histogram.h"
#include "aurora/bench/workloads/report.h"
#include "aurora/runtime/random.h"

namespace aurora::bench {
namespace {

using Clock = std::chrono::steady_clock;

// 580 MB of keys and values: nine times the memtable, and more with what an engine adds.
constexpr std::uint64_t kKeys = 5'000'000;
constexpr std::size_t kValueBytes = 100;
constexpr double kWindowSeconds = 10;

struct Settings {
  std::string directory;
  std::string engine;
  double seconds = 600;
  std::uint64_t keys = kKeys;
  bool with_reader = false;
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Result NewResult(const Settings& settings, std::string workload) {
  Result result;
  result.suite = "saturation";
  result.workload = std::move(workload);
  if (settings.with_reader) result.workload += ", a reader beside";
  result.engine = settings.engine;
  return result;
}

void Load(KvEngine* engine, const Settings& settings, const std::vector<std::string>& values) {
  for (std::uint64_t i = 0; i < settings.keys; ++i) {
    engine->Put(KvKey(i), values[i % values.size()], false);
  }
}

// Overwrites for settings.seconds; the puts of every whole window.
std::vector<std::uint64_t> Overwrite(KvEngine* engine, const Settings& settings,
                                     const std::vector<std::string>& values,
                                     LatencyHistogram* latencies) {
  std::vector<std::uint64_t> windows;
  SeededRandom random(5);
  const Clock::time_point start = Clock::now();
  Clock::time_point before = start;
  std::uint64_t in_window = 0;
  const double window = std::min(kWindowSeconds, settings.seconds);
  for (double passed = 0; passed < settings.seconds;) {
    engine->Put(KvKey(random.Below(settings.keys)), values[in_window % values.size()], false);
    const Clock::time_point after = Clock::now();
    latencies->Record((after - before).count());
    before = after;
    ++in_window;
    passed = std::chrono::duration<double>(after - start).count();
    if (passed < window * static_cast<double>(windows.size() + 1)) continue;
    windows.push_back(in_window);
    in_window = 0;
  }
  return windows;
}

void Run(const Settings& settings, Report* report) {
  KvOptions options;
  options.directory = settings.directory;
  std::filesystem::remove_all(options.directory);
  std::unique_ptr<KvEngine> engine = KvOpenerOf(settings.engine)(options);
  std::vector<std::string> values;
  for (std::uint64_t i = 0; i < 1000; ++i) values.push_back(KvValue(i, kValueBytes));
  Load(engine.get(), settings, values);

  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> gets{0};
  LatencyHistogram get_latencies;
  std::thread reader;
  const Clock::time_point start = Clock::now();
  if (settings.with_reader) {
    reader = std::thread([&] {
      SeededRandom random(6);
      while (!stop.load(std::memory_order_relaxed)) {
        const Clock::time_point before = Clock::now();
        if (engine->Get(KvKey(random.Below(settings.keys))) < 0) {
          KvFail(settings.engine, "get", "a key that was put is missing");
        }
        get_latencies.Record((Clock::now() - before).count());
        gets.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  LatencyHistogram latencies;
  const std::vector<std::uint64_t> windows = Overwrite(engine.get(), settings, values, &latencies);
  const double seconds = SecondsSince(start);
  stop = true;
  if (reader.joinable()) reader.join();

  Result puts = NewResult(settings, "overwrite, saturated");
  puts.ops_per_second = static_cast<double>(latencies.count()) / seconds;
  puts.SetLatencies(latencies);
  puts.note = engine->Remarks();
  report->Add(std::move(puts));
  Result slowest = NewResult(settings, "its slowest 10 s");
  slowest.ops_per_second = static_cast<double>(*std::min_element(windows.begin(), windows.end())) /
                           std::min(kWindowSeconds, settings.seconds);
  report->Add(std::move(slowest));
  if (settings.with_reader) {
    Result reads = NewResult(settings, "get");
    reads.ops_per_second = static_cast<double>(gets.load()) / seconds;
    reads.SetLatencies(get_latencies);
    report->Add(std::move(reads));
  }
  engine.reset();
  std::filesystem::remove_all(options.directory);
}

int Main(int argc, char** argv) {
  KvCommandLine line;
  Settings settings;
  CLI::App app("Overwriting at saturation. tools/bench.sh saturation runs all engines.");
  line.AddTo(&app, "a twentieth of the time");
  app.add_option("--seconds", settings.seconds, "how long to overwrite, each time")
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  if (line.list_engines) {
    PrintKvEngineNames();
    return 0;
  }
  if (KvOpenerOf(line.engine) == nullptr) return RefuseKvEngine(line.engine);
  if (line.quick) settings.seconds /= 20;
  settings.seconds *= line.scale;
  settings.keys = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(static_cast<double>(settings.keys) * line.scale));
  settings.engine = line.engine;
  settings.directory = line.DataDirectory("saturation");
  Report report;
  Run(settings, &report);
  settings.with_reader = true;
  Run(settings, &report);
  return line.Finish(report);
}

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) { return aurora::bench::Main(argc, argv); }
