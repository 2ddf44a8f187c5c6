#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/findings.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/commands/surveyed.h"
#include "aurora/tools/commands/tree_picture.h"
#include "aurora/tools/progress_bar.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

// Tables of which the metadata is read; of a tree that has more, one in so many.
constexpr std::size_t kTablesReadMax = 2000;
// Blocks on the ruler of the picture.
constexpr std::size_t kRulerBlocksMax = 200'000;
constexpr std::size_t kColumnsWithoutTerminal = 100;

// What the tables of a level say of themselves.
struct LevelSummary {
  std::uint64_t tables = 0;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  std::uint64_t range_deletes = 0;
  // Of those that were read.
  std::uint64_t tables_read = 0;
  std::uint64_t entries_read = 0;
  std::uint64_t keys = 0;
  std::uint64_t deletes = 0;
  std::uint64_t raw_bytes = 0;
  std::uint64_t data_bytes = 0;
  std::uint64_t filter_bytes = 0;

  // Entries that are known to be outdated: deletes, and those with a newer one in the same table.
  double garbage() const {
    if (entries_read == 0) return 0;
    return static_cast<double>(entries_read - keys + deletes) / static_cast<double>(entries_read);
  }
  double compression() const {
    return data_bytes == 0 ? 1 : static_cast<double>(raw_bytes) / static_cast<double>(data_bytes);
  }
  double filter_bits_per_key() const {
    return keys == 0 ? 0 : 8 * static_cast<double>(filter_bytes) / static_cast<double>(keys);
  }
};

struct TreeSummary {
  std::vector<LevelSummary> levels = std::vector<LevelSummary>(lsm::kLevelCount);
  std::vector<PicturedTable> pictured;
  std::vector<KeyWeight> weights;
  std::size_t one_in = 1;  // tables that were read
};

void AddWeights(const lsm::TableIndex& index, std::size_t one_in, TreeSummary* summary) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < index.size(); ++i) {
    bytes += index.handle(i).stored_bytes;
    if (i % one_in != 0 && i + 1 != index.size()) continue;
    summary->weights.push_back({std::string(index.separator(i).key), std::exchange(bytes, 0)});
  }
}

// Adds what the metadata of a table says. A damaged one adds what the manifest says.
absl::Status AddTable(SurveyedDatabase& database, const lsm::TableInfo& info, std::size_t one_in,
                      TreeSummary* summary) {
  AURORA_ASSIGN_OR_RETURN(const std::unique_ptr<lsm::TableSurvey> table,
                          database.OpenTable(info.number));
  if (!table->properties().has_value() || !table->index().has_value()) return absl::OkStatus();
  const lsm::TableProperties& properties = *table->properties();
  LevelSummary& level = summary->levels[static_cast<std::size_t>(info.level)];
  ++level.tables_read;
  level.entries_read += properties.entry_count;
  level.keys += properties.key_count;
  level.deletes += properties.delete_count;
  level.raw_bytes += properties.raw_key_bytes + properties.raw_value_bytes;
  level.data_bytes += properties.data_bytes;
  if (table->filter().has_value()) level.filter_bytes += table->filter()->size_bytes();
  AddWeights(*table->index(), one_in, summary);
  if (properties.entry_count > 0) {
    summary->pictured.back().garbage =
        static_cast<double>(properties.entry_count - properties.key_count +
                            properties.delete_count) /
        static_cast<double>(properties.entry_count);
  }
  return absl::OkStatus();
}

absl::StatusOr<TreeSummary> SummarizeTree(const std::string& path, const Streams& streams) {
  AURORA_ASSIGN_OR_RETURN(SurveyedDatabase database, SurveyedDatabase::Open(path));
  const std::vector<const lsm::TableInfo*> tables = database.Tables();
  TreeSummary summary;
  summary.one_in = tables.size() / kTablesReadMax + 1;
  std::uint64_t bytes = 0;
  for (const lsm::TableInfo* const info : tables) bytes += info->size_bytes;
  // A block holds some KiB.
  const auto ruler_one_in = static_cast<std::size_t>(bytes / 4096 / kRulerBlocksMax + 1);
  ProgressBar bar(streams.err, streams.err_terminal, "reading", "table", tables.size());
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const lsm::TableInfo& info = *tables[i];
    LevelSummary& level = summary.levels[static_cast<std::size_t>(info.level)];
    ++level.tables;
    level.bytes += info.size_bytes;
    level.entries += info.entry_count;
    level.range_deletes += info.range_delete_count;
    summary.pictured.push_back({info.level, info.smallest_key, info.largest_key, 0});
    if (i % summary.one_in == 0) {
      AURORA_RETURN_IF_ERROR(AddTable(database, info, ruler_one_in, &summary));
    }
    bar.Update(i, i);
  }
  return summary;
}

