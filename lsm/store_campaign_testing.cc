#include "aurora/lsm/store_campaign_testing.h"

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/crash_sampler_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

std::string Context(std::uint64_t seed, Durability durability) {
  return StrCat("seed ", seed, ", durability ", static_cast<int>(durability));
}

// Errors that say that the store answered wrongly, as opposed to not at all.
bool IsViolation(const absl::Status& status) { return absl::IsInternal(status); }

absl::Status CloseIfOpen(Simulation* simulation, StoreModel* model) {
  if (!model->is_open()) return absl::OkStatus();
  return simulation->Run(model->Close());
}

// Ends the crashed process and starts the next.
absl::Status Restart(Simulation* simulation, StoreModel* model) {
  if (CloseIfOpen(simulation, model).ok() && model->is_open()) {
    return InternalError("a crashed store closed without an error");
  }
  if (!simulation->RunUntilIdle()) return InternalError("a crashed store goes on for ever");
  return Annotate(simulation->Restart(), "a crashed store left");
}

absl::Status OpenAndCheck(Simulation* simulation, StoreModel* model, bool machine) {
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Open(&simulation->environment())));
  return simulation->Run(model->CheckRecovered(machine));
}

// Ends a run of which `status` is the outcome: an open store must not be abandoned.
absl::Status Conclude(Simulation* simulation, StoreModel* model, const absl::Status& status) {
  if (status.ok()) return status;
  const absl::Status ignored = CloseIfOpen(simulation, model);
  static_cast<void>(ignored);
  return status;
}

absl::Status RunLife(Simulation* simulation, StoreModel* model, SeededRandom* random,
                     bool is_first) {
  const bool process = random->Below(3) == 0;
  const CrashMode mode = process ? CrashMode::Process() : DrawCrashMode(*random);
  simulation->CrashAt(simulation->event_count() + 1 + random->Below(is_first ? 200 : 400), mode);
  absl::Status status = simulation->Run(model->Open(&simulation->environment()));
  while (status.ok()) status = simulation->Run(model->Step());
  if (!IsCrash(status)) return Annotate(status, "before the crash");
  AURORA_RETURN_IF_ERROR(Restart(simulation, model));
  status = OpenAndCheck(simulation, model, !process);
  if (!status.ok()) return Annotate(status, Describe(mode));
  return simulation->Run(model->Close());
}

}  // namespace

absl::Status RunStoreAnswers(std::uint64_t seed, Durability durability, int steps) {
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  absl::Status status;
  for (int life = 0; life < 3 && status.ok(); ++life) {
    status = simulation.Run(model.Open(&simulation.environment()));
    if (status.ok() && life > 0) status = simulation.Run(model.CheckRecovered(/*machine=*/true));
    if (status.ok()) status = simulation.Run(model.Steps(steps));
    if (status.ok()) status = simulation.Run(model.CheckAll());
    if (status.ok()) status = simulation.Run(model.Close());
  }
  status = Conclude(&simulation, &model, status);
  if (status.ok()) return status;
  return InternalError(status.message(), "; ", Context(seed, durability));
}

absl::Status RunStoreLives(std::uint64_t seed, Durability durability, int lives) {
  SeededRandom random(seed);
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  for (int life = 0; life < lives; ++life) {
    const absl::Status status =
        Conclude(&simulation, &model, RunLife(&simulation, &model, &random, life == 0));
    if (!status.ok()) {
      return InternalError(status.message(), "; ", Context(seed, durability), ", life ", life);
    }
  }
  return absl::OkStatus();
}

namespace {

// What is opened of a crash image; the second process may crash too.
absl::Status LiveOnImage(std::uint64_t seed, Simulation* simulation, StoreModel* model,
                         bool machine) {
  SeededRandom random(seed);
  if (random.Below(3) == 0) {
    const CrashMode mode = DrawCrashMode(random);
    simulation->CrashAt(1 + random.Below(20), mode);
    absl::Status status = OpenAndCheck(simulation, model, machine);
    if (status.ok()) status = simulation->Run(model->Steps(20));
    machine = true;
    if (!simulation->crashed()) simulation->CrashMachine(mode);
    if (!status.ok() && !IsCrash(status)) return Annotate(status, "in the second life");
    AURORA_RETURN_IF_ERROR(Restart(simulation, model));
  }
  AURORA_RETURN_IF_ERROR(OpenAndCheck(simulation, model, machine));
  // Written to and opened again: what recovery made must hold too.
  for (int i = 0; i < 2; ++i) {
    AURORA_RETURN_IF_ERROR(simulation->Run(model->Commit(std::nullopt)));
  }
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Close()));
  AURORA_RETURN_IF_ERROR(OpenAndCheck(simulation, model, /*machine=*/true));
  return simulation->Run(model->Close());
}

absl::Status TryImage(const CrashPoint& point, const StoreModel& history) {
  SimulationOptions options;
  options.image = point.image;
  options.latency = LatencyModel::None();
  Simulation simulation(point.seed, std::move(options));
  const std::unique_ptr<StoreModel> model = history.Fork(point.seed);
  const absl::Status status =
      LiveOnImage(point.seed, &simulation, model.get(), !point.mode.process_only);
  return Conclude(&simulation, model.get(), status);
}

