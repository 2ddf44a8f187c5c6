#include "aurora/lsm/directory_survey.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_survey.h"
#include "aurora/lsm/value_format.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

// As ApplyEdit, though something may be missing before it.
void ApplyLeniently(const ManifestEdit& edit, SurveyedManifest* manifest) {
  ManifestState& state = manifest->state;
  const auto raise = [](const std::optional<std::uint64_t>& value, std::uint64_t* field) {
    if (value.has_value()) *field = std::max(*field, *value);
  };
  raise(edit.log_start_segment, &state.log_start_segment);
  raise(edit.flushed_through, &state.flushed_through);
  raise(edit.ingested_through, &state.ingested_through);
  raise(edit.reserved_through, &state.reserved_through);
  raise(edit.next_file_number, &state.next_file_number);
  for (const std::uint64_t number : edit.removed_tables) {
    state.tables.erase(number);
    manifest->removed_tables.insert(number);
  }
  for (const TableInfo& table : edit.added_tables) {
    state.tables[table.number] = table;
    manifest->removed_tables.erase(table.number);
  }
  for (const std::uint64_t id : edit.removed_value_files) state.value_files.erase(id);
  for (const ValueFileInfo& file : edit.added_value_files) state.value_files[file.id].info = file;
  if (edit.handler_state.has_value()) state.handler_state = *edit.handler_state;
  state.closed_at = edit.closed_at;
}

void TakeFrame(const ManifestFrame& frame, SurveyedManifest* manifest) {
  if (!frame.status.ok()) {
    manifest->damage.push_back(
        {{frame.offset, frame.bytes}, std::string(ToStd(frame.status.message()))});
    return;
  }
  ++manifest->edit_count;
  if (frame.identity.has_value()) {
    manifest->has_first_edit = true;
    manifest->state.identity = *frame.identity;
    manifest->state.boot_id = frame.boot_id;
  }
  ApplyLeniently(frame.edit, manifest);
}

class DirectorySurveyor {
 public:
  DirectorySurveyor(FileSystem* files, std::string directory) : files_(*files) {
    survey_.directory = std::move(directory);
  }

  Task<absl::StatusOr<DirectorySurvey>> Run() {
    const absl::StatusOr<FileInfo> info = co_await files_.Stat(survey_.directory);
    if (absl::IsNotFound(info.status())) {
      co_return NotFoundError("there is no database at ", survey_.directory);
    }
    AURORA_CO_RETURN_IF_ERROR(info);
    if (!info->is_directory) {
      co_return FailedPreconditionError(survey_.directory, " is a file; a database is a directory");
    }
    AURORA_CO_RETURN_IF_ERROR(co_await ListFiles());
    for (SurveyedManifest& manifest : survey_.manifests) {
      AURORA_CO_RETURN_IF_ERROR(co_await ReadManifest(&manifest));
    }
    for (std::size_t i = 0; i < survey_.manifests.size(); ++i) {
      if (survey_.manifests[i].was_in_force()) survey_.in_force = i;
    }
    AURORA_CO_RETURN_IF_ERROR(co_await FindIdentity());
    co_return std::move(survey_);
  }

