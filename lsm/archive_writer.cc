#include "aurora/lsm/archive_writer.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "aurora/lsm/file_copier.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/new_directory.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {

Task<absl::StatusOr<std::unique_ptr<ArchiveWriter>>> ArchiveWriter::Open(Environment* environment,
                                                                         std::string directory,
                                                                         LogIdentity identity,
                                                                         Sequence known) {
  std::unique_ptr<ArchiveWriter> writer(
      new ArchiveWriter(environment, std::move(directory), identity));
  AURORA_CO_RETURN_IF_ERROR(co_await writer->Prepare(known));
  co_return writer;
}

Task<absl::Status> ArchiveWriter::Prepare(Sequence known) {
  FileSystem* const files = &environment_->files();
  directory_ = JoinPath(parent_, LineageName(identity_));
  AURORA_CO_RETURN_IF_ERROR(co_await CreateDirectoryIfAbsent(files, parent_));
  AURORA_CO_RETURN_IF_ERROR(co_await files->SyncDirectory(ParentPath(parent_)));
  AURORA_CO_RETURN_IF_ERROR(co_await CreateDirectoryIfAbsent(files, directory_));
  AURORA_CO_RETURN_IF_ERROR(co_await files->SyncDirectory(parent_));
  AURORA_CO_ASSIGN(lock_, co_await files->Lock(JoinPath(directory_, kLockFileName)));
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries, co_await files->List(directory_));
  for (const DirectoryEntry& entry : entries) {
    const std::optional<ArchiveFileName> name = ParseArchiveFileName(entry.name);
    const bool is_log = name.has_value() && name->kind == ArchiveFileName::Kind::kLog;
    const bool is_doubtful = is_log && name->last > known;
    if (is_doubtful || entry.name.ends_with(kArchiveTemporarySuffix)) {
      AURORA_CO_RETURN_IF_ERROR(co_await files->Remove(JoinPath(directory_, entry.name)));
    } else if (is_log) {
      last_ = std::max(last_, name->last);
      ++file_count_;
    }
  }
  // What was found is relied on from here on.
  co_return co_await files->SyncDirectory(directory_);
}

Task<absl::Status> ArchiveWriter::AddFile(std::string from, ArchiveFileName name,
                                          std::uint64_t bytes) {
  FileSystem& files = environment_->files();
  const std::string path = JoinPath(directory_, FormatArchiveFileName(name));
  const absl::StatusOr<FileInfo> there = co_await files.Stat(path);
  if (there.ok() && there->size_bytes == bytes) co_return absl::OkStatus();
  FileCopier copier(environment_, CopyOptions(), bytes);
  FileCopier::Request request;
  request.from = from;
  request.to = StrCat(path, kArchiveTemporarySuffix);
  request.bytes = bytes;
  AURORA_CO_ASSIGN(const std::uint64_t hash, co_await copier.Copy(std::move(request)));
  if (hash != name.hash) {
    co_return DataLossError(from, " is damaged: its contents are not those that were written");
  }
  has_new_names_ = true;
  co_return co_await files.Rename(StrCat(path, kArchiveTemporarySuffix), path);
}

Task<absl::Status> ArchiveWriter::WriteFile(std::string path, const std::string* bytes) {
  FileSystem& files = environment_->files();
  const std::string temporary = StrCat(path, kArchiveTemporarySuffix);
  OpenOptions options;
  options.mode = OpenMode::kCreateNew;
  {
    AURORA_CO_ASSIGN(const std::unique_ptr<File> file, co_await files.Open(temporary, options));
    AURORA_CO_RETURN_IF_ERROR(co_await file->Write(0, *bytes));
    if (!AURORA_PLANTED_BUG("archive-skip-sync")) AURORA_CO_RETURN_IF_ERROR(co_await file->Sync());
  }
  AURORA_CO_RETURN_IF_ERROR(co_await files.Rename(temporary, path));
  if (AURORA_PLANTED_BUG("archive-skip-directory-sync")) co_return absl::OkStatus();
  co_return co_await files.SyncDirectory(directory_);
}

Task<absl::StatusOr<std::uint64_t>> ArchiveWriter::Append(ArchiveBuilder* builder) {
  ArchiveFileName name;
  name.first = builder->header().first;
  name.last = builder->header().last;
  AURORA_CHECK(name.first > last_);
  const std::string bytes = builder->Finish(last_);
  if (std::exchange(has_new_names_, false) && !AURORA_PLANTED_BUG("archive-names-before-files")) {
    AURORA_CO_RETURN_IF_ERROR(co_await environment_->files().SyncDirectory(directory_));
  }
  AURORA_CO_RETURN_IF_ERROR(
      co_await WriteFile(JoinPath(directory_, FormatArchiveFileName(name)), &bytes));
  last_ = name.last;
  ++file_count_;
  co_return bytes.size();
}

}  // namespace aurora::lsm
