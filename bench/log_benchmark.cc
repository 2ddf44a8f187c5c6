// The commit log on the real file system, below $TEST_TMPDIR or /tmp. Records are as large as the
// put of a 16-byte key with a 100-byte value.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "aurora/lsm/log.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/system_environment.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"
#include "benchmark/benchmark.h"

namespace aurora::lsm {
namespace {

constexpr std::size_t kRecordBytes = 120;

// A log, and the sequence of its commits. Everything in it is released now and then, as a flush of
// the memtable does, so that its segments are recycled.
class OpenLog {
 public:
  explicit OpenLog(Durability durability) : durability_(durability) {
    const char* parent = std::getenv("TEST_TMPDIR");
    directory_ = std::string(parent != nullptr ? parent : "/tmp") + "/aurora_log_benchmark";
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    environment_ = *MakeSystemEnvironment();
    LogOptions options;
    options.directory = directory_;
    options.durability = durability;
    LogRecovery recovery;
    auto log = BlockOn(Log::Open(
        *environment_, options, 0, 0, [](const LogRecord&) { return absl::OkStatus(); },
        &recovery));
    AURORA_CHECK(log.ok());
    log_ = *std::move(log);
  }
  ~OpenLog() {
    AURORA_CHECK(BlockOn(log_->Close()).ok());
    log_.reset();
    std::filesystem::remove_all(directory_);
  }

  Task<absl::Status> Commit() {
    if (!log_->HasRoom(record_.size())) {
      AURORA_CO_RETURN_IF_ERROR(co_await MakeRoom());
    }
    co_return co_await WaitDurable(Append());
  }
  Task<absl::Status> CommitMany(int count) {
    for (int i = 0; i < count; ++i) AURORA_CO_RETURN_IF_ERROR(co_await Commit());
    co_return absl::OkStatus();
  }
  // As Commit, on the path that no coroutine is needed for.
  void CommitFromPlainCode() {
    if (!log_->HasRoom(record_.size())) AURORA_CHECK(BlockOn(MakeRoom()).ok());
    AURORA_CHECK(BlockOn(WaitDurable(Append())).ok());
  }

 private:
  Task<absl::Status> MakeRoom() {
    while (!log_->HasRoom(record_.size())) {
      AURORA_CO_RETURN_IF_ERROR(co_await log_->MakeRoom(record_.size()));
    }
    co_return absl::OkStatus();
  }
  LogPosition Append() {
    const std::string_view part = record_;
    const LogPosition end = log_->Append(++sequence_, {&part, 1}, Log::HashPayload({&part, 1}));
    if (end.segment != segment_) {
      segment_ = end.segment;
      log_->Release(end);
    }
    return end;
  }
  AURORA_TASK_WRAPPER Task<absl::Status> WaitDurable(LogPosition end) {
    return log_->WaitDurable(end, durability_);
  }

  const Durability durability_;
  const std::string record_ = std::string(kRecordBytes, 'r');
  std::string directory_;
  std::shared_ptr<Environment> environment_;
  std::unique_ptr<Log> log_;
  Sequence sequence_ = 0;
  std::uint64_t segment_ = 0;
};

void LogAppend(benchmark::State& state, Durability durability) {
  OpenLog log(durability);
  for (auto _ : state) log.CommitFromPlainCode();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kRecordBytes));
}
BENCHMARK_CAPTURE(LogAppend, kProcess, Durability::kProcess)->UseRealTime();
BENCHMARK_CAPTURE(LogAppend, kBuffered, Durability::kBuffered)->UseRealTime();

Task<absl::Status> CommitFromMany(OpenLog* log, int committers, int each) {
  TaskGroup group;
  for (int i = 0; i < committers; ++i) {
    group.Spawn(*Executor::Current(), log->CommitMany(each));
  }
  absl::Status status = co_await group.Join();
  co_return status;
}

// Synced commits of so many coroutines at once: each group of them is one write.
void LogSyncedAppend(benchmark::State& state) {
  constexpr int kEach = 8;
  OpenLog log(Durability::kSync);
  const int committers = static_cast<int>(state.range(0));
  for (auto _ : state) AURORA_CHECK(BlockOn(CommitFromMany(&log, committers, kEach)).ok());
  state.SetItemsProcessed(state.iterations() * committers * kEach);
}
BENCHMARK(LogSyncedAppend)->Arg(1)->Arg(8)->Arg(64)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace aurora::lsm
