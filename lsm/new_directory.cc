#include "aurora/lsm/new_directory.h"

#include <utility>
#include <vector>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/manifest.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

std::string WithoutSlashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

Task<absl::Status> CreateDirectoryIfAbsent(FileSystem* files, std::string path) {
  absl::Status created = co_await files->CreateDirectory(std::move(path));
  if (absl::IsAlreadyExists(created)) co_return absl::OkStatus();
  co_return created;
}

std::uint64_t NextEpoch(std::uint64_t epoch, Random& random) {
  // Steps of up to 2^40 leave room for sixteen million copies of copies.
  return epoch + 1 + (random.Next64() >> 24);
}

NewDirectory::NewDirectory(Environment* environment, std::string target)
    : environment_(environment),
      target_(WithoutSlashes(std::move(target))),
      path_(StrCat(target_, ".incomplete")) {}

std::string NewDirectory::SegmentPath(std::uint64_t number) const {
  return JoinPath(JoinPath(path_, kLogDirectoryName),
                  SegmentFileName(static_cast<std::uint32_t>(number)));
}

std::string NewDirectory::RecordFilePath(std::uint64_t number) const {
  return JoinPath(JoinPath(path_, kLogDirectoryName), RecordFileName(number));
}

Task<absl::StatusOr<std::unique_ptr<NewDirectory>>> NewDirectory::Begin(Environment* environment,
                                                                        std::string target) {
  std::unique_ptr<NewDirectory> directory(new NewDirectory(environment, std::move(target)));
  AURORA_CO_RETURN_IF_ERROR(co_await directory->Prepare());
  co_return directory;
}

Task<absl::Status> NewDirectory::Prepare() {
  FileSystem* const files = &environment_->files();
  if (target_.empty()) co_return InvalidArgumentError("no directory was given");
  const absl::StatusOr<FileInfo> there = co_await files->Stat(target_);
  if (there.ok()) co_return AlreadyExistsError(target_, " exists already; name a new directory");
  if (!absl::IsNotFound(there.status())) co_return there.status();
  AURORA_CO_RETURN_IF_ERROR(co_await CreateDirectoryIfAbsent(files, path_));
  AURORA_CO_ASSIGN(lock_, co_await files->Lock(JoinPath(path_, kLockFileName)));
  AURORA_CO_RETURN_IF_ERROR(co_await Clear());
  co_return co_await CreateDirectoryIfAbsent(files, JoinPath(path_, kLogDirectoryName));
}

Task<absl::Status> NewDirectory::Clear() {
  FileSystem& files = environment_->files();
  std::vector<std::string> ours;
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries, co_await files.List(path_));
  std::string foreign;
  for (const DirectoryEntry& entry : entries) {
    const FileName::Kind kind = ParseFileName(entry.name).kind;
    if (kind == FileName::Kind::kLock) continue;
    if (kind == FileName::Kind::kLogDirectory) {
      const std::string log = JoinPath(path_, entry.name);
      AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> segments, co_await files.List(log));
      for (const DirectoryEntry& segment : segments) {
        const bool is_ours = ParseSegmentFileName(segment.name).has_value() ||
                             ParseRecordFileName(segment.name) != 0;
        if (!is_ours) foreign = segment.name;
        ours.push_back(JoinPath(log, segment.name));
      }
      continue;
    }
    if (kind == FileName::Kind::kOther || kind == FileName::Kind::kEvents) foreign = entry.name;
    ours.push_back(JoinPath(path_, entry.name));
  }
  if (!foreign.empty()) {
    co_return FailedPreconditionError(path_, " is needed to make ", target_, ", but holds ",
                                      Quoted(foreign),
                                      ", which is not of a database. Move it away");
  }
  for (const std::string& path : ours) {
    AURORA_CO_RETURN_IF_ERROR(co_await files.Remove(path));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> NewDirectory::Finish(ManifestState state) {
  AURORA_CO_RETURN_IF_ERROR(co_await WriteManifest(std::move(state)));
  co_return co_await Publish();
}

Task<absl::Status> NewDirectory::Seed(ManifestState state) {
  AURORA_CO_RETURN_IF_ERROR(co_await WriteManifest(std::move(state)));
  lock_ = nullptr;
  co_return absl::OkStatus();
}

Task<absl::Status> NewDirectory::WriteManifest(ManifestState state) {
  FileSystem* const files = &environment_->files();
  state.identity.epoch = NextEpoch(state.identity.epoch, environment_->random());
  state.boot_id = files->BootId();
  state.closed_at.reset();
  if (!AURORA_PLANTED_BUG("copy-skip-directory-sync")) {
    AURORA_CO_RETURN_IF_ERROR(co_await files->SyncDirectory(JoinPath(path_, kLogDirectoryName)));
  }
  // Syncs the directory too, with all that is in it.
  AURORA_CO_RETURN_IF_ERROR(co_await Manifest::Create(files, path_, 1, std::move(state)));
  co_return absl::OkStatus();
}

Task<absl::Status> NewDirectory::Publish() {
  FileSystem* const files = &environment_->files();
  AURORA_CO_RETURN_IF_ERROR(co_await files->Rename(path_, target_));
  const absl::Status synced = co_await files->SyncDirectory(ParentPath(target_));
  lock_ = nullptr;
  co_return Annotate(synced, StrCat(target_, " is complete, but a loss of power may take it away"));
}

Task<void> NewDirectory::Abandon() {
  FileSystem& files = environment_->files();
  const absl::Status cleared = co_await Clear();
  if (!cleared.ok()) co_return;
  // What stays is removed by the next attempt.
  const absl::Status lock = co_await files.Remove(JoinPath(path_, kLockFileName));
  const absl::Status log = co_await files.RemoveDirectory(JoinPath(path_, kLogDirectoryName));
  const absl::Status itself = co_await files.RemoveDirectory(path_);
  for (const absl::Status* status : {&lock, &log, &itself}) static_cast<void>(*status);
  lock_ = nullptr;
}

}  // namespace aurora::lsm
