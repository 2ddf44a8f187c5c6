#include "aurora/runtime/simulation/simulation.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/runtime/environment.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

// Suspends whoever awaits it for good.
struct Never {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};

Task<void> Letter(std::string* text, char letter) {
  for (int i = 0; i < 3; ++i) {
    text->push_back(letter);
    co_await Yield();
  }
}

std::string Interleaving(std::uint64_t seed, Scheduling scheduling) {
  Simulation simulation(seed, {.scheduler = {.scheduling = scheduling}});
  std::string text;
  std::vector<Task<void>> tasks;
  for (const char letter : {'a', 'b', 'c'}) tasks.push_back(Letter(&text, letter));
  simulation.RunAll(std::move(tasks));
  return text;
}

TEST(SimulationTest, TheOrderOfReadyCoroutinesFollowsTheSeed) {
  std::set<std::string> orders;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    orders.insert(Interleaving(seed, Scheduling::kRandom));
    EXPECT_EQ(Interleaving(seed, Scheduling::kRandom), Interleaving(seed, Scheduling::kRandom));
  }
  EXPECT_GT(orders.size(), 100u);
  EXPECT_EQ(Interleaving(1, Scheduling::kFifo), "abcabcabc");
}

Task<std::string> Answer(Environment* environment) {
  co_await Yield();
  const std::int64_t before = environment->clock().MonotonicNanos();
  EXPECT_TRUE((co_await environment->Sleep(absl::Hours(1000))).ok());
  EXPECT_GE(environment->clock().MonotonicNanos() - before,
            absl::ToInt64Nanoseconds(absl::Hours(1000)));
  co_return "42";
}

TEST(SimulationTest, ATaskRunsToItsEndAndTimeJumpsToTheNextEvent) {
  Simulation simulation(1);
  EXPECT_EQ(simulation.Run(Answer(&simulation.environment())), "42");
  EXPECT_LT(simulation.step_count(), 10u);
  simulation.Run(Task<void>());
}

Task<void> Throw() {
  co_await Yield();
  throw std::runtime_error("thrown");
}

TEST(SimulationTest, AnExceptionComesOutOfRun) {
  Simulation simulation(1);
  EXPECT_THROW(simulation.Run(Throw()), std::runtime_error);
}

Task<void> SwitchAround(Environment* environment) {
  Executor* const main = Executor::Current();
  EXPECT_NE(main, &environment->background());
  for (Executor* executor : {&environment->background(), &environment->io(), main}) {
    co_await SwitchTo(*executor);
    EXPECT_EQ(Executor::Current(), executor);
    EXPECT_TRUE((co_await environment->Sleep(absl::Milliseconds(1))).ok());
    EXPECT_EQ(Executor::Current(), executor);
  }
}

TEST(SimulationTest, ACoroutineResumesOnTheExecutorOnWhichItWaited) {
  Simulation simulation(1);
  simulation.Run(SwitchAround(&simulation.environment()));
  EXPECT_EQ(Executor::Current(), nullptr);
}

TEST(SimulationTest, SpawnedTasksGoOnBetweenRuns) {
  Simulation simulation(1);
  std::string text;
  simulation.Spawn(Letter(&text, 'a'));
  EXPECT_EQ(text, "");
  EXPECT_TRUE(simulation.RunUntilIdle());
  EXPECT_EQ(text, "aaa");
}

// Time.

Task<void> SleepThenStop(Environment* environment, std::stop_source* source) {
  EXPECT_TRUE((co_await environment->Sleep(absl::Seconds(1))).ok());
  source->request_stop();
}

Task<void> SleepLong(Environment* environment, std::stop_token stop, absl::Status* status) {
  *status = co_await environment->Sleep(absl::InfiniteDuration(), std::move(stop));
}

TEST(SimulationTest, AStopEndsASleep) {
  Simulation simulation(1);
  std::stop_source source;
  absl::Status status;
  std::vector<Task<void>> tasks;
  tasks.push_back(SleepLong(&simulation.environment(), source.get_token(), &status));
  tasks.push_back(SleepThenStop(&simulation.environment(), &source));
  simulation.RunAll(std::move(tasks));
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  simulation.Run(SleepLong(&simulation.environment(), source.get_token(), &status));
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST(SimulationTest, TheWallClockJumpsAndTheMonotonicOneDoesNot) {
  Simulation simulation(1, {.start = absl::FromUnixSeconds(1000)});
  const Clock& clock = simulation.environment().clock();
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(1000));
  const std::int64_t before = clock.MonotonicNanos();
  simulation.JumpWallClock(absl::Hours(-24));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(1000) - absl::Hours(24));
  EXPECT_EQ(clock.MonotonicNanos(), before);
  simulation.RunFor(absl::Seconds(5));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(1005) - absl::Hours(24));
  EXPECT_EQ(clock.MonotonicNanos(), before + 5'000'000'000);
}

