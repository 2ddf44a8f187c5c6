#include "aurora/lsm/point_in_time.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "aurora/lsm/archive_format.h"
#include "aurora/lsm/backup_format.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_extension.h"
#include "aurora/lsm/manifest.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/new_directory.h"
#include "aurora/lsm/record_file.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

// What is done: a backup, and of the archived log the commits above it and up to `through`.
struct RestorePlan {
  std::uint64_t backup_id = 0;
  BackupContents backup;
  const ArchiveLineage* lineage = nullptr;
  Sequence through = kMaxSequence;
  std::vector<const ArchiveLineage::File*> files;
};

class RestorePlanner {
 public:
  RestorePlanner(BackupSet* backups, ArchiveSet* archive, const PointRestoreOptions* options,
                 const std::vector<ArchiveLineage>* lineages)
      : backups_(*backups), archive_(*archive), options_(*options), lineages_(*lineages) {}

  Task<absl::StatusOr<RestorePlan>> Run() {
    AURORA_CO_ASSIGN(std::vector<std::uint64_t> ids, co_await backups_.ListIds());
    std::reverse(ids.begin(), ids.end());
    if (options_.backup_id != 0) ids = {options_.backup_id};
    for (const std::uint64_t id : ids) {
      RestorePlan plan;
      plan.backup_id = id;
      AURORA_CO_ASSIGN(const bool fits, co_await Consider(&plan));
      if (!fits) continue;
      AURORA_CO_RETURN_IF_ERROR(FindFiles(&plan));
      co_return plan;
    }
    std::string why = ids.empty() ? " there is none" : "";
    for (const std::string& each : refused_) StrAppend(&why, why.empty() ? " " : "; ", each);
    co_return NotFoundError("no backup can be taken to ", Point(), ":", why);
  }

 private:
  std::string Point() const {
    if (options_.point.sequence.has_value()) return StrCat("commit ", *options_.point.sequence);
    if (options_.point.micros.has_value()) {
      return StrCat("the time ", *options_.point.micros, " us since 1970");
    }
    return "the end of the archive";
  }

  // False, with a reason in refused_, if another backup is to be looked at.
  Task<absl::StatusOr<bool>> Consider(RestorePlan* plan) {
    absl::StatusOr<BackupContents> backup = co_await backups_.Load(plan->backup_id);
    if (!backup.ok()) {
      if (options_.backup_id != 0) co_return backup.status();
      refused_.push_back(std::string(ToStd(backup.status().message())));
      co_return false;
    }
    plan->backup = *std::move(backup);
    const auto lineage =
        std::find_if(lineages_.begin(), lineages_.end(), [plan](const ArchiveLineage& each) {
          return IsSameLineage(each.identity, plan->backup.state.identity);
        });
    if (lineage == lineages_.end()) {
      refused_.push_back(StrCat("backup ", plan->backup_id, " is of ",
                                LineageName(plan->backup.state.identity), ", of which ",
                                archive_.directory(), " holds no log"));
      co_return false;
    }
    plan->lineage = &*lineage;
    if (options_.point.sequence.has_value()) plan->through = *options_.point.sequence;
    if (options_.point.micros.has_value()) {
      AURORA_CO_ASSIGN(plan->through, co_await FindTime(plan->lineage, *options_.point.micros));
    }
    if (plan->backup.sequence <= plan->through) co_return true;
    refused_.push_back(StrCat("backup ", plan->backup_id, " holds commit ", plan->backup.sequence,
                              " already, and the point is behind commit ", plan->through));
    co_return false;
  }

