#include "aurora/lsm/archive_campaign_testing.h"

#include <cerrno>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/append_operator_testing.h"
#include "aurora/lsm/archive_set.h"
#include "aurora/lsm/backup_set.h"
#include "aurora/lsm/copy_checks_testing.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/point_in_time.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/crash_sampler_testing.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

constexpr char kArchive[] = "/archive";
constexpr char kBackups[] = "/backups";

StoreOptions ArchivedOptions(Durability durability) {
  StoreOptions options = SmallStoreOptions("/db", durability);
  options.archive.directory = kArchive;
  return options;
}

class Settler final : public DatabaseSettler {
 public:
  explicit Settler(Environment* environment) : environment_(environment) {}
  Task<absl::Status> Settle(std::string directory) override {
    StoreOptions options = SmallStoreOptions(std::move(directory), Durability::kSync);
    options.merge_operators[StoreModel::kMergedKeyspace] = &append_;
    AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                     co_await KvStore::Open(*environment_, std::move(options)));
    const absl::Status flushed = co_await store->store().Flush();
    const absl::Status closed = co_await store->Close();
    co_return flushed.ok() ? closed : flushed;
  }

 private:
  Environment* const environment_;
  AppendOperator append_;
};

// A model whose store archives, with what is known of the archive and the backups.
class ArchivedModel {
 public:
  ArchivedModel(Simulation* simulation, StoreModel* model)
      : simulation_(simulation), model_(model) {}

  absl::Status Open() { return simulation_->Run(model_->Open(&simulation_->environment())); }
  absl::Status Commit(int count, bool is_large = false) {
    for (int i = 0; i < count; ++i) {
      AURORA_RETURN_IF_ERROR(simulation_->Run(is_large ? model_->CommitLarge(std::nullopt)
                                                       : model_->Commit(std::nullopt)));
      sequences_.push_back(model_->store().store().published());
    }
    return absl::OkStatus();
  }
  absl::Status Flush() { return simulation_->Run(model_->store().store().Flush()); }
  absl::Status Compact() { return simulation_->Run(model_->store().store().Compact()); }
  absl::Status ArchiveNow() {
    const absl::StatusOr<Sequence> archived =
        simulation_->Run(model_->store().store().ArchiveNow());
    AURORA_RETURN_IF_ERROR(archived);
    if (!sequences_.empty() && *archived != sequences_.back()) {
      return InternalError("archived up to ", *archived, ", and the last commit was ",
                           sequences_.back());
    }
    reported_ = commit_count();
    return absl::OkStatus();
  }
  absl::Status Backup() {
    AURORA_ASSIGN_OR_RETURN(const std::unique_ptr<BackupSet> set,
                            simulation_->Run(BackupSet::Open(&simulation_->environment(), kBackups,
                                                             BackupSet::Access::kWrite)));
    AURORA_ASSIGN_OR_RETURN(
        const BackupInfo made,
        simulation_->Run(set->Create(&model_->store().store(), "test", CopyOptions())));
    backups_.push_back({made.id, made.sequence, commit_count()});
    return absl::OkStatus();
  }
  // After a crash: the model knows by now what there is.
  void Recover() {
    sequences_.resize(std::min(sequences_.size(), model_->commit_count()));
    while (sequences_.size() < model_->commit_count()) {
      sequences_.push_back(model_->store().store().published());
    }
  }
  // What the store says of its archive at this moment.
  void Observe() {
    if (!model_->is_open()) return;
    const Sequence through = model_->store().store().Stats().archive.archived_through;
    reported_ = std::max(reported_, CommitsUpTo(through));
  }

