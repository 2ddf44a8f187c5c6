// Overwriting as fast as an engine takes it, for minutes: does a put ever wait long, and does the
// pace hold? tools/bench.sh saturation runs this for each engine and compares.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/kv_program.h"
#include "aurora/bench/workloads/kv_workload.h"
#include "aurora/bench/workloads/latency_histogram.h"
#include "aurora/bench/workloads/report.h"
#include "aurora/runtime/random.h"

namespace aurora::bench {
namespace {

// 580 MB of keys and values: nine times the memtable, and more with what an engine adds.
constexpr std::uint64_t kKeys = 5'000'000;
constexpr std::size_t kValueBytes = 100;
constexpr double kWindowSeconds = 10;

struct Settings {
  std::string directory;
  std::string engine;
  KvOpener open = nullptr;
  double seconds = 600;
  std::uint64_t keys = kKeys;
  bool with_reader = false;
};

// What happens in each second. A put that takes several counts in the one in which it ends.
class PerSecond {
 public:
  explicit PerSecond(Clock::time_point start) : start_(start) {}
  void Record(Clock::time_point end, Clock::duration took) {
    const auto second = static_cast<std::size_t>((end - start_) / std::chrono::seconds(1));
    if (second >= puts_.size()) {
      puts_.resize(second + 1);
      longest_.resize(second + 1);
    }
    ++puts_[second];
    longest_[second] = std::max(longest_[second], took);
  }
  // Without the last second, which is cut off, unless it is the only one.
  void AddTo(Result* result) const {
    const std::size_t whole = std::max<std::size_t>(puts_.size(), 2) - 1;
    for (std::size_t i = 0; i < std::min(whole, puts_.size()); ++i) {
      result->series_ops_per_second.push_back(static_cast<double>(puts_[i]));
      result->series_max_us.push_back(std::chrono::duration<double>(longest_[i]).count() * 1e6);
    }
  }

 private:
  const Clock::time_point start_;
  std::vector<std::uint64_t> puts_;
  std::vector<Clock::duration> longest_;
};

void Load(KvEngine* engine, const Settings& settings, const KvValues& values) {
  for (std::uint64_t i = 0; i < settings.keys; ++i) {
    engine->Put(KvKey(i), values[i], false);
  }
}

// Overwrites for settings.seconds; the puts of every whole window.
std::vector<std::uint64_t> Overwrite(KvEngine* engine, const Settings& settings,
                                     const KvValues& values, LatencyHistogram* latencies,
                                     PerSecond* series) {
  std::vector<std::uint64_t> windows;
  SeededRandom random(5);
  const Clock::time_point start = Clock::now();
  Clock::time_point before = start;
  std::uint64_t in_window = 0;
  const double window = std::min(kWindowSeconds, settings.seconds);
  for (double passed = 0; passed < settings.seconds;) {
    engine->Put(KvKey(random.Below(settings.keys)), values[in_window], false);
    const Clock::time_point after = Clock::now();
    latencies->Record((after - before).count());
    series->Record(after, after - before);
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
  std::unique_ptr<KvEngine> engine = settings.open(options);
  const KvRows rows("saturation", settings.engine, report);
  const std::string beside = settings.with_reader ? ", a reader beside" : "";
  const KvValues values(kValueBytes);
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
  PerSecond series(start);
  const std::vector<std::uint64_t> windows =
      Overwrite(engine.get(), settings, values, &latencies, &series);
  const double seconds = SecondsSince(start);
  stop = true;
  if (reader.joinable()) reader.join();

  Result puts = rows.New("overwrite, saturated" + beside);
  puts.ops_per_second = static_cast<double>(latencies.count()) / seconds;
  puts.SetLatencies(latencies);
  puts.note = engine->Remarks();
  series.AddTo(&puts);
  rows.Add(std::move(puts));
  Result slowest = rows.New("its slowest 10 s" + beside);
  slowest.ops_per_second = static_cast<double>(*std::min_element(windows.begin(), windows.end())) /
                           std::min(kWindowSeconds, settings.seconds);
  rows.Add(std::move(slowest));
  if (settings.with_reader) {
    Result reads = rows.New("get" + beside);
    reads.ops_per_second = static_cast<double>(gets.load()) / seconds;
    reads.SetLatencies(get_latencies);
    rows.Add(std::move(reads));
  }
  engine.reset();
  std::filesystem::remove_all(options.directory);
}

int Main(int argc, char** argv) {
  Settings settings;
  KvProgram program;
  program.suite = "saturation";
  program.about = "Overwriting at saturation.";
  program.quick_scale = 0.05;
  program.add_options = [&](CLI::App* app) {
    app->add_option("--seconds", settings.seconds, "how long to overwrite, each time")
        ->check(CLI::PositiveNumber);
  };
  program.run = [&](const KvSettings& kv, Report* report) {
    settings.seconds *= kv.scale;
    settings.keys = kv.Scaled(settings.keys);
    settings.engine = kv.engine;
    settings.open = kv.open;
    settings.directory = kv.directory;
    Run(settings, report);
    settings.with_reader = true;
    Run(settings, report);
  };
  return RunKvProgram(argc, argv, program);
}

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) { return aurora::bench::Main(argc, argv); }
