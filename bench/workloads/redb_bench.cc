// The workloads that redb publishes, on one engine, or what redb has published. tools/bench.sh redb
// runs this for each engine and compares.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
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
#include "aurora/bench/workloads/redb_published.h"
#include "aurora/bench/workloads/report.h"
#include "aurora/runtime/random.h"

namespace aurora::bench {
namespace {

constexpr std::string_view kPublished = "published";
constexpr std::uint64_t kBulk = 5'000'000;
constexpr std::uint64_t kIndividual = 1'000;
constexpr std::uint64_t kBatches = 100;
constexpr std::uint64_t kInBatch = 1'000;
constexpr std::uint64_t kReads = 1'000'000;
constexpr std::uint64_t kRangeReads = 500'000;
constexpr int kRangeRows = 11;  // where the seek lands, and ten more
constexpr std::uint64_t kCacheBytes = std::uint64_t{4} << 30;
constexpr std::size_t kKeyBytes = 24;
constexpr std::size_t kValueBytes = 150;
constexpr std::size_t kPairBytes = kKeyBytes + kValueBytes;
constexpr std::uint64_t kSeed = 3;

// Element `number`: random bytes that no engine can compress.
class Pair {
 public:
  explicit Pair(std::uint64_t number) : random_(kSeed + number) { Fill(key_, kKeyBytes); }
  std::string_view key() const { return {key_, kKeyBytes}; }
  // Makes it.
  std::string_view value() {
    Fill(value_, kValueBytes);
    return {value_, kValueBytes};
  }

 private:
  void Fill(char* to, std::size_t size) {
    for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
      const std::uint64_t bits = random_.Next64();
      std::memcpy(to + at, &bits, std::min(sizeof bits, size - at));
    }
  }

  SeededRandom random_;
  char key_[kKeyBytes];
  char value_[kValueBytes];
};

class Redb {
 public:
  Redb(const KvSettings& settings, Report* report)
      : settings_(settings), rows_("redb", settings.engine, report) {
    options_.directory = settings.directory;
    options_.cache_bytes = std::max<std::uint64_t>(settings.Scaled(kCacheBytes), 1u << 20);
    options_.for_synced_puts = true;
    std::filesystem::remove_all(options_.directory);
    engine_ = settings_.open(options_);
  }
  ~Redb() {
    engine_.reset();
    std::filesystem::remove_all(options_.directory);
  }

  void Run() {
    BulkLoad();
    Writes();
    AddLen();
    Reads();
    Remove();
    AddSize("size, uncompacted");
    engine_->Settle();
    AddSize("size, compacted");
  }

 private:
  // Pairs [first, first + count), one behind the other.
  static std::vector<char> MakePairs(std::uint64_t first, std::uint64_t count) {
    std::vector<char> bytes(count * kPairBytes);
    for (std::uint64_t i = 0; i < count; ++i) {
      Pair pair(first + i);
      std::memcpy(bytes.data() + i * kPairBytes, pair.key().data(), kKeyBytes);
      std::memcpy(bytes.data() + i * kPairBytes + kKeyBytes, pair.value().data(), kValueBytes);
    }
    return bytes;
  }
  static KvEntry EntryAt(const std::vector<char>& pairs, std::uint64_t i) {
    const char* const at = pairs.data() + i * kPairBytes;
    return {{at, kKeyBytes}, {at + kKeyBytes, kValueBytes}};
  }

  // In one commit, or in as few as the engine does it.
  template <class Item, class Commit>
  Result InOneTransaction(const std::string& workload, const std::vector<Item>& items,
                          std::size_t item_bytes, Commit commit) {
    const std::size_t each =
        std::max<std::size_t>(1, std::min(items.size(), engine_->BatchBytesMax() / item_bytes));
    const std::size_t commits = (items.size() + each - 1) / each;
    const auto rows_each = static_cast<double>(items.size()) / static_cast<double>(commits);
    Result result = rows_.Timed(workload, commits, rows_each, [&](std::uint64_t i) {
      commit(std::span(items).subspan(i * each, std::min(each, items.size() - i * each)));
    });
    result.p50_us = result.p99_us = result.p999_us = result.max_us = std::nullopt;
    if (commits > 1) {
      result.note = "in " + std::to_string(commits) + " synced commits: it has no larger ones";
    }
    return result;
  }

