#include "aurora/lsm/store_verifier.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/time/time.h"
#include "aurora/lsm/directory_survey.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_reader.h"
#include "aurora/lsm/log_survey.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/table_format.h"
#include "aurora/lsm/table_verifier.h"
#include "aurora/lsm/value_format.h"
#include "aurora/lsm/value_survey.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

// A writer would have to flush this often during as many attempts to be in the way of all of them.
constexpr int kAttemptsMax = 40;
constexpr int kUnmovedMax = 5;

class StoreVerifier {
 public:
  StoreVerifier(Environment* environment, std::string directory, VerifyOptions options)
      : environment_(*environment),
        files_(environment->files()),
        directory_(std::move(directory)),
        options_(std::move(options)) {}

  Task<absl::StatusOr<VerifyReport>> Run() {
    AURORA_CO_RETURN_IF_ERROR(co_await VerifyDirectory());
    AURORA_CO_RETURN_IF_ERROR(co_await VerifyTables());
    AURORA_CO_RETURN_IF_ERROR(co_await VerifyValueFiles());
    AURORA_CO_RETURN_IF_ERROR(co_await VerifyLog());
    CompareEnd();
    NoteOthers();
    co_return std::move(report_);
  }

 private:
  void Add(Finding::Kind kind, std::string file, std::optional<FileRange> where, std::string what) {
    report_.findings.push_back({kind, std::move(file), where, std::move(what)});
  }
  void Damage(std::string file, std::optional<FileRange> where, std::string what) {
    Add(Finding::Kind::kDamage, std::move(file), where, std::move(what));
  }

  absl::Status Progress(std::uint64_t bytes) {
    progress_.done_bytes += bytes;
    report_.bytes += bytes;
    if (options_.copy.progress) options_.copy.progress(progress_);
    if (options_.copy.stop.stop_requested()) return CancelledError("verifying was stopped");
    return absl::OkStatus();
  }

  // --- Names and manifests ---

  // Until it is whole, or known not to become so.
  Task<absl::Status> VerifyDirectory() {
    for (int attempt = 1;; ++attempt) {
      AURORA_CO_ASSIGN(survey_, co_await SurveyDirectory(&files_, directory_));
      const SurveyedManifest* const manifest = survey_.manifest_in_force();
      if (manifest != nullptr && manifest->is_whole() && manifest->has_root) break;
      // What is read while it is written looks like that, for a moment.
      AURORA_CO_ASSIGN(const bool moved, co_await HasMoved());
      if (!moved) break;
      if (attempt == kAttemptsMax) co_return TooFast();
      AURORA_CO_RETURN_IF_ERROR(co_await Wait(attempt));
    }
    AURORA_CO_RETURN_IF_ERROR(CheckIsDatabase());
    for (const auto& [number, bytes] : survey_.tables) progress_.total_bytes += bytes;
    for (const auto& [number, bytes] : survey_.value_files) progress_.total_bytes += bytes;
    TellManifests();
    co_return absl::OkStatus();
  }

  absl::Status CheckIsDatabase() const {
    const SurveyedManifest* const manifest = survey_.manifest_in_force();
    if (manifest != nullptr && absl::IsFailedPrecondition(manifest->status)) {
      return manifest->status;
    }
    return survey_.CheckRemains();
  }

  void TellManifests() {
    const SurveyedManifest* const in_force = survey_.manifest_in_force();
    if (in_force == nullptr) {
      Damage("", std::nullopt,
             StrCat("there is no ", RootFileName(1),
                    " or later, which would say what belongs to the database"));
      return;
    }
    report_.manifest = in_force->number;
    for (const SurveyedManifest& manifest : survey_.manifests) {
      const bool now = &manifest == in_force;
      const std::string name = ManifestFileName(manifest.number);
      if (now && !manifest.has_root) {
        Damage(RootFileName(manifest.number), std::nullopt,
               StrCat("is missing, though ", name, " was in force"));
      }
      if (!now && !manifest.was_in_force()) {
        Add(Finding::Kind::kNote, name, std::nullopt, "was never in force: it has no root");
        continue;
      }
      // The one before is kept in case that the root of its successor is lost.
      TellManifest(manifest, now ? Finding::Kind::kDamage : Finding::Kind::kDoubt);
    }
  }

