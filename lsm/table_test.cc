#include "aurora/lsm/table.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "aurora/cache/block_cache.h"
#include "aurora/lsm/key_history.h"
#include "aurora/lsm/memory_file_testing.h"
#include "aurora/lsm/table_builder.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

struct Order {
  bool operator()(const std::pair<std::string, std::uint64_t>& a,
                  const std::pair<std::string, std::uint64_t>& b) const {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  }
};
using Model = std::map<std::pair<std::string, std::uint64_t>, std::string, Order>;

TableIdentity Identity(std::uint64_t number = 7) {
  TableIdentity identity;
  for (std::size_t i = 0; i < 16; ++i) identity.database_id[i] = static_cast<std::uint8_t>(i + 1);
  identity.file_number = number;
  return identity;
}

std::string RandomValue(SeededRandom& random, std::size_t size) {
  std::string value(size, '\0');
  const bool compressible = random.Next64() % 2 == 0;
  for (char& c : value) c = compressible ? 'c' : static_cast<char>(random.Next64());
  return value;
}

Model RandomModel(SeededRandom& random, int count) {
  Model model;
  while (static_cast<int>(model.size()) < count) {
    std::string key = "key" + std::to_string(random.Next64() % 5000);
    // Some keys have more versions than a block holds.
    const int versions = random.Next64() % 40 == 0 ? 60 : 1 + static_cast<int>(random.Next64() % 3);
    for (int v = 0; v < versions; ++v) {
      const Version version(1000 + random.Next64() % 100000,
                            static_cast<EntryKind>(random.Next64() % 3));
      model[{key, version.word()}] = RandomValue(random, random.Next64() % 60);
    }
  }
  return model;
}

class TableTest : public testing::Test {
 protected:
  absl::StatusOr<TableSummary> Build(const Model& model, TableBuilderOptions options) {
    options.identity = Identity();
    options.memory = &budget_;
    if (!is_whole_) options.index_part_bytes = 200;
    TableBuilder builder(std::make_unique<MemoryFile>(&file_), options);
    for (const auto& [key, value] : model) {
      AURORA_RETURN_IF_ERROR(
          BlockOn(builder.Add({key.first, Version::FromWord(key.second)}, value)));
    }
    return BlockOn(builder.Finish());
  }
  void BuildOrDie(const Model& model, const TableBuilderOptions& options) {
    model_ = model;
    absl::StatusOr<TableSummary> summary = Build(model, options);
    ASSERT_TRUE(summary.ok()) << summary.status();
    summary_ = *std::move(summary);
    ASSERT_EQ(file_.bytes.size(), summary_.file_bytes);
  }
  absl::StatusOr<std::unique_ptr<Table>> Open(TableIdentity identity = Identity()) {
    TableOptions options{.identity = identity, .cache = cache_.get(), .memory = &budget_};
    if (!is_whole_) options.whole_metadata_bytes_max = 0;
    return BlockOn(Table::Open(std::make_unique<MemoryFile>(&file_), file_.bytes.size(), options));
  }
  void EmptyCache() { cache_ = std::make_unique<cache::BlockCache>(&budget_, 8 << 20); }

