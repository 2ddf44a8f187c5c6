#include <algorithm>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "aurora/engine/document/schema_text.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/session.h"

namespace aurora::tools {
namespace {

constexpr std::uint64_t kBarWidth = 40;

// How much of the whole a part is, as a bar.
std::string Bar(std::uint64_t part, std::uint64_t whole) {
  const std::uint64_t filled = whole == 0 ? 0 : (part * kBarWidth + whole - 1) / whole;
  return std::string(filled, '#') + std::string(kBarWidth - filled, '.');
}

void PrintTree(const lsm::StoreStats& store, std::ostream& out) {
  std::uint64_t largest = store.log_bytes;
  for (const lsm::LevelStats& level : store.levels) largest = std::max(largest, level.bytes);
  std::vector<std::vector<std::string>> rows = {{"part", "files", "entries", "size", ""}};
  rows.push_back({"log", StrCat(store.log_segment_count), "", HumanBytes(store.log_bytes),
                  Bar(store.log_bytes, largest)});
  for (std::size_t i = 0; i < store.levels.size(); ++i) {
    const lsm::LevelStats& level = store.levels[i];
    if (level.table_count == 0) continue;
    rows.push_back({StrCat("level ", i), StrCat(level.table_count), StrCat(level.entry_count),
                    HumanBytes(level.bytes), Bar(level.bytes, largest)});
  }
  out << AlignedTable(rows) << "\n";
}

void PrintRecovery(const lsm::LogRecovery& recovery, std::ostream& out) {
  out << "opened after " << (recovery.clean_close ? "a clean close" : "a crash or a kill") << ": "
      << recovery.record_count << " records replayed";
  if (recovery.cut_bytes > 0)
    out << ", " << recovery.cut_bytes << " bytes cut (" << recovery.cut_reason << ")";
  out << "\n";
}

absl::StatusOr<ExitCode> RunInspect(Database& database, Streams streams) {
  const DatabaseStats stats = database.Stats();
  PrintTree(stats.store, streams.out);
  std::vector<std::vector<std::string>> rows = {{"collection", "documents", "fields", "indices"}};
  for (const CollectionInfo& collection : database.Collections()) {
    AURORA_ASSIGN_OR_RETURN(const std::uint64_t count,
                            database.Query(collection.name).Count().Wait());
    std::string indices;
    for (const FieldSchema& field : collection.schema.fields()) {
      const bool indexed = field.attributes.Has(kIndexed) || field.attributes.Has(kUnique);
      if (!field.dropped() && indexed) StrAppend(&indices, indices.empty() ? "" : ", ", field.name);
    }
    rows.push_back(
        {collection.name, StrCat(count), StrCat(collection.schema.fields().size()), indices});
  }
  streams.out << AlignedTable(rows) << "\n";
  PrintRecovery(stats.store.recovery, streams.out);
  return ExitCode::kOk;
}

}  // namespace

void AddInspect(CommandLine& line) {
  const auto path = std::make_shared<std::string>();
  CLI::App& app = line.Add("inspect", "Shows what a database is made of", [path](Streams streams) {
    return WithDatabase(*path, ExistingOnly(), streams,
                        [&](Database& database) { return RunInspect(database, streams); });
  });
  app.add_option("database", *path, "The directory of the database")->required();
}

}  // namespace aurora::tools
