// YCSB's core workloads on one engine. tools/bench.sh ycsb runs this for each engine and compares.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/kv_program.h"
#include "aurora/bench/workloads/kv_workload.h"
#include "aurora/bench/workloads/report.h"
#include "aurora/bench/workloads/ycsb_generators.h"
#include "aurora/runtime/random.h"

namespace aurora::bench {
namespace {

constexpr std::uint64_t kRecords = 500'000;
constexpr std::uint64_t kOperations = 500'000;
constexpr std::uint64_t kScans = 50'000;
constexpr std::size_t kFieldBytes = 100;
constexpr std::size_t kRecordBytes = 10 * kFieldBytes;
constexpr std::size_t kKeyBytes = 16;
constexpr std::uint64_t kScanRowsMax = 100;

// What of a hundred operations are which; the rest inserts.
struct Mix {
  std::string_view name;
  unsigned reads = 0, updates = 0, scans = 0, read_modify_writes = 0;
  bool latest = false;
};
constexpr Mix kMixes[] = {
    {.name = "A, 50 read 50 update", .reads = 50, .updates = 50},
    {.name = "B, 95 read 5 update", .reads = 95, .updates = 5},
    {.name = "C, 100 read", .reads = 100},
    {.name = "F, 50 read 50 read-modify-write", .reads = 50, .read_modify_writes = 50},
    {.name = "D, 95 read latest 5 insert", .reads = 95, .latest = true},
};
constexpr Mix kScanMix = {.name = "E, 95 scan 5 insert", .scans = 95};

// Whose key is `number`, in the first bytes of the record: so that each answer can be checked.
void Sign(std::uint64_t number, std::string* record) {
  std::memcpy(record->data(), &number, sizeof number);
}
bool IsSigned(std::uint64_t number, const std::string& record) {
  return record.size() == kRecordBytes && std::memcmp(record.data(), &number, sizeof number) == 0;
}

// The records that there are: [0, count()). Inserts from several threads get numbers in order, and
// a number counts once those before it are in too.
class Records {
 public:
  explicit Records(std::uint64_t count) : next_(count), count_(count) {}
  std::uint64_t count() const { return count_.load(std::memory_order_acquire); }
  std::uint64_t TakeNext() { return next_.fetch_add(1, std::memory_order_relaxed); }
  void Inserted(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    early_.push_back(number);
    for (;;) {
      const auto found = std::find(early_.begin(), early_.end(), count());
      if (found == early_.end()) return;
      early_.erase(found);
      count_.fetch_add(1, std::memory_order_release);
    }
  }

 private:
  std::atomic<std::uint64_t> next_;
  std::atomic<std::uint64_t> count_;
  std::mutex mutex_;
  std::vector<std::uint64_t> early_;  // guarded by mutex_
};

// One thread of clients.
class Client {
 public:
  Client(const KvRows* rows, KvEngine* engine, const KvValues* values, Records* records,
         const ScrambledZipfianGenerator* zipfian, LatestGenerator latest, const Mix* mix,
         std::uint64_t seed)
      : rows_(*rows),
        engine_(*engine),
        values_(*values),
        records_(*records),
        zipfian_(*zipfian),
        latest_(latest),
        mix_(*mix),
        random_(seed) {}

  void Operate(std::uint64_t i) {
    std::uint64_t die = random_.Below(100);
    const auto falls = [&die](unsigned share) {
      if (die < share) return true;
      die -= share;
      return false;
    };
    if (falls(mix_.reads)) return Read(Choose());
    if (falls(mix_.updates)) return Write(Choose(), i);
    if (falls(mix_.scans)) return Scan(Choose());
    if (falls(mix_.read_modify_writes)) return ReadModifyWrite(Choose(), i);
    const std::uint64_t number = records_.TakeNext();
    Write(number, i);
    records_.Inserted(number);
  }

 private:
  std::uint64_t Choose() {
    if (!mix_.latest) return zipfian_.Next(&random_);
    latest_.GrowTo(records_.count());
    return latest_.Next(&random_);
  }
  void Read(std::uint64_t number) {
    rows_.Expect(engine_.Read(KvKey(number), &record_) && IsSigned(number, record_), "read");
  }
  void Write(std::uint64_t number, std::uint64_t i) {
    record_ = values_[i];
    Sign(number, &record_);
    engine_.Put(KvKey(number), record_, false);
  }
  void ReadModifyWrite(std::uint64_t number, std::uint64_t i) {
    Read(number);
    const std::size_t field = (1 + random_.Below(9)) * kFieldBytes;
    record_.replace(field, kFieldBytes, values_[i], field, kFieldBytes);
    engine_.Put(KvKey(number), record_, false);
  }
  void Scan(std::uint64_t number) {
    const auto wanted = 1 + random_.Below(kScanRowsMax);
    const std::uint64_t rows = engine_.SeekAndNext(KvKey(number), static_cast<int>(wanted));
    rows_.Expect(rows > 0 && rows <= wanted, "scan");
  }

