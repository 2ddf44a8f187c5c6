#include <algorithm>
#include <memory>
#include <ostream>
#include <string>

#include "aurora/engine/document/json.h"
#include "aurora/lsm/store_stats.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/histogram.h"
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

void AddLevels(const lsm::StoreStats& stats, Object* object) {
  for (std::size_t i = 0; i < stats.levels.size(); ++i) {
    const lsm::LevelStats& level = stats.levels[i];
    const std::string prefix = StrCat("level_", i, "_");
    object->Set(prefix + "tables", Value(level.table_count));
    object->Set(prefix + "bytes", Number(level.bytes));
    object->Set(prefix + "entries", Number(level.entry_count));
    object->Set(prefix + "deletes", Number(level.delete_count));
    object->Set(prefix + "range_deletes", Number(level.range_delete_count));
    object->Set(prefix + "value_bytes", Number(level.value_bytes));
    object->Set(prefix + "looks_rejected", Number(level.looks.rejected));
    object->Set(prefix + "looks_found", Number(level.looks.found));
    object->Set(prefix + "looks_missed", Number(level.looks.missed));
    object->Set(prefix + "looks_unfiltered", Number(level.looks.unfiltered));
  }
}

void AddCounters(const lsm::StoreStats& stats, Object* object) {
  object->Set("commits", Number(stats.commit_count));
  object->Set("committed_bytes", Number(stats.bytes_committed));
  object->Set("logged_bytes", Number(stats.bytes_logged));
  object->Set("record_file_bytes", Number(stats.bytes_in_record_files));
  object->Set("flushes", Number(stats.flush_count));
  object->Set("flushed_bytes", Number(stats.bytes_flushed));
  object->Set("compactions", Number(stats.compaction_count));
  object->Set("compacted_bytes", Number(stats.bytes_compacted));
  object->Set("staged_bytes", Number(stats.bytes_staged));
  object->Set("collected_bytes", Number(stats.bytes_collected));
  object->Set("write_amplification", Value(stats.write_amplification()));
  object->Set("gets", Number(stats.get_count));
  object->Set("iterators", Number(stats.iterator_count));
  object->Set("seeks", Number(stats.seek_count));
  object->Set("steps", Number(stats.step_count));
  object->Set("tombstones_met", Number(stats.tombstones_met));
  object->Set("versions_skipped", Number(stats.versions_skipped));
  object->Set("tables_opened", Number(stats.tables_opened));
  object->Set("open_files", Number(stats.open_files));
  object->Set("files_reopened", Number(stats.files_reopened));
  object->Set("read_by_gets_bytes", Number(stats.bytes_read_by_gets));
  object->Set("read_by_iterators_bytes", Number(stats.bytes_read_by_iterators));
  object->Set("read_by_compactions_bytes", Number(stats.bytes_read_by_compactions));
  object->Set("read_by_opening_bytes", Number(stats.bytes_read_by_opening));
  object->Set("block_cache_hits", Number(stats.block_cache_hits));
  object->Set("block_cache_misses", Number(stats.block_cache_misses));
  object->Set("block_cache_entries", Number(stats.block_cache_entries));
  object->Set("block_cache_inserted_bytes", Number(stats.block_cache_inserted_bytes));
  object->Set("block_cache_evicted_bytes", Number(stats.block_cache_evicted_bytes));
  for (std::size_t i = 0; i < lsm::kStallReasonCount; ++i) {
    const std::string_view name = lsm::StallReasonName(static_cast<lsm::StallReason>(i));
    object->Set(StrCat("stalled_by_", name, "_commits"), Number(stats.stalls[i].commits));
    object->Set(StrCat("stalled_by_", name, "_nanos"), Number(stats.stalls[i].nanos));
  }
}

