#include "aurora/lsm/error_loop_testing.h"

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/backup_set.h"
#include "aurora/lsm/checkpoint.h"
#include "aurora/lsm/copy_checks_testing.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

constexpr char kCopy[] = "/copy";
constexpr char kBackups[] = "/backups";
// Not one of the model's: it knows nothing of what is written there.
constexpr KeyspaceId kProbeKeyspace = StoreModel::kLastKeyspace + 1;
constexpr int kProbes = 4;

std::string ProbeKey(int number) { return StrCat("probe", number); }

// Errors that say that the store answered wrongly, as opposed to not at all.
bool IsViolation(const absl::Status& status) { return absl::IsInternal(status); }

// Every error of a file tells which; here they have absolute paths.
bool NamesAFile(const absl::Status& status) {
  return ToStd(status.message()).find('/') != std::string_view::npos;
}

class ErrorLife {
 public:
  ErrorLife(std::uint64_t seed, Durability durability)
      : simulation_(seed, Quick()),
        random_(seed),
        durability_(durability),
        model_(seed, SmallStoreOptions("/db", durability)) {}

  absl::Status Run(const FaultRule& rule, bool* struck);

 private:
  static SimulationOptions Quick() {
    SimulationOptions options;
    options.latency = LatencyModel::None();
    return options;
  }
  Environment& environment() { return simulation_.environment(); }

  Task<absl::Status> Live();
  Task<absl::Status> Reopen();
  Task<absl::Status> Copy();
  Task<absl::Status> Probe();
  absl::Status EndProcess(bool by_crash);
  Task<absl::Status> CheckProbes();
  Task<absl::Status> CheckBackup();
  absl::Status CheckAftermath(bool only_space);

  Simulation simulation_;
  SeededRandom random_;
  const Durability durability_;
  StoreModel model_;
  CommitSpan copied_;        // by the checkpoint, if it is there
  std::vector<int> probes_;  // that were acknowledged
};

Task<absl::Status> ErrorLife::Live() {
  AURORA_CO_RETURN_IF_ERROR(co_await model_.Open(&environment()));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 4; ++i) AURORA_CO_RETURN_IF_ERROR(co_await model_.Commit(std::nullopt));
    AURORA_CO_RETURN_IF_ERROR(co_await model_.Commit(Durability::kSync));
    AURORA_CO_RETURN_IF_ERROR(co_await model_.store().store().Flush());
  }
  AURORA_CO_RETURN_IF_ERROR(co_await Reopen());
  AURORA_CO_RETURN_IF_ERROR(co_await model_.CheckAll());
  AURORA_CO_RETURN_IF_ERROR(co_await Reopen());
  AURORA_CO_RETURN_IF_ERROR(co_await model_.store().store().Compact());
  AURORA_CO_RETURN_IF_ERROR(co_await model_.CheckAll());
  AURORA_CO_RETURN_IF_ERROR(co_await model_.Ingest());
  // Once more, with several tables in the last level.
  for (int i = 0; i < 3; ++i) AURORA_CO_RETURN_IF_ERROR(co_await model_.Commit(std::nullopt));
  AURORA_CO_RETURN_IF_ERROR(co_await Reopen());
  AURORA_CO_RETURN_IF_ERROR(co_await model_.store().store().Compact());
  AURORA_CO_RETURN_IF_ERROR(co_await model_.CommitLarge(Durability::kSync));
  AURORA_CO_RETURN_IF_ERROR(co_await Copy());
  AURORA_CO_RETURN_IF_ERROR(co_await model_.Commit(Durability::kSync));
  AURORA_CO_RETURN_IF_ERROR(co_await Reopen());
  AURORA_CO_RETURN_IF_ERROR(co_await model_.CheckRecovered(/*machine=*/true));
  AURORA_CO_RETURN_IF_ERROR(co_await model_.Commit(std::nullopt));
  AURORA_CO_RETURN_IF_ERROR(co_await model_.store().store().Flush());
  co_return co_await model_.Close();
}

// With an empty cache, so that what follows reads from the device.
Task<absl::Status> ErrorLife::Reopen() {
  AURORA_CO_RETURN_IF_ERROR(co_await model_.Close());
  co_return co_await model_.Open(&environment());
}

Task<absl::Status> ErrorLife::Copy() {
  copied_ = {model_.commit_count(), model_.commit_count()};
  AURORA_CO_RETURN_IF_ERROR(
      (co_await MakeCheckpoint(&environment(), &model_.store().store(), kCopy)).status());
  AURORA_CO_ASSIGN(const std::unique_ptr<BackupSet> set,
                   co_await BackupSet::Open(&environment(), kBackups, BackupSet::Access::kWrite));
  co_return (co_await set->Create(&model_.store().store(), "", {})).status();
}

// Whoever goes on after an error is refused by a store that has said so.
Task<absl::Status> ErrorLife::Probe() {
  for (int i = 0; i < kProbes; ++i) {
    const absl::Status before = model_.store().store().status();
    WriteBatch batch;
    batch.Put(ProbeKey(i), "written", kProbeKeyspace);
    const absl::StatusOr<CommitResult> written =
        co_await model_.store().Write(batch, Durability::kSync);
    if (written.ok() && !before.ok()) {
      co_return InternalError("a commit was acknowledged after ", before.ToString());
    }
    if (written.ok()) probes_.push_back(i);
    if (!written.ok() && !NamesAFile(written.status())) {
      co_return InternalError("an error that names no file: ", written.status().ToString());
    }
  }
  co_return absl::OkStatus();
}

