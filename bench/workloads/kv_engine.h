// A key-value engine as the workloads see it: Aurora and its peers, each tuned alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace aurora::bench {

struct KvOptions {
  std::string directory;
  std::size_t memtable_bytes = 64u << 20;
  std::size_t cache_bytes = 1u << 30;
  // Most puts will be synced: for engines that choose how their log is written when they open.
  bool for_synced_puts = false;
};

// Every failure ends the program with a message: a benchmark that goes on after one measures
// nothing.
class KvEngine {
 public:
  virtual ~KvEngine() = default;  // closes

  virtual std::string_view name() const = 0;
  // Safe from several threads. `sync`: on the device when it returns; else it survives the process,
  // as far as the engine can promise that without a sync.
  virtual void Put(std::string_view key, std::string_view value, bool sync) = 0;
  virtual void PutBatch(std::span<const std::pair<std::string, std::string>> entries) = 0;
  // The size of the value, or -1.
  virtual std::int64_t Get(std::string_view key) = 0;
  // Rows and bytes seen by a scan of everything.
  virtual std::pair<std::uint64_t, std::uint64_t> Scan() = 0;
  // Seeks and reads `count` rows; how many there were.
  virtual std::uint64_t SeekAndNext(std::string_view key, int count) = 0;
  // Runs `writers` writers of `puts` synced puts each, all in flight at once, in whatever way the
  // engine does that best.
  virtual void SyncedPuts(int writers, int puts, std::uint64_t seed) = 0;
  // Pays all debt: flushes, compacts, waits.
  virtual void Settle() = 0;
};

std::unique_ptr<KvEngine> OpenAurora(const KvOptions& options);
std::unique_ptr<KvEngine> OpenRocksDb(const KvOptions& options);
std::unique_ptr<KvEngine> OpenLevelDb(const KvOptions& options);
std::unique_ptr<KvEngine> OpenLmdb(const KvOptions& options);

// The key and value of number `i`: 16 bytes that scatter over the key space, and a value of `size`
// bytes that compresses to about half.
std::string KvKey(std::uint64_t i);
std::string KvValue(std::uint64_t i, std::size_t size);

// Prints "<engine>: <what>: <message>" and exits.
[[noreturn]] void KvFail(std::string_view engine, std::string_view what, std::string_view message);

// SyncedPuts for an engine that has only threads.
void SyncedPutsOnThreads(KvEngine& engine, int writers, int puts, std::uint64_t seed);

}  // namespace aurora::bench
