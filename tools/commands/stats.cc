#include <algorithm>
#include <memory>
#include <ostream>
#include <string>

#include "aurora/engine/document/json.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

struct StatsArguments {
  std::string database;
  bool json = false;
};

Object ToObject(const DatabaseStats& stats) {
  Object object;
  object.Set("collections", Value(stats.collection_count));
  object.Set("published_sequence", Number(stats.store.published));
  object.Set("durable_sequence", Number(stats.store.durable));
  object.Set("file_backend", Value(stats.store.file_backend));
  object.Set("memory_limit_bytes", Number(stats.memory_limit_bytes));
  for (const MemoryUseStats& use : stats.memory) {
    std::string name = use.use;
    std::replace(name.begin(), name.end(), ' ', '_');
    object.Set(StrCat("memory_", name, "_bytes"), Number(use.bytes));
  }
  object.Set("memtables", Value(stats.store.memtable_count));
  for (std::size_t level = 0; level < stats.store.levels.size(); ++level) {
    const lsm::LevelStats& l = stats.store.levels[level];
    object.Set(StrCat("level_", level, "_tables"), Value(l.table_count));
    object.Set(StrCat("level_", level, "_bytes"), Number(l.bytes));
    object.Set(StrCat("level_", level, "_entries"), Number(l.entry_count));
  }
  object.Set("log_segments", Value(stats.store.log_segment_count));
  object.Set("log_bytes", Number(stats.store.log_bytes));
  object.Set("recovered_records", Number(stats.store.recovery.record_count));
  object.Set("clean_close", Value(stats.store.recovery.clean_close));
  object.Set("cut_bytes", Number(stats.store.recovery.cut_bytes));
  return object;
}

absl::StatusOr<ExitCode> RunStats(Database& database, const StatsArguments& arguments,
                                  const Streams& streams) {
  const Object stats = ToObject(database.Stats());
  if (arguments.json) {
    PrintJson(stats, streams);
    return ExitCode::kOk;
  }
  TextTable table({"figure", "value", ""});
  for (const Object::Member& member : stats) {
    const bool bytes = member.name.ends_with("_bytes");
    const bool text = member.value.type() == Type::kString;
    table.Add({member.name, text ? member.value.AsString() : DebugString(member.value),
               bytes ? HumanBytes(static_cast<std::uint64_t>(member.value.AsInt64())) : ""});
  }
  streams.out << table.ToString(streams.out_terminal);
  return ExitCode::kOk;
}

}  // namespace

void AddStats(CommandLine& line) {
  const auto arguments = std::make_shared<StatsArguments>();
  CLI::App& app = line.Add("stats", "Shows sizes and counters", [arguments](Streams streams) {
    return WithReadableDatabase(arguments->database, streams, [&](Database& database) {
      return RunStats(database, *arguments, streams);
    });
  });
  app.add_option("database", arguments->database, "The directory of the database")->required();
  app.add_flag("--json", arguments->json, "One JSON object");
  app.footer(
      "Examples:\n"
      "  aurora-tool stats shop.aurora\n"
      "  aurora-tool stats shop.aurora --json | jq .log_bytes\n");
}

}  // namespace aurora::tools