 private:
  Task<absl::Status> ListFiles() {
    AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries,
                     co_await files_.List(survey_.directory));
    std::map<std::uint64_t, SurveyedManifest> manifests;
    for (const DirectoryEntry& entry : entries) {
      const FileName name = ParseFileName(entry.name);
      switch (name.kind) {
        case FileName::Kind::kRoot:
          manifests[name.number].has_root = true;
          break;
        case FileName::Kind::kManifest:
          manifests[name.number].exists = true;
          break;
        case FileName::Kind::kTable:
          AURORA_CO_RETURN_IF_ERROR(co_await AddFile(JoinPath(survey_.directory, entry.name),
                                                     name.number, &survey_.tables));
          break;
        case FileName::Kind::kValues:
          AURORA_CO_RETURN_IF_ERROR(co_await AddFile(JoinPath(survey_.directory, entry.name),
                                                     name.number, &survey_.value_files));
          break;
        case FileName::Kind::kLogDirectory:
          AURORA_CO_RETURN_IF_ERROR(co_await ListLog());
          break;
        case FileName::Kind::kLock:
          survey_.has_lock = true;
          break;
        case FileName::Kind::kReserve:
        case FileName::Kind::kEvents:
          break;
        case FileName::Kind::kOther:
          survey_.other.push_back(entry.name);
          break;
      }
    }
    for (auto& [number, manifest] : manifests) {
      manifest.number = number;
      survey_.manifests.push_back(std::move(manifest));
    }
    co_return absl::OkStatus();
  }

  Task<absl::Status> AddFile(std::string path, std::uint64_t number,
                             std::map<std::uint64_t, std::uint64_t>* sizes) {
    const absl::StatusOr<FileInfo> info = co_await files_.Stat(std::move(path));
    if (absl::IsNotFound(info.status())) co_return absl::OkStatus();  // removed meanwhile
    AURORA_CO_RETURN_IF_ERROR(info);
    if (!info->is_directory) (*sizes)[number] = info->size_bytes;
    co_return absl::OkStatus();
  }

  Task<absl::Status> ListLog() {
    survey_.has_log = true;
    AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries,
                     co_await files_.List(survey_.LogDirectory()));
    for (const DirectoryEntry& entry : entries) {
      const std::optional<std::uint32_t> number = ParseSegmentFileName(entry.name);
      if (number.has_value() && !entry.is_directory) {
        survey_.segments.insert(*number);
      } else if (const std::uint64_t record = ParseRecordFileName(entry.name);
                 record != 0 && !entry.is_directory) {
        AURORA_CO_RETURN_IF_ERROR(co_await AddFile(JoinPath(survey_.LogDirectory(), entry.name),
                                                   record, &survey_.record_files));
      } else {
        survey_.other_in_log.push_back(entry.name);
      }
    }
    co_return absl::OkStatus();
  }

  Task<absl::Status> ReadManifest(SurveyedManifest* manifest) {
    absl::StatusOr<SurveyedManifest> read =
        co_await SurveyManifest(&files_, survey_.directory, manifest->number);
    if (absl::IsNotFound(read.status())) {
      manifest->exists = false;
      manifest->status =
          DataLossError(ManifestFileName(manifest->number), " is missing, and ",
                        RootFileName(manifest->number), " says that it was in force");
      co_return absl::OkStatus();
    }
    AURORA_CO_RETURN_IF_ERROR(read);
    read->has_root = manifest->has_root;
    *manifest = *std::move(read);
    co_return absl::OkStatus();
  }

  Task<absl::Status> FindIdentity() {
    for (const SurveyedManifest& manifest : survey_.manifests) {
      if (manifest.has_first_edit) survey_.identity = manifest.state.identity;
    }
    if (survey_.identity.has_value()) co_return absl::OkStatus();
    LogSurveyOptions options;
    options.directory = survey_.LogDirectory();
    AURORA_CO_ASSIGN(const LogSurvey log, co_await SurveyLog(&files_, std::move(options), nullptr));
    for (const LogSurvey::Segment& segment : log.segments) {
      if (segment.header_state == HeaderState::kValid) survey_.identity = segment.header.identity;
    }
    if (survey_.identity.has_value()) co_return absl::OkStatus();
    for (const auto& [number, size] : survey_.tables) {
      co_await PeekFooter<TableFooter>(TableFileName(number), ParseAnyFooter);
      if (survey_.identity.has_value()) co_return absl::OkStatus();
    }
    for (const auto& [number, size] : survey_.value_files) {
      co_await PeekFooter<ValueFooter>(ValueFileName(number), ParseAnyValueFooter);
      if (survey_.identity.has_value()) break;
    }
    co_return absl::OkStatus();
  }

  // The database that the footer of a file names, if it is whole. No footer knows the epoch.
  template <class Footer>
  Task<void> PeekFooter(std::string name,
                        absl::StatusOr<Footer> (*parse)(std::string_view, std::uint64_t)) {
    static_assert(kValueFooterBytes == kTableFooterBytes);
    const absl::StatusOr<std::unique_ptr<PatientFile>> file =
        co_await PatientFile::Open(&files_, JoinPath(survey_.directory, name));
    if (!file.ok() || (*file)->size() < kTableFooterBytes) co_return;
    const std::uint64_t size = (*file)->size();
    const absl::StatusOr<Footer> footer =
        parse(co_await (*file)->Read(size - kTableFooterBytes, size), size);
    if (!footer.ok()) co_return;
    LogIdentity identity;
    std::memcpy(identity.database_id, footer->identity.database_id.data(), 16);
    identity.epoch = 1;
    survey_.identity = identity;
  }

  FileSystem& files_;
  DirectorySurvey survey_;
};

}  // namespace

bool DirectorySurvey::has_root() const {
  return std::any_of(manifests.begin(), manifests.end(),
                     [](const SurveyedManifest& manifest) { return manifest.has_root; });
}

absl::Status DirectorySurvey::CheckRemains() const {
  if (has_remains()) return absl::OkStatus();
  if (other.empty()) return NotFoundError("there is no database in ", directory);
  return FailedPreconditionError(directory, " is not a database: it holds ", Quoted(other.front()));
}

std::string DirectorySurvey::LogDirectory() const { return JoinPath(directory, kLogDirectoryName); }

TableIdentity DirectorySurvey::TableIdentityOf(std::uint64_t number) const {
  TableIdentity table;
  table.file_number = number;
  if (const SurveyedManifest* const manifest = manifest_in_force(); manifest != nullptr) {
    const auto info = manifest->state.tables.find(number);
    if (info != manifest->state.tables.end()) table.ingested_at = info->second.ingested_at;
  }
  if (identity.has_value()) std::memcpy(table.database_id.data(), identity->database_id, 16);
  return table;
}

Task<absl::StatusOr<SurveyedManifest>> SurveyManifest(FileSystem* files, std::string directory,
                                                      std::uint64_t number) {
  SurveyedManifest manifest;
  manifest.number = number;
  const std::string name = ManifestFileName(number);
  AURORA_CO_ASSIGN(const std::unique_ptr<PatientFile> file,
                   co_await PatientFile::Open(files, JoinPath(directory, name)));
  manifest.exists = true;
  manifest.file_bytes = file->size();
  const std::string_view bytes =
      co_await file->Read(0, std::min<std::uint64_t>(file->size(), 2 * kManifestPayloadMax));
  const absl::StatusOr<DecodedManifest> decoded = DecodeManifest(name, number, bytes);
  manifest.status = decoded.status();
  if (decoded.ok()) manifest.cut_reason = decoded->cut_reason;
  VisitManifestFrames(number, bytes,
                      [&](const ManifestFrame& frame) { TakeFrame(frame, &manifest); });
  co_return manifest;
}

Task<absl::StatusOr<DirectorySurvey>> SurveyDirectory(FileSystem* files, std::string directory) {
  DirectorySurveyor surveyor(files, std::move(directory));
  co_return co_await surveyor.Run();
}

}  // namespace aurora::lsm
