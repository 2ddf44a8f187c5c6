#include "aurora/tests/simulation/database_campaign_testing.h"

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "aurora/runtime/check.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/crash_sampler_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/tests/simulation/database_model_testing.h"

namespace aurora::proof {
namespace {

std::string Context(std::uint64_t seed, Durability durability) {
  return StrCat("seed ", seed, ", durability ", static_cast<int>(durability));
}

// Errors that say that the database answered wrongly, as opposed to not at all. What was never
// damaged must not be found damaged either.
bool IsViolation(const absl::Status& status) {
  return absl::IsInternal(status) || absl::IsDataLoss(status);
}

absl::Status CloseIfOpen(Simulation* simulation, DatabaseModel* model) {
  if (!model->is_open()) return absl::OkStatus();
  return simulation->Run(model->Close());
}

// Ends the crashed process and starts the next.
absl::Status Restart(Simulation* simulation, DatabaseModel* model) {
  if (model->is_open() && CloseIfOpen(simulation, model).ok()) {
    return InternalError("a crashed database closed without an error");
  }
  if (!simulation->RunUntilIdle()) return InternalError("a crashed database goes on for ever");
  return Annotate(simulation->Restart(), "a crashed database left");
}

absl::Status OpenAndCheck(Simulation* simulation, DatabaseModel* model, bool machine) {
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Open(&simulation->environment())));
  return simulation->Run(model->CheckRecovered(machine));
}

// Ends a run of which `status` is the outcome: an open database must not be abandoned.
absl::Status Conclude(Simulation* simulation, DatabaseModel* model, const absl::Status& status) {
  if (!status.ok()) CloseIfOpen(simulation, model).IgnoreError();
  return status;
}

absl::Status RunQuietLife(Simulation* simulation, DatabaseModel* model, int steps) {
  AURORA_RETURN_IF_ERROR(OpenAndCheck(simulation, model, /*machine=*/true));
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Steps(steps)));
  AURORA_RETURN_IF_ERROR(simulation->Run(model->CheckAll()));
  return simulation->Run(model->Close());
}

absl::Status RunQuietLives(std::uint64_t seed, const ModelOptions& options, int lives, int steps,
                           std::uint64_t* trace_hash) {
  Simulation simulation(seed);
  DatabaseModel model(seed, options);
  absl::Status status;
  for (int life = 0; life < lives && status.ok(); ++life) {
    status = Conclude(&simulation, &model, RunQuietLife(&simulation, &model, steps));
  }
  if (trace_hash != nullptr) *trace_hash = simulation.trace_hash();
  return status;
}

// The plainest run that still shows a violation: one after another in place of side by side,
// without the hot tier, without reopening, and, by halving, with the fewest steps.
absl::Status Shrink(std::uint64_t seed, ModelOptions options, int lives, int steps,
                    absl::Status found) {
  const auto fails = [&](const ModelOptions& tried, int tried_lives, int tried_steps) {
    const absl::Status status = RunQuietLives(seed, tried, tried_lives, tried_steps, nullptr);
    if (!status.ok()) found = status;
    return !status.ok();
  };
  ModelOptions sequential = options;
  sequential.sequential = true;
  if (fails(sequential, lives, steps)) options = sequential;
  ModelOptions cold = options;
  cold.hot_tier_share = 0;
  if (fails(cold, lives, steps)) options = cold;
  if (lives > 1 && fails(options, 1, steps * lives)) {
    steps *= lives;
    lives = 1;
  }
  for (int less = steps / 2; less > 0; less /= 2) {
    while (steps > less && fails(options, lives, steps - less)) steps -= less;
  }
  return InternalError(found.message(), "\n", Context(seed, options.durability), ", lives ", lives,
                       ", steps ", steps, ", hot tier ", options.hot_tier_share,
                       options.sequential ? ", one after another" : ", side by side");
}

}  // namespace

absl::Status RunAnswers(std::uint64_t seed, Durability durability, int lives, int steps,
                        std::uint64_t* trace_hash) {
  const ModelOptions options = DrawModelOptions(seed, durability);
  const absl::Status status = RunQuietLives(seed, options, lives, steps, trace_hash);
  if (status.ok()) return status;
  return Shrink(seed, options, lives, steps, status);
}

// --- Crashes. ---

namespace {

absl::Status RunLife(Simulation* simulation, DatabaseModel* model, SeededRandom* random,
                     bool is_first) {
  const bool process = random->Below(3) == 0;
  const CrashMode mode = process ? CrashMode::Process() : DrawCrashMode(*random);
  simulation->CrashAt(simulation->event_count() + 1 + random->Below(is_first ? 100 : 250), mode);
  absl::Status status = simulation->Run(model->Open(&simulation->environment()));
  while (status.ok()) status = simulation->Run(model->Step());
  if (!IsCrash(status)) {
    return InternalError("before the crash: ", status.ToString(), model->Script());
  }
  AURORA_RETURN_IF_ERROR(Restart(simulation, model));
  status = OpenAndCheck(simulation, model, !process);
  if (!status.ok()) {
    return InternalError(Describe(mode), ": ", status.ToString(), model->Script());
  }
  return simulation->Run(model->Close());
}

}  // namespace

