#include "aurora/engine/backup.h"

#include <utility>

#include "aurora/runtime/status.h"
#include "aurora/runtime/system_environment.h"

namespace aurora {
namespace {

Task<absl::Status> DeleteFrom(std::shared_ptr<Environment> environment, std::string directory,
                              std::uint64_t id) {
  AURORA_CO_ASSIGN(const std::unique_ptr<lsm::BackupSet> set,
                   co_await lsm::BackupSet::Open(environment.get(), std::move(directory),
                                                 lsm::BackupSet::Access::kWrite));
  co_return co_await set->Delete(id);
}

}  // namespace

Task<absl::StatusOr<BackupSet>> BackupSet::Open(std::string directory,
                                                std::shared_ptr<Environment> environment) {
  return OpenSet(std::move(directory), std::move(environment));
}

Task<absl::StatusOr<BackupSet>> BackupSet::OpenSet(std::string directory,
                                                   std::shared_ptr<Environment> environment) {
  if (environment == nullptr) {
    AURORA_CO_ASSIGN(environment, MakeSystemEnvironment());
  }
  AURORA_CO_ASSIGN(
      std::unique_ptr<lsm::BackupSet> set,
      co_await lsm::BackupSet::Open(environment.get(), directory, lsm::BackupSet::Access::kRead));
  co_return BackupSet(std::move(directory), std::move(environment), std::move(set));
}

Task<absl::StatusOr<std::vector<BackupInfo>>> BackupSet::List() { return set_->List(); }

Task<absl::StatusOr<BackupReport>> BackupSet::Verify(std::uint64_t id, CopyOptions options) {
  return set_->Verify(id, std::move(options));
}

Task<absl::StatusOr<BackupInfo>> BackupSet::Restore(std::uint64_t id, std::string path,
                                                    CopyOptions options) {
  return set_->Restore(id, std::move(path), std::move(options));
}

Task<absl::Status> BackupSet::Delete(std::uint64_t id) {
  return DeleteFrom(environment_, directory_, id);
}

}  // namespace aurora
