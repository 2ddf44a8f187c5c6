// What a store tells of, and that whoever listens makes nobody wait.
#include "aurora/lsm/store_events.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/event_recorder_testing.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/logger.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/system_environment.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

using testing::HasSubstr;

class StoreEventsTest : public testing::Test {
 protected:
  StoreEventsTest() {
    options_ = SmallStoreOptions("/db", Durability::kProcess);
    options_.event_listener = &recorder_;
    options_.logger = &recorder_;
  }
  ~StoreEventsTest() override {
    if (store_ != nullptr) Close();
  }
  void Open() {
    auto store = simulation_.Run(KvStore::Open(simulation_.environment(), options_));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    simulation_.RunUntilIdle();
  }
  void Close() {
    EXPECT_TRUE(simulation_.Run(store_->Close()).ok());
    store_ = nullptr;
  }
  void Put(int i, std::size_t bytes = 100) {
    EXPECT_TRUE(simulation_.Run(store_->Put(StrCat("key", i), std::string(bytes, 'v'))).ok());
  }
  void Flush() {
    EXPECT_TRUE(simulation_.Run(store_->store().Flush()).ok());
    EXPECT_TRUE(simulation_.Run(store_->store().WaitIdle()).ok());
    simulation_.RunUntilIdle();
  }
  std::string FileText(const std::string& path) {
    return simulation_.disk().image().ReadFile(path).value_or("");
  }

  EventRecorder recorder_;
  StoreOptions options_;
  Simulation simulation_{1};
  std::unique_ptr<KvStore> store_;
};

TEST_F(StoreEventsTest, OpeningRecoveryAndClosing) {
  Open();
  Put(1);
  Put(2);
  ASSERT_EQ(recorder_.Count<StoreOpened>(), 1u);
  EXPECT_EQ(recorder_.All<StoreOpened>()[0].recovery.record_count, 0u);
  EXPECT_EQ(recorder_.All<StoreOpened>()[0].file_backend, "simulated");
  Close();
  EXPECT_EQ(recorder_.Count<StoreClosed>(), 1u);
  EXPECT_TRUE(std::holds_alternative<StoreClosed>(recorder_.events.back().what)) << "the last";
  ASSERT_EQ(recorder_.Count<StatsTaken>(), 1u);
  EXPECT_EQ(recorder_.All<StatsTaken>()[0].stats.commit_count, 2u);
  Open();
  ASSERT_EQ(recorder_.Count<StoreOpened>(), 2u);
  EXPECT_EQ(recorder_.All<StoreOpened>()[1].recovery.record_count, 2u);
  EXPECT_TRUE(recorder_.All<StoreOpened>()[1].recovery.clean_close);
  EXPECT_FALSE(recorder_.All<StoreOpened>()[1].read_only);
  Close();

  options_.read_only = true;
  Open();
  EXPECT_TRUE(recorder_.All<StoreOpened>()[2].read_only);
}

TEST_F(StoreEventsTest, EveryEventIsALineToo) {
  Open();
  Put(1);
  Flush();
  Close();
  ASSERT_EQ(recorder_.lines.size(), recorder_.events.size());
  for (std::size_t i = 0; i < recorder_.lines.size(); ++i) {
    EXPECT_EQ(recorder_.lines[i], StrCat(static_cast<int>(SeverityOf(recorder_.events[i].what)),
                                         " /db: ", Describe(recorder_.events[i].what)));
  }
}

TEST_F(StoreEventsTest, AFlushAndItsTable) {
  Open();
  Put(1);
  Put(2);
  Flush();
  ASSERT_EQ(recorder_.Count<FlushBegun>(), 1u);
  const FlushBegun begun = recorder_.All<FlushBegun>()[0];
  EXPECT_EQ(begun.entry_count, 2u);
  EXPECT_EQ(begun.last, store_->store().published());
  EXPECT_GT(begun.memtable_bytes, 200u);
  ASSERT_EQ(recorder_.Count<FlushEnded>(), 1u);
  const FlushEnded ended = recorder_.All<FlushEnded>()[0];
  EXPECT_TRUE(ended.status.ok());
  EXPECT_EQ(ended.bytes_written, store_->store().Stats().bytes_flushed);
  EXPECT_GT(ended.nanos, 0);
  ASSERT_EQ(recorder_.Count<TableCreated>(), 1u);
  const TableCreated table = recorder_.All<TableCreated>()[0];
  EXPECT_EQ(ended.tables, std::vector<std::uint64_t>{table.number});
  EXPECT_EQ(table.level, 0);
  EXPECT_EQ(table.entry_count, 2u);
  EXPECT_EQ(table.bytes, ended.bytes_written);
  EXPECT_LE(recorder_.events.front().nanos, recorder_.events.back().nanos);
}

