#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/merge_operator.h"
#include "aurora/lsm/store.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/commands/surveyed.h"
#include "aurora/tools/progress_bar.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

// Blocks in which entries are looked at one by one, to measure garbage; all, if there are no more.
constexpr std::size_t kSampledBlocks = 2000;

struct SpaceArguments {
  std::string database;
  bool json = false;
};

// What one keyspace takes.
struct KeyspaceSpace {
  std::uint64_t bytes = 0;  // of data blocks, as stored
  // Of sampled blocks.
  std::uint64_t entries = 0;
  std::uint64_t outdated = 0;

  double garbage() const {
    return entries == 0 ? 0 : static_cast<double>(outdated) / static_cast<double>(entries);
  }
};

struct Space {
  std::map<lsm::KeyspaceId, KeyspaceSpace> keyspaces;
  std::vector<std::uint64_t> level_bytes = std::vector<std::uint64_t>(lsm::kLevelCount);
  std::uint64_t data_bytes = 0;
  std::uint64_t filter_bytes = 0;
  std::uint64_t index_bytes = 0;
  std::uint64_t other_table_bytes = 0;  // properties, range deletes, footers, padding
  std::uint64_t table_bytes = 0;
  std::uint64_t unnamed_table_bytes = 0;  // of tables that the manifest does not name
  std::uint64_t value_file_bytes = 0;     // of those that the manifest names
  std::uint64_t value_garbage_bytes = 0;  // of values in them that no table names
  std::uint64_t unnamed_value_file_bytes = 0;
  std::uint64_t log_bytes = 0;          // of segments that an open would read
  std::uint64_t record_file_bytes = 0;  // of records that are too large for a segment
  std::uint64_t log_ready_bytes = 0;    // of those that are to be used
  std::uint64_t manifest_bytes = 0;
  std::uint64_t other_bytes = 0;
  std::uint64_t total_bytes = 0;  // of all files
  std::uint64_t blocks = 0;
  std::uint64_t sampled_blocks = 0;

  double garbage() const {
    double outdated = 0;
    for (const auto& [keyspace, space] : keyspaces) {
      outdated += space.garbage() * static_cast<double>(space.bytes);
    }
    return data_bytes == 0 ? 0 : outdated / static_cast<double>(data_bytes);
  }
};

// A store whose tables are read and whose log is not: what it holds is in no table.
class TablesOnly final : public lsm::RecordHandler {
 public:
  absl::Status Replay(lsm::Sequence, std::string_view, std::vector<lsm::Mutation>*) override {
    return absl::OkStatus();
  }
  std::string SaveState() override { return ""; }
  absl::Status RestoreState(std::string_view) override { return absl::OkStatus(); }
};

// Keeps the newest operand for the value: whether an entry counts is all that is asked.
class NoMerging final : public lsm::MergeOperator {
 public:
  absl::Status Fold(std::string_view, std::optional<std::string_view>,
                    std::span<const std::string_view>, std::string* value) const override {
    *value = "merged";
    return absl::OkStatus();
  }
  absl::Status Combine(std::string_view, std::span<const std::string_view>,
                       std::string* operand) const override {
    operand->clear();
    return absl::OkStatus();
  }
  bool IsEmpty(std::string_view) const override { return false; }
};

class SpaceMeter {
 public:
  SpaceMeter(SurveyedDatabase* database, const Streams& streams)
      : database_(*database), streams_(streams) {}

  absl::StatusOr<Space> Measure() {
    AURORA_RETURN_IF_ERROR(MeasureFiles());
    AURORA_RETURN_IF_ERROR(MeasureLog());
    AURORA_RETURN_IF_ERROR(MeasureTables());
    AURORA_RETURN_IF_ERROR(MeasureGarbage());
    return std::move(space_);
  }

 private:
  // What the files take on the device, holes not counted.
  static std::uint64_t AllocatedBytes(const std::filesystem::path& path) {
    std::error_code error;
    const std::uintmax_t bytes = std::filesystem::file_size(path, error);
    return error ? 0 : static_cast<std::uint64_t>(bytes);
  }

