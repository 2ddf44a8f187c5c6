// Puts, gets and both on 1 to 8 threads. tools/bench.sh threads runs this for each engine and
// compares.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/kv_program.h"
#include "aurora/bench/workloads/kv_workload.h"
#include "aurora/bench/workloads/report.h"
#include "aurora/runtime/random.h"

namespace aurora::bench {
namespace {

constexpr std::uint64_t kKeys = 1'000'000;
constexpr std::uint64_t kOperations = 1'000'000;
constexpr std::size_t kValueBytes = 100;
constexpr int kThreads[] = {1, 2, 4, 8};

void Run(const KvSettings& settings, Report* report) {
  KvOptions options;
  options.directory = settings.directory;
  std::filesystem::remove_all(options.directory);
  std::unique_ptr<KvEngine> engine = settings.open(options);
  const KvRows rows("threads", settings.engine, report);
  const KvValues values(kValueBytes);
  const std::uint64_t keys = settings.Scaled(kKeys);
  const std::uint64_t count = settings.Scaled(kOperations);
  for (std::uint64_t i = 0; i < keys; ++i) engine->Put(KvKey(i), values[i], false);

  std::vector<SeededRandom> randoms;
  const auto add = [&](const std::string& what, int threads, auto operation) {
    randoms.clear();
    for (int thread = 0; thread < threads; ++thread) {
      randoms.emplace_back(static_cast<std::uint64_t>(thread) + 1);
    }
    const std::string noun = threads == 1 ? " thread" : " threads";
    rows.Add(rows.OnThreads(what + ", " + std::to_string(threads) + noun, threads, count,
                            [&](int thread, std::uint64_t i) {
                              operation(&randoms[static_cast<std::size_t>(thread)], i);
                            }));
  };
  const auto put = [&](SeededRandom* random, std::uint64_t i) {
    engine->Put(KvKey(random->Below(keys)), values[i], false);
  };
  const auto get = [&](SeededRandom* random, std::uint64_t) {
    rows.Expect(engine->Get(KvKey(random->Below(keys))) == static_cast<std::int64_t>(kValueBytes),
                "get");
  };
  for (const int threads : kThreads) add("put", threads, put);
  engine->Settle();
  engine->Scan();
  for (const int threads : kThreads) add("get", threads, get);
  for (const int threads : kThreads) {
    add("half put half get", threads, [&](SeededRandom* random, std::uint64_t i) {
      if (i % 2 == 0) {
        put(random, i);
      } else {
        get(random, i);
      }
    });
  }
  engine.reset();
  std::filesystem::remove_all(options.directory);
}

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) {
  aurora::bench::KvProgram program;
  program.suite = "threads";
  program.about = "Puts, gets and both on 1 to 8 threads.";
  program.run = aurora::bench::Run;
  return aurora::bench::RunKvProgram(argc, argv, program);
}
