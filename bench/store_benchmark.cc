// The store as a plain key-value engine: 16-byte keys, 100-byte values. The directory is made below
// $TEST_TMPDIR or /tmp.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/system_environment.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kKeyCount = 500'000;
constexpr std::size_t kValueBytes = 100;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

// Key number `i`, in an order that looks random. `odd`: one that is never stored.
struct Key {
  explicit Key(std::uint64_t i, bool odd = false) {
    const std::uint64_t scrambled = i * 0x9E3779B97F4A7C15u;
    for (int byte = 0; byte < 8; ++byte) {
      bytes[byte] = static_cast<char>(scrambled >> (56 - 8 * byte));
    }
    std::memcpy(bytes + 8, &i, 8);
    if (odd) bytes[15] = 'x';
  }
  std::string_view view() const { return {bytes, sizeof bytes}; }
  char bytes[16];
};

// Half-compressible, and different for each number.
std::string MakeValue(std::uint64_t i) {
  std::string value(kValueBytes, 'v');
  SeededRandom random(i);
  for (std::size_t at = 0; at < kValueBytes / 2; at += 8) {
    const std::uint64_t word = random.Next64();
    std::memcpy(value.data() + at, &word, std::min<std::size_t>(8, kValueBytes / 2 - at));
  }
  return value;
}

class Database {
 public:
  explicit Database(Durability durability, StoreOptions options = {}) {
    static int number = 0;
    const char* parent = std::getenv("TEST_TMPDIR");
    directory_ = std::string(parent != nullptr ? parent : "/tmp") + "/aurora_store_benchmark_" +
                 std::to_string(number++);
    std::filesystem::remove_all(directory_);
    environment_ = *MakeSystemEnvironment();
    options.directory = directory_;
    options.durability = durability;
    options.memtable_bytes = 64u << 20;
    options.block_cache_bytes = 1u << 30;
    kv_ = *BlockOn(KvStore::Open(*environment_, options));
  }
  ~Database() {
    Check(BlockOn(kv_->Close()));
    std::filesystem::remove_all(directory_);
  }
  KvStore& kv() { return *kv_; }

  void Fill() {
    for (std::uint64_t i = 0; i < kKeyCount;) {
      WriteBatch batch;
      for (int n = 0; n < 1000; ++n, ++i) batch.Put(Key(i).view(), MakeValue(i));
      Check(BlockOn(kv_->Write(batch)).status());
    }
    Check(BlockOn(kv_->store().Compact()));
    Check(BlockOn(kv_->store().WaitIdle()));
  }

 private:
  std::string directory_;
  std::shared_ptr<Environment> environment_;
  std::unique_ptr<KvStore> kv_;
};