Task<absl::Status> SmallLife(StoreModel* model, Environment* environment) {
  for (int life = 0; life < 2; ++life) {
    AURORA_CO_RETURN_IF_ERROR(co_await model->Open(environment));
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 6; ++i) AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(std::nullopt));
      AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(Durability::kSync));
      AURORA_CO_RETURN_IF_ERROR(co_await model->store().store().Flush());
    }
    AURORA_CO_RETURN_IF_ERROR(co_await model->store().store().Compact());
    AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(std::nullopt));
    AURORA_CO_RETURN_IF_ERROR(co_await model->Close());
  }
  co_return absl::OkStatus();
}

}  // namespace

absl::Status EnumerateStoreCrashes(std::uint64_t seed, Durability durability, int modes_per_event,
                                   std::uint64_t* images) {
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  const CrashSampler sampler(&simulation, seed, modes_per_event,
                             [&](const CrashPoint& point) { return TryImage(point, model); });
  const absl::Status lived = simulation.Run(SmallLife(&model, &simulation.environment()));
  *images += sampler.image_count();
  AURORA_RETURN_IF_ERROR(Annotate(sampler.violation(), Context(seed, durability)));
  return Conclude(&simulation, &model, lived);
}

absl::Status RunStoreFault(std::uint64_t seed, Durability durability, std::uint64_t first,
                           int error, bool for_ever, bool* struck) {
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  FaultRule rule;
  rule.fault = Fault::Error(error);
  rule.first = first;
  if (for_ever) rule.count = FaultRule::kForEver;
  if (error == ENOSPC) {
    rule.kinds = {OperationKind::kCreate, OperationKind::kWrite, OperationKind::kWriteDurably,
                  OperationKind::kAllocate, OperationKind::kCreateDirectory};
  }
  const std::size_t id = simulation.faults().Add(rule);
  const std::string context =
      StrCat("operation ", first, for_ever ? " and all after it fail" : " fails", " with error ",
             error, "; ", Context(seed, durability));
  absl::Status status = simulation.Run(model.Open(&simulation.environment()));
  if (status.ok()) status = simulation.Run(model.Steps(120));
  *struck = simulation.faults().struck(id) > 0;
  if (IsViolation(status)) return InternalError(status.message(), "; ", context);
  const absl::Status closed = CloseIfOpen(&simulation, &model);
  if (IsViolation(closed)) return InternalError(closed.message(), "; at close; ", context);
  if (!simulation.RunUntilIdle()) return InternalError("goes on for ever; ", context);
  simulation.faults().Clear();
  // A failed sync may have thrown away what only the page cache held.
  status = OpenAndCheck(&simulation, &model, /*machine=*/error != ENOSPC);
  // In a mapped segment that was acknowledged to survive the process, and recovery says so.
  const bool told = durability != Durability::kSync && error != ENOSPC && absl::IsDataLoss(status);
  if (told && !model.is_open()) return absl::OkStatus();
  if (status.ok()) status = simulation.Run(model.Close());
  Conclude(&simulation, &model, status).IgnoreError();
  if (!status.ok()) return InternalError(status.message(), "; opened again; ", context);
  return absl::OkStatus();
}

struct FlippedBits::Closed {
  Closed(std::uint64_t seed, Durability durability)
      : model(seed, SmallStoreOptions("/db", durability)), seed(seed) {}
  StoreModel model;
  std::uint64_t seed;
  DiskImage image;
  std::vector<std::pair<std::string, std::uint64_t>> files;  // path and size
};

FlippedBits::FlippedBits(std::uint64_t seed, Durability durability)
    : closed_(std::make_unique<Closed>(seed, durability)) {
  Simulation simulation(seed);
  const absl::Status lived = simulation.Run(SmallLife(&closed_->model, &simulation.environment()));
  AURORA_CHECK(lived.ok());
  closed_->image = simulation.disk().image();
  for (const std::string& path : closed_->image.Files()) {
    const std::uint64_t size = closed_->image.ReadFile(path)->size();
    closed_->files.emplace_back(path, size);
    byte_count_ += size;
  }
}

FlippedBits::~FlippedBits() = default;

absl::Status FlippedBits::Try(std::uint64_t number, int bit) {
  auto file = closed_->files.begin();
  while (number >= file->second) {
    number -= file->second;
    ++file;
  }
  SimulationOptions options;
  options.image = closed_->image;
  options.latency = LatencyModel::None();
  AURORA_RETURN_IF_ERROR(options.image.FlipBit(file->first, number, bit));
  Simulation simulation(closed_->seed, std::move(options));
  const std::unique_ptr<StoreModel> model = closed_->model.Fork(closed_->seed);
  const absl::Status status = OpenAndCheck(&simulation, model.get(), /*machine=*/true);
  const absl::Status closed = CloseIfOpen(&simulation, model.get());
  for (const absl::Status& each : {status, closed}) {
    if (IsViolation(each)) {
      return InternalError(each.message(), "; bit ", bit, " of byte ", number, " of ", file->first,
                           " flipped; seed ", closed_->seed);
    }
  }
  return absl::OkStatus();
}

}  // namespace aurora::lsm