  absl::StatusOr<PointRestored> Restore(std::string target, RestorePoint point) {
    AURORA_ASSIGN_OR_RETURN(const std::unique_ptr<BackupSet> set,
                            simulation_->Run(BackupSet::Open(&simulation_->environment(), kBackups,
                                                             BackupSet::Access::kRead)));
    AURORA_ASSIGN_OR_RETURN(
        const std::unique_ptr<ArchiveSet> archive,
        simulation_->Run(ArchiveSet::Open(&simulation_->environment(), kArchive)));
    Settler settler(&simulation_->environment());
    PointRestoreOptions options;
    options.point = point;
    options.settler = &settler;
    options.settle_bytes = 30000;
    return simulation_->Run(RestoreToPoint(&simulation_->environment(), set.get(), archive.get(),
                                           std::move(target), options));
  }
  // Restores and checks that the copy holds as many commits as it must, and may.
  absl::Status RestoreAndCheck(RestorePoint point, CommitSpan span, std::uint64_t seed) {
    std::string target = StrCat("/restored", restored_++);
    const absl::StatusOr<PointRestored> restored = Restore(target, point);
    AURORA_RETURN_IF_ERROR(restored);
    return CheckCopy(simulation_, *model_, std::move(target), seed, span);
  }
  absl::Status CheckEnd(std::uint64_t seed) {
    return RestoreAndCheck({}, {reported_, commit_count()}, seed);
  }
  // To any commit between the oldest backup and what is archived.
  absl::Status CheckAnySequence(SeededRandom* random) {
    const std::size_t oldest = backups_.front().commits;
    const std::size_t commits = oldest + random->Below(reported_ - oldest + 1);
    RestorePoint point;
    point.sequence = commits == 0 ? 0 : sequences_[commits - 1];
    point.sequence = std::max(*point.sequence, backups_.front().sequence);
    return RestoreAndCheck(point, {commits, commits}, random->Next64());
  }
  absl::Status CheckWhole() {
    AURORA_ASSIGN_OR_RETURN(
        const std::unique_ptr<ArchiveSet> archive,
        simulation_->Run(ArchiveSet::Open(&simulation_->environment(), kArchive)));
    AURORA_ASSIGN_OR_RETURN(const ArchiveReport report,
                            simulation_->Run(archive->Verify(CopyOptions())));
    if (!report.problems.empty()) return InternalError(report.problems.front());
    if (!report.gaps.empty()) return InternalError(report.gaps.front());
    return absl::OkStatus();
  }
  // Gives up the oldest backup, and all that only it needed.
  absl::Status Prune() {
    if (backups_.size() < 2) return absl::OkStatus();
    AURORA_ASSIGN_OR_RETURN(const std::unique_ptr<BackupSet> set,
                            simulation_->Run(BackupSet::Open(&simulation_->environment(), kBackups,
                                                             BackupSet::Access::kWrite)));
    AURORA_RETURN_IF_ERROR(simulation_->Run(set->Delete(backups_.front().id)));
    backups_.erase(backups_.begin());
    AURORA_ASSIGN_OR_RETURN(
        const std::unique_ptr<ArchiveSet> archive,
        simulation_->Run(ArchiveSet::Open(&simulation_->environment(), kArchive)));
    const LogIdentity identity = model_->store().store().identity();
    return simulation_->Run(archive->Prune(identity, backups_.front().sequence)).status();
  }

  // For a model of the same history on a crash image.
  ArchivedModel Fork(Simulation* simulation, StoreModel* model) const {
    ArchivedModel fork(simulation, model);
    fork.sequences_ = sequences_;
    fork.backups_ = backups_;
    fork.reported_ = reported_;
    return fork;
  }
  std::size_t commit_count() const { return model_->commit_count(); }
  StoreModel& model() { return *model_; }
  Simulation& simulation() { return *simulation_; }

 private:
  struct MadeBackup {
    std::uint64_t id = 0;
    Sequence sequence = 0;
    std::size_t commits = 0;
  };
  std::size_t CommitsUpTo(Sequence sequence) const {
    return static_cast<std::size_t>(
        std::upper_bound(sequences_.begin(), sequences_.end(), sequence) - sequences_.begin());
  }

  Simulation* simulation_;
  StoreModel* model_;
  std::vector<Sequence> sequences_;  // of the commits
  std::vector<MadeBackup> backups_;
  std::size_t reported_ = 0;  // commits that the store said to be archived
  int restored_ = 0;
};

absl::Status Begin(ArchivedModel* archived) {
  AURORA_RETURN_IF_ERROR(archived->Open());
  AURORA_RETURN_IF_ERROR(archived->Commit(10));
  return archived->Backup();
}

absl::Status FailForAWhile(ArchivedModel* archived, SeededRandom* random) {
  FaultRule rule;
  rule.fault = Fault::Error(random->Below(2) == 0 ? ENOSPC : EIO);
  rule.path = "/archive*";
  rule.one_in = 1 + random->Below(3);
  rule.count = FaultRule::kForEver;
  archived->simulation().faults().Add(rule);
  AURORA_RETURN_IF_ERROR(archived->Commit(static_cast<int>(random->Below(40))));
  const absl::Status ignored = archived->ArchiveNow();
  static_cast<void>(ignored);
  AURORA_RETURN_IF_ERROR(archived->Commit(5));
  if (random->Below(2) == 0) AURORA_RETURN_IF_ERROR(archived->Flush());
  archived->simulation().faults().Clear();
  return absl::OkStatus();
}