  absl::Status MeasureFiles() {
    std::error_code error;
    std::filesystem::recursive_directory_iterator files(database_.files().directory, error);
    if (error) return InvalidArgumentError(database_.files().directory, ": ", error.message());
    for (const std::filesystem::directory_entry& file : files) {
      if (!file.is_regular_file(error)) continue;
      const std::uint64_t bytes = AllocatedBytes(file.path());
      const lsm::FileName name = lsm::ParseFileName(file.path().filename().string());
      space_.total_bytes += bytes;
      const bool in_log = file.path().parent_path().filename() == lsm::kLogDirectoryName;
      if (in_log) {
        const std::string record = file.path().filename().string();
        if (lsm::ParseRecordFileName(record) != 0) space_.record_file_bytes += bytes;
        continue;
      }
      if (name.kind == lsm::FileName::Kind::kManifest) {
        space_.manifest_bytes += bytes;
      } else if (name.kind == lsm::FileName::Kind::kValues) {
        space_.unnamed_value_file_bytes += bytes;  // those that are named are taken out below
      } else if (name.kind != lsm::FileName::Kind::kTable) {
        space_.other_bytes += bytes;
      } else if (!database_.state().tables.contains(name.number)) {
        space_.unnamed_table_bytes += bytes;
      }
    }
    for (const auto& [id, use] : database_.state().value_files) {
      space_.value_file_bytes += use.info.size_bytes;
      space_.value_garbage_bytes += use.garbage_bytes();
    }
    space_.unnamed_value_file_bytes -=
        std::min(space_.unnamed_value_file_bytes, space_.value_file_bytes);
    return absl::OkStatus();
  }

  absl::Status MeasureLog() {
    AURORA_ASSIGN_OR_RETURN(const lsm::LogSurvey log,
                            database_.ReadLog([](const lsm::LogRecord&) {}));
    for (const lsm::LogSurvey::Segment& segment : log.segments) {
      const bool is_log = segment.role == lsm::LogSurvey::Segment::Role::kLog;
      (is_log ? space_.log_bytes : space_.log_ready_bytes) += segment.file_bytes;
    }
    return absl::OkStatus();
  }

  absl::Status MeasureTables() {
    const std::vector<const lsm::TableInfo*> tables = database_.Tables();
    ProgressBar bar(streams_.err, streams_.err_terminal, "measuring", "table", tables.size());
    for (std::size_t i = 0; i < tables.size(); ++i) {
      const lsm::TableInfo& info = *tables[i];
      space_.table_bytes += info.size_bytes;
      space_.level_bytes[static_cast<std::size_t>(info.level)] += info.size_bytes;
      AURORA_ASSIGN_OR_RETURN(const std::unique_ptr<lsm::TableSurvey> table,
                              database_.OpenTable(info.number));
      AddTable(info, *table);
      bar.Update(i, i);
    }
    space_.other_table_bytes =
        space_.table_bytes - space_.data_bytes - space_.filter_bytes - space_.index_bytes;
    return absl::OkStatus();
  }

  // A block counts for the keyspace of its last key, the one or two that hold keys of two for the
  // latter.
  void AddTable(const lsm::TableInfo& info, const lsm::TableSurvey& table) {
    if (table.footer().has_value()) {
      space_.filter_bytes += table.footer()->filter.stored_bytes;
      space_.index_bytes += table.footer()->index.stored_bytes;
    }
    if (!table.index().has_value()) return;
    const lsm::TableIndex& index = *table.index();
    for (std::size_t i = 0; i < index.size(); ++i) {
      const std::uint64_t bytes = index.handle(i).end() - index.handle(i).offset;
      // The last separator of all may be any key behind: the table's largest is in the block.
      const std::string_view last =
          i + 1 == index.size() ? std::string_view(info.largest_key) : index.separator(i).key;
      lsm::KeyspaceId keyspace = 0;
      std::string_view key;
      if (!lsm::ParseStoredKey(last, &keyspace, &key)) continue;
      space_.keyspaces[keyspace].bytes += bytes;
      space_.data_bytes += bytes;
      ++space_.blocks;
    }
  }

  // --- Garbage: entries that no reader of the newest state would see. ---

  absl::Status MeasureGarbage() {
    if (space_.blocks == 0) return absl::OkStatus();
    lsm::StoreOptions options;
    options.directory = database_.files().directory;
    options.read_only = true;
    const NoMerging no_merging;
    options.default_merge_operator = &no_merging;
    TablesOnly handler;
    AURORA_ASSIGN_OR_RETURN(const std::unique_ptr<lsm::Store> store,
                            BlockOn(lsm::Store::Open(database_.environment(), options, handler)));
    const absl::Status sampled = Sample(store.get());
    const absl::Status closed = BlockOn(store->Close());
    AURORA_RETURN_IF_ERROR(sampled);
    return closed;
  }

