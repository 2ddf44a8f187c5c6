#include "aurora/lsm/backup_set.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_segment.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/new_directory.h"
#include "aurora/lsm/record_file.h"
#include "aurora/lsm/store_image.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

// Far above what a million tables need.
constexpr std::uint64_t kBackupBytesMax = std::uint64_t{2} << 30;

bool IsOurs(const DirectoryEntry& entry) {
  if (entry.is_directory) return entry.name == kBackupFilesName;
  std::string_view name = entry.name;
  if (name.ends_with(kBackupTemporarySuffix)) name.remove_suffix(kBackupTemporarySuffix.size());
  return name == kLockFileName || ParseBackupFileName(name) != 0;
}

}  // namespace

std::string BackupSet::FilePath(std::string_view name) const {
  return JoinPath(JoinPath(directory_, kBackupFilesName), name);
}

BackupInfo BackupSet::InfoOf(std::uint64_t id, const BackupContents& contents) {
  BackupInfo info;
  info.id = id;
  info.created_micros = contents.created_micros;
  info.label = contents.label;
  info.sequence = contents.sequence;
  for (const BackupFile& file : FilesOf(contents)) {
    ++info.file_count;
    info.total_bytes += file.bytes;
  }
  return info;
}

// --- Opening. ---

Task<absl::StatusOr<std::unique_ptr<BackupSet>>> BackupSet::Open(Environment* environment,
                                                                 std::string directory,
                                                                 Access access) {
  if (directory.empty()) co_return InvalidArgumentError("no directory for backups was given");
  std::unique_ptr<BackupSet> set(new BackupSet(environment, std::move(directory)));
  AURORA_CO_RETURN_IF_ERROR(co_await set->Prepare(access));
  co_return set;
}

Task<absl::Status> BackupSet::Prepare(Access access) {
  FileSystem* const files = &environment_->files();
  const absl::StatusOr<FileInfo> there = co_await files->Stat(directory_);
  if (absl::IsNotFound(there.status()) && access == Access::kRead) {
    co_return NotFoundError("there are no backups at ", directory_);
  }
  if (there.ok() && !there->is_directory) {
    co_return FailedPreconditionError(directory_, " is a file; a set of backups is a directory");
  }
  if (absl::IsNotFound(there.status())) {
    AURORA_CO_RETURN_IF_ERROR(co_await CreateDirectoryIfAbsent(files, directory_));
    AURORA_CO_RETURN_IF_ERROR(co_await files->SyncDirectory(ParentPath(directory_)));
  } else {
    AURORA_CO_RETURN_IF_ERROR(there);
  }
  bool has_files = false;
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries, co_await files->List(directory_));
  for (const DirectoryEntry& entry : entries) {
    has_files |= entry.name == kBackupFilesName;
    if (IsOurs(entry)) continue;
    co_return FailedPreconditionError(directory_, " is not a set of backups: it holds ",
                                      Quoted(entry.name), ". Name an empty or a new directory");
  }
  if (access == Access::kRead) {
    if (!has_files) co_return NotFoundError("there are no backups in ", directory_);
    co_return absl::OkStatus();
  }
  AURORA_CO_ASSIGN(lock_, co_await files->Lock(JoinPath(directory_, kLockFileName)));
  AURORA_CO_RETURN_IF_ERROR(
      co_await CreateDirectoryIfAbsent(files, JoinPath(directory_, kBackupFilesName)));
  AURORA_CO_RETURN_IF_ERROR(co_await files->SyncDirectory(directory_));
  AURORA_CO_RETURN_IF_ERROR(co_await RemoveTemporaries(directory_));
  co_return co_await RemoveTemporaries(JoinPath(directory_, kBackupFilesName));
}

