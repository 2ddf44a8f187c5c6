// Commits whose record is too large for the log, seen from outside.
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/backup_set.h"
#include "aurora/lsm/checkpoint.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/operation_profile.h"
#include "aurora/lsm/record_file.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/store_salvage.h"
#include "aurora/lsm/store_verifier.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr int kKeys = 50;

std::string Key(int number) { return StrCat("key", 100 + number); }
std::string Value(int number, char letter) { return StrCat(number, std::string(3000, letter)); }

// Of what was not synced, nothing is left.
CrashMode LosesAll() {
  CrashMode mode;
  mode.entries = CrashMode::Entries::kLost;
  return mode;
}

WriteBatch LargeBatch(char letter) {
  WriteBatch batch;
  for (int i = 0; i < kKeys; ++i) batch.Put(Key(i), Value(i, letter));
  return batch;
}

class StoreOversizeTest : public testing::TestWithParam<Durability> {
 protected:
  StoreOversizeTest() : options_(SmallStoreOptions("/db", GetParam())) { Open(); }
  ~StoreOversizeTest() override {
    if (store_ != nullptr) Close();
  }
  absl::Status TryOpen() {
    absl::StatusOr<std::unique_ptr<KvStore>> store =
        simulation_.Run(KvStore::Open(simulation_.environment(), options_));
    if (store.ok()) store_ = *std::move(store);
    return store.status();
  }
  void Open() {
    const absl::Status opened = TryOpen();
    ASSERT_TRUE(opened.ok()) << opened;
  }
  void Close() {
    const absl::Status closed = simulation_.Run(store_->Close());
    EXPECT_TRUE(closed.ok()) << closed;
    store_ = nullptr;
  }
  void Kill(const CrashMode& mode) {
    simulation_.CrashMachine(mode);
    EXPECT_FALSE(simulation_.Run(store_->Close()).ok());
    store_ = nullptr;
    ASSERT_TRUE(simulation_.RunUntilIdle());
    ASSERT_TRUE(simulation_.Restart().ok());
  }
  absl::Status Write(const WriteBatch& batch, std::optional<Durability> durability = std::nullopt) {
    return simulation_.Run(store_->Write(batch, durability)).status();
  }
  void Flush() {
    EXPECT_TRUE(simulation_.Run(store_->store().Flush()).ok());
    EXPECT_TRUE(simulation_.RunUntilIdle());
  }
  std::string Get(std::string_view key, Sequence at = kMaxSequence) {
    const auto got = simulation_.Run(store_->Get(key, at));
    EXPECT_TRUE(got.ok()) << got.status();
    return got.ok() && got->has_value() ? std::string((*got)->view()) : "(none)";
  }
  void ExpectAll(char letter) {
    for (int i = 0; i < kKeys; ++i) EXPECT_EQ(Get(Key(i)), Value(i, letter)) << i;
  }
  int CountKeys(Sequence at = kMaxSequence) {
    IterateOptions options;
    options.at = at;
    const std::unique_ptr<Iterator> it = store_->store().NewIterator(0, options);
    EXPECT_TRUE(simulation_.Run(it->SeekToFirst()).ok());
    int count = 0;
    for (; it->Valid(); ++count) EXPECT_TRUE(simulation_.Run(it->Next()).ok());
    return count;
  }
  std::vector<std::string> RecordFiles(const std::string& directory = "/db") {
    std::vector<std::string> files;
    const auto entries =
        simulation_.Run(simulation_.environment().files().List(StrCat(directory, "/log")));
    for (const DirectoryEntry& entry : *entries) {
      if (entry.name.ends_with(".record")) files.push_back(StrCat(directory, "/log/", entry.name));
    }
    return files;
  }
  absl::StatusOr<VerifyReport> Verify() {
    return simulation_.Run(VerifyStore(&simulation_.environment(), "/db", {}));
  }

  Simulation simulation_{1};
  StoreOptions options_;
  std::unique_ptr<KvStore> store_;
};