  // The last commit before the first one that is later.
  Task<absl::StatusOr<Sequence>> FindTime(const ArchiveLineage* lineage, std::int64_t micros) {
    for (const ArchiveLineage::File& file : lineage->files) {
      AURORA_CO_RETURN_IF_ERROR(file.status);
      if (file.header.greatest_micros == 0) {
        co_return FailedPreconditionError("the commits of ", lineage->directory,
                                          " do not tell their time: name a sequence instead");
      }
      if (file.header.greatest_micros <= micros) continue;
      AURORA_CO_ASSIGN(const std::string bytes, co_await archive_.ReadFile(file.path));
      AURORA_CO_ASSIGN(ArchiveReader reader, ArchiveReader::Open(file.path, bytes));
      Sequence before = file.header.after;
      for (;;) {
        AURORA_CO_ASSIGN(const bool found, reader.Next());
        if (!found || reader.entry().micros > micros) break;
        if (reader.entry().kind != ArchiveEntry::Kind::kValueFile) before = reader.entry().sequence;
      }
      if (before == lineage->files.front().header.after) {
        co_return OutOfRangeError("the archive ", lineage->directory, " begins with commit ",
                                  reader.entry().sequence, " of ", reader.entry().micros,
                                  " us since 1970, after the time asked for: take a backup as it "
                                  "is, or a later time");
      }
      co_return before;
    }
    co_return kMaxSequence;
  }

  absl::Status Broken(const RestorePlan& plan, Sequence reached, std::string_view why) const {
    return DataLossError("backup ", plan.backup_id, " cannot be taken to ", Point(), ": ", why,
                         ". It can be taken to commit ", reached,
                         " at most: name that as the sequence, or a backup that is newer than "
                         "what is missing");
  }

  // Those that hold the commits above the backup, without a hole.
  absl::Status FindFiles(RestorePlan* plan) const {
    Sequence reached = plan->backup.sequence;
    for (const ArchiveLineage::File& file : plan->lineage->files) {
      if (file.name.last <= reached) continue;
      if (reached >= plan->through) break;
      if (!file.status.ok()) return Broken(*plan, reached, ToStd(file.status.message()));
      if (file.header.after > reached) {
        return Broken(*plan, reached,
                      StrCat("the commits above ", reached, " up to ", file.header.after,
                             " are missing before ", file.path));
      }
      if (file.name.first > plan->through) break;
      plan->files.push_back(&file);
      reached = file.name.last;
    }
    const bool is_short = options_.point.sequence.has_value() && reached < plan->through;
    if (is_short && plan->lineage->last() <= reached) {
      return OutOfRangeError("the archive ", plan->lineage->directory, " ends with commit ",
                             reached, ", before ", Point());
    }
    return absl::OkStatus();
  }

  BackupSet& backups_;
  ArchiveSet& archive_;
  const PointRestoreOptions& options_;
  const std::vector<ArchiveLineage>& lineages_;
  std::vector<std::string> refused_;
};

// Fills a new directory.
class PointRestorer {
 public:
  PointRestorer(Environment* environment, BackupSet* backups, ArchiveSet* archive,
                const PointRestoreOptions* options, RestorePlan* plan, NewDirectory* target)
      : environment_(*environment),
        backups_(*backups),
        archive_(*archive),
        options_(*options),
        plan_(*plan),
        target_(*target),
        log_directory_(JoinPath(target->path(), kLogDirectoryName)),
        copier_(environment, options->copy, TotalBytes(*plan)) {}

  Task<absl::StatusOr<PointRestored>> Run() {
    restored_.backup = BackupSet::InfoOf(plan_.backup_id, plan_.backup);
    restored_.sequence = plan_.backup.sequence;
    AURORA_CO_RETURN_IF_ERROR(co_await backups_.CopyFiles(&copier_, &plan_.backup, &target_));
    state_ = plan_.backup.state;
    // What is opened in between must not use a number that a file of the archive has.
    state_.next_file_number = std::max(state_.next_file_number, plan_.lineage->greatest_number + 1);
    if (plan_.files.empty()) {
      AURORA_CO_RETURN_IF_ERROR(co_await target_.Finish(state_));
    } else {
      AURORA_CO_RETURN_IF_ERROR(co_await OpenLog());
      for (const ArchiveLineage::File* const file : plan_.files) {
        AURORA_CO_RETURN_IF_ERROR(co_await ApplyFile(file));
      }
      const Sequence reserved = plan_.backup.state.reserved_through;
      AURORA_CO_RETURN_IF_ERROR(co_await WriteState(reserved));
      AURORA_CO_RETURN_IF_ERROR(co_await target_.Publish());
    }
    restored_.is_end = plan_.lineage->last() <= restored_.sequence;
    co_return restored_;
  }