absl::Status Reopen(ArchivedModel* archived) {
  AURORA_RETURN_IF_ERROR(archived->simulation().Run(archived->model().Close()));
  AURORA_RETURN_IF_ERROR(archived->Open());
  archived->Observe();
  return absl::OkStatus();
}

absl::Status RunAtRandom(ArchivedModel* archived, SeededRandom* random) {
  AURORA_RETURN_IF_ERROR(Begin(archived));
  for (int step = 0; step < 10; ++step) {
    AURORA_RETURN_IF_ERROR(archived->Commit(static_cast<int>(random->Below(25))));
    switch (random->Below(9)) {
      case 0:
        AURORA_RETURN_IF_ERROR(archived->Commit(1, /*is_large=*/true));
        break;
      case 1:
        AURORA_RETURN_IF_ERROR(random->Below(2) == 0 ? archived->Flush() : archived->Compact());
        break;
      case 2:
        AURORA_RETURN_IF_ERROR(archived->Backup());
        break;
      case 3:
        AURORA_RETURN_IF_ERROR(Reopen(archived));
        break;
      case 4:
        AURORA_RETURN_IF_ERROR(FailForAWhile(archived, random));
        break;
      case 5:
        AURORA_RETURN_IF_ERROR(archived->ArchiveNow());
        AURORA_RETURN_IF_ERROR(archived->Prune());
        break;
      default:
        AURORA_RETURN_IF_ERROR(archived->ArchiveNow());
        AURORA_RETURN_IF_ERROR(archived->CheckAnySequence(random));
        break;
    }
  }
  AURORA_RETURN_IF_ERROR(archived->ArchiveNow());
  AURORA_RETURN_IF_ERROR(archived->CheckWhole());
  AURORA_RETURN_IF_ERROR(archived->CheckEnd(random->Next64()));
  return archived->simulation().Run(archived->model().CheckAll());
}

// What archiving goes through: a part of a segment, several segments, what the log names.
absl::Status SmallLife(ArchivedModel* archived) {
  AURORA_RETURN_IF_ERROR(archived->Commit(3));
  AURORA_RETURN_IF_ERROR(archived->ArchiveNow());
  AURORA_RETURN_IF_ERROR(archived->Commit(1, /*is_large=*/true));
  AURORA_RETURN_IF_ERROR(archived->Commit(8));
  AURORA_RETURN_IF_ERROR(archived->Flush());
  AURORA_RETURN_IF_ERROR(archived->Commit(2));
  AURORA_RETURN_IF_ERROR(archived->ArchiveNow());
  return archived->Commit(1);
}

// With the store's directory, and without it.
absl::Status CheckAftermath(ArchivedModel* archived, std::uint64_t seed, bool machine) {
  AURORA_RETURN_IF_ERROR(Annotate(archived->CheckEnd(seed), "the directory is lost"));
  if (!archived->model().is_open()) {
    AURORA_RETURN_IF_ERROR(archived->Open());
    AURORA_RETURN_IF_ERROR(archived->simulation().Run(archived->model().CheckRecovered(machine)));
    archived->Recover();
  }
  AURORA_RETURN_IF_ERROR(archived->Commit(3));
  AURORA_RETURN_IF_ERROR(archived->Flush());
  AURORA_RETURN_IF_ERROR(archived->ArchiveNow());
  AURORA_RETURN_IF_ERROR(archived->CheckWhole());
  SeededRandom random(seed);
  if (random.Below(3) == 0) return archived->CheckAnySequence(&random);
  return Annotate(archived->CheckEnd(seed), "after going on");
}

absl::Status TryImage(const CrashPoint& point, const StoreModel& history, ArchivedModel* before) {
  // A frame is published under the locks of its commit, so the store cannot be asked then.
  if (point.operation.kind != OperationKind::kPublish) before->Observe();
  // Each takes long; another seed takes others.
  if (SeededRandom(point.seed).Below(3) != 0) return absl::OkStatus();
  SimulationOptions options;
  options.image = point.image;
  options.latency = LatencyModel::None();
  Simulation simulation(point.seed, std::move(options));
  const std::unique_ptr<StoreModel> model = history.Fork(point.seed);
  ArchivedModel archived = before->Fork(&simulation, model.get());
  return ConcludeRun(&simulation, model.get(),
                     CheckAftermath(&archived, point.seed, !point.mode.process_only));
}

}  // namespace