  static absl::Status Get(Table& table, std::string_view key, Sequence at, KeyHistory* history) {
    Table::GetTrace trace;
    return BlockOn(table.Get(key, HashKey(key), at, history, &trace));
  }
  // What a Get should have fed: the first and the number of entries.
  void ExpectHistory(const KeyHistory& history, const std::string& key, Sequence at) {
    auto it = model_.lower_bound({key, at << 8 | 0xFF});
    const bool exists = it != model_.end() && it->first.first == key;
    ASSERT_EQ(history.empty(), !exists) << key << "@" << at;
    if (!exists) return;
    EXPECT_EQ(history.newest().word(), it->first.second);
    while (it != model_.end() && it->first.first == key &&
           Version::FromWord(it->first.second).kind() == EntryKind::kMerge) {
      ++it;
    }
    const bool has_base = it != model_.end() && it->first.first == key;
    ASSERT_EQ(history.done(), has_base);
    if (!has_base || history.has_operands()) return;
    const auto value = history.Resolve(key, nullptr);
    ASSERT_TRUE(value.ok());
    const bool is_put = Version::FromWord(it->first.second).kind() == EntryKind::kPut;
    ASSERT_EQ(value->has_value(), is_put);
    if (is_put) EXPECT_EQ((*value)->view(), it->second);
  }
  void ExpectAt(const EntryIterator& it, Model::const_iterator position) {
    ASSERT_EQ(it.Valid(), position != model_.end());
    if (!it.Valid()) return;
    EXPECT_EQ(it.key().key, position->first.first);
    EXPECT_EQ(it.key().version.word(), position->first.second);
    EXPECT_EQ(it.value(), position->second);
  }
  void ExpectSameAsModel(Table& table) {
    for (const auto& [key, value] : model_) {
      for (const Sequence at : {key.second >> 8, (key.second >> 8) - 1, kMaxSequence}) {
        KeyHistory history;
        ASSERT_TRUE(Get(table, key.first, at, &history).ok());
        ExpectHistory(history, key.first, at);
      }
    }
    for (int i = 0; i < 200; ++i) {
      const std::string key = "key" + std::to_string(i * 31) + "x";
      KeyHistory history;
      ASSERT_TRUE(Get(table, key, kMaxSequence, &history).ok());
      EXPECT_TRUE(history.empty());
    }
    for (const bool fill_cache : {false, true}) {
      auto it = table.NewIterator({.fill_cache = fill_cache});
      ASSERT_TRUE(BlockOn(it->SeekToFirst()).ok());
      for (auto at = model_.cbegin(); at != model_.cend(); ++at) {
        ExpectAt(*it, at);
        ASSERT_TRUE(BlockOn(it->Next()).ok());
      }
      EXPECT_FALSE(it->Valid());
      ASSERT_TRUE(BlockOn(it->SeekToLast()).ok());
      for (auto at = model_.crbegin(); at != model_.crend(); ++at) {
        ExpectAt(*it, std::prev(at.base()));
        ASSERT_TRUE(BlockOn(it->Prev()).ok());
      }
      EXPECT_FALSE(it->Valid());
    }
  }

  SeededRandom random_{TestSeed()};
  MemoryBudget budget_{std::size_t{1} << 30};
  std::unique_ptr<cache::BlockCache> cache_ =
      std::make_unique<cache::BlockCache>(&budget_, 8 << 20);
  MemoryFileState file_;
  bool is_whole_ = true;  // else index and filter are in small parts, of which none is held
  Model model_;
  TableSummary summary_;
};

TEST_F(TableTest, ABuilderLeavesItsBlocksInTheCache) {
  SeededRandom random(TestSeed());
  EmptyCache();
  ASSERT_NO_FATAL_FAILURE(BuildOrDie(RandomModel(random, 2000), {.cache = cache_.get()}));
  const std::uint64_t blocks = summary_.properties.data_block_count;
  ASSERT_GT(blocks, 3u);
  EXPECT_EQ(cache_->Stats().insertions, blocks);
  const auto table = Open();
  ASSERT_TRUE(table.ok()) << table.status();
  ExpectSameAsModel(**table);
  EXPECT_EQ(cache_->Stats().misses, 0u);
  (*table)->ForgetBlocks();
  EXPECT_EQ(cache_->Stats().entry_count, 0u);
  ExpectSameAsModel(**table);
}

