#include "aurora/engine/repair.h"

#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/copying.h"
#include "aurora/tools/commands/findings.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

struct RepairArguments {
  std::string database;
  std::string target;
  bool dry_run = false;
  CopyArguments copy;
};

Object ToObject(const lsm::LostVersions& lost) {
  Object object{{"file", Value(lost.file)}, {"what", Value(lost.what)}};
  object.Set("first_key", Value(HexText(lost.keys.first, std::string::npos)));
  object.Set("last_key", lost.keys.last.has_value()
                             ? Value(HexText(*lost.keys.last, std::string::npos))
                             : Value());
  object.Set("smallest_sequence", Number(lost.smallest_sequence));
  object.Set("largest_sequence", Number(lost.largest_sequence));
  return object;
}

Object ToObject(const lsm::LostCommits& lost) {
  Object object{{"file", Value(lost.file)},
                {"offset", Number(lost.where.offset)},
                {"bytes", Number(lost.where.bytes)},
                {"what", Value(lost.what)},
                {"after", Number(lost.after)}};
  object.Set("before", lost.before.has_value() ? Number(*lost.before) : Value());
  return object;
}

Object ToObject(const RepairReport& report) {
  Array versions;
  for (const auto& lost : report.salvage.lost_versions) versions.Append(Value(ToObject(lost)));
  Array commits;
  for (const auto& lost : report.salvage.lost_commits) commits.Append(Value(ToObject(lost)));
  Array collections;
  for (const auto& collection : report.collections) {
    collections.Append(Value(
        Object{{"name", Value(collection.name)}, {"documents", Number(collection.documents)}}));
  }
  Array set_aside;
  for (const auto& aside : report.set_aside) {
    set_aside.Append(Value(Object{{"collection", Value(aside.collection)},
                                  {"id", Value(aside.id)},
                                  {"sequence", Number(aside.sequence)},
                                  {"reason", Value(aside.reason)}}));
  }
  Array keyspaces;
  for (const auto& lost : report.lost_keyspaces) {
    keyspaces.Append(
        Value(Object{{"keyspace", Number(lost.keyspace)}, {"entries", Number(lost.entries)}}));
  }
  return Object{{"losses", Value(report.has_losses())},
                {"findings", Value(FindingsToArray(report.salvage.findings))},
                {"tables_uncertain", Value(report.salvage.tables_uncertain)},
                {"lost_versions", Value(std::move(versions))},
                {"lost_commits", Value(std::move(commits))},
                {"collections", Value(std::move(collections))},
                {"set_aside", Value(std::move(set_aside))},
                {"set_aside_count", Number(report.set_aside_count)},
                {"lost_keyspaces", Value(std::move(keyspaces))},
                {"lost_operations", Number(report.lost_operations)},
                {"catalog_lost", Value(report.catalog_lost)},
                {"entries_read", Number(report.salvage.entry_count)},
                {"records_read", Number(report.salvage.record_count)}};
}

void PrintLosses(const RepairReport& report, std::ostream& out) {
  for (const auto& lost : report.salvage.lost_versions) {
    out << "lost: versions of " << StoredKeyText(lost.keys.first) << " to "
        << (lost.keys.last.has_value() ? StoredKeyText(*lost.keys.last) : "the last key")
        << ", of commits " << lost.smallest_sequence << " to " << lost.largest_sequence << " ("
        << lost.file << ": " << lost.what << ")\n";
  }
  for (const auto& lost : report.salvage.lost_commits) {
    out << "lost: every commit after " << lost.after;
    if (lost.before.has_value()) out << " and before " << *lost.before;
    out << " (" << lost.file << " at " << lost.where.offset << ": " << lost.what << ")\n";
  }
  if (report.salvage.tables_uncertain) {
    out << "lost: the list of tables. One that is missing would not be noticed, and documents that "
           "were deleted may be there again\n";
  }
  for (const auto& lost : report.lost_keyspaces) {
    out << "lost: keyspace " << lost.keyspace << " with " << Grouped(lost.entries) << " entries"
        << ": nothing defines its collection any more\n";
  }
  if (report.lost_operations > 0) {
    out << "lost: " << Counted(report.lost_operations, "operation")
        << " of the log on collections that nothing defines any more\n";
  }
  if (report.catalog_lost) out << "lost: definitions of collections\n";
}

