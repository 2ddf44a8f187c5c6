// The commands dump log, dump table and dump manifest.
#include <iomanip>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "aurora/engine/record.h"
#include "aurora/lsm/directory_survey.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/log_survey.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/record_file.h"
#include "aurora/lsm/table_survey.h"
#include "aurora/lsm/value_format.h"
#include "aurora/lsm/value_survey.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/system_environment.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/findings.h"
#include "aurora/tools/commands/kind_names.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

using lsm::SegmentSurvey;

struct DumpArguments {
  std::string path;
  bool json = false;
  bool values = false;
};

// What one dump needs and says. A line is written as soon as it is known.
class Dump {
 public:
  Dump(const DumpArguments& arguments, const Streams& streams, Environment* environment)
      : arguments_(arguments), streams_(streams), files_(environment->files()) {}

  ExitCode Log();
  ExitCode Table();
  ExitCode Values();
  ExitCode Manifest();

 private:
  // Names and values of one line: as JSON, or as columns of the given widths.
  struct Cell {
    std::string_view name;
    Value value;
    int width = 0;  // negative: to the left; 0: as it comes
  };
  void Line(std::vector<Cell> cells);
  void Damage(std::string_view file, std::uint64_t offset, std::uint64_t bytes,
              std::string_view what);
  ExitCode Done() const { return damaged_ ? ExitCode::kDamaged : ExitCode::kOk; }
  ExitCode Failed(const absl::Status& status) const;
  bool IsDirectory(const std::string& path);
  std::string NameOf(const std::string& path) const;

  ExitCode Segment(const std::string& path, std::uint32_t number);
  void SegmentHeaderLine(const SegmentSurvey& survey);
  void Frame(const SegmentSurvey& survey);
  std::string IngestionText(std::string_view payload, Array* operations) const;
  // What a frame says of a record that has a file of its own, and what is in that.
  std::string RecordFileText(const SegmentSurvey& survey, Array* operations);
  std::string RecordText(std::string_view payload, Array* operations) const;
  void TableSummary(const lsm::TableSurvey& survey);
  void RangeDelete(const lsm::RangeDelete& range);
  void Entry(std::uint64_t block, lsm::EntryKey key, std::string_view value);
  void Edit(const lsm::ManifestFrame& frame);
  static void AddValueFiles(const lsm::ManifestEdit& edit, std::vector<Cell>* cells);

  const DumpArguments& arguments_;
  const Streams& streams_;
  FileSystem& files_;
  bool damaged_ = false;
};

std::string_view FrameName(lsm::FrameKind kind) {
  switch (kind) {
    case lsm::FrameKind::kRecord:
      return "record";
    case lsm::FrameKind::kOpenMark:
      return "open";
    case lsm::FrameKind::kCloseMark:
      return "close";
    case lsm::FrameKind::kRecordFile:
      return "record file";
    case lsm::FrameKind::kIngestion:
      return "ingestion";
  }
  return "unknown";
}

std::string IdText(std::string_view key) {
  const absl::StatusOr<DocumentId> id = DocumentId::FromEncodedKey(key);
  return id.ok() ? id->ToString() : HexText(key);
}

Value Text(std::string_view text) { return Value(std::string(text)); }

void Dump::Line(std::vector<Cell> cells) {
  if (arguments_.json) {
    Object object;
    for (Cell& cell : cells) object.Set(cell.name, std::move(cell.value));
    PrintJson(object, streams_);
    return;
  }
  std::ostream& out = streams_.out;
  bool first = true;
  for (const Cell& cell : cells) {
    const bool text = cell.value.type() == Type::kString;
    if (cell.value.type() == Type::kArray) continue;  // for programs
    if (!first) out << "  ";
    first = false;
    out << (cell.width < 0 ? std::left : std::right) << std::setw(std::abs(cell.width))
        << (text ? cell.value.AsString() : DebugString(cell.value));
  }
  out << "\n";
}

void Dump::Damage(std::string_view file, std::uint64_t offset, std::uint64_t bytes,
                  std::string_view what) {
  damaged_ = true;
  Line({{"type", Text("damage"), -8},
        {"file", Text(file)},
        {"offset", Number(offset), 10},
        {"bytes", Number(bytes), 8},
        {"what", Text(what)}});
}