TEST_F(TableTest, ABuilderCachesWhatWasCachedOfWhatItIsMadeOf) {
  EmptyCache();
  BlockSources sources;
  TableBuilder builder(std::make_unique<MemoryFile>(&file_), {.identity = Identity(),
                                                              .block_bytes = 1024,
                                                              .memory = &budget_,
                                                              .cache = cache_.get(),
                                                              .sources = &sources});
  // One block is cut for each value: by the next one.
  const std::string value(1000, 'v');
  const auto insertions_of_next = [&](char key) {
    const std::uint64_t before = cache_->Stats().insertions;
    EXPECT_TRUE(
        BlockOn(builder.Add({std::string_view(&key, 1), Version(1, EntryKind::kPut)}, value)).ok());
    return cache_->Stats().insertions - before;
  };
  EXPECT_EQ(insertions_of_next('a'), 0u);  // none is cut yet
  sources.device += 1;
  EXPECT_EQ(insertions_of_next('b'), 0u);
  sources.cache += 1;
  EXPECT_EQ(insertions_of_next('c'), 1u);
  EXPECT_EQ(insertions_of_next('d'), 1u);  // nothing was read: as before
  sources.cache += 1;
  sources.device += 2;
  EXPECT_EQ(insertions_of_next('e'), 0u);
  EXPECT_EQ(insertions_of_next('f'), 0u);
}

TEST_F(TableTest, GetsAndWalksLikeAMapWhateverTheOptions) {
  for (const Compression compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    for (int options = 0; options < 8; ++options) {
      const int bits = (options & 1) != 0 ? 10 : 0;
      is_whole_ = (options & 4) != 0;
      file_ = {};
      file_.direct = (options & 2) != 0;
      file_.is_slow = bits == 0;
      BuildOrDie(RandomModel(random_, 1500), {.block_bytes = 600,
                                              .compression = compression,
                                              .filter_bits_per_key = bits,
                                              .write_bytes = 8192});
      EmptyCache();
      auto table = Open();
      ASSERT_TRUE(table.ok()) << table.status();
      EXPECT_EQ((*table)->is_whole(), is_whole_);
      EXPECT_EQ((*table)->has_filter(), bits > 0);
      EXPECT_GT((*table)->block_count(), 20u);
      ExpectSameAsModel(**table);
    }
  }
  EmptyCache();
  EXPECT_EQ(budget_.used_bytes(), 0u);
}

TEST_F(TableTest, SeeksLandWhereAMapSaysInBothDirections) {
  is_whole_ = random_.Next64() % 2 == 0;
  BuildOrDie(RandomModel(random_, 2000), {.block_bytes = 500});
  auto table = Open();
  ASSERT_TRUE(table.ok());
  auto it = (*table)->NewIterator({});
  for (int round = 0; round < 3000; ++round) {
    auto some =
        std::next(model_.cbegin(), static_cast<std::ptrdiff_t>(random_.Next64() % model_.size()));
    std::pair<std::string, std::uint64_t> target = some->first;
    if (random_.Next64() % 2 == 0) target.second += (random_.Next64() % 3 - 1) << 8;
    if (random_.Next64() % 4 == 0) target.first.pop_back();
    if (random_.Next64() % 4 == 0) target.first.push_back("\0a\xFF"[random_.Next64() % 3]);
    const EntryKey key{target.first, Version::FromWord(target.second)};
    Model::const_iterator at;
    if (random_.Next64() % 2 == 0) {
      at = model_.lower_bound(target);
      ASSERT_TRUE(BlockOn(it->Seek(key)).ok());
    } else {
      at = model_.upper_bound(target);
      at = at == model_.cbegin() ? model_.cend() : std::prev(at);
      ASSERT_TRUE(BlockOn(it->SeekBackward(key)).ok());
    }
    ExpectAt(*it, at);
    for (int step = 0; step < 10 && it->Valid(); ++step) {
      if (random_.Next64() % 2 == 0) {
        ASSERT_TRUE(BlockOn(it->Next()).ok());
        ++at;
      } else {
        ASSERT_TRUE(BlockOn(it->Prev()).ok());
        at = at == model_.cbegin() ? model_.cend() : std::prev(at);
      }
      ExpectAt(*it, at);
    }
  }
}