 private:
  static std::uint64_t TotalBytes(const RestorePlan& plan) {
    std::uint64_t bytes = BackupSet::InfoOf(plan.backup_id, plan.backup).total_bytes;
    for (const ArchiveLineage::File* const file : plan.files) {
      bytes += kArchiveHeaderBytes + file->header.body_bytes;
    }
    return bytes;
  }

  Task<absl::Status> OpenLog() {
    FileSystem* const files = &environment_.files();
    AURORA_CO_ASSIGN(log_, co_await LogExtension::Open(files, log_directory_, &state_));
    co_return absl::OkStatus();
  }

  Task<absl::Status> ApplyFile(const ArchiveLineage::File* file) {
    AURORA_CO_ASSIGN(const std::string bytes, co_await archive_.ReadFile(file->path));
    copier_.Skip(bytes.size());
    absl::StatusOr<ArchiveReader> reader = ArchiveReader::Open(file->path, bytes);
    if (!reader.ok()) co_return Reached(reader.status());
    for (;;) {
      const absl::StatusOr<bool> found = reader->Next();
      if (!found.ok()) co_return Reached(found.status());
      const ArchiveEntry& entry = reader->entry();
      if (!*found || entry.sequence > plan_.through) co_return absl::OkStatus();
      if (entry.sequence <= restored_.sequence) continue;
      if (AURORA_PLANTED_BUG("restore-drops-last-commit") && entry.sequence == file->name.last) {
        continue;
      }
      const absl::Status applied = co_await ApplyEntry(file, &entry);
      if (!applied.ok()) co_return Reached(applied);
    }
  }

  // Says up to where a restore would succeed.
  absl::Status Reached(const absl::Status& status) const {
    if (!absl::IsDataLoss(status)) return status;
    return DataLossError(ToStd(status.message()), ". Backup ", plan_.backup_id,
                         " can be taken to commit ", restored_.sequence,
                         " at most: name that as the sequence");
  }

  Task<absl::Status> ApplyEntry(const ArchiveLineage::File* file, const ArchiveEntry* entry) {
    if (entry->sequence <= log_->last_sequence()) {
      co_return DataLossError(file->path, " holds commit ", entry->sequence,
                              ", which the backup has already");
    }
    if (entry->kind == ArchiveEntry::Kind::kValueFile) {
      const ValueFileInfo& values = entry->values;
      ArchiveFileName name = NameOfValues(entry->sequence, values);
      AURORA_CO_RETURN_IF_ERROR(co_await CopyNamed(
          file, std::move(name), JoinPath(target_.path(), ValueFileName(values.number)),
          values.size_bytes));
      state_.value_files[values.id].info = values;
      co_return absl::OkStatus();
    }
    if (entry->kind == ArchiveEntry::Kind::kRecordFile) {
      ArchiveFileName name = NameOfRecord(entry->sequence, entry->record);
      AURORA_CO_RETURN_IF_ERROR(co_await CopyNamed(file, std::move(name),
                                                   target_.RecordFilePath(entry->record.number),
                                                   RecordFileBytes(entry->record.payload_bytes)));
      AURORA_CO_RETURN_IF_ERROR(co_await log_->AddRecordFile(entry->sequence, entry->record));
    } else {
      AURORA_CO_RETURN_IF_ERROR(co_await log_->Add(entry->sequence, entry->payload));
    }
    restored_.sequence = entry->sequence;
    restored_.micros = entry->micros;
    ++restored_.record_count;
    if (options_.settler == nullptr || log_->added_bytes() < options_.settle_bytes)
      co_return absl::OkStatus();
    co_return co_await Settle();
  }