TEST_P(StoreOversizeTest, IsOneCommitForEveryReader) {
  ASSERT_TRUE(Write(LargeBatch('a')).ok());
  const std::unique_ptr<Snapshot> before = store_->store().GetSnapshot();
  WriteBatch batch;
  batch.Put("zz", "in a range");
  ASSERT_TRUE(Write(batch).ok());
  batch = LargeBatch('b');
  batch.DeleteRange("z", "");
  batch.Put("zzz", "behind the range");
  ASSERT_TRUE(Write(batch).ok());
  for (int round = 0; round < 2; ++round) {
    ExpectAll('b');
    EXPECT_EQ(Get("zz"), "(none)");
    EXPECT_EQ(Get("zzz"), "behind the range");
    EXPECT_EQ(CountKeys(), kKeys + 1);
    EXPECT_EQ(Get(Key(7), before->sequence()), Value(7, 'a'));
    EXPECT_EQ(CountKeys(before->sequence()), kKeys);
    Flush();
  }
}

TEST_P(StoreOversizeTest, SurvivesWhatItWasAcknowledgedFor) {
  ASSERT_TRUE(Write(LargeBatch('a'), Durability::kProcess).ok());
  Kill(CrashMode::Process());
  Open();
  ExpectAll('a');
  ASSERT_TRUE(Write(LargeBatch('b'), Durability::kSync).ok());
  Kill(LosesAll());
  Open();
  ExpectAll('b');
  Close();
  Open();
  ExpectAll('b');
}

// As long as no table can be made.
TEST_P(StoreOversizeTest, StaysThroughEveryRecovery) {
  FaultRule rule;
  rule.fault = Fault::Error(EIO);
  rule.kinds = {OperationKind::kCreate};
  rule.path = "*.table";
  rule.count = FaultRule::kForEver;
  simulation_.faults().Add(rule);
  ASSERT_TRUE(Write(LargeBatch('a'), Durability::kSync).ok());
  ASSERT_TRUE(simulation_.Run(store_->Put("small", "value", Durability::kSync)).ok());
  for (int life = 0; life < 3; ++life) {
    Kill(life == 1 ? LosesAll() : CrashMode::Process());
    Open();
    ExpectAll('a');
    EXPECT_EQ(Get("small"), "value");
    EXPECT_EQ(RecordFiles().size(), 1u);
  }
  simulation_.faults().Clear();
  simulation_.RunFor(absl::Minutes(1));  // until it is tried again
  Flush();
  EXPECT_TRUE(RecordFiles().empty());
  ExpectAll('a');
}

TEST_P(StoreOversizeTest, ClaimsAValueThatWasWrittenInParts) {
  const std::string part(5000, 'p');
  {
    auto writer = simulation_.Run(store_->store().NewValue());
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(simulation_.Run((*writer)->Append(part)).ok());
    auto staged = simulation_.Run((*writer)->Finish());
    ASSERT_TRUE(staged.ok()) << staged.status();
    WriteBatch batch = LargeBatch('a');
    batch.Put("streamed", **staged);
    ASSERT_TRUE(Write(batch, Durability::kSync).ok());
  }
  EXPECT_TRUE(Get("streamed") == part + part + part);
  Kill(LosesAll());
  Open();
  ExpectAll('a');
  EXPECT_TRUE(Get("streamed") == part + part + part);
  Flush();
  EXPECT_TRUE(RecordFiles().empty());
  ExpectAll('a');
  EXPECT_TRUE(Get("streamed") == part + part + part);
}

TEST_P(StoreOversizeTest, AProfileTellsWhatIsWaitedFor) {
  OperationProfile profile;
  ASSERT_TRUE(simulation_.Run(store_->Write(LargeBatch('a'), Durability::kSync, &profile)).ok());
  EXPECT_GT(profile.log_wait_nanos, 0u);
  EXPECT_EQ(store_->store().Stats().commit_count, 1u);
}

TEST_P(StoreOversizeTest, TheFileGoesWhenATableHasTheCommit) {
  ASSERT_TRUE(Write(LargeBatch('a')).ok());
  Flush();
  EXPECT_TRUE(RecordFiles().empty());
  // It was written on the way.
  EXPECT_GT(store_->store().Stats().bytes_flushed, 0u);
  ASSERT_TRUE(Write(LargeBatch('b')).ok());
  Kill(CrashMode::Process());
  EXPECT_EQ(RecordFiles().size(), 1u);
  Open();
  ExpectAll('b');
  Flush();
  EXPECT_TRUE(RecordFiles().empty());
  // The frame that named it is still in the log, and nobody misses the file.
  Kill(CrashMode::Process());
  Open();
  ExpectAll('b');
  const auto report = Verify();
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->CountOf(Finding::Kind::kDamage), 0u);
}