ExitCode Dump::Failed(const absl::Status& status) const {
  const ExitCode code = Fail(status, streams_);
  return absl::IsFailedPrecondition(status) ? ExitCode::kRefused : code;
}

bool Dump::IsDirectory(const std::string& path) {
  const absl::StatusOr<FileInfo> info = BlockOn(files_.Stat(path));
  return info.ok() && info->is_directory;
}

std::string Dump::NameOf(const std::string& path) const {
  return path.substr(path.find_last_of('/') + 1);
}

// --- dump log ---

ExitCode Dump::Log() {
  std::string directory = arguments_.path;
  if (!IsDirectory(directory)) {
    const std::optional<std::uint32_t> number = lsm::ParseSegmentFileName(NameOf(directory));
    if (!number.has_value()) {
      return Failed(InvalidArgumentError(directory, ": a segment of the log is named like ",
                                         lsm::SegmentFileName(1)));
    }
    const ExitCode code = Segment(directory, *number);
    return code == ExitCode::kOk ? Done() : code;
  }
  const absl::StatusOr<lsm::DirectorySurvey> survey =
      BlockOn(lsm::SurveyDirectory(&files_, directory));
  if (!survey.ok()) return Failed(survey.status());
  if (!survey->has_remains()) {
    return Failed(NotFoundError("there is no database in ", directory));
  }
  for (const std::uint32_t number : survey->segments) {
    const std::string path = lsm::JoinPath(survey->LogDirectory(), lsm::SegmentFileName(number));
    const ExitCode code = Segment(path, number);
    if (code != ExitCode::kOk) return code;
  }
  return Done();
}

ExitCode Dump::Segment(const std::string& path, std::uint32_t number) {
  // Where a header is lost, the database tells whose frames they may be.
  std::vector<lsm::LogIdentity> identities;
  const absl::StatusOr<lsm::DirectorySurvey> database =
      BlockOn(lsm::SurveyDirectory(&files_, lsm::ParentPath(lsm::ParentPath(path))));
  if (database.ok() && database->identity.has_value()) identities.push_back(*database->identity);
  const absl::StatusOr<std::unique_ptr<SegmentSurvey>> opened =
      BlockOn(SegmentSurvey::Open(&files_, path, number, identities));
  if (!opened.ok()) return Failed(opened.status());
  SegmentSurvey& survey = **opened;
  SegmentHeaderLine(survey);
  while (survey.Next(0)) {
    const SegmentSurvey::Item& item = survey.item();
    if (item.kind == SegmentSurvey::Item::Kind::kFrame) {
      Frame(survey);
    } else {
      const bool gap = item.kind == SegmentSurvey::Item::Kind::kGap;
      Damage(NameOf(path), item.where.offset, item.where.bytes,
             gap ? "no valid frame, and valid ones follow"
                 : "a frame that is not whole, and nothing follows");
    }
  }
  return ExitCode::kOk;
}

void Dump::SegmentHeaderLine(const SegmentSurvey& survey) {
  const std::string name = NameOf(survey.path());
  if (!survey.begun()) {
    const bool ready = survey.header_state() == lsm::HeaderState::kPrepared;
    const bool used = survey.header_state() == lsm::HeaderState::kValid;
    Line({{"type", Text("segment"), -8},
          {"file", Text(name), -14},
          {"state", Text(ready  ? "made ready, not begun"
                         : used ? StrCat("held segment ", survey.header().number,
                                         " before, to be used again")
                                : "no valid header")}});
    if (survey.header_state() == lsm::HeaderState::kInvalid) {
      Damage(name, 0, lsm::kSegmentHeaderBytes, "no valid header");
    }
    return;
  }
  const lsm::SegmentHeader& header = survey.header();
  const bool direct = header.mode == lsm::SegmentMode::kDirect;
  if (arguments_.json) {
    Line({{"type", Text("segment")},
          {"file", Text(name)},
          {"bytes", Number(header.segment_bytes)},
          {"epoch", Number(header.identity.epoch)},
          {"mode", Text(direct ? "direct" : "mapped")},
          {"predecessor", Number(header.predecessor)},
          {"predecessor_end", Number(header.predecessor_end)},
          {"last_sequence", Number(header.last_sequence)}});
    return;
  }
  streams_.out << "segment " << name << ": " << header.segment_bytes << " bytes, "
               << (direct ? "direct" : "mapped") << ", epoch " << header.identity.epoch
               << ", after commit " << header.last_sequence << "; continues segment "
               << header.predecessor << " from offset " << header.predecessor_end << "\n";
}

