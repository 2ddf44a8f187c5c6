#include "aurora/runtime/simulation/simulation.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <stop_token>

#include "aurora/runtime/check.h"
#include "aurora/runtime/simulation/crash.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

// Independent streams of random numbers from one seed, so that a draw more in one does not change
// the others.
enum class Stream : std::uint64_t { kScheduler = 1, kFiles, kUser, kCrash };

std::uint64_t SeedOf(std::uint64_t seed, Stream stream) {
  SeededRandom random(seed ^ (static_cast<std::uint64_t>(stream) << 56));
  return random.Next64();
}

}  // namespace

class Simulation::SimulatedEnvironment final : public Environment {
 public:
  SimulatedEnvironment(Scheduler& scheduler, SimulatedFileSystem& files, std::uint64_t seed,
                       absl::Time start)
      : scheduler_(scheduler), files_(files), random_(seed), clock_(scheduler, start) {}

  const Clock& clock() const override { return clock_; }
  Random& random() override { return random_; }
  FileSystem& files() override { return files_; }
  Executor& background() override { return scheduler_.background(); }
  // Its coroutines take turns at random, as those of several threads do.
  int background_threads() const override { return 3; }
  Executor& io() override { return scheduler_.io(); }
  Executor& observers() override { return scheduler_.background(); }

  Task<absl::Status> SleepUntil(std::int64_t deadline_nanos, std::stop_token stop) override {
    if (stop.stop_requested()) co_return CancelledError("sleep cancelled");
    std::int64_t deadline = scheduler_.now_nanos();
    if (!files_.crashed()) deadline = std::max(deadline, clock_.ToSimulated(deadline_nanos));
    Scheduler::Wait wait(scheduler_, deadline, "sleep", {});
    const std::stop_callback interrupt(stop, [&wait] { wait.Interrupt(); });
    const bool interrupted = co_await wait;
    if (files_.crashed()) co_return CrashError();
    if (interrupted) co_return CancelledError("sleep cancelled");
    co_return absl::OkStatus();
  }

  void JumpWallClock(absl::Duration by) { clock_.Jump(by); }
  void RestartMonotonicClock() { clock_.RestartMonotonic(); }

 private:
  class SimulatedClock final : public Clock {
   public:
    SimulatedClock(const Scheduler& scheduler, absl::Time start)
        : scheduler_(scheduler), start_(start) {}
    absl::Time Now() const override { return start_ + absl::Nanoseconds(scheduler_.now_nanos()); }
    std::int64_t MonotonicNanos() const override { return scheduler_.now_nanos() - origin_; }
    std::int64_t ToSimulated(std::int64_t monotonic_nanos) const {
      // One less than for ever: a sleep that long is still a wait for a time.
      constexpr std::int64_t kLast = Scheduler::kNever - 1;
      if (monotonic_nanos > kLast - std::max<std::int64_t>(origin_, 0)) return kLast;
      return monotonic_nanos + origin_;
    }
    void Jump(absl::Duration by) { start_ += by; }
    void RestartMonotonic() { origin_ = scheduler_.now_nanos() - kBootNanos; }

   private:
    // How long a machine has been up when the process starts.
    static constexpr std::int64_t kBootNanos = 1'000'000'000;
    const Scheduler& scheduler_;
    absl::Time start_;
    std::int64_t origin_ = -kBootNanos;  // the simulated time of monotonic zero
  };

  Scheduler& scheduler_;
  SimulatedFileSystem& files_;
  SeededRandom random_;
  SimulatedClock clock_;
};

Simulation::Simulation(std::uint64_t seed, SimulationOptions options)
    : seed_(seed),
      step_limit_(options.step_limit),
      trace_(options.keep_trace_text),
      scheduler_(SeedOf(seed, Stream::kScheduler), options.scheduler, trace_),
      disk_(std::move(options.image), options.disk_capacity_bytes),
      crash_random_(SeedOf(seed, Stream::kCrash)),
      files_(std::make_unique<SimulatedFileSystem>(scheduler_, disk_, faults_, trace_,
                                                   options.latency, SeedOf(seed, Stream::kFiles))),
      environment_(std::make_unique<SimulatedEnvironment>(
          scheduler_, *files_, SeedOf(seed, Stream::kUser), options.start)) {
  files_->SetObserver([this](const PersistenceEvent& event) { OnPersistence(event); });
}

Simulation::~Simulation() = default;

Environment& Simulation::environment() { return *environment_; }

// --- Running. ---

void Simulation::Start(std::coroutine_handle<> root) {
  Continuation start;
  start.handle = root;
  start.executor = &scheduler_.main();
  start.Post();
}

Simulation::Root Simulation::DriveSpawned(Task<void> task, Simulation* self, std::uint64_t id) {
  co_await std::move(task);
  self->spawned_.erase(id);
}

void Simulation::Spawn(Task<void> task) {
  const std::uint64_t id = next_spawned_++;
  const Root root = DriveSpawned(std::move(task), this, id);
  spawned_.emplace(id, root.handle);
  Start(root.handle);
}

