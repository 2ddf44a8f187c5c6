#include "aurora/lsm/log.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/log_format.h"
#include "aurora/lsm/log_model_testing.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr char kDirectory[] = "/db/log";

Task<absl::Status> CommitTask(Log* log, Sequence* next_sequence, std::string payload,
                              Durability durability) {
  while (!log->HasRoom(payload.size())) {
    AURORA_CO_RETURN_IF_ERROR(co_await log->MakeRoom(payload.size()));
  }
  const std::string_view part = payload;
  const LogPosition end = log->Append((*next_sequence)++, {&part, 1}, Log::HashPayload({&part, 1}));
  co_return co_await log->WaitDurable(end, durability);
}

Task<void> StoreStatus(Task<absl::Status> task, absl::Status* result) {
  *result = co_await std::move(task);
}

// A log on a simulated machine, used from plain code.
class LogTest : public testing::Test {
 protected:
  explicit LogTest(Durability durability = Durability::kSync)
      : options_(SmallLogOptions(durability)) {
    NewMachine(DiskImage());
    EXPECT_TRUE(simulation_->Run(MakeLogDirectory(&environment(), kDirectory)).ok());
  }
  ~LogTest() override { Kill(); }

  Environment& environment() { return simulation_->environment(); }

  // The last machine is gone; the next starts with `image`.
  void NewMachine(DiskImage image) {
    Kill();
    SimulationOptions options;
    options.image = std::move(image);
    simulation_.emplace(7, options);
  }

