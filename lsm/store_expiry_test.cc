// Values that expire.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/append_operator_testing.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/expiry_script_testing.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/pinned_value.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_salvage.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class StoreExpiryTest : public testing::Test {
 protected:
  static constexpr KeyspaceId kMerged = 1;
  static constexpr KeyspaceId kSessions = 2;

  void SetUp() override { Open(); }
  void TearDown() override { Close(); }

  void Open() {
    StoreOptions options;
    options.directory = "/db";
    options.merge_operators = {{kMerged, &append_}};
    options.time_to_live = {{kSessions, absl::Hours(10)}};
    options.value_file_min_bytes = 1024;
    auto store = simulation_.Run(KvStore::Open(simulation_.environment(), options));
    ASSERT_TRUE(store.ok()) << store.status();
    kv_ = *std::move(store);
  }
  void Close() { Expect(simulation_.Run(kv_->Close())); }
  void Reopen() {
    Close();
    Open();
  }
  void Expect(const absl::Status& status) { ASSERT_TRUE(status.ok()) << status; }
  void Write(const WriteBatch& batch) { Expect(simulation_.Run(kv_->Write(batch)).status()); }
  void PutFor(std::string_view key, std::string_view value, absl::Duration time_to_live,
              KeyspaceId keyspace = 0) {
    WriteBatch batch;
    batch.PutFor(key, value, time_to_live, keyspace);
    Write(batch);
  }
  void Put(std::string_view key, std::string_view value) {
    Expect(simulation_.Run(kv_->Put(key, value)).status());
  }
  void Merge(std::string_view key, std::string_view operand) {
    WriteBatch batch;
    batch.Merge(key, operand, kMerged);
    Write(batch);
  }
  void Flush() { Expect(simulation_.Run(kv_->store().Flush())); }
  void Compact() { Expect(simulation_.Run(kv_->store().Compact())); }
  void Pass(absl::Duration time) { simulation_.JumpWallClock(time); }
  std::string Get(std::string_view key, ReadPoint at = {}, KeyspaceId keyspace = 0) {
    const auto got = simulation_.Run(kv_->store().Get(keyspace, key, at));
    if (!got.ok()) return std::string(got.status().ToString());
    return got->has_value() ? std::string((*got)->view()) : "(none)";
  }
  std::string Scan(ReadPoint at = {}, KeyspaceId keyspace = 0) {
    IterateOptions options;
    options.at = at;
    return Walk(kv_->store().NewIterator(keyspace, options).get());
  }
  std::string Walk(Iterator* iterator) {
    std::string keys;
    absl::Status moved = simulation_.Run(iterator->SeekToFirst());
    while (moved.ok() && iterator->Valid()) {
      StrAppend(&keys, iterator->key(), " ");
      moved = simulation_.Run(iterator->Next());
    }
    EXPECT_TRUE(moved.ok()) << moved;
    return keys;
  }
  std::optional<Expiry> ExpiryOf(std::string_view key) {
    const auto expiry = simulation_.Run(kv_->GetExpiry(key));
    EXPECT_TRUE(expiry.ok()) << expiry.status();
    return expiry.value_or(std::nullopt);
  }
  absl::Time Now() { return simulation_.environment().clock().Now(); }
  std::uint64_t Entries() {
    std::uint64_t entries = 0;
    for (const LevelStats& level : kv_->store().Stats().levels) entries += level.entry_count;
    return entries;
  }

  const AppendOperator append_;
  Simulation simulation_{5};
  std::unique_ptr<KvStore> kv_;
};

TEST_F(StoreExpiryTest, AValueIsThereUntilItExpires) {
  PutFor("a", "alpha", absl::Hours(2));
  Put("b", "beta");
  EXPECT_EQ(Get("a"), "alpha");
  EXPECT_EQ(Scan(), "a b ");
  ASSERT_TRUE(ExpiryOf("a").has_value());
  EXPECT_NEAR(static_cast<double>(*ExpiryOf("a") - ToExpiry(Now())), 7'200'000, 1000);
  EXPECT_EQ(ExpiryOf("b"), kNeverExpires);
  EXPECT_EQ(ExpiryOf("c"), std::nullopt);
  Pass(absl::Hours(2) - absl::Minutes(1));
  EXPECT_EQ(Get("a"), "alpha");
  Pass(absl::Minutes(1));
  EXPECT_EQ(Get("a"), "(none)");
  EXPECT_EQ(Scan(), "b ");
  EXPECT_EQ(ExpiryOf("a"), std::nullopt);
}