TEST_P(StoreOversizeTest, WhatNoCommitNamesIsRemovedAtOpen) {
  Close();
  const std::string ours = "/db/log/000001.record";
  const std::string never = "/db/log/99999999.record";
  for (const std::string& path : {ours, never}) {
    OpenOptions create;
    create.mode = OpenMode::kCreateNew;
    ASSERT_TRUE(simulation_.Run(simulation_.environment().files().Open(path, create)).ok());
  }
  Open();
  EXPECT_EQ(RecordFiles(), std::vector<std::string>{never});
}

Task<absl::Status> WriteLarge(KvStore* store, Sequence* sequence) {
  const WriteBatch batch = LargeBatch('l');
  AURORA_CO_ASSIGN(const CommitResult result, co_await store->Write(batch));
  *sequence = result.sequence;
  co_return absl::OkStatus();
}

Task<absl::Status> WriteBeside(Environment* environment, KvStore* store, Sequence* large,
                               Sequence* small) {
  TaskGroup group;
  group.Spawn(environment->background(), WriteLarge(store, large));
  while (*large == 0) {
    AURORA_CO_ASSIGN(const CommitResult result,
                     co_await store->Put("small", "value", Durability::kProcess));
    if (*small == 0) *small = result.sequence;
  }
  co_return co_await group.Join();
}

TEST_P(StoreOversizeTest, OthersCommitWhileTheFileIsWritten) {
  Sequence large = 0;
  Sequence small = 0;
  const absl::Status status =
      simulation_.Run(WriteBeside(&simulation_.environment(), store_.get(), &large, &small));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_LT(small, large);
  ExpectAll('l');
}

