// Values that are written and read in parts.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/store_verifier.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/disk_image.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class StoreStreamsTest : public testing::Test {
 protected:
  StoreStreamsTest() {
    options_ = SmallStoreOptions("/db", Durability::kSync);
    options_.memory = &memory_;
  }
  ~StoreStreamsTest() override {
    if (store_ != nullptr) Close();
  }

  template <class T>
  T Run(Task<T> task) {
    return simulation_.Run(std::move(task));
  }
  void Open() {
    auto store = Run(KvStore::Open(simulation_.environment(), options_));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Close() {
    EXPECT_TRUE(Run(store_->Close()).ok());
    store_ = nullptr;
  }
  std::string RandomValue(std::size_t size) {
    std::string value(size, '\0');
    for (char& c : value) c = static_cast<char>(random_.Next64());
    return value;
  }
  std::unique_ptr<StagedValue> Stage(std::string_view value) {
    const auto writer = Run(store_->NewValue());
    EXPECT_TRUE(writer.ok()) << writer.status();
    while (!value.empty()) {
      const std::size_t part = std::min<std::size_t>(value.size(), 1 + random_.Below(100'000));
      EXPECT_TRUE(Run((*writer)->Append(value.substr(0, part))).ok());
      value.remove_prefix(part);
    }
    auto staged = Run((*writer)->Finish());
    EXPECT_TRUE(staged.ok()) << staged.status();
    return *std::move(staged);
  }
  absl::Status Commit(std::string_view key, const StagedValue& value) {
    WriteBatch batch;
    batch.Put(key, value);
    return Run(store_->Write(batch)).status();
  }
  void ExpectValue(std::string_view key, std::string_view value) {
    const auto found = Run(store_->Get(key));
    ASSERT_TRUE(found.ok() && found->has_value()) << found.status();
    EXPECT_TRUE((*found)->view() == value);
    const auto reader = Run(store_->OpenValue(key));
    ASSERT_TRUE(reader.ok()) << reader.status();
    ASSERT_NE(*reader, nullptr);
    ASSERT_EQ((*reader)->size_bytes(), value.size());
    for (int n = 0; n < 20; ++n) {
      const std::size_t offset = random_.Below(value.size() + 5);
      std::string out(random_.Below(200'000), '?');
      const auto count = Run((*reader)->Read(offset, out));
      ASSERT_TRUE(count.ok()) << count.status();
      const std::string_view expected =
          offset < value.size() ? value.substr(offset, out.size()) : std::string_view();
      EXPECT_TRUE(out.substr(0, *count) == expected);
    }
  }
  std::size_t ValueFileCount() {
    simulation_.RunUntilIdle();  // files are removed
    const std::vector<std::string> files = simulation_.disk().image().Files();
    return static_cast<std::size_t>(std::count_if(
        files.begin(), files.end(), [](const std::string& f) { return f.ends_with(".values"); }));
  }
  void ExpectVerified() {
    const auto report = Run(VerifyStore(&simulation_.environment(), "/db", {}));
    ASSERT_TRUE(report.ok()) << report.status();
    for (const Finding& finding : report->findings) ADD_FAILURE() << finding.file << finding.what;
  }

  MemoryBudget memory_{std::size_t{64} << 20};
  Simulation simulation_{TestSeed()};
  SeededRandom random_{TestSeed()};
  StoreOptions options_;
  std::unique_ptr<KvStore> store_;
};

TEST_F(StoreStreamsTest, AValueOfManyTimesTheMemtableAndTheLogIsWrittenOnce) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::string value = RandomValue(3 << 20);
  const std::uint64_t logged = store_->store().Stats().bytes_logged;
  const auto staged = Stage(value);
  ASSERT_TRUE(Commit("key", *staged).ok());
  // Zero-filling of segments included.
  EXPECT_LT(store_->store().Stats().bytes_logged - logged, std::uint64_t{512} << 10);
  ExpectValue("key", value);
  ASSERT_TRUE(Run(store_->store().Flush()).ok());
  ExpectValue("key", value);
  EXPECT_LT(store_->store().Stats().bytes_flushed, std::uint64_t{64} << 10);
  ExpectVerified();
}

TEST_F(StoreStreamsTest, WritingTakesLittleMemory) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::string part = RandomValue(1 << 20);
  const std::size_t before = memory_.used_bytes();
  const auto writer = Run(store_->NewValue());
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(Run((*writer)->Append(part)).ok());
    EXPECT_LT(memory_.used_bytes() - before, std::size_t{1} << 20);
  }
  const auto staged = Run((*writer)->Finish());
  ASSERT_TRUE(staged.ok()) << staged.status();
  EXPECT_EQ((*staged)->size_bytes(), std::uint64_t{8} << 20);
}

TEST_F(StoreStreamsTest, AClaimSurvivesEveryReopening) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::string value = RandomValue(200'000);
  {
    const auto staged = Stage(value);
    ASSERT_TRUE(Commit("key", *staged).ok());
  }
  for (int round = 0; round < 3; ++round) {
    // Before the flush the record alone says whose the value is.
    simulation_.CrashMachine(CrashMode());
    Run(store_->Close()).IgnoreError();
    store_ = nullptr;
    simulation_.RunUntilIdle();
    ASSERT_TRUE(simulation_.Restart().ok());
    ASSERT_NO_FATAL_FAILURE(Open());
    ExpectValue("key", value);
    if (round == 1) ASSERT_TRUE(Run(store_->store().Flush()).ok());
  }
  EXPECT_EQ(ValueFileCount(), 1u);
  ASSERT_TRUE(Run(store_->Put("key", "small")).ok());
  ASSERT_TRUE(Run(store_->store().Compact()).ok());
  ASSERT_TRUE(Run(store_->store().WaitIdle()).ok());
  EXPECT_EQ(ValueFileCount(), 0u);
  ExpectValue("key", "small");
}

TEST_F(StoreStreamsTest, WhatIsNotClaimedIsDropped) {
  ASSERT_NO_FATAL_FAILURE(Open());
  {
    const auto unfinished = Run(store_->NewValue());
    ASSERT_TRUE(unfinished.ok());
    ASSERT_TRUE(Run((*unfinished)->Append(RandomValue(1 << 20))).ok());
    const auto staged = Stage("never committed");
    EXPECT_EQ(ValueFileCount(), 2u);
    ASSERT_TRUE(Run(store_->Put("key", "another")).ok());
    ASSERT_TRUE(Run(store_->store().Compact()).ok());
    EXPECT_EQ(ValueFileCount(), 2u);
  }
  ASSERT_TRUE(Run(store_->store().WaitIdle()).ok());
  EXPECT_EQ(ValueFileCount(), 0u);
  EXPECT_EQ(store_->store().Stats().value_file_count, 0);
}

TEST_F(StoreStreamsTest, WhatNoRecordNamesIsRemovedAtOpen) {
  ASSERT_NO_FATAL_FAILURE(Open());
  auto staged = Stage(RandomValue(100'000));
  EXPECT_EQ(ValueFileCount(), 1u);
  simulation_.CrashMachine(CrashMode());
  staged = nullptr;
  Run(store_->Close()).IgnoreError();
  store_ = nullptr;
  simulation_.RunUntilIdle();
  ASSERT_TRUE(simulation_.Restart().ok());
  EXPECT_EQ(ValueFileCount(), 1u);
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_TRUE(Run(store_->store().WaitIdle()).ok());
  EXPECT_EQ(ValueFileCount(), 0u);
  ExpectVerified();
}

TEST_F(StoreStreamsTest, AValueIsClaimedOnce) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const auto staged = Stage("a value");
  const auto other = Stage("another");
  WriteBatch twice;
  twice.Put("a", *staged);
  twice.Put("b", *staged);
  EXPECT_TRUE(absl::IsInvalidArgument(Run(store_->Write(twice)).status()));
  ASSERT_TRUE(Commit("a", *staged).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Commit("b", *staged)));
  ExpectValue("a", "a value");
  EXPECT_EQ(*Run(store_->OpenValue("b")), nullptr);
  ASSERT_TRUE(Commit("b", *other).ok());
  ExpectValue("b", "another");
}

TEST_F(StoreStreamsTest, AValueWithoutBytesIsRefused) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const auto writer = Run(store_->NewValue());
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(Run((*writer)->Append("")).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Run((*writer)->Finish()).status()));
}