  absl::Status Open() {
    recovered_.clear();
    Log::RecordCallback replay = [this](const LogRecord& record) {
      recovered_.emplace_back(record.sequence, record.payload);
      return absl::OkStatus();
    };
    absl::StatusOr<std::unique_ptr<Log>> log = simulation_->Run(
        Log::Open(environment(), options_, first_segment_, after_, std::move(replay), &recovery_));
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    if (first_segment_ == 0) first_segment_ = log_->Segments().front().segment;
    return absl::OkStatus();
  }
  absl::Status Commit(std::string payload, Durability durability = Durability::kSync) {
    const absl::Status status =
        simulation_->Run(CommitTask(log_.get(), &next_sequence_, payload, durability));
    if (status.ok()) committed_.emplace_back(next_sequence_ - 1, std::move(payload));
    return status;
  }
  void CommitMany(int count, std::size_t bytes_max = 1500,
                  Durability durability = Durability::kSync) {
    SeededRandom random(next_sequence_);
    for (int i = 0; i < count; ++i) {
      std::string payload(1 + random.Below(bytes_max), static_cast<char>('a' + i % 26));
      const absl::Status status = Commit(std::move(payload), durability);
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  absl::Status Close() {
    const absl::Status status = simulation_->Run(log_->Close());
    log_.reset();
    simulation_->RunUntilIdle();
    return status;
  }
  // Ends the process without a word, if there is one.
  void Kill(const CrashMode& mode = CrashMode::Process()) {
    if (!simulation_.has_value()) return;
    if (log_ == nullptr) {
      simulation_->RunUntilIdle();
      return;
    }
    simulation_->CrashMachine(mode);
    EXPECT_FALSE(Close().ok());
    const absl::Status restarted = simulation_->Restart();
    EXPECT_TRUE(restarted.ok()) << restarted;
  }
  DiskImage& disk() { return simulation_->disk().image(); }
  std::string PathOf(std::uint64_t segment) {
    return std::string(kDirectory) + "/" + SegmentFileName(static_cast<std::uint32_t>(segment));
  }
  std::size_t FileCount() { return disk().Files().size(); }

  LogOptions options_;
  std::optional<Simulation> simulation_;
  std::unique_ptr<Log> log_;
  std::uint64_t first_segment_ = 0;
  Sequence after_ = 0;
  Sequence next_sequence_ = 1;
  using Records = std::vector<std::pair<Sequence, std::string>>;
  Records committed_;
  Records recovered_;
  LogRecovery recovery_;
};

class MappedLogTest : public LogTest {
 protected:
  MappedLogTest() : LogTest(Durability::kProcess) {}
};

// After a crash in the middle of a rename both names may be there, and either may be recycled on.
TEST_F(LogTest, AnOldNameOfAFileIsNoMixUpWhileTheFileHasALaterName) {
  ASSERT_TRUE(Open().ok());
  CommitMany(20);
  ASSERT_TRUE(Close().ok());
  const DiskImage early = disk();
  ASSERT_TRUE(Open().ok());
  CommitMany(400);
  const std::uint64_t newest = log_->Segments().back().segment;
  ASSERT_TRUE(Close().ok());
  const std::string file = *disk().ReadFile(PathOf(newest));
  for (const bool later_name : {true, false}) {
    NewMachine(early);
    ASSERT_FALSE(disk().ReadFile(PathOf(newest - 1)).ok());
    ASSERT_TRUE(disk().WriteFile(PathOf(newest - 1), file).ok());
    if (later_name) ASSERT_TRUE(disk().WriteFile(PathOf(newest + 3), file).ok());
    const absl::Status opened = Open();
    if (later_name) {
      ASSERT_TRUE(opened.ok()) << opened;
      EXPECT_EQ(recovered_.size(), 20u);
      EXPECT_TRUE(Close().ok());
    } else {
      EXPECT_EQ(opened.code(), absl::StatusCode::kDataLoss) << opened;
    }
  }
}

TEST_F(LogTest, AClosedLogComesBackWhole) {
  ASSERT_TRUE(Open().ok());
  CommitMany(100);
  const LogPosition end = log_->durable_end();
  ASSERT_TRUE(Close().ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(recovered_, committed_);
  EXPECT_TRUE(recovery_.clean_close);
  EXPECT_EQ(recovery_.record_count, 100u);
  EXPECT_EQ(recovery_.last_sequence, 100u);
  EXPECT_EQ(recovery_.cut_bytes, 0u);
  EXPECT_GT(recovery_.end, end);
}

TEST_F(LogTest, OnlyRecordsAboveTheAskedOneAreReplayed) {
  ASSERT_TRUE(Open().ok());
  CommitMany(10);
  ASSERT_TRUE(Close().ok());
  after_ = 7;
  ASSERT_TRUE(Open().ok());
  ASSERT_EQ(recovered_.size(), 3u);
  EXPECT_EQ(recovered_[0].first, 8u);
}

TEST_F(LogTest, AnErrorOfTheReplayEndsTheOpen) {
  ASSERT_TRUE(Open().ok());
  CommitMany(3);
  ASSERT_TRUE(Close().ok());
  Log::RecordCallback refuse = [](const LogRecord&) { return InternalError("no"); };
  const auto log = simulation_->Run(
      Log::Open(environment(), options_, first_segment_, 0, std::move(refuse), nullptr));
  EXPECT_EQ(log.status().code(), absl::StatusCode::kInternal);
}

TEST_F(LogTest, AKilledLogKeepsWhatWasAcknowledged) {
  ASSERT_TRUE(Open().ok());
  for (int i = 0; i < 20; ++i) {
    CommitMany(5);
    Kill();
    ASSERT_TRUE(Open().ok());
    ASSERT_EQ(recovered_, committed_);
    EXPECT_FALSE(recovery_.clean_close);
  }
}

TEST_F(LogTest, ALogThatIsKilledAgainAndAgainDoesNotGrow) {
  ASSERT_TRUE(Open().ok());
  CommitMany(10);
  Kill();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(Open().ok());
    ASSERT_TRUE(Commit("x").ok());
    simulation_->RunUntilIdle();
    EXPECT_LE(FileCount(), 6u);
    Kill();
  }
}

TEST_F(LogTest, ReleasedSegmentsAreRecycledAndTheirRecordsStayAway) {
  ASSERT_TRUE(Open().ok());
  for (int i = 0; i < 40; ++i) {
    CommitMany(10);
    log_->Release(log_->durable_end());
    first_segment_ = log_->durable_end().segment;
    after_ = next_sequence_ - 1;
    committed_.clear();
    simulation_->RunUntilIdle();
    EXPECT_LE(FileCount(), 5u);
  }
  EXPECT_GT(log_->durable_end().segment, 10u);
  CommitMany(10);
  Kill();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(recovered_, committed_);
}

TEST_F(LogTest, TheModeMayChangeBetweenOpens) {
  for (int i = 0; i < 6; ++i) {
    options_.durability = i % 2 == 0 ? Durability::kSync : Durability::kProcess;
    ASSERT_TRUE(Open().ok());
    ASSERT_EQ(recovered_, committed_);
    CommitMany(20);
    if (i % 3 == 2) {
      Kill();
    } else {
      ASSERT_TRUE(Close().ok());
    }
  }
}

TEST_F(LogTest, TheSegmentSizeMayChangeBetweenOpens) {
  for (const std::uint64_t blocks : {12, 40, 8, 16}) {
    options_.segment_bytes = blocks * kDeviceBlockSize;
    ASSERT_TRUE(Open().ok());
    ASSERT_EQ(recovered_, committed_);
    CommitMany(20);
    Kill();
  }
}

TEST_F(LogTest, ARaisedEpochGoesOnWithTheRecordsOfTheOldOne) {
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(Open().ok());
    ASSERT_EQ(recovered_, committed_);
    CommitMany(20);
    ASSERT_TRUE(Close().ok());
    ++options_.identity.epoch;
  }
  options_.identity.epoch = 1;
  EXPECT_EQ(Open().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(LogTest, ASegmentOfAnotherDatabaseIsRefused) {
  ASSERT_TRUE(Open().ok());
  CommitMany(3);
  ASSERT_TRUE(Close().ok());
  options_.identity.database_id[0] ^= 1;
  EXPECT_EQ(Open().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(LogTest, ANewLogIsNotBegunOverRecords) {
  ASSERT_TRUE(Open().ok());
  CommitMany(3);
  ASSERT_TRUE(Close().ok());
  first_segment_ = 0;
  EXPECT_EQ(Open().code(), absl::StatusCode::kFailedPrecondition);
  options_.identity.database_id[0] ^= 1;  // the leftovers of a creation that was given up
  EXPECT_TRUE(Open().ok());
}

TEST_F(LogTest, AMissingSegmentIsNamed) {
  ASSERT_TRUE(Open().ok());
  CommitMany(200);
  const std::vector<LogPosition> segments = log_->Segments();
  ASSERT_GT(segments.size(), 3u);
  ASSERT_TRUE(Close().ok());
  const DiskImage whole = disk();
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    NewMachine(whole);
    ASSERT_TRUE(disk().RemoveFile(PathOf(segments[i].segment)).ok());
    const absl::Status status = Open();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_NE(
        status.message().find(SegmentFileName(static_cast<std::uint32_t>(segments[i].segment))),
        absl::string_view::npos)
        << status;
  }
}

TEST_F(LogTest, ARecordThatCanNeverFitIsRefused) {
  ASSERT_TRUE(Open().ok());
  const std::size_t most = log_->max_payload_bytes();
  EXPECT_EQ(Commit(std::string(most + 1, 'x')).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(log_->HasRoom(most + 1));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Commit(std::string(most, 'y')).ok());
  Kill();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(recovered_, committed_);
}

TEST_F(MappedLogTest, ARecordThatCanNeverFitIsRefused) {
  ASSERT_TRUE(Open().ok());
  const std::size_t most = log_->max_payload_bytes();
  EXPECT_EQ(Commit(std::string(most + 1, 'x')).code(), absl::StatusCode::kInvalidArgument);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Commit(std::string(most, 'y'), Durability::kProcess).ok());
  }
  Kill();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(recovered_, committed_);
}

TEST_F(LogTest, ImpossibleOptionsAreRefused) {
  const LogOptions good = options_;
  const std::vector<std::function<void(LogOptions&)>> spoilers = {
      [](LogOptions& o) { o.segment_bytes = 5000; },
      [](LogOptions& o) { o.segment_bytes = kDeviceBlockSize; },
      [](LogOptions& o) { o.segment_bytes = std::uint64_t{1} << 40; },
      [](LogOptions& o) { o.buffer_bytes = 100; },
      [](LogOptions& o) { o.spare_segments = 0; },
      [](LogOptions& o) { o.flush_interval = -absl::Seconds(1); },
  };
  for (const auto& spoil : spoilers) {
    options_ = good;
    spoil(options_);
    EXPECT_EQ(Open().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(LogTest, ManyWaitersShareOneWrite) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Commit("first").ok());
  simulation_->RunUntilIdle();
  const std::uint64_t before = simulation_->faults().operation_count(OperationKind::kWriteDurably);
  std::vector<absl::Status> results(64, InternalError("not run"));
  std::vector<Task<void>> tasks;
  for (absl::Status& result : results) {
    tasks.push_back(StoreStatus(
        CommitTask(log_.get(), &next_sequence_, "payload", Durability::kSync), &result));
  }
  simulation_->RunAll(std::move(tasks));
  for (const absl::Status& result : results) EXPECT_TRUE(result.ok()) << result;
  EXPECT_LE(simulation_->faults().operation_count(OperationKind::kWriteDurably) - before, 8u);
}

// --- Failures ---

class FailingLogTest : public LogTest, public testing::WithParamInterface<Durability> {
 protected:
  FailingLogTest() : LogTest(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(Each, FailingLogTest,
                         testing::Values(Durability::kSync, Durability::kProcess),
                         [](const auto& info) {
                           return std::string(info.param == Durability::kSync ? "Direct"
                                                                              : "Mapped");
                         });

TEST_P(FailingLogTest, AfterAFailedSyncNothingIsAcknowledgedUntilReopened) {
  ASSERT_TRUE(Open().ok());
  CommitMany(10);
  FaultRule rule;
  rule.fault = Fault::Error(EIO);
  rule.kinds = {OperationKind::kWriteDurably, OperationKind::kSync};
  simulation_->faults().Add(rule);
  const absl::Status failed = Commit("lost");
  EXPECT_EQ(failed.code(), absl::StatusCode::kUnavailable) << failed;
  for (int i = 0; i < 20; ++i) {
    for (const Durability durability : {Durability::kSync, Durability::kProcess}) {
      EXPECT_EQ(Commit("also lost", durability), failed);
    }
  }
  EXPECT_EQ(log_->status(), failed);
  EXPECT_EQ(Close(), failed);
  ASSERT_TRUE(Open().ok());
  EXPECT_FALSE(recovery_.clean_close);
  ASSERT_GE(recovered_.size(), 10u);  // the failed one may be there
  recovered_.resize(10);
  EXPECT_EQ(recovered_, committed_);
  EXPECT_TRUE(Commit("works again").ok());
}

TEST_P(FailingLogTest, EveryWaiterOfAFailedGroupHearsOfIt) {
  ASSERT_TRUE(Open().ok());
  CommitMany(1);
  FaultRule rule;
  rule.fault = Fault::Error(EIO);
  rule.kinds = {OperationKind::kWriteDurably, OperationKind::kSync};
  simulation_->faults().Add(rule);
  std::vector<absl::Status> results(20);
  std::vector<Task<void>> tasks;
  for (absl::Status& result : results) {
    tasks.push_back(StoreStatus(
        CommitTask(log_.get(), &next_sequence_, "payload", Durability::kSync), &result));
  }
  simulation_->RunAll(std::move(tasks));
  for (const absl::Status& result : results) EXPECT_EQ(result, log_->status());
  EXPECT_FALSE(log_->status().ok());
}

TEST_P(FailingLogTest, AFullDiskStopsCommitsUntilSpaceReturns) {
  ASSERT_TRUE(Open().ok());
  CommitMany(5);
  simulation_->RunUntilIdle();
  const std::uint64_t used = simulation_->disk().UsedBytes();
  simulation_->disk().set_capacity_bytes(used);
  absl::Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) status = Commit(std::string(1000, 'x'));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_TRUE(log_->status().ok());
  EXPECT_EQ(Commit(std::string(1000, 'x')).code(), absl::StatusCode::kResourceExhausted);
  simulation_->disk().set_capacity_bytes(used + 10 * options_.segment_bytes);
  CommitMany(100);
  ASSERT_TRUE(Close().ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(recovered_, committed_);
}

TEST_P(FailingLogTest, ALogOpensOnAFullDiskHoweverOftenItIsKilled) {
  ASSERT_TRUE(Open().ok());
  CommitMany(5);
  simulation_->RunUntilIdle();
  simulation_->disk().set_capacity_bytes(simulation_->disk().UsedBytes());
  absl::Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) status = Commit(std::string(1000, 'x'));
  ASSERT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  for (int i = 0; i < 10; ++i) {
    CrashMode power_loss;
    Kill(i % 2 == 0 ? CrashMode::Process() : power_loss);
    const absl::Status opened = Open();
    ASSERT_TRUE(opened.ok()) << opened;
    ASSERT_EQ(recovered_, committed_);
    if (Commit(std::string(3000, 'y')).ok()) continue;
    if (i % 3 == 0) ASSERT_TRUE(Close().ok());
    if (log_ == nullptr) ASSERT_TRUE(Open().ok());
  }
  simulation_->disk().set_capacity_bytes(std::uint64_t{1} << 30);
  CommitMany(50);
}

// --- Damage ---

TEST_F(LogTest, EveryFlippedBitOfAClosedLogIsAnErrorOrHarmless) {
  ASSERT_TRUE(Open().ok());
  CommitMany(60, 600);
  ASSERT_TRUE(Close().ok());
  const DiskImage whole = disk();
  SeededRandom random(TestSeed(3));
  for (const std::string& path : whole.Files()) {
    const std::size_t size = whole.ReadFile(path)->size();
    for (std::size_t offset = random.Below(30); offset < size; offset += 1 + random.Below(160)) {
      DiskImage damaged = whole;
      ASSERT_TRUE(damaged.FlipBit(path, offset, static_cast<int>(random.Below(8))).ok());
      NewMachine(std::move(damaged));
      const absl::Status status = Open();
      if (!status.ok()) continue;
      ASSERT_EQ(recovered_, committed_) << path << " at " << offset;
      ASSERT_TRUE(Close().ok());
    }
  }
}

// Flips bits below the last record of a log that was killed: each is reported, or changes nothing.
void FlipEverywhere(std::size_t* reported, std::size_t* harmless,
                    const std::function<absl::Status(const std::string&, std::size_t, int)>& open,
                    const DiskImage& whole, const std::vector<LogPosition>& segments,
                    std::uint64_t last_offset) {
  SeededRandom random(TestSeed(4));
  for (const LogPosition& segment : segments) {
    const std::string path = std::string(kDirectory) + "/" +
                             SegmentFileName(static_cast<std::uint32_t>(segment.segment));
    const bool is_last = segment.segment == segments.back().segment;
    const std::size_t end = is_last ? last_offset : segment.offset;
    ASSERT_TRUE(whole.ReadFile(path).ok());
    for (std::size_t offset = 0; offset < end; offset += 1 + random.Below(240)) {
      const absl::Status status = open(path, offset, static_cast<int>(random.Below(8)));
      if (status.ok()) {
        ++*harmless;
      } else {
        ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
        ++*reported;
      }
    }
  }
}

TEST_P(FailingLogTest, AFlippedBitInTheMiddleOfAKilledLogIsReported) {
  ASSERT_TRUE(Open().ok());
  const Durability durability = GetParam();
  CommitMany(100, 600, durability);
  const std::vector<LogPosition> segments = log_->Segments();
  ASSERT_GT(segments.size(), 1u);
  const std::uint64_t last_offset = std::max<std::uint64_t>(segments.back().offset, 8192) - 8192;
  Kill();
  const DiskImage whole = disk();
  std::size_t reported = 0;
  std::size_t harmless = 0;
  const auto open = [&](const std::string& path, std::size_t offset, int bit) {
    DiskImage damaged = whole;
    EXPECT_TRUE(damaged.FlipBit(path, offset, bit).ok());
    NewMachine(std::move(damaged));
    const absl::Status status = Open();
    if (status.ok()) {
      EXPECT_EQ(recovered_, committed_)
          << path << " at " << offset << " bit " << bit << ": " << recovery_.cut_reason;
    }
    return status;
  };
  FlipEverywhere(&reported, &harmless, open, whole, segments, last_offset);
  EXPECT_GT(reported, 50u);
}

TEST_P(FailingLogTest, ATornTailIsCutAndTheRestOpens) {
  ASSERT_TRUE(Open().ok());
  CommitMany(20);
  const LogPosition before = log_->Segments().back();
  const std::string tail(6000, 't');
  ASSERT_TRUE(Commit(tail, GetParam()).ok());
  const LogPosition after = log_->Segments().back();
  ASSERT_EQ(before.segment, after.segment);
  committed_.pop_back();  // take it for one that was not acknowledged
  Kill();
  const DiskImage whole = disk();
  SeededRandom random(TestSeed(6));
  const std::string path = PathOf(after.segment);
  for (int trial = 0; trial < 300; ++trial) {
    DiskImage torn = whole;
    bool any = false;
    const std::uint64_t start = NextBlock(before.offset);
    for (std::uint64_t sector = start; sector + 512 <= after.offset; sector += 512) {
      if (random.Below(2) == 0) continue;
      any = true;
      std::string bytes(512, '\0');
      if (random.Below(2) == 0) {
        for (char& c : bytes) c = static_cast<char>(random.Next64());
      }
      ASSERT_TRUE(torn.Patch(path, sector, bytes).ok());
    }
    NewMachine(std::move(torn));
    const absl::Status status = Open();
    ASSERT_TRUE(status.ok()) << status;
    if (any) {
      ASSERT_EQ(recovered_, committed_);
    }
  }
}

// --- Durability ---

TEST_F(LogTest, ABufferedCommitReachesTheDeviceWithinTheInterval) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Commit("a", Durability::kBuffered).ok());
  const LogPosition end = log_->Segments().back();
  EXPECT_LT(log_->durable_end(), end);
  simulation_->RunFor(options_.flush_interval + absl::Milliseconds(20));
  EXPECT_GE(log_->durable_end(), end);
}

TEST_F(MappedLogTest, ABufferedCommitReachesTheDeviceWithinTheInterval) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Commit("a", Durability::kBuffered).ok());
  const LogPosition end = log_->Segments().back();
  EXPECT_LT(log_->durable_end(), end);
  simulation_->RunFor(options_.flush_interval + absl::Milliseconds(20));
  EXPECT_GE(log_->durable_end(), end);
}