absl::Status RunLives(std::uint64_t seed, Durability durability, int lives) {
  SeededRandom random(seed);
  Simulation simulation(seed);
  DatabaseModel model(seed, DrawModelOptions(seed, durability));
  for (int life = 0; life < lives; ++life) {
    const absl::Status status =
        Conclude(&simulation, &model, RunLife(&simulation, &model, &random, life == 0));
    if (!status.ok()) {
      return InternalError(status.message(), "\n", Context(seed, durability), ", life ", life);
    }
  }
  return absl::OkStatus();
}

namespace {

// What is opened of a crash image; the second process may crash too.
absl::Status LiveOnImage(std::uint64_t seed, Simulation* simulation, DatabaseModel* model,
                         bool machine) {
  SeededRandom random(seed);
  if (random.Below(3) == 0) {
    const CrashMode mode = DrawCrashMode(random);
    simulation->CrashAt(1 + random.Below(20), mode);
    absl::Status status = OpenAndCheck(simulation, model, machine);
    while (status.ok()) status = simulation->Run(model->Step());
    machine = true;
    if (!IsCrash(status)) return Annotate(status, "in the second life");
    AURORA_RETURN_IF_ERROR(Restart(simulation, model));
  }
  AURORA_RETURN_IF_ERROR(OpenAndCheck(simulation, model, machine));
  // Written to and opened again: what recovery made must hold too.
  for (int i = 0; i < 2; ++i) AURORA_RETURN_IF_ERROR(simulation->Run(model->Write()));
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Close()));
  AURORA_RETURN_IF_ERROR(OpenAndCheck(simulation, model, /*machine=*/true));
  return simulation->Run(model->Close());
}

absl::Status TryImage(const CrashPoint& point, const DatabaseModel& history) {
  SimulationOptions options;
  options.image = point.image;
  options.latency = LatencyModel::None();
  Simulation simulation(point.seed, std::move(options));
  const std::unique_ptr<DatabaseModel> model = history.Fork(point.seed);
  const absl::Status status =
      LiveOnImage(point.seed, &simulation, model.get(), !point.mode.process_only);
  return Conclude(&simulation, model.get(), status);
}

Task<absl::Status> SmallLife(DatabaseModel* model, Environment* environment, int lives) {
  for (int life = 0; life < lives; ++life) {
    AURORA_CO_RETURN_IF_ERROR(co_await model->Open(environment));
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < 7; ++i) AURORA_CO_RETURN_IF_ERROR(co_await model->Write());
      AURORA_CO_RETURN_IF_ERROR(co_await model->Contend());
      AURORA_CO_RETURN_IF_ERROR(co_await model->database().Flush());
    }
    AURORA_CO_RETURN_IF_ERROR(co_await model->database().Compact());
    AURORA_CO_RETURN_IF_ERROR(co_await model->Write());
    AURORA_CO_RETURN_IF_ERROR(co_await model->Close());
  }
  co_return absl::OkStatus();
}

}  // namespace

absl::Status EnumerateCrashes(std::uint64_t seed, Durability durability, int modes_per_event,
                              std::uint64_t* images) {
  Simulation simulation(seed);
  DatabaseModel model(seed, DrawModelOptions(seed, durability));
  const CrashSampler sampler(&simulation, seed, modes_per_event,
                             [&](const CrashPoint& point) { return TryImage(point, model); });
  const absl::Status lived = simulation.Run(SmallLife(&model, &simulation.environment(), 2));
  *images += sampler.image_count();
  AURORA_RETURN_IF_ERROR(Annotate(sampler.violation(), Context(seed, durability)));
  return Annotate(Conclude(&simulation, &model, lived), Context(seed, durability));
}

// --- Faults. ---

