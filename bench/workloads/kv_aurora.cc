#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/system_environment.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora::bench {
namespace {

using Clock = std::chrono::steady_clock;

// What a commit takes, with room for what the log adds: its synced groups hold 4 MiB.
constexpr std::size_t kBatchBytesMax = 3u << 20;

void Check(const absl::Status& status, std::string_view what) {
  if (!status.ok()) KvFail("Aurora", what, status.ToString());
}

template <class T>
T Take(absl::StatusOr<T> result, std::string_view what) {
  Check(result.status(), what);
  return *std::move(result);
}

Task<absl::Status> SyncedWriter(lsm::KvStore* kv, std::uint64_t first, int puts) {
  const std::string value = KvValue(0, 100);
  for (int i = 0; i < puts; ++i) {
    const KvKey key(first + static_cast<std::uint64_t>(i));
    const auto put = co_await kv->Put(key, value, lsm::Durability::kSync);
    if (!put.ok()) co_return put.status();
  }
  co_return absl::OkStatus();
}

Task<absl::Status> SyncedWriters(lsm::KvStore* kv, int writers, int puts) {
  TaskGroup group;
  for (int writer = 0; writer < writers; ++writer) {
    group.Spawn(*Executor::Current(), SyncedWriter(kv, FirstKeyOfWriter(writer), puts));
  }
  absl::Status status = co_await group.Join();
  co_return status;
}

Task<absl::Status> ScanAll(lsm::KvStore* kv, std::uint64_t* rows, std::uint64_t* bytes) {
  const lsm::IterateOptions options;
  const std::unique_ptr<lsm::Iterator> it = kv->store().NewIterator(0, options);
  AURORA_CO_RETURN_IF_ERROR(co_await it->SeekToFirst());
  while (it->Valid()) {
    ++*rows;
    *bytes += it->key().size() + it->value().size();
    AURORA_CO_RETURN_IF_ERROR(co_await it->Next());
  }
  co_return absl::OkStatus();
}

Task<absl::Status> SeekAndStep(lsm::KvStore* kv, std::string_view key, std::uint64_t count,
                               std::uint64_t* rows, std::uint64_t* bytes) {
  const lsm::IterateOptions options;
  const std::unique_ptr<lsm::Iterator> it = kv->store().NewIterator(0, options);
  AURORA_CO_RETURN_IF_ERROR(co_await it->Seek(key));
  while (it->Valid() && *rows < count) {
    *bytes += it->value().size();
    ++*rows;
    AURORA_CO_RETURN_IF_ERROR(co_await it->Next());
  }
  co_return absl::OkStatus();
}

// Of the readers that share the work.
struct Reading {
  std::span<const KvKey> keys;
  LatencyHistogram* latencies;
  std::size_t next = 0;
  std::uint64_t found = 0;
};

Task<absl::Status> ReadInTurn(lsm::KvStore* kv, Reading* reading) {
  while (reading->next < reading->keys.size()) {
    const std::string_view key = reading->keys[reading->next++];
    const Clock::time_point before = Clock::now();
    AURORA_CO_ASSIGN(const auto value, co_await kv->Get(key));
    reading->latencies->Record((Clock::now() - before).count());
    if (value.has_value()) ++reading->found;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Readers(lsm::KvStore* kv, int readers, Reading* reading) {
  TaskGroup group;
  for (int reader = 0; reader < readers; ++reader) {
    group.Spawn(*Executor::Current(), ReadInTurn(kv, reading));
  }
  absl::Status status = co_await group.Join();
  co_return status;
}

lsm::StoreOptions TunedOptions(const KvOptions& options) {
  lsm::StoreOptions store;
  store.memtable_bytes = options.memtable_bytes;
  store.block_cache_bytes = options.cache_bytes;
  store.direct_reads = options.direct_reads;
  return store;
}

// Puts that need not be synced are kProcess: they survive the process, as what the peers hand to
// the kernel does.
class AuroraEngine final : public KvEngine {
 public:
  AuroraEngine(std::string_view name, const KvOptions& options, lsm::StoreOptions store)
      : name_(name),
        direct_reads_(store.direct_reads),
        environment_(Take(MakeSystemEnvironment(), "environment")),
        // Memtables and cache, as the peers have, and what tables need besides.
        memory_(store.block_cache_bytes + 4 * store.memtable_bytes) {
    store.directory = options.directory;
    store.durability = options.for_synced_puts ? lsm::Durability::kSync : lsm::Durability::kProcess;
    store.memory = &memory_;
    kv_ = Take(BlockOn(lsm::KvStore::Open(*environment_, std::move(store))), "open");
  }
  ~AuroraEngine() override { Check(BlockOn(kv_->Close()), "close"); }

  std::string_view name() const override { return name_; }
  void Put(std::string_view key, std::string_view value, bool sync) override {
    Check(BlockOn(kv_->Put(key, value, Level(sync))).status(), "put");
  }
  void PutBatch(std::span<const KvEntry> entries, bool sync) override {
    lsm::WriteBatch batch;
    for (const auto& [key, value] : entries) batch.Put(key, value);
    Check(BlockOn(kv_->Write(batch, Level(sync))).status(), "write");
  }
  void DeleteBatch(std::span<const std::string_view> keys, bool sync) override {
    lsm::WriteBatch batch;
    for (const std::string_view key : keys) batch.Delete(key);
    Check(BlockOn(kv_->Write(batch, Level(sync))).status(), "delete");
  }
  std::size_t BatchBytesMax() const override { return kBatchBytesMax; }
  std::int64_t Get(std::string_view key) override {
    const auto found = BlockOn(kv_->Get(key));
    Check(found.status(), "get");
    return found->has_value() ? static_cast<std::int64_t>((*found)->view().size()) : -1;
  }
  bool Read(std::string_view key, std::string* value) override {
    const auto found = BlockOn(kv_->Get(key));
    Check(found.status(), "get");
    if (found->has_value()) value->assign((*found)->view());
    return found->has_value();
  }
  std::uint64_t GetMany(std::span<const KvKey> keys) override {
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    std::uint64_t found = 0;
    for (const auto& value : Take(BlockOn(kv_->GetMany(views)), "get of many")) {
      if (value.has_value()) ++found;
    }
    return found;
  }
  bool HasGetMany() const override { return true; }
  // All as coroutines of one thread.
  std::uint64_t GetsInFlight(int in_flight, std::span<const KvKey> keys,
                             LatencyHistogram* latencies) override {
    Reading reading{.keys = keys, .latencies = latencies};
    Check(BlockOn(Readers(kv_.get(), in_flight, &reading)), "gets");
    return reading.found;
  }
  std::string_view DeviceReads() const override {
    return direct_reads_ ? "direct reads" : "through the page cache, emptied before";
  }
  std::pair<std::uint64_t, std::uint64_t> Scan() override {
    std::uint64_t rows = 0, bytes = 0;
    Check(BlockOn(ScanAll(kv_.get(), &rows, &bytes)), "scan");
    return {rows, bytes};
  }
  std::uint64_t SeekAndNext(std::string_view key, int count) override {
    std::uint64_t rows = 0, bytes = 0;
    const auto wanted = static_cast<std::uint64_t>(count);
    Check(BlockOn(SeekAndStep(kv_.get(), key, wanted, &rows, &bytes)), "seek");
    return bytes == 0 ? 0 : rows;
  }
  // All as coroutines of one thread.
  void SyncedPuts(int writers, int puts) override {
    Check(BlockOn(SyncedWriters(kv_.get(), writers, puts)), "synced puts");
  }
  void Settle() override {
    Check(BlockOn(kv_->store().Compact()), "compact");
    Check(BlockOn(kv_->store().WaitIdle()), "wait");
  }
  std::string Remarks() const override {
    const lsm::StoreStats stats = kv_->store().Stats();
    constexpr double kMega = 1e6;
    char text[160];
    std::snprintf(text, sizeof text,
                  "MB logged %.0f, flushed %.0f, compacted %.0f; log of %.0f MB; stalls of %.0f ms",
                  static_cast<double>(stats.bytes_logged) / kMega,
                  static_cast<double>(stats.bytes_flushed) / kMega,
                  static_cast<double>(stats.bytes_compacted) / kMega,
                  static_cast<double>(stats.log_bytes) / kMega,
                  static_cast<double>(stats.stall_nanos) / kMega);
    return text;
  }

 private:
  static lsm::Durability Level(bool sync) {
    return sync ? lsm::Durability::kSync : lsm::Durability::kProcess;
  }

  const std::string_view name_;
  const bool direct_reads_;
  const std::shared_ptr<Environment> environment_;
  MemoryBudget memory_;
  std::unique_ptr<lsm::KvStore> kv_;
};

}  // namespace

std::unique_ptr<KvEngine> OpenAurora(const KvOptions& options) {
  return std::make_unique<AuroraEngine>("Aurora", options, TunedOptions(options));
}

std::unique_ptr<KvEngine> OpenAuroraAtDefaults(const KvOptions& options) {
  return std::make_unique<AuroraEngine>("Aurora-default", options, lsm::StoreOptions());
}

}  // namespace aurora::bench