Task<absl::Status> BackupSet::RemoveTemporaries(std::string directory) {
  FileSystem& files = environment_->files();
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries, co_await files.List(directory));
  for (const DirectoryEntry& entry : entries) {
    if (entry.is_directory || !entry.name.ends_with(kBackupTemporarySuffix)) continue;
    AURORA_CO_RETURN_IF_ERROR(co_await files.Remove(JoinPath(directory, entry.name)));
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::vector<std::uint64_t>>> BackupSet::ListIds() {
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries,
                   co_await environment_->files().List(directory_));
  std::vector<std::uint64_t> ids;
  for (const DirectoryEntry& entry : entries) {
    const std::uint64_t id = entry.is_directory ? 0 : ParseBackupFileName(entry.name);
    if (id != 0) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  co_return ids;
}

Task<absl::StatusOr<BackupContents>> BackupSet::Load(std::uint64_t id) {
  const std::string path = JoinPath(directory_, BackupFileName(id));
  absl::StatusOr<std::unique_ptr<File>> file =
      co_await environment_->files().Open(path, OpenOptions());
  if (absl::IsNotFound(file.status())) {
    co_return NotFoundError("there is no backup ", id, " in ", directory_);
  }
  if (!file.ok()) co_return file.status();
  AURORA_CO_ASSIGN(const std::uint64_t size, co_await (*file)->Size());
  if (size > kBackupBytesMax) co_return DataLossError(path, " cannot have ", size, " bytes");
  std::string bytes(size, '\0');
  AURORA_CO_ASSIGN(const std::size_t read, co_await (*file)->Read(0, bytes));
  bytes.resize(read);
  co_return DecodeBackup(path, id, bytes);
}

// --- Creating. ---

Task<absl::Status> BackupSet::AddFile(FileCopier* copier, std::string from, BackupFile file,
                                      BackupInfo* info) {
  FileSystem& files = environment_->files();
  const std::string path = FilePath(file.name);
  const absl::StatusOr<FileInfo> there = co_await files.Stat(path);
  if (there.ok() && there->size_bytes == file.bytes) {
    copier->Skip(file.bytes);
    co_return absl::OkStatus();
  }
  FileCopier::Request request;
  request.from = from;
  request.to = StrCat(path, kBackupTemporarySuffix);
  request.bytes = file.bytes;
  AURORA_CO_ASSIGN(const std::uint64_t hash, co_await copier->Copy(std::move(request)));
  if (hash != file.hash) {
    co_return DataLossError(from, " is damaged: its contents are not those that were written");
  }
  AURORA_CO_RETURN_IF_ERROR(co_await files.Rename(StrCat(path, kBackupTemporarySuffix), path));
  info->copied_bytes += file.bytes;
  co_return absl::OkStatus();
}

Task<absl::Status> BackupSet::AddLogPart(FileCopier* copier, std::string from, BackupLogPart* part,
                                         BackupInfo* info) {
  FileSystem& files = environment_->files();
  AURORA_CO_ASSIGN(const FileInfo segment, co_await files.Stat(from));
  part->padded_bytes = segment.size_bytes;
  FileCopier::Request request;
  request.from = std::move(from);
  request.to = FilePath(StrCat(part->number, ".log", kBackupTemporarySuffix));
  request.bytes = part->bytes;
  const std::string temporary = request.to;
  AURORA_CO_ASSIGN(part->hash, co_await copier->Copy(std::move(request)));
  AURORA_CO_RETURN_IF_ERROR(co_await files.Rename(temporary, FilePath(FileOfLogPart(*part).name)));
  info->copied_bytes += part->bytes;
  co_return absl::OkStatus();
}

Task<absl::Status> BackupSet::Publish(std::uint64_t id, const BackupContents* contents) {
  FileSystem& files = environment_->files();
  if (!AURORA_PLANTED_BUG("backup-skip-directory-sync")) {
    AURORA_CO_RETURN_IF_ERROR(co_await files.SyncDirectory(JoinPath(directory_, kBackupFilesName)));
  }
  const std::string path = JoinPath(directory_, BackupFileName(id));
  const std::string temporary = StrCat(path, kBackupTemporarySuffix);
  const std::string bytes = EncodeBackup(id, *contents);
  OpenOptions options;
  options.mode = OpenMode::kCreateNew;
  AURORA_CO_ASSIGN(const std::unique_ptr<File> file, co_await files.Open(temporary, options));
  AURORA_CO_RETURN_IF_ERROR(co_await file->Write(0, bytes));
  AURORA_CO_RETURN_IF_ERROR(co_await file->Sync());
  AURORA_CO_RETURN_IF_ERROR(co_await files.Rename(temporary, path));
  co_return co_await files.SyncDirectory(directory_);
}

Task<absl::StatusOr<BackupInfo>> BackupSet::Create(Store* store, std::string label,
                                                   CopyOptions options) {
  AURORA_CHECK(lock_ != nullptr && "the set must be open for writing");
  AURORA_CO_RETURN_IF_ERROR(co_await RemoveTemporaries(directory_));
  AURORA_CO_RETURN_IF_ERROR(co_await RemoveTemporaries(JoinPath(directory_, kBackupFilesName)));
  AURORA_CO_ASSIGN(const std::vector<std::uint64_t> ids, co_await ListIds());
  const std::uint64_t id = ids.empty() ? 1 : ids.back() + 1;
  // Without it more of the log is copied, and that is all.
  const absl::Status flushed = co_await store->Flush();
  static_cast<void>(flushed);
  AURORA_CO_ASSIGN(const std::unique_ptr<StoreImage> image, co_await store->Capture());
  BackupContents contents;
  contents.created_micros = absl::ToUnixMicros(environment_->clock().Now());
  contents.label = std::move(label);
  contents.sequence = image->sequence;
  contents.state = image->state;
  FileCopier copier(environment_, std::move(options), image->TotalBytes());
  BackupInfo copied;
  for (const auto& [number, table] : image->state.tables) {
    std::string from = JoinPath(image->directory, TableFileName(number));
    BackupFile file = FileOfTable(table);
    AURORA_CO_RETURN_IF_ERROR(co_await AddFile(&copier, std::move(from), std::move(file), &copied));
  }
  for (const auto& [id, use] : image->state.value_files) {
    std::string from = JoinPath(image->directory, ValueFileName(use.info.number));
    BackupFile file = FileOfValues(use.info);
    AURORA_CO_RETURN_IF_ERROR(co_await AddFile(&copier, std::move(from), std::move(file), &copied));
  }
  const std::string log_directory = JoinPath(image->directory, kLogDirectoryName);
  contents.record_files = image->record_files;
  for (const RecordFileReference& reference : image->record_files) {
    std::string from = JoinPath(log_directory, RecordFileName(reference.number));
    BackupFile file = FileOfRecord(reference);
    AURORA_CO_RETURN_IF_ERROR(co_await AddFile(&copier, std::move(from), std::move(file), &copied));
  }
  for (const LogPosition& position : image->log) {
    BackupLogPart part;
    part.number = position.segment;
    part.bytes = position.offset;
    std::string from = SegmentPath(log_directory, static_cast<std::uint32_t>(position.segment));
    AURORA_CO_RETURN_IF_ERROR(co_await AddLogPart(&copier, std::move(from), &part, &copied));
    contents.log.push_back(part);
  }
  AURORA_CO_RETURN_IF_ERROR(co_await Publish(id, &contents));
  // What an attempt that failed has copied, and this one did not need. If it stays, the next one
  // or the next Delete removes it.
  const absl::Status removed = co_await RemoveUnused();
  static_cast<void>(removed);
  BackupInfo info = InfoOf(id, contents);
  info.copied_bytes = copied.copied_bytes;
  co_return info;
}

// --- Listing and deleting. ---

Task<absl::StatusOr<std::vector<BackupInfo>>> BackupSet::List() {
  AURORA_CO_ASSIGN(const std::vector<std::uint64_t> ids, co_await ListIds());
  std::vector<BackupInfo> all;
  for (const std::uint64_t id : ids) {
    const absl::StatusOr<BackupContents> contents = co_await Load(id);
    if (contents.ok()) {
      all.push_back(InfoOf(id, *contents));
    } else {
      all.push_back({});
      all.back().id = id;
      all.back().status = contents.status();
    }
  }
  co_return all;
}

Task<absl::Status> BackupSet::Delete(std::uint64_t id) {
  AURORA_CHECK(lock_ != nullptr && "the set must be open for writing");
  FileSystem& files = environment_->files();
  absl::Status removed = co_await files.Remove(JoinPath(directory_, BackupFileName(id)));
  if (absl::IsNotFound(removed)) {
    co_return NotFoundError("there is no backup ", id, " in ", directory_);
  }
  AURORA_CO_RETURN_IF_ERROR(removed);
  if (!AURORA_PLANTED_BUG("backup-collect-early")) {
    AURORA_CO_RETURN_IF_ERROR(co_await files.SyncDirectory(directory_));
  }
  co_return co_await RemoveUnused();
}

Task<absl::Status> BackupSet::RemoveUnused() {
  FileSystem& files = environment_->files();
  AURORA_CO_ASSIGN(const std::vector<std::uint64_t> ids, co_await ListIds());
  std::set<std::string> used;
  for (const std::uint64_t id : ids) {
    const absl::StatusOr<BackupContents> contents = co_await Load(id);
    if (!contents.ok()) {
      co_return Annotate(
          contents.status(),
          StrCat("no file of ", directory_, " was removed, since ", "backup ", id, " may need it"));
    }
    for (BackupFile& file : FilesOf(*contents)) used.insert(std::move(file.name));
  }
  const std::string directory = JoinPath(directory_, kBackupFilesName);
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries, co_await files.List(directory));
  for (const DirectoryEntry& entry : entries) {
    if (entry.is_directory || used.contains(entry.name)) continue;
    AURORA_CO_RETURN_IF_ERROR(co_await files.Remove(JoinPath(directory, entry.name)));
  }
  co_return absl::OkStatus();
}

