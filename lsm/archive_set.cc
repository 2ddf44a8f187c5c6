#include "aurora/lsm/archive_set.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/record_file.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

// Between two files of the log that follow each other by name.
std::optional<ArchiveHole> HoleBetween(const ArchiveLineage::File& before,
                                       const ArchiveLineage::File& behind) {
  if (!behind.status.ok()) return std::nullopt;  // a problem of its own
  const Sequence last = before.name.last;
  if (behind.header.previous != last) return ArchiveHole{last, behind.header.after, false};
  if (behind.header.after != last) return ArchiveHole{last, behind.header.after, true};
  return std::nullopt;
}

std::string Describe(const ArchiveLineage& lineage, const ArchiveHole& hole) {
  return StrCat(lineage.directory, ": the commits above ", hole.after, " up to ", hole.through,
                hole.is_gap ? " were never archived" : " are missing: files were removed");
}

}  // namespace

bool IsSameLineage(const LogIdentity& a, const LogIdentity& b) {
  return a.epoch == b.epoch && std::memcmp(a.database_id, b.database_id, sizeof a.database_id) == 0;
}

Task<absl::StatusOr<std::unique_ptr<ArchiveSet>>> ArchiveSet::Open(Environment* environment,
                                                                   std::string directory) {
  if (directory.empty()) co_return InvalidArgumentError("no directory of an archive was given");
  FileSystem& files = environment->files();
  const absl::StatusOr<FileInfo> there = co_await files.Stat(directory);
  if (absl::IsNotFound(there.status()))
    co_return NotFoundError("there is no archive at ", directory);
  AURORA_CO_RETURN_IF_ERROR(there);
  if (!there->is_directory) {
    co_return FailedPreconditionError(directory, " is a file; an archive is a directory");
  }
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries, co_await files.List(directory));
  for (const DirectoryEntry& entry : entries) {
    if (entry.is_directory && ParseLineageName(entry.name).has_value()) continue;
    co_return FailedPreconditionError(directory, " is not an archive: it holds ",
                                      Quoted(entry.name));
  }
  co_return std::unique_ptr<ArchiveSet>(new ArchiveSet(environment, std::move(directory)));
}

// --- Listing. ---

Task<absl::StatusOr<std::vector<ArchiveLineage>>> ArchiveSet::List() {
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries,
                   co_await environment_->files().List(directory_));
  std::vector<ArchiveLineage> lineages;
  for (const DirectoryEntry& entry : entries) {
    const std::optional<LogIdentity> identity = ParseLineageName(entry.name);
    if (!identity.has_value()) continue;
    AURORA_CO_ASSIGN(ArchiveLineage lineage, co_await ReadLineage(*identity));
    lineages.push_back(std::move(lineage));
  }
  co_return lineages;
}

Task<absl::StatusOr<ArchiveLineage>> ArchiveSet::ReadLineage(LogIdentity identity) {
  FileSystem& files = environment_->files();
  ArchiveLineage lineage;
  lineage.identity = identity;
  lineage.directory = JoinPath(directory_, LineageName(identity));
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries,
                   co_await files.List(lineage.directory));
  for (const DirectoryEntry& entry : entries) {
    const std::optional<ArchiveFileName> name = ParseArchiveFileName(entry.name);
    if (!name.has_value() || entry.is_directory) continue;
    ArchiveLineage::File file;
    file.path = JoinPath(lineage.directory, entry.name);
    file.name = *name;
    const absl::StatusOr<FileInfo> info = co_await files.Stat(file.path);
    if (absl::IsNotFound(info.status())) continue;  // just pruned
    AURORA_CO_RETURN_IF_ERROR(info);
    lineage.bytes += info->size_bytes;
    lineage.greatest_number = std::max(lineage.greatest_number, name->number);
    if (name->kind != ArchiveFileName::Kind::kLog) continue;
    file.status = co_await ReadHeader(&file, identity);
    if (!lineage.files.empty()) {
      const std::optional<ArchiveHole> hole = HoleBetween(lineage.files.back(), file);
      if (hole.has_value()) lineage.holes.push_back(*hole);
    }
    lineage.files.push_back(std::move(file));
  }
  co_return lineage;
}