TEST_F(StoreEventsTest, AValueFileOfAFlushAndItsEnd) {
  Open();
  Put(1, 5000);
  Flush();
  ASSERT_EQ(recorder_.Count<ValueFileCreated>(), 1u);
  const ValueFileCreated created = recorder_.All<ValueFileCreated>()[0];
  EXPECT_EQ(created.value_count, 1u);
  ASSERT_EQ(recorder_.Count<FlushEnded>(), 1u);
  const std::uint64_t written = recorder_.All<FlushEnded>()[0].bytes_written;
  EXPECT_EQ(written, recorder_.All<TableCreated>()[0].bytes + created.bytes);
  EXPECT_EQ(written, store_->store().Stats().bytes_flushed);

  EXPECT_TRUE(simulation_.Run(store_->Delete("key1")).ok());
  EXPECT_TRUE(simulation_.Run(store_->store().Compact()).ok());
  Flush();
  ASSERT_EQ(recorder_.Count<ValueFileRemoved>(), 1u);
  EXPECT_EQ(recorder_.All<ValueFileRemoved>()[0].number, created.number);
}

TEST_F(StoreEventsTest, ARecordFileOfALargeCommit) {
  Open();
  Put(1, options_.log_segment_bytes + 1);
  simulation_.RunUntilIdle();
  ASSERT_EQ(recorder_.Count<RecordFileMade>(), 1u);
  const RecordFileMade made = recorder_.All<RecordFileMade>()[0];
  EXPECT_GT(made.bytes, options_.log_segment_bytes);
  EXPECT_GT(made.nanos, 0);
  const StoreStats stats = store_->store().Stats();
  EXPECT_EQ(stats.bytes_in_record_files, made.bytes);
  EXPECT_GT(stats.bytes_committed, options_.log_segment_bytes);
  Flush();
  ASSERT_EQ(recorder_.Count<RecordFileRemoved>(), 1u);
  EXPECT_EQ(recorder_.All<RecordFileRemoved>()[0].number, made.number);
}

TEST_F(StoreEventsTest, ACompactionItsReasonAndTheTablesThatItReplaces) {
  Open();
  for (int i = 0; i < 2; ++i) {
    Put(1);
    Flush();
  }
  ASSERT_EQ(recorder_.Count<CompactionEnded>(), 1u) << "two runs are the most of level 0";
  const CompactionEnded ended = recorder_.All<CompactionEnded>()[0];
  EXPECT_EQ(ended.what.reason, CompactionReason::kLevel0);
  EXPECT_EQ(ended.what.level, 0);
  EXPECT_EQ(ended.what.output_level, 1);
  EXPECT_EQ(ended.what.inputs.size(), 2u);
  EXPECT_EQ(ended.what.input_bytes, store_->store().Stats().bytes_flushed);
  EXPECT_EQ(ended.outputs.size(), 1u);
  EXPECT_EQ(ended.bytes_written, store_->store().Stats().bytes_compacted);
  EXPECT_TRUE(ended.status.ok());
  EXPECT_GT(ended.nanos, 0);
  EXPECT_EQ(recorder_.All<CompactionBegun>()[0].inputs, ended.what.inputs);
  EXPECT_EQ(recorder_.Count<TableRemoved>(), 2u);
  for (const TableRemoved& removed : recorder_.All<TableRemoved>()) {
    EXPECT_TRUE(std::count(ended.what.inputs.begin(), ended.what.inputs.end(), removed.number));
  }

  Put(2);
  EXPECT_TRUE(simulation_.Run(store_->store().Compact()).ok());
  simulation_.RunUntilIdle();
  ASSERT_EQ(recorder_.Count<CompactionEnded>(), 2u);
  EXPECT_EQ(recorder_.All<CompactionEnded>()[1].what.reason, CompactionReason::kRequested);
}

