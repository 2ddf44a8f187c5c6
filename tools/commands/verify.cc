#include <memory>
#include <ostream>
#include <string>

#include "aurora/engine/verify.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/copying.h"
#include "aurora/tools/commands/findings.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

struct VerifyArguments {
  std::string database;
  CopyArguments copy;
};

Object ToObject(const VerifyReport& report) {
  return Object{{"damaged", Value(report.CountOf(VerifyFinding::Kind::kDamage) > 0)},
                {"findings", Value(FindingsToArray(report.findings))},
                {"manifest", Number(report.manifest)},
                {"tables", Number(report.table_count)},
                {"blocks", Number(report.block_count)},
                {"entries", Number(report.entry_count)},
                {"value_files", Number(report.value_file_count)},
                {"values", Number(report.value_count)},
                {"log_segments", Number(report.segment_count)},
                {"records_to_replay", Number(report.record_count)},
                {"last_sequence", Number(report.last_sequence)},
                {"clean_close", Value(report.clean_close)},
                {"bytes", Number(report.bytes)}};
}

ExitCode RunVerify(const VerifyArguments& arguments, const Streams& streams) {
  CopyJob job(streams, "verifying", arguments.copy);
  const absl::StatusOr<VerifyReport> report =
      BlockOn(VerifyDatabase(arguments.database, job.Options()));
  const ExitCode code = job.Conclude(report.status());
  if (absl::IsFailedPrecondition(report.status())) return ExitCode::kRefused;
  if (!report.ok()) return code;
  const std::uint64_t damages = report->CountOf(VerifyFinding::Kind::kDamage);
  if (arguments.copy.json) {
    PrintJson(ToObject(*report), streams);
  } else {
    PrintFindings(report->findings, streams);
    streams.out << Counted(report->table_count, "table") << " with " << Grouped(report->entry_count)
                << " entries, " << Counted(report->value_file_count, "value file") << " with "
                << Counted(report->value_count, "value") << ", "
                << Counted(report->segment_count, "log segment") << " with "
                << Counted(report->record_count, "record") << " to replay, "
                << HumanBytes(report->bytes)
                << " read: " << (damages == 0 ? "no damage" : StrCat(damages, " damaged places"))
                << "\n";
  }
  if (damages == 0) return ExitCode::kOk;
  streams.err << "'aurora-tool repair' saves what can be read into a new database; a backup may "
                 "have more\n";
  return ExitCode::kDamaged;
}

}  // namespace

void AddVerify(CommandLine& line) {
  const auto arguments = std::make_shared<VerifyArguments>();
  CLI::App& app = line.Add("verify", "Reads every byte of a database and lists all that is wrong",
                           [arguments](Streams streams) { return RunVerify(*arguments, streams); });
  app.add_option("database", arguments->database, "The directory of the database")->required();
  AddCopyOptions(app, arguments->copy);
  app.footer(
      "Changes nothing, takes no lock, and works beside a program that has the database open.\n"
      "It goes on behind whatever is wrong, and tells file, offset and what it is:\n"
      "  damage  something is lost or wrong: exit code 3\n"
      "  doubt   what a crash leaves, and what damage of the very last write would look like\n"
      "  note    files that do not belong to the database, and the like\n\n"
      "Examples:\n"
      "  aurora-tool verify shop.aurora\n"
      "  aurora-tool verify shop.aurora --json | jq '.findings[] | select(.kind == \"damage\")'\n");
}

}  // namespace aurora::tools
