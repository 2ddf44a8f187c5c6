#include "aurora/bench/workloads/kv_suite.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include "aurora/bench/workloads/footprint.h"
#include "aurora/bench/workloads/latency_histogram.h"
#include "aurora/bench/workloads/recycled_file.h"
#include "aurora/runtime/random.h"

namespace aurora::bench {
namespace {

constexpr std::uint64_t kKeys = 1'000'000;
constexpr std::uint64_t kReads = 1'000'000;
constexpr std::uint64_t kSeeks = 100'000;
constexpr std::uint64_t kSyncedPuts = 2000;
constexpr double kMixedSeconds = 10;
constexpr std::uint64_t kLargeKeys = 300'000;
constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kValueBytes = 100;
constexpr std::size_t kLargeValueBytes = 1000;
constexpr std::size_t kBatch = 1000;
// With what an engine keeps besides them, these stay below the memtable's 64 MiB.
constexpr std::uint64_t kOverwritesInMemtable = 400'000;

void Overwrite(KvEngine* engine, std::uint64_t keys, std::uint64_t count) {
  SeededRandom random(4);
  const KvValues values(kValueBytes);
  for (std::uint64_t i = 0; i < count; ++i) {
    engine->Put(KvKey(random.Below(keys)), values[i], false);
  }
}

// One engine on one set of keys.
class Suite {
 public:
  Suite(const std::string& suite, const KvSettings& settings, Report* report, std::uint64_t keys,
        std::size_t value_bytes, std::string suffix)
      : settings_(settings),
        rows_(suite, settings.engine, report),
        keys_(settings.Scaled(keys)),
        values_(value_bytes),
        suffix_(std::move(suffix)) {
    options_.directory = settings.directory;
    std::filesystem::remove_all(options_.directory);
    engine_ = settings_.open(options_);
  }
  ~Suite() {
    engine_.reset();
    std::filesystem::remove_all(options_.directory);
  }

  void RunAll(const std::function<void()>& overwrite_and_die) {
    const std::uint64_t written = BytesWritten();
    Puts();
    Overwrites();
    Settle(written);
    Reads();
    MissingAndHotReads();
    Scans();
    Seeks();
    Mixed();
    ReopenClosed();
    ReopenKilled(overwrite_and_die);
    Synced();
  }
  void RunMain() {
    const std::uint64_t written = BytesWritten();
    Puts();
    Overwrites();
    Settle(written);
    Reads();
    Scans();
  }
  void RunBatches() {
    std::vector<KvKey> keys;
    for (std::uint64_t i = 0; i < kBatch * std::max<std::uint64_t>(1, keys_ / kBatch); ++i) {
      keys.emplace_back(i);
    }
    std::vector<KvEntry> batch(kBatch);
    Add("put, batches of 1000", keys.size() / kBatch, kBatch, [&](std::uint64_t i) {
      for (std::size_t j = 0; j < kBatch; ++j) batch[j] = {keys[i * kBatch + j], values_[j]};
      engine_->PutBatch(batch);
    });
  }

 private:
  Result New(const std::string& workload) const { return rows_.New(workload + suffix_); }
  template <class Operation>
  void Add(const std::string& workload, std::uint64_t count, double rows_each,
           Operation operation) {
    rows_.Add(rows_.Timed(workload + suffix_, count, rows_each, operation));
  }
  void ExpectFound(std::uint64_t key) const {
    rows_.Expect(engine_->Get(KvKey(key)) == static_cast<std::int64_t>(values_.size_bytes()),
                 "get");
  }

  void Puts() {
    Add("put, random", keys_, 1,
        [&](std::uint64_t i) { engine_->Put(KvKey(i), values_[i], false); });
  }
  void Overwrites() {
    SeededRandom random(1);
    Add("overwrite, random", keys_, 1,
        [&](std::uint64_t i) { engine_->Put(KvKey(random.Below(keys_)), values_[i], false); });
  }

  // `written`: BytesWritten before the first of keys_ puts and keys_ overwrites.
  void Settle(std::uint64_t written) {
    const double live = static_cast<double>(keys_ * (kKeyBytes + values_.size_bytes()));
    const double before = static_cast<double>(BytesWritten() - written) / (2 * live);
    const Clock::time_point start = Clock::now();
    engine_->Settle();
    const double seconds = SecondsSince(start);
    // Some remove their old files a little later.
    std::this_thread::sleep_for(std::chrono::duration<double>(settings_.scale));
    Result result = New("writes and space, settled");
    char note[64];
    std::snprintf(note, sizeof note, "%.2f written before settling, which took %.1f s", before,
                  seconds);
    result.note = note;
    if (const std::string remarks = engine_->Remarks(); !remarks.empty()) {
      result.note += "; " + remarks;
    }
    result.bytes_written_per_byte = static_cast<double>(BytesWritten() - written) / (2 * live);
    result.space_ratio = static_cast<double>(DiskBytes(options_.directory)) / live;
    rows_.Add(std::move(result));
    engine_->Scan();  // everything is in the caches from here on
  }