  void TellManifest(const SurveyedManifest& manifest, Finding::Kind kind) {
    const std::string name = ManifestFileName(manifest.number);
    if (!manifest.status.ok()) {
      Add(kind, name, std::nullopt, std::string(ToStd(manifest.status.message())));
      for (const FileDamage& damage : manifest.damage) Add(kind, name, damage.where, damage.what);
    } else if (!manifest.cut_reason.empty()) {
      Add(Finding::Kind::kDoubt, name, std::nullopt,
          StrCat("ends with ", manifest.cut_reason, ", as a crash leaves it"));
    }
  }

  // --- Tables ---

  Task<absl::Status> VerifyTables() {
    std::map<std::uint64_t, TableInfo> named;
    const SurveyedManifest* const manifest = survey_.manifest_in_force();
    if (manifest != nullptr) named = manifest->state.tables;
    // Where the manifest does not say which tables belong to it, every one is looked at.
    const bool all = manifest == nullptr || !manifest->is_whole();
    for (const auto& [number, info] : named) {
      AURORA_CO_RETURN_IF_ERROR(co_await VerifyNamed(number, info));
    }
    for (const auto& [number, bytes] : survey_.tables) {
      if (named.contains(number)) continue;
      if (all) {
        AURORA_CO_RETURN_IF_ERROR(co_await VerifyNamed(number, std::nullopt));
      } else {
        AURORA_CO_RETURN_IF_ERROR(Progress(bytes));
      }
    }
    CheckLevels(named);
    co_return absl::OkStatus();
  }

  Task<absl::Status> VerifyNamed(std::uint64_t number, std::optional<TableInfo> info,
                                 bool by_manifest = true) {
    const std::string name = TableFileName(number);
    TableIdentity identity = survey_.TableIdentityOf(number);
    if (info.has_value()) identity.ingested_at = info->ingested_at;
    const absl::StatusOr<TableVerdict> verdict =
        co_await VerifyTable(&files_, JoinPath(directory_, name), identity, info);
    const bool wrong = !verdict.ok() || !verdict->damage.empty();
    if (wrong && info.has_value() && by_manifest) {
      // A table that is no longer named may be gone, or going.
      AURORA_CO_ASSIGN(const bool named, co_await IsStillNamed(number));
      if (!named) co_return Progress(info->size_bytes);
    }
    ++report_.table_count;
    if (!verdict.ok()) {
      const bool missing = absl::IsNotFound(verdict.status());
      Damage(name, std::nullopt,
             missing ? std::string("is missing") : std::string(ToStd(verdict.status().message())));
      co_return Progress(0);
    }
    report_.block_count += verdict->block_count;
    report_.entry_count += verdict->entry_count;
    for (const FileDamage& damage : verdict->damage) Damage(name, damage.where, damage.what);
    if (info.has_value()) {
      for (const TableValues& values : verdict->values) named_[values.sum.file].push_back(values);
    }
    co_return Progress(verdict->file_bytes);
  }

  // All versions of a key are in one table of a level; level 0 is by age instead.
  void CheckLevels(const std::map<std::uint64_t, TableInfo>& tables) {
    std::map<std::pair<int, std::string>, const TableInfo*> order;
    for (const auto& [number, info] : tables) {
      if (info.level == 0) continue;
      if (!order.emplace(std::pair(info.level, info.smallest_key), &info).second) {
        Damage(TableFileName(number), std::nullopt,
               "begins with the same key as another table of its level");
      }
    }
    const TableInfo* before = nullptr;
    for (const auto& [place, info] : order) {
      if (before != nullptr && before->level == info->level &&
          !before->EndsBefore(info->smallest_key)) {
        Damage(TableFileName(info->number), std::nullopt,
               StrCat("overlaps ", TableFileName(before->number), " of the same level"));
      }
      before = info;
    }
  }

