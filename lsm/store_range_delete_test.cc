// Range deletes of a store, seen from outside.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/append_operator_testing.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/store_verifier.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

std::string Number(int number) { return std::to_string(1000 + number); }

// What does not compress.
std::string Noise(int number) {
  SeededRandom random(static_cast<std::uint64_t>(number));
  std::string noise(100, '\0');
  for (char& c : noise) c = static_cast<char>(random.Next64());
  return noise;
}

class StoreRangeDeleteTest : public testing::Test {
 protected:
  StoreRangeDeleteTest() : options_(SmallStoreOptions("/db", Durability::kProcess)) {
    options_.merge_operators[1] = &append_;
    options_.memtable_bytes = 1u << 20;
    Open();
  }
  ~StoreRangeDeleteTest() override { Close(); }
  void Open() {
    absl::StatusOr<std::unique_ptr<KvStore>> store =
        simulation_.Run(KvStore::Open(simulation_.environment(), options_));
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Close() { EXPECT_TRUE(simulation_.Run(store_->Close()).ok()); }
  Store& store() { return store_->store(); }

  absl::Status Write(const WriteBatch& batch) {
    return simulation_.Run(store_->Write(batch)).status();
  }
  void Put(std::string_view key, std::string_view value = "v") {
    EXPECT_TRUE(simulation_.Run(store_->Put(key, value)).ok());
  }
  void PutNumbers(int begin, int end) {
    for (int i = begin; i < end; ++i) Put(Number(i), "v" + Number(i));
  }
  void DeleteRange(std::string_view begin, std::string_view end) {
    const auto deleted = simulation_.Run(store_->DeleteRange(begin, end));
    EXPECT_TRUE(deleted.ok()) << deleted.status();
  }
  void ExpectVerified() {
    const absl::StatusOr<VerifyReport> report =
        simulation_.Run(VerifyStore(&simulation_.environment(), "/db", {}));
    ASSERT_TRUE(report.ok()) << report.status();
    for (const Finding& finding : report->findings) {
      EXPECT_EQ(finding.kind, Finding::Kind::kNote) << finding.file << ": " << finding.what;
    }
  }
  void Flush() { EXPECT_TRUE(simulation_.Run(store().Flush()).ok()); }
  void Compact() {
    EXPECT_TRUE(simulation_.Run(store().Compact()).ok());
    EXPECT_TRUE(simulation_.Run(store().WaitIdle()).ok());
  }
  std::string Get(std::string_view key, Sequence at = kMaxSequence, KeyspaceId keyspace = 0) {
    const auto got = simulation_.Run(store().Get(keyspace, key, at));
    EXPECT_TRUE(got.ok()) << got.status();
    return got->has_value() ? std::string((*got)->view()) : "(none)";
  }
  // The keys, forwards; they are the same backwards.
  std::string Scan(IterateOptions options = {}, KeyspaceId keyspace = 0) {
    const std::unique_ptr<Iterator> it = store().NewIterator(keyspace, options);
    std::string forwards;
    std::string backwards;
    EXPECT_TRUE(simulation_.Run(it->SeekToFirst()).ok());
    while (it->Valid()) {
      StrAppend(&forwards, it->key(), " ");
      EXPECT_TRUE(simulation_.Run(it->Next()).ok());
    }
    EXPECT_TRUE(simulation_.Run(it->SeekToLast()).ok());
    while (it->Valid()) {
      backwards.insert(0, StrCat(it->key(), " "));
      EXPECT_TRUE(simulation_.Run(it->Prev()).ok());
    }
    EXPECT_EQ(forwards, backwards);
    return forwards;
  }
  std::uint64_t StoredRangeDeletes() {
    std::uint64_t count = 0;
    for (const LevelStats& level : store().Stats().levels) count += level.range_delete_count;
    return count;
  }
  std::uint64_t StoredEntries() {
    std::uint64_t count = 0;
    for (const LevelStats& level : store().Stats().levels) count += level.entry_count;
    return count;
  }
  // What `check` sees in memory, in a table, compacted, and after the store was opened again.
  template <class Check>
  void Everywhere(Check check) {
    check("in memory");
    Close();
    Open();
    check("replayed");
    Flush();
    check("flushed");
    Close();
    Open();
    check("opened again");
    Compact();
    check("compacted");
  }

  AppendOperator append_;
  StoreOptions options_;
  Simulation simulation_{1};
  std::unique_ptr<KvStore> store_;
};

TEST_F(StoreRangeDeleteTest, HidesTheKeysFromBeginOnAndBelowEnd) {
  for (const char* key : {"a", "b", "b0", "c", "d"}) Put(key);
  DeleteRange("b", "c");
  Everywhere([&](const char* where) {
    SCOPED_TRACE(where);
    EXPECT_EQ(Scan(), "a c d ");
    EXPECT_EQ(Get("a"), "v");
    EXPECT_EQ(Get("b"), "(none)");
    EXPECT_EQ(Get("b0"), "(none)");
    EXPECT_EQ(Get("c"), "v");
  });
}

TEST_F(StoreRangeDeleteTest, WhatIsWrittenLaterIsThere) {
  Put("b", "old");
  DeleteRange("a", "z");
  Put("b", "new");
  Everywhere([&](const char* where) {
    SCOPED_TRACE(where);
    EXPECT_EQ(Get("b"), "new");
    EXPECT_EQ(Scan(), "b ");
  });
}

TEST_F(StoreRangeDeleteTest, ComesBeforeTheOtherMutationsOfItsCommit) {
  Put("b", "old");
  Put("c", "old");
  // Straight to the store: the order in the request does not matter.
  const std::string record = [] {
    WriteBatch batch;
    batch.DeleteRange("a", "z");
    batch.Put("b", "new");
    return batch.record();
  }();
  const std::string_view view = record;
  const Mutation mutations[] = {{0, EntryKind::kPut, "b", "new"},
                                {0, EntryKind::kDeleteRange, "a", "z"}};
  CommitRequest request;
  request.record = std::span<const std::string_view>(&view, 1);
  request.mutations = mutations;
  ASSERT_TRUE(simulation_.Run(store().Commit(request)).ok());
  Everywhere([&](const char* where) {
    SCOPED_TRACE(where);
    EXPECT_EQ(Get("b"), "new");
    EXPECT_EQ(Scan(), "b ");
  });
}

TEST_F(StoreRangeDeleteTest, InABatchTakesBackWhatStandsBeforeIt) {
  WriteBatch batch;
  batch.Put("b", "first");
  batch.Put("c", "first");
  batch.Put("x", "first", 1);
  batch.DeleteRange("a", "d");
  batch.Put("c", "second");
  batch.DeleteRange("", "", 1);
  batch.Merge("x", "second", 1);
  ASSERT_TRUE(Write(batch).ok());
  Everywhere([&](const char* where) {
    SCOPED_TRACE(where);
    EXPECT_EQ(Scan(), "c ");
    EXPECT_EQ(Get("c"), "second");
    EXPECT_EQ(Get("x", kMaxSequence, 1), "second");
  });
}

TEST_F(StoreRangeDeleteTest, AnEmptyOrInvertedRangeIsAnErrorAndChangesNothing) {
  Put("b");
  for (const auto& [begin, end] : {std::pair("b", "b"), std::pair("c", "b")}) {
    const auto deleted = simulation_.Run(store_->DeleteRange(begin, end));
    EXPECT_TRUE(absl::IsInvalidArgument(deleted.status())) << deleted.status();
    WriteBatch batch;
    batch.Put("a", "v");
    batch.DeleteRange(begin, end);
    EXPECT_TRUE(absl::IsInvalidArgument(Write(batch)));
  }
  const std::string huge(2u << 20, 'x');
  EXPECT_TRUE(absl::IsInvalidArgument(simulation_.Run(store_->DeleteRange(huge, "")).status()));
  EXPECT_EQ(Scan(), "b ");
}

TEST_F(StoreRangeDeleteTest, AWholeKeyspaceGoesAndItsNeighboursStay) {
  for (const KeyspaceId keyspace : {0u, 1u, 2u, 300u}) {
    WriteBatch batch;
    batch.Put("", "v", keyspace);
    batch.Put("\xFF\xFF", "v", keyspace);
    ASSERT_TRUE(Write(batch).ok());
  }
  WriteBatch batch;
  batch.DeleteRange("", "", 1);
  batch.DeleteRange("", "", 300);
  ASSERT_TRUE(Write(batch).ok());
  Everywhere([&](const char* where) {
    SCOPED_TRACE(where);
    EXPECT_EQ(Scan({}, 0), " \xFF\xFF ");
    EXPECT_EQ(Scan({}, 1), "");
    EXPECT_EQ(Scan({}, 2), " \xFF\xFF ");
    EXPECT_EQ(Scan({}, 300), "");
  });
}

TEST_F(StoreRangeDeleteTest, AnOperandAboveFoldsOntoNothing) {
  const auto merge = [&](std::string_view operand) {
    WriteBatch batch;
    batch.Merge("k", operand, 1);
    ASSERT_TRUE(Write(batch).ok());
  };
  merge("old");
  Flush();
  WriteBatch batch;
  batch.DeleteRange("a", "z", 1);
  ASSERT_TRUE(Write(batch).ok());
  merge("n");
  merge("ew");
  Everywhere([&](const char* where) {
    SCOPED_TRACE(where);
    EXPECT_EQ(Get("k", kMaxSequence, 1), "new");
    EXPECT_EQ(Scan({}, 1), "k ");
  });
}

TEST_F(StoreRangeDeleteTest, ASnapshotFromBeforeStillSeesTheKeys) {
  PutNumbers(0, 50);
  std::unique_ptr<Snapshot> before = store().GetSnapshot();
  DeleteRange(Number(10), Number(40));
  std::unique_ptr<Snapshot> between = store().GetSnapshot();
  DeleteRange(Number(0), Number(20));
  PutNumbers(15, 16);
  const Sequence at = before->sequence();
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    IterateOptions options;
    options.at = at;
    const std::string all = Scan(options);
    EXPECT_EQ(std::count(all.begin(), all.end(), ' '), 50);
    EXPECT_EQ(Get(Number(12), at), "v" + Number(12));
    options.at = between->sequence();
    const std::string some = Scan(options);
    EXPECT_EQ(std::count(some.begin(), some.end(), ' '), 20);
    EXPECT_EQ(Get(Number(15), between->sequence()), "(none)");
    EXPECT_EQ(Get(Number(15)), "v" + Number(15));
    EXPECT_EQ(Scan().substr(0, 10), "1015 1040 ");
    round == 0 ? Flush() : Compact();
  }
  EXPECT_GT(StoredRangeDeletes(), 0u);
  before.reset();
  between.reset();
}