TEST_F(TableTest, TheSummaryTellsWhatIsInTheTable) {
  const Model model = RandomModel(random_, 800);
  BuildOrDie(model, {});
  auto table = Open();
  ASSERT_TRUE(table.ok());
  const TableProperties& p = (*table)->properties();
  EXPECT_EQ(p, summary_.properties);
  EXPECT_EQ(p.entry_count, model.size());
  EXPECT_EQ(p.smallest_key, model.begin()->first.first);
  EXPECT_EQ(p.largest_key, model.rbegin()->first.first);
  Sequence smallest = kMaxSequence;
  Sequence largest = 0;
  std::uint64_t merges = 0;
  for (const auto& [key, value] : model) {
    smallest = std::min(smallest, key.second >> 8);
    largest = std::max(largest, key.second >> 8);
    merges += (key.second & 0xFF) == static_cast<int>(EntryKind::kMerge);
  }
  EXPECT_EQ(p.smallest_sequence, smallest);
  EXPECT_EQ(p.largest_sequence, largest);
  EXPECT_EQ(p.merge_count, merges);
  EXPECT_EQ(file_.synced_bytes, file_.bytes.size()) << "Finish makes it durable";
}

TEST_F(TableTest, RangeDeletesWidenTheBoundsAndHideWhatIsOlder) {
  TableBuilderOptions options;
  options.identity = Identity();
  options.memory = &budget_;
  TableBuilder builder(std::make_unique<MemoryFile>(&file_), options);
  for (const Sequence sequence : {9, 7, 3}) {
    const Version version(sequence, EntryKind::kPut);
    ASSERT_TRUE(BlockOn(builder.Add({"m", version}, "m" + std::to_string(sequence))).ok());
  }
  ASSERT_TRUE(builder.AddRangeDelete({"c", "f", 12}).ok());
  ASSERT_TRUE(builder.AddRangeDelete({"b", "z", 7}).ok());
  const auto summary = BlockOn(builder.Finish());
  ASSERT_TRUE(summary.ok()) << summary.status();
  const TableProperties& properties = summary->properties;
  EXPECT_EQ(properties.range_delete_count, 2u);
  EXPECT_EQ(properties.smallest_key, "b");
  EXPECT_EQ(properties.largest_key, "z");
  EXPECT_TRUE(properties.largest_is_exclusive);
  EXPECT_EQ(properties.smallest_sequence, 3u);
  EXPECT_EQ(properties.largest_sequence, 12u);

  const auto table = Open();
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_NE((*table)->range_deletes(), nullptr);
  const auto get = [&](std::string_view key, Sequence at) {
    KeyHistory history;
    EXPECT_TRUE(Get(**table, key, at, &history).ok());
    if (!history.settled()) return std::string("(unsettled)");
    const auto value = history.Resolve(key, nullptr);
    EXPECT_TRUE(value.ok());
    return value->has_value() ? std::string((*value)->view()) : "(none)";
  };
  EXPECT_EQ(get("m", 9), "m9");
  EXPECT_EQ(get("m", 8), "m7");  // of the same commit
  EXPECT_EQ(get("m", 6), "m3");
  EXPECT_EQ(get("m", 2), "(unsettled)");
  EXPECT_EQ(get("d", 20), "(none)");
  EXPECT_EQ(get("d", 6), "(unsettled)");
  EXPECT_EQ(get("z", 20), "(unsettled)");
}

TEST_F(TableTest, ATableOfRangeDeletesAloneHasOneEntry) {
  TableBuilderOptions options;
  options.identity = Identity();
  options.memory = &budget_;
  TableBuilder builder(std::make_unique<MemoryFile>(&file_), options);
  ASSERT_TRUE(builder.AddRangeDelete({"p", "q", 5}).ok());
  ASSERT_TRUE(builder.AddRangeDelete({"b", "c", 4}).ok());
  const auto summary = BlockOn(builder.Finish());
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->properties.entry_count, 1u);
  const auto table = Open();
  ASSERT_TRUE(table.ok()) << table.status();
  const auto it = (*table)->NewIterator({});
  ASSERT_TRUE(BlockOn(it->SeekToFirst()).ok());
  EXPECT_EQ(it->key(), (EntryKey{"b", Version(4, EntryKind::kDelete)}));
}