  const KvRows& rows_;
  KvEngine& engine_;
  const KvValues& values_;
  Records& records_;
  const ScrambledZipfianGenerator& zipfian_;
  LatestGenerator latest_;
  const Mix& mix_;
  SeededRandom random_;
  std::string record_;
};

// All mixes on one engine with one size of cache.
class Ycsb {
 public:
  Ycsb(const KvSettings& settings, int threads, bool cached, Report* report)
      : settings_(settings),
        rows_("ycsb", settings.engine, report),
        threads_(threads),
        suffix_(cached ? ", cached" : ", 5x cache"),
        loaded_(settings.Scaled(kRecords)),
        values_(kRecordBytes),
        zipfian_(loaded_) {
    options_.directory = settings.directory;
    // No cache of its own is less than that, nor a memtable.
    const std::uint64_t fifth = loaded_ * (kKeyBytes + kRecordBytes) / 5;
    if (!cached) options_.cache_bytes = std::max<std::uint64_t>(fifth, 1u << 20);
    if (!cached) options_.memtable_bytes = std::max<std::uint64_t>(fifth / 8, 1u << 20);
  }
  ~Ycsb() { std::filesystem::remove_all(options_.directory); }

  void Run() {
    Load(true);
    for (const Mix& mix : kMixes) RunMix(mix, settings_.Scaled(kOperations));
    engine_.reset();
    Load(false);
    RunMix(kScanMix, settings_.Scaled(kScans));
    engine_.reset();
  }

 private:
  // As YCSB does: D and E add records, so E begins anew.
  void Load(bool report) {
    std::filesystem::remove_all(options_.directory);
    engine_ = settings_.open(options_);
    std::string record;
    Result result = rows_.Timed("load" + suffix_, loaded_, 1, [&](std::uint64_t i) {
      record = values_[i];
      Sign(i, &record);
      engine_->Put(KvKey(i), record, false);
    });
    if (report) rows_.Add(std::move(result));
    engine_->Settle();
    engine_->Scan();  // what fits the cache is in it
    records_ = std::make_unique<Records>(loaded_);
  }

  void RunMix(const Mix& mix, std::uint64_t operations) {
    const std::string name = std::string(mix.name) + suffix_;
    rows_.Add(OnThreads(name, mix, 1, operations));
    rows_.Add(
        OnThreads(name + ", " + std::to_string(threads_) + " threads", mix, threads_, operations));
  }

  Result OnThreads(std::string name, const Mix& mix, int threads, std::uint64_t operations) {
    std::vector<Client> clients;
    const LatestGenerator latest(records_->count());
    for (int thread = 0; thread < threads; ++thread) {
      const auto seed = static_cast<std::uint64_t>(100 * threads + thread);
      clients.emplace_back(&rows_, engine_.get(), &values_, records_.get(), &zipfian_, latest, &mix,
                           seed);
    }
    return rows_.OnThreads(std::move(name), threads, operations, [&](int thread, std::uint64_t i) {
      clients[static_cast<std::size_t>(thread)].Operate(i);
    });
  }

  const KvSettings& settings_;
  const KvRows rows_;
  const int threads_;
  const std::string suffix_;
  const std::uint64_t loaded_;
  const KvValues values_;
  const ScrambledZipfianGenerator zipfian_;
  KvOptions options_;
  std::unique_ptr<KvEngine> engine_;
  std::unique_ptr<Records> records_;
};

int Main(int argc, char** argv) {
  int threads = 4;
  KvProgram program;
  program.suite = "ycsb";
  program.about = "YCSB's core workloads A to F.";
  program.add_options = [&](CLI::App* app) {
    app->add_option("--threads", threads, "of the rows with several")->check(CLI::Range(2, 1000));
  };
  program.run = [&](const KvSettings& settings, Report* report) {
    Ycsb(settings, threads, true, report).Run();
    Ycsb(settings, threads, false, report).Run();
  };
  return RunKvProgram(argc, argv, program);
}

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) { return aurora::bench::Main(argc, argv); }