TEST_F(StoreRangeDeleteTest, BoundsOfAnIteratorMayCutARange) {
  PutNumbers(0, 30);
  Compact();
  DeleteRange(Number(10), Number(20));
  const std::string low = Number(5);
  const std::string inside = Number(15);
  const std::string high = Number(22);
  Everywhere([&](const char* where) {
    SCOPED_TRACE(where);
    EXPECT_EQ(Scan({.lower = low, .upper = inside}), "1005 1006 1007 1008 1009 ");
    EXPECT_EQ(Scan({.lower = inside, .upper = high}), "1020 1021 ");
    const std::unique_ptr<Iterator> it = store().NewIterator(0, {});
    EXPECT_TRUE(simulation_.Run(it->Seek(inside)).ok());
    EXPECT_EQ(it->key(), Number(20));
    EXPECT_TRUE(simulation_.Run(it->Prev()).ok());
    EXPECT_EQ(it->key(), Number(9));
    EXPECT_TRUE(simulation_.Run(it->SeekBackward(inside)).ok());
    EXPECT_EQ(it->key(), Number(9));
    EXPECT_TRUE(simulation_.Run(it->Next()).ok());
    EXPECT_EQ(it->key(), Number(20));
  });
}

TEST_F(StoreRangeDeleteTest, AtTheBottomNothingIsLeftOfIt) {
  PutNumbers(0, 500);
  Compact();
  EXPECT_EQ(StoredEntries(), 500u);
  DeleteRange(Number(100), Number(400));
  Flush();
  EXPECT_EQ(StoredRangeDeletes(), 1u);
  Compact();
  EXPECT_EQ(StoredRangeDeletes(), 0u);
  EXPECT_EQ(StoredEntries(), 200u);
  EXPECT_EQ(Get(Number(399)), "(none)");
  EXPECT_EQ(Get(Number(400)), "v" + Number(400));
}

