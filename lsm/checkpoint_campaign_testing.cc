#include "aurora/lsm/checkpoint_campaign_testing.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/checkpoint.h"
#include "aurora/lsm/copy_checks_testing.h"
#include "aurora/lsm/store_model_testing.h"
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

Task<absl::Status> Checkpoint(Simulation* simulation, StoreModel* model, std::string directory) {
  const absl::StatusOr<CheckpointInfo> made = co_await MakeCheckpoint(
      &simulation->environment(), &model->store().store(), std::move(directory));
  co_return made.status();
}

absl::Status RunRounds(Simulation* simulation, StoreModel* model, SeededRandom* random) {
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Open(&simulation->environment())));
  std::vector<CommitSpan> spans;
  for (std::size_t round = 0; round < 4; ++round) {
    AURORA_RETURN_IF_ERROR(simulation->Run(model->Steps(static_cast<int>(random->Below(60)))));
    const std::size_t first = model->commit_count();
    AURORA_RETURN_IF_ERROR(RunBesideWriter(simulation, model,
                                           Checkpoint(simulation, model, StrCat("/copy", round)),
                                           static_cast<int>(random->Below(4))));
    spans.push_back({first, model->commit_count()});
  }
  AURORA_RETURN_IF_ERROR(simulation->Run(WriteAndCompact(model, 6)));
  for (std::size_t round = 0; round < 4; ++round) {
    AURORA_RETURN_IF_ERROR(
        CheckCopy(simulation, *model, StrCat("/copy", round), random->Next64(), spans[round]));
  }
  AURORA_RETURN_IF_ERROR(simulation->Run(model->CheckAll()));
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Close()));
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Open(&simulation->environment())));
  return simulation->Run(model->CheckRecovered(/*machine=*/true));
}

// After a crash, or a fault that has passed: the store is whole, and so is the checkpoint, or there
// is none and one can be made.
absl::Status CheckAftermath(Simulation* simulation, StoreModel* model, std::uint64_t seed,
                            std::size_t begun_after, bool machine) {
  const absl::StatusOr<FileInfo> there =
      simulation->Run(simulation->environment().files().Stat("/copy"));
  if (there.ok()) {
    AURORA_RETURN_IF_ERROR(CheckCopy(simulation, *model, "/copy", seed,
                                     CommitSpan{begun_after, model->commit_count()}));
  }
  if (!model->is_open()) {
    AURORA_RETURN_IF_ERROR(simulation->Run(model->Open(&simulation->environment())));
    AURORA_RETURN_IF_ERROR(simulation->Run(model->CheckRecovered(machine)));
  }
  if (!there.ok()) {
    const std::size_t commits = model->commit_count();
    AURORA_RETURN_IF_ERROR(
        Annotate(simulation->Run(Checkpoint(simulation, model, "/copy")), "another attempt"));
    AURORA_RETURN_IF_ERROR(
        CheckCopy(simulation, *model, "/copy", seed, CommitSpan{commits, commits}));
  }
  return simulation->Run(model->CheckAll());
}

absl::Status TryImage(const CrashPoint& point, const StoreModel& history, std::size_t begun_after) {
  SimulationOptions options;
  options.image = point.image;
  options.latency = LatencyModel::None();
  Simulation simulation(point.seed, std::move(options));
  const std::unique_ptr<StoreModel> model = history.Fork(point.seed);
  return ConcludeRun(
      &simulation, model.get(),
      CheckAftermath(&simulation, model.get(), point.seed, begun_after, !point.mode.process_only));
}

}  // namespace

absl::Status RunCheckpoints(std::uint64_t seed, Durability durability) {
  SeededRandom random(seed);
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  const absl::Status status =
      ConcludeRun(&simulation, &model, RunRounds(&simulation, &model, &random));
  if (status.ok()) return status;
  return InternalError(status.message(), "; ", Context(seed, durability));
}

absl::Status EnumerateCheckpointCrashes(std::uint64_t seed, Durability durability,
                                        int modes_per_event, std::uint64_t* images) {
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  absl::Status status = simulation.Run(model.Open(&simulation.environment()));
  if (status.ok()) status = simulation.Run(model.Steps(60));
  if (!status.ok()) return ConcludeRun(&simulation, &model, status);
  const std::size_t begun_after = model.commit_count();
  {
    const CrashSampler sampler(&simulation, seed, modes_per_event, [&](const CrashPoint& point) {
      return TryImage(point, model, begun_after);
    });
    status = RunBesideWriter(&simulation, &model, Checkpoint(&simulation, &model, "/copy"), 2);
    *images += sampler.image_count();
    if (!sampler.violation().ok()) {
      status = Annotate(sampler.violation(), Context(seed, durability));
    }
  }
  return ConcludeRun(&simulation, &model, status);
}

absl::Status RunCheckpointFault(std::uint64_t seed, Durability durability, std::uint64_t first,
                                int error, bool* struck) {
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  absl::Status status = simulation.Run(model.Open(&simulation.environment()));
  if (status.ok()) status = simulation.Run(model.Steps(40));
  if (status.ok()) {
    FaultRule rule;
    rule.fault = Fault::Error(error);
    rule.path = "/copy*";
    rule.first = first;
    const std::size_t id = simulation.faults().Add(rule);
    const std::size_t begun_after = model.commit_count();
    const absl::Status made = simulation.Run(Checkpoint(&simulation, &model, "/copy"));
    *struck = simulation.faults().struck(id) > 0;
    simulation.faults().Clear();
    const absl::StatusOr<FileInfo> there =
        simulation.Run(simulation.environment().files().Stat("/copy"));
    if (made.ok() && !there.ok()) status = InternalError("a checkpoint that was made is not there");
    if (status.ok()) status = CheckAftermath(&simulation, &model, seed, begun_after, false);
  }
  status = ConcludeRun(&simulation, &model, status);
  if (status.ok()) return status;
  return InternalError(status.message(), "; operation ", first, " of the checkpoint failed with ",
                       error, "; ", Context(seed, durability));
}

}  // namespace aurora::lsm
