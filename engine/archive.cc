#include "aurora/engine/archive.h"

#include <algorithm>
#include <utility>

#include "aurora/engine/database.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/system_environment.h"

namespace aurora {
namespace {

// Opens what is being restored as a database like any other, so that its indices are derived from
// the log.
class Settler final : public lsm::DatabaseSettler {
 public:
  explicit Settler(std::shared_ptr<Environment> environment)
      : environment_(std::move(environment)) {}
  Task<absl::Status> Settle(std::string directory) override {
    Options options;
    options.environment = environment_;
    options.create_if_missing = false;
    options.event_file = false;
    AURORA_CO_ASSIGN(Database database, co_await Database::Open(std::move(directory), options));
    const absl::Status flushed = co_await database.Flush();
    const absl::Status closed = co_await database.Close();
    co_return flushed.ok() ? closed : flushed;
  }

 private:
  const std::shared_ptr<Environment> environment_;
};

Task<absl::StatusOr<PointRestored>> Restore(RestoreRequest request) {
  if (request.environment == nullptr) {
    AURORA_CO_ASSIGN(request.environment, MakeSystemEnvironment());
  }
  Environment* const environment = request.environment.get();
  AURORA_CO_ASSIGN(
      const std::unique_ptr<lsm::BackupSet> backups,
      co_await lsm::BackupSet::Open(environment, request.backups, lsm::BackupSet::Access::kRead));
  AURORA_CO_ASSIGN(const std::unique_ptr<lsm::ArchiveSet> archive,
                   co_await lsm::ArchiveSet::Open(environment, request.archive));
  Settler settler(request.environment);
  lsm::PointRestoreOptions options;
  options.point = request.point;
  options.backup_id = request.backup_id;
  options.copy = std::move(request.copy);
  options.settler = &settler;
  co_return co_await lsm::RestoreToPoint(environment, backups.get(), archive.get(),
                                         std::move(request.path), std::move(options));
}

// From which commit of a lineage on everything is kept.
struct KeptLineage {
  lsm::LogIdentity identity;
  lsm::Sequence keep_from = 0;
};

void Keep(const lsm::BackupContents& backup, std::vector<KeptLineage>* kept) {
  const auto found = std::find_if(kept->begin(), kept->end(), [&](const KeptLineage& each) {
    return lsm::IsSameLineage(each.identity, backup.state.identity);
  });
  if (found == kept->end()) {
    kept->push_back({backup.state.identity, backup.sequence});
  } else {
    found->keep_from = std::min(found->keep_from, backup.sequence);
  }
}

Task<absl::StatusOr<std::uint64_t>> FirstKept(lsm::BackupSet* backups, PruneRequest request) {
  if (request.keep_from != 0) co_return request.keep_from;
  AURORA_CO_ASSIGN(const std::vector<BackupInfo> all, co_await backups->List());
  std::uint64_t first = 0;
  for (const BackupInfo& info : all) {
    const bool is_old = info.status.ok() && info.created_micros <= *request.before_micros;
    if (is_old) first = info.id;
  }
  co_return first;
}

}  // namespace

Task<absl::StatusOr<PointRestored>> RestoreToPoint(RestoreRequest request) {
  return Restore(std::move(request));
}

Task<absl::StatusOr<Archive>> Archive::Open(std::string directory,
                                            std::shared_ptr<Environment> environment) {
  return OpenSet(std::move(directory), std::move(environment));
}

Task<absl::StatusOr<Archive>> Archive::OpenSet(std::string directory,
                                               std::shared_ptr<Environment> environment) {
  if (environment == nullptr) {
    AURORA_CO_ASSIGN(environment, MakeSystemEnvironment());
  }
  AURORA_CO_ASSIGN(std::unique_ptr<lsm::ArchiveSet> set,
                   co_await lsm::ArchiveSet::Open(environment.get(), std::move(directory)));
  co_return Archive(std::move(environment), std::move(set));
}

Task<absl::StatusOr<std::vector<ArchiveLineage>>> Archive::List() { return set_->List(); }

Task<absl::StatusOr<ArchiveReport>> Archive::Verify(CopyOptions options) {
  return set_->Verify(std::move(options));
}

Task<absl::StatusOr<PruneReport>> Archive::Prune(PruneRequest request) {
  return PruneSet(environment_.get(), set_.get(), std::move(request));
}

Task<absl::StatusOr<PruneReport>> Archive::PruneSet(Environment* environment, lsm::ArchiveSet* set,
                                                    PruneRequest request) {
  if ((request.keep_from != 0) == request.before_micros.has_value()) {
    co_return InvalidArgumentError("name the backup from which on to keep, or a time");
  }
  AURORA_CO_ASSIGN(
      const std::unique_ptr<lsm::BackupSet> backups,
      co_await lsm::BackupSet::Open(environment, request.backups, lsm::BackupSet::Access::kRead));
  PruneReport report;
  AURORA_CO_ASSIGN(report.keep_from, co_await FirstKept(backups.get(), request));
  if (report.keep_from == 0) co_return report;
  std::vector<KeptLineage> kept;
  AURORA_CO_ASSIGN(const std::vector<std::uint64_t> ids, co_await backups->ListIds());
  if (std::find(ids.begin(), ids.end(), report.keep_from) == ids.end()) {
    co_return NotFoundError("there is no backup ", report.keep_from, " in ", request.backups);
  }
  for (const std::uint64_t id : ids) {
    if (id < report.keep_from) continue;
    AURORA_CO_ASSIGN(const lsm::BackupContents backup, co_await backups->Load(id));
    Keep(backup, &kept);
  }
  AURORA_CO_ASSIGN(const std::vector<ArchiveLineage> lineages, co_await set->List());
  for (const ArchiveLineage& lineage : lineages) {
    const auto found = std::find_if(kept.begin(), kept.end(), [&](const KeptLineage& each) {
      return lsm::IsSameLineage(each.identity, lineage.identity);
    });
    if (found == kept.end()) {
      report.untouched.push_back(lineage.directory);
      continue;
    }
    AURORA_CO_ASSIGN(const lsm::ArchivePruned pruned,
                     co_await set->Prune(lineage.identity, found->keep_from));
    report.file_count += pruned.file_count;
    report.bytes += pruned.bytes;
  }
  co_return report;
}

}  // namespace aurora