Object ToObject(const DatabaseStats& stats) {
  const lsm::StoreStats& store = stats.store;
  Object object;
  object.Set("collections", Value(stats.collection_count));
  object.Set("published_sequence", Number(store.published));
  object.Set("durable_sequence", Number(store.durable));
  object.Set("file_backend", Value(store.file_backend));
  object.Set("memory_limit_bytes", Number(stats.memory_limit_bytes));
  for (const MemoryUseStats& use : stats.memory) {
    std::string name = use.use;
    std::replace(name.begin(), name.end(), ' ', '_');
    object.Set(StrCat("memory_", name, "_bytes"), Number(use.bytes));
  }
  object.Set("hot_tier_documents", Number(stats.hot_tier.document_count));
  object.Set("hot_tier_hits", Number(stats.hot_tier.hits));
  object.Set("hot_tier_misses", Number(stats.hot_tier.misses));
  object.Set("memtables", Value(store.memtable_count));
  AddLevels(store, &object);
  object.Set("value_files", Value(store.value_file_count));
  object.Set("value_file_bytes", Number(store.value_file_bytes));
  object.Set("value_bytes", Number(store.value_bytes));
  object.Set("value_garbage_bytes", Number(store.value_garbage_bytes));
  object.Set("log_segments", Value(store.log_segment_count));
  object.Set("log_bytes", Number(store.log_bytes));
  object.Set("recovered_records", Number(store.recovery.record_count));
  object.Set("clean_close", Value(store.recovery.clean_close));
  object.Set("cut_bytes", Number(store.recovery.cut_bytes));
  AddCounters(store, &object);
  return object;
}

Object MeasuresToObject(const lsm::StoreStats& stats) {
  Object object;
  for (std::size_t i = 0; i < lsm::kMeasureCount; ++i) {
    const Distribution& told = stats.measures[i];
    object.Set(std::string(lsm::MeasureName(static_cast<lsm::Measure>(i))),
               Value(Object{{"count", Number(told.count)},
                            {"sum", Number(told.sum)},
                            {"p50", Number(told.p50)},
                            {"p99", Number(told.p99)},
                            {"p999", Number(told.p999)},
                            {"max", Number(told.max)}}));
  }
  return object;
}

void PrintMeasures(const lsm::StoreStats& stats, const Streams& streams) {
  TextTable table({"measured", "count", "mean", "p50", "p99", "p99.9", "max"});
  bool is_empty = true;
  for (std::size_t i = 0; i < lsm::kMeasureCount; ++i) {
    const auto measure = static_cast<lsm::Measure>(i);
    const Distribution& told = stats.measures[i];
    if (told.count == 0) continue;
    is_empty = false;
    const auto text = [&](std::uint64_t value) {
      if (lsm::IsTime(measure)) return HumanNanos(static_cast<std::int64_t>(value));
      return measure == lsm::Measure::kLogGroupBytes ? HumanBytes(value) : Grouped(value);
    };
    table.Add({std::string(lsm::MeasureName(measure)), Grouped(told.count),
               text(static_cast<std::uint64_t>(told.mean())), text(told.p50), text(told.p99),
               text(told.p999), text(told.max)});
  }
  if (!is_empty) streams.out << "\n" << table.ToString(streams.out_terminal);
}

absl::StatusOr<ExitCode> RunStats(Database& database, const StatsArguments& arguments,
                                  const Streams& streams) {
  const DatabaseStats all = database.Stats();
  Object stats = ToObject(all);
  if (arguments.json) {
    stats.Set("measures", Value(MeasuresToObject(all.store)));
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
  PrintMeasures(all.store, streams);
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
      "Sizes are those of the database; counters and times are those of this very command, which\n"
      "opens it. Of a running program, Database::Stats() has the same, and the file LOG in the\n"
      "directory of the database a summary of them every ten minutes.\n\n"
      "Examples:\n"
      "  aurora-tool stats shop.aurora\n"
      "  aurora-tool stats shop.aurora --json | jq .log_bytes\n");
}

}  // namespace aurora::tools
