// What the parts of the read and write path cost in memory: memtable, block, filter, table.
//
// Keys are 16 random bytes under a keyspace prefix of one, values 100 bytes, unless a name says
// otherwise. On a shared machine read the CPU column.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/cache/block_cache.h"
#include "aurora/lsm/block.h"
#include "aurora/lsm/block_builder.h"
#include "aurora/lsm/filter.h"
#include "aurora/lsm/iterator.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/key_history.h"
#include "aurora/lsm/memory_file_testing.h"
#include "aurora/lsm/memtable.h"
#include "aurora/lsm/merging_iterator.h"
#include "aurora/lsm/table.h"
#include "aurora/lsm/table_builder.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/task.h"
#include "benchmark/benchmark.h"

namespace aurora::lsm {
namespace {

constexpr std::size_t kNoLimit = std::size_t{1} << 40;

std::vector<std::string> RandomKeys(std::size_t count) {
  SeededRandom random(1);
  std::vector<std::string> keys(count);
  for (std::string& key : keys) {
    for (int i = 0; i < 16; ++i) key.push_back(static_cast<char>(random.Next64()));
  }
  return keys;
}

// Half of it compresses.
std::string Value(std::size_t size) {
  SeededRandom random(2);
  std::string value(size, 'v');
  for (std::size_t i = 0; i < size / 2; ++i) value[i] = static_cast<char>(random.Next64());
  return value;
}

void Run(Task<absl::Status> task) {
  const absl::Status status =
      task.IsReady() ? std::move(task).TakeReady() : BlockOn(std::move(task));
  AURORA_CHECK(status.ok());
}

// --- Memtable ---

constexpr std::size_t kMemtableBytes = std::size_t{64} << 20;

struct FilledMemtable {
  explicit FilledMemtable(std::size_t count)
      : keys(RandomKeys(count)), memtable(std::make_shared<Memtable>(&budget, kMemtableBytes)) {
    const std::string value = Value(100);
    for (std::size_t i = 0; i < count; ++i) memtable->Add({.key = keys[i], .value = value}, i + 1);
  }
  MemoryBudget budget{kNoLimit};
  std::vector<std::string> keys;
  std::shared_ptr<Memtable> memtable;
};

// Inserts into a memtable of `entries`.
void MemtableInsert(benchmark::State& state) {
  const auto entries = static_cast<std::size_t>(state.range(0));
  const std::vector<std::string> keys = RandomKeys(entries + 2000000);
  const std::string value = Value(100);
  std::unique_ptr<MemoryBudget> budget;
  std::unique_ptr<Memtable> memtable;
  std::size_t next = keys.size();
  for (auto _ : state) {
    // Between entries and entries * 1.1 + 1000.
    if (next >= std::min(keys.size(), entries + entries / 10 + 1000)) {
      state.PauseTiming();
      memtable.reset();
      budget = std::make_unique<MemoryBudget>(kNoLimit);
      memtable = std::make_unique<Memtable>(budget.get(), kMemtableBytes);
      for (next = 0; next < entries; ++next) {
        memtable->Add({.key = keys[next], .value = value}, next + 1);
      }
      state.ResumeTiming();
    }
    memtable->Add({.key = keys[next], .value = value}, next + 1);
    ++next;
  }
  state.counters["bytes/entry"] =
      static_cast<double>(memtable->used_bytes()) / static_cast<double>(next);
}
BENCHMARK(MemtableInsert)->Arg(1000)->Arg(100000)->Arg(500000);

// Ascending keys, as generated ids are.
void MemtableInsertAscending(benchmark::State& state) {
  MemoryBudget budget(kNoLimit);
  std::unique_ptr<Memtable> memtable;
  const std::string value = Value(100);
  std::uint64_t next = 1000000;
  for (auto _ : state) {
    if (next >= 1000000) {
      state.PauseTiming();
      memtable = std::make_unique<Memtable>(&budget, kMemtableBytes);
      next = 0;
      state.ResumeTiming();
    }
    const std::uint64_t big_endian = __builtin_bswap64(next);
    char key[16] = {};
    std::copy_n(reinterpret_cast<const char*>(&big_endian), 8, key);
    memtable->Add({.key = {key, 16}, .value = value}, ++next);
  }
}
BENCHMARK(MemtableInsertAscending);

void MemtableGet(benchmark::State& state) {
  const FilledMemtable filled(static_cast<std::size_t>(state.range(0)));
  std::size_t i = 0;
  KeyHistory history;
  for (auto _ : state) {
    const StoredKey key(0, filled.keys[i]);
    history.Reset();
    AURORA_CHECK(filled.memtable->Get(key.view(), HashKey(key.view()), kMaxSequence,
                                      filled.memtable, &history));
    i = (i + 7919) % filled.keys.size();
  }
}
BENCHMARK(MemtableGet)->Arg(1000)->Arg(100000)->Arg(1000000);

// Of keys that are not there.
void MemtableGetMissing(benchmark::State& state) {
  const FilledMemtable filled(static_cast<std::size_t>(state.range(0)));
  std::vector<std::string> missing = filled.keys;
  for (std::string& key : missing) ++key.back();
  std::size_t i = 0;
  KeyHistory history;
  for (auto _ : state) {
    const StoredKey key(0, missing[i]);
    history.Reset();
    AURORA_CHECK(!filled.memtable->Get(key.view(), HashKey(key.view()), kMaxSequence,
                                       filled.memtable, &history));
    i = (i + 7919) % missing.size();
  }
}
BENCHMARK(MemtableGetMissing)->Arg(1000)->Arg(100000)->Arg(500000);

void MemtableNext(benchmark::State& state) {
  const FilledMemtable filled(static_cast<std::size_t>(state.range(0)));
  Memtable::Iterator it(filled.memtable.get());
  for (auto _ : state) {
    if (!it.Valid()) Run(it.SeekToFirst());
    benchmark::DoNotOptimize(it.key());
    benchmark::DoNotOptimize(it.value());
    Run(it.Next());
  }
}
BENCHMARK(MemtableNext)->Arg(10000)->Arg(1000000);

void MemtablePrev(benchmark::State& state) {
  const FilledMemtable filled(static_cast<std::size_t>(state.range(0)));
  Memtable::Iterator it(filled.memtable.get());
  for (auto _ : state) {
    if (!it.Valid()) Run(it.SeekToLast());
    benchmark::DoNotOptimize(it.key());
    benchmark::DoNotOptimize(it.value());
    Run(it.Prev());
  }
}
BENCHMARK(MemtablePrev)->Arg(10000);

// --- Block ---

struct BuiltBlock {
  explicit BuiltBlock(std::size_t block_bytes) : keys(RandomKeys(10000)) {
    for (std::string& key : keys) key = MakeStoredKey(0, key);
    std::sort(keys.begin(), keys.end());
    const std::string value = Value(100);
    BlockBuilder builder;
    Sequence sequence = 0;
    for (const std::string& key : keys) {
      if (builder.SizeWith(key.size(), value.size()) > block_bytes) break;
      builder.Add({key, Version(++sequence, EntryKind::kPut)}, value);
    }
    keys.resize(builder.entry_count());
    const std::string_view bytes = builder.Finish();
    auto copy = std::make_unique<char[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    block = *Block::Open(std::move(copy), bytes.size(), {});
  }
  std::vector<std::string> keys;
  std::shared_ptr<const Block> block;
};

void BlockSeek(benchmark::State& state) {
  const BuiltBlock built(static_cast<std::size_t>(state.range(0)));
  Block::Cursor cursor;
  cursor.Reset(built.block.get());
  std::size_t i = 0;
  for (auto _ : state) {
    cursor.Seek({built.keys[i], Version::FromWord(~std::uint64_t{0} >> 1)});
    benchmark::DoNotOptimize(cursor.value());
    i = (i + 37) % built.keys.size();
  }
}
BENCHMARK(BlockSeek)->Arg(4096)->Arg(8192);

void BlockGet(benchmark::State& state) {
  const BuiltBlock built(static_cast<std::size_t>(state.range(0)));
  const std::shared_ptr<const void> owner = built.block;
  std::size_t i = 0;
  KeyHistory history;
  for (auto _ : state) {
    history.Reset();
    built.block->Get(built.keys[i], kMaxSequence, owner, &history);
    i = (i + 37) % built.keys.size();
  }
}
BENCHMARK(BlockGet)->Arg(4096)->Arg(8192);

void BlockNext(benchmark::State& state) {
  const BuiltBlock built(8192);
  Block::Cursor cursor;
  cursor.Reset(built.block.get());
  for (auto _ : state) {
    if (!cursor.Valid()) cursor.SeekToFirst();
    benchmark::DoNotOptimize(cursor.key());
    benchmark::DoNotOptimize(cursor.value());
    cursor.Next();
  }
}
BENCHMARK(BlockNext);

void BlockPrev(benchmark::State& state) {
  const BuiltBlock built(8192);
  Block::Cursor cursor;
  cursor.Reset(built.block.get());
  for (auto _ : state) {
    if (!cursor.Valid()) cursor.SeekToLast();
    benchmark::DoNotOptimize(cursor.key());
    benchmark::DoNotOptimize(cursor.value());
    cursor.Prev();
  }
}
BENCHMARK(BlockPrev);

// What a miss adds to its read: validation of a block of 8 KiB.
void BlockOpen(benchmark::State& state) {
  const BuiltBlock built(8192);
  BlockBuilder builder;
  const std::string value = Value(100);
  Sequence sequence = 0;
  for (const std::string& key : built.keys) {
    builder.Add({key, Version(++sequence, EntryKind::kPut)}, value);
  }
  const std::string bytes(builder.Finish());
  for (auto _ : state) {
    auto copy = std::make_unique_for_overwrite<char[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    benchmark::DoNotOptimize(Block::Open(std::move(copy), bytes.size(), {}));
  }
}
BENCHMARK(BlockOpen);

// --- Filter ---

// Also tells how many of the keys that are not there pass the filter.
void FilterOfAbsentKeys(benchmark::State& state) {
  SeededRandom random(3);
  FilterBuilder builder(static_cast<int>(state.range(0)));
  for (int i = 0; i < 100'000; ++i) builder.Add(random.Next64());
  const auto filter = Filter::Open(builder.Finish());
  std::int64_t passed = 0;
  for (auto _ : state) passed += filter->MayContain(random.Next64()) ? 1 : 0;
  state.counters["pass_percent"] =
      100.0 * static_cast<double>(passed) / static_cast<double>(state.iterations());
}
BENCHMARK(FilterOfAbsentKeys)->Arg(10)->Arg(14);

void FilterBuild(benchmark::State& state) {
  SeededRandom random(3);
  std::vector<std::uint64_t> hashes(100000);
  for (std::uint64_t& hash : hashes) hash = random.Next64();
  for (auto _ : state) {
    FilterBuilder builder(10);
    for (const std::uint64_t hash : hashes) builder.Add(hash);
    benchmark::DoNotOptimize(builder.Finish());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(hashes.size()));
}
BENCHMARK(FilterBuild);

void FilterProbe(benchmark::State& state) {
  SeededRandom random(3);
  FilterBuilder builder(10);
  for (int i = 0; i < state.range(0); ++i) builder.Add(random.Next64());
  const auto filter = Filter::Open(builder.Finish());
  std::uint64_t hash = 1;
  for (auto _ : state) {
    hash *= 0x9E3779B97F4A7C15;
    benchmark::DoNotOptimize(filter->MayContain(hash));
  }
}
BENCHMARK(FilterProbe)->Arg(10000)->Arg(10000000);

void KeyHash(benchmark::State& state) {
  std::string key(17, 'k');
  for (auto _ : state) {
    benchmark::DoNotOptimize(key.data());
    benchmark::DoNotOptimize(HashKey(key));
  }
}
BENCHMARK(KeyHash);

// --- Table ---

struct OpenTable {
  // `whole`: index and filter are held whole, else by parts in the cache.
  explicit OpenTable(std::size_t count, Compression compression = Compression::kLz4,
                     bool whole = true)
      : keys(RandomKeys(count)) {
    for (std::string& key : keys) key = MakeStoredKey(0, key);
    std::sort(keys.begin(), keys.end());
    const std::string value = Value(100);
    TableBuilder builder(std::make_unique<MemoryFile>(&file),
                         {.compression = compression, .memory = &budget});
    Sequence sequence = 0;
    for (const std::string& key : keys) {
      Run(builder.Add({key, Version(++sequence, EntryKind::kPut)}, value));
    }
    AURORA_CHECK(BlockOn(builder.Finish()).ok());
    TableOptions options{.cache = &cache, .memory = &budget};
    if (!whole) options.whole_metadata_bytes_max = 0;
    table = *BlockOn(Table::Open(std::make_unique<MemoryFile>(&file), file.bytes.size(), options));
  }
  void Count(benchmark::State& state) const {
    state.counters["file_bytes"] = static_cast<double>(file.bytes.size());
    state.counters["metadata_bytes"] =
        static_cast<double>(budget.used_bytes(MemoryUse::kTableMetadata));
  }
  MemoryBudget budget{kNoLimit};
  cache::BlockCache cache{&budget, kNoLimit};
  MemoryFileState file;
  std::vector<std::string> keys;
  std::unique_ptr<Table> table;
};

void TableGetCached(benchmark::State& state) {
  OpenTable open(static_cast<std::size_t>(state.range(0)), Compression::kLz4, state.range(1) != 0);
  KeyHistory history;
  Table::GetTrace trace;
  const auto get = [&](const std::string& key) {
    history.Reset();
    Run(open.table->Get(key, HashKey(key), kMaxSequence, &history, &trace));
    AURORA_CHECK(history.done());
  };
  for (const std::string& key : open.keys) get(key);
  std::size_t i = 0;
  for (auto _ : state) {
    get(open.keys[i]);
    i = (i + 7919) % open.keys.size();
  }
  open.Count(state);
}
BENCHMARK(TableGetCached)
    ->ArgNames({"keys", "whole"})
    ->Args({1000, 1})
    ->Args({140000, 1})
    ->Args({140000, 0});

void TableGetAbsent(benchmark::State& state) {
  OpenTable open(140000, Compression::kLz4, state.range(0) != 0);
  KeyHistory history;
  Table::GetTrace trace;
  std::string key = open.keys[0];
  std::size_t i = 0;
  for (auto _ : state) {
    key[8] = static_cast<char>(key[8] + 1);
    key[9] = static_cast<char>(++i);
    history.Reset();
    Run(open.table->Get(key, HashKey(key), kMaxSequence, &history, &trace));
  }
}
BENCHMARK(TableGetAbsent)->ArgName("whole")->Arg(1)->Arg(0);

// A block that is not cached, from a file whose reads cost nothing: what decoding costs.
void TableGetUncached(benchmark::State& state) {
  OpenTable open(140000, static_cast<Compression>(state.range(0)));
  cache::BlockCache small(&open.budget, 0);
  auto table =
      *BlockOn(Table::Open(std::make_unique<MemoryFile>(&open.file), open.file.bytes.size(),
                           {.cache = &small, .memory = &open.budget}));
  KeyHistory history;
  Table::GetTrace trace;
  std::size_t i = 0;
  for (auto _ : state) {
    history.Reset();
    Run(table->Get(open.keys[i], HashKey(open.keys[i]), kMaxSequence, &history, &trace));
    i = (i + 7919) % open.keys.size();
  }
}
BENCHMARK(TableGetUncached)->Arg(0)->Arg(1)->Arg(2);

void TableNext(benchmark::State& state) {
  OpenTable open(140000);
  auto it = open.table->NewIterator({});
  for (Run(it->SeekToFirst()); it->Valid();) Run(it->Next());
  for (auto _ : state) {
    if (!it->Valid()) Run(it->SeekToFirst());
    benchmark::DoNotOptimize(it->key());
    benchmark::DoNotOptimize(it->value());
    Run(it->Next());
  }
}
BENCHMARK(TableNext);

// Seek and fifty steps, everything cached.
void TableSeekAndScan(benchmark::State& state) {
  OpenTable open(140000);
  auto it = open.table->NewIterator({});
  std::size_t i = 0;
  for (auto _ : state) {
    Run(it->Seek({open.keys[i], Version::FromWord(~std::uint64_t{0})}));
    for (int step = 0; step < 50 && it->Valid(); ++step) Run(it->Next());
    i = (i + 7919) % open.keys.size();
  }
}
BENCHMARK(TableSeekAndScan);

void TableBuild(benchmark::State& state) {
  const std::vector<std::string> unsorted = RandomKeys(100000);
  std::vector<std::string> keys = unsorted;
  std::sort(keys.begin(), keys.end());
  const std::string value = Value(100);
  MemoryBudget budget(kNoLimit);
  for (auto _ : state) {
    MemoryFileState file;
    file.bytes.reserve(32 << 20);
    TableBuilder builder(
        std::make_unique<MemoryFile>(&file),
        {.compression = static_cast<Compression>(state.range(0)), .memory = &budget});
    for (std::size_t i = 0; i < keys.size(); ++i) {
      Run(builder.Add({keys[i], Version(i + 1, EntryKind::kPut)}, value));
    }
    AURORA_CHECK(BlockOn(builder.Finish()).ok());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(keys.size()));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(keys.size() * 116));
}
BENCHMARK(TableBuild)->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

// --- Merging ---

// Memtables of very different sizes, as a store's sources are.
void MergeNext(benchmark::State& state) {
  MemoryBudget budget(kNoLimit);
  const std::vector<std::string> keys = RandomKeys(100000);
  std::vector<std::unique_ptr<Memtable>> memtables;
  const auto sources = static_cast<std::size_t>(state.range(0));
  for (std::size_t s = 0; s < sources; ++s) {
    memtables.push_back(std::make_unique<Memtable>(&budget, kMemtableBytes));
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    // Each source has an eighth of what the next has.
    std::size_t s = 0;
    for (std::size_t rest = i; s + 1 < sources && rest % 8 == 0; rest /= 8) ++s;
    memtables[s]->Add({.key = keys[i], .value = "v"}, i + 1);
  }
  std::vector<std::unique_ptr<EntryIterator>> iterators;
  for (const auto& memtable : memtables) {
    iterators.push_back(std::make_unique<Memtable::Iterator>(memtable.get()));
  }
  MergingIterator it(std::move(iterators));
  for (auto _ : state) {
    if (!it.Valid()) Run(it.SeekToFirst());
    benchmark::DoNotOptimize(it.key());
    benchmark::DoNotOptimize(it.value());
    Run(it.Next());
  }
}
BENCHMARK(MergeNext)->Arg(1)->Arg(2)->Arg(4)->Arg(8);

}  // namespace
}  // namespace aurora::lsm
