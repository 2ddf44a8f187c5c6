#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/engine/collection.h"
#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/json.h"
#include "aurora/engine/record.h"
#include "aurora/engine/stored_document.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/filter.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/value_format.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/findings.h"
#include "aurora/tools/commands/kind_names.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/commands/surveyed.h"
#include "aurora/tools/progress_bar.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

constexpr std::size_t kPreviewBytes = 60;

struct FindArguments {
  std::string database;
  std::string key;
  std::string collection;
  lsm::KeyspaceId keyspace = 0;
  bool text = false;
  bool json = false;
};

// One place that knows the key.
struct Trace {
  std::string file;
  std::optional<int> level;  // nullopt: the log
  std::uint64_t offset = 0;  // of the frame, or of the block
  lsm::Sequence sequence = 0;
  std::string kind;
  std::uint64_t bytes = 0;
  std::string value;  // of what is not a value: what it is
};

// What is looked for: stored keys, and the operations of a document.
struct Wanted {
  std::set<std::string> stored_keys;
  const engine::CollectionDefinition* collection = nullptr;
  std::string encoded_id;
  std::set<std::uint64_t> rows;
};

// "00ff10", or with `text` as it stands, but for \xNN and \\.
absl::StatusOr<std::string> ParseKey(std::string_view key, bool text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string bytes;
  for (std::size_t i = 0; i < key.size();) {
    const bool escaped = text && key[i] == '\\';
    if (text && !escaped) {
      bytes.push_back(key[i++]);
      continue;
    }
    if (escaped && key.substr(i, 2) == "\\\\") {
      bytes.push_back('\\');
      i += 2;
      continue;
    }
    if (escaped && key.substr(i, 2) == "\\x") i += 2;
    if (i + 2 > key.size() || digit(key[i]) < 0 || digit(key[i + 1]) < 0) {
      return InvalidArgumentError(
          Quoted(key), text ? ": a backslash is written \\\\, another byte \\xNN"
                            : " is no key: two hexadecimal digits for each byte, or --text");
    }
    bytes.push_back(static_cast<char>(digit(key[i]) * 16 + digit(key[i + 1])));
    i += 2;
  }
  return bytes;
}

class Finder {
 public:
  Finder(const FindArguments& arguments, const Streams& streams, SurveyedDatabase database)
      : arguments_(arguments), streams_(streams), database_(std::move(database)) {}

  absl::StatusOr<ExitCode> Run() {
    AURORA_RETURN_IF_ERROR(arguments_.collection.empty() ? WantKey() : WantDocument());
    AURORA_RETURN_IF_ERROR(SearchLog());
    const auto rows_before = wanted_.rows;
    AURORA_RETURN_IF_ERROR(SearchTables());
    // The entry of an id of the user's own says where the document is.
    if (wanted_.rows != rows_before) {
      traces_.resize(log_traces_);
      AURORA_RETURN_IF_ERROR(SearchTables());
    }
    arguments_.json ? PrintAsJson() : Print();
    if (!damage_.empty()) return ExitCode::kDamaged;
    const bool found = std::any_of(traces_.begin(), traces_.end(),
                                   [](const Trace& trace) { return trace.sequence > 0; });
    if (!found) return NotFoundError("there is no trace of ", arguments_.key);
    return ExitCode::kOk;
  }

 private:
  absl::Status WantKey() {
    AURORA_ASSIGN_OR_RETURN(const std::string key, ParseKey(arguments_.key, arguments_.text));
    wanted_.stored_keys.insert(lsm::MakeStoredKey(arguments_.keyspace, key));
    return absl::OkStatus();
  }

  absl::Status WantDocument() {
    // First the definitions that are only in the log.
    AURORA_RETURN_IF_ERROR(database_.ReadLog([](const lsm::LogRecord&) {}).status());
    const auto state = database_.catalog().Find(arguments_.collection);
    if (state == nullptr) {
      return NotFoundError("there is no collection ", Quoted(arguments_.collection));
    }
    definition_ = state->definition.get();  // which the catalog keeps
    wanted_.collection = definition_;
    AURORA_ASSIGN_OR_RETURN(const DocumentId id, DocumentId::Parse(arguments_.key));
    wanted_.encoded_id = id.EncodedKey();
    wanted_.stored_keys.insert(lsm::MakeStoredKey(definition_->ids, wanted_.encoded_id));
    if (const auto row = id.EmbeddedRowId()) WantRow(*row);
    return absl::OkStatus();
  }