  // --- Value files ---

  Task<absl::Status> VerifyValueFiles() {
    std::set<std::uint64_t> numbers;
    const SurveyedManifest* const manifest = survey_.manifest_in_force();
    if (manifest != nullptr) {
      for (const auto& [id, use] : manifest->state.value_files) {
        numbers.insert(use.info.number);
        AURORA_CO_RETURN_IF_ERROR(co_await VerifyOneValueFile(use.info.number, use.info));
      }
    }
    const bool all = manifest == nullptr || !manifest->is_whole();
    for (const auto& [number, bytes] : survey_.value_files) {
      if (numbers.contains(number)) continue;
      if (all) {
        AURORA_CO_RETURN_IF_ERROR(co_await VerifyOneValueFile(number, std::nullopt));
      } else {
        AURORA_CO_RETURN_IF_ERROR(Progress(bytes));
      }
    }
    for (const auto& [id, values] : named_) {
      Damage("", std::nullopt,
             StrCat("tables name values of ", id, ", and no value file has them"));
    }
    co_return absl::OkStatus();
  }

  Task<absl::Status> VerifyOneValueFile(std::uint64_t number, std::optional<ValueFileInfo> info) {
    const std::string name = ValueFileName(number);
    const absl::StatusOr<ValueFileVerdict> verdict = co_await VerifyValueFile(
        &files_, JoinPath(directory_, name), survey_.TableIdentityOf(number), info);
    std::vector<TableValues> named;
    if (info.has_value()) {
      if (auto node = named_.extract(info->id); !node.empty()) named = std::move(node.mapped());
    }
    if ((!verdict.ok() || !verdict->damage.empty()) && info.has_value()) {
      // One that is no longer in force may be gone, or going.
      AURORA_CO_ASSIGN(const bool still, co_await IsStillInForce(info->id, number));
      if (!still) co_return Progress(info->size_bytes);
    }
    ++report_.value_file_count;
    if (!verdict.ok()) {
      const bool missing = absl::IsNotFound(verdict.status());
      Damage(name, std::nullopt,
             missing ? std::string("is missing") : std::string(ToStd(verdict.status().message())));
      co_return Progress(0);
    }
    for (const FileDamage& damage : verdict->damage) Damage(name, damage.where, damage.what);
    if (verdict->index.has_value()) {
      report_.value_count += verdict->index->value_count();
      CheckNamed(name, *verdict->index, named);
    }
    co_return Progress(verdict->file_bytes);
  }

  // What tables name of a value file must be there, and no two entries name the same.
  void CheckNamed(const std::string& name, const ValueIndex& index,
                  const std::vector<TableValues>& named) {
    std::set<std::uint32_t> seen;
    for (const TableValues& values : named) {
      const absl::StatusOr<std::vector<std::uint32_t>> numbers = DecodeValueNumbers(values.numbers);
      std::uint64_t stored_bytes = 0;
      for (const std::uint32_t number : numbers.value_or(std::vector<std::uint32_t>())) {
        const ValueIndex::Pieces pieces = index.Find(number);
        if (pieces.empty()) {
          Damage(name, std::nullopt, StrCat("has no value ", number, ", which a table names"));
        }
        if (!seen.insert(number).second) {
          Damage(name, std::nullopt, StrCat("value ", number, " is named by two entries"));
        }
        stored_bytes += StoredBytes(pieces);
      }
      if (stored_bytes == values.sum.stored_bytes) continue;
      Damage(name, std::nullopt,
             StrCat("a table names values of ", values.sum.stored_bytes, " bytes, which have ",
                    stored_bytes));
    }
  }

  // --- The log ---

