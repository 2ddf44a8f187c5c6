#include <algorithm>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

constexpr std::uint64_t kBarWidth = 40;

// How much of the whole a part is, as a bar.
std::string Bar(std::uint64_t part, std::uint64_t whole) {
  const std::uint64_t filled = whole == 0 ? 0 : (part * kBarWidth + whole - 1) / whole;
  return std::string(filled, '#') + std::string(kBarWidth - filled, '.');
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

void PrintTree(const lsm::StoreStats& store, const Streams& streams) {
  std::uint64_t largest = store.log_bytes;
  for (const lsm::LevelStats& level : store.levels) largest = std::max(largest, level.bytes);
  TextTable table({"part", "files", "entries", "size", ""});
  table.Add({"log", StrCat(store.log_segment_count), "", HumanBytes(store.log_bytes),
             Bar(store.log_bytes, largest)});
  for (std::size_t i = 0; i < store.levels.size(); ++i) {
    const lsm::LevelStats& level = store.levels[i];
    if (level.table_count == 0) continue;
    table.Add({StrCat("level ", i), StrCat(level.table_count), Grouped(level.entry_count),
               HumanBytes(level.bytes), Bar(level.bytes, largest)});
  }
  streams.out << table.ToString(streams.out_terminal) << "\n";
}

void PrintRecovery(const lsm::LogRecovery& recovery, std::ostream& out) {
  out << "opened after " << (recovery.clean_close ? "a clean close" : "a crash or a kill") << ": "
      << Counted(recovery.record_count, "commit") << " replayed from the log";
  if (recovery.cut_bytes > 0)
    out << ", " << Counted(recovery.cut_bytes, "byte") << " cut (" << recovery.cut_reason << ")";
  out << "\n";
}

Object ToObject(const std::vector<CollectionSummary>& summaries, const lsm::StoreStats& store) {
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
  for (const lsm::LevelStats& level : store.levels) {
    levels.Append(Value(Object{{"tables", Number(static_cast<std::uint64_t>(level.table_count))},
                               {"entries", Number(level.entry_count)},
                               {"bytes", Number(level.bytes)}}));
  }
  const lsm::LogRecovery& recovery = store.recovery;
  return Object{{"collections", Value(std::move(collections))},
                {"log_bytes", Number(store.log_bytes)},
                {"log_segments", Value(store.log_segment_count)},
                {"levels", Value(std::move(levels))},
                {"clean_close", Value(recovery.clean_close)},
                {"replayed_commits", Number(recovery.record_count)},
                {"cut_bytes", Number(recovery.cut_bytes)},
                {"cut_reason", Value(recovery.cut_reason)}};
}

absl::StatusOr<ExitCode> RunInspect(Database& database, bool json, const Streams& streams) {
  AURORA_ASSIGN_OR_RETURN(const std::vector<CollectionSummary> summaries, Summarize(database));
  const lsm::StoreStats store = database.Stats().store;
  if (json) {
    PrintJson(ToObject(summaries, store), streams);
    return ExitCode::kOk;
  }
  PrintTree(store, streams);
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
          return RunInspect(database, *json, streams);
        });
      });
  app.add_option("database", *path, "The directory of the database")->required();
  app.add_flag("--json", *json, "One JSON object");
  app.footer(
      "Examples:\n"
      "  aurora-tool inspect shop.aurora\n"
      "  aurora-tool inspect shop.aurora --json | jq '.collections[].documents'\n");
}

}  // namespace aurora::tools
