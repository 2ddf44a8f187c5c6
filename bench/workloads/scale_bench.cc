// How an engine does as its data grows, from one million keys to ten, or a hundred. tools/bench.sh
// scale runs this for each engine and compares.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/bench/workloads/footprint.h"
#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/kv_program.h"
#include "aurora/bench/workloads/kv_workload.h"
#include "aurora/bench/workloads/report.h"
#include "aurora/runtime/random.h"

namespace aurora::bench {
namespace {

constexpr std::uint64_t kMillion = 1'000'000;
constexpr std::uint64_t kMillions[] = {1, 2, 5, 10, 20, 50, 100};
constexpr std::uint64_t kMillionsMax = 10;  // unless in full
constexpr std::uint64_t kGets = 200'000;
constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kValueBytes = 100;

class Scale {
 public:
  Scale(const KvSettings& settings, Report* report)
      : settings_(settings), rows_("scale", settings.engine, report), values_(kValueBytes) {
    options_.directory = settings.directory;
    std::filesystem::remove_all(options_.directory);
    engine_ = settings_.open(options_);
  }
  ~Scale() {
    engine_.reset();
    std::filesystem::remove_all(options_.directory);
  }

  void Run() {
    for (const std::uint64_t millions : kMillions) {
      if (millions <= kMillionsMax || settings_.full) GrowTo(millions);
    }
  }

 private:
  void GrowTo(std::uint64_t millions) {
    const std::string suffix = ", " + std::to_string(millions) + " M keys";
    const std::uint64_t keys = settings_.Scaled(millions * kMillion);
    const std::uint64_t first = std::exchange(keys_, keys);
    rows_.Add(rows_.Timed("put" + suffix, keys - first, 1, [&](std::uint64_t i) {
      engine_->Put(KvKey(first + i), values_[first + i], false);
    }));
    engine_->Settle();
    AddSpace("space" + suffix);
    rows_.Add(rows_.Timed("scan" + suffix, 1, static_cast<double>(keys), [&](std::uint64_t) {
      rows_.Expect(engine_->Scan().first == keys, "scan");
    }));
    AddGets("get" + suffix);
    engine_.reset();
    const Clock::time_point start = Clock::now();
    engine_ = settings_.open(options_);
    ExpectFound(0);
    rows_.AddDuration("open" + suffix, SecondsSince(start));
  }
  void AddSpace(std::string workload) const {
    Result result = rows_.New(std::move(workload));
    result.space_ratio = static_cast<double>(DiskBytes(options_.directory)) /
                         static_cast<double>(keys_ * (kKeyBytes + kValueBytes));
    rows_.Add(std::move(result));
  }
  void AddGets(std::string workload) const {
    SeededRandom random(1);
    rows_.Add(rows_.Timed(std::move(workload), settings_.Scaled(kGets), 1,
                          [&](std::uint64_t) { ExpectFound(random.Below(keys_)); }));
  }
  void ExpectFound(std::uint64_t number) const {
    rows_.Expect(engine_->Get(KvKey(number)) == static_cast<std::int64_t>(kValueBytes), "get");
  }

  const KvSettings& settings_;
  const KvRows rows_;
  const KvValues values_;
  KvOptions options_;
  std::unique_ptr<KvEngine> engine_;
  std::uint64_t keys_ = 0;
};

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) {
  aurora::bench::KvProgram program;
  program.suite = "scale";
  program.about = "Puts, gets, scans, opening and space as the data grows.";
  program.run = [](const aurora::bench::KvSettings& settings, aurora::bench::Report* report) {
    aurora::bench::Scale(settings, report).Run();
  };
  return aurora::bench::RunKvProgram(argc, argv, program);
}
