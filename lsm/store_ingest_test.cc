// Ingestion of tables, seen from outside.
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/backup_set.h"
#include "aurora/lsm/checkpoint.h"
#include "aurora/lsm/ingesting_store_testing.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_salvage.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

using StoreIngestTest = IngestingStoreTest;
using Tables = IngestingStoreTest::Tables;

TEST_F(StoreIngestTest, IsOneCommitOverWhatWasThere) {
  for (int i = 0; i < 50; ++i) Put(Key(i), "old");
  const std::unique_ptr<Snapshot> before = store().GetSnapshot();
  Tables tables;
  tables.push_back(Table(10, 20, "new"));
  tables.push_back(Table(30, 100, "new"));
  const auto done = simulation_.Run(store_->Ingest(tables));
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->sequence, before->sequence() + 1);
  Put(Key(35), "newer");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Get(Key(5)), "old");
    EXPECT_EQ(Get(Key(15)), "new");
    EXPECT_EQ(Get(Key(99)), "new");
    EXPECT_EQ(Get(Key(35)), "newer");
    EXPECT_EQ(Count(), 100);
    EXPECT_EQ(Get(Key(15), before->sequence()), "old");
    EXPECT_EQ(Get(Key(99), before->sequence()), "(none)");
    EXPECT_EQ(Count(before->sequence()), 50);
    ExpectVerified();
    if (round == 0) EXPECT_TRUE(simulation_.Run(store().Flush()).ok());
    if (round == 1) EXPECT_TRUE(simulation_.Run(store().Compact()).ok());
  }
}

TEST_F(StoreIngestTest, GoesAsLowAsNothingOverlapsIt) {
  ASSERT_TRUE(Ingest(Table(0, 10, "a")).ok());
  EXPECT_EQ(store().Stats().levels[1].table_count, 1);
  ASSERT_TRUE(Ingest(Table(10, 20, "b")).ok());
  EXPECT_EQ(store().Stats().levels[1].table_count, 2);
  ASSERT_TRUE(Ingest(Table(5, 15, "c")).ok());
  EXPECT_EQ(store().Stats().levels[0].table_count, 1);
  // A flush that came before has a higher number than a table that was begun before it.
  std::unique_ptr<TableFile> early = Table(5, 15, "d");
  Put(Key(7), "between");
  EXPECT_TRUE(simulation_.Run(store().Flush()).ok());
  ASSERT_TRUE(Ingest(std::move(early)).ok());
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(Get(Key(7)), "d");
    EXPECT_EQ(Get(Key(4)), "a");
    EXPECT_EQ(Get(Key(16)), "b");
    EXPECT_TRUE(simulation_.Run(store().Compact()).ok());
  }
}

TEST_F(StoreIngestTest, SurvivesALossOfPower) {
  Put(Key(1), "before");
  ASSERT_TRUE(Ingest(Table(0, 10, "new", 2)).ok());
  Kill(CrashMode());
  Open();
  // The commits before it, too, though they asked for less.
  EXPECT_EQ(Get(Key(1)), "before");
  EXPECT_EQ(Get(Key(8)), "new");
  EXPECT_EQ(Count(), 6);
}

// The manifest fails when it is to name the tables: the log alone has the commit.
TEST_F(StoreIngestTest, IsFinishedByTheNextOpen) {
  for (int i = 0; i < 20; ++i) Put(Key(i), "old");
  std::unique_ptr<TableFile> table = Table(5, 50, "new");
  EXPECT_TRUE(simulation_.Run(store().Flush()).ok());
  EXPECT_TRUE(simulation_.Run(store().WaitIdle()).ok());
  FailManifest();
  Tables tables;
  tables.push_back(std::move(table));
  const absl::Status failed = simulation_.Run(store_->Ingest(tables)).status();
  EXPECT_FALSE(failed.ok());
  EXPECT_NE(ToStd(failed.message()).find("opened again"), std::string_view::npos) << failed;
  // What is in memory is the whole commit.
  EXPECT_EQ(Get(Key(1)), "old");
  EXPECT_EQ(Get(Key(30)), "new");
  tables.clear();
  EXPECT_FALSE(simulation_.Run(store_->Close()).ok());
  store_ = nullptr;
  simulation_.faults().Clear();

  ExpectVerified();
  StoreOptions reading = options_;
  reading.read_only = true;
  auto reader = simulation_.Run(KvStore::Open(simulation_.environment(), reading));
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto got = simulation_.Run((*reader)->Get(Key(30)));
  ASSERT_TRUE(got.ok() && got->has_value());
  EXPECT_EQ((*got)->view(), "new");
  EXPECT_TRUE(simulation_.Run((*reader)->Close()).ok());
  auto salvage = simulation_.Run(StoreSalvage::Open(&simulation_.environment(), "/db", {}));
  ASSERT_TRUE(salvage.ok()) << salvage.status();
  EXPECT_FALSE((*salvage)->report().has_losses());
  int entries = 0;
  for (;;) {
    const absl::StatusOr<bool> more = simulation_.Run((*salvage)->Next());
    ASSERT_TRUE(more.ok());
    if (!*more) break;
    ++entries;
    if ((*salvage)->entry().value == "new")
      EXPECT_GT((*salvage)->entry().key.version.sequence(), 20u);
  }
  EXPECT_EQ(entries, 65);

  for (int life = 0; life < 2; ++life) {
    Open();
    EXPECT_EQ(Get(Key(4)), "old");
    EXPECT_EQ(Get(Key(30)), "new");
    EXPECT_EQ(Count(), 50);
    Close();
  }
}

