#include "aurora/lsm/store_salvage.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "aurora/lsm/expiry.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_reader.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/table_format.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {

StoreSalvage::StoreSalvage(Environment* environment, std::string directory, CopyOptions options)
    : files_(environment->files()), options_(std::move(options)), values_(&files_) {
  survey_.directory = std::move(directory);
}

Task<absl::StatusOr<std::unique_ptr<StoreSalvage>>> StoreSalvage::Open(Environment* environment,
                                                                       std::string directory,
                                                                       CopyOptions options) {
  std::unique_ptr<StoreSalvage> salvage(
      new StoreSalvage(environment, std::move(directory), std::move(options)));
  AURORA_CO_RETURN_IF_ERROR(co_await salvage->Prepare());
  co_return salvage;
}

std::string StoreSalvage::PathOf(std::uint64_t table) const {
  return JoinPath(survey_.directory, TableFileName(table));
}

absl::Status StoreSalvage::Progress(std::uint64_t bytes) {
  progress_.done_bytes += bytes;
  if (options_.progress) options_.progress(progress_);
  if (options_.stop.stop_requested()) return CancelledError("salvaging was stopped");
  return absl::OkStatus();
}

Task<absl::Status> StoreSalvage::Prepare() {
  std::string directory = survey_.directory;
  AURORA_CO_ASSIGN(survey_, co_await SurveyDirectory(&files_, std::move(directory)));
  AURORA_CO_RETURN_IF_ERROR(survey_.CheckRemains());
  for (const SurveyedManifest& manifest : survey_.manifests) {
    if (absl::IsFailedPrecondition(manifest.status)) co_return manifest.status;
  }
  if (!survey_.identity.has_value()) {
    co_return DataLossError(survey_.directory,
                            ": neither a manifest nor the log nor a table can be read so far that "
                            "it tells the id of the database, on which every checksum depends");
  }
  JudgeManifests();
  AURORA_CO_RETURN_IF_ERROR(co_await OpenValueFiles());
  AURORA_CO_RETURN_IF_ERROR(co_await ReadIngestions());
  const std::map<std::uint64_t, std::optional<TableInfo>> tables = ChooseTables();
  for (const auto& [number, info] : tables) {
    const auto file = survey_.tables.find(number);
    // They are read twice: here, and when their entries are asked for.
    if (file != survey_.tables.end()) progress_.total_bytes += 2 * file->second;
  }
  for (const auto& [number, info] : tables) {
    AURORA_CO_RETURN_IF_ERROR(co_await CheckTable(number, info));
  }
  JoinRangeDeletes();
  std::sort(planned_.begin(), planned_.end(), [](const Planned& a, const Planned& b) {
    return std::tie(a.first_key, a.number) < std::tie(b.first_key, b.number);
  });
  co_return co_await CheckLog();
}

Task<absl::Status> StoreSalvage::ReadIngestions() {
  if (!survey_.has_log) co_return absl::OkStatus();
  LogRecordCallback take = [this](const LogRecord& record) {
    if (record.tables.empty()) return absl::OkStatus();
    absl::StatusOr<std::vector<TableInfo>> tables = DecodeTables(record.tables);
    if (!tables.ok()) return absl::OkStatus();
    for (TableInfo& table : *tables) {
      table.ingested_at = table.smallest_sequence = table.largest_sequence = record.sequence;
      ingested_[table.number] = std::move(table);
    }
    return absl::OkStatus();
  };
  co_return (co_await SurveyLogFrom(0, &take)).status();
}

void StoreSalvage::JoinRangeDeletes() {
  if (range_deletes_of_tables_.empty()) return;
  std::vector<RangeDelete> all;
  for (const auto& deletes : range_deletes_of_tables_) {
    all.insert(all.end(), deletes->all().begin(), deletes->all().end());
  }
  range_deletes_ = std::make_unique<const RangeDeletes>(all);
  range_deletes_of_tables_.clear();
}

