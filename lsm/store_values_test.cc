// Values in value files.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/append_operator_testing.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/store_salvage.h"
#include "aurora/lsm/store_verifier.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/disk_image.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr std::size_t kLeast = kValueFileBytesLeast;
constexpr KeyspaceId kMerged = 3;

std::string KeyOf(int i) { return StrCat("key", 1000 + i); }

class StoreValuesTest : public testing::Test {
 protected:
  StoreValuesTest() {
    options_ = SmallStoreOptions("/db", Durability::kProcess);
    options_.memtable_bytes = 256u << 10;
    options_.table_bytes = 64u << 10;
    options_.level_base_bytes = 256u << 10;
    options_.log_segment_bytes = 1u << 20;
    options_.block_cache_bytes = 1u << 20;
    options_.merge_operators[kMerged] = &append_;
  }
  ~StoreValuesTest() override {
    if (store_ != nullptr) EXPECT_TRUE(Run(store_->Close()).ok());
  }

  template <class T>
  T Run(Task<T> task) {
    return simulation_.Run(std::move(task));
  }
  absl::Status TryOpen() {
    auto store = Run(KvStore::Open(simulation_.environment(), options_));
    if (store.ok()) store_ = *std::move(store);
    return store.status();
  }
  void Open() {
    const absl::Status opened = TryOpen();
    ASSERT_TRUE(opened.ok()) << opened;
  }
  void Close() {
    ASSERT_TRUE(Run(store_->Close()).ok());
    store_ = nullptr;
  }
  void Put(const std::string& key, const std::string& value, KeyspaceId keyspace = 0) {
    WriteBatch batch;
    batch.Put(key, value, keyspace);
    const auto written = Run(store_->Write(batch));
    ASSERT_TRUE(written.ok()) << written.status();
    if (keyspace == 0) model_[key] = value;
  }
  void Merge(const std::string& key, const std::string& operand) {
    WriteBatch batch;
    batch.Merge(key, operand, kMerged);
    ASSERT_TRUE(Run(store_->Write(batch)).ok());
  }
  void Flush() { ASSERT_TRUE(Run(store_->store().Flush()).ok()); }
  void Compact() { ASSERT_TRUE(Run(store_->store().Compact()).ok()); }
  void WaitIdle() { ASSERT_TRUE(Run(store_->store().WaitIdle()).ok()); }
  StoreStats Stats() { return store_->store().Stats(); }

  std::optional<std::string> Get(const std::string& key, KeyspaceId keyspace = 0,
                                 Sequence at = kMaxSequence) {
    const auto value = Run(store_->store().Get(keyspace, key, at));
    EXPECT_TRUE(value.ok()) << value.status();
    if (!value.ok() || !value->has_value()) return std::nullopt;
    return std::string((*value)->view());
  }
  std::map<std::string, std::string> Scan(const IterateOptions& options, bool backward = false) {
    std::map<std::string, std::string> found;
    const auto iterator = store_->store().NewIterator(0, options);
    absl::Status moved = Run(backward ? iterator->SeekToLast() : iterator->SeekToFirst());
    while (moved.ok() && iterator->Valid()) {
      if (options.lazy_values) EXPECT_TRUE(Run(iterator->LoadValue()).ok());
      found.emplace(iterator->key(), iterator->value());
      moved = Run(backward ? iterator->Prev() : iterator->Next());
    }
    EXPECT_TRUE(moved.ok()) << moved;
    return found;
  }
  void ExpectModel() {
    for (const auto& [key, value] : model_) EXPECT_TRUE(Get(key) == value) << key;
    EXPECT_TRUE(Scan({}) == model_);
    EXPECT_TRUE(Scan({}, /*backward=*/true) == model_);
    IterateOptions lazy;
    lazy.lazy_values = true;
    EXPECT_TRUE(Scan(lazy) == model_);
    EXPECT_TRUE(Scan(lazy, /*backward=*/true) == model_);
  }
  void ExpectWithinBound() {
    const StoreStats stats = Stats();
    EXPECT_LE(4 * stats.value_garbage_bytes, stats.value_bytes);
  }
  void ExpectVerified() {
    const auto report = Run(VerifyStore(&simulation_.environment(), "/db", {}));
    ASSERT_TRUE(report.ok()) << report.status();
    for (const Finding& finding : report->findings) ADD_FAILURE() << finding.file << finding.what;
    EXPECT_EQ(report->value_file_count, static_cast<std::uint64_t>(Stats().value_file_count));
  }
  std::vector<std::string> ValueFiles() {
    simulation_.RunUntilIdle();  // files are removed
    std::vector<std::string> found;
    for (const std::string& path : simulation_.disk().image().Files()) {
      if (path.ends_with(".values")) found.push_back(path);
    }
    return found;
  }
  // Counts the reads of value files from now on.
  std::size_t CountValueReads() {
    FaultRule rule;
    rule.fault = Fault::Delay(absl::ZeroDuration());
    rule.kinds = {OperationKind::kRead};
    rule.path = "*.values";
    rule.count = FaultRule::kForEver;
    return simulation_.faults().Add(std::move(rule));
  }