// Values in tables and in value files, with an expiry and without.
TEST_F(StoreExpiryTest, ASalvageKeepsWhenValuesExpire) {
  const std::string large(2000, 'l');
  std::map<std::string, std::pair<std::string, Expiry>> expected;
  const auto add = [&](const std::string& key, const std::string& value, bool expires) {
    expires ? PutFor(key, value, absl::Hours(2)) : Put(key, value);
    expected[key] = {value, *ExpiryOf(key)};
  };
  add("a", "alpha", true);
  add("b", "beta", false);
  add("c", large, true);
  add("d", large, false);
  add("e", "", true);
  Flush();
  Close();
  const auto salvage = simulation_.Run(StoreSalvage::Open(&simulation_.environment(), "/db", {}));
  ASSERT_TRUE(salvage.ok()) << salvage.status();
  std::map<std::string, std::pair<std::string, Expiry>> salvaged;
  while (*simulation_.Run((*salvage)->Next())) {
    const EntryRef entry = (*salvage)->entry();
    KeyspaceId keyspace = 0;
    std::string_view key;
    ASSERT_TRUE(ParseStoredKey(entry.key.key, &keyspace, &key));
    EXPECT_EQ(entry.key.version.kind(), EntryKind::kPut);
    salvaged[std::string(key)] = {std::string(entry.value), (*salvage)->expiry()};
  }
  EXPECT_EQ(salvaged, expected);
  Open();
}

TEST_F(StoreExpiryTest, WhatHasExpiredHidesWhatIsOlder) {
  Put("a", "old");
  Flush();
  PutFor("a", "new", absl::Hours(1));
  Pass(absl::Hours(1));
  EXPECT_EQ(Get("a"), "(none)");
  Flush();
  EXPECT_EQ(Get("a"), "(none)");
  Compact();
  EXPECT_EQ(Get("a"), "(none)");
  EXPECT_EQ(Entries(), 0u);
  Reopen();
  EXPECT_EQ(Get("a"), "(none)");
}

TEST_F(StoreExpiryTest, TheLogSaysWhenAndNotForHowLong) {
  PutFor("a", "alpha", absl::Hours(2));
  const std::optional<Expiry> expiry = ExpiryOf("a");
  Pass(absl::Hours(1));
  Reopen();
  EXPECT_EQ(ExpiryOf("a"), expiry);
  Pass(absl::Hours(1));
  Reopen();
  EXPECT_EQ(Get("a"), "(none)");
}

TEST_F(StoreExpiryTest, ItIsPutAgainToLiveLonger) {
  PutFor("a", "alpha", absl::Hours(1));
  PutFor("a", "alpha", absl::Hours(3));
  PutFor("b", "beta", absl::Hours(1));
  Put("b", "beta");
  Pass(absl::Hours(2));
  EXPECT_EQ(Scan(), "a b ");
}

TEST_F(StoreExpiryTest, AKeyspaceMayHaveATimeToLive) {
  WriteBatch batch;
  batch.Put("a", "alpha", kSessions);
  batch.PutFor("b", "beta", absl::InfiniteDuration(), kSessions);
  batch.PutFor("c", "gamma", absl::Hours(1), kSessions);
  batch.Put("d", "delta", 0);
  Write(batch);
  EXPECT_EQ(Scan({}, kSessions), "a b c ");
  Pass(absl::Hours(5));
  EXPECT_EQ(Scan({}, kSessions), "a b ");
  Pass(absl::Hours(5));
  EXPECT_EQ(Scan({}, kSessions), "b ");
  EXPECT_EQ(Scan(), "d ");
}

TEST_F(StoreExpiryTest, AReaderKeepsItsTime) {
  PutFor("a", "alpha", absl::Hours(1));
  PutFor("b", std::string(5000, 'b'), absl::Hours(1));  // in a value file
  Flush();
  const std::unique_ptr<Snapshot> snapshot = kv_->store().GetSnapshot();
  const std::unique_ptr<Iterator> iterator = kv_->store().NewIterator(0, {});
  Pass(absl::Hours(2));
  const std::unique_ptr<Snapshot> later = kv_->store().GetSnapshot();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Get("a", *snapshot), "alpha");
    EXPECT_EQ(Get("b", *snapshot).size(), 5000u);
    EXPECT_EQ(Scan(*snapshot), "a b ");
    EXPECT_EQ(Walk(iterator.get()), "a b ");
    EXPECT_EQ(Scan(*later), "");
    EXPECT_EQ(Scan(), "");
    Compact();
    EXPECT_EQ(Entries(), 2u);
  }
}

// What they are merged onto goes, operands stay: whenever a compaction comes by.
TEST_F(StoreExpiryTest, OperandsStayWhenTheirBaseGoes) {
  for (const bool compacts : {false, true}) {
    PutFor("a", "base", absl::Hours(2), kMerged);
    Merge("a", "1");
    if (compacts) Compact();
    Merge("a", "2");
    if (compacts) Compact();
    EXPECT_EQ(Get("a", {}, kMerged), "base12");
    Pass(absl::Hours(2));
    EXPECT_EQ(Get("a", {}, kMerged), "12");
    if (compacts) Compact();
    EXPECT_EQ(Get("a", {}, kMerged), "12");
    Merge("a", "3");
    EXPECT_EQ(Get("a", {}, kMerged), "123");
  }
}