// Frames of ingestions follow each other, and only the last one has no edit.
TEST_F(StoreIngestTest, OneAfterAnotherIsReplayed) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Ingest(Table(10 * i, 10 * i + 10, "new")).ok());
  }
  std::unique_ptr<TableFile> last = Table(5, 35, "last");
  FailManifest();
  EXPECT_FALSE(Ingest(std::move(last)).ok());
  EXPECT_FALSE(simulation_.Run(store_->Close()).ok());
  store_ = nullptr;
  simulation_.faults().Clear();
  Open();
  EXPECT_EQ(Count(), 35);
  EXPECT_EQ(Get(Key(4)), "new");
  EXPECT_EQ(Get(Key(34)), "last");
  Kill();
  Open();
  EXPECT_EQ(Count(), 35);
}

TEST_F(StoreIngestTest, IsRefusedWhole) {
  Put(Key(5), "old");
  Tables overlapping;
  overlapping.push_back(Table(0, 10, "new"));
  overlapping.push_back(Table(9, 20, "new"));
  EXPECT_TRUE(absl::IsInvalidArgument(simulation_.Run(store_->Ingest(overlapping)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(simulation_.Run(store_->Ingest({})).status()));
  const Mutation mutation{0, EntryKind::kPut, "key", "value"};
  CommitRequest with_mutations;
  with_mutations.mutations = {&mutation, 1};
  EXPECT_TRUE(absl::IsInvalidArgument(
      simulation_.Run(store().Ingest(with_mutations, overlapping)).status()));
  auto table = simulation_.Run(store().NewTable(0));
  ASSERT_TRUE(table.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(simulation_.Run((*table)->Finish())));
  EXPECT_TRUE(simulation_.Run((*table)->Add("b", "1")).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(simulation_.Run((*table)->Add("b", "2"))));
  EXPECT_TRUE(absl::IsInvalidArgument(simulation_.Run((*table)->Add("a", "2"))));
  EXPECT_TRUE(absl::IsFailedPrecondition(Ingest(*std::move(table))));
  EXPECT_EQ(Get(Key(5)), "old");
  EXPECT_EQ(Count(), 1);
  // What was refused can be ingested later, and once only.
  overlapping.pop_back();
  EXPECT_TRUE(simulation_.Run(store_->Ingest(overlapping)).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation_.Run(store_->Ingest(overlapping)).status()));
  EXPECT_EQ(Count(), 10);
  overlapping.clear();
  EXPECT_TRUE(simulation_.RunUntilIdle());
  EXPECT_EQ(TableFiles(),
            store().Stats().levels[0].table_count + store().Stats().levels[1].table_count);
}

TEST_F(StoreIngestTest, ConflictsLikeACommit) {
  const std::uint64_t resource = 7;
  Tables tables;
  tables.push_back(Table(0, 10, "new"));
  CommitRequest request;
  request.writes = {&resource, 1};
  ASSERT_TRUE(simulation_.Run(store().Ingest(request, tables)).ok());
  tables[0] = Table(20, 30, "new");
  request.snapshot = 0;
  request.reads = {&resource, 1};
  EXPECT_TRUE(absl::IsAborted(simulation_.Run(store().Ingest(request, tables)).status()));
  EXPECT_EQ(Count(), 10);
  request.snapshot = store().published();
  EXPECT_TRUE(simulation_.Run(store().Ingest(request, tables)).ok());
  EXPECT_EQ(Count(), 20);
}

Task<absl::Status> PutMany(KvStore* store, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string key = StrCat("beside", i);
    AURORA_CO_RETURN_IF_ERROR((co_await store->Put(key, std::string(200, 'b'))).status());
  }
  co_return absl::OkStatus();
}