TEST_F(StoreEventsTest, LevelsThatAreTooLargeAndMovesOfTables) {
  options_.level0_runs_max = 1;
  Open();
  for (int i = 0; i < 60; ++i) {
    Put(i, 1000);
    if (i % 4 == 3) Flush();
  }
  bool level_bytes = false;
  bool move = false;
  for (const CompactionEnded& ended : recorder_.All<CompactionEnded>()) {
    level_bytes |= ended.what.reason == CompactionReason::kLevelBytes && ended.what.level > 0;
    move |= ended.what.is_move && ended.bytes_written == 0 && ended.outputs == ended.what.inputs;
  }
  EXPECT_TRUE(level_bytes);
  EXPECT_TRUE(move);
}

TEST_F(StoreEventsTest, SegmentsOfTheLog) {
  Open();
  for (int i = 0; i < 500; ++i) Put(i, 3000);
  Flush();
  const std::vector<LogSegmentMade> made = recorder_.All<LogSegmentMade>();
  ASSERT_GT(made.size(), 5u);
  for (std::size_t i = 1; i < made.size(); ++i) EXPECT_GT(made[i].number, made[i - 1].number);
  EXPECT_GT(made[0].nanos, 0);
  ASSERT_GT(recorder_.Count<LogSegmentRemoved>(), 0u) << "they were flushed";
  EXPECT_LT(recorder_.All<LogSegmentRemoved>()[0].number, made.back().number);
}

TEST_F(StoreEventsTest, WhatFailsInTheBackgroundIsTold) {
  Open();
  FaultRule rule;
  rule.fault = Fault::Error(EIO);
  rule.kinds = {OperationKind::kCreate};
  rule.path = "*.table";
  rule.count = 1;
  simulation_.faults().Add(rule);
  Put(1);
  EXPECT_FALSE(simulation_.Run(store_->store().Flush()).ok());
  simulation_.RunUntilIdle();
  ASSERT_EQ(recorder_.Count<FlushEnded>(), 2u);
  EXPECT_FALSE(recorder_.All<FlushEnded>()[0].status.ok());
  EXPECT_TRUE(recorder_.All<FlushEnded>()[1].status.ok()) << "it is tried again";
  EXPECT_EQ(recorder_.Count<BackgroundFailure>(), 1u);
  EXPECT_EQ(store_->store().Stats().flush_count, 1u);
}

TEST_F(StoreEventsTest, APoisonedStoreIsAnErrorOnce) {
  Open();
  FaultRule rule;
  rule.fault = Fault::Error(EIO);
  rule.kinds = {OperationKind::kSync, OperationKind::kWriteDurably, OperationKind::kWrite};
  rule.path = "*.log";
  rule.count = FaultRule::kForEver;
  simulation_.faults().Add(rule);
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(simulation_.Run(store_->Put("k", "v", Durability::kSync)).ok());
  }
  EXPECT_FALSE(simulation_.Run(store_->Close()).ok());
  store_ = nullptr;
  ASSERT_EQ(recorder_.Count<Poisoned>(), 1u);
  EXPECT_FALSE(recorder_.All<Poisoned>()[0].status.ok());
  EXPECT_EQ(SeverityOf(Poisoned()), LogSeverity::kError);
  EXPECT_FALSE(recorder_.All<StoreClosed>()[0].status.ok());
}

TEST_F(StoreEventsTest, CommitsThatAreHeldBack) {
  Open();
  for (int i = 0; i < 200; ++i) Put(i, 1900);
  simulation_.RunUntilIdle();
  ASSERT_GT(recorder_.Count<StallBegun>(), 0u);
  EXPECT_EQ(recorder_.Count<StallBegun>(), recorder_.Count<StallEnded>());
  EXPECT_LE(recorder_.Count<StallBegun>(), kStallReasonCount) << "no more often than in 10 s";
  const StallEnded ended = recorder_.All<StallEnded>()[0];
  EXPECT_GT(ended.commits, 0u);
  EXPECT_GT(ended.nanos, 0);
  EXPECT_EQ(ended.reason, recorder_.All<StallBegun>()[0].reason);
}