Task<absl::Status> ArchiveSet::ReadHeader(ArchiveLineage::File* file, LogIdentity identity) {
  AURORA_CO_ASSIGN(const std::unique_ptr<File> opened,
                   co_await environment_->files().Open(file->path, OpenOptions()));
  std::string bytes(kArchiveHeaderBytes, '\0');
  AURORA_CO_ASSIGN(const std::size_t count, co_await opened->Read(0, bytes));
  bytes.resize(count);
  AURORA_CO_ASSIGN(file->header, DecodeArchiveHeader(file->path, bytes));
  if (!IsSameLineage(file->header.identity, identity)) {
    co_return DataLossError(file->path, " is of another database or epoch: of ",
                            LineageName(file->header.identity));
  }
  if (file->header.first != file->name.first || file->header.last != file->name.last) {
    co_return DataLossError(file->path, " holds the commits ", file->header.first, " to ",
                            file->header.last, ": it was renamed");
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::string>> ArchiveSet::ReadFile(std::string path) {
  const absl::StatusOr<std::unique_ptr<File>> file =
      co_await environment_->files().Open(path, OpenOptions());
  if (absl::IsNotFound(file.status())) co_return DataLossError(path, " is missing");
  AURORA_CO_RETURN_IF_ERROR(file.status());
  AURORA_CO_ASSIGN(const std::uint64_t size, co_await (*file)->Size());
  if (size > kArchiveHeaderBytes + kArchiveBodyBytesMax) {
    co_return DataLossError(path, " cannot have ", size, " bytes");
  }
  std::string bytes(size, '\0');
  AURORA_CO_ASSIGN(const std::size_t count, co_await (*file)->Read(0, bytes));
  if (count != size) co_return DataLossError(path, " has ", count, " bytes instead of ", size);
  co_return bytes;
}

// --- Verifying. ---

Task<absl::StatusOr<ArchiveReport>> ArchiveSet::Verify(CopyOptions options) {
  AURORA_CO_ASSIGN(const std::vector<ArchiveLineage> lineages, co_await List());
  std::uint64_t total = 0;
  for (const ArchiveLineage& lineage : lineages) total += lineage.bytes;
  FileCopier copier(environment_, std::move(options), total);
  ArchiveReport report;
  for (const ArchiveLineage& lineage : lineages) {
    AURORA_CO_RETURN_IF_ERROR(co_await VerifyLineage(&copier, &lineage, &report));
  }
  co_return report;
}

Task<absl::Status> ArchiveSet::VerifyLineage(FileCopier* copier, const ArchiveLineage* lineage,
                                             ArchiveReport* report) {
  ++report->lineage_count;
  for (const ArchiveHole& hole : lineage->holes) {
    (hole.is_gap ? report->gaps : report->problems).push_back(Describe(*lineage, hole));
  }
  for (const ArchiveLineage::File& file : lineage->files) {
    AURORA_CO_RETURN_IF_ERROR(co_await VerifyFile(copier, lineage, &file, report));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> ArchiveSet::VerifyFile(FileCopier* copier, const ArchiveLineage* lineage,
                                          const ArchiveLineage::File* file, ArchiveReport* report) {
  ++report->file_count;
  const auto problem = [report](const absl::Status& status) {
    report->problems.push_back(std::string(ToStd(status.message())));
  };
  if (!file->status.ok()) {
    problem(file->status);
    co_return absl::OkStatus();
  }
  const absl::StatusOr<std::string> bytes = co_await ReadFile(file->path);
  if (!bytes.ok()) {
    problem(bytes.status());
    co_return absl::OkStatus();
  }
  copier->Skip(bytes->size());
  absl::StatusOr<ArchiveReader> reader = ArchiveReader::Open(file->path, *bytes);
  if (!reader.ok()) {
    problem(reader.status());
    co_return absl::OkStatus();
  }
  for (;;) {
    const absl::StatusOr<bool> found = reader->Next();
    if (!found.ok()) problem(found.status());
    if (!found.ok() || !*found) break;
    const ArchiveEntry& entry = reader->entry();
    if (entry.kind == ArchiveEntry::Kind::kRecord) continue;
    const bool is_record = entry.kind == ArchiveEntry::Kind::kRecordFile;
    const ArchiveFileName name = is_record ? NameOfRecord(entry.sequence, entry.record)
                                           : NameOfValues(entry.sequence, entry.values);
    AURORA_CO_RETURN_IF_ERROR(co_await VerifyNamed(
        copier, JoinPath(lineage->directory, FormatArchiveFileName(name)),
        is_record ? RecordFileBytes(entry.record.payload_bytes) : entry.values.size_bytes,
        name.hash, report));
  }
  report->bytes += bytes->size();
  co_return absl::OkStatus();
}

Task<absl::Status> ArchiveSet::VerifyNamed(FileCopier* copier, std::string path,
                                           std::uint64_t bytes, std::uint64_t hash,
                                           ArchiveReport* report) {
  const absl::StatusOr<std::uint64_t> found = co_await copier->Hash(path, bytes);
  ++report->file_count;
  if (absl::IsCancelled(found.status())) co_return found.status();
  if (absl::IsNotFound(found.status())) {
    report->problems.push_back(StrCat(path, " is missing"));
  } else if (!found.ok()) {
    report->problems.push_back(std::string(ToStd(found.status().message())));
  } else if (*found != hash) {
    report->problems.push_back(StrCat(path, " is damaged: its checksum does not match"));
  } else {
    report->bytes += bytes;
  }
  co_return absl::OkStatus();
}

// --- Pruning. ---

Task<absl::StatusOr<ArchivePruned>> ArchiveSet::Prune(LogIdentity identity, Sequence keep_from) {
  if (AURORA_PLANTED_BUG("archive-prune-too-much")) keep_from += 30;
  FileSystem& files = environment_->files();
  const std::string directory = JoinPath(directory_, LineageName(identity));
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries, co_await files.List(directory));
  ArchivePruned pruned;
  // Ascending: what an error leaves is an archive that begins later. The log goes before what it
  // names, so that nothing that is there names what is not.
  for (const bool is_log_turn : {true, false}) {
    for (const DirectoryEntry& entry : entries) {
      const std::optional<ArchiveFileName> name = ParseArchiveFileName(entry.name);
      if (!name.has_value() || entry.is_directory) continue;
      const bool is_log = name->kind == ArchiveFileName::Kind::kLog;
      // A file that begins before and stays needs what all of it names.
      if (is_log && name->last > keep_from) keep_from = std::min(keep_from, name->first - 1);
      if (is_log != is_log_turn || name->last > keep_from) continue;
      const std::string path = JoinPath(directory, entry.name);
      AURORA_CO_ASSIGN(const FileInfo info, co_await files.Stat(path));
      AURORA_CO_RETURN_IF_ERROR(co_await files.Remove(path));
      ++pruned.file_count;
      pruned.bytes += info.size_bytes;
    }
    AURORA_CO_RETURN_IF_ERROR(co_await files.SyncDirectory(directory));
  }
  co_return pruned;
}

}  // namespace aurora::lsm