  // Where every read takes about as long as any other.
  static SimulationOptions WithoutSpikes() {
    SimulationOptions options;
    options.latency.spike_factor = 1;
    return options;
  }

  Simulation simulation_{TestSeed(), WithoutSpikes()};
  SeededRandom random_{TestSeed()};
  const AppendOperator append_;
  StoreOptions options_;
  std::unique_ptr<KvStore> store_;
  std::map<std::string, std::string> model_;
};

TEST_F(StoreValuesTest, ValuesFromTheThresholdOnAreSeparatedAtAFlush) {
  options_.value_file_min_bytes = 2000;
  ASSERT_NO_FATAL_FAILURE(Open());
  Put("below", std::string(1999, 'b'));
  Put("at", std::string(2000, 'a'));
  EXPECT_EQ(Stats().value_file_count, 0);
  Flush();
  const StoreStats stats = Stats();
  EXPECT_EQ(stats.value_file_count, 1);
  EXPECT_EQ(stats.value_garbage_bytes, 0u);
  EXPECT_EQ(stats.levels[0].value_bytes, stats.value_bytes);
  ExpectModel();
  ExpectVerified();
}

TEST_F(StoreValuesTest, NothingIsSeparatedWhereThatIsOff) {
  options_.value_file_min_bytes = 0;
  ASSERT_NO_FATAL_FAILURE(Open());
  Put("key", std::string(100'000, 'v'));
  Compact();
  EXPECT_EQ(Stats().value_file_count, 0);
  ExpectModel();
}

TEST_F(StoreValuesTest, AThresholdBelowTheLeastIsRefused) {
  options_.value_file_min_bytes = kLeast - 1;
  EXPECT_TRUE(absl::IsInvalidArgument(TryOpen()));
}

TEST_F(StoreValuesTest, CompactionMovesHandlesAndNotValues) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int i = 0; i < 300; ++i) {
    std::string value(8000, '\0');
    for (char& c : value) c = static_cast<char>(random_.Next64());
    Put(KeyOf(i * 7919 % 300), value);
  }
  Compact();
  const StoreStats stats = Stats();
  EXPECT_GT(stats.value_bytes, 300u * 8000u);
  EXPECT_LT(stats.bytes_compacted, stats.value_bytes / 4);
  EXPECT_EQ(stats.bytes_collected, 0u);
  ExpectModel();
}

TEST_F(StoreValuesTest, GarbageStaysWithinItsBound) {
  ASSERT_NO_FATAL_FAILURE(Open());
  std::uint64_t collected = 0;
  for (int round = 0; round < 8; ++round) {
    for (int n = 0; n < 200; ++n) {
      const int i = static_cast<int>(random_.Below(120));
      Put(KeyOf(i), std::string(kLeast + random_.Below(6000), static_cast<char>('a' + round)));
    }
    if (round % 2 == 0) Compact();
    WaitIdle();
    ExpectWithinBound();
    ExpectModel();
    ExpectVerified();
    collected = Stats().bytes_collected;
  }
  EXPECT_GT(collected, 0u);
  Compact();
  WaitIdle();
  // What was replaced or dropped is gone from the device.
  EXPECT_EQ(ValueFiles().size(), static_cast<std::size_t>(Stats().value_file_count));
  Close();
  ASSERT_NO_FATAL_FAILURE(Open());
  ExpectModel();
  ExpectWithinBound();
}