struct CollectionSummary {
  std::string name;
  std::uint64_t documents = 0;
  std::size_t fields = 0;
  std::vector<std::string> indices;
};

absl::StatusOr<std::vector<CollectionSummary>> Summarize(Database& database) {
  std::vector<CollectionSummary> summaries;
  for (const CollectionInfo& collection : database.Collections()) {
    CollectionSummary& summary = summaries.emplace_back();
    summary.name = collection.name;
    AURORA_ASSIGN_OR_RETURN(summary.documents, database.Query(collection.name).Count().Wait());
    for (const FieldSchema& field : collection.schema.fields()) {
      if (field.dropped()) continue;
      ++summary.fields;
      if (field.attributes.Has(kIndexed) || field.attributes.Has(kUnique))
        summary.indices.push_back(field.name);
    }
  }
  return summaries;
}

std::string Share(double part) { return StrCat(std::to_string(std::lround(100 * part)), "%"); }

std::string OneDecimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

// The share of the values in value files that no table needs any more.
double ValueGarbage(const lsm::StoreStats& store) {
  const std::uint64_t bytes = store.value_bytes + store.value_garbage_bytes;
  if (bytes == 0) return 0;
  return static_cast<double>(store.value_garbage_bytes) / static_cast<double>(bytes);
}

void PrintTree(const TreeSummary& tree, const lsm::StoreStats& store, const Streams& streams) {
  TextTable table(
      {"part", "files", "size", "entries", "outdated", "deletes", "compression", "filter bits"});
  table.Add(
      {"log", StrCat(store.log_segment_count), HumanBytes(store.log_bytes), "", "", "", "", ""});
  for (std::size_t i = 0; i < tree.levels.size(); ++i) {
    const LevelSummary& level = tree.levels[i];
    if (level.tables == 0) continue;
    table.Add({StrCat("level ", i), Grouped(level.tables), HumanBytes(level.bytes),
               Grouped(level.entries), Share(level.garbage()),
               Grouped(level.deletes + level.range_deletes), OneDecimal(level.compression()),
               OneDecimal(level.filter_bits_per_key())});
  }
  if (store.value_file_count > 0) {
    table.Add({"values", Grouped(static_cast<std::uint64_t>(store.value_file_count)),
               HumanBytes(store.value_file_bytes), "", Share(ValueGarbage(store)), "", "", ""});
  }
  const auto columns = streams.out_terminal.present()
                           ? static_cast<std::size_t>(streams.out_terminal.columns)
                           : kColumnsWithoutTerminal;
  const std::string picture =
      PictureOf(tree.pictured, KeyRuler(tree.weights), columns, streams.out_terminal);
  streams.out << table.ToString(streams.out_terminal) << "\n";
  if (!picture.empty()) streams.out << picture << "\n";
  if (tree.one_in > 1) {
    streams.out << "outdated, deletes, compression and filter bits: of one table in " << tree.one_in
                << "\n";
  }
}

void PrintRecovery(const lsm::LogRecovery& recovery, std::ostream& out) {
  out << "opened after " << (recovery.clean_close ? "a clean close" : "a crash or a kill") << ": "
      << Counted(recovery.record_count, "commit") << " replayed from the log";
  if (recovery.cut_bytes > 0)
    out << ", " << Counted(recovery.cut_bytes, "byte") << " cut (" << recovery.cut_reason << ")";
  out << "\n";
}

Object ToObject(const LevelSummary& level) {
  return Object{{"tables", Number(level.tables)},
                {"entries", Number(level.entries)},
                {"bytes", Number(level.bytes)},
                {"range_deletes", Number(level.range_deletes)},
                {"tables_read", Number(level.tables_read)},
                {"keys", Number(level.keys)},
                {"deletes", Number(level.deletes)},
                {"outdated_share", Value(level.garbage())},
                {"compression", Value(level.compression())},
                {"filter_bits_per_key", Value(level.filter_bits_per_key())}};
}