TEST_F(MappedLogTest, ACommitWithoutSyncMakesNoSystemCall) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Commit("first", Durability::kProcess).ok());
  simulation_->RunUntilIdle();
  const std::uint64_t operations = simulation_->faults().operation_count();
  const std::uint64_t published = simulation_->faults().operation_count(OperationKind::kPublish);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Commit("more", Durability::kProcess).ok());
  EXPECT_EQ(simulation_->faults().operation_count() - operations,
            simulation_->faults().operation_count(OperationKind::kPublish) - published);
}

// All is synced and the next segment takes a second to make: nothing is to be done until it is
// there.
TEST_F(MappedLogTest, ACommitThatWaitsForASegmentWaits) {
  ASSERT_TRUE(Open().ok());
  simulation_->RunUntilIdle();
  FaultRule slow;
  slow.fault = Fault::Delay(absl::Seconds(1));
  slow.kinds = {OperationKind::kCreate};
  slow.count = FaultRule::kForEver;
  simulation_->faults().Add(slow);
  const std::string payload(2000, 'p');
  while (log_->HasRoom(payload.size())) ASSERT_TRUE(Commit(payload, Durability::kSync).ok());
  const std::uint64_t steps = simulation_->step_count();
  const std::int64_t start = environment().clock().MonotonicNanos();
  ASSERT_TRUE(Commit(payload, Durability::kSync).ok());
  EXPECT_GT(environment().clock().MonotonicNanos() - start, 500'000'000);
  EXPECT_LT(simulation_->step_count() - steps, 1000u);
}

TEST_F(MappedLogTest, BytesThatAPowerLossWouldTakeAreBounded) {
  ASSERT_TRUE(Open().ok());
  CommitMany(300, 1500, Durability::kProcess);
  const LogPosition end = log_->Segments().back();
  const LogPosition durable = log_->durable_end();
  EXPECT_LE(end.segment - durable.segment, 1u);
}

}  // namespace
}  // namespace aurora::lsm