  void WantRow(std::uint64_t row) {
    wanted_.rows.insert(row);
    wanted_.stored_keys.insert(lsm::MakeStoredKey(definition_->documents, engine::RowKey(row)));
  }

  // --- The log ---

  absl::Status SearchLog() {
    AURORA_ASSIGN_OR_RETURN(
        const lsm::LogSurvey log,
        database_.ReadLog([this](const lsm::LogRecord& record) { SearchRecord(record); }));
    for (const lsm::LostCommits& lost : log.lost) {
      damage_.push_back(StrCat(lost.file, " at ", lost.where.offset, ": ", lost.what));
    }
    log_traces_ = traces_.size();
    return absl::OkStatus();
  }

  void SearchRecord(const lsm::LogRecord& log_record) {
    const absl::StatusOr<engine::Record> record = engine::DecodeRecord(log_record.payload);
    if (record.ok()) {
      if (wanted_.collection == nullptr) return;  // index entries are not in the log
      for (const engine::Operation& operation : record->operations) {
        SearchOperation(log_record, operation);
      }
      return;
    }
    std::vector<lsm::Mutation> mutations;
    if (!lsm::DecodeBatch(log_record.payload, &mutations).ok()) return;
    for (const lsm::Mutation& mutation : mutations) {
      const std::string stored = lsm::MakeStoredKey(mutation.keyspace, mutation.key);
      if (!wanted_.stored_keys.contains(stored)) continue;
      const bool expires = mutation.kind == lsm::EntryKind::kExpiringPut;
      std::string_view value = mutation.value;
      if (expires) value = lsm::ParsePutForm(value).content;
      AddLogTrace(log_record, NameOfKind(mutation.kind), value.size(),
                  HexText(value, kPreviewBytes / 2));
    }
  }

  void SearchOperation(const lsm::LogRecord& record, const engine::Operation& operation) {
    if (operation.collection != wanted_.collection->id || operation.id != wanted_.encoded_id)
      return;
    WantRow(operation.row);
    const bool is_delete = operation.kind == engine::OperationKind::kDelete;
    const std::string stored = engine::StoreDocument(
        operation.schema_version, is_delete ? operation.old_document : operation.document);
    AddLogTrace(record, NameOfKind(operation.kind), operation.document.size(),
                DocumentText(stored));
  }

  void AddLogTrace(const lsm::LogRecord& record, std::string_view kind, std::uint64_t bytes,
                   std::string value) {
    Trace trace;
    trace.file = lsm::JoinPath(
        "log", lsm::SegmentFileName(static_cast<std::uint32_t>(record.position.segment)));
    trace.offset = record.position.offset;
    if (record.file.number != 0) {
      trace.file = lsm::JoinPath("log", lsm::RecordFileName(record.file.number));
      trace.offset = 0;
    }
    trace.sequence = record.sequence;
    trace.kind = std::string(kind);
    trace.bytes = bytes;
    trace.value = std::move(value);
    traces_.push_back(std::move(trace));
  }

  // --- The tables ---

  absl::Status SearchTables() {
    std::vector<const lsm::TableInfo*> tables;
    for (const lsm::TableInfo* const info : database_.Tables()) {
      const bool spans = std::any_of(wanted_.stored_keys.begin(), wanted_.stored_keys.end(),
                                     [&](const std::string& key) { return info->Spans(key); });
      if (spans) tables.push_back(info);
    }
    ProgressBar bar(streams_.err, streams_.err_terminal, "searching", "table", tables.size());
    for (std::size_t i = 0; i < tables.size(); ++i) {
      AURORA_RETURN_IF_ERROR(SearchTable(*tables[i]));
      bar.Update(i, i);
    }
    return absl::OkStatus();
  }

  absl::Status SearchTable(const lsm::TableInfo& info) {
    AURORA_ASSIGN_OR_RETURN(const std::unique_ptr<lsm::TableSurvey> table,
                            database_.OpenTable(info.number));
    std::set<std::string> found;
    if (table->range_deletes() != nullptr) SearchRangeDeletes(info, *table->range_deletes());
    while (BlockOn(table->Next())) {
      if (table->piece().block == nullptr) continue;
      lsm::Block::Cursor cursor;
      cursor.Reset(table->piece().block.get());
      for (const std::string& key : wanted_.stored_keys) {
        for (cursor.Seek({key, lsm::Version::FromWord(UINT64_MAX)});
             cursor.Valid() && cursor.key().key == key; cursor.Next()) {
          found.insert(key);
          AddEntry(info, table->piece().handle.offset, cursor.key(), cursor.value());
        }
      }
    }
    for (const lsm::FileDamage& damage : table->damage()) {
      damage_.push_back(
          StrCat(lsm::TableFileName(info.number), " at ", damage.where.offset, ": ", damage.what));
    }
    for (const std::string& key : wanted_.stored_keys) {
      if (!found.contains(key) && info.Spans(key)) AddAbsence(info, *table, key);
    }
    return absl::OkStatus();
  }

