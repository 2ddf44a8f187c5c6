// The smallest program with an engine in it, or with none: footprint_bench asks it what the engine
// costs. Prints "NAME VALUE" lines; without an engine, only the shared objects that it has loaded.
//
//   footprint_program_ENGINE PART DIRECTORY SECONDS tuned|defaults
//
// PART "open" makes a small database in DIRECTORY, "idle" opens it.
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "aurora/bench/workloads/footprint.h"
#include "aurora/bench/workloads/kv_engine.h"

namespace aurora::bench {
namespace {

int PrintObject(dl_phdr_info* info, std::size_t /*size*/, void* /*data*/) {
  if (info->dlpi_name[0] == '/') std::printf("object %s\n", info->dlpi_name);
  return 0;
}

#ifdef AURORA_BENCH_OPEN
using Clock = std::chrono::steady_clock;

constexpr int kRows = 1000;
constexpr int kTimes = 5;
// What an engine does after it was opened has ended by then.
constexpr double kSettlingShare = 0.7;

double MicrosSince(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

void Sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

long EntriesIn(const char* directory) {
  long count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (!entry.path().empty()) ++count;
  }
  return count;
}

// How often the threads of this process, but for the first, were given a processor so far: its own
// ones, or those that the kernel has added for io_uring.
long Switches(bool kernels) {
  long switches = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    if (entry.path().filename() == std::to_string(::getpid())) continue;
    std::ifstream name_file(entry.path() / "comm");
    std::string name;
    std::getline(name_file, name);
    if (name.starts_with("iou-") != kernels) continue;
    std::ifstream status(entry.path() / "status");
    for (std::string line; std::getline(status, line);) {
      const std::size_t at = line.find("ctxt_switches:");
      if (at != std::string::npos) switches += std::atol(line.c_str() + line.find(':') + 1);
    }
  }
  return switches;
}

// Opens and closes kTimes times: the shortest of each.
void TimeOpening(KvOpener open, const KvOptions& options, const char* what) {
  double open_us = 1e18, close_us = 1e18;
  for (int time = 0; time < kTimes; ++time) {
    Clock::time_point start = Clock::now();
    std::unique_ptr<KvEngine> engine = open(options);
    open_us = std::min(open_us, MicrosSince(start));
    start = Clock::now();
    engine.reset();
    close_us = std::min(close_us, MicrosSince(start));
  }
  std::printf("open_%s_us %f\nclose_%s_us %f\n", what, open_us, what, close_us);
}

void MeasureIdle(KvOpener open, const KvOptions& options, double seconds) {
  const auto resident = static_cast<double>(ResidentBytes());
  const long threads = EntriesIn("/proc/self/task");
  const long files = EntriesIn("/proc/self/fd");
  const std::unique_ptr<KvEngine> engine = open(options);
  for (int i = 0; i < kRows; ++i) {
    if (engine->Get(KvKey(static_cast<std::uint64_t>(i))) < 0) {
      KvFail(engine->name(), "get", "wrong answer");
    }
  }
  Sleep(seconds * kSettlingShare);
  const long own = Switches(false), kernels = Switches(true);
  Sleep(seconds);
  std::printf("wake_ups_per_second %f\n", static_cast<double>(Switches(false) - own) / seconds);
  std::printf("kernel_wake_ups_per_second %f\n",
              static_cast<double>(Switches(true) - kernels) / seconds);
  std::printf("resident_bytes %f\n", static_cast<double>(ResidentBytes()) - resident);
  std::printf("threads %ld\n", EntriesIn("/proc/self/task") - threads);
  std::printf("files %ld\n", EntriesIn("/proc/self/fd") - files);
}

// Two parts, because what is idle must be alone in a process that has done nothing before.
void Measure(std::string_view part, KvOpener open, const KvOptions& options, double seconds) {
  if (part == "idle") return MeasureIdle(open, options, seconds);
  open(options).reset();
  TimeOpening(open, options, "empty");
  {
    const std::unique_ptr<KvEngine> engine = open(options);
    const std::string value = KvValue(0, 100);
    for (int i = 0; i < kRows; ++i) engine->Put(KvKey(static_cast<std::uint64_t>(i)), value, false);
  }
  TimeOpening(open, options, "small");
}
#endif

}  // namespace
}  // namespace aurora::bench

int main([[maybe_unused]] int argc, [[maybe_unused]] char** argv) {
  dl_iterate_phdr(aurora::bench::PrintObject, nullptr);
  // What all need of the harness, and of the standard library.
  std::printf("value_bytes %zu\nresident_at_start_bytes %f\n",
              aurora::bench::KvValue(1, 100).size(),
              static_cast<double>(aurora::bench::ResidentBytes()));
#ifdef AURORA_BENCH_OPEN
  if (argc < 5) return 2;
  aurora::bench::KvOptions options;
  options.directory = argv[2];
  const bool at_defaults = std::string_view(argv[4]) == "defaults";
  aurora::bench::Measure(
      argv[1],
      at_defaults ? aurora::bench::AURORA_BENCH_OPEN_AT_DEFAULTS : aurora::bench::AURORA_BENCH_OPEN,
      options, std::atof(argv[3]));
#endif
  return 0;
}