std::string Dump::RecordFileText(const SegmentSurvey& survey, Array* operations) {
  const SegmentSurvey::Item& item = survey.item();
  const lsm::RecordFileReference file = lsm::DecodeRecordFileReference(item.frame.payload);
  const std::string what = file.number == 0 ? std::string("record file 0")
                                            : StrCat(lsm::RecordFileName(file.number), ", ",
                                                     file.payload_bytes, " bytes of record");
  if (!survey.begun()) return what;
  const absl::StatusOr<lsm::RecordFilePayload> payload = BlockOn(lsm::RecordFilePayload::Read(
      &files_, lsm::ParentPath(survey.path()), survey.header().identity, file));
  // Once the commit is in a table the file is gone.
  if (!payload.ok()) return StrCat(what, ": ", ToStd(payload.status().message()));
  return StrCat(what, ": ", RecordText(payload->view(), operations));
}

std::string Dump::IngestionText(std::string_view payload, Array* operations) const {
  const std::optional<lsm::IngestionPayload> ingestion = lsm::SplitIngestion(payload);
  if (!ingestion.has_value()) return "not an ingestion";
  const absl::StatusOr<std::vector<lsm::TableInfo>> tables = lsm::DecodeTables(ingestion->tables);
  if (!tables.ok()) return StrCat("not an ingestion: ", ToStd(tables.status().message()));
  std::string text;
  for (const lsm::TableInfo& table : *tables) {
    StrAppend(&text, text.empty() ? "" : ", ", lsm::TableFileName(table.number));
  }
  if (ingestion->record.empty()) return text;
  return StrCat(text, ": ", RecordText(ingestion->record, operations));
}

void Dump::Frame(const SegmentSurvey& survey) {
  const SegmentSurvey::Item& item = survey.item();
  const lsm::FrameHeader& frame = item.frame.header;
  Array operations;
  std::string text;
  if (frame.kind == lsm::FrameKind::kRecord) text = RecordText(item.frame.payload, &operations);
  if (frame.kind == lsm::FrameKind::kRecordFile) text = RecordFileText(survey, &operations);
  if (frame.kind == lsm::FrameKind::kIngestion) {
    text = IngestionText(item.frame.payload, &operations);
  }
  std::vector<Cell> cells = {{"type", Text(FrameName(frame.kind)), -8},
                             {"offset", Number(frame.offset), 10},
                             {"bytes", Number(frame.payload_bytes), 8},
                             {"sequence", Number(frame.sequence), 10}};
  if (arguments_.json) {
    cells.push_back({"copied", Value(frame.copied)});
    cells.push_back({"watermark", Number(frame.watermark)});
    cells.push_back({"watermark_in_predecessor", Value(frame.watermark_in_predecessor)});
    cells.push_back({"operations", Value(std::move(operations))});
  } else {
    cells.push_back({"text", Text(text)});
  }
  Line(std::move(cells));
}