  void SearchRangeDeletes(const lsm::TableInfo& info, const lsm::RangeDeletes& deletes) {
    for (const lsm::RangeDelete& range : deletes.all()) {
      for (const std::string& key : wanted_.stored_keys) {
        if (key < range.begin || key >= range.end) continue;
        Trace trace = TraceIn(info);
        trace.sequence = range.sequence;
        trace.kind = "delete range";
        trace.value = StrCat(HexText(range.begin, 16), " to ", HexText(range.end, 16));
        traces_.push_back(std::move(trace));
      }
    }
  }

  void AddEntry(const lsm::TableInfo& info, std::uint64_t block, lsm::EntryKey key,
                std::string_view value) {
    Trace trace = TraceIn(info);
    trace.offset = block;
    trace.sequence = key.version.sequence();
    lsm::PutForm form;
    form.content = value;
    if (key.version.kind() == lsm::EntryKind::kSeparatedPut) form = lsm::ParsePutForm(value);
    trace.kind = std::string(NameOfEntry(key.version.kind(), form));
    const absl::StatusOr<lsm::ValueHandle> handle = HandleIn(form);
    trace.bytes = handle.ok() ? handle->bytes : form.content.size();
    trace.value = handle.ok() ? PlaceText(*handle) : ValueText(key, form.content);
    if (form.expires()) {
      StrAppend(&trace.value, ", until ",
                absl::FormatTime(lsm::FromExpiry(form.expiry), absl::UTCTimeZone()));
    }
    traces_.push_back(std::move(trace));
  }

  static absl::StatusOr<lsm::ValueHandle> HandleIn(const lsm::PutForm& form) {
    if (form.is_separated) return lsm::DecodeValueHandle(form.content);
    return NotFoundError("the value is here");
  }

  // Where a value lies that is in no table.
  std::string PlaceText(const lsm::ValueHandle& handle) const {
    const auto& files = database_.state().value_files;
    const auto use = files.find(handle.file);
    if (use == files.end()) return StrCat("value ", handle.number, " of a file that is not there");
    return StrCat("value ", handle.number, " of ", lsm::ValueFileName(use->second.info.number));
  }

  // The table spans the key and has nothing of it.
  void AddAbsence(const lsm::TableInfo& info, const lsm::TableSurvey& table,
                  const std::string& key) {
    Trace trace = TraceIn(info);
    trace.kind = "absent";
    trace.value = "the table spans the key; it has no filter";
    if (table.filter().has_value()) {
      trace.value = table.filter()->MayContain(lsm::HashKey(key))
                        ? "the table spans the key; its filter lets it pass"
                        : "the table spans the key; its filter excludes it";
    }
    traces_.push_back(std::move(trace));
  }

  static Trace TraceIn(const lsm::TableInfo& info) {
    Trace trace;
    trace.file = lsm::TableFileName(info.number);
    trace.level = info.level;
    return trace;
  }

  std::string ValueText(lsm::EntryKey key, std::string_view value) {
    lsm::KeyspaceId keyspace = 0;
    std::string_view user_key;
    if (wanted_.collection != nullptr && lsm::ParseStoredKey(key.key, &keyspace, &user_key)) {
      if (keyspace == definition_->ids) {
        const absl::StatusOr<index::RowId> row = engine::ParseRowKey(value);
        if (row.ok()) WantRow(*row);
        return row.ok() ? StrCat("row ", *row) : HexText(value, kPreviewBytes / 2);
      }
      return DocumentText(value);
    }
    return HexText(value, kPreviewBytes / 2);
  }

  // As JSON, or what can be said of it.
  std::string DocumentText(std::string_view stored) const {
    if (stored.size() <= engine::kStoredHeaderBytes) return "";
    const absl::StatusOr<Document> document =
        engine::LoadStoredDocument(definition_->layout, stored);
    std::string text = document.ok() ? document->ToJson() : HexText(stored, kPreviewBytes / 2);
    if (!arguments_.json && text.size() > kPreviewBytes) {
      text.resize(kPreviewBytes);
      text += "...";
    }
    return text;
  }