  absl::Status Sample(lsm::Store* store) {
    const std::size_t one_in = space_.blocks / kSampledBlocks + 1;
    SeededRandom random(1);
    std::uint64_t next = one_in == 1 ? 0 : random.Below(one_in);
    ProgressBar bar(streams_.err, streams_.err_terminal, "sampling", "block", space_.blocks);
    std::uint64_t block = 0;
    for (const lsm::TableInfo* const info : database_.Tables()) {
      AURORA_ASSIGN_OR_RETURN(const std::unique_ptr<lsm::TableSurvey> table,
                              database_.OpenTable(info->number));
      if (!table->index().has_value()) continue;
      for (; BlockOn(table->Next()); ++block) {
        if (block < next || table->piece().block == nullptr) continue;
        next += one_in;
        ++space_.sampled_blocks;
        AURORA_RETURN_IF_ERROR(LookAt(*table->piece().block, store));
        bar.Update(block, block);
      }
    }
    return absl::OkStatus();
  }

  absl::Status LookAt(const lsm::Block& block, lsm::Store* store) {
    lsm::Block::Cursor cursor;
    cursor.Reset(&block);
    std::unique_ptr<lsm::Iterator> newest;
    std::optional<lsm::KeyspaceId> open_keyspace;
    for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
      const lsm::EntryKey entry = cursor.key();
      lsm::KeyspaceId keyspace = 0;
      std::string_view key;
      if (!lsm::ParseStoredKey(entry.key, &keyspace, &key)) continue;
      if (open_keyspace != keyspace) {
        lsm::IterateOptions options;
        options.fill_cache = false;
        options.lazy_values = true;
        newest = store->NewIterator(keyspace, options);
        open_keyspace = keyspace;
        AURORA_RETURN_IF_ERROR(BlockOn(newest->Seek(key)));
      }
      while (newest->Valid() && newest->key() < key) {
        AURORA_RETURN_IF_ERROR(BlockOn(newest->Next()));
      }
      const bool is_newest =
          newest->Valid() && newest->key() == key && newest->sequence() == entry.version.sequence();
      KeyspaceSpace& space = space_.keyspaces[keyspace];
      ++space.entries;
      space.outdated += is_newest ? 0 : 1;
    }
    return absl::OkStatus();
  }

  SurveyedDatabase& database_;
  const Streams& streams_;
  Space space_;
};

std::string Percent(double part) { return StrCat(std::to_string(std::lround(100 * part)), "%"); }

double Share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

struct Row {
  std::string collection;
  std::string part;
  lsm::KeyspaceId keyspace;
  KeyspaceSpace space;
};

// The largest first.
std::vector<Row> RowsOf(const Space& space, const SurveyedDatabase& database) {
  const std::map<lsm::KeyspaceId, KeyspacePart> parts = database.Keyspaces();
  std::vector<Row> rows;
  for (const auto& [keyspace, taken] : space.keyspaces) {
    const auto part = parts.find(keyspace);
    rows.push_back({part == parts.end() ? "" : part->second.collection,
                    part == parts.end() ? StrCat("keyspace ", keyspace) : part->second.part,
                    keyspace, taken});
  }
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return a.space.bytes > b.space.bytes; });
  return rows;
}

void PrintFiles(const Space& space, const Streams& streams) {
  TextTable table({"files", "size", "share"});
  const auto add = [&](std::string name, std::uint64_t bytes) {
    if (bytes == 0) return;
    table.Add({std::move(name), HumanBytes(bytes), Percent(Share(bytes, space.total_bytes))});
  };
  for (std::size_t level = 0; level < space.level_bytes.size(); ++level) {
    add(StrCat("tables of level ", level), space.level_bytes[level]);
  }
  add("tables that nothing names", space.unnamed_table_bytes);
  add("value files", space.value_file_bytes);
  add("value files that nothing names", space.unnamed_value_file_bytes);
  add("log", space.log_bytes);
  add("large records of the log", space.record_file_bytes);
  add("log segments ready to be used", space.log_ready_bytes);
  add("manifests", space.manifest_bytes);
  add("other files", space.other_bytes);
  table.Add({"all", HumanBytes(space.total_bytes), "100%"});
  streams.out << table.ToString(streams.out_terminal) << "\n";
}

void PrintTables(const Space& space, const Streams& streams) {
  TextTable table({"in tables", "size", "share"});
  const auto add = [&](std::string name, std::uint64_t bytes) {
    table.Add({std::move(name), HumanBytes(bytes), Percent(Share(bytes, space.table_bytes))});
  };
  add("data", space.data_bytes);
  add("filters", space.filter_bytes);
  add("indices", space.index_bytes);
  add("other", space.other_table_bytes);
  streams.out << table.ToString(streams.out_terminal) << "\n";
}