void StoreSalvage::JudgeManifests() {
  const SurveyedManifest* const in_force = survey_.manifest_in_force();
  if (in_force != nullptr && in_force->is_whole()) state_ = &in_force->state;
  for (const SurveyedManifest& manifest : survey_.manifests) {
    issued_ =
        std::max({issued_, manifest.state.reserved_through, manifest.state.closed_at.value_or(0)});
    const std::string name = ManifestFileName(manifest.number);
    if (!manifest.status.ok()) {
      report_.findings.push_back({Finding::Kind::kDamage, name, std::nullopt,
                                  std::string(ToStd(manifest.status.message()))});
    } else if (!manifest.cut_reason.empty()) {
      report_.findings.push_back(
          {Finding::Kind::kDoubt, name, std::nullopt, StrCat("ends with ", manifest.cut_reason)});
    }
  }
  if (in_force == nullptr) {
    report_.findings.push_back(
        {Finding::Kind::kDamage, "", std::nullopt, "no root says which manifest is in force"});
  } else if (!in_force->has_root) {
    report_.findings.push_back({Finding::Kind::kDamage, RootFileName(in_force->number),
                                std::nullopt, "is missing; its manifest is there"});
  }
  if (state_ != nullptr) {
    log_start_ = static_cast<std::uint32_t>(state_->log_start_segment);
    replay_after_ = state_->flushed_through;
    return;
  }
  report_.tables_uncertain = true;
  tables_are_whole_ = false;
}

std::map<std::uint64_t, std::optional<TableInfo>> StoreSalvage::ChooseTables() {
  std::map<std::uint64_t, std::optional<TableInfo>> tables;
  if (state_ != nullptr) {
    for (const auto& [number, info] : state_->tables) tables[number] = info;
    for (const auto& [number, info] : ingested_) {
      if (info.ingested_at > state_->ingested_through) tables[number] = info;
    }
    return tables;
  }
  std::set<std::uint64_t> removed;
  for (const SurveyedManifest& manifest : survey_.manifests) {
    for (const std::uint64_t number : manifest.removed_tables) {
      removed.insert(number);
      tables.erase(number);
    }
    // A later manifest begins with all tables of its time.
    if (manifest.has_first_edit) tables.clear();
    for (const auto& [number, info] : manifest.state.tables) tables[number] = info;
  }
  for (const auto& [number, bytes] : survey_.tables) {
    if (removed.contains(number)) continue;
    std::optional<TableInfo>& info = tables.try_emplace(number).first->second;
    const auto ingested = ingested_.find(number);
    if (!info.has_value() && ingested != ingested_.end()) info = ingested->second;
  }
  return tables;
}