// --- Verifying and restoring. ---

Task<absl::Status> BackupSet::VerifyFile(FileCopier* copier, const BackupFile* file,
                                         BackupReport* report) {
  const std::string path = FilePath(file->name);
  const absl::StatusOr<std::uint64_t> hash = co_await copier->Hash(path, file->bytes);
  ++report->file_count;
  if (absl::IsCancelled(hash.status())) co_return hash.status();
  if (absl::IsNotFound(hash.status())) {
    report->problems.push_back(StrCat(path, " is missing"));
  } else if (!hash.ok()) {
    report->problems.push_back(std::string(ToStd(hash.status().message())));
  } else if (*hash != file->hash) {
    report->problems.push_back(StrCat(path, " is damaged: its checksum does not match"));
  } else {
    report->bytes += file->bytes;
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<BackupReport>> BackupSet::Verify(std::uint64_t id, CopyOptions options) {
  AURORA_CO_ASSIGN(std::vector<std::uint64_t> ids, co_await ListIds());
  if (id != 0) ids = {id};
  BackupReport report;
  std::vector<BackupFile> files;
  std::set<std::string> seen;
  std::uint64_t total_bytes = 0;
  for (const std::uint64_t each : ids) {
    ++report.backup_count;
    const absl::StatusOr<BackupContents> contents = co_await Load(each);
    if (absl::IsNotFound(contents.status())) co_return contents.status();
    if (!contents.ok()) {
      report.problems.push_back(std::string(ToStd(contents.status().message())));
      continue;
    }
    for (BackupFile& file : FilesOf(*contents)) {
      if (!seen.insert(file.name).second) continue;
      total_bytes += file.bytes;
      files.push_back(std::move(file));
    }
  }
  FileCopier copier(environment_, std::move(options), total_bytes);
  for (const BackupFile& file : files) {
    AURORA_CO_RETURN_IF_ERROR(co_await VerifyFile(&copier, &file, &report));
  }
  co_return report;
}

Task<absl::StatusOr<std::uint64_t>> BackupSet::Newest() {
  AURORA_CO_ASSIGN(const std::vector<std::uint64_t> ids, co_await ListIds());
  if (ids.empty()) co_return NotFoundError("there is no backup in ", directory_);
  co_return ids.back();
}

namespace {

// What a backup needs, and where it goes.
struct RestoredFile {
  BackupFile file;
  std::string to;
  std::uint64_t padded_bytes = 0;
};

std::vector<RestoredFile> Plan(const BackupContents& contents, const NewDirectory& target) {
  std::vector<RestoredFile> plan;
  for (const auto& [number, table] : contents.state.tables) {
    plan.push_back({FileOfTable(table), JoinPath(target.path(), TableFileName(number))});
  }
  for (const auto& [id, use] : contents.state.value_files) {
    plan.push_back(
        {FileOfValues(use.info), JoinPath(target.path(), ValueFileName(use.info.number))});
  }
  for (const BackupLogPart& part : contents.log) {
    plan.push_back({FileOfLogPart(part), target.SegmentPath(part.number), part.padded_bytes});
  }
  for (const RecordFileReference& file : contents.record_files) {
    plan.push_back({FileOfRecord(file), target.RecordFilePath(file.number)});
  }
  return plan;
}

Task<absl::Status> RestoreFiles(FileCopier* copier, const std::vector<RestoredFile>* plan,
                                std::string directory) {
  for (const RestoredFile& restored : *plan) {
    FileCopier::Request request;
    request.from = JoinPath(directory, restored.file.name);
    request.to = restored.to;
    request.bytes = restored.file.bytes;
    request.padded_bytes = restored.padded_bytes;
    const std::string from = request.from;
    const absl::StatusOr<std::uint64_t> hash = co_await copier->Copy(std::move(request));
    if (absl::IsNotFound(hash.status())) co_return DataLossError(from, " is missing");
    AURORA_CO_RETURN_IF_ERROR(hash);
    if (*hash != restored.file.hash && !AURORA_PLANTED_BUG("restore-ignore-hash")) {
      co_return DataLossError(from, " is damaged: its checksum does not match");
    }
  }
  co_return absl::OkStatus();
}

}  // namespace

Task<absl::Status> BackupSet::CopyFiles(FileCopier* copier, const BackupContents* contents,
                                        const NewDirectory* target) {
  const std::vector<RestoredFile> plan = Plan(*contents, *target);
  co_return co_await RestoreFiles(copier, &plan, JoinPath(directory_, kBackupFilesName));
}

Task<absl::StatusOr<BackupInfo>> BackupSet::Restore(std::uint64_t id, std::string target,
                                                    CopyOptions options) {
  if (id == 0) {
    AURORA_CO_ASSIGN(id, co_await Newest());
  }
  AURORA_CO_ASSIGN(BackupContents contents, co_await Load(id));
  BackupInfo info = InfoOf(id, contents);
  AURORA_CO_ASSIGN(const std::unique_ptr<NewDirectory> directory,
                   co_await NewDirectory::Begin(environment_, std::move(target)));
  FileCopier copier(environment_, std::move(options), info.total_bytes);
  absl::Status restored = co_await CopyFiles(&copier, &contents, directory.get());
  if (restored.ok()) restored = co_await directory->Finish(std::move(contents.state));
  if (!restored.ok()) {
    co_await directory->Abandon();
    co_return Annotate(restored, StrCat("backup ", id));
  }
  co_return info;
}

}  // namespace aurora::lsm