absl::Status RunFault(std::uint64_t seed, Durability durability, std::uint64_t first, int error,
                      bool for_ever, bool* struck, std::string path) {
  Simulation simulation(seed);
  DatabaseModel model(seed, DrawModelOptions(seed, durability));
  FaultRule rule;
  rule.fault = Fault::Error(error);
  rule.first = first;
  rule.path = path;
  if (for_ever) rule.count = FaultRule::kForEver;
  if (error == ENOSPC) {
    rule.kinds = {OperationKind::kCreate, OperationKind::kWrite, OperationKind::kWriteDurably,
                  OperationKind::kAllocate, OperationKind::kCreateDirectory};
  }
  const std::size_t id = simulation.faults().Add(rule);
  const std::string context =
      StrCat("operation ", first, " on ", path, for_ever ? " and all after it fail" : " fails",
             " with error ", error, "; ", Context(seed, durability));
  const auto fail = [&](const absl::Status& status, std::string_view when) {
    return InternalError(status.ToString(), "\n", when, "; ", context, model.Script());
  };
  absl::Status status = simulation.Run(model.Open(&simulation.environment()));
  if (status.ok()) status = simulation.Run(model.Steps(60));
  *struck = simulation.faults().struck(id) > 0;
  const absl::Status closed = CloseIfOpen(&simulation, &model);
  if (IsViolation(status)) return fail(status, "while it fails");
  if (IsViolation(closed)) return fail(closed, "at close");
  if (!simulation.RunUntilIdle()) return InternalError("goes on for ever; ", context);
  simulation.faults().Clear();
  // A failed sync may have thrown away what only the page cache held.
  status = OpenAndCheck(&simulation, &model, /*machine=*/error != ENOSPC);
  // In a mapped segment that was acknowledged to survive the process, and recovery says so.
  const bool told = durability != Durability::kSync && error != ENOSPC && absl::IsDataLoss(status);
  if (told && !model.is_open()) return absl::OkStatus();
  if (status.ok()) status = simulation.Run(model.Close());
  Conclude(&simulation, &model, status).IgnoreError();
  return status.ok() ? status : fail(status, "opened again");
}

// --- Damage. ---

struct FlippedBits::Closed {
  Closed(std::uint64_t seed, Durability durability)
      : model(seed, DrawModelOptions(seed, durability)), seed(seed) {}
  DatabaseModel model;
  std::uint64_t seed;
  DiskImage image;
  std::vector<std::pair<std::string, std::string>> files;  // path and contents
};

FlippedBits::FlippedBits(std::uint64_t seed, Durability durability)
    : closed_(std::make_unique<Closed>(seed, durability)) {
  Simulation simulation(seed);
  const absl::Status lived =
      simulation.Run(SmallLife(&closed_->model, &simulation.environment(), 2));
  AURORA_CHECK(lived.ok());
  closed_->image = simulation.disk().image();
  for (const std::string& path : closed_->image.Files()) {
    std::string contents = *closed_->image.ReadFile(path);
    if (contents.empty()) continue;
    byte_count_ += contents.size();
    closed_->files.emplace_back(path, std::move(contents));
  }
}

FlippedBits::~FlippedBits() = default;

absl::Status FlippedBits::TryRandom(std::uint64_t seed) {
  SeededRandom random(seed);
  const std::size_t chosen = random.Below(closed_->files.size());
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < chosen; ++i) number += closed_->files[i].second.size();
  const std::string& contents = closed_->files[chosen].second;
  std::uint64_t byte = random.Below(contents.size());
  for (int i = 0; i < 1000 && contents[byte] == 0; ++i) byte = random.Below(contents.size());
  return Try(number + byte, static_cast<int>(random.Below(8)));
}

absl::Status FlippedBits::Try(std::uint64_t number, int bit) {
  auto file = closed_->files.begin();
  std::uint64_t byte = number;
  while (byte >= file->second.size()) {
    byte -= file->second.size();
    ++file;
  }
  SimulationOptions options;
  options.image = closed_->image;
  options.latency = LatencyModel::None();
  AURORA_RETURN_IF_ERROR(options.image.FlipBit(file->first, byte, bit));
  Simulation simulation(closed_->seed, std::move(options));
  const std::unique_ptr<DatabaseModel> model = closed_->model.Fork(closed_->seed);
  const absl::Status status = OpenAndCheck(&simulation, model.get(), /*machine=*/true);
  const absl::Status closed = CloseIfOpen(&simulation, model.get());
  for (const absl::Status& each : {status, closed}) {
    if (!absl::IsInternal(each)) continue;
    return InternalError(each.message(), "\nbit ", bit, " of byte ", byte, " of ", file->first,
                         " (", number, " of all) flipped; seed ", closed_->seed);
  }
  return absl::OkStatus();
}

absl::Status RunAnything(std::uint64_t seed, int lives) {
  SeededRandom random(seed ^ 0x616E797468696E67);
  const auto durability = static_cast<Durability>(random.Below(3));
  const std::uint64_t what = random.Below(10);
  if (what < 3) return RunAnswers(seed, durability, lives, 100);
  if (what < 7) return RunLives(seed, durability, lives);
  if (what < 9) {
    bool struck = false;
    const int error = random.Below(2) == 0 ? EIO : ENOSPC;
    return RunFault(seed, durability, 1 + random.Below(150), error, random.Below(2) == 0, &struck);
  }
  if (random.Below(2) == 0) {
    std::uint64_t images = 0;
    return EnumerateCrashes(seed, durability, 1, &images);
  }
  FlippedBits flipped(seed, durability);
  for (int i = 0; i < 50; ++i) AURORA_RETURN_IF_ERROR(flipped.TryRandom(random.Next64()));
  return absl::OkStatus();
}

}  // namespace aurora::proof