// Of every file that is there: what it holds has once been written, under the name that it has.
Task<absl::Status> StoreSalvage::OpenValueFiles() {
  for (const auto& [number, bytes] : survey_.value_files) {
    const std::string name = ValueFileName(number);
    std::vector<FileDamage> damage;
    const absl::Status added = co_await values_.Add(JoinPath(survey_.directory, name),
                                                    survey_.TableIdentityOf(number), &damage);
    if (!added.ok()) damage.push_back({{}, std::string(ToStd(added.message()))});
    for (const FileDamage& each : damage) {
      report_.findings.push_back({Finding::Kind::kDamage, name, each.where, each.what});
    }
    if (added.ok()) ++report_.value_file_count;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> StoreSalvage::CheckValues(const Block* block, std::string table) {
  Block::Cursor cursor;
  cursor.Reset(block);
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    if (cursor.key().version.kind() != EntryKind::kSeparatedPut) continue;
    const PutForm form = ParsePutForm(cursor.value());
    if (!form.is_separated) continue;
    const absl::StatusOr<std::string> value = co_await values_.Read(form.content);
    if (value.ok()) {
      AURORA_CO_RETURN_IF_ERROR(Progress(value->size()));
    } else {
      LoseValue(cursor.key(), table, std::string(ToStd(value.status().message())));
    }
  }
  co_return absl::OkStatus();
}

// One loss after the other in a table is told as one, of all keys between.
void StoreSalvage::LoseValue(EntryKey key, std::string table, std::string what) {
  tables_are_whole_ = false;
  constexpr std::string_view kWhat = "values that cannot be read: ";
  const Sequence sequence = key.version.sequence();
  if (!report_.lost_versions.empty()) {
    LostVersions& last = report_.lost_versions.back();
    if (last.file == table && last.what.starts_with(kWhat)) {
      last.keys.last = std::string(key.key);
      last.smallest_sequence = std::min(last.smallest_sequence, sequence);
      last.largest_sequence = std::max(last.largest_sequence, sequence);
      return;
    }
  }
  report_.findings.push_back({Finding::Kind::kDamage, table, std::nullopt, StrCat(kWhat, what)});
  LostVersions lost;
  lost.keys = {std::string(key.key), std::string(key.key)};
  lost.smallest_sequence = lost.largest_sequence = sequence;
  lost.file = std::move(table);
  lost.what = StrCat(kWhat, what);
  report_.lost_versions.push_back(std::move(lost));
}

Task<absl::Status> StoreSalvage::CheckTable(std::uint64_t number, std::optional<TableInfo> info) {
  const std::string name = TableFileName(number);
  if (info.has_value()) issued_ = std::max(issued_, info->largest_sequence);
  TableIdentity identity = survey_.TableIdentityOf(number);
  if (info.has_value()) identity.ingested_at = info->ingested_at;
  const absl::StatusOr<std::unique_ptr<TableSurvey>> opened =
      co_await TableSurvey::Open(&files_, PathOf(number), identity);
  if (!opened.ok()) {
    LoseTable(info, name,
              absl::IsNotFound(opened.status())
                  ? std::string("is missing")
                  : StrCat("cannot be opened: ", ToStd(opened.status().message())));
    co_return absl::OkStatus();
  }
  TableSurvey& survey = **opened;
  std::optional<std::string> first;
  while (co_await survey.Next()) {
    const TableSurvey::Piece& piece = survey.piece();
    if (piece.block != nullptr && !first.has_value()) {
      Block::Cursor cursor;
      cursor.Reset(piece.block.get());
      cursor.SeekToFirst();
      first = std::string(cursor.key().key);
    }
    if (piece.block != nullptr) {
      AURORA_CO_RETURN_IF_ERROR(co_await CheckValues(piece.block.get(), name));
    }
    const bool found = piece.handle.raw_bytes != 0;
    const std::uint64_t bytes =
        found ? piece.handle.end() - piece.handle.offset : piece.handle.stored_bytes;
    AURORA_CO_RETURN_IF_ERROR(Progress(bytes));
  }
  for (const FileDamage& damage : survey.damage()) {
    report_.findings.push_back({Finding::Kind::kDamage, name, damage.where, damage.what});
  }
  LoseKeys(survey, info, name);
  LoseRangeDeletes(survey, info, name);
  if (survey.range_deletes() != nullptr) {
    for (const RangeDelete& range : survey.range_deletes()->all()) {
      issued_ = std::max(issued_, range.sequence);
    }
    range_deletes_of_tables_.push_back(survey.TakeRangeDeletes());
  }
  if (survey.properties().has_value()) {
    issued_ = std::max(issued_, survey.properties()->largest_sequence);
  }
  if (!first.has_value()) co_return absl::OkStatus();
  ++report_.table_count;
  planned_.push_back({number, *std::move(first), identity.ingested_at});
  co_return absl::OkStatus();
}

void StoreSalvage::LoseTable(const std::optional<TableInfo>& info, std::string file,
                             std::string what) {
  tables_are_whole_ = false;
  LostVersions lost;
  if (info.has_value()) {
    lost.keys = {info->smallest_key, info->largest_key};
    lost.smallest_sequence = info->smallest_sequence;
    lost.largest_sequence = info->largest_sequence;
  }
  if (report_.tables_uncertain) {
    StrAppend(&what, "; it may have been dropped after the last edit that can be read");
  }
  report_.findings.push_back({Finding::Kind::kDamage, file, std::nullopt, what});
  lost.file = std::move(file);
  lost.what = std::move(what);
  report_.lost_versions.push_back(std::move(lost));
}

void StoreSalvage::LoseKeys(const TableSurvey& survey, const std::optional<TableInfo>& info,
                            std::string file) {
  const std::optional<TableProperties>& properties = survey.properties();
  std::optional<std::uint64_t> entries;
  if (properties.has_value()) entries = properties->entry_count;
  if (info.has_value()) entries = info->entry_count;
  // All that was written has been read, whatever else is wrong.
  if (entries == survey.entry_count()) return;
  std::vector<LostKeys> lost_keys = survey.lost_keys();
  // Fewer than were written, and nothing shows where they were.
  if (entries.has_value() && lost_keys.empty()) lost_keys.emplace_back();
  for (const LostKeys& keys : lost_keys) {
    LoseVersions(keys, survey, info, file, "data blocks that cannot be read");
  }
}

void StoreSalvage::LoseRangeDeletes(const TableSurvey& survey, const std::optional<TableInfo>& info,
                                    std::string file) {
  if (!survey.may_lack_range_deletes()) return;
  if (info.has_value() && info->range_delete_count == 0) return;
  LostKeys keys;
  if (survey.properties().has_value()) {
    keys = {survey.properties()->smallest_key, survey.properties()->largest_key};
  }
  LoseVersions(std::move(keys), survey, info, std::move(file), "range deletes that cannot be read");
}

void StoreSalvage::LoseVersions(LostKeys keys, const TableSurvey& survey,
                                const std::optional<TableInfo>& info, std::string file,
                                std::string what) {
  LostVersions lost;
  lost.keys = std::move(keys);
  if (const std::optional<TableProperties>& properties = survey.properties();
      properties.has_value()) {
    lost.smallest_sequence = properties->smallest_sequence;
    lost.largest_sequence = properties->largest_sequence;
  }
  if (info.has_value()) {
    lost.smallest_sequence = info->smallest_sequence;
    lost.largest_sequence = info->largest_sequence;
    lost.keys.first = std::max(lost.keys.first, info->smallest_key);
    if (!lost.keys.last.has_value()) lost.keys.last = info->largest_key;
  }
  lost.file = std::move(file);
  lost.what = std::move(what);
  report_.lost_versions.push_back(std::move(lost));
  tables_are_whole_ = false;
}

// --- The log ---

Task<absl::StatusOr<LogSurvey>> StoreSalvage::SurveyLogFrom(std::uint32_t first,
                                                            LogRecordCallback* replay) {
  LogSurveyOptions options;
  options.directory = survey_.LogDirectory();
  options.identities = {identity()};
  options.first_segment = first;
  if (state_ != nullptr) options.flushed_through = state_->flushed_through;
  co_return co_await SurveyLog(&files_, std::move(options), replay);
}

Task<absl::Status> StoreSalvage::ScanLogFrom(std::uint32_t first, LogRecordCallback* replay) {
  ScanOptions scan;
  scan.directory = survey_.LogDirectory();
  scan.identity = identity();
  const std::string boot_id = files_.BootId();
  scan.boot = BootHash(boot_id);
  scan.first_segment = first;
  scan.after = replay_after_;
  if (state_ != nullptr) scan.flushed_through = state_->flushed_through;
  AURORA_CO_ASSIGN(const LogScan scanned, co_await ScanLog(files_, std::move(scan), replay));
  log_last_ = scanned.last_sequence;
  log_closed_ = scanned.clean_close;
  if (scanned.report.cut_bytes > 0) {
    const std::string what =
        StrCat("ends with ", scanned.report.cut_bytes,
               " bytes that were never acknowledged: ", scanned.report.cut_reason);
    report_.findings.push_back(
        {Finding::Kind::kDoubt, std::string(kLogDirectoryName), std::nullopt, what});
  }
  co_return absl::OkStatus();
}

Task<absl::Status> StoreSalvage::CheckLog() {
  if (state_ != nullptr && state_->log_start_segment == 0) co_return absl::OkStatus();
  // Where tables have lost something, the log may have it still, as far back as it goes.
  if (!tables_are_whole_) {
    log_start_ = 0;
    replay_after_ = 0;
  }
  AURORA_CO_ASSIGN(LogSurvey log, co_await SurveyLogFrom(log_start_, nullptr));
  if (log_start_ == 0) {
    for (const LogSurvey::Segment& segment : log.segments) {
      if (segment.role != LogSurvey::Segment::Role::kLog) continue;
      log_start_ = segment.number;
      break;
    }
  }
  LogRecordCallback nothing = [](const LogRecord&) { return absl::OkStatus(); };
  absl::Status scanned = DataLossError("there is no log");
  if (log_start_ != 0) scanned = co_await ScanLogFrom(log_start_, &nothing);
  log_is_whole_ = scanned.ok();
  if (!log_is_whole_) {
    log_last_ = log.last_sequence;
    log_closed_ = log.clean_close;
    report_.findings.push_back({Finding::Kind::kDamage, std::string(kLogDirectoryName),
                                std::nullopt, std::string(ToStd(scanned.message()))});
    TakeLosses(log, scanned);
  }
  CheckLogEnd();
  issued_ = std::max(issued_, log_last_);
  co_return absl::OkStatus();
}

void StoreSalvage::TakeLosses(const LogSurvey& log, const absl::Status& scanned) {
  for (const LostCommits& lost : log.lost) {
    report_.findings.push_back({Finding::Kind::kDamage, lost.file, lost.where, lost.what});
    LoseCommits(lost);
  }
  if (!log.lost.empty()) return;
  LostCommits lost;
  lost.after = std::max(log.last_sequence, replay_after_);
  lost.file = std::string(kLogDirectoryName);
  lost.what = std::string(ToStd(scanned.message()));
  LoseCommits(std::move(lost));
}

// A log that was closed says so in its last frame, and the manifest after it.
void StoreSalvage::CheckLogEnd() {
  if (state_ == nullptr || !state_->closed_at.has_value() || log_closed_) return;
  LostCommits lost;
  lost.after = log_last_;
  lost.before = *state_->closed_at + 1;
  lost.file = std::string(kLogDirectoryName);
  lost.what = "the log does not end as it was closed";
  report_.findings.push_back({Finding::Kind::kDamage, lost.file, std::nullopt, lost.what});
  LoseCommits(std::move(lost));
}

void StoreSalvage::LoseCommits(LostCommits lost) {
  // What the tables have is not lost.
  if (state_ != nullptr && tables_are_whole_) {
    lost.after = std::max(lost.after, state_->flushed_through);
  }
  if (state_ != nullptr && state_->closed_at.has_value() && !lost.before.has_value()) {
    lost.before = *state_->closed_at + 1;
  }
  if (lost.before.has_value() && *lost.before <= lost.after + 1) return;
  report_.lost_commits.push_back(std::move(lost));
}

Task<absl::Status> StoreSalvage::ReadLog(LogRecordCallback* replay) {
  if (log_start_ == 0) co_return absl::OkStatus();
  LogRecordCallback count = [this, replay](const LogRecord& record) {
    if (record.sequence <= replay_after_ || record.payload.empty()) return absl::OkStatus();
    ++report_.record_count;
    return (*replay)(record);
  };
  if (log_is_whole_) co_return co_await ScanLogFrom(log_start_, &count);
  AURORA_CO_RETURN_IF_ERROR(co_await SurveyLogFrom(log_start_, &count));
  co_return absl::OkStatus();
}

std::vector<std::string> StoreSalvage::HandlerStates() const {
  std::vector<std::string> states;
  for (auto manifest = survey_.manifests.rbegin(); manifest != survey_.manifests.rend();
       ++manifest) {
    const std::string& state = manifest->state.handler_state;
    if (!state.empty()) states.push_back(state);
  }
  return states;
}

// --- The entries of the tables ---

Task<bool> StoreSalvage::Advance(Source* source) {
  if (source->cursor.Valid()) {
    source->cursor.Next();
    if (source->cursor.Valid()) co_return true;
  }
  while (co_await source->survey->Next()) {
    const Block* const block = source->survey->piece().block.get();
    if (block == nullptr) continue;
    source->cursor.Reset(block);
    source->cursor.SeekToFirst();
    co_return true;
  }
  co_return false;
}

// Opens every table that may hold the next entry.
Task<absl::Status> StoreSalvage::OpenPlanned() {
  for (; next_planned_ < planned_.size(); ++next_planned_) {
    const Planned& planned = planned_[next_planned_];
    const bool needed =
        std::all_of(sources_.begin(), sources_.end(), [&](const std::unique_ptr<Source>& source) {
          return planned.first_key <= source->cursor.key().key;
        });
    if (!needed) break;
    auto source = std::make_unique<Source>();
    TableIdentity table = survey_.TableIdentityOf(planned.number);
    table.ingested_at = planned.ingested_at;
    AURORA_CO_ASSIGN(source->survey,
                     co_await TableSurvey::Open(&files_, PathOf(planned.number), table));
    const bool any = co_await Advance(source.get());
    AURORA_CO_RETURN_IF_ERROR(Progress(source->survey->file_bytes()));
    if (any) sources_.push_back(std::move(source));
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<bool>> StoreSalvage::Next() {
  for (;;) {
    if (current_ != nullptr && !co_await Advance(current_)) {
      std::erase_if(sources_, [&](const std::unique_ptr<Source>& source) {
        return source.get() == current_;
      });
    }
    current_ = nullptr;
    AURORA_CO_RETURN_IF_ERROR(co_await OpenPlanned());
    for (const std::unique_ptr<Source>& source : sources_) {
      if (current_ == nullptr || source->cursor.key() < current_->cursor.key()) {
        current_ = source.get();
      }
    }
    if (current_ == nullptr) co_return false;
    const EntryKey key = current_->cursor.key();
    // The same entry is in several tables where what compaction had read is still there.
    if (any_ && !(EntryKey{last_key_, last_version_} < key)) continue;
    any_ = true;
    last_key_ = key.key;
    last_version_ = key.version;
    if (key.version.sequence() < DeletedBelow(key.key)) continue;
    expiry_ = kNeverExpires;
    is_fetched_ = key.version.kind() == EntryKind::kSeparatedPut;
    if (is_fetched_) {
      const PutForm form = ParsePutForm(current_->cursor.value());
      expiry_ = form.expiry;
      value_ = form.content;
      if (form.is_separated) {
        absl::StatusOr<std::string> value = co_await values_.Read(form.content);
        if (!value.ok()) continue;  // it is told
        value_ = *std::move(value);
      }
    }
    ++report_.entry_count;
    co_return true;
  }
}

EntryRef StoreSalvage::entry() const {
  AURORA_DCHECK(current_ != nullptr);
  const EntryKey key = current_->cursor.key();
  if (!is_fetched_) return {key, current_->cursor.value()};
  return {{key.key, Version(key.version.sequence(), EntryKind::kPut)}, value_};
}

}  // namespace aurora::lsm