Task<absl::Status> IngestBeside(Environment* environment, KvStore* store, Tables* tables) {
  TaskGroup group;
  for (int i = 0; i < 4; ++i) group.Spawn(environment->background(), PutMany(store, 100));
  AURORA_CO_RETURN_IF_ERROR((co_await store->Ingest(*tables)).status());
  co_return co_await group.Join();
}

TEST_F(StoreIngestTest, TakesItsTurnBesideWriters) {
  Tables tables;
  tables.push_back(Table(0, 100, "new"));
  const absl::Status status =
      simulation_.Run(IngestBeside(&simulation_.environment(), store_.get(), &tables));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Count(), 200);
  EXPECT_TRUE(simulation_.Run(store().Compact()).ok());
  EXPECT_EQ(Count(), 200);
  ExpectVerified();
}

TEST_F(StoreIngestTest, IsInCheckpointsAndBackups) {
  ASSERT_TRUE(Ingest(Table(0, 10, "new")).ok());
  Put(Key(3), "newer");
  Environment* const environment = &simulation_.environment();
  ASSERT_TRUE(simulation_.Run(MakeCheckpoint(environment, &store(), "/copy")).ok());
  auto set = simulation_.Run(BackupSet::Open(environment, "/set", BackupSet::Access::kWrite));
  ASSERT_TRUE(set.ok());
  ASSERT_TRUE(simulation_.Run((*set)->Create(&store(), "", {})).ok());
  ASSERT_TRUE(simulation_.Run((*set)->Restore(0, "/restored", {})).ok());
  Close();
  for (const char* directory : {"/copy", "/restored"}) {
    options_.directory = directory;
    Open();
    EXPECT_EQ(Get(Key(3)), "newer");
    EXPECT_EQ(Get(Key(4)), "new");
    EXPECT_EQ(Count(), 10);
    Close();
  }
}

TEST_F(StoreIngestTest, WhatWasNotIngestedIsRemoved) {
  std::unique_ptr<TableFile> kept = Table(0, 10, "new");
  Table(20, 30, "new");
  EXPECT_TRUE(simulation_.RunUntilIdle());
  EXPECT_EQ(TableFiles(), 1);
  simulation_.CrashMachine(CrashMode::Process());
  kept = nullptr;
  EXPECT_FALSE(simulation_.Run(store_->Close()).ok());
  store_ = nullptr;
  ASSERT_TRUE(simulation_.RunUntilIdle());
  ASSERT_TRUE(simulation_.Restart().ok());
  Open();
  EXPECT_EQ(TableFiles(), 0);
}

// --- In place of a range. ---

TEST_F(StoreIngestTest, ReplacesWhatIsInARange) {
  for (int i = 0; i < 50; ++i) Put(Key(i), "old");
  EXPECT_TRUE(simulation_.Run(store().Compact()).ok());
  std::unique_ptr<TableFile> table = Replacement(10, 30, "new", 3);
  // In a table of level 0, in a memtable, and both after the table was written.
  Put(Key(12), "flushed");
  EXPECT_TRUE(simulation_.Run(store().Flush()).ok());
  Put(Key(13), "unflushed");
  const std::unique_ptr<Snapshot> before = store().GetSnapshot();
  ASSERT_TRUE(Ingest(std::move(table)).ok());
  const std::unique_ptr<Snapshot> after = store().GetSnapshot();
  Put(Key(15), "newer");
  for (int round = 0; round < 3; ++round) {
    for (const int gone : {10, 12, 13, 27, 28}) EXPECT_EQ(Get(Key(gone)), "(none)") << gone;
    for (const int kept : {0, 9, 30, 49}) EXPECT_EQ(Get(Key(kept)), "old") << kept;
    for (const int replaced : {11, 14, 17, 26}) EXPECT_EQ(Get(Key(replaced)), "new") << replaced;
    EXPECT_EQ(Get(Key(15)), "newer");
    EXPECT_EQ(Count(), 38);
    EXPECT_EQ(Count(after->sequence()), 37);
    EXPECT_EQ(Count(before->sequence()), 50);
    EXPECT_EQ(Get(Key(11), before->sequence()), "old");
    EXPECT_EQ(Get(Key(13), before->sequence()), "unflushed");
    ExpectVerified();
    if (round == 0) EXPECT_TRUE(simulation_.Run(store().Flush()).ok());
    if (round == 1) EXPECT_TRUE(simulation_.Run(store().Compact()).ok());
  }
}