TEST_F(TableTest, ADamagedRangeDeleteIsAnErrorAtOpen) {
  TableBuilderOptions options;
  options.identity = Identity();
  options.memory = &budget_;
  options.compression = Compression::kNone;
  TableBuilder builder(std::make_unique<MemoryFile>(&file_), options);
  const std::string end = "the end of the range";
  ASSERT_TRUE(builder.AddRangeDelete({"p", end, 5}).ok());
  ASSERT_TRUE(BlockOn(builder.Finish()).ok());
  file_.bytes[file_.bytes.find(end)] ^= 1;
  const absl::Status status = Open().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find("range deletes at offset"), std::string::npos) << status;
}

TEST_F(TableTest, ACachedGetIsReadyAndAMissReadsOneBlock) {
  BuildOrDie(RandomModel(random_, 3000), {.block_bytes = 1000});
  auto table = Open();
  ASSERT_TRUE(table.ok());
  file_.is_slow = true;
  const std::string key = std::next(model_.begin(), 1000)->first.first;
  file_.read_count = 0;
  KeyHistory history;
  Table::GetTrace trace;
  Task<absl::Status> miss = (*table)->Get(key, HashKey(key), kMaxSequence, &history, &trace);
  EXPECT_FALSE(miss.IsReady());
  EXPECT_TRUE(BlockOn(std::move(miss)).ok());
  EXPECT_GE(file_.read_count, 1);
  const int reads = file_.read_count;
  history.Reset();
  Task<absl::Status> hit = (*table)->Get(key, HashKey(key), kMaxSequence, &history, &trace);
  EXPECT_TRUE(hit.IsReady());
  EXPECT_TRUE(std::move(hit).TakeReady().ok());
  EXPECT_EQ(file_.read_count, reads);
  ExpectHistory(history, key, kMaxSequence);

  int absent = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string other = "absent" + std::to_string(i);
    history.Reset();
    absent += (*table)->Get(other, HashKey(other), kMaxSequence, &history, &trace).IsReady();
  }
  EXPECT_GT(absent, 950) << "the filter answers";
}

TEST_F(TableTest, AValueOutlivesCacheAndTable) {
  BuildOrDie({{{"k", Version(5, EntryKind::kPut).word()}, "a value of some length"}}, {});
  KeyHistory history;
  {
    auto table = Open();
    ASSERT_TRUE(table.ok());
    ASSERT_TRUE(Get(**table, "k", kMaxSequence, &history).ok());
  }
  EmptyCache();
  EXPECT_EQ((*history.Resolve("k", nullptr))->view(), "a value of some length");
}

TEST_F(TableTest, AScanReadsLongStretchesAndCanLeaveTheCacheAlone) {
  BuildOrDie(RandomModel(random_, 20000), {.block_bytes = 2000, .compression = Compression::kNone});
  const auto block_count = static_cast<int>(summary_.properties.data_block_count);
  ASSERT_GT(block_count, 200);
  for (const bool fill_cache : {false, true}) {
    for (const bool forward : {true, false}) {
      EmptyCache();
      auto table = Open();
      ASSERT_TRUE(table.ok());
      file_.read_count = 0;
      file_.read_bytes = 0;
      auto it = (*table)->NewIterator({.fill_cache = fill_cache});
      ASSERT_TRUE(BlockOn(forward ? it->SeekToFirst() : it->SeekToLast()).ok());
      std::size_t count = 0;
      while (it->Valid()) {
        ++count;
        ASSERT_TRUE(BlockOn(forward ? it->Next() : it->Prev()).ok());
      }
      EXPECT_EQ(count, model_.size());
      EXPECT_LT(file_.read_count, block_count / 10);
      EXPECT_LE(file_.read_bytes, file_.bytes.size()) << "nothing is read twice";
      EXPECT_EQ(cache_->Stats().entry_count, fill_cache ? static_cast<unsigned>(block_count) : 0u);
    }
  }
}

TEST_F(TableTest, LargeAndEmptyEntriesAreBlocksLikeAnyOther) {
  Model model;
  model[{"", Version(1, EntryKind::kPut).word()}] = "";
  model[{"large", Version(1, EntryKind::kPut).word()}] = RandomValue(random_, 3 << 20);
  model[{std::string(4000, 'k'), Version(1, EntryKind::kPut).word()}] = RandomValue(random_, 70000);
  model[{"zeros", Version(1, EntryKind::kPut).word()}] = std::string(5 << 20, '\0');
  for (const Compression compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    file_ = {};
    BuildOrDie(model, {.compression = compression});
    EmptyCache();
    auto table = Open();
    ASSERT_TRUE(table.ok()) << table.status();
    ExpectSameAsModel(**table);
  }
}