  Task<absl::Status> VerifyLog() {
    const SurveyedManifest* manifest = survey_.manifest_in_force();
    if (manifest == nullptr || !survey_.identity.has_value() ||
        (!manifest->status.ok() && manifest->state.log_start_segment == 0)) {
      co_return co_await TellGaps(0, /*told=*/false);
    }
    int unmoved = 0;
    std::optional<LogPosition> torn_at;
    for (int attempt = 1;; ++attempt) {
      const ManifestState state = survey_.manifest_in_force()->state;
      // What stays as it is while it is looked at again and again is not being written.
      const absl::Status scanned = co_await ScanOnce(&state, /*live=*/unmoved < kUnmovedMax);
      const bool torn = scanned.ok() && scan_.report.cut_bytes > 0;
      if (scanned.ok() && !(torn && !torn_at.has_value())) {
        // Where the log has grown since the first look, its end is only being written.
        if (torn && *torn_at != scan_.report.end) scan_.report.cut_bytes = 0;
        co_return co_await CheckLogStart();
      }
      if (torn) {
        torn_at = scan_.report.end;
        AURORA_CO_RETURN_IF_ERROR(co_await Wait(attempt));
        continue;
      }
      AURORA_CO_ASSIGN(const bool moved, co_await HasMoved());
      unmoved = moved ? 0 : unmoved + 1;
      if (!moved && !absl::IsAborted(scanned)) {
        Damage(std::string(kLogDirectoryName), std::nullopt, std::string(ToStd(scanned.message())));
        co_return co_await TellGaps(static_cast<std::uint32_t>(state.log_start_segment),
                                    /*told=*/true);
      }
      if (attempt == kAttemptsMax) co_return TooFast();
      AURORA_CO_RETURN_IF_ERROR(co_await Wait(attempt));
      AURORA_CO_ASSIGN(survey_, co_await SurveyDirectory(&files_, directory_));
      if (survey_.manifest_in_force() == nullptr) co_return TooFast();
    }
  }

  Task<absl::Status> ScanOnce(const ManifestState* state, bool live) {
    scan_ = LogScan();
    if (state->log_start_segment == 0) co_return absl::OkStatus();
    ScanOptions scan;
    scan.directory = survey_.LogDirectory();
    scan.identity = *survey_.identity;
    const std::string boot_id = files_.BootId();
    scan.boot = BootHash(boot_id);
    scan.first_segment = static_cast<std::uint32_t>(state->log_start_segment);
    scan.after = state->flushed_through;
    scan.live = live;
    ingested_.clear();
    LogRecordCallback check = [this, state](const LogRecord& record) {
      if (!record.tables.empty() && record.sequence > state->ingested_through) {
        AURORA_RETURN_IF_ERROR(TakeIngestion(record));
      }
      if (options_.check_record == nullptr || record.payload.empty()) return absl::OkStatus();
      return (*options_.check_record)(record);
    };
    AURORA_CO_ASSIGN(scan_, co_await ScanLog(files_, std::move(scan), &check));
    for (const ScannedSegment& segment : scan_.chain) {
      AURORA_CO_RETURN_IF_ERROR(Progress(segment.end));
    }
    for (const std::uint64_t number : scan_.record_files) {
      const auto file = survey_.record_files.find(number);
      if (file != survey_.record_files.end()) {
        AURORA_CO_RETURN_IF_ERROR(Progress(file->second));
      }
    }
    co_return absl::OkStatus();
  }

  // The log has its tables, and the manifest has not, until the next open.
  absl::Status TakeIngestion(const LogRecord& record) {
    AURORA_ASSIGN_OR_RETURN(std::vector<TableInfo> tables, DecodeTables(record.tables));
    for (TableInfo& table : tables) {
      table.ingested_at = table.smallest_sequence = table.largest_sequence = record.sequence;
      ingested_[table.number] = std::move(table);
    }
    return absl::OkStatus();
  }