TEST_F(StoreIngestTest, ARangeIsDividedAmongTables) {
  for (int i = 0; i < 100; ++i) Put(Key(i), "old");
  Tables tables;
  tables.push_back(Replacement(40, 60, "c", 0));  // nothing instead
  tables.push_back(Replacement(20, 40, "b", 5));
  tables.push_back(Replacement(60, 80, "d", 5));
  ASSERT_TRUE(simulation_.Run(store_->Ingest(tables)).ok());
  for (int life = 0; life < 3; ++life) {
    EXPECT_EQ(Count(), 48);
    EXPECT_EQ(Get(Key(19)), "old");
    EXPECT_EQ(Get(Key(20)), "(none)");
    EXPECT_EQ(Get(Key(21)), "b");
    EXPECT_EQ(Get(Key(40)), "(none)");
    EXPECT_EQ(Get(Key(50)), "(none)");
    EXPECT_EQ(Get(Key(61)), "d");
    EXPECT_EQ(Get(Key(80)), "old");
    ExpectVerified();
    tables.clear();
    if (life == 1) EXPECT_TRUE(simulation_.Run(store().Compact()).ok());
    Close();
    Open();
  }
}

TEST_F(StoreIngestTest, AWholeKeyspaceIsReplacedAndNoOther) {
  WriteBatch batch;
  for (const KeyspaceId keyspace : {0u, 1u, 2u}) {
    batch.Put("", "least", keyspace);
    batch.Put("k", "old", keyspace);
    batch.Put(std::string(100, '\xff'), "last", keyspace);
  }
  EXPECT_TRUE(simulation_.Run(store_->Write(batch)).ok());
  auto table = simulation_.Run(store().NewTable(1));
  ASSERT_TRUE(table.ok());
  EXPECT_TRUE(simulation_.Run((*table)->Add("k", "new")).ok());
  (*table)->ReplaceRange("", "");
  EXPECT_TRUE(simulation_.Run((*table)->Finish()).ok());
  ASSERT_TRUE(Ingest(*std::move(table)).ok());
  for (const KeyspaceId keyspace : {0u, 1u, 2u}) {
    const std::unique_ptr<Iterator> it = store().NewIterator(keyspace, {});
    EXPECT_TRUE(simulation_.Run(it->SeekToFirst()).ok());
    int count = 0;
    for (; it->Valid(); ++count) {
      if (keyspace == 1) EXPECT_EQ(it->value(), "new");
      EXPECT_TRUE(simulation_.Run(it->Next()).ok());
    }
    EXPECT_EQ(count, keyspace == 1 ? 1 : 3);
  }
}

TEST_F(StoreIngestTest, KeysAndRangeMustAgree) {
  const auto table = simulation_.Run(store().NewTable(0));
  ASSERT_TRUE(table.ok());
  EXPECT_TRUE(simulation_.Run((*table)->Add("b", "1")).ok());
  EXPECT_TRUE(simulation_.Run((*table)->Add("d", "1")).ok());
  const std::pair<std::string_view, std::string_view> wrong[] = {
      {"b", "d"}, {"c", "e"}, {"b", "b"}, {"c", "b"}, {"e", ""}};
  for (const auto& [begin, end] : wrong) {
    (*table)->ReplaceRange(begin, end);
    EXPECT_TRUE(absl::IsInvalidArgument(simulation_.Run((*table)->Finish()))) << begin << end;
  }
  (*table)->ReplaceRange("b", "d1");
  EXPECT_TRUE(simulation_.Run((*table)->Finish()).ok());
  Tables overlapping;
  overlapping.push_back(Replacement(10, 20, "new", 5));
  overlapping.push_back(Table(19, 20, "new"));
  EXPECT_TRUE(absl::IsInvalidArgument(simulation_.Run(store_->Ingest(overlapping)).status()));
  EXPECT_EQ(Count(), 0);
}

