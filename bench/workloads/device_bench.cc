// Gets from the device: ten times as much data as memory, and every get reads a block that nothing
// has read before. tools/bench.sh device runs this for each engine and for the bare device.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/bench/workloads/footprint.h"
#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/kv_program.h"
#include "aurora/bench/workloads/kv_workload.h"
#include "aurora/bench/workloads/latency_histogram.h"
#include "aurora/bench/workloads/raw_reads.h"
#include "aurora/bench/workloads/report.h"
#include "aurora/runtime/random.h"

namespace aurora::bench {
namespace {

constexpr std::string_view kDevice = "device";
constexpr std::uint64_t kBudgetBytes = 256u << 20;
constexpr std::uint64_t kDataPerBudget = 10;
constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kValueBytes = 1000;
constexpr std::size_t kBatch = 100;
constexpr int kInFlight = 32;
constexpr std::size_t kKeysInGetMany = 32;
// Keys that far apart, 32 KB of data, share no block, nor a page of the file system.
constexpr std::uint64_t kStride = 32;
constexpr std::uint64_t kWarmUpGets = 2000;

template <class T>
void Shuffle(std::vector<T>* items, std::uint64_t seed) {
  SeededRandom random(seed);
  for (std::size_t i = items->size(); i > 1; --i) {
    std::swap((*items)[i - 1], (*items)[random.Below(i)]);
  }
}

class DeviceSuite {
 public:
  DeviceSuite(const KvSettings& settings, Report* report)
      : settings_(settings),
        rows_("device", settings.engine, report),
        budget_bytes_(settings.Scaled(kBudgetBytes)),
        keys_(std::max<std::uint64_t>(budget_bytes_ * kDataPerBudget / (kKeyBytes + kValueBytes),
                                      2 * kStride)) {
    options_.directory = settings.directory;
    // Four memtables and the cache are the budget.
    options_.memtable_bytes = budget_bytes_ / 16;
    options_.cache_bytes = budget_bytes_ - 4 * options_.memtable_bytes;
    options_.direct_reads = true;
    std::filesystem::remove_all(options_.directory);
  }
  ~DeviceSuite() { std::filesystem::remove_all(options_.directory); }

  void Run() {
    ForgetPeak();
    Load();
    AddPeak("memory, peak of the load");
    Gets("get, 1 in flight", 1);
    Gets("get, 32 in flight", kInFlight);
    GetMany();
    AddPeak("memory, peak of the gets");
  }

 private:
  // In an order that jumps about, as commits of a hundred.
  void Load() {
    const std::unique_ptr<KvEngine> engine = settings_.open(options_);
    const KvValues values(kValueBytes);
    constexpr std::uint64_t kStep = 2'654'435'761;  // a prime, so that every number has its turn
    std::vector<KvKey> keys;
    std::vector<KvEntry> batch;
    for (std::uint64_t i = 0; i < keys_;) {
      keys.clear();
      batch.clear();
      for (; keys.size() < kBatch && i < keys_; ++i) keys.push_back(KeyAt(i * kStep % keys_));
      for (const KvKey& key : keys) batch.emplace_back(key, values[i + batch.size()]);
      engine->PutBatch(batch);
    }
    engine->Settle();
    SampleMaps();
  }
  static KvKey KeyAt(std::uint64_t place) { return KvKey::InOrder(place); }

  // Keys whose places are `first` modulo kStride, in disorder.
  std::vector<KvKey> KeysApart(std::uint64_t first, std::uint64_t most, std::uint64_t seed) const {
    std::vector<KvKey> keys;
    for (std::uint64_t place = first; place < keys_; place += kStride) {
      keys.push_back(KeyAt(place));
    }
    Shuffle(&keys, seed);
    keys.erase(
        keys.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(keys.size(), most)),
        keys.end());
    return keys;
  }

  void WarmUp(KvEngine* engine, std::uint64_t place) const {
    std::string value;
    for (const KvKey& key : KeysApart(place, kWarmUpGets, place)) {
      rows_.Expect(engine->Read(key, &value) && value.size() == kValueBytes, "get");
    }
  }
  // Opened anew with nothing in memory, but for the indices and filters that some gets need.
  std::unique_ptr<KvEngine> OpenCold() const {
    ReturnFreeMemory();
    DropPageCache(options_.directory);
    std::unique_ptr<KvEngine> engine = settings_.open(options_);
    WarmUp(engine.get(), kStride / 2);  // all files are open from here on
    DropReadOnlyMaps(options_.directory);
    DropPageCache(options_.directory);
    WarmUp(engine.get(), kStride / 4);
    return engine;
  }

  // What the process has used so far.
  struct Used {
    std::uint64_t bytes_read = BytesRead();
    double processor_seconds = ProcessorSeconds();
  };
  void AddReads(Result result, std::string_view how, std::size_t gets, const Used& before) {
    SampleMaps();
    const Used after;
    const auto count = static_cast<double>(gets);
    char note[192];
    std::snprintf(note, sizeof note, "each %.2f KiB from the device, %.1f us of processors; %s",
                  static_cast<double>(after.bytes_read - before.bytes_read) / count / 1024,
                  (after.processor_seconds - before.processor_seconds) * 1e6 / count,
                  std::string(how).c_str());
    result.note = note + result.note;
    rows_.Add(std::move(result));
  }