void Put(benchmark::State& state) {
  Database database(Durability::kProcess);
  std::vector<std::string> values;
  for (std::uint64_t i = 0; i < 1024; ++i) values.push_back(MakeValue(i));
  SeededRandom random(1);
  for (auto _ : state) {
    const std::uint64_t i = random.Below(1'000'000);
    auto put = database.kv().Put(Key(i).view(), values[i % 1024]);
    Check(put.IsReady() ? std::move(put).TakeReady().status() : BlockOn(std::move(put)).status());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Put)->Iterations(1'000'000)->Unit(benchmark::kMicrosecond);

void PutBatchOf1000(benchmark::State& state) {
  Database database(Durability::kProcess);
  const std::string value = MakeValue(1);
  SeededRandom random(1);
  for (auto _ : state) {
    WriteBatch batch;
    for (int n = 0; n < 1000; ++n) batch.Put(Key(random.Below(1'000'000)).view(), value);
    Check(BlockOn(database.kv().Write(batch)).status());
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(PutBatchOf1000)->Iterations(1000)->Unit(benchmark::kMicrosecond);

void SyncedPut(benchmark::State& state) {
  Database database(Durability::kSync);
  const std::string value = MakeValue(1);
  std::uint64_t i = 0;
  for (auto _ : state) Check(BlockOn(database.kv().Put(Key(i++).view(), value)).status());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(SyncedPut)->Iterations(2000)->Unit(benchmark::kMicrosecond)->UseRealTime();

Task<absl::Status> PutMany(KvStore* kv, std::uint64_t first, int count) {
  const std::string value = MakeValue(1);
  for (int i = 0; i < count; ++i) {
    const Key key(first + static_cast<std::uint64_t>(i));
    const auto put = co_await kv->Put(key.view(), value);
    if (!put.ok()) co_return put.status();
  }
  co_return absl::OkStatus();
}

Task<absl::Status> PutFromMany(KvStore* kv, int coroutines, int each) {
  TaskGroup group;
  for (int c = 0; c < coroutines; ++c) {
    group.Spawn(*Executor::Current(), PutMany(kv, static_cast<std::uint64_t>(c) * 1'000'000, each));
  }
  absl::Status status = co_await group.Join();
  co_return status;
}

void SyncedPutBy64(benchmark::State& state) {
  Database database(Durability::kSync);
  for (auto _ : state) Check(BlockOn(PutFromMany(&database.kv(), 64, 500)));
  state.SetItemsProcessed(state.iterations() * 64 * 500);
}
BENCHMARK(SyncedPutBy64)->Iterations(2)->Unit(benchmark::kMillisecond)->UseRealTime();

Database& Filled() {
  static Database* const database = [] {
    auto* filled = new Database(Durability::kProcess);
    filled->Fill();
    return filled;
  }();
  return *database;
}

void GetAll(KvStore& kv, benchmark::State& state) {
  for (std::uint64_t i = 0; i < kKeyCount; ++i) Check(BlockOn(kv.Get(Key(i).view())).status());
  SeededRandom random(2);
  for (auto _ : state) {
    const auto found = BlockOn(kv.Get(Key(random.Below(kKeyCount)).view()));
    AURORA_CHECK(found.ok() && found->has_value());
  }
  state.SetItemsProcessed(state.iterations());
}

void GetCached(benchmark::State& state) { GetAll(Filled().kv(), state); }
BENCHMARK(GetCached)->Unit(benchmark::kMicrosecond);

// One in so many gets is timed (StoreOptions::latency_sampling).
void GetCachedAndTimed(benchmark::State& state) {
  StoreOptions options;
  options.latency_sampling = static_cast<int>(state.range(0));
  Database database(Durability::kProcess, options);
  database.Fill();
  GetAll(database.kv(), state);
}
BENCHMARK(GetCachedAndTimed)->Arg(0)->Arg(64)->Arg(1)->Unit(benchmark::kMicrosecond);

void GetMissing(benchmark::State& state) {
  KvStore& kv = Filled().kv();
  SeededRandom random(2);
  for (auto _ : state) {
    const auto found = BlockOn(kv.Get(Key(random.Below(kKeyCount), /*odd=*/true).view()));
    AURORA_CHECK(found.ok() && !found->has_value());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(GetMissing)->Unit(benchmark::kMicrosecond);

Task<absl::Status> ScanAll(KvStore* kv, std::uint64_t* count) {
  const IterateOptions options;
  const std::unique_ptr<Iterator> iterator = kv->store().NewIterator(0, options);
  absl::Status status = co_await iterator->SeekToFirst();
  while (status.ok() && iterator->Valid()) {
    ++*count;
    benchmark::DoNotOptimize(iterator->value().size());
    auto next = iterator->Next();
    if (next.IsReady()) {
      status = std::move(next).TakeReady();
    } else {
      status = co_await std::move(next);
    }
  }
  co_return status;
}

void Scan(benchmark::State& state) {
  KvStore& kv = Filled().kv();
  std::uint64_t count = 0;
  for (auto _ : state) Check(BlockOn(ScanAll(&kv, &count)));
  state.SetItemsProcessed(static_cast<std::int64_t>(count));
}
BENCHMARK(Scan)->Unit(benchmark::kMillisecond);

Task<absl::Status> SeekAndStep(KvStore* kv, std::uint64_t i, int steps) {
  const IterateOptions options;
  const std::unique_ptr<Iterator> iterator = kv->store().NewIterator(0, options);
  const Key key(i);
  absl::Status status = co_await iterator->Seek(key.view());
  for (int n = 0; n < steps && status.ok() && iterator->Valid(); ++n) {
    status = co_await iterator->Next();
  }
  co_return status;
}

void SeekAndNext50(benchmark::State& state) {
  KvStore& kv = Filled().kv();
  SeededRandom random(3);
  for (auto _ : state) Check(BlockOn(SeekAndStep(&kv, random.Below(kKeyCount), 50)));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(SeekAndNext50)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace aurora::lsm
