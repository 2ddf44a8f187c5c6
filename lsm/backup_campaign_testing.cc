#include "aurora/lsm/backup_campaign_testing.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/backup_set.h"
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

constexpr char kSet[] = "/backups";

// The set and what it must hold.
class Backups {
 public:
  Backups(Simulation* simulation, StoreModel* model) : simulation_(simulation), model_(model) {}

  absl::Status Open() {
    AURORA_ASSIGN_OR_RETURN(
        set_, simulation_->Run(
                  BackupSet::Open(&simulation_->environment(), kSet, BackupSet::Access::kWrite)));
    return absl::OkStatus();
  }
  bool is_open() const { return set_ != nullptr; }

  absl::Status Create(int rounds) {
    begun_ = true;
    first_ = model_->commit_count();
    std::uint64_t id = 0;
    AURORA_RETURN_IF_ERROR(RunBesideWriter(simulation_, model_, CreateTask(&id), rounds));
    spans_[id] = {first_, model_->commit_count()};
    begun_ = false;
    return absl::OkStatus();
  }
  absl::Status Delete(std::uint64_t id) {
    deleting_ = id;
    AURORA_RETURN_IF_ERROR(simulation_->Run(set_->Delete(id)));
    spans_.erase(id);
    deleting_ = 0;
    return absl::OkStatus();
  }
  absl::Status Restore(std::uint64_t id, std::string target) {
    return simulation_->Run(set_->Restore(id, std::move(target), {})).status();
  }
  absl::Status RestoreAndCheck(std::uint64_t id, std::uint64_t seed) {
    std::string target = StrCat("/check", restored_++);
    AURORA_RETURN_IF_ERROR(Restore(id, target));
    return CheckCopy(simulation_, *model_, std::move(target), seed, spans_.at(id));
  }

  // Every backup is there and whole, and no other. One that was being made may be there too, one
  // that was being deleted may not; from here on the model says what is.
  absl::Status Check() {
    AURORA_ASSIGN_OR_RETURN(const std::vector<BackupInfo> all, simulation_->Run(set_->List()));
    std::map<std::uint64_t, CommitSpan> found;
    for (const BackupInfo& info : all) {
      if (!info.status.ok()) return Annotate(info.status, "a backup that is listed");
      const auto known = spans_.find(info.id);
      if (known == spans_.end() && !begun_) {
        return InternalError("backup ", info.id, " is there and was never made, or was deleted");
      }
      found[info.id] =
          known == spans_.end() ? CommitSpan{first_, model_->commit_count()} : known->second;
    }
    for (const auto& [id, span] : spans_) {
      if (!found.contains(id) && id != deleting_) return InternalError("backup ", id, " is gone");
    }
    spans_ = std::move(found);
    begun_ = false;
    deleting_ = 0;
    AURORA_ASSIGN_OR_RETURN(const BackupReport report, simulation_->Run(set_->Verify(0, {})));
    if (!report.problems.empty()) return InternalError(report.problems.front());
    return absl::OkStatus();
  }

  // For a model of the same history on a crash image.
  Backups Fork(Simulation* simulation, StoreModel* model) const {
    Backups fork(simulation, model);
    fork.spans_ = spans_;
    fork.begun_ = begun_;
    fork.first_ = first_;
    fork.deleting_ = deleting_;
    return fork;
  }
  const std::map<std::uint64_t, CommitSpan>& spans() const { return spans_; }
  BackupSet& set() { return *set_; }

 private:
  Task<absl::Status> CreateTask(std::uint64_t* id) {
    const absl::StatusOr<BackupInfo> made =
        co_await set_->Create(&model_->store().store(), "test", {});
    if (made.ok()) *id = made->id;
    co_return made.status();
  }

  Simulation* simulation_;
  StoreModel* model_;
  std::unique_ptr<BackupSet> set_;
  std::map<std::uint64_t, CommitSpan> spans_;
  bool begun_ = false;  // a backup that may or may not be there
  std::size_t first_ = 0;
  std::uint64_t deleting_ = 0;
  int restored_ = 0;
};