  void BulkLoad() {
    const std::uint64_t count = settings_.Scaled(kBulk);
    const std::vector<char> pairs = MakePairs(0, count);
    std::vector<KvEntry> entries;
    for (std::uint64_t i = 0; i < count; ++i) entries.push_back(EntryAt(pairs, i));
    rows_.Add(InOneTransaction("bulk load", entries, kPairBytes + 8,
                               [&](auto batch) { engine_->PutBatch(batch, true); }));
    count_ = count;
  }

  void Writes() {
    const std::uint64_t singles = settings_.Scaled(kIndividual);
    std::vector<char> pairs = MakePairs(count_, singles);
    rows_.Add(rows_.Timed("individual writes", singles, 1, [&](std::uint64_t i) {
      const auto [key, value] = EntryAt(pairs, i);
      engine_->Put(key, value, true);
    }));
    count_ += singles;
    const std::uint64_t batches = settings_.Scaled(kBatches);
    pairs = MakePairs(count_, batches * kInBatch);
    std::vector<KvEntry> batch(kInBatch);
    rows_.Add(rows_.Timed("batch writes", batches, kInBatch, [&](std::uint64_t i) {
      for (std::uint64_t j = 0; j < kInBatch; ++j) batch[j] = EntryAt(pairs, i * kInBatch + j);
      engine_->PutBatch(batch, true);
    }));
    count_ += batches * kInBatch;
  }

  void AddLen() {
    const Clock::time_point start = Clock::now();
    rows_.Expect(engine_->Count() == count_, "len()");
    const double seconds = SecondsSince(start);
    const char* const how = engine_->HowItCounts();
    rows_.AddDuration("len()", seconds, how != nullptr ? how : "by a scan: it keeps no number");
  }

  void ExpectFound(std::uint64_t number) {
    rows_.Expect(engine_->Get(Pair(number).key()) == static_cast<std::int64_t>(kValueBytes), "get");
  }
  void Reads() {
    std::string value;
    for (std::uint64_t i = 0; i < count_; i += std::max<std::uint64_t>(1, count_ / 1000)) {
      Pair pair(i);
      rows_.Expect(engine_->Read(pair.key(), &value) && value == pair.value(), "get");
    }
    rows_.Add(rows_.Timed("random reads", settings_.Scaled(kReads), 1,
                          [&](std::uint64_t i) { ExpectFound(i % count_); }));
    rows_.Add(
        rows_.Timed("random range reads", settings_.Scaled(kRangeReads), 1, [&](std::uint64_t i) {
          const Pair pair(i % count_);
          rows_.Expect(engine_->SeekAndNext(pair.key(), kRangeRows) > 0, "seek");
        }));
    for (const int threads : {4, 8, 16, 32}) {
      const std::uint64_t each = count_ / static_cast<unsigned>(threads);
      rows_.Add(rows_.OnThreads("random reads, " + std::to_string(threads) + " threads", threads,
                                count_, [&](int thread, std::uint64_t i) {
                                  ExpectFound(static_cast<unsigned>(thread) * each +
                                              i % (each + 1));
                                }));
    }
  }

  void Remove() {
    const std::uint64_t removed = count_ / 2;
    const std::vector<char> pairs = MakePairs(0, removed);
    std::vector<std::string_view> keys;
    for (std::uint64_t i = 0; i < removed; ++i) keys.push_back(EntryAt(pairs, i).first);
    rows_.Add(InOneTransaction("removals", keys, kKeyBytes + 8,
                               [&](auto batch) { engine_->DeleteBatch(batch, true); }));
    for (std::uint64_t i = 0; i < count_; i += std::max<std::uint64_t>(1, count_ / 1000)) {
      rows_.Expect((engine_->Get(Pair(i).key()) >= 0) == (i >= removed), "get of a removed key");
    }
  }

  void AddSize(const std::string& workload) {
    rows_.AddAmount(workload, static_cast<double>(DiskBytes(options_.directory)), "bytes");
  }

  const KvSettings& settings_;
  const KvRows rows_;
  KvOptions options_;
  std::unique_ptr<KvEngine> engine_;
  std::uint64_t count_ = 0;  // elements put so far
};

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) {
  using namespace aurora::bench;  // NOLINT: main is as good as in it
  KvProgram program;
  program.suite = "redb";
  program.about = "The workloads that redb publishes.";
  program.other_engines = {std::string(kPublished)};
  program.run = [](const KvSettings& settings, Report* report) {
    if (settings.engine == kPublished) {
      AddPublishedRedbFigures(report);
    } else {
      Redb(settings, report).Run();
    }
  };
  return RunKvProgram(argc, argv, program);
}