std::string Dump::RecordText(std::string_view payload, Array* operations) const {
  const absl::StatusOr<engine::Record> record = engine::DecodeRecord(payload);
  if (!record.ok()) return StrCat("not a record: ", ToStd(record.status().message()));
  std::string text;
  constexpr std::size_t kShownMax = 4;
  for (std::size_t i = 0; i < record->operations.size(); ++i) {
    const engine::Operation& operation = record->operations[i];
    const std::string id = operation.id.empty() ? std::string() : IdText(operation.id);
    operations->Append(Value(Object{{"kind", Text(NameOfKind(operation.kind))},
                                    {"collection", Number(operation.collection)},
                                    {"row", Number(operation.row)},
                                    {"id", Value(id)},
                                    {"document_bytes", Number(operation.document.size())}}));
    if (i >= kShownMax) continue;
    StrAppend(&text, i == 0 ? "" : "; ", NameOfKind(operation.kind), " ", operation.collection,
              id.empty() ? "" : " ", id);
  }
  if (record->operations.size() > kShownMax) {
    StrAppend(&text, "; and ", record->operations.size() - kShownMax, " more");
  }
  if (!record->label.empty()) StrAppend(&text, "  ", Quoted(record->label));
  return text;
}

// --- dump table ---

ExitCode Dump::Table() {
  const std::string name = NameOf(arguments_.path);
  const lsm::FileName parsed = lsm::ParseFileName(name);
  if (parsed.kind != lsm::FileName::Kind::kTable) {
    return Failed(
        InvalidArgumentError(arguments_.path, ": a table is named like ", lsm::TableFileName(1)));
  }
  const absl::StatusOr<lsm::DirectorySurvey> database =
      BlockOn(lsm::SurveyDirectory(&files_, lsm::ParentPath(arguments_.path)));
  if (!database.ok()) return Failed(database.status());
  const absl::StatusOr<std::unique_ptr<lsm::TableSurvey>> opened = BlockOn(
      lsm::TableSurvey::Open(&files_, arguments_.path, database->TableIdentityOf(parsed.number)));
  if (!opened.ok()) return Failed(opened.status());
  lsm::TableSurvey& survey = **opened;
  TableSummary(survey);
  if (survey.range_deletes() != nullptr) {
    for (const lsm::RangeDelete& range : survey.range_deletes()->all()) RangeDelete(range);
  }
  std::size_t told = 0;
  const auto tell = [&] {
    for (; told < survey.damage().size(); ++told) {
      const lsm::FileDamage& damage = survey.damage()[told];
      Damage(name, damage.where.offset, damage.where.bytes, damage.what);
    }
  };
  tell();
  while (BlockOn(survey.Next())) {
    tell();
    if (survey.piece().block == nullptr) continue;
    lsm::Block::Cursor cursor;
    cursor.Reset(survey.piece().block.get());
    for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
      Entry(survey.piece().handle.offset, cursor.key(), cursor.value());
    }
  }
  return Done();
}

void Dump::TableSummary(const lsm::TableSurvey& survey) {
  if (!survey.properties().has_value()) return;
  const lsm::TableProperties& table = *survey.properties();
  if (arguments_.json) {
    Line({{"type", Text("table")},
          {"file", Text(NameOf(survey.path()))},
          {"bytes", Number(survey.file_bytes())},
          {"entries", Number(table.entry_count)},
          {"deletes", Number(table.delete_count)},
          {"merges", Number(table.merge_count)},
          {"range_deletes", Number(table.range_delete_count)},
          {"expiring", Number(table.expiring_count)},
          {"half_expired_at_ms", Number(static_cast<std::uint64_t>(table.half_expired_at))},
          {"keys", Number(table.key_count)},
          {"blocks", Number(table.data_block_count)},
          {"smallest_sequence", Number(table.smallest_sequence)},
          {"largest_sequence", Number(table.largest_sequence)},
          {"filter_bits_per_key", Number(static_cast<std::uint64_t>(table.filter_bits_per_key))}});
    return;
  }
  streams_.out << "table " << NameOf(survey.path()) << ": " << survey.file_bytes() << " bytes, "
               << Grouped(table.entry_count) << " entries" << " ("
               << Counted(table.delete_count, "delete") << ", "
               << Counted(table.merge_count, "merge") << "), "
               << Counted(table.range_delete_count, "range delete") << ", of "
               << Counted(table.key_count, "key") << " in "
               << Counted(table.data_block_count, "block") << ", commits "
               << table.smallest_sequence << " to " << table.largest_sequence << ", filter of "
               << table.filter_bits_per_key << " bits a key\n";
}