TEST_F(StoreEventsTest, LeftoversAndCutsOfACrash) {
  Open();
  FaultRule rule;
  rule.fault = Fault::Error(EIO);
  rule.kinds = {OperationKind::kRemove};
  rule.path = "*.table";
  rule.count = FaultRule::kForEver;
  simulation_.faults().Add(rule);
  for (int i = 0; i < 2; ++i) {
    Put(1);
    Flush();
  }
  EXPECT_GT(recorder_.Count<BackgroundFailure>(), 0u) << "what cannot be removed";
  Close();
  simulation_.faults().Clear();
  Open();
  EXPECT_EQ(recorder_.Count<LeftoverRemoved>(), 2u);
  EXPECT_THAT(recorder_.All<LeftoverRemoved>()[0].file, HasSubstr(".table"));
}

TEST_F(StoreEventsTest, StatsAreTakenOnceInAnInterval) {
  options_.stats_interval = absl::Minutes(10);
  Open();
  for (int i = 0; i < 10; ++i) {
    Put(i);
    Flush();
  }
  EXPECT_EQ(recorder_.Count<StatsTaken>(), 0u);
  simulation_.RunFor(absl::Minutes(11));
  Put(0);
  Flush();
  ASSERT_EQ(recorder_.Count<StatsTaken>(), 1u);
  EXPECT_GE(recorder_.All<StatsTaken>()[0].stats.commit_count, 11u);
  EXPECT_THAT(Describe(StatsTaken{recorder_.All<StatsTaken>()[0].stats}), HasSubstr("11 commits"));
}

TEST_F(StoreEventsTest, TheFileHoldsTheSameLines) {
  options_.event_file = true;
  Open();
  Put(1);
  Flush();
  Close();
  const std::string text = FileText("/db/LOG");
  std::size_t position = 0;
  for (const StoreEvent& event : recorder_.events) {
    const std::size_t found = text.find(Describe(event.what) + "\n", position);
    ASSERT_NE(found, std::string::npos) << Describe(event.what) << "\n" << text;
    position = found;
  }
  EXPECT_EQ(text.substr(0, 11), "2023-11-14T");
  Open();
  Close();
  EXPECT_EQ(FileText("/db/LOG").substr(0, text.size()), text) << "it is continued";
}

TEST_F(StoreEventsTest, NoFileIsWrittenUnlessAskedForNorByAReader) {
  Open();
  Close();
  EXPECT_EQ(FileText("/db/LOG"), "");
  options_.event_file = true;
  options_.read_only = true;
  Open();
  Close();
  EXPECT_EQ(FileText("/db/LOG"), "");
}

TEST_F(StoreEventsTest, AFileThatCannotBeWrittenMattersToNobody) {
  options_.event_file = true;
  FaultRule rule;
  rule.fault = Fault::Error(ENOSPC);
  rule.path = "*/LOG";
  rule.count = FaultRule::kForEver;
  simulation_.faults().Add(rule);
  Open();
  Put(1);
  Flush();
  Close();
  simulation_.faults().Clear();
  Open();
  Close();
  EXPECT_THAT(FileText("/db/LOG"), HasSubstr("open: "));
}

TEST_F(StoreEventsTest, ALogOfSomebodyElseIsNotTouched) {
  const auto write = [](FileSystem* files) -> Task<absl::Status> {
    AURORA_CO_RETURN_IF_ERROR(co_await files->CreateDirectory("/db"));
    OpenOptions open;
    open.mode = OpenMode::kCreateNew;
    AURORA_CO_ASSIGN(const std::unique_ptr<File> file, co_await files->Open("/db/LOG", open));
    const std::string_view text = "not ours";
    co_return co_await file->Write(0, text);
  };
  ASSERT_TRUE(simulation_.Run(write(&simulation_.environment().files())).ok());
  options_.event_file = true;
  const auto store = simulation_.Run(KvStore::Open(simulation_.environment(), options_));
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
  EXPECT_EQ(FileText("/db/LOG"), "not ours");
}