absl::Status RunArchives(std::uint64_t seed, Durability durability) {
  SeededRandom random(seed);
  Simulation simulation(seed);
  StoreModel model(seed, ArchivedOptions(durability));
  ArchivedModel archived(&simulation, &model);
  absl::Status status = RunAtRandom(&archived, &random);
  simulation.faults().Clear();
  status = ConcludeRun(&simulation, &model, status);
  if (status.ok()) return status;
  return InternalError(status.message(), "; seed ", seed, ", durability ",
                       static_cast<int>(durability));
}

absl::Status EnumerateArchiveCrashes(std::uint64_t seed, Durability durability, int modes_per_event,
                                     std::uint64_t* images) {
  Simulation simulation(seed);
  StoreModel model(seed, ArchivedOptions(durability));
  ArchivedModel archived(&simulation, &model);
  absl::Status status = Begin(&archived);
  if (!status.ok()) return ConcludeRun(&simulation, &model, status);
  {
    const CrashSampler sampler(&simulation, seed, modes_per_event, [&](const CrashPoint& point) {
      return TryImage(point, model, &archived);
    });
    status = SmallLife(&archived);
    *images += sampler.image_count();
    if (!sampler.violation().ok()) {
      status = Annotate(sampler.violation(),
                        StrCat("seed ", seed, ", durability ", static_cast<int>(durability)));
    }
  }
  return ConcludeRun(&simulation, &model, status);
}

absl::Status RunArchiveFault(std::uint64_t seed, std::uint64_t first, int error, bool* struck) {
  Simulation simulation(seed);
  StoreModel model(seed, ArchivedOptions(Durability::kSync));
  ArchivedModel archived(&simulation, &model);
  FaultRule rule;
  rule.fault = Fault::Error(error);
  rule.path = "/archive*";
  rule.first = first;
  const std::size_t id = simulation.faults().Add(rule);
  absl::Status status = Begin(&archived);
  for (int i = 0; i < 3 && status.ok(); ++i) {
    status = archived.Commit(i == 1 ? 1 : 8, /*is_large=*/i == 1);
    const absl::Status ignored = archived.ArchiveNow();
    static_cast<void>(ignored);
  }
  *struck = simulation.faults().struck(id) > 0;
  simulation.faults().Clear();
  if (status.ok()) status = CheckAftermath(&archived, seed, /*machine=*/false);
  status = ConcludeRun(&simulation, &model, status);
  if (status.ok()) return status;
  return InternalError(status.message(), "; operation ", first, " failed with ", error, "; seed ",
                       seed);
}

absl::Status FlipArchiveBits(std::uint64_t seed, int count) {
  Simulation simulation(seed);
  StoreModel model(seed, ArchivedOptions(Durability::kSync));
  ArchivedModel archived(&simulation, &model);
  SeededRandom random(seed);
  absl::Status status = Begin(&archived);
  if (status.ok()) status = SmallLife(&archived);
  if (status.ok()) status = archived.ArchiveNow();
  std::vector<std::pair<std::string, std::uint64_t>> files;
  for (const std::string& path : simulation.disk().image().Files()) {
    if (!path.starts_with(kArchive)) continue;
    const absl::StatusOr<std::string> bytes = simulation.disk().image().ReadFile(path);
    if (bytes.ok() && !bytes->empty()) files.emplace_back(path, bytes->size());
  }
  for (int i = 0; i < count && status.ok(); ++i) {
    const auto& [path, size] = files[random.Below(files.size())];
    const std::uint64_t offset = random.Below(size);
    const int bit = static_cast<int>(random.Below(8));
    status = simulation.disk().image().FlipBit(path, offset, bit);
    const std::string where = StrCat("bit ", bit, " at offset ", offset, " of ", path);
    const absl::Status whole = archived.CheckWhole();
    if (whole.ok()) status = InternalError("Verify did not see ", where);
    if (ToStd(whole.message()).find(path) == std::string_view::npos) {
      status =
          InternalError("Verify does not name the file of ", where, ": ", ToStd(whole.message()));
    }
    // What the backup has already is not looked at.
    const absl::Status restored = archived.CheckEnd(seed);
    if (!restored.ok() && !absl::IsDataLoss(restored)) {
      status = Annotate(restored, StrCat("restored in spite of ", where));
    }
    if (status.ok()) status = simulation.disk().image().FlipBit(path, offset, bit);
  }
  if (status.ok()) status = archived.CheckEnd(seed);
  status = ConcludeRun(&simulation, &model, status);
  if (status.ok()) return status;
  return InternalError(status.message(), "; seed ", seed);
}

}  // namespace aurora::lsm