void Dump::RangeDelete(const lsm::RangeDelete& range) {
  lsm::KeyspaceId keyspace = 0;
  std::string_view begin;
  if (!lsm::ParseStoredKey(range.begin, &keyspace, &begin)) begin = range.begin;
  const std::size_t most = arguments_.json || arguments_.values ? std::string::npos : 64;
  // Its end may be that of the keyspace, which no key of the keyspace is: so it is shown whole.
  Line({{"type", Text(NameOfKind(lsm::EntryKind::kDeleteRange)), -8},
        {"keyspace", Number(keyspace), 4},
        {"sequence", Number(range.sequence), 10},
        {"key", Value(HexText(begin, most))},
        {"stored_end", Value(HexText(range.end, most))}});
}

void Dump::Entry(std::uint64_t block, lsm::EntryKey key, std::string_view value) {
  lsm::KeyspaceId keyspace = 0;
  std::string_view user_key;
  if (!lsm::ParseStoredKey(key.key, &keyspace, &user_key)) user_key = key.key;
  const bool all = arguments_.json || arguments_.values;
  absl::StatusOr<lsm::ValueHandle> handle = NotFoundError("the value is here");
  lsm::PutForm form;
  form.content = value;
  if (key.version.kind() == lsm::EntryKind::kSeparatedPut) form = lsm::ParsePutForm(value);
  if (form.is_separated) handle = lsm::DecodeValueHandle(form.content);
  std::vector<Cell> cells = {
      {"type", Text(NameOfEntry(key.version.kind(), form)), -8},
      {"block", Number(block), 10},
      {"keyspace", Number(keyspace), 4},
      {"sequence", Number(key.version.sequence()), 10},
      {"value_bytes", Number(handle.ok() ? handle->bytes : form.content.size()), 8},
      {"key", Value(HexText(user_key, all ? std::string::npos : 64))}};
  if (form.expires()) {
    cells.push_back({"expiry_ms", Number(static_cast<std::uint64_t>(form.expiry)), 14});
  }
  if (handle.ok()) {
    cells.push_back({"value_file", Number(handle->file), 10});
    cells.push_back({"value_number", Number(handle->number), 6});
  } else if (arguments_.values) {
    cells.push_back({"value", Value(HexText(form.content, std::string::npos))});
  }
  Line(std::move(cells));
}

// --- dump values ---

ExitCode Dump::Values() {
  const std::string name = NameOf(arguments_.path);
  const lsm::FileName parsed = lsm::ParseFileName(name);
  if (parsed.kind != lsm::FileName::Kind::kValues) {
    return Failed(InvalidArgumentError(arguments_.path, ": a value file is named like ",
                                       lsm::ValueFileName(1)));
  }
  const absl::StatusOr<lsm::DirectorySurvey> database =
      BlockOn(lsm::SurveyDirectory(&files_, lsm::ParentPath(arguments_.path)));
  if (!database.ok()) return Failed(database.status());
  const absl::StatusOr<std::unique_ptr<lsm::ValueSurvey>> opened = BlockOn(
      lsm::ValueSurvey::Open(&files_, arguments_.path, database->TableIdentityOf(parsed.number)));
  if (!opened.ok()) return Failed(opened.status());
  lsm::ValueSurvey& survey = **opened;
  BlockOn(survey.CheckValues());
  for (const lsm::FileDamage& damage : survey.damage()) {
    Damage(name, damage.where.offset, damage.where.bytes, damage.what);
  }
  if (!survey.index().has_value()) return Done();
  for (std::size_t i = 0; i < survey.index()->value_count(); ++i) {
    const lsm::ValueIndex::Pieces pieces = survey.index()->pieces(i);
    Line({{"type", Text("value"), -8},
          {"file", Number(survey.footer()->id), 10},
          {"number", Number(survey.index()->number(i)), 6},
          {"offset", Number(pieces.front().offset), 10},
          {"bytes", Number(lsm::RawBytes(pieces)), 8},
          {"stored_bytes", Number(lsm::StoredBytes(pieces)), 8},
          {"pieces", Number(pieces.size()), 4}});
  }
  return Done();
}

// --- dump manifest ---