absl::Status ErrorLife::EndProcess(bool by_crash) {
  if (by_crash) {
    simulation_.CrashMachine(DrawCrashMode(random_));
  }
  absl::Status closed;
  if (model_.is_open()) closed = simulation_.Run(model_.Close());
  if (!simulation_.RunUntilIdle()) return InternalError("goes on for ever");
  if (by_crash) return simulation_.Restart();
  return IsViolation(closed) ? closed : absl::OkStatus();
}

Task<absl::Status> ErrorLife::CheckProbes() {
  for (const int probe : probes_) {
    const std::string key = ProbeKey(probe);
    AURORA_CO_ASSIGN(const std::optional<PinnedValue> found,
                     co_await model_.store().store().Get(kProbeKeyspace, key));
    if (!found.has_value()) co_return InternalError(key, " was acknowledged and is not there");
  }
  co_return absl::OkStatus();
}

Task<absl::Status> ErrorLife::CheckBackup() {
  AURORA_CO_ASSIGN(const std::unique_ptr<BackupSet> set,
                   co_await BackupSet::Open(&environment(), kBackups, BackupSet::Access::kWrite));
  AURORA_CO_ASSIGN(const BackupReport report, co_await set->Verify(0, {}));
  if (!report.problems.empty()) co_return InternalError(report.problems.front());
  co_return absl::OkStatus();
}

absl::Status ErrorLife::CheckAftermath(bool only_space) {
  absl::Status status = simulation_.Run(model_.Open(&environment()));
  // What was acknowledged to survive the process was in a mapping whose file could not be synced.
  const bool told = durability_ != Durability::kSync && !only_space && absl::IsDataLoss(status);
  if (told) return absl::OkStatus();
  AURORA_RETURN_IF_ERROR(status);
  AURORA_RETURN_IF_ERROR(simulation_.Run(model_.CheckRecovered(/*machine=*/true)));
  AURORA_RETURN_IF_ERROR(simulation_.Run(CheckProbes()));
  for (int i = 0; i < 2; ++i) {
    AURORA_RETURN_IF_ERROR(simulation_.Run(model_.Commit(std::nullopt)));
  }
  AURORA_RETURN_IF_ERROR(simulation_.Run(model_.store().store().Compact()));
  AURORA_RETURN_IF_ERROR(simulation_.Run(model_.Close()));
  AURORA_RETURN_IF_ERROR(simulation_.Run(model_.Open(&environment())));
  AURORA_RETURN_IF_ERROR(simulation_.Run(model_.CheckRecovered(/*machine=*/true)));
  AURORA_RETURN_IF_ERROR(simulation_.Run(CheckProbes()));
  if (simulation_.Run(environment().files().Stat(kCopy)).ok()) {
    copied_.last = model_.commit_count();
    AURORA_RETURN_IF_ERROR(CheckCopy(&simulation_, model_, kCopy, random_.Next64(), copied_));
  }
  return simulation_.Run(CheckBackup());
}

absl::Status ErrorLife::Run(const FaultRule& rule, bool* struck) {
  const std::size_t id = simulation_.faults().Add(rule);
  absl::Status status = simulation_.Run(Live());
  *struck = simulation_.faults().struck(id) > 0;
  if (!status.ok() && !IsViolation(status) && !NamesAFile(status)) {
    status = InternalError("an error that names no file: ", status.ToString());
  }
  if (!IsViolation(status) && model_.is_open()) status = simulation_.Run(Probe());
  const absl::Status ended = EndProcess(random_.Below(2) == 0);
  if (IsViolation(status)) return status;
  AURORA_RETURN_IF_ERROR(ended);
  simulation_.faults().Clear();
  status = CheckAftermath(rule.fault.kind == Fault::Kind::kError && rule.fault.error == ENOSPC);
  return Annotate(ConcludeRun(&simulation_, &model_, status), "opened again");
}

}  // namespace

FaultRule RuleOf(FailureKind kind, std::uint64_t first, bool for_ever) {
  FaultRule rule;
  rule.first = first;
  if (for_ever) rule.count = FaultRule::kForEver;
  switch (kind) {
    case FailureKind::kDevice:
      rule.fault = Fault::Error(EIO);
      break;
    case FailureKind::kSpace:
      rule.fault = Fault::Error(ENOSPC);
      rule.kinds = {OperationKind::kCreate,          OperationKind::kWrite,
                    OperationKind::kWriteDurably,    OperationKind::kAllocate,
                    OperationKind::kCreateDirectory, OperationKind::kLink};
      break;
    case FailureKind::kShorten:
      rule.fault = Fault::Shorten();
      break;
  }
  return rule;
}

absl::Status RunErrorLife(std::uint64_t seed, Durability durability, const FaultRule& rule,
                          bool* struck) {
  ErrorLife life(seed, durability);
  const absl::Status status = life.Run(rule, struck);
  if (status.ok()) return status;
  return InternalError(status.ToString(), "; fault ", static_cast<int>(rule.fault.kind), "/",
                       rule.fault.error, " from operation ", rule.first,
                       rule.count == 1 ? " once" : " for ever", "; seed ", seed, ", durability ",
                       static_cast<int>(durability));
}

}  // namespace aurora::lsm