TEST_F(StoreRangeDeleteTest, TablesThatAreHiddenAsAWholeAreNotRead) {
  options_.block_cache_bytes = 4096;
  Close();
  Open();
  for (int i = 0; i < 500; ++i) Put(Number(i), std::string(200, static_cast<char>('a' + i % 26)));
  Compact();
  Close();
  Open();  // so that no table is open
  DeleteRange("", "");
  Flush();
  // Whoever reads a table fails.
  FaultRule rule;
  rule.fault = Fault::Error(EIO);
  rule.kinds = {OperationKind::kRead};
  rule.path = "*.table";
  rule.count = FaultRule::kForEver;
  rule.first = 3;  // but for the one with the range delete
  simulation_.faults().Add(rule);
  const std::uint64_t compacted = store().Stats().bytes_compacted;
  Compact();
  EXPECT_EQ(store().Stats().bytes_compacted, compacted);
  EXPECT_EQ(StoredEntries(), 0u);
  simulation_.faults().Clear();
  EXPECT_EQ(Scan(), "");
}

TEST_F(StoreRangeDeleteTest, ATableOfRangeDeletesAloneIsATable) {
  PutNumbers(0, 10);
  Flush();
  DeleteRange(Number(3), Number(5));
  Flush();
  Close();
  Open();
  EXPECT_EQ(Get(Number(3)), "(none)");
  EXPECT_EQ(Get(Number(4)), "(none)");
  EXPECT_EQ(Get(Number(5)), "v" + Number(5));
  const std::string keys = Scan();
  EXPECT_EQ(std::count(keys.begin(), keys.end(), ' '), 8);
}

TEST_F(StoreRangeDeleteTest, ARangeThatSpansManyTablesHidesInAllOfThem) {
  options_.level_base_bytes = 4096;  // several levels
  Close();
  Open();
  for (int i = 0; i < 400; ++i) Put(Number(i), Noise(i));
  Compact();
  std::unique_ptr<Snapshot> before = store().GetSnapshot();  // it stays for as long
  DeleteRange(Number(1), Number(399));
  // Its table is merged, with others around, and cut.
  for (int i = 0; i < 400; i += 7) Put(Number(i), Noise(-i));
  Compact();
  EXPECT_GT(StoredRangeDeletes(), 3u);
  ExpectVerified();  // tables that meet in the middle of the range do not overlap
  for (int i = 0; i < 400; ++i) {
    const bool is_new = i % 7 == 0;
    const bool is_old = i == 0 || i == 399;
    EXPECT_EQ(Get(Number(i)), is_new ? Noise(-i) : is_old ? Noise(i) : "(none)");
    EXPECT_EQ(Get(Number(i), before->sequence()), Noise(i));
  }
  before.reset();
}

}  // namespace
}  // namespace aurora::lsm