TEST_P(StoreOversizeTest, NeedsRoomInTheBudgetBeforeAnythingIsWritten) {
  Close();
  MemoryBudget memory(300'000);
  options_.memory = &memory;
  options_.block_cache_bytes = 0;
  Open();
  const absl::Status refused = Write(LargeBatch('a'));
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_EQ(CountKeys(), 0);
  EXPECT_TRUE(RecordFiles().empty());
  EXPECT_TRUE(simulation_.Run(store_->Put("small", "value")).ok());
  Close();
}

TEST_P(StoreOversizeTest, HasAStatedLimit) {
  const std::string piece(std::size_t{32} << 20, 'x');
  const std::vector<std::string_view> parts(33, piece);
  CommitRequest request;
  request.record = parts;
  const auto result = simulation_.Run(store_->store().Commit(request));
  EXPECT_TRUE(absl::IsInvalidArgument(result.status())) << result.status();
}

TEST_P(StoreOversizeTest, ConflictsLikeAnyOther) {
  const std::uint64_t resource = 7;
  const std::string record(100'000, 'r');
  const std::string_view part = record;
  CommitRequest request;
  request.record = {&part, 1};
  request.writes = {&resource, 1};
  ASSERT_TRUE(simulation_.Run(store_->store().Commit(request)).ok());
  request.snapshot = 0;
  request.reads = {&resource, 1};
  EXPECT_TRUE(absl::IsAborted(simulation_.Run(store_->store().Commit(request)).status()));
  request.snapshot = store_->store().published();
  EXPECT_TRUE(simulation_.Run(store_->store().Commit(request)).ok());
}

TEST_P(StoreOversizeTest, AFullDiskRefusesItAndNothingElse) {
  FaultRule rule;
  rule.fault = Fault::Error(ENOSPC);
  rule.kinds = {OperationKind::kWrite};
  rule.path = "*.record";
  rule.count = FaultRule::kForEver;
  simulation_.faults().Add(rule);
  const absl::Status refused = Write(LargeBatch('a'));
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_TRUE(store_->store().status().ok());
  EXPECT_TRUE(RecordFiles().empty());
  EXPECT_TRUE(simulation_.Run(store_->Put("small", "value")).ok());
  simulation_.faults().Clear();
  EXPECT_TRUE(Write(LargeBatch('b')).ok());
  ExpectAll('b');
}

TEST_P(StoreOversizeTest, IsInCheckpointsAndBackups) {
  ASSERT_TRUE(simulation_.Run(store_->Put("small", "value")).ok());
  // So that it stays in the log.
  FaultRule rule;
  rule.fault = Fault::Error(EIO);
  rule.kinds = {OperationKind::kCreate};
  rule.path = "*.table";
  rule.count = FaultRule::kForEver;
  simulation_.faults().Add(rule);
  ASSERT_TRUE(Write(LargeBatch('a')).ok());
  Environment* const environment = &simulation_.environment();
  const auto made = simulation_.Run(MakeCheckpoint(environment, &store_->store(), "/copy"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(RecordFiles("/copy").size(), 1u);
  auto set = simulation_.Run(BackupSet::Open(environment, "/set", BackupSet::Access::kWrite));
  ASSERT_TRUE(set.ok()) << set.status();
  const auto backed_up = simulation_.Run((*set)->Create(&store_->store(), "", {}));
  ASSERT_TRUE(backed_up.ok()) << backed_up.status();
  const auto checked = simulation_.Run((*set)->Verify(0, {}));
  ASSERT_TRUE(checked.ok());
  EXPECT_TRUE(checked->problems.empty());
  const auto restored = simulation_.Run((*set)->Restore(0, "/restored", {}));
  ASSERT_TRUE(restored.ok()) << restored.status();
  simulation_.faults().Clear();
  Close();
  for (const char* directory : {"/copy", "/restored"}) {
    options_.directory = directory;
    Open();
    ExpectAll('a');
    EXPECT_EQ(Get("small"), "value");
    Close();
  }
}

TEST_P(StoreOversizeTest, IsReadBesideAWriter) {
  ASSERT_TRUE(Write(LargeBatch('a')).ok());
  StoreOptions options = options_;
  options.read_only = true;
  auto reader = simulation_.Run(KvStore::Open(simulation_.environment(), options));
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto got = simulation_.Run((*reader)->Get(Key(3)));
  ASSERT_TRUE(got.ok() && got->has_value());
  EXPECT_EQ((*got)->view(), Value(3, 'a'));
  EXPECT_TRUE(simulation_.Run((*reader)->Close()).ok());
}

TEST_P(StoreOversizeTest, ALostFileIsToldWithItsCommit) {
  ASSERT_TRUE(simulation_.Run(store_->Put("before", "value")).ok());
  ASSERT_TRUE(Write(LargeBatch('a'), Durability::kSync).ok());
  ASSERT_TRUE(simulation_.Run(store_->Put("after", "value", Durability::kSync)).ok());
  Kill(CrashMode::Process());
  const std::vector<std::string> files = RecordFiles();
  ASSERT_EQ(files.size(), 1u);
  ASSERT_TRUE(simulation_.Run(simulation_.environment().files().Remove(files.front())).ok());
  const absl::Status opened = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(opened)) << opened;
  EXPECT_NE(ToStd(opened.message()).find("record is missing"), std::string_view::npos) << opened;
  const auto report = Verify();
  ASSERT_TRUE(report.ok());
  EXPECT_GT(report->CountOf(Finding::Kind::kDamage), 0u);
  auto salvage = simulation_.Run(StoreSalvage::Open(&simulation_.environment(), "/db", {}));
  ASSERT_TRUE(salvage.ok()) << salvage.status();
  ASSERT_EQ((*salvage)->report().lost_commits.size(), 1u);
  EXPECT_EQ((*salvage)->report().lost_commits[0].after, 1u);
  EXPECT_EQ((*salvage)->report().lost_commits[0].before, 3u);
  std::vector<Sequence> found;
  LogRecordCallback take = [&found](const LogRecord& record) {
    found.push_back(record.sequence);
    return absl::OkStatus();
  };
  ASSERT_TRUE(simulation_.Run((*salvage)->ReadLog(&take)).ok());
  EXPECT_EQ(found, (std::vector<Sequence>{1, 3}));
}

INSTANTIATE_TEST_SUITE_P(Durabilities, StoreOversizeTest,
                         testing::Values(Durability::kSync, Durability::kProcess,
                                         Durability::kBuffered));

}  // namespace
}  // namespace aurora::lsm