ExitCode Dump::Manifest() {
  std::string path = arguments_.path;
  if (IsDirectory(path)) {
    const absl::StatusOr<lsm::DirectorySurvey> survey =
        BlockOn(lsm::SurveyDirectory(&files_, path));
    if (!survey.ok()) return Failed(survey.status());
    if (survey->manifests.empty()) {
      return Failed(NotFoundError("there is no manifest in ", path));
    }
    const lsm::SurveyedManifest* const in_force = survey->manifest_in_force();
    const std::uint64_t number =
        in_force != nullptr ? in_force->number : survey->manifests.back().number;
    path = lsm::JoinPath(path, lsm::ManifestFileName(number));
  }
  const lsm::FileName name = lsm::ParseFileName(NameOf(path));
  if (name.kind != lsm::FileName::Kind::kManifest) {
    return Failed(
        InvalidArgumentError(path, ": a manifest is named like ", lsm::ManifestFileName(1)));
  }
  const absl::StatusOr<std::unique_ptr<lsm::PatientFile>> file =
      BlockOn(lsm::PatientFile::Open(&files_, path));
  if (!file.ok()) return Failed(file.status());
  const std::string_view bytes = BlockOn((*file)->Read(0, (*file)->size()));
  lsm::VisitManifestFrames(name.number, bytes, [&](const lsm::ManifestFrame& frame) {
    if (frame.status.ok()) {
      Edit(frame);
    } else {
      Damage(NameOf(path), frame.offset, frame.bytes, ToStd(frame.status.message()));
    }
  });
  return Done();
}

void Dump::AddValueFiles(const lsm::ManifestEdit& edit, std::vector<Cell>* cells) {
  Array removed;
  for (const std::uint64_t id : edit.removed_value_files) removed.Append(Number(id));
  Array added;
  for (const lsm::ValueFileInfo& file : edit.added_value_files) {
    added.Append(Value(Object{{"id", Number(file.id)},
                              {"number", Number(file.number)},
                              {"bytes", Number(file.size_bytes)},
                              {"values", Number(file.value_count)},
                              {"stored_bytes", Number(file.stored_bytes)}}));
  }
  cells->push_back({"removed_value_files", Value(std::move(removed))});
  cells->push_back({"added_value_files", Value(std::move(added))});
}

void Dump::Edit(const lsm::ManifestFrame& frame) {
  const lsm::ManifestEdit& edit = frame.edit;
  std::vector<Cell> cells = {{"type", Text("edit"), -8},
                             {"edit", Number(frame.edit_number), 4},
                             {"offset", Number(frame.offset), 10}};
  std::string text;
  const auto add = [&](std::string_view name, const std::optional<std::uint64_t>& value) {
    if (!value.has_value()) return;
    if (arguments_.json) cells.push_back({name, Number(*value)});
    StrAppend(&text, text.empty() ? "" : ", ", name, " ", *value);
  };
  if (frame.identity.has_value()) add("epoch", frame.identity->epoch);
  add("log_start_segment", edit.log_start_segment);
  add("flushed_through", edit.flushed_through);
  add("ingested_through", edit.ingested_through);
  add("reserved_through", edit.reserved_through);
  add("next_file_number", edit.next_file_number);
  add("closed_at", edit.closed_at);
  if (edit.handler_state.has_value()) add("handler_state_bytes", edit.handler_state->size());
  Array removed;
  for (const std::uint64_t number : edit.removed_tables) removed.Append(Number(number));
  Array added;
  for (const lsm::TableInfo& table : edit.added_tables) {
    added.Append(Value(
        Object{{"number", Number(table.number)},
               {"level", Number(static_cast<std::uint64_t>(table.level))},
               {"bytes", Number(table.size_bytes)},
               {"entries", Number(table.entry_count)},
               {"deletes", Number(table.delete_count)},
               {"expiring", Number(table.expiring_count)},
               {"half_expired_at_ms", Number(static_cast<std::uint64_t>(table.half_expired_at))},
               {"smallest_key", Value(HexText(table.smallest_key, std::string::npos))},
               {"largest_key", Value(HexText(table.largest_key, std::string::npos))},
               {"largest_is_exclusive", Value(table.largest_is_exclusive)},
               {"range_deletes", Number(table.range_delete_count)},
               {"is_ingested", Value(table.ingested_at != 0)},
               {"value_bytes", Number(table.value_bytes())},
               {"smallest_sequence", Number(table.smallest_sequence)},
               {"largest_sequence", Number(table.largest_sequence)}}));
  }
  if (arguments_.json) {
    cells.push_back({"removed", Value(std::move(removed))});
    cells.push_back({"added", Value(std::move(added))});
    AddValueFiles(edit, &cells);
    Line(std::move(cells));
    return;
  }
  cells.push_back({"text", Value(text)});
  Line(std::move(cells));
  for (const std::uint64_t number : edit.removed_tables) {
    streams_.out << "          -  " << lsm::TableFileName(number) << "\n";
  }
  for (const lsm::TableInfo& table : edit.added_tables) {
    streams_.out << "          +  " << lsm::TableFileName(table.number) << "  level " << table.level
                 << "  " << table.size_bytes << " bytes  " << table.entry_count << " entries  "
                 << (table.ingested_at != 0 ? "ingested, " : "") << "commits "
                 << table.smallest_sequence << " to " << table.largest_sequence << "  "
                 << HexText(table.smallest_key, 16) << " to " << HexText(table.largest_key, 16)
                 << "\n";
  }
  for (const std::uint64_t id : edit.removed_value_files) {
    streams_.out << "          -  values " << id << "\n";
  }
  for (const lsm::ValueFileInfo& file : edit.added_value_files) {
    streams_.out << "          +  values " << file.id << " as " << lsm::ValueFileName(file.number)
                 << "  " << file.size_bytes << " bytes  " << file.value_count << " values\n";
  }
}