void Print(const Space& space, const std::vector<Row>& rows, const Streams& streams) {
  PrintFiles(space, streams);
  if (space.value_file_bytes > 0) {
    streams.out << "garbage in value files: " << HumanBytes(space.value_garbage_bytes) << "\n\n";
  }
  if (space.table_bytes == 0) return;
  PrintTables(space, streams);
  TextTable table({"collection", "part", "data", "share", "garbage"});
  for (const Row& row : rows) {
    table.Add({row.collection, row.part, HumanBytes(row.space.bytes),
               Percent(Share(row.space.bytes, space.data_bytes)),
               row.space.entries == 0 ? "?" : Percent(row.space.garbage())});
  }
  streams.out << table.ToString(streams.out_terminal) << "\n";
  streams.out << "garbage, of the entries in tables: " << Percent(space.garbage());
  if (space.sampled_blocks < space.blocks) {
    streams.out << ", sampled: " << Grouped(space.sampled_blocks) << " of " << Grouped(space.blocks)
                << " blocks were looked at";
  }
  streams.out << "\n";
}

Object ToObject(const Space& space, const std::vector<Row>& rows) {
  Array keyspaces;
  for (const Row& row : rows) {
    keyspaces.Append(Value(Object{{"keyspace", Number(row.keyspace)},
                                  {"collection", Value(row.collection)},
                                  {"part", Value(row.part)},
                                  {"bytes", Number(row.space.bytes)},
                                  {"sampled_entries", Number(row.space.entries)},
                                  {"garbage_share", Value(row.space.garbage())}}));
  }
  Array levels;
  for (const std::uint64_t bytes : space.level_bytes) levels.Append(Number(bytes));
  return Object{{"total_bytes", Number(space.total_bytes)},
                {"level_bytes", Value(std::move(levels))},
                {"unnamed_table_bytes", Number(space.unnamed_table_bytes)},
                {"value_file_bytes", Number(space.value_file_bytes)},
                {"value_garbage_bytes", Number(space.value_garbage_bytes)},
                {"unnamed_value_file_bytes", Number(space.unnamed_value_file_bytes)},
                {"log_bytes", Number(space.log_bytes)},
                {"record_file_bytes", Number(space.record_file_bytes)},
                {"log_ready_bytes", Number(space.log_ready_bytes)},
                {"manifest_bytes", Number(space.manifest_bytes)},
                {"other_bytes", Number(space.other_bytes)},
                {"table_data_bytes", Number(space.data_bytes)},
                {"table_filter_bytes", Number(space.filter_bytes)},
                {"table_index_bytes", Number(space.index_bytes)},
                {"table_other_bytes", Number(space.other_table_bytes)},
                {"keyspaces", Value(std::move(keyspaces))},
                {"garbage_share", Value(space.garbage())},
                {"blocks", Number(space.blocks)},
                {"sampled_blocks", Number(space.sampled_blocks)}};
}

ExitCode RunSpace(const SpaceArguments& arguments, const Streams& streams) {
  absl::StatusOr<SurveyedDatabase> database = SurveyedDatabase::Open(arguments.database);
  if (!database.ok()) {
    const ExitCode code = Fail(database.status(), streams);
    return absl::IsFailedPrecondition(database.status()) ? ExitCode::kRefused : code;
  }
  const absl::StatusOr<Space> space = SpaceMeter(&*database, streams).Measure();
  if (!space.ok()) return Fail(space.status(), streams);
  const std::vector<Row> rows = RowsOf(*space, *database);
  if (arguments.json) {
    PrintJson(ToObject(*space, rows), streams);
  } else {
    Print(*space, rows, streams);
  }
  return ExitCode::kOk;
}

}  // namespace

void AddSpace(CommandLine& line) {
  const auto arguments = std::make_shared<SpaceArguments>();
  CLI::App& app = line.Add("space", "Measures what takes the space of a database",
                           [arguments](Streams streams) { return RunSpace(*arguments, streams); });
  app.add_option("database", arguments->database, "The directory of the database")->required();
  app.add_flag("--json", arguments->json, "The result as one JSON object");
  app.footer(
      "By files, by level, and by collection and index. Sizes are those of files and blocks, each\n"
      "block counting for the collection of its last key. Garbage are entries that are outdated "
      "or\n"
      "deleted, or operands that are yet to be merged; a compaction gives back their space. In up "
      "to\n"
      "2000 blocks all entries are looked at; of more blocks a sample of that size, and it says "
      "so.\n"
      "Of value files garbage is what no table names any more; they are in no collection's share.\n"
      "What is only in the log is in no table yet. Changes nothing, takes no lock.\n\n"
      "Examples:\n"
      "  aurora-tool space shop.aurora\n"
      "  aurora-tool space shop.aurora --json | jq '.keyspaces[] | {collection, part, bytes}'\n");
}

}  // namespace aurora::tools
