// A simulated machine: the same database code on one thread, from a seed.
//
//   Simulation simulation(seed);
//   absl::Status status = simulation.Run(Workload(simulation.environment()));
//   simulation.CrashMachine(CrashMode{.writes = CrashMode::Writes::kTorn});
//   simulation.Run(CloseWhatIsLeft());              // every operation fails with CrashError
//   EXPECT_TRUE(simulation.Restart().ok());
//   status = simulation.Run(Verify(simulation.environment()));
//
// To try every crash point of a workload, run it once, and open the database on each image that a
// crash could have left, in a simulation of its own:
//
//   simulation.VisitCrashPoints(StandardCrashModes(), [&](const CrashPoint& point) {
//     Simulation after(point.seed, {.image = point.image});
//     EXPECT_TRUE(after.Run(Verify(after.environment(), acknowledged)).ok()) << Describe(point);
//   });
//   simulation.Run(Workload(simulation.environment(), &acknowledged));
//
// Everything that happens follows from the seed, the options and the code that runs: see
// trace_hash. Single-threaded: different simulations may run on different threads.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/disk_image.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/scheduler.h"
#include "aurora/runtime/simulation/simulated_disk.h"
#include "aurora/runtime/simulation/simulated_file_system.h"
#include "aurora/runtime/simulation/trace.h"
#include "aurora/runtime/task.h"

namespace aurora {

struct SimulationOptions {
  // What the disk holds at the start; the root directory "/" is always there.
  DiskImage image = {};
  std::uint64_t disk_capacity_bytes = std::uint64_t{64} << 30;
  LatencyModel latency = {};
  Scheduler::Options scheduler = {};
  // The wall clock at the start.
  absl::Time start = absl::FromUnixSeconds(1'700'000'000);
  // Steps of one Run, after which it is reported as a livelock.
  std::uint64_t step_limit = 20'000'000;
  // Keep the trace as text, for trace_text().
  bool keep_trace_text = false;
};

// A moment of a workload, and the disk that a crash in `mode` at that moment leaves.
struct CrashPoint {
  std::uint64_t event;
  const Operation& operation;  // what was about to take effect
  const CrashMode& mode;
  std::uint64_t seed;
  const DiskImage& image;
};
std::string Describe(const CrashPoint& point);

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed, SimulationOptions options = {});
  // Nothing may be left: no coroutine, no file. Not checked after TryRun has reported an error.
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Good for every process that runs on the machine, one after the other.
  Environment& environment();

  // Runs `task` on the environment's main executor until it is done, with whatever else is ready.
  // Aborts with a report if nothing can run any more (a deadlock) or after the step limit.
  template <class T>
  T Run(Task<T> task);
  // As Run, but such a report is returned, as Internal. The coroutines are then lost for good; the
  // simulation may only be looked at.
  template <class T>
  absl::StatusOr<T> TryRun(Task<T> task);

  // Starts `task` on the main executor; it runs during whatever is run next. An exception that
  // leaves it ends the program.
  void Spawn(Task<void> task);
  // Runs all of `tasks` side by side until the last is done.
  void RunAll(std::vector<Task<void>> tasks);
  // Runs until nothing is ready and nothing waits for a time. False after the step limit.
  bool RunUntilIdle();
  // Lets time pass, with all that happens in it.
  void RunFor(absl::Duration duration);
  // Changes what Clock::Now() says, in either direction. MonotonicNanos goes on.
  void JumpWallClock(absl::Duration by);

  // Kills the process, and with CrashMachine the machine under it: the disk becomes what `mode`
  // leaves, and every operation and sleep of the process, under way or to come, fails with
  // CrashError and has no effect. Call it from outside or from an observer. Then let the old tasks
  // come to their end, with Run or RunUntilIdle, and call Restart. What survives is drawn from
  // the simulation's seed.
  void CrashMachine(const CrashMode& mode);
  void CrashProcess() { CrashMachine(CrashMode::Process()); }
  // The same, right before persistent operation `event` takes effect (PersistenceEvent::index), if
  // the process lives until then.
  void CrashAt(std::uint64_t event, const CrashMode& mode);
  bool crashed() const { return files_->crashed(); }
  // Starts the next process, after a crash of the machine on the next boot: the monotonic clock
  // begins anew. FailedPrecondition, naming them, if coroutines, files, regions or locks are left.
  absl::Status Restart();