TEST(SimulationTest, RunForLeavesLaterSleepsAlone) {
  Simulation simulation(1);
  std::stop_source source;
  simulation.Spawn(SleepThenStop(&simulation.environment(), &source));
  simulation.RunFor(absl::Milliseconds(900));
  EXPECT_FALSE(source.stop_requested());
  simulation.RunFor(absl::Milliseconds(200));
  EXPECT_TRUE(source.stop_requested());
}

// Runs that do not end.

Task<int> Wait(Environment* environment) {
  OpenOptions options;
  options.mode = OpenMode::kCreate;
  absl::StatusOr<std::unique_ptr<File>> file = co_await environment->files().Open("/a", options);
  co_await Never();
  co_return file.ok() ? 1 : 0;
}

TEST(SimulationTest, ADeadlockIsReportedWithWhatWaits) {
  Simulation simulation(17);
  const absl::Status status = simulation.TryRun(Wait(&simulation.environment())).status();
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  const std::string_view message = ToStd(status.message());
  EXPECT_NE(message.find("deadlock"), std::string_view::npos) << message;
  EXPECT_NE(message.find("seed 17"), std::string_view::npos) << message;
  EXPECT_NE(message.find("open: /a"), std::string_view::npos) << message;
}

Task<int> ReadForEver(Environment* environment) {
  const absl::StatusOr<std::vector<DirectoryEntry>> entries =
      co_await environment->files().List("/");
  co_return entries.ok() ? 1 : 0;
}

TEST(SimulationTest, AHungOperationIsNamedInTheReport) {
  Simulation simulation(1);
  simulation.faults().Add({.fault = Fault::Hang()});
  const absl::Status status = simulation.TryRun(ReadForEver(&simulation.environment())).status();
  EXPECT_NE(ToStd(status.message()).find("waits: list /, for ever"), std::string_view::npos)
      << status;
}

Task<int> Spin() {
  while (true) co_await Yield();
  co_return 1;
}

TEST(SimulationTest, ALivelockIsReportedAtTheStepLimit) {
  Simulation simulation(1, {.step_limit = 1000});
  const absl::Status status = simulation.TryRun(Spin()).status();
  EXPECT_NE(ToStd(status.message()).find("livelock"), std::string_view::npos) << status;
}

TEST(SimulationDeathTest, RunAbortsWithTheReport) {
  EXPECT_DEATH(
      {
        Simulation simulation(1);
        simulation.Run(Wait(&simulation.environment()));
      },
      "deadlock");
}

TEST(SimulationDeathTest, WhatIsLeftBehindIsNoticed) {
  EXPECT_DEATH(
      {
        Simulation simulation(1);
        std::string text;
        simulation.Spawn(Letter(&text, 'a'));
      },
      "coroutines are left");
}

// Crashes.

Task<absl::Status> WriteUntilItFails(Environment* environment, std::string path) {
  OpenOptions options;
  options.mode = OpenMode::kCreate;
  AURORA_CO_ASSIGN(std::unique_ptr<File> file, co_await environment->files().Open(path, options));
  const std::string bytes(1000, 'x');
  for (std::uint64_t offset = 0; true; offset += bytes.size()) {
    AURORA_CO_RETURN_IF_ERROR(co_await file->Write(offset, bytes));
    AURORA_CO_RETURN_IF_ERROR(co_await file->Sync());
    AURORA_CO_RETURN_IF_ERROR(co_await environment->Sleep(absl::Milliseconds(1)));
  }
}

Task<void> ExpectCrash(Task<absl::Status> task) {
  const absl::Status status = co_await std::move(task);
  EXPECT_TRUE(IsCrash(status)) << status;
}