  // The segment in which the log ended must still have been the log's when it was read.
  Task<absl::Status> CheckLogStart() {
    AURORA_CO_ASSIGN(const DirectorySurvey now, co_await SurveyDirectory(&files_, directory_));
    const SurveyedManifest* const manifest = now.manifest_in_force();
    if (manifest != nullptr && !scan_.chain.empty() &&
        manifest->state.log_start_segment > scan_.report.end.segment) {
      co_return TooFast();
    }
    log_is_whole_ = true;
    for (const auto& [number, info] : ingested_) {
      AURORA_CO_RETURN_IF_ERROR(co_await VerifyNamed(number, info, /*by_manifest=*/false));
    }
    is_closed_ = manifest != nullptr && manifest->state.closed_at.has_value();
    report_.segment_count = scan_.chain.size();
    report_.record_count = scan_.report.record_count;
    report_.last_sequence = scan_.last_sequence;
    report_.clean_close = scan_.clean_close;
    if (scan_.report.cut_bytes > 0) {
      Add(Finding::Kind::kDoubt, std::string(kLogDirectoryName), std::nullopt,
          StrCat("ends with ", scan_.report.cut_bytes,
                 " bytes that an open cuts: ", scan_.report.cut_reason));
    }
    co_return absl::OkStatus();
  }

  Task<absl::Status> TellGaps(std::uint32_t first_segment, bool told) {
    LogSurveyOptions options;
    options.directory = survey_.LogDirectory();
    if (survey_.identity.has_value()) options.identities.push_back(*survey_.identity);
    options.first_segment = first_segment;
    if (const SurveyedManifest* const manifest = survey_.manifest_in_force(); manifest != nullptr) {
      options.flushed_through = manifest->state.flushed_through;
    }
    AURORA_CO_ASSIGN(const LogSurvey log, co_await SurveyLog(&files_, std::move(options), nullptr));
    for (const LostCommits& lost : log.lost) {
      // A tail alone is what a crash leaves.
      const bool doubt = !told && !lost.before.has_value();
      Add(doubt ? Finding::Kind::kDoubt : Finding::Kind::kDamage, lost.file, lost.where, lost.what);
    }
    for (const LogSurvey::Segment& segment : log.segments) {
      if (segment.role != LogSurvey::Segment::Role::kLog) continue;
      ++report_.segment_count;
      report_.record_count += segment.record_count;
    }
    report_.last_sequence = log.last_sequence;
    report_.clean_close = log.clean_close;
    co_return absl::OkStatus();
  }

  // What manifest and log say of each other.
  void CompareEnd() {
    const SurveyedManifest* const manifest = survey_.manifest_in_force();
    if (manifest == nullptr || !manifest->status.ok()) return;
    const ManifestState& state = manifest->state;
    const Sequence issued = state.closed_at.value_or(state.reserved_through);
    if (report_.last_sequence > issued) {
      Damage(std::string(kLogDirectoryName), std::nullopt,
             StrCat("holds commit ", report_.last_sequence,
                    ", and the manifest says that none above ", issued, " was issued"));
    }
    if (is_closed_ && state.log_start_segment != 0 && !report_.clean_close) {
      Damage(std::string(kLogDirectoryName), std::nullopt,
             StrCat("does not end with a close mark, and the manifest says that the database was "
                    "closed after commit ",
                    issued, ": its end is lost"));
    }
  }

  // --- What else lies there ---