TEST_F(TableTest, CompressionIsUsedWhereItPaysOnly) {
  Model compressible;
  Model noise;
  for (int i = 0; i < 2000; ++i) {
    const std::pair<std::string, std::uint64_t> key = {"key" + std::to_string(i),
                                                       Version(1, EntryKind::kPut).word()};
    compressible[key] = std::string(100, 'c');
    std::string& value = noise[key];
    for (int j = 0; j < 100; ++j) value.push_back(static_cast<char>(random_.Next64()));
  }
  for (const Compression compression : {Compression::kLz4, Compression::kZstd}) {
    file_ = {};
    BuildOrDie(compressible, {.compression = compression});
    EXPECT_LT(summary_.properties.data_bytes, summary_.properties.raw_value_bytes / 4);
    file_ = {};
    BuildOrDie(noise, {.compression = compression});
    const double ratio = static_cast<double>(summary_.properties.data_bytes) /
                         static_cast<double>(summary_.properties.raw_value_bytes);
    EXPECT_GT(ratio, 1.0);
    EXPECT_LT(ratio, 1.15);
  }
}

class DamagedTableTest : public TableTest, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(WholeOrInParts, DamagedTableTest, testing::Bool());

// Every byte of a small file, damaged: an error or the right answer.
TEST_P(DamagedTableTest, NoDamagedByteGivesAWrongAnswer) {
  is_whole_ = GetParam();
  BuildOrDie(RandomModel(random_, 120), {.block_bytes = 400, .write_bytes = 4096});
  const std::string good = file_.bytes;
  ASSERT_LT(good.size(), 40000u);
  const auto footer = ParseFooter(std::string_view(good).substr(good.size() - kTableFooterBytes),
                                  good.size(), Identity());
  ASSERT_TRUE(footer.ok()) << footer.status();
  int refused = 0;
  int read_errors = 0;
  int without_filter = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    file_.bytes = good;
    file_.bytes[i] = static_cast<char>(file_.bytes[i] ^ (1 << (i % 8)));
    EmptyCache();
    auto table = Open();
    if (!table.ok()) {
      ASSERT_EQ(table.status().code(), absl::StatusCode::kDataLoss) << table.status();
      ++refused;
      continue;
    }
    without_filter += (*table)->filter_is_damaged();
    auto it = (*table)->NewIterator({.fill_cache = i % 2 == 0});
    absl::Status status = BlockOn(it->SeekToFirst());
    for (auto at = model_.cbegin(); status.ok() && it->Valid(); ++at) {
      ASSERT_NE(at, model_.cend());
      ASSERT_EQ(it->key().key, at->first.first);
      ASSERT_EQ(it->key().version.word(), at->first.second);
      ASSERT_EQ(it->value(), at->second);
      status = BlockOn(it->Next());
    }
    if (!status.ok()) {
      ++read_errors;
      ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss);
      const bool names_data = absl::StrContains(status.message(), "07.table, data block at offset");
      const bool names_index = absl::StrContains(status.message(), "07.table, index at offset");
      ASSERT_TRUE(names_data || (!is_whole_ && names_index)) << status;
      ASSERT_FALSE(it->Valid());
    }
    // A bit of the filter concerns few keys.
    const bool is_filter = i >= footer->filter.offset && i < footer->filter.end();
    for (std::size_t k = is_filter ? 0 : i % model_.size(); k < model_.size();
         k += is_filter ? 1 : model_.size()) {
      const std::string& key =
          std::next(model_.cbegin(), static_cast<std::ptrdiff_t>(k))->first.first;
      KeyHistory history;
      const absl::Status got = Get(**table, key, kMaxSequence, &history);
      if (got.ok()) ExpectHistory(history, key, kMaxSequence);
      ASSERT_TRUE(got.ok() || !is_filter) << "a damaged filter only costs speed: " << got;
    }
  }
  EXPECT_GT(refused, 200);
  EXPECT_GT(read_errors, 1000);
  EXPECT_EQ(without_filter > 50, is_whole_);
}