// Puts until the machine is lost; `acknowledged` of them are durable.
Task<absl::Status> PutUntilCrash(Environment* environment, StoreOptions options,
                                 int* acknowledged) {
  AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                   co_await KvStore::Open(*environment, std::move(options)));
  for (int i = 0; i < 6; ++i) {
    const std::string key = StrCat("key", i);
    const auto put = co_await store->Put(key, "value");
    if (!put.ok()) break;
    ++*acknowledged;
    if (i == 3) static_cast<void>(co_await store->store().Flush());
  }
  co_return co_await store->Close();
}

TEST_F(StoreEventsTest, WhateverACrashLeavesOfTheFileNothingElseIsLost) {
  options_ = SmallStoreOptions("/db", Durability::kSync);
  options_.event_file = true;
  int acknowledged = 0;
  int points = 0;
  simulation_.VisitCrashPoints(StandardCrashModes(), [&](const CrashPoint& point) {
    ++points;
    Simulation after(point.seed, {.image = point.image});
    auto store = after.Run(KvStore::Open(after.environment(), options_));
    ASSERT_TRUE(store.ok()) << Describe(point) << store.status();
    for (int i = 0; i < acknowledged; ++i) {
      const auto value = after.Run((*store)->Get(StrCat("key", i)));
      EXPECT_TRUE(value.ok() && value->has_value()) << Describe(point);
    }
    EXPECT_TRUE(after.Run((*store)->Close()).ok());
  });
  EXPECT_TRUE(
      simulation_.Run(PutUntilCrash(&simulation_.environment(), options_, &acknowledged)).ok());
  EXPECT_EQ(acknowledged, 6);
  EXPECT_GT(points, 50);
}

// Blocks in its first event until it is let go.
class BlockingListener final : public EventListener {
 public:
  void OnEvent(const StoreEvent& event) override {
    std::unique_lock lock(mutex_);
    is_blocked_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return is_released_; });
    count_ += std::holds_alternative<FlushEnded>(event.what) ? 1 : 0;
    threads_differ_ |= std::this_thread::get_id() == main_thread_;
  }
  void AwaitBlocked() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_blocked_; });
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    is_released_ = true;
    changed_.notify_all();
  }
  int flushes() {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  bool ran_on_main_thread() {
    const std::lock_guard lock(mutex_);
    return threads_differ_;
  }

 private:
  const std::thread::id main_thread_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_blocked_ = false;
  bool is_released_ = false;
  bool threads_differ_ = false;
  int count_ = 0;
};

TEST(EventListenerTest, ABlockedListenerHoldsUpNeitherCommitsNorFlushesNorCompactions) {
  const std::string directory = testing::TempDir() + "/blocked_listener";
  std::filesystem::remove_all(directory);
  absl::StatusOr<std::shared_ptr<Environment>> environment = MakeSystemEnvironment();
  ASSERT_TRUE(environment.ok());
  BlockingListener listener;
  StoreOptions options = SmallStoreOptions(directory, Durability::kProcess);
  options.event_listener = &listener;
  absl::StatusOr<std::unique_ptr<KvStore>> store = BlockOn(KvStore::Open(**environment, options));
  ASSERT_TRUE(store.ok()) << store.status();
  listener.AwaitBlocked();
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(BlockOn((*store)->Put(StrCat("key", i), std::string(500, 'v'))).ok());
  }
  EXPECT_TRUE(BlockOn((*store)->store().Compact()).ok());
  EXPECT_GT((*store)->store().Stats().flush_count, 1u);
  EXPECT_EQ(listener.flushes(), 0) << "it is still blocked";
  listener.Release();
  const std::uint64_t flushes = (*store)->store().Stats().flush_count;
  EXPECT_TRUE(BlockOn((*store)->Close()).ok());
  EXPECT_GE(static_cast<std::uint64_t>(listener.flushes()), flushes) << "Close waits for it";
  EXPECT_FALSE(listener.ran_on_main_thread());
}

}  // namespace
}  // namespace aurora::lsm