  void ObservePersistence(SimulatedFileSystem::Observer observer) {
    observer_ = std::move(observer);
  }
  // Calls `visit` for every persistent operation from now on, right before it takes effect, and for
  // each of `modes`, which must live on. Where nothing is un-synced, the machine's modes are one.
  // `visit` may run other simulations. Replaces the observer.
  void VisitCrashPoints(std::span<const CrashMode> modes,
                        std::function<void(const CrashPoint&)> visit);
  std::uint64_t event_count() const { return files_->event_count(); }

  SimulatedDisk& disk() { return disk_; }
  FaultPlan& faults() { return faults_; }
  SimulatedFileSystem& files() { return *files_; }

  std::uint64_t seed() const { return seed_; }
  // Equal for equal runs.
  std::uint64_t trace_hash() const { return trace_.hash(); }
  // Every event, a line each; empty unless kept.
  const std::vector<std::string>& trace_text() const { return trace_.text(); }
  std::uint64_t step_count() const { return scheduler_.step_count(); }

 private:
  class SimulatedEnvironment;

  // A coroutine that nobody awaits: its frame goes when it ends.
  struct Root {
    struct promise_type {
      Root get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_never final_suspend() noexcept { return {}; }
      void return_void() noexcept {}
      void unhandled_exception() noexcept { std::terminate(); }
    };
    std::coroutine_handle<> handle;
  };
  template <class T>
  struct Outcome {
    using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
    bool done = false;
    std::optional<Stored> value;
    std::exception_ptr exception;
  };
  template <class T>
  static Root Drive(Task<T> task, std::shared_ptr<Outcome<T>> outcome);
  static Root DriveSpawned(Task<void> task, Simulation* self, std::uint64_t id);
  // The outcome is shared with the driving coroutine, which outlives a run that fails.
  template <class T>
  absl::Status RunToEnd(Task<T> task, std::shared_ptr<Outcome<T>> outcome);

  void Start(std::coroutine_handle<> root);
  // OK when `done` says true; else Internal with a report.
  absl::Status RunUntil(absl::FunctionRef<bool()> done);
  std::string Report(std::string_view problem) const;
  void OnPersistence(const PersistenceEvent& event);
  // Keeps a coroutine that can neither end nor be destroyed, and so all that it holds, reachable.
  static void Lose(std::coroutine_handle<> root);
  [[noreturn]] static void Die(const absl::Status& status);

  const std::uint64_t seed_;
  const std::uint64_t step_limit_;
  Trace trace_;
  Scheduler scheduler_;
  SimulatedDisk disk_;
  FaultPlan faults_;
  SeededRandom crash_random_;
  std::unique_ptr<SimulatedFileSystem> files_;
  std::unique_ptr<SimulatedEnvironment> environment_;
  SimulatedFileSystem::Observer observer_;
  std::uint64_t next_spawned_ = 1;
  std::map<std::uint64_t, std::coroutine_handle<>> spawned_;  // those that have not ended
  std::uint64_t crash_at_event_ = 0;                          // 0: never
  CrashMode crash_at_mode_;
  bool machine_crashed_ = false;
};

// --- Templates. ---

template <class T>
Simulation::Root Simulation::Drive(Task<T> task, std::shared_ptr<Outcome<T>> outcome) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      outcome->value.emplace();
    } else {
      outcome->value.emplace(co_await std::move(task));
    }
  } catch (...) {
    outcome->exception = std::current_exception();
  }
  outcome->done = true;
}

template <class T>
absl::Status Simulation::RunToEnd(Task<T> task, std::shared_ptr<Outcome<T>> outcome) {
  const Root root = Drive(std::move(task), outcome);
  Start(root.handle);
  absl::Status status = RunUntil([&] { return outcome->done; });
  if (!status.ok()) Lose(root.handle);
  if (status.ok() && outcome->exception != nullptr) std::rethrow_exception(outcome->exception);
  return status;
}

template <class T>
T Simulation::Run(Task<T> task) {
  const auto outcome = std::make_shared<Outcome<T>>();
  const absl::Status status = RunToEnd(std::move(task), outcome);
  if (!status.ok()) Die(status);
  if constexpr (!std::is_void_v<T>) return *std::move(outcome->value);
}

template <class T>
absl::StatusOr<T> Simulation::TryRun(Task<T> task) {
  const auto outcome = std::make_shared<Outcome<T>>();
  absl::Status status = RunToEnd(std::move(task), outcome);
  if (!status.ok()) return status;
  return *std::move(outcome->value);
}

}  // namespace aurora
