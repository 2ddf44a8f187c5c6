#include "aurora/lsm/checkpoint_campaign_testing.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/checkpoint.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/crash_mode.h"
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

// Runs `task` and keeps what it returns.
Task<void> Keep(Task<absl::Status> task, absl::Status* status) {
  *status = co_await std::move(task);
}

// The writer beside the checkpoint: everything that could pull a file away from under it.
Task<absl::Status> Write(StoreModel* model, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < 5; ++i) AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(std::nullopt));
    AURORA_CO_RETURN_IF_ERROR(co_await model->store().store().Flush());
  }
  co_return co_await model->store().store().Compact();
}

absl::Status CheckpointBesideWriter(Simulation* simulation, StoreModel* model,
                                    std::string directory, int rounds) {
  absl::Status made;
  absl::Status written;
  std::vector<Task<void>> both;
  both.push_back(Keep(Checkpoint(simulation, model, std::move(directory)), &made));
  both.push_back(Keep(Write(model, rounds), &written));
  simulation->RunAll(std::move(both));
  AURORA_RETURN_IF_ERROR(Annotate(written, "the writer"));
  return made;
}

// The commits of which a copy must hold the first and may hold the others.
struct Span {
  std::size_t first = 0;
  std::size_t last = 0;
};

// Opens the copy, checks it, writes to it until its files have been replaced, and checks it again.
Task<absl::Status> LiveOnCopy(Environment* environment, StoreModel* copy, std::size_t last) {
  AURORA_CO_RETURN_IF_ERROR(co_await copy->Open(environment));
  AURORA_CO_RETURN_IF_ERROR(co_await copy->CheckRecovered(/*machine=*/true));
  if (copy->commit_count() > last) {
    co_return InternalError("holds ", copy->commit_count(), " commits and was done after ", last);
  }
  for (int i = 0; i < 8; ++i) AURORA_CO_RETURN_IF_ERROR(co_await copy->Commit(std::nullopt));
  AURORA_CO_RETURN_IF_ERROR(co_await copy->store().store().Compact());
  AURORA_CO_RETURN_IF_ERROR(co_await copy->CheckAll());
  co_return co_await copy->Close();
}

absl::Status CheckCopy(Simulation* simulation, const StoreModel& history, std::string directory,
                       std::uint64_t seed, Span span) {
  const std::unique_ptr<StoreModel> copy = history.ForkCopy(seed, directory, span.first);
  absl::Status status =
      simulation->Run(LiveOnCopy(&simulation->environment(), copy.get(), span.last));
  if (copy->is_open()) simulation->Run(copy->Close()).IgnoreError();
  return Annotate(status, StrCat("the copy ", directory));
}

absl::Status Conclude(Simulation* simulation, StoreModel* model, absl::Status status) {
  if (!model->is_open()) return status;
  const absl::Status closed = simulation->Run(model->Close());
  return status.ok() ? closed : status;
}

absl::Status RunRounds(Simulation* simulation, StoreModel* model, SeededRandom* random) {
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Open(&simulation->environment())));
  std::vector<Span> spans;
  for (std::size_t round = 0; round < 4; ++round) {
    AURORA_RETURN_IF_ERROR(simulation->Run(model->Steps(static_cast<int>(random->Below(60)))));
    const std::size_t first = model->commit_count();
    AURORA_RETURN_IF_ERROR(CheckpointBesideWriter(simulation, model, StrCat("/copy", round),
                                                  static_cast<int>(random->Below(4))));
    spans.push_back({first, model->commit_count()});
  }
  AURORA_RETURN_IF_ERROR(simulation->Run(Write(model, 6)));
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
    AURORA_RETURN_IF_ERROR(
        CheckCopy(simulation, *model, "/copy", seed, Span{begun_after, model->commit_count()}));
  }
  if (!model->is_open()) {
    AURORA_RETURN_IF_ERROR(simulation->Run(model->Open(&simulation->environment())));
    AURORA_RETURN_IF_ERROR(simulation->Run(model->CheckRecovered(machine)));
  }
  if (!there.ok()) {
    const std::size_t commits = model->commit_count();
    AURORA_RETURN_IF_ERROR(
        Annotate(simulation->Run(Checkpoint(simulation, model, "/copy")), "another attempt"));
    AURORA_RETURN_IF_ERROR(CheckCopy(simulation, *model, "/copy", seed, Span{commits, commits}));
  }
  return simulation->Run(model->CheckAll());
}

absl::Status TryImage(std::uint64_t seed, DiskImage image, const StoreModel& history,
                      std::size_t begun_after, bool machine) {
  SimulationOptions options;
  options.image = std::move(image);
  options.latency = LatencyModel::None();
  Simulation simulation(seed, std::move(options));
  const std::unique_ptr<StoreModel> model = history.Fork(seed);
  return Conclude(&simulation, model.get(),
                  CheckAftermath(&simulation, model.get(), seed, begun_after, machine));
}

}  // namespace

absl::Status RunCheckpoints(std::uint64_t seed, Durability durability) {
  SeededRandom random(seed);
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  const absl::Status status =
      Conclude(&simulation, &model, RunRounds(&simulation, &model, &random));
  if (status.ok()) return status;
  return InternalError(status.message(), "; ", Context(seed, durability));
}

absl::Status EnumerateCheckpointCrashes(std::uint64_t seed, Durability durability,
                                        int modes_per_event, std::uint64_t* images) {
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  SeededRandom random(seed);
  absl::Status status = simulation.Run(model.Open(&simulation.environment()));
  if (status.ok()) status = simulation.Run(model.Steps(60));
  if (!status.ok()) return Conclude(&simulation, &model, status);
  const std::size_t begun_after = model.commit_count();
  absl::Status violation;
  const std::span<const CrashMode> modes = StandardCrashModes();
  std::size_t next_mode = random.Below(modes.size());
  simulation.ObservePersistence([&](const PersistenceEvent& event) {
    for (int i = 0; i < modes_per_event && violation.ok(); ++i) {
      const CrashMode& mode = modes[next_mode++ % modes.size()];
      const std::uint64_t image_seed = random.Next64();
      const absl::Status tried =
          TryImage(image_seed, simulation.disk().CrashImage(mode, image_seed), model, begun_after,
                   !mode.process_only);
      ++*images;
      if (tried.ok()) continue;
      violation = InternalError(tried.message(), "; a crash before event ", event.index, ", ",
                                Describe(event.operation), ", ", Describe(mode), "; ",
                                Context(seed, durability));
    }
  });
  status = CheckpointBesideWriter(&simulation, &model, "/copy", 2);
  simulation.ObservePersistence(nullptr);
  status = Conclude(&simulation, &model, status);
  return violation.ok() ? status : violation;
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
  status = Conclude(&simulation, &model, status);
  if (status.ok()) return status;
  return InternalError(status.message(), "; operation ", first, " of the checkpoint failed with ",
                       error, "; ", Context(seed, durability));
}

}  // namespace aurora::lsm