CLI::App& AddDump(CLI::App& parent, const std::string& name, const std::string& description,
                  const std::shared_ptr<DumpArguments>& arguments, const std::string& what) {
  CLI::App& app = *parent.add_subcommand(name, description);
  app.add_option("path", arguments->path, what)->required();
  app.add_flag("--json", arguments->json, "One JSON object a line");
  return app;
}

}  // namespace

void AddDump(CommandLine& line) {
  const auto arguments = std::make_shared<DumpArguments>();
  const auto work = std::make_shared<ExitCode (Dump::*)()>(nullptr);
  CLI::App& app = line.Add("dump", "Shows what a log, a table, a value file or a manifest holds",
                           [arguments, work](Streams streams) {
                             const absl::StatusOr<std::shared_ptr<Environment>> environment =
                                 MakeSystemEnvironment();
                             if (!environment.ok()) return Fail(environment.status(), streams);
                             Dump dump(*arguments, streams, environment->get());
                             return (dump.**work)();
                           });
  app.require_subcommand(1);
  AddDump(app, "log", "Every frame of a segment, or of all segments of a database", arguments,
          "A segment of a log, or the directory of a database")
      .callback([work] { *work = &Dump::Log; });
  CLI::App& table =
      AddDump(app, "table", "Every entry of a table", arguments, "The file of a table");
  table.add_flag("--values", arguments->values, "Values too, as hexadecimal digits");
  table.callback([work] { *work = &Dump::Table; });
  AddDump(app, "values", "Every value of a value file", arguments, "The value file")
      .callback([work] { *work = &Dump::Values; });
  AddDump(app, "manifest", "Every edit of a manifest", arguments,
          "A manifest, or the directory of a database: then the one in force")
      .callback([work] { *work = &Dump::Manifest; });
  app.footer(
      "What is shown has the right checksum. Damage is told where it is, and what lies behind it\n"
      "is shown as well; then the exit code is 3. Segments that are not part of the log any more\n"
      "are shown too. Memory: one segment, one block or one manifest.\n\n"
      "Examples:\n"
      "  aurora-tool dump log shop.aurora\n"
      "  aurora-tool dump table shop.aurora/000042.table --values\n"
      "  aurora-tool dump manifest shop.aurora --json | jq '.added[].bytes'\n");
}

}  // namespace aurora::tools