TEST_F(StoreExpiryTest, LongAndNegativeTimesToLive) {
  PutFor("a", "alpha", absl::InfiniteDuration());
  PutFor("b", "beta", absl::Hours(24) * 1e15);
  PutFor("c", "gamma", absl::ZeroDuration());
  PutFor("d", "delta", -absl::InfiniteDuration());
  EXPECT_EQ(Scan(), "a b ");
  EXPECT_EQ(ExpiryOf("b"), kNeverExpires);
  Pass(absl::Hours(24 * 365 * 100));
  Compact();
  EXPECT_EQ(Scan(), "a b ");
  EXPECT_EQ(Entries(), 2u);
}

TEST_F(StoreExpiryTest, NothingGoesBeforeItsTimeWhereTheClockJumps) {
  PutFor("a", "alpha", absl::Hours(10));
  Pass(-absl::Hours(1000));
  Compact();
  EXPECT_EQ(Get("a"), "alpha");
  Pass(absl::Hours(1009));
  EXPECT_EQ(Get("a"), "alpha");
  Pass(absl::Hours(2));
  EXPECT_EQ(Get("a"), "(none)");
  // What is put when it has gone back lives as long as what was put before, for every reader.
  PutFor("b", "beta", absl::Hours(1));
  Pass(absl::Hours(9));
  Compact();
  Pass(-absl::Hours(5));
  PutFor("c", "gamma", absl::Hours(1));
  Compact();
  EXPECT_EQ(Get("c"), "gamma");
  EXPECT_EQ(Get("c", *kv_->store().GetSnapshot()), "gamma");
  Pass(absl::Hours(1));
  EXPECT_EQ(Get("c"), "(none)");
}

TEST_F(StoreExpiryTest, AMutationThatDoesNotSayWhenIsRefused) {
  const Mutation mutation{0, EntryKind::kExpiringPut, "key", "short"};
  const std::string_view record = "record";
  CommitRequest request;
  request.record = std::span(&record, 1);
  request.mutations = std::span(&mutation, 1);
  const auto committed = simulation_.Run(kv_->store().Commit(request));
  EXPECT_TRUE(absl::IsInvalidArgument(committed.status())) << committed.status();
}

// The store wakes when half of a table has expired, and at no other time.
TEST_F(StoreExpiryTest, AStoreAtRestWakesOnlyWhenSomethingHasExpired) {
  Put("a", "alpha");
  Flush();
  Expect(simulation_.Run(kv_->store().WaitIdle()));
  const auto steps_in = [this](absl::Duration time) {
    const std::uint64_t before = simulation_.step_count();
    simulation_.RunFor(time);
    return simulation_.step_count() - before;
  };
  steps_in(absl::Hours(1));  // what is left of the flush
  EXPECT_EQ(steps_in(absl::Hours(1000)), 0u);
  PutFor("b", "beta", absl::Hours(100));
  Compact();
  Expect(simulation_.Run(kv_->store().WaitIdle()));
  steps_in(absl::Minutes(1));
  EXPECT_EQ(steps_in(absl::Hours(99)), 0u);
  EXPECT_EQ(Entries(), 2u);
  EXPECT_GT(steps_in(absl::Hours(1)), 0u);
  EXPECT_EQ(Entries(), 1u);
  EXPECT_EQ(steps_in(absl::Hours(1000)), 0u);
}

TEST_F(StoreExpiryTest, WhatExpiresEarlierIsNotWaitedForInVain) {
  PutFor("a", "alpha", absl::Hours(1000));
  Compact();
  PutFor("b", "beta", absl::Hours(1));
  PutFor("c", "gamma", absl::Hours(1));
  Compact();
  EXPECT_EQ(Entries(), 3u);
  simulation_.RunFor(absl::Hours(2));
  EXPECT_EQ(Entries(), 1u);
  // One that a snapshot keeps goes with it.
  std::unique_ptr<Snapshot> snapshot = kv_->store().GetSnapshot();
  simulation_.RunFor(absl::Hours(1000));
  EXPECT_EQ(Entries(), 1u);
  snapshot.reset();
  simulation_.RunFor(absl::Minutes(1));
  EXPECT_EQ(Entries(), 0u);
}

TEST(StoreExpiryScriptTest, ARandomLifeIsThatOfTheModel) {
  const std::uint64_t seed = TestSeed();
  for (std::uint64_t i = 0; i < 6; ++i) {
    const absl::Status status = RunExpiryScript(seed + i, 200, /*clock_goes_back=*/i % 3 == 2);
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST(StoreExpiryScriptTest, AtRestAllSpaceComesBack) {
  const std::uint64_t seed = TestSeed();
  for (std::uint64_t i = 0; i < 10; ++i) {
    const absl::Status status = RunExpiryAtRest(seed + i);
    ASSERT_TRUE(status.ok()) << status;
  }
}

}  // namespace
}  // namespace aurora::lsm