Array TablesToArray(const TreeSummary& tree) {
  const KeyRuler ruler(tree.weights);
  Array tables;
  for (const PicturedTable& table : tree.pictured) {
    tables.Append(Value(Object{{"level", Value(table.level)},
                               {"first_key", Value(HexText(table.first_key, std::string::npos))},
                               {"last_key", Value(HexText(table.last_key, std::string::npos))},
                               {"begin", Value(ruler.BeginOf(table.first_key))},
                               {"end", Value(ruler.EndOf(table.last_key))},
                               {"outdated_share", Value(table.garbage)}}));
  }
  return tables;
}

Object ToObject(const std::vector<CollectionSummary>& summaries, const TreeSummary& tree,
                const lsm::StoreStats& store) {
  Array collections;
  for (const CollectionSummary& summary : summaries) {
    Array indices;
    for (const std::string& name : summary.indices) indices.Append(Value(name));
    collections.Append(Value(Object{{"name", Value(summary.name)},
                                    {"documents", Number(summary.documents)},
                                    {"fields", Number(summary.fields)},
                                    {"indices", Value(std::move(indices))}}));
  }
  Array levels;
  for (const LevelSummary& level : tree.levels) levels.Append(Value(ToObject(level)));
  const lsm::LogRecovery& recovery = store.recovery;
  return Object{{"collections", Value(std::move(collections))},
                {"log_bytes", Number(store.log_bytes)},
                {"log_segments", Value(store.log_segment_count)},
                {"levels", Value(std::move(levels))},
                {"tables", Value(TablesToArray(tree))},
                {"value_files", Value(store.value_file_count)},
                {"value_file_bytes", Number(store.value_file_bytes)},
                {"value_garbage_bytes", Number(store.value_garbage_bytes)},
                {"clean_close", Value(recovery.clean_close)},
                {"replayed_commits", Number(recovery.record_count)},
                {"cut_bytes", Number(recovery.cut_bytes)},
                {"cut_reason", Value(recovery.cut_reason)}};
}

absl::StatusOr<ExitCode> RunInspect(Database& database, const std::string& path, bool json,
                                    const Streams& streams) {
  AURORA_ASSIGN_OR_RETURN(const std::vector<CollectionSummary> summaries, Summarize(database));
  const lsm::StoreStats store = database.Stats().store;
  AURORA_ASSIGN_OR_RETURN(const TreeSummary tree, SummarizeTree(path, streams));
  if (json) {
    PrintJson(ToObject(summaries, tree, store), streams);
    return ExitCode::kOk;
  }
  PrintTree(tree, store, streams);
  TextTable table({"collection", "documents", "fields", "indices"});
  for (const CollectionSummary& summary : summaries) {
    std::string indices;
    for (const std::string& name : summary.indices)
      StrAppend(&indices, indices.empty() ? "" : ", ", name);
    table.Add({summary.name, Grouped(summary.documents), StrCat(summary.fields), indices});
  }
  streams.out << table.ToString(streams.out_terminal) << "\n";
  PrintRecovery(store.recovery, streams.out);
  return ExitCode::kOk;
}

}  // namespace

void AddInspect(CommandLine& line) {
  const auto path = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  CLI::App& app =
      line.Add("inspect", "Shows what a database is made of", [path, json](Streams streams) {
        return WithReadableDatabase(*path, streams, [&](Database& database) {
          return RunInspect(database, *path, *json, streams);
        });
      });
  app.add_option("database", *path, "The directory of the database")->required();
  app.add_flag("--json", *json, "One JSON object");
  app.footer(
      "The picture has a line for each level (in level 0, for each table). A bar is a table, over\n"
      "the keys that it spans; the width of a range of keys is its share of the data. [---] is a\n"
      "table, | a narrow one, [===] and # are several that are too narrow to be told apart. On a\n"
      "terminal a bar is yellow from a tenth of outdated entries on, red from two fifths on.\n\n"
      "  outdated     entries that a newer one of the same table replaces, and deletes. What "
      "tables\n"
      "               of other levels replace is not among them: 'aurora-tool space' measures it\n"
      "               Of values: what no table names any more, by their bytes\n"
      "  compression  bytes of keys and values for each byte of data blocks\n"
      "  filter bits  for each key; a get of an absent key then reads a block in vain in about 1 "
      "of\n"
      "               100 (10 bits) or 1000 (14 bits) tables\n\n"
      "Examples:\n"
      "  aurora-tool inspect shop.aurora\n"
      "  aurora-tool inspect shop.aurora --json | jq '.collections[].documents'\n");
}

}  // namespace aurora::tools