  // --- The result ---

  void Print() const {
    TextTable table({"file", "level", "offset", "commit", "kind", "bytes", "value"});
    for (const Trace& trace : traces_) {
      const bool absent = trace.kind == "absent";
      table.Add({trace.file, trace.level.has_value() ? StrCat(*trace.level) : "log",
                 absent ? "" : StrCat(trace.offset), absent ? "" : StrCat(trace.sequence),
                 trace.kind, absent ? "" : StrCat(trace.bytes), Printable(trace.value)});
    }
    if (!traces_.empty()) streams_.out << table.ToFittingString(streams_.out_terminal);
    for (const std::string& damage : damage_) streams_.out << "damage: " << damage << "\n";
    if (log_traces_ == 0 && wanted_.collection == nullptr && !database_.catalog().All().empty()) {
      streams_.out << "The log was not searched: it holds documents, not keys. Name a document by "
                      "--collection\n";
    }
  }

  void PrintAsJson() const {
    Array traces;
    for (const Trace& trace : traces_) {
      Object object{{"file", Value(trace.file)},          {"offset", Number(trace.offset)},
                    {"sequence", Number(trace.sequence)}, {"kind", Value(trace.kind)},
                    {"bytes", Number(trace.bytes)},       {"value", Value(trace.value)}};
      object.Set("level", trace.level.has_value() ? Value(*trace.level) : Value());
      traces.Append(Value(std::move(object)));
    }
    Array damage;
    for (const std::string& what : damage_) damage.Append(Value(what));
    PrintJson(Object{{"traces", Value(std::move(traces))}, {"damage", Value(std::move(damage))}},
              streams_);
  }

  // No escape sequence of a value reaches the terminal.
  static std::string Printable(std::string text) {
    for (char& c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
    }
    return text;
  }

  const FindArguments& arguments_;
  const Streams& streams_;
  SurveyedDatabase database_;
  const engine::CollectionDefinition* definition_ = nullptr;
  Wanted wanted_;
  std::vector<Trace> traces_;
  std::size_t log_traces_ = 0;  // of them, the first
  std::vector<std::string> damage_;
};

ExitCode RunFind(const FindArguments& arguments, const Streams& streams) {
  absl::StatusOr<SurveyedDatabase> database = SurveyedDatabase::Open(arguments.database);
  if (!database.ok()) {
    const ExitCode code = Fail(database.status(), streams);
    return absl::IsFailedPrecondition(database.status()) ? ExitCode::kRefused : code;
  }
  const absl::StatusOr<ExitCode> found = Finder(arguments, streams, *std::move(database)).Run();
  return found.ok() ? *found : Fail(found.status(), streams);
}

}  // namespace

void AddFind(CommandLine& line) {
  const auto arguments = std::make_shared<FindArguments>();
  CLI::App& app = line.Add("find", "Shows every trace of one key, in the log and in tables",
                           [arguments](Streams streams) { return RunFind(*arguments, streams); });
  app.add_option("database", arguments->database, "The directory of the database")->required();
  app.add_option("key", arguments->key, "With --collection an id, as 'get' takes it; else a key")
      ->required();
  CLI::Option* const collection = app.add_option("-c,--collection", arguments->collection,
                                                 "Find a document of this collection");
  app.add_option("-k,--keyspace", arguments->keyspace,
                 "The keyspace of the key, as 'dump' shows it")
      ->capture_default_str()
      ->excludes(collection);
  app.add_flag("--text", arguments->text,
               "The key is text, \\xNN being a byte; else hexadecimal digits")
      ->excludes(collection);
  app.add_flag("--json", arguments->json, "The result as one JSON object, values in full");
  app.footer(
      "Old versions too, as long as a file has them; oldest first in the log, and in tables the\n"
      "newest first, which is the order in which a get looks at them. A table that spans the key\n"
      "and does not have it is shown as 'absent', with what its filter says. Changes nothing, "
      "takes\n"
      "no lock. Exit code 1 if there is no trace, 3 if something on the way is damaged.\n\n"
      "Examples:\n"
      "  aurora-tool find shop.aurora 0190163d-8694-739b-aea5-966c26f8ad91 -c products\n"
      "  aurora-tool find shop.aurora 00000000002a -k 3\n"
      "  aurora-tool find plain.aurora user:17 --text --json | jq '.traces[].sequence'\n");
}

}  // namespace aurora::tools