  void NoteOthers() {
    const SurveyedManifest* const manifest = survey_.manifest_in_force();
    for (const auto& [number, bytes] : survey_.tables) {
      if (manifest == nullptr || !manifest->is_whole()) break;
      if (manifest->state.tables.contains(number) || ingested_.contains(number)) continue;
      Add(Finding::Kind::kNote, TableFileName(number), std::nullopt,
          StrCat("belongs to no state of the database (", bytes,
                 " bytes): dropped, or left by a job that did not end"));
    }
    std::set<std::uint64_t> in_force;
    if (manifest != nullptr) {
      for (const auto& [id, use] : manifest->state.value_files) in_force.insert(use.info.number);
    }
    for (const auto& [number, bytes] : survey_.value_files) {
      if (manifest == nullptr || !manifest->is_whole()) break;
      if (in_force.contains(number)) continue;
      Add(Finding::Kind::kNote, ValueFileName(number), std::nullopt,
          StrCat("belongs to no state of the database (", bytes,
                 " bytes): replaced, or left by a job that did not end"));
    }
    for (const auto& [number, bytes] : survey_.record_files) {
      if (!log_is_whole_ ||
          std::count(scan_.record_files.begin(), scan_.record_files.end(), number) > 0) {
        continue;
      }
      Add(Finding::Kind::kNote, JoinPath(kLogDirectoryName, RecordFileName(number)), std::nullopt,
          StrCat("is needed by no commit (", bytes,
                 " bytes): in a table by now, or left by a commit that did not end"));
    }
    for (const std::string& name : survey_.other) {
      Add(Finding::Kind::kNote, name, std::nullopt, "is no file of a database");
    }
    for (const std::string& name : survey_.other_in_log) {
      Add(Finding::Kind::kNote, JoinPath(kLogDirectoryName, name), std::nullopt,
          "is no file of a database");
    }
  }

  // --- Beside a process that writes ---

  Task<absl::StatusOr<bool>> IsStillNamed(std::uint64_t number) {
    AURORA_CO_ASSIGN(const DirectorySurvey now, co_await SurveyDirectory(&files_, directory_));
    const SurveyedManifest* const manifest = now.manifest_in_force();
    co_return manifest == nullptr || manifest->state.tables.contains(number);
  }

  Task<absl::StatusOr<bool>> IsStillInForce(std::uint64_t id, std::uint64_t number) {
    AURORA_CO_ASSIGN(const DirectorySurvey now, co_await SurveyDirectory(&files_, directory_));
    const SurveyedManifest* const manifest = now.manifest_in_force();
    if (manifest == nullptr) co_return true;
    const auto found = manifest->state.value_files.find(id);
    co_return found != manifest->state.value_files.end() && found->second.info.number == number;
  }

  // Whether manifest or log are other than survey_ has found them.
  Task<absl::StatusOr<bool>> HasMoved() {
    AURORA_CO_ASSIGN(const DirectorySurvey now, co_await SurveyDirectory(&files_, directory_));
    if (now.segments != survey_.segments || now.manifests.size() != survey_.manifests.size()) {
      co_return true;
    }
    for (std::size_t i = 0; i < now.manifests.size(); ++i) {
      const SurveyedManifest& a = now.manifests[i];
      const SurveyedManifest& b = survey_.manifests[i];
      if (a.number != b.number || a.edit_count != b.edit_count || a.has_root != b.has_root ||
          a.file_bytes != b.file_bytes) {
        co_return true;
      }
    }
    co_return false;
  }

  Task<absl::Status> Wait(int attempt) {
    const absl::Duration wait = absl::Milliseconds(std::min(attempt, 20));
    co_return co_await environment_.Sleep(wait);
  }
  absl::Status TooFast() const {
    return UnavailableError(directory_, " changes faster than it can be read");
  }

  Environment& environment_;
  FileSystem& files_;
  const std::string directory_;
  const VerifyOptions options_;
  DirectorySurvey survey_;
  LogScan scan_;
  std::map<std::uint64_t, TableInfo> ingested_;  // tables that only the log names
  bool log_is_whole_ = false;
  bool is_closed_ = false;
  std::map<std::uint64_t, std::vector<TableValues>> named_;  // by tables, of each value file
  CopyProgress progress_;
  VerifyReport report_;
};

}  // namespace

std::uint64_t VerifyReport::CountOf(Finding::Kind kind) const {
  return static_cast<std::uint64_t>(
      std::count_if(findings.begin(), findings.end(),
                    [kind](const Finding& finding) { return finding.kind == kind; }));
}

Task<absl::StatusOr<VerifyReport>> VerifyStore(Environment* environment, std::string directory,
                                               VerifyOptions options) {
  StoreVerifier verifier(environment, std::move(directory), std::move(options));
  co_return co_await verifier.Run();
}

}  // namespace aurora::lsm