TEST_F(StoreIngestTest, AReplacedRangeIsFinishedByTheNextOpen) {
  for (int i = 0; i < 20; ++i) Put(Key(i), "old");
  Tables tables;
  tables.push_back(Replacement(5, 10, "new", 2));
  tables.push_back(Replacement(10, 15, "new", 0));
  EXPECT_TRUE(simulation_.Run(store().Flush()).ok());
  EXPECT_TRUE(simulation_.Run(store().WaitIdle()).ok());
  FailManifest();
  EXPECT_FALSE(simulation_.Run(store_->Ingest(tables)).ok());
  EXPECT_EQ(Count(), 12);
  tables.clear();
  EXPECT_FALSE(simulation_.Run(store_->Close()).ok());
  store_ = nullptr;
  simulation_.faults().Clear();

  ExpectVerified();
  auto salvage = simulation_.Run(StoreSalvage::Open(&simulation_.environment(), "/db", {}));
  ASSERT_TRUE(salvage.ok()) << salvage.status();
  EXPECT_FALSE((*salvage)->report().has_losses());
  options_.read_only = true;
  Open();
  EXPECT_EQ(Count(), 12);
  EXPECT_EQ(Get(Key(6)), "new");
  EXPECT_EQ(Get(Key(12)), "(none)");
  Close();
  options_.read_only = false;
  for (int life = 0; life < 2; ++life) {
    Open();
    EXPECT_EQ(Count(), 12);
    EXPECT_EQ(Get(Key(6)), "new");
    EXPECT_EQ(Get(Key(12)), "(none)");
    EXPECT_EQ(Get(Key(15)), "old");
    Close();
  }
}

// Of each writer, in order: its keys, and the commits that wrote them.
using Written = std::vector<std::pair<std::string, Sequence>>;

Task<absl::Status> PutInto(KvStore* store, int from, Written* written) {
  for (int i = from; i < 200; i += 4) {
    const std::string key = StoreIngestTest::Key(i);
    AURORA_CO_ASSIGN(const CommitResult done, co_await store->Put(key, std::string(100, 'b')));
    written->emplace_back(key, done.sequence);
  }
  co_return absl::OkStatus();
}

Task<absl::Status> ReplaceBeside(Environment* environment, KvStore* store, Tables* tables,
                                 std::vector<Written>* written, Sequence* at) {
  TaskGroup group;
  for (int i = 0; i < 4; ++i) {
    Written* const writer = &(*written)[static_cast<std::size_t>(i)];
    group.Spawn(environment->background(), PutInto(store, i, writer));
  }
  // Some commits are before it.
  AURORA_CO_RETURN_IF_ERROR(co_await environment->Sleep(absl::Microseconds(200)));
  AURORA_CO_ASSIGN(const CommitResult done, co_await store->Ingest(*tables));
  *at = done.sequence;
  co_return co_await group.Join();
}

// What was committed before it is gone, what was committed after it stays, whoever was in between.
TEST_F(StoreIngestTest, ReplacesARangeInTheOrderOfCommits) {
  Tables tables;
  tables.push_back(Replacement(0, 200, "new", 0));
  std::vector<Written> written(4);
  Sequence at = 0;
  const absl::Status status = simulation_.Run(
      ReplaceBeside(&simulation_.environment(), store_.get(), &tables, &written, &at));
  ASSERT_TRUE(status.ok()) << status;
  for (int life = 0; life < 2; ++life) {
    int kept = 0;
    for (const Written& writer : written) {
      for (const auto& [key, sequence] : writer) {
        EXPECT_EQ(Get(key) != "(none)", sequence > at) << key << " of " << sequence;
        kept += sequence > at ? 1 : 0;
      }
    }
    EXPECT_EQ(Count(), kept);
    EXPECT_TRUE(simulation_.Run(store().Compact()).ok());
  }
}

// --- Values, and space. ---

TEST_F(StoreIngestTest, ValuesOfAnySizeAreInTheTable) {
  const std::string large(20 * kValueFileBytesLeast, 'v');
  ASSERT_TRUE(Ingest(Table(0, 10, large)).ok());
  Put(Key(3), "newer");
  EXPECT_TRUE(simulation_.Run(store().Compact()).ok());
  EXPECT_EQ(Get(Key(4)), large);
  EXPECT_TRUE(FilesLike(".values").empty());
  ExpectVerified();
}

Task<absl::Status> FreeLater(Environment* environment, Simulation* simulation) {
  absl::Status slept = co_await environment->Sleep(absl::Seconds(5));
  simulation->disk().set_capacity_bytes(std::uint64_t{1} << 30);
  co_return slept;
}