TEST(SimulationTest, ACrashFailsEverythingUnderWayAndAllThatComesAfter) {
  Simulation simulation(1);
  Environment& environment = simulation.environment();
  std::vector<Task<void>> tasks;
  for (const char* path : {"/a", "/b", "/c"}) {
    tasks.push_back(ExpectCrash(WriteUntilItFails(&environment, path)));
  }
  simulation.CrashAt(30, CrashMode{.entries = CrashMode::Entries::kKept});
  simulation.RunAll(std::move(tasks));
  EXPECT_TRUE(simulation.crashed());
  EXPECT_EQ(simulation.event_count(), 30u);
  const std::uint64_t image = simulation.disk().image().Hash();
  // What the dead process still tries has no effect.
  simulation.Run(ExpectCrash(WriteUntilItFails(&environment, "/d")));
  simulation.Run(ExpectCrash(environment.Sleep(absl::Seconds(1))));
  EXPECT_EQ(simulation.disk().image().Hash(), image);
  EXPECT_EQ(simulation.event_count(), 30u);

  EXPECT_TRUE(simulation.Restart().ok());
  simulation.CrashAt(40, CrashMode::Process());
  simulation.Run(ExpectCrash(WriteUntilItFails(&environment, "/d")));
  EXPECT_TRUE(simulation.disk().image().ReadFile("/d").ok());
}

TEST(SimulationTest, APlannedCrashDiesWithTheProcessThatItWasMeantFor) {
  Simulation simulation(1);
  simulation.CrashAt(30, CrashMode::Process());
  simulation.CrashProcess();
  ASSERT_TRUE(simulation.Restart().ok());
  FileSystem& files = simulation.environment().files();
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(simulation.Run(files.CreateDirectory("/" + std::to_string(i))).ok()) << i;
  }
  EXPECT_GT(simulation.event_count(), 30u);
  EXPECT_FALSE(simulation.crashed());
}

TEST(SimulationTest, OnlyTheCrashOfTheMachineIsANewBoot) {
  Simulation simulation(1);
  Environment& environment = simulation.environment();
  simulation.RunFor(absl::Hours(10));
  const std::string boot = environment.files().BootId();
  const std::int64_t monotonic = environment.clock().MonotonicNanos();
  const absl::Time now = environment.clock().Now();
  simulation.CrashProcess();
  EXPECT_TRUE(simulation.Restart().ok());
  EXPECT_EQ(environment.files().BootId(), boot);
  EXPECT_GE(environment.clock().MonotonicNanos(), monotonic);
  simulation.CrashMachine({});
  EXPECT_TRUE(simulation.Restart().ok());
  EXPECT_NE(environment.files().BootId(), boot);
  EXPECT_LT(environment.clock().MonotonicNanos(), monotonic);
  EXPECT_GE(environment.clock().Now(), now);
}

Task<std::unique_ptr<File>> OpenFile(Environment* environment, std::string path) {
  OpenOptions options;
  options.mode = OpenMode::kCreate;
  absl::StatusOr<std::unique_ptr<File>> file =
      co_await environment->files().Open(std::move(path), options);
  EXPECT_TRUE(file.ok()) << file.status();
  co_return *std::move(file);
}

TEST(SimulationTest, ARestartIsRefusedWhileAnythingOfTheOldProcessIsLeft) {
  Simulation simulation(1);
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation.Restart()));
  std::unique_ptr<File> file = simulation.Run(OpenFile(&simulation.environment(), "/left"));
  simulation.CrashProcess();
  const absl::Status refused = simulation.Restart();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_NE(ToStd(refused.message()).find("/left"), std::string_view::npos) << refused;
  file.reset();
  EXPECT_TRUE(simulation.Restart().ok());
}

TEST(SimulationTest, ALockEndsWithItsProcess) {
  Simulation simulation(1);
  FileSystem& files = simulation.files();
  auto lock = simulation.Run(files.Lock("/LOCK"));
  ASSERT_TRUE(lock.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation.Run(files.Lock("/LOCK")).status()));
  simulation.CrashProcess();
  lock->reset();
  ASSERT_TRUE(simulation.Restart().ok());
  EXPECT_TRUE(simulation.Run(files.Lock("/LOCK")).ok());
}

TEST(SimulationTest, AnImageStartsAnotherMachine) {
  Simulation first(1);
  std::unique_ptr<File> file = first.Run(OpenFile(&first.environment(), "/a"));
  EXPECT_TRUE(first.Run(file->Write(0, std::string("hello"))).ok());
  const DiskImage image = first.disk().CrashImage(CrashMode::Process(), 1);
  EXPECT_TRUE(first.Run(file->Write(0, std::string("HELLO"))).ok());
  file.reset();

  Simulation second(2, {.image = image});
  EXPECT_EQ(*second.disk().image().ReadFile("/a"), "hello");
  EXPECT_EQ(second.environment().files().BootId(), first.environment().files().BootId());
}