void Simulation::RunAll(std::vector<Task<void>> tasks) {
  const std::uint64_t first = next_spawned_;
  for (Task<void>& task : tasks) Spawn(std::move(task));
  const std::uint64_t end = next_spawned_;
  const absl::Status status = RunUntil([&] {
    const auto left = spawned_.lower_bound(first);
    return left == spawned_.end() || left->first >= end;
  });
  if (!status.ok()) Die(status);
}

absl::Status Simulation::RunUntil(absl::FunctionRef<bool()> done) {
  const std::uint64_t last_step = scheduler_.step_count() + step_limit_;
  absl::Status status;
  while (status.ok() && !done()) {
    if (scheduler_.step_count() >= last_step) {
      status = InternalError(Report("livelock: the step limit is reached"));
    } else if (!scheduler_.Step()) {
      status = InternalError(Report("deadlock: nothing is ready and nothing waits for a time"));
    }
  }
  if (!status.ok()) {
    scheduler_.Abandon();
    files_->Abandon();
    for (const auto& [id, root] : spawned_) Lose(root);
  }
  return status;
}

void Simulation::Lose(std::coroutine_handle<> root) {
  static std::mutex mutex;
  static auto* const lost = new std::vector<std::coroutine_handle<>>();
  const std::lock_guard lock(mutex);
  lost->push_back(root);
}

std::string Simulation::Report(std::string_view problem) const {
  std::string report = StrCat(problem, "\n  seed ", seed_, ", step ", scheduler_.step_count(),
                              ", ready ", scheduler_.ready_count());
  if (crashed()) StrAppend(&report, "\n  the process has crashed");
  for (const std::string& wait : scheduler_.DescribeWaits()) {
    StrAppend(&report, "\n  waits: ", wait);
  }
  for (const std::string& path : files_->Handles()) StrAppend(&report, "\n  open: ", path);
  for (const std::string& event : trace_.Recent()) StrAppend(&report, "\n  trace: ", event);
  return report;
}

void Simulation::Die(const absl::Status& status) {
  internal::CheckFailed(std::string(ToStd(status.message())).c_str(), __FILE__, __LINE__);
}

bool Simulation::RunUntilIdle() {
  const std::uint64_t last_step = scheduler_.step_count() + step_limit_;
  while (scheduler_.Step()) {
    if (scheduler_.step_count() >= last_step) return false;
  }
  return true;
}

void Simulation::RunFor(absl::Duration duration) {
  const std::int64_t end = scheduler_.now_nanos() + absl::ToInt64Nanoseconds(duration);
  while (scheduler_.HasWorkBefore(end)) scheduler_.Step();
  if (scheduler_.now_nanos() < end) scheduler_.Advance(end - scheduler_.now_nanos());
}

void Simulation::JumpWallClock(absl::Duration by) { environment_->JumpWallClock(by); }

// --- Crashing. ---

void Simulation::CrashMachine(const CrashMode& mode) {
  machine_crashed_ = !mode.process_only;
  crash_at_event_ = 0;  // was meant for this process
  files_->Crash(mode, crash_random_.Next64());
}

void Simulation::CrashAt(std::uint64_t event, const CrashMode& mode) {
  AURORA_CHECK(event > files_->event_count() && "that event has passed");
  crash_at_event_ = event;
  crash_at_mode_ = mode;
}

void Simulation::OnPersistence(const PersistenceEvent& event) {
  if (observer_) observer_(event);
  if (event.index == crash_at_event_ && !crashed()) CrashMachine(crash_at_mode_);
}

void Simulation::VisitCrashPoints(std::span<const CrashMode> modes,
                                  std::function<void(const CrashPoint&)> visit) {
  ObservePersistence([this, modes, visit = std::move(visit)](const PersistenceEvent& event) {
    const std::vector<LooseWrite> loose = disk_.LooseWrites();
    const bool settled = disk_.image().IsSettled() && loose.empty();
    bool visited_machine = false;
    for (const CrashMode& mode : modes) {
      const std::uint64_t seed = crash_random_.Next64();
      if (settled && !mode.process_only && std::exchange(visited_machine, true)) continue;
      const DiskImage image = AfterCrash(disk_.image(), loose, mode, seed);
      visit(CrashPoint{event.index, event.operation, mode, seed, image});
    }
  });
}

std::string Describe(const CrashPoint& point) {
  return StrCat("crash before event ", point.event, " (", Describe(point.operation),
                "): ", Describe(point.mode), "; seed ", point.seed);
}

absl::Status Simulation::Restart() {
  if (!crashed()) return FailedPreconditionError("restart: the process has not crashed");
  if (!RunUntilIdle() || scheduler_.ready_count() > 0 || scheduler_.waiting_count() > 0) {
    return FailedPreconditionError(Report("restart: coroutines of the crashed process are left"));
  }
  if (!files_->Handles().empty()) {
    return FailedPreconditionError(Report("restart: files of the crashed process are left"));
  }
  files_->Restart();
  if (machine_crashed_) environment_->RestartMonotonicClock();
  machine_crashed_ = false;
  return absl::OkStatus();
}

}  // namespace aurora