TEST_F(StoreStreamsTest, AReaderHoldsWhatItReads) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::string value = RandomValue(300'000);
  ASSERT_TRUE(Commit("key", *Stage(value)).ok());
  ASSERT_TRUE(Run(store_->store().Flush()).ok());
  auto reader = Run(store_->OpenValue("key"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_TRUE(Run(store_->Delete("key")).ok());
  ASSERT_TRUE(Run(store_->store().Compact()).ok());
  std::string out(value.size(), '\0');
  const auto count = Run((*reader)->Read(0, out));
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_TRUE(out == value);
  reader = nullptr;
  ASSERT_TRUE(Run(store_->store().WaitIdle()).ok());
  EXPECT_EQ(ValueFileCount(), 0u);
}

TEST_F(StoreStreamsTest, ValuesThatWereNotStreamedAreReadInPartsToo) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::string large = RandomValue(30'000);
  ASSERT_TRUE(Run(store_->Put("small", "a small one")).ok());
  ASSERT_TRUE(Run(store_->Put("large", large)).ok());
  ExpectValue("small", "a small one");
  ExpectValue("large", large);
  ASSERT_TRUE(Run(store_->store().Compact()).ok());
  ExpectValue("small", "a small one");
  ExpectValue("large", large);
  EXPECT_EQ(*Run(store_->OpenValue("none")), nullptr);
}

}  // namespace
}  // namespace aurora::lsm