Task<absl::Status> ReplaceOnFullDisk(Simulation* simulation, KvStore* store, Tables* tables) {
  TaskGroup group;
  Environment* const environment = &simulation->environment();
  group.Spawn(environment->background(), FreeLater(environment, simulation));
  absl::Status status;
  {
    AURORA_CO_ASSIGN(std::unique_ptr<TableFile> table, co_await store->store().NewTable(0));
    for (int i = 0; i < 60 && status.ok(); ++i) {
      const std::string key = StoreIngestTest::Key(i);
      status = co_await table->Add(key, std::string(100, 'n'));
    }
    table->ReplaceRange("", "");
    if (status.ok()) status = co_await table->Finish();
    tables->push_back(std::move(table));
  }
  if (status.ok()) status = (co_await store->Ingest(*tables)).status();
  const absl::Status joined = co_await group.Join();
  co_return status.ok() ? joined : status;
}

// Whoever would wait for ever is told; once there is space it is done, without another call.
TEST_F(StoreIngestTest, WaitsForRoomInTheManifestAndSaysSo) {
  for (int i = 0; i < 20; ++i) Put(Key(i), "old");
  Tables tables;
  tables.push_back(Replacement(5, 15, "new", 2));
  EXPECT_TRUE(simulation_.Run(store().Flush()).ok());
  EXPECT_TRUE(simulation_.Run(store().WaitIdle()).ok());
  FailManifest(ENOSPC);
  const absl::Status full = simulation_.Run(store_->Ingest(tables)).status();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_NE(ToStd(full.message()).find("is in the log"), std::string_view::npos) << full;
  tables.clear();
  EXPECT_EQ(Count(), 20);
  EXPECT_TRUE(absl::IsResourceExhausted(simulation_.Run(store_->Put("k", "v")).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(Ingest(Table(30, 40, "new"))));
  EXPECT_TRUE(absl::IsResourceExhausted(
      simulation_.Run(MakeCheckpoint(&simulation_.environment(), &store(), "/copy")).status()));
  simulation_.faults().Clear();
  simulation_.RunFor(absl::Minutes(1));
  EXPECT_EQ(Count(), 15);
  Put("k", "v");
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(Get(Key(5)), "(none)");
    EXPECT_EQ(Get(Key(6)), "new");
    EXPECT_EQ(Count(), 16);
    ExpectVerified();
    Close();
    Open();
  }
}

// As above, but there never is: the next open finishes it.
TEST_F(StoreIngestTest, AClosedStoreThatWaitedForRoomHasItInTheLog) {
  for (int i = 0; i < 20; ++i) Put(Key(i), "old");
  Tables tables;
  tables.push_back(Replacement(5, 15, "new", 2));
  EXPECT_TRUE(simulation_.Run(store().Flush()).ok());
  EXPECT_TRUE(simulation_.Run(store().WaitIdle()).ok());
  FailManifest(ENOSPC);
  EXPECT_TRUE(absl::IsResourceExhausted(simulation_.Run(store_->Ingest(tables)).status()));
  tables.clear();
  EXPECT_FALSE(simulation_.Run(store_->Close()).ok());
  store_ = nullptr;
  simulation_.faults().Clear();
  Open();
  EXPECT_EQ(Count(), 15);
  EXPECT_EQ(Get(Key(6)), "new");
}

TEST_F(StoreIngestTest, OnAFullDiskItWaitsOrIsRefused) {
  int refused = 0;
  constexpr int kPages = 12;
  for (int pages = 0; pages < kPages; ++pages) {
    SCOPED_TRACE(pages);
    for (int i = 0; i < 50; ++i) Put(StrCat("old", i), "old");
    simulation_.disk().set_capacity_bytes(simulation_.disk().UsedBytes() +
                                          4096 * static_cast<std::uint64_t>(pages));
    Tables tables;
    const absl::Status status =
        simulation_.Run(ReplaceOnFullDisk(&simulation_, store_.get(), &tables));
    tables.clear();
    EXPECT_TRUE(status.ok() || absl::IsResourceExhausted(status)) << status;
    refused += status.ok() ? 0 : 1;
    EXPECT_EQ(Get("old7"), status.ok() ? "(none)" : "old");
    EXPECT_EQ(Get(Key(7)) != "(none)", status.ok());
    const int count = Count();
    EXPECT_EQ(count, status.ok() ? 60 : 50);
    Kill(CrashMode());
    Open();
    if (status.ok()) EXPECT_EQ(Count(), count);
    EXPECT_TRUE(simulation_.Run(store_->DeleteRange("", "")).ok());
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, kPages);
}

}  // namespace
}  // namespace aurora::lsm