std::uint64_t AnyOf(const std::map<std::uint64_t, CommitSpan>& spans, SeededRandom* random) {
  return std::next(spans.begin(), static_cast<std::ptrdiff_t>(random->Below(spans.size())))->first;
}

absl::Status RunAtRandom(Simulation* simulation, StoreModel* model, Backups* backups,
                         SeededRandom* random) {
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Open(&simulation->environment())));
  AURORA_RETURN_IF_ERROR(backups->Open());
  for (int step = 0; step < 12; ++step) {
    AURORA_RETURN_IF_ERROR(simulation->Run(model->Steps(static_cast<int>(random->Below(30)))));
    const std::uint64_t what = random->Below(4);
    if (what < 2 || backups->spans().empty()) {
      AURORA_RETURN_IF_ERROR(backups->Create(static_cast<int>(random->Below(3))));
    } else if (what == 2) {
      AURORA_RETURN_IF_ERROR(backups->Delete(AnyOf(backups->spans(), random)));
    } else {
      const std::uint64_t id = AnyOf(backups->spans(), random);
      AURORA_RETURN_IF_ERROR(backups->RestoreAndCheck(id, random->Next64()));
    }
    AURORA_RETURN_IF_ERROR(backups->Check());
  }
  return simulation->Run(model->CheckAll());
}

// On what a crash has left.
absl::Status CheckAftermath(Simulation* simulation, StoreModel* model, Backups* backups,
                            std::uint64_t seed, bool machine) {
  SeededRandom random(seed);
  AURORA_RETURN_IF_ERROR(backups->Open());
  AURORA_RETURN_IF_ERROR(backups->Check());
  if (!backups->spans().empty()) {
    AURORA_RETURN_IF_ERROR(backups->RestoreAndCheck(AnyOf(backups->spans(), &random), seed));
  }
  if (!model->is_open()) {
    AURORA_RETURN_IF_ERROR(simulation->Run(model->Open(&simulation->environment())));
    AURORA_RETURN_IF_ERROR(simulation->Run(model->CheckRecovered(machine)));
  }
  AURORA_RETURN_IF_ERROR(backups->Create(0));
  const std::uint64_t made = backups->spans().rbegin()->first;
  if (backups->spans().size() > 1) {
    AURORA_RETURN_IF_ERROR(backups->Delete(backups->spans().begin()->first));
  }
  AURORA_RETURN_IF_ERROR(backups->Check());
  AURORA_RETURN_IF_ERROR(backups->RestoreAndCheck(made, seed));
  const absl::StatusOr<FileInfo> restored =
      simulation->Run(simulation->environment().files().Stat("/restored"));
  if (restored.ok()) {
    const CommitSpan span{0, model->commit_count()};
    return CheckCopy(simulation, *model, "/restored", seed, span);
  }
  return backups->Restore(made, "/restored");
}

absl::Status TryImage(const CrashPoint& point, const StoreModel& history, const Backups& before) {
  SimulationOptions options;
  options.image = point.image;
  options.latency = LatencyModel::None();
  Simulation simulation(point.seed, std::move(options));
  const std::unique_ptr<StoreModel> model = history.Fork(point.seed);
  Backups backups = before.Fork(&simulation, model.get());
  return ConcludeRun(
      &simulation, model.get(),
      CheckAftermath(&simulation, model.get(), &backups, point.seed, !point.mode.process_only));
}

absl::Status Prepare(Simulation* simulation, StoreModel* model, Backups* backups) {
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Open(&simulation->environment())));
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Steps(50)));
  AURORA_RETURN_IF_ERROR(backups->Open());
  AURORA_RETURN_IF_ERROR(backups->Create(0));
  return simulation->Run(model->Steps(20));
}

absl::Status SmallLife(Backups* backups) {
  AURORA_RETURN_IF_ERROR(backups->Create(1));
  AURORA_RETURN_IF_ERROR(backups->Delete(1));
  return backups->Restore(2, "/restored");
}

}  // namespace