TEST_F(StoreValuesTest, AFileThatNobodyNeedsIsDropped) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int i = 0; i < 20; ++i) Put(KeyOf(i), std::string(5000, 'v'));
  Flush();
  EXPECT_EQ(ValueFiles().size(), 1u);
  ASSERT_TRUE(Run(store_->DeleteRange("key", "kez")).ok());
  model_.clear();
  Compact();
  WaitIdle();
  EXPECT_EQ(Stats().value_file_count, 0);
  EXPECT_EQ(ValueFiles().size(), 0u);
  ExpectModel();
}

TEST_F(StoreValuesTest, SnapshotsAndIteratorsKeepWhatTheySee) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int i = 0; i < 40; ++i) Put(KeyOf(i), StrCat(i, std::string(3000, 'o')));
  Flush();
  const std::map<std::string, std::string> before = model_;
  auto iterator = store_->store().NewIterator(0, IterateOptions());
  ASSERT_TRUE(Run(iterator->SeekToFirst()).ok());
  auto snapshot = store_->store().GetSnapshot();
  const Sequence at = snapshot->sequence();
  // All but one of a file become garbage, and it is rewritten.
  for (int round = 0; round < 3; ++round) {
    for (int i = 1; i < 40; ++i) Put(KeyOf(i), StrCat(i, std::string(3000, 'n')));
    Compact();
  }
  IterateOptions options;
  options.at = at;
  EXPECT_TRUE(Scan(options) == before);
  EXPECT_TRUE(Get(KeyOf(3), 0, at) == before.at(KeyOf(3)));
  snapshot = nullptr;
  Put(KeyOf(1), "one more, so that there is something to compact");
  Compact();
  WaitIdle();
  ExpectWithinBound();
  // The iterator's tree holds files that are no longer part of the store.
  for (const auto& [key, value] : before) {
    ASSERT_TRUE(iterator->Valid());
    EXPECT_EQ(iterator->key(), key);
    EXPECT_TRUE(iterator->value() == value);
    ASSERT_TRUE(Run(iterator->Next()).ok());
  }
  EXPECT_GT(ValueFiles().size(), static_cast<std::size_t>(Stats().value_file_count));
  iterator = nullptr;
  WaitIdle();
  EXPECT_EQ(ValueFiles().size(), static_cast<std::size_t>(Stats().value_file_count));
  ExpectModel();
}

TEST_F(StoreValuesTest, ScansOfKeysReadNoValues) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int i = 0; i < 60; ++i) Put(KeyOf(i), std::string(2000, 'v'));
  Compact();
  Close();
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::size_t reads = CountValueReads();
  IterateOptions options;
  options.lazy_values = true;
  const auto iterator = store_->store().NewIterator(0, options);
  int count = 0;
  ASSERT_TRUE(Run(iterator->SeekToFirst()).ok());
  for (; iterator->Valid(); ++count) {
    if (count == 30) break;
    ASSERT_TRUE(Run(iterator->Next()).ok());
  }
  EXPECT_EQ(count, 30);
  EXPECT_EQ(simulation_.faults().matched(reads), 0u);
  ASSERT_TRUE(Run(iterator->LoadValue()).ok());
  EXPECT_EQ(iterator->value(), std::string(2000, 'v'));
  EXPECT_GT(simulation_.faults().matched(reads), 0u);
  ASSERT_TRUE(Run(iterator->Prev()).ok());
  EXPECT_EQ(iterator->key(), KeyOf(29));
}