  Task<absl::Status> CopyNamed(const ArchiveLineage::File* file, ArchiveFileName name,
                               std::string to, std::uint64_t bytes) {
    FileCopier::Request request;
    request.from = JoinPath(ParentPath(file->path), FormatArchiveFileName(name));
    request.to = std::move(to);
    request.bytes = bytes;
    const std::string from = request.from;
    const absl::StatusOr<std::uint64_t> hash = co_await copier_.Copy(std::move(request));
    if (absl::IsNotFound(hash.status())) co_return DataLossError(from, " is missing");
    AURORA_CO_RETURN_IF_ERROR(hash);
    if (*hash != name.hash) {
      co_return DataLossError(from, " is damaged: its checksum does not match");
    }
    co_return absl::OkStatus();
  }

  // Makes the directory a database of what was applied, which has issued sequences up to that, and
  // to `reserved`.
  Task<absl::Status> WriteState(Sequence reserved) {
    AURORA_CO_ASSIGN(state_.log_start_segment, co_await log_->Finish());
    state_.reserved_through = std::max(reserved, log_->last_sequence());
    if (!is_seeded_) {
      is_seeded_ = true;
      co_return co_await target_.Seed(state_);
    }
    FileSystem* const files = &environment_.files();
    state_.closed_at.reset();
    AURORA_CO_RETURN_IF_ERROR(co_await files->SyncDirectory(log_directory_));
    AURORA_CO_RETURN_IF_ERROR(
        co_await Manifest::Create(files, target_.path(), manifest_number_ + 1, state_));
    co_return absl::OkStatus();
  }

  // Has what was added put into tables, and goes on from there.
  Task<absl::Status> Settle() {
    // None beyond, or it would be taken for flushed.
    AURORA_CO_RETURN_IF_ERROR(co_await WriteState(/*reserved=*/0));
    AURORA_CO_RETURN_IF_ERROR(co_await options_.settler->Settle(target_.path()));
    AURORA_CO_ASSIGN(std::optional<Manifest::Recovered> recovered,
                     co_await Manifest::Recover(&environment_.files(), target_.path()));
    if (!recovered.has_value()) co_return DataLossError(target_.path(), " has no manifest");
    state_ = std::move(recovered->manifest.state);
    manifest_number_ = recovered->number;
    co_return co_await OpenLog();
  }

  Environment& environment_;
  BackupSet& backups_;
  ArchiveSet& archive_;
  const PointRestoreOptions& options_;
  RestorePlan& plan_;
  NewDirectory& target_;
  const std::string log_directory_;
  FileCopier copier_;
  ManifestState state_;
  std::unique_ptr<LogExtension> log_;
  bool is_seeded_ = false;
  std::uint64_t manifest_number_ = 0;
  PointRestored restored_;
};

}  // namespace

Task<absl::StatusOr<PointRestored>> RestoreToPoint(Environment* environment, BackupSet* backups,
                                                   ArchiveSet* archive, std::string target,
                                                   PointRestoreOptions options) {
  if (options.point.sequence.has_value() && options.point.micros.has_value()) {
    co_return InvalidArgumentError("a point is given by a sequence or by a time, not by both");
  }
  AURORA_CO_ASSIGN(const std::vector<ArchiveLineage> lineages, co_await archive->List());
  RestorePlanner planner(backups, archive, &options, &lineages);
  AURORA_CO_ASSIGN(RestorePlan plan, co_await planner.Run());
  AURORA_CO_ASSIGN(const std::unique_ptr<NewDirectory> directory,
                   co_await NewDirectory::Begin(environment, std::move(target)));
  PointRestorer restorer(environment, backups, archive, &options, &plan, directory.get());
  absl::StatusOr<PointRestored> restored = co_await restorer.Run();
  if (!restored.ok()) co_await directory->Abandon();
  co_return restored;
}

}  // namespace aurora::lsm