void PrintSetAside(const RepairReport& report, const Streams& streams) {
  if (report.set_aside_count == 0) return;
  TextTable table({"left out", "id", "commit", "reason"});
  for (const auto& aside : report.set_aside) {
    table.Add({aside.collection, aside.id, StrCat(aside.sequence), aside.reason});
  }
  streams.out << table.ToFittingString(streams.out_terminal);
  if (report.set_aside_count > report.set_aside.size()) {
    streams.out << "... and " << report.set_aside_count - report.set_aside.size() << " more\n";
  }
  streams.out << "\n";
}

void Print(const RepairReport& report, const RepairArguments& arguments, const Streams& streams) {
  PrintFindings(report.salvage.findings, streams);
  PrintLosses(report, streams.out);
  PrintSetAside(report, streams);
  TextTable table({"collection", "documents"});
  for (const auto& collection : report.collections) {
    table.Add({collection.name, Grouped(collection.documents)});
  }
  streams.out << table.ToString(streams.out_terminal);
  streams.out << (arguments.dry_run ? "nothing was made; a repair would save this"
                                    : StrCat(arguments.target,
                                             ": a database of its own, with all that can be read"))
              << "\n";
  if (report.has_losses()) {
    streams.out << "What is lost may have been newer than what is here: see docs/operations.md\n";
  }
}

ExitCode RunRepair(const RepairArguments& arguments, const Streams& streams) {
  if (!arguments.dry_run && arguments.target.empty()) {
    streams.err << "error: name the directory to make, or --dry-run\n";
    return ExitCode::kUsage;
  }
  CopyJob job(streams, "reading", arguments.copy);
  RepairOptions options;
  options.dry_run = arguments.dry_run;
  options.copy = job.Options();
  const absl::StatusOr<RepairReport> report =
      BlockOn(RepairDatabase(arguments.database, arguments.target, options));
  const ExitCode code = job.Conclude(report.status());
  if (absl::IsFailedPrecondition(report.status())) return ExitCode::kRefused;
  if (!report.ok()) return code;
  if (arguments.copy.json) {
    PrintJson(ToObject(*report), streams);
  } else {
    Print(*report, arguments, streams);
  }
  return report->has_losses() ? ExitCode::kPartial : ExitCode::kOk;
}

}  // namespace

void AddRepair(CommandLine& line) {
  const auto arguments = std::make_shared<RepairArguments>();
  CLI::App& app = line.Add("repair", "Saves what is readable of a damaged database into a new one",
                           [arguments](Streams streams) { return RunRepair(*arguments, streams); });
  app.add_option("database", arguments->database, "The directory of the damaged database")
      ->required();
  app.add_option("target", arguments->target, "The directory to make, where there is nothing yet");
  app.add_flag("--dry-run", arguments->dry_run, "Only say what could be saved and what is lost");
  app.add_flag("--json", arguments->copy.json, "The result as one JSON object");
  app.footer(
      "The damaged database is only read. What has no right checksum is not used; what is lost is\n"
      "told by files, ranges of keys and ranges of commits. A document that lies in one of them\n"
      "may be an older version, or one that was deleted. Exit code 5 says that something is lost,\n"
      "0 that nothing is. If there is a backup, compare both.\n\n"
      "Examples:\n"
      "  aurora-tool repair shop.aurora --dry-run\n"
      "  aurora-tool repair shop.aurora saved.aurora\n"
      "  aurora-tool repair shop.aurora saved.aurora --json | jq .lost_versions\n");
}

}  // namespace aurora::tools