TEST_F(StoreValuesTest, ManyValuesAreReadTogether) {
  ASSERT_NO_FATAL_FAILURE(Open());
  std::vector<std::string> keys;
  for (int i = 0; i < 60; ++i) {
    keys.push_back(KeyOf(i));
    Put(keys.back(), StrCat(i, std::string(40'000, 'v')));
  }
  Compact();
  EXPECT_TRUE(Get(keys[0]) == model_[keys[0]]);  // opens the files
  const auto nanos = [&] { return simulation_.environment().clock().MonotonicNanos(); };
  std::int64_t start = nanos();
  for (const std::string& key : keys) EXPECT_TRUE(Get(key) == model_[key]);
  const std::int64_t one_by_one = nanos() - start;
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  start = nanos();
  const auto values = Run(store_->GetMany(views));
  const std::int64_t together = nanos() - start;
  ASSERT_TRUE(values.ok()) << values.status();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_TRUE((*values)[i].has_value() && (*values)[i]->view() == model_[keys[i]]);
  }
  EXPECT_LT(together, one_by_one / 4);
}

TEST_F(StoreValuesTest, LargeValuesDoNotPushBlocksOutOfTheCache) {
  constexpr std::size_t kLarge = 900'000;
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int i = 0; i < 200; ++i) Put(KeyOf(i), "small");
  for (int i = 0; i < 8; ++i) Put(StrCat("large", i), std::string(kLarge, 'l'));
  Compact();
  Close();
  ASSERT_NO_FATAL_FAILURE(Open());
  const auto misses = [&] {
    const std::uint64_t before = Stats().block_cache_misses;
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(Get(KeyOf(i)) == "small");
    return Stats().block_cache_misses - before;
  };
  misses();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(Get(StrCat("large", i))->size(), kLarge);
  EXPECT_EQ(misses(), 0u);
}

TEST_F(StoreValuesTest, OperandsAreFoldedOverSeparatedBases) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::string base(5000, 'b');
  Put("key", base, kMerged);
  Put("other", base, kMerged);
  Flush();
  EXPECT_GT(Stats().value_bytes, 0u);
  const auto expect = [&](const std::string& value) {
    EXPECT_TRUE(Get("key", kMerged) == value);
    const auto iterator = store_->store().NewIterator(kMerged, IterateOptions());
    ASSERT_TRUE(Run(iterator->SeekToFirst()).ok());
    ASSERT_TRUE(iterator->Valid());
    EXPECT_TRUE(iterator->value() == value);
    ASSERT_TRUE(Run(iterator->SeekToLast()).ok());
    EXPECT_TRUE(iterator->value() == base);
    ASSERT_TRUE(Run(iterator->Prev()).ok());
    EXPECT_TRUE(iterator->value() == value);
  };
  Merge("key", "1");
  expect(base + "1");
  Flush();
  Merge("key", "2");
  expect(base + "12");
  Compact();
  expect(base + "12");
  ExpectVerified();
  // What was folded stays in its table.
  const std::uint64_t one = Stats().value_bytes;
  EXPECT_EQ(Stats().value_garbage_bytes, 0u);
  Merge("other", "x");
  Compact();
  EXPECT_LT(Stats().value_bytes, one);
  EXPECT_TRUE(Get("other", kMerged) == base + "x");
}

TEST_F(StoreValuesTest, ADamagedValueIsTheLossOfThatValueAlone) {
  ASSERT_NO_FATAL_FAILURE(Open());
  Put("bad", std::string(3000, 'b') + "the end");
  Put("good", std::string(3000, 'g') + "the end");
  Compact();
  Close();
  const std::vector<std::string> files = ValueFiles();
  ASSERT_EQ(files.size(), 1u);
  DiskImage image = simulation_.disk().image();
  ASSERT_TRUE(image.FlipBit(files[0], 3, 1).ok());
  SimulationOptions damaged;
  damaged.image = image;
  Simulation simulation(1, std::move(damaged));
  const auto store = simulation.Run(KvStore::Open(simulation.environment(), options_));
  ASSERT_TRUE(store.ok()) << store.status();
  const auto bad = simulation.Run((*store)->Get("bad"));
  EXPECT_TRUE(absl::IsDataLoss(bad.status()));
  EXPECT_NE(bad.status().message().find(files[0]), absl::string_view::npos) << bad.status();
  EXPECT_EQ((*simulation.Run((*store)->Get("good")))->view(), model_["good"]);
  ASSERT_TRUE(simulation.Run((*store)->Close()).ok());

  const auto report = simulation.Run(VerifyStore(&simulation.environment(), "/db", {}));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_GE(report->CountOf(Finding::Kind::kDamage), 2u);
  const auto salvage = simulation.Run(StoreSalvage::Open(&simulation.environment(), "/db", {}));
  ASSERT_TRUE(salvage.ok()) << salvage.status();
  ASSERT_EQ((*salvage)->report().lost_versions.size(), 1u);
  EXPECT_NE((*salvage)->report().lost_versions[0].keys.first.find("bad"), std::string::npos);
  ASSERT_TRUE(*simulation.Run((*salvage)->Next()));
  EXPECT_EQ((*salvage)->entry().key.version.kind(), EntryKind::kPut);
  EXPECT_EQ((*salvage)->entry().value, model_["good"]);
  EXPECT_FALSE(*simulation.Run((*salvage)->Next()));
}

