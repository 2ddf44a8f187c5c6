// A database of users, as the documents workloads have them (bench/workloads): one operation at a
// time, for profiles.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/bench/workloads/document_engine.h"
#include "aurora/bench/workloads/document_store.h"
#include "aurora/bench/workloads/document_users.h"
#include "benchmark/benchmark.h"

namespace aurora::bench {
namespace {

constexpr std::uint64_t kUsers = 50'000;
constexpr std::uint64_t kHot = 500;
constexpr std::size_t kLimit = 10;

DocumentOptions Options(const std::string& name) {
  const char* parent = std::getenv("TEST_TMPDIR");
  DocumentOptions options;
  options.directory = std::string(parent != nullptr ? parent : "/tmp") + "/aurora_" + name;
  return options;
}

// Settled, and shared by all that change nothing.
DocumentStore& Users() {
  static const std::unique_ptr<DocumentStore> store = [] {
    auto made = std::make_unique<DocumentStore>(OpenAuroraDocuments, Options("users"));
    made->GrowTo(kUsers);
    made->engine().Settle();
    for (std::uint64_t i = 0; i < kUsers; ++i) made->Has(i);
    return made;
  }();
  return *store;
}

void DatabaseGetHot(benchmark::State& state) {
  DocumentStore& users = Users();
  std::uint64_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(users.engine().Get(users.ids()[i++ % kHot]));
}
BENCHMARK(DatabaseGetHot);

void DatabaseGetAnyHot(benchmark::State& state) {
  DocumentStore& users = Users();
  std::uint64_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(users.engine().Get(users.ids()[i]));
    i = (i + 7919) % kUsers;
  }
}
BENCHMARK(DatabaseGetAnyHot);

void QueryUniqueEmail(benchmark::State& state) {
  DocumentStore& users = Users();
  std::uint64_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(users.engine().FindByEmail(UserEmail(i).view()));
    i = (i + 7919) % kUsers;
  }
}
BENCHMARK(QueryUniqueEmail);

void QueryCityLimit10(benchmark::State& state) {
  DocumentStore& users = Users();
  std::uint32_t city = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(users.engine().FindByCity(city, kLimit));
    city = (city + 1) % kCities;
  }
}
BENCHMARK(QueryCityLimit10);

UserCondition Condition(std::uint32_t i) { return {i % kCities, i % kStatuses, 30, 49}; }

void QueryCountOfThree(benchmark::State& state) {
  DocumentStore& users = Users();
  std::uint32_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(users.engine().Count(Condition(i++)));
}
BENCHMARK(QueryCountOfThree);

void QueryBest10(benchmark::State& state) {
  DocumentStore& users = Users();
  std::uint32_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(users.engine().Best(Condition(i++), kLimit));
}
BENCHMARK(QueryBest10)->Unit(benchmark::kMicrosecond);

// `range(0)` users in a commit, into a store that grows meanwhile. The rate is in users.
void DatabaseInsert(benchmark::State& state) {
  DocumentStore store(OpenAuroraDocuments, Options("insert"));
  const auto each = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    if (each == 1) {
      store.Insert();
    } else {
      store.InsertBatch(each);
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(DatabaseInsert)->Arg(1)->Arg(1000)->Unit(benchmark::kMicrosecond);

void DatabaseUpdateByEmail(benchmark::State& state) {
  DocumentStore store(OpenAuroraDocuments, Options("update"));
  constexpr std::uint64_t kUpdated = 5000;
  store.GrowTo(kUpdated);
  store.engine().Settle();
  std::uint32_t i = 0;
  for (auto _ : state) {
    const std::uint32_t age = kAgeMin + i / kUpdated % kAges;
    benchmark::DoNotOptimize(store.engine().UpdateAge(UserEmail(i++ % kUpdated).view(), age));
  }
}
BENCHMARK(DatabaseUpdateByEmail)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace aurora::bench