  void Gets(const std::string& workload, int in_flight) {
    const std::vector<KvKey> keys = KeysApart(0, UINT64_MAX, 2);
    const std::unique_ptr<KvEngine> engine = OpenCold();
    Result result = rows_.New(workload);
    LatencyHistogram latencies;
    const Used before;
    const Clock::time_point start = Clock::now();
    const std::uint64_t found = engine->GetsInFlight(in_flight, keys, &latencies);
    result.ops_per_second = static_cast<double>(keys.size()) / SecondsSince(start);
    result.SetLatencies(latencies);
    rows_.Expect(found == keys.size(), workload);
    AddReads(std::move(result), engine->DeviceReads(), keys.size(), before);
  }

  void GetMany() {
    const std::vector<KvKey> keys = KeysApart(0, UINT64_MAX, 3);
    const std::unique_ptr<KvEngine> engine = OpenCold();
    const std::size_t calls = (keys.size() + kKeysInGetMany - 1) / kKeysInGetMany;
    const auto keys_each = static_cast<double>(keys.size()) / static_cast<double>(calls);
    const Used before;
    std::uint64_t found = 0;
    Result result = rows_.Timed("get of many, 32 keys", calls, keys_each, [&](std::uint64_t i) {
      const std::size_t first = i * kKeysInGetMany;
      const std::size_t count = std::min(kKeysInGetMany, keys.size() - first);
      found += engine->GetMany(std::span(keys).subspan(first, count));
    });
    rows_.Expect(found == keys.size(), "get of many");
    if (!engine->HasGetMany()) result.note = "; one by one: it has no such call";
    AddReads(std::move(result), engine->DeviceReads(), keys.size(), before);
  }

  // While the engine is open.
  void SampleMaps() { maps_bytes_ = std::max(maps_bytes_, ResidentFileBytes()); }
  void AddPeak(const std::string& workload) {
    const auto peak = static_cast<double>(PeakResidentBytes());
    char note[128];
    std::snprintf(note, sizeof note,
                  "%.0f MB resident, the budget is %.0f MB; %.0f MB of maps of files", peak / 1e6,
                  static_cast<double>(budget_bytes_) / 1e6, static_cast<double>(maps_bytes_) / 1e6);
    rows_.AddAmount(workload, peak / static_cast<double>(budget_bytes_), "of budget", note);
    maps_bytes_ = 0;
    ReturnFreeMemory();
    ForgetPeak();
  }

  const KvSettings& settings_;
  const KvRows rows_;
  const std::uint64_t budget_bytes_;
  const std::uint64_t keys_;
  KvOptions options_;
  std::uint64_t maps_bytes_ = 0;  // most of them resident, as sampled
};

// As many reads as the engines do gets, of a file as large as their data.
void RunRawReads(const KvSettings& settings, Report* report) {
  constexpr std::uint64_t kMega = 1u << 20;
  const KvRows rows("device", settings.engine, report);
  const std::uint64_t budget = settings.Scaled(kBudgetBytes);
  const std::uint64_t bytes = std::max(budget * kDataPerBudget / kMega, std::uint64_t{1}) * kMega;
  std::filesystem::create_directories(settings.directory);
  const std::string path = (std::filesystem::path(settings.directory) / "data").string();
  std::filesystem::remove(path);
  WriteIncompressibleFile(path, bytes, 1);
  for (const std::size_t block : {4096, 8192}) {
    for (const int depth : {1, kInFlight}) {
      std::vector<std::uint64_t> offsets(bytes / (kStride * (kKeyBytes + kValueBytes)) + 1);
      SeededRandom random(2);
      for (std::uint64_t& offset : offsets) offset = random.Below(bytes / block) * block;
      RawReads reads(path, static_cast<unsigned>(depth), block);
      Result result = rows.New("raw reads of " + std::to_string(block / 1024) + " KiB, " +
                               std::to_string(depth) + " in flight");
      const double before = ProcessorSeconds();
      const Clock::time_point start = Clock::now();
      reads.Run(offsets);
      const auto count = static_cast<double>(offsets.size());
      result.ops_per_second = count / SecondsSince(start);
      char note[64];
      std::snprintf(note, sizeof note, "each %.1f us of processors",
                    (ProcessorSeconds() - before) * 1e6 / count);
      result.note = note;
      rows.Add(std::move(result));
    }
  }
  std::filesystem::remove_all(settings.directory);
}

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) {
  using namespace aurora::bench;  // NOLINT: main is as good as in it
  KvProgram program;
  program.suite = "device";
  program.about = "Gets from the device, of ten times as much data as memory.";
  program.other_engines = {std::string(kDevice)};
  program.run = [](const KvSettings& settings, Report* report) {
    if (settings.engine == kDevice) {
      RunRawReads(settings, report);
    } else {
      DeviceSuite(settings, report).Run();
    }
  };
  return RunKvProgram(argc, argv, program);
}