TEST_F(TableTest, AFileThatIsNotThisTableIsRefused) {
  BuildOrDie(RandomModel(random_, 300), {.block_bytes = 500});
  EXPECT_TRUE(Open().ok());
  TableIdentity other = Identity();
  other.database_id[3] ^= 1;
  EXPECT_EQ(Open(other).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(Open(other).status().message().find("another database"), std::string::npos);
  EXPECT_EQ(Open(Identity(8)).status().code(), absl::StatusCode::kDataLoss);
  const std::string good = file_.bytes;
  for (const std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{4096},
                                 good.size() - 4096, good.size() - 1, good.size() + 4096}) {
    file_.bytes = good;
    file_.bytes.resize(size);
    EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST_F(TableTest, ABlockOfAnotherPlaceOrFileNeverPasses) {
  Model model;
  for (int i = 0; i < 65; ++i) {
    model[{"key" + std::to_string(100 + i), Version(9, EntryKind::kPut).word()}] =
        std::string(90, static_cast<char>('a' + i / 4));
  }
  BuildOrDie(model, {.block_bytes = 600, .compression = Compression::kNone});
  const std::string good = file_.bytes;
  const std::size_t block = summary_.properties.data_bytes / summary_.properties.data_block_count;
  ASSERT_EQ(block * summary_.properties.data_block_count, summary_.properties.data_bytes)
      << "the test needs blocks of one size";
  // The third block in place of the second: its own checksum is right.
  std::copy_n(good.begin() + static_cast<std::ptrdiff_t>(2 * block), block,
              file_.bytes.begin() + static_cast<std::ptrdiff_t>(block));
  auto table = Open();
  ASSERT_TRUE(table.ok());
  auto it = (*table)->NewIterator({});
  absl::Status status = BlockOn(it->SeekToFirst());
  while (status.ok() && it->Valid()) status = BlockOn(it->Next());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
}

TEST_F(TableTest, AReadErrorIsReportedAndSticksToTheIteratorOnly) {
  BuildOrDie(RandomModel(random_, 3000), {.block_bytes = 1000});
  for (const bool is_slow : {false, true}) {
    EmptyCache();
    auto table = Open();
    ASSERT_TRUE(table.ok());
    file_.is_slow = is_slow;
    auto it = (*table)->NewIterator({});
    ASSERT_TRUE(BlockOn(it->SeekToFirst()).ok());
    file_.reads_until_failure = 1;
    absl::Status status;
    while (status.ok() && it->Valid()) status = BlockOn(it->Next());
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_FALSE(it->Valid());
    file_.reads_until_failure.reset();
    EXPECT_EQ(BlockOn(it->SeekToFirst()), status) << "never resumes past an error";
    auto again = (*table)->NewIterator({});
    EXPECT_TRUE(BlockOn(again->SeekToLast()).ok());
    EXPECT_TRUE(again->Valid());
  }
  file_.reads_until_failure = 0;
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(TableTest, ABuilderThatFailedStaysFailed) {
  const Model model = RandomModel(random_, 2000);
  file_.fail_writes = true;
  EXPECT_EQ(Build(model, {.block_bytes = 500, .write_bytes = 4096}).status().code(),
            absl::StatusCode::kUnavailable);
  file_ = {};
  file_.fail_sync = true;
  EXPECT_EQ(Build(model, {}).status().code(), absl::StatusCode::kUnavailable);

  file_ = {};
  TableBuilder builder(std::make_unique<MemoryFile>(&file_),
                       {.identity = Identity(), .memory = &budget_});
  ASSERT_TRUE(BlockOn(builder.Add({"b", Version(5, EntryKind::kPut)}, "")).ok());
  const absl::Status error = BlockOn(builder.Add({"a", Version(5, EntryKind::kPut)}, ""));
  EXPECT_EQ(error.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(BlockOn(builder.Add({"c", Version(5, EntryKind::kPut)}, "")), error);
  EXPECT_EQ(BlockOn(builder.Finish()).status(), error);
}

TEST_F(TableTest, BuildingAndReadingStayWithinWhatTheyCharge) {
  const std::size_t limit = 2 << 20;
  for (int i = 0; i < 45000; ++i) {
    model_[{"key" + std::to_string(i), Version(1, EntryKind::kPut).word()}] =
        RandomValue(random_, 100);
  }
  TableBuilderOptions options;
  options.identity = Identity();
  options.memory = &budget_;
  TableBuilder builder(std::make_unique<MemoryFile>(&file_), options);
  std::size_t most = 0;
  for (const auto& [key, value] : model_) {
    ASSERT_TRUE(BlockOn(builder.Add({key.first, Version::FromWord(key.second)}, value)).ok());
    most = std::max(most, budget_.used_bytes(MemoryUse::kInFlight));
  }
  ASSERT_TRUE(BlockOn(builder.Finish()).ok());
  EXPECT_GT(most, options.write_bytes);
  EXPECT_LT(most, limit);
  EXPECT_GT(file_.bytes.size(), limit) << "the test needs a table larger than that";
  auto table = Open();
  ASSERT_TRUE(table.ok());
  EXPECT_GT(budget_.used_bytes(MemoryUse::kTableMetadata), 45000u * 10 / 8);
  EXPECT_LT(budget_.used_bytes(MemoryUse::kTableMetadata), 150000u);
}

TEST_F(TableTest, ATableThatIsNotHeldWholeTakesLittleMemoryAndReadsWhatItNeeds) {
  Model model;
  for (int i = 0; i < 45000; ++i) {
    model[{"key" + std::to_string(i), Version(1, EntryKind::kPut).word()}] =
        RandomValue(random_, 100);
  }
  BuildOrDie(model, {});  // with parts of the usual size
  is_whole_ = false;
  const auto table = Open();
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_LT(budget_.used_bytes(MemoryUse::kTableMetadata), 3000u);
  const auto bytes_of_get = [&](const std::string& key) {
    file_.read_bytes = 0;
    KeyHistory history;
    EXPECT_TRUE(Get(**table, key, kMaxSequence, &history).ok());
    ExpectHistory(history, key, kMaxSequence);
    return file_.read_bytes;
  };
  // A page of the filter, a part of the index, a block.
  EXPECT_LT(bytes_of_get("key30000"), 4096u + 4096 + 9000);
  EXPECT_EQ(bytes_of_get("key30000"), 0u);
  EXPECT_LE(bytes_of_get("an absent key"), kFilterPageBytes);
  EXPECT_LE(budget_.used_bytes(MemoryUse::kTableMetadata), 3000u);
  (*table)->ForgetBlocks();
  EXPECT_EQ(cache_->Stats().entry_count, 0u);
}

TEST_F(TableTest, TablesAreHeldWholeWhileThereIsMemoryForIt) {
  is_whole_ = false;  // small parts
  BuildOrDie(RandomModel(random_, 3000), {.block_bytes = 500});
  const auto open = [&](std::size_t limit) {
    TableOptions options{.identity = Identity(), .cache = cache_.get(), .memory = &budget_};
    options.whole_metadata_bytes_max = limit;
    auto table =
        BlockOn(Table::Open(std::make_unique<MemoryFile>(&file_), file_.bytes.size(), options));
    EXPECT_TRUE(table.ok()) << table.status();
    return *std::move(table);
  };
  auto first = open(std::size_t{1} << 30);
  ASSERT_TRUE(first->is_whole());
  const std::size_t bytes = budget_.used_bytes(MemoryUse::kTableMetadata);
  // While it is opened a table takes more than afterwards.
  EXPECT_FALSE(open(2 * bytes - 1)->is_whole());
  EXPECT_TRUE(open(4 * bytes)->is_whole());
  first = nullptr;
  EXPECT_TRUE(open(2 * bytes)->is_whole());
  ExpectSameAsModel(*open(0));
}

}  // namespace
}  // namespace aurora::lsm
