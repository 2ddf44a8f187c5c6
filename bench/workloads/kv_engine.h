// A key-value engine as the workloads see it: Aurora and its peers, each tuned alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "aurora/bench/workloads/latency_histogram.h"

namespace aurora::bench {

// The key of number `i`: 16 bytes that scatter over the key space. Made in a few ns and without
// allocation, because the workloads make one within every timed operation.
class KvKey {
 public:
  explicit KvKey(std::uint64_t i);
  // Its place in the order of the keys that are made so is `i`.
  static KvKey InOrder(std::uint64_t i);
  std::string_view view() const { return {bytes_, sizeof bytes_}; }
  operator std::string_view() const { return view(); }  // NOLINT: it is one

 private:
  KvKey() = default;
  void SetDigits(std::uint64_t bits);

  char bytes_[16];
};

// The value of number `i`: `size` bytes that compress to about half.
std::string KvValue(std::uint64_t i, std::size_t size);

struct KvOptions {
  std::string directory;
  std::size_t memtable_bytes = 64u << 20;
  std::size_t cache_bytes = 1u << 30;
  // Puts will be synced: for engines that choose how they write when they open. Only then may Put
  // be called with `sync`.
  bool for_synced_puts = false;
  // Read tables past the page cache, where the engine can.
  bool direct_reads = false;
};

using KvEntry = std::pair<std::string_view, std::string_view>;  // key, value

// Every failure ends the program with a message: a benchmark that goes on after one measures
// nothing.
class KvEngine {
 public:
  virtual ~KvEngine() = default;  // closes

  virtual std::string_view name() const = 0;
  // Safe from several threads. `sync`: on the device when it returns; else it survives the process,
  // as far as the engine can promise that without a sync.
  virtual void Put(std::string_view key, std::string_view value, bool sync) = 0;
  // In one commit.
  virtual void PutBatch(std::span<const KvEntry> entries, bool sync = false) = 0;
  virtual void DeleteBatch(std::span<const std::string_view> keys, bool sync) = 0;
  // Of keys and values, the most that PutBatch and DeleteBatch take.
  virtual std::size_t BatchBytesMax() const { return SIZE_MAX; }
  // The size of the value, or -1.
  virtual std::int64_t Get(std::string_view key) = 0;
  // Copies the value out; false if there is none.
  virtual bool Read(std::string_view key, std::string* value) = 0;
  // How many of `keys` have values: all got by one call, where the engine has one.
  virtual std::uint64_t GetMany(std::span<const KvKey> keys);
  virtual bool HasGetMany() const { return false; }
  // Gets all of `keys`, `in_flight` at a time, in whatever way the engine does that best; how many
  // have values.
  virtual std::uint64_t GetsInFlight(int in_flight, std::span<const KvKey> keys,
                                     LatencyHistogram* latencies) {
    return GetsOnThreads(in_flight, keys, latencies);
  }
  std::uint64_t GetsOnThreads(int threads, std::span<const KvKey> keys,
                              LatencyHistogram* latencies);
  // How gets come by what is not in the engine's own cache, with KvOptions::direct_reads.
  virtual std::string_view DeviceReads() const = 0;
  // How many keys there are.
  virtual std::uint64_t Count() { return Scan().first; }
  // Null if Count is by a scan of everything; else how it is done.
  virtual const char* HowItCounts() const { return nullptr; }
  // Rows and bytes seen by a scan of everything.
  virtual std::pair<std::uint64_t, std::uint64_t> Scan() = 0;
  // Seeks and reads `count` rows; how many there were.
  virtual std::uint64_t SeekAndNext(std::string_view key, int count) = 0;
  // Runs `writers` writers of `puts` synced puts each, all in flight at once, in whatever way the
  // engine does that best: threads, unless it has something better.
  virtual void SyncedPuts(int writers, int puts) { SyncedPutsOnThreads(writers, puts); }
  void SyncedPutsOnThreads(int writers, int puts);
  // Pays all debt: flushes, compacts, waits.
  virtual void Settle() = 0;
  // What the engine knows of its work since it was opened, for people.
  virtual std::string Remarks() const { return ""; }
};

using KvOpener = std::unique_ptr<KvEngine> (*)(const KvOptions&);
std::unique_ptr<KvEngine> OpenAurora(const KvOptions& options);
std::unique_ptr<KvEngine> OpenRocksDb(const KvOptions& options);
std::unique_ptr<KvEngine> OpenLevelDb(const KvOptions& options);
std::unique_ptr<KvEngine> OpenLmdb(const KvOptions& options);

// With the engine's own defaults for memory, compression, filters and threads. LMDB has nothing of
// the kind to set.
std::unique_ptr<KvEngine> OpenAuroraAtDefaults(const KvOptions& options);
std::unique_ptr<KvEngine> OpenRocksDbAtDefaults(const KvOptions& options);
std::unique_ptr<KvEngine> OpenLevelDbAtDefaults(const KvOptions& options);

// Prints "<engine>: <what>: <message>" and exits.
[[noreturn]] void KvFail(std::string_view engine, std::string_view what, std::string_view message);

// The numbers of the keys that writer `writer` of SyncedPuts puts begin here.
constexpr std::uint64_t FirstKeyOfWriter(int writer) {
  return static_cast<std::uint64_t>(writer) * 1'000'000;
}

}  // namespace aurora::bench