  void Reads() {
    SeededRandom random(1);
    Add("get, random, cached", settings_.Scaled(kReads), 1,
        [&](std::uint64_t) { ExpectFound(random.Below(keys_)); });
  }
  void MissingAndHotReads() {
    SeededRandom random(1);
    Add("get, missing", settings_.Scaled(kReads), 1, [&](std::uint64_t) {
      rows_.Expect(engine_->Get(KvKey(2 * keys_ + random.Below(keys_))) == -1,
                   "get of a missing key");
    });
    const std::uint64_t hot = std::max<std::uint64_t>(1, keys_ / 100);
    Add("get, hottest 1%", settings_.Scaled(kReads), 1,
        [&](std::uint64_t) { ExpectFound(random.Below(hot)); });
  }
  void Scans() {
    Add("full scan", 5, static_cast<double>(keys_),
        [&](std::uint64_t) { rows_.Expect(engine_->Scan().first == keys_, "scan"); });
  }
  void Seeks() {
    SeededRandom random(1);
    Add("seek + next 50", settings_.Scaled(kSeeks), 1, [&](std::uint64_t) {
      rows_.Expect(engine_->SeekAndNext(KvKey(random.Below(keys_)), 50) > 0, "seek");
    });
  }

  // Gets while one writer overwrites as fast as it can.
  void Mixed() {
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> puts{0};
    std::thread writer([&] {
      SeededRandom random(2);
      for (std::uint64_t i = 0; !stop.load(std::memory_order_relaxed); ++i) {
        engine_->Put(KvKey(random.Below(keys_)), values_[i], false);
        puts.store(i + 1, std::memory_order_relaxed);
      }
    });
    SeededRandom random(3);
    LatencyHistogram latencies;
    const Clock::time_point start = Clock::now();
    const auto end =
        start + std::chrono::microseconds(static_cast<long>(kMixedSeconds * settings_.scale * 1e6));
    for (Clock::time_point before = start; before < end;) {
      ExpectFound(random.Below(keys_));
      const Clock::time_point after = Clock::now();
      latencies.Record((after - before).count());
      before = after;
    }
    const double seconds = SecondsSince(start);
    const auto puts_done = static_cast<double>(puts.load());
    stop = true;
    writer.join();
    Result reads = New("get while one writer runs");
    reads.ops_per_second = static_cast<double>(latencies.count()) / seconds;
    reads.SetLatencies(latencies);
    rows_.Add(std::move(reads));
    Result writes = New("the writer meanwhile");
    writes.ops_per_second = puts_done / seconds;
    rows_.Add(std::move(writes));
  }

  void TimeReopening(const std::string& workload) {
    const Clock::time_point start = Clock::now();
    engine_ = settings_.open(options_);
    ExpectFound(0);
    rows_.AddDuration(workload + suffix_, SecondsSince(start));
  }
  void ReopenClosed() {
    engine_->Settle();
    Overwrite(engine_.get(), keys_, settings_.Scaled(kOverwritesInMemtable));
    engine_.reset();
    TimeReopening("reopen after a clean close");
  }
  void ReopenKilled(const std::function<void()>& overwrite_and_die) {
    engine_->Settle();
    engine_.reset();
    overwrite_and_die();
    TimeReopening("reopen after a kill");
  }

  void Synced() {
    engine_.reset();
    options_.for_synced_puts = true;
    engine_ = settings_.open(options_);
    engine_->Settle();  // some flush what they have recovered after opening, others before
    const std::uint64_t puts = settings_.Scaled(kSyncedPuts);
    Add("synced put, 1 writer", puts, 1,
        [&](std::uint64_t i) { engine_->Put(KvKey(i), values_[i], true); });
    const auto each = [&](int writers) {
      return static_cast<int>(
          std::max<std::uint64_t>(1, 4 * puts / static_cast<unsigned>(writers)));
    };
    Add("synced put, 8 threads", 1, 8 * each(8),
        [&](std::uint64_t) { engine_->SyncedPutsOnThreads(8, each(8)); });
    Add("synced put, 64 at once", 1, 64 * each(64),
        [&](std::uint64_t) { engine_->SyncedPuts(64, each(64)); });
  }

  const KvSettings& settings_;
  const KvRows rows_;
  const std::uint64_t keys_;
  const KvValues values_;
  const std::string suffix_;
  KvOptions options_;
  std::unique_ptr<KvEngine> engine_;
};

}  // namespace

void RunKvSuite(const KvSettings& settings, const std::function<void()>& overwrite_and_die,
                Report* report) {
  Suite("kv", settings, report, kKeys, kValueBytes, "").RunAll(overwrite_and_die);
  Suite("kv", settings, report, kKeys, kValueBytes, "").RunBatches();
  Suite("kv", settings, report, kLargeKeys, kLargeValueBytes, ", 1000 B").RunMain();
}

void RunValuesSuite(const KvSettings& settings, Report* report) {
  Suite("values", settings, report, 1'000'000, 100, ", 100 B").RunMain();
  Suite("values", settings, report, 300'000, 1 << 10, ", 1 KiB").RunMain();
  Suite("values", settings, report, 30'000, 16 << 10, ", 16 KiB").RunMain();
}

void OverwriteAndDie(const KvSettings& settings) {
  KvOptions options;
  options.directory = settings.directory;
  const std::unique_ptr<KvEngine> engine = settings.open(options);
  Overwrite(engine.get(), settings.Scaled(kKeys), settings.Scaled(kOverwritesInMemtable));
  std::raise(SIGKILL);
  std::abort();
}

void RunRawDevice(const KvSettings& settings, Report* report) {
  RecycledFile file(settings.directory);
  const KvRows rows("kv", settings.engine, report);
  rows.Add(rows.Timed("synced put, 1 writer", settings.Scaled(kSyncedPuts), 1,
                      [&](std::uint64_t) { file.WriteSynced(); }));
}

}  // namespace aurora::bench