absl::Status RunBackups(std::uint64_t seed, Durability durability) {
  SeededRandom random(seed);
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  Backups backups(&simulation, &model);
  const absl::Status status =
      ConcludeRun(&simulation, &model, RunAtRandom(&simulation, &model, &backups, &random));
  if (status.ok()) return status;
  return InternalError(status.message(), "; seed ", seed, ", durability ",
                       static_cast<int>(durability));
}

absl::Status EnumerateBackupCrashes(std::uint64_t seed, Durability durability, int modes_per_event,
                                    std::uint64_t* images) {
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  Backups backups(&simulation, &model);
  absl::Status status = Prepare(&simulation, &model, &backups);
  if (!status.ok()) return ConcludeRun(&simulation, &model, status);
  {
    const CrashSampler sampler(&simulation, seed, modes_per_event, [&](const CrashPoint& point) {
      return TryImage(point, model, backups);
    });
    status = SmallLife(&backups);
    *images += sampler.image_count();
    if (!sampler.violation().ok()) {
      status = Annotate(sampler.violation(),
                        StrCat("seed ", seed, ", durability ", static_cast<int>(durability)));
    }
  }
  return ConcludeRun(&simulation, &model, status);
}

absl::Status RunBackupFault(std::uint64_t seed, std::uint64_t first, int error, bool* struck) {
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", Durability::kSync));
  Backups backups(&simulation, &model);
  absl::Status status = Prepare(&simulation, &model, &backups);
  if (status.ok()) {
    FaultRule rule;
    rule.fault = Fault::Error(error);
    rule.path = first % 2 == 0 ? "/backups*" : "/restored*";
    rule.first = (first + 1) / 2;
    const std::size_t id = simulation.faults().Add(rule);
    const absl::Status ignored = SmallLife(&backups);
    static_cast<void>(ignored);
    *struck = simulation.faults().struck(id) > 0;
    simulation.faults().Clear();
    Backups after = backups.Fork(&simulation, &model);
    backups = Backups(&simulation, &model);  // gives back the lock
    status = CheckAftermath(&simulation, &model, &after, seed, /*machine=*/false);
  }
  status = ConcludeRun(&simulation, &model, status);
  if (status.ok()) return status;
  return InternalError(status.message(), "; operation ", first, " failed with ", error, "; seed ",
                       seed);
}

absl::Status FlipBackupBits(std::uint64_t seed, int count) {
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", Durability::kSync));
  Backups backups(&simulation, &model);
  SeededRandom random(seed);
  absl::Status status = Prepare(&simulation, &model, &backups);
  std::vector<std::pair<std::string, std::uint64_t>> files;
  for (const std::string& path : simulation.disk().image().Files()) {
    if (!path.starts_with(kSet)) continue;
    const absl::StatusOr<std::string> bytes = simulation.disk().image().ReadFile(path);
    if (bytes.ok() && !bytes->empty()) files.emplace_back(path, bytes->size());
  }
  for (int i = 0; i < count && status.ok(); ++i) {
    const auto& [path, size] = files[random.Below(files.size())];
    const std::uint64_t offset = random.Below(size);
    const int bit = static_cast<int>(random.Below(8));
    status = simulation.disk().image().FlipBit(path, offset, bit);
    const absl::StatusOr<BackupReport> report = simulation.Run(backups.set().Verify(0, {}));
    if (!report.ok() || report->problems.empty()) {
      status = InternalError("Verify did not see bit ", bit, " at offset ", offset, " of ", path);
    }
    const absl::Status restored = backups.Restore(1, StrCat("/flipped", i));
    if (!absl::IsDataLoss(restored)) {
      status = InternalError("Restore did not see bit ", bit, " at offset ", offset, " of ", path,
                             ": ", ToStd(restored.ToString()));
    }
    if (status.ok()) status = simulation.disk().image().FlipBit(path, offset, bit);
  }
  if (status.ok()) status = backups.RestoreAndCheck(1, seed);
  status = ConcludeRun(&simulation, &model, status);
  if (status.ok()) return status;
  return InternalError(status.message(), "; seed ", seed);
}

}  // namespace aurora::lsm