// The same seed does the same.

Task<void> BusyWorker(Environment* environment, int worker) {
  FileSystem& files = environment->files();
  for (int i = 0; i < 20; ++i) {
    const std::string path = StrCat("/", worker, "-", i % 3);
    std::unique_ptr<File> file = co_await OpenFile(environment, path);
    const std::string bytes(environment->random().Below(5000), static_cast<char>('a' + worker));
    (void)co_await file->Write(environment->random().Below(5000), bytes);
    (void)co_await file->Sync();
    (void)co_await environment->Sleep(absl::Microseconds(environment->random().Below(100)));
    const std::string to = StrCat("/", worker, "-", i % 5);
    if (i % 4 == 0) (void)co_await files.Rename(path, to);
    (void)co_await files.SyncDirectory("/");
    (void)co_await files.List("/");
  }
}

std::unique_ptr<Simulation> RunBusily(std::uint64_t seed, bool keep_text = false) {
  auto simulation = std::make_unique<Simulation>(
      seed, SimulationOptions{.disk_capacity_bytes = 1 << 20, .keep_trace_text = keep_text});
  simulation->faults().Add({.fault = Fault::Error(5),
                            .kinds = {OperationKind::kSync, OperationKind::kWrite},
                            .one_in = 20,
                            .count = FaultRule::kForEver});
  std::vector<Task<void>> tasks;
  for (int worker = 0; worker < 8; ++worker) {
    tasks.push_back(BusyWorker(&simulation->environment(), worker));
  }
  simulation->RunAll(std::move(tasks));
  simulation->CrashMachine({.writes = CrashMode::Writes::kTorn});
  EXPECT_TRUE(simulation->Restart().ok());
  return simulation;
}

TEST(SimulationTest, TheSameSeedGivesTheSameTrace) {
  const auto first = RunBusily(7, true);
  const auto second = RunBusily(7, true);
  EXPECT_GT(first->trace_text().size(), 1000u);
  EXPECT_EQ(first->trace_text(), second->trace_text());
  EXPECT_EQ(first->trace_hash(), second->trace_hash());
  EXPECT_EQ(first->disk().image().Hash(), second->disk().image().Hash());
  EXPECT_NE(first->trace_hash(), RunBusily(8)->trace_hash());
}

constexpr char kPrintTrace[] = "AURORA_PRINT_TRACE";

// Runs this program again, with another layout of its memory, and returns what it prints.
std::string TraceOfAnotherProcess() {
  char self[4096];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
  EXPECT_GT(size, 0);
  self[size] = 0;
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    setenv(kPrintTrace, "1", 1);
    unsetenv("TEST_SHARD_STATUS_FILE");
    unsetenv("XML_OUTPUT_FILE");
    execl(self, self, "--gtest_filter=*PrintsItsTrace*", static_cast<char*>(nullptr));
    _exit(127);
  }
  close(ends[1]);
  std::string output;
  char buffer[512];
  ssize_t count = 0;
  while ((count = read(ends[0], buffer, sizeof buffer)) > 0) output.append(buffer, count);
  close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const std::size_t begin = output.find("trace=");
  const std::size_t end = output.find('\n', begin);
  EXPECT_NE(begin, std::string::npos) << output;
  return begin == std::string::npos ? "" : output.substr(begin, end - begin);
}

std::string TraceOfThisProcess() {
  const auto simulation = RunBusily(7);
  return StrCat("trace=", simulation->trace_hash(), "/", simulation->disk().image().Hash());
}

TEST(SimulationTest, PrintsItsTrace) {
  if (std::getenv(kPrintTrace) != nullptr) std::printf("%s\n", TraceOfThisProcess().c_str());
}

TEST(SimulationTest, TheSameSeedGivesTheSameTraceInAnotherProcess) {
  const std::string trace = TraceOfThisProcess();
  EXPECT_EQ(TraceOfAnotherProcess(), trace);
  // Disturb the heap, so that addresses differ within this process too.
  std::vector<std::unique_ptr<char[]>> ballast;
  for (std::size_t i = 1; i < 1000; ++i) ballast.push_back(std::make_unique<char[]>(i * 7));
  EXPECT_EQ(TraceOfThisProcess(), trace);
}

}  // namespace
}  // namespace aurora
