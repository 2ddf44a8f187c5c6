#include <memory>
#include <ostream>
#include <string>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/copying.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

struct CheckpointArguments {
  std::string database;
  std::string target;
  CopyArguments copy;
};

absl::StatusOr<ExitCode> RunCheckpoint(Database& database, const CheckpointArguments& arguments,
                                       const Streams& streams) {
  CopyJob job(streams, "checkpoint", arguments.copy);
  const absl::StatusOr<CheckpointInfo> made =
      database.Checkpoint(arguments.target, job.Options()).Wait();
  const ExitCode code = job.Conclude(made.status());
  if (!made.ok()) return code;
  if (arguments.copy.json) {
    Object object;
    object.Set("path", Value(arguments.target));
    object.Set("sequence", Number(made->sequence));
    object.Set("linked_bytes", Number(made->linked_bytes));
    object.Set("copied_bytes", Number(made->copied_bytes));
    PrintJson(object, streams);
  } else {
    streams.out << arguments.target << ": a database as of commit " << Grouped(made->sequence)
                << ", " << HumanBytes(made->linked_bytes) << " linked, "
                << HumanBytes(made->copied_bytes) << " copied\n";
  }
  return ExitCode::kOk;
}

}  // namespace

void AddCheckpoint(CommandLine& line) {
  const auto arguments = std::make_shared<CheckpointArguments>();
  CLI::App& app = line.Add(
      "checkpoint", "Makes a second database of a database, by hard links",
      [arguments](Streams streams) {
        return WithDatabase(arguments->database, ExistingOnly(), streams, [&](Database& database) {
          return RunCheckpoint(database, *arguments, streams);
        });
      });
  app.add_option("database", arguments->database, "The directory of the database")->required();
  app.add_option("target", arguments->target, "The directory to make, where there is nothing yet")
      ->required();
  AddCopyOptions(app, arguments->copy);
  app.footer(
      "Tables are shared by hard links where the file system allows it, so it costs little; "
      "damage\n"
      "to a shared table is damage to both. 'aurora-tool backup' shares nothing.\n"
      "A program that has the database open makes checkpoints by Database::Checkpoint.\n\n"
      "Examples:\n"
      "  aurora-tool checkpoint shop.aurora before-migration.aurora\n"
      "  aurora-tool checkpoint shop.aurora copy.aurora --json | jq .copied_bytes\n");
}

}  // namespace aurora::tools