TEST_F(StoreValuesTest, AMissingFileIsToldAtOpenAndAnOrphanRemoved) {
  ASSERT_NO_FATAL_FAILURE(Open());
  Put("key", std::string(3000, 'v'));
  Flush();
  Close();
  const DiskImage intact = simulation_.disk().image();
  const std::string file = ValueFiles().at(0);
  const auto reopen = [&](DiskImage image, auto check) {
    SimulationOptions options;
    options.image = std::move(image);
    Simulation simulation(1, std::move(options));
    auto store = simulation.Run(KvStore::Open(simulation.environment(), options_));
    check(store.status(), simulation.disk().image());
    if (store.ok()) EXPECT_TRUE(simulation.Run((*store)->Close()).ok());
  };
  DiskImage image = intact;
  ASSERT_TRUE(image.RemoveFile(file).ok());
  reopen(image, [&](const absl::Status& status, const DiskImage&) {
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_NE(status.message().find(file.substr(4)), absl::string_view::npos) << status;
  });
  image = intact;
  const std::string orphan = StrCat("/db/", ValueFileName(1));
  ASSERT_NE(orphan, file);
  ASSERT_TRUE(image.WriteFile(orphan, "left by a job").ok());
  reopen(image, [&](const absl::Status& status, const DiskImage& after) {
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_FALSE(after.ReadFile(orphan).ok());
    EXPECT_TRUE(after.ReadFile(file).ok());
  });
}

TEST_F(StoreValuesTest, LessIsWrittenThanIfCompactionsMovedTheValues) {
  constexpr int kKeys = 300;
  constexpr int kPuts = 4 * kKeys;
  constexpr std::size_t kBytes = 16u << 10;
  options_.memtable_bytes = 512u << 10;
  options_.table_bytes = 128u << 10;
  options_.level_base_bytes = 512u << 10;
  options_.level_multiplier = 4;
  const auto written_per_byte = [&](std::size_t least) {
    options_.value_file_min_bytes = least;
    options_.directory = StrCat("/db", least);
    Open();
    for (int n = 0; n < kPuts; ++n) {
      std::string value(kBytes, '\0');
      for (char& c : value) c = static_cast<char>(random_.Next64());
      Put(KeyOf(static_cast<int>(random_.Below(kKeys))), value);
    }
    Flush();
    WaitIdle();
    const StoreStats stats = Stats();
    Close();
    const std::uint64_t written =
        stats.bytes_flushed + stats.bytes_compacted + stats.bytes_collected;
    return static_cast<double>(written) / static_cast<double>(kPuts * kBytes);
  };
  const double in_tables = written_per_byte(0);
  const double separated = written_per_byte(4096);
  std::printf(
      "bytes written for each byte put, without the log: %.2f in tables, %.2f in value files\n",
      in_tables, separated);
  EXPECT_LT(separated, 0.7 * in_tables);
}

TEST_F(StoreValuesTest, OneThatCannotBeMovedDoesNotStopTheOthers) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int i = 0; i < 30; ++i) Put(KeyOf(i), StrCat(i, std::string(3000, 'o')));
  Compact();
  Close();
  // The values of the first keys are damaged.
  DiskImage image = simulation_.disk().image();
  ASSERT_TRUE(image.FlipBit(ValueFiles().at(0), 1, 1).ok());
  SimulationOptions damaged;
  damaged.image = image;
  Simulation simulation(1, std::move(damaged));
  const auto opened = simulation.Run(KvStore::Open(simulation.environment(), options_));
  ASSERT_TRUE(opened.ok()) << opened.status();
  KvStore& store = **opened;
  for (int round = 0; round < 3; ++round) {
    for (int i = 1; i < 30; ++i) {
      ASSERT_TRUE(simulation.Run(store.Put(KeyOf(i), std::string(3000, 'n'))).ok());
    }
    simulation.Run(store.store().Compact()).IgnoreError();
    simulation.Run(store.store().WaitIdle()).IgnoreError();
  }
  ASSERT_TRUE(simulation.Run(store.store().Compact()).ok());
  ASSERT_TRUE(simulation.Run(store.store().WaitIdle()).ok());
  for (int i = 1; i < 30; ++i) {
    EXPECT_EQ((*simulation.Run(store.Get(KeyOf(i))))->view(), std::string(3000, 'n'));
  }
  EXPECT_TRUE(absl::IsDataLoss(simulation.Run(store.Get(KeyOf(0))).status()));
  ASSERT_TRUE(simulation.Run(store.Close()).ok());
}

}  // namespace
}  // namespace aurora::lsm
