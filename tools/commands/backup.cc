// The commands backup, backups and restore.
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "aurora/engine/archive.h"
#include "aurora/engine/backup.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/copying.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

struct BackupArguments {
  std::string database;
  std::string backups;
  std::string label;
  std::uint64_t id = 0;
  std::uint64_t deleted = 0;
  bool verify = false;
  // Of a restore with an archive.
  std::string archive;
  std::string to_time;
  std::uint64_t to_sequence = 0;
  CopyArguments copy;
};

Object ToObject(const BackupInfo& info) {
  Object object;
  object.Set("id", Number(info.id));
  if (!info.status.ok()) {
    object.Set("error", Value(std::string(ToStd(info.status.message()))));
    return object;
  }
  object.Set("created", Value(TimeText(info.created_micros)));
  object.Set("label", Value(info.label));
  object.Set("sequence", Number(info.sequence));
  object.Set("files", Value(info.file_count));
  object.Set("total_bytes", Number(info.total_bytes));
  return object;
}

absl::StatusOr<ExitCode> RunBackup(Database& database, const BackupArguments& arguments,
                                   const Streams& streams) {
  CopyJob job(streams, "backup", arguments.copy);
  const absl::StatusOr<BackupInfo> made =
      database.Backup(arguments.backups, arguments.label, job.Options()).Wait();
  const ExitCode code = job.Conclude(made.status());
  if (!made.ok()) return code;
  if (arguments.copy.json) {
    Object object = ToObject(*made);
    object.Set("copied_bytes", Number(made->copied_bytes));
    PrintJson(object, streams);
  } else {
    streams.out << "backup " << made->id << ": as of commit " << Grouped(made->sequence) << ", "
                << HumanBytes(made->total_bytes) << ", of which " << HumanBytes(made->copied_bytes)
                << " were new\n";
  }
  return ExitCode::kOk;
}

ExitCode PrintList(BackupSet& backups, const BackupArguments& arguments, const Streams& streams) {
  const absl::StatusOr<std::vector<BackupInfo>> all = backups.List().Wait();
  if (!all.ok()) return Fail(all.status(), streams);
  ExitCode code = ExitCode::kOk;
  Array list;
  TextTable table({"id", "created", "commit", "files", "size", "label"});
  for (const BackupInfo& info : *all) {
    list.Append(Value(ToObject(info)));
    if (info.status.ok()) {
      table.Add({StrCat(info.id), TimeText(info.created_micros), Grouped(info.sequence),
                 StrCat(info.file_count), HumanBytes(info.total_bytes), info.label});
    } else {
      code = Fail(info.status, streams);
      table.Add({StrCat(info.id), "cannot be read", "", "", "", ""});
    }
  }
  if (arguments.copy.json) {
    Object object;
    object.Set("backups", Value(std::move(list)));
    PrintJson(object, streams);
  } else {
    streams.out << table.ToFittingString(streams.out_terminal);
  }
  return code;
}

ExitCode RunVerify(BackupSet& backups, const BackupArguments& arguments, const Streams& streams) {
  CopyJob job(streams, "verifying", arguments.copy);
  const absl::StatusOr<BackupReport> report = backups.Verify(arguments.id, job.Options()).Wait();
  const ExitCode code = job.Conclude(report.status());
  if (!report.ok()) return code;
  if (arguments.copy.json) {
    Object object;
    Array problems;
    for (const std::string& problem : report->problems) problems.Append(Value(problem));
    object.Set("backups", Value(report->backup_count));
    object.Set("files", Value(report->file_count));
    object.Set("bytes", Number(report->bytes));
    object.Set("problems", Value(std::move(problems)));
    PrintJson(object, streams);
  } else {
    for (const std::string& problem : report->problems) Fail(DataLossError(problem), streams);
    streams.out << Counted(static_cast<std::uint64_t>(report->backup_count), "backup") << ", "
                << Counted(static_cast<std::uint64_t>(report->file_count), "file") << ", "
                << HumanBytes(report->bytes) << " read and right; "
                << Counted(report->problems.size(), "problem") << "\n";
  }
  return report->problems.empty() ? ExitCode::kOk : ExitCode::kDamaged;
}

ExitCode RunDelete(BackupSet& backups, const BackupArguments& arguments, const Streams& streams) {
  const absl::Status deleted = backups.Delete(arguments.deleted).Wait();
  if (!deleted.ok()) return Fail(deleted, streams);
  if (arguments.copy.json) {
    Object object;
    object.Set("deleted", Number(arguments.deleted));
    PrintJson(object, streams);
  } else {
    streams.out << "backup " << arguments.deleted << " is deleted\n";
  }
  return ExitCode::kOk;
}

// Opens the set of backups and runs `work` on it.
ExitCode WithBackups(const BackupArguments& arguments, const Streams& streams,
                     ExitCode (*work)(BackupSet&, const BackupArguments&, const Streams&)) {
  absl::StatusOr<BackupSet> backups = BackupSet::Open(arguments.backups).Wait();
  if (!backups.ok()) {
    const ExitCode code = Fail(backups.status(), streams);
    return absl::IsFailedPrecondition(backups.status()) ? ExitCode::kRefused : code;
  }
  return work(*backups, arguments, streams);
}

ExitCode RunBackups(BackupSet& backups, const BackupArguments& arguments, const Streams& streams) {
  if (arguments.deleted != 0) return RunDelete(backups, arguments, streams);
  if (arguments.verify) return RunVerify(backups, arguments, streams);
  return PrintList(backups, arguments, streams);
}

ExitCode RunRestore(BackupSet& backups, const BackupArguments& arguments, const Streams& streams) {
  CopyJob job(streams, "restoring", arguments.copy);
  const absl::StatusOr<BackupInfo> restored =
      backups.Restore(arguments.id, arguments.database, job.Options()).Wait();
  const ExitCode code = job.Conclude(restored.status());
  if (!restored.ok()) return code;
  if (arguments.copy.json) {
    PrintJson(ToObject(*restored), streams);
  } else {
    streams.out << arguments.database << ": restored from backup " << restored->id << " of "
                << TimeText(restored->created_micros) << ", as of commit "
                << Grouped(restored->sequence) << ", " << HumanBytes(restored->total_bytes) << "\n";
  }
  return ExitCode::kOk;
}

Object ToObject(const PointRestored& restored) {
  Object object;
  object.Set("backup", Number(restored.backup.id));
  object.Set("backup_sequence", Number(restored.backup.sequence));
  object.Set("sequence", Number(restored.sequence));
  if (restored.micros != 0) object.Set("time", Value(TimeText(restored.micros)));
  object.Set("records", Number(restored.record_count));
  object.Set("is_end", Value(restored.is_end));
  return object;
}

ExitCode RestoreFromArchive(const BackupArguments& arguments, const Streams& streams) {
  RestoreRequest request;
  request.backups = arguments.backups;
  request.archive = arguments.archive;
  request.path = arguments.database;
  request.backup_id = arguments.id;
  if (arguments.to_sequence != 0) request.point.sequence = arguments.to_sequence;
  if (!arguments.to_time.empty()) {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, arguments.to_time, &time, &error)) {
      streams.err << "error: --to-time: " << error << "; write it as 2026-03-01T14:31:59Z\n";
      return ExitCode::kUsage;
    }
    request.point.micros = absl::ToUnixMicros(time);
  }
  CopyJob job(streams, "restoring", arguments.copy);
  request.copy = job.Options();
  const absl::StatusOr<PointRestored> restored = RestoreToPoint(std::move(request)).Wait();
  const ExitCode code = job.Conclude(restored.status());
  if (!restored.ok()) return code;
  if (arguments.copy.json) {
    PrintJson(ToObject(*restored), streams);
    return ExitCode::kOk;
  }
  streams.out << arguments.database << ": restored from backup " << restored->backup.id << " and "
              << Counted(restored->record_count, "archived commit") << ", as of commit "
              << Grouped(restored->sequence);
  if (restored->micros != 0) streams.out << " of " << TimeText(restored->micros);
  streams.out << (restored->is_end ? ", the end of the archive\n" : "\n");
  return ExitCode::kOk;
}

}  // namespace

void AddBackup(CommandLine& line) {
  const auto arguments = std::make_shared<BackupArguments>();
  CLI::App& app = line.Add("backup", "Adds a backup of a database to a directory of backups",
                           [arguments](Streams streams) {
                             return WithDatabase(arguments->database, ExistingOnly(), streams,
                                                 [&](Database& database) {
                                                   return RunBackup(database, *arguments, streams);
                                                 });
                           });
  app.add_option("database", arguments->database, "The directory of the database")->required();
  app.add_option("backups", arguments->backups,
                 "The directory of the backups; created if there is none")
      ->required();
  app.add_option("--label", arguments->label, "A few words, shown by 'aurora-tool backups'");
  AddCopyOptions(app, arguments->copy);
  app.footer(
      "Copies only what no earlier backup there has, and checks it on the way. A backup that was\n"
      "interrupted leaves the others as they are; the next one goes on with what it copied.\n"
      "A program that has the database open makes backups by Database::Backup.\n\n"
      "Examples:\n"
      "  aurora-tool backup shop.aurora /mnt/backups/shop --label nightly\n"
      "  aurora-tool backup shop.aurora /mnt/backups/shop --rate 50 --json\n");
}

void AddBackups(CommandLine& line) {
  const auto arguments = std::make_shared<BackupArguments>();
  CLI::App& app = line.Add(
      "backups", "Lists, verifies or deletes backups",
      [arguments](Streams streams) { return WithBackups(*arguments, streams, &RunBackups); });
  app.add_option("backups", arguments->backups, "The directory of the backups")->required();
  CLI::Option* const verify = app.add_flag(
      "--verify", arguments->verify, "Read every byte and compare it with what was backed up");
  app.add_option("--id", arguments->id, "Verify only this backup")
      ->check(CLI::PositiveNumber)
      ->needs(verify);
  app.add_option("--delete", arguments->deleted, "Delete this backup, and what only it has needed")
      ->check(CLI::PositiveNumber)
      ->excludes(verify);
  AddCopyOptions(app, arguments->copy);
  app.footer(
      "Examples:\n"
      "  aurora-tool backups /mnt/backups/shop\n"
      "  aurora-tool backups /mnt/backups/shop --verify\n"
      "  aurora-tool backups /mnt/backups/shop --delete 3\n");
}

void AddRestore(CommandLine& line) {
  const auto arguments = std::make_shared<BackupArguments>();
  CLI::App& app = line.Add("restore", "Makes a database of a backup, and of an archived log",
                           [arguments](Streams streams) {
                             if (!arguments->archive.empty()) {
                               return RestoreFromArchive(*arguments, streams);
                             }
                             return WithBackups(*arguments, streams, &RunRestore);
                           });
  app.add_option("backups", arguments->backups, "The directory of the backups")->required();
  app.add_option("database", arguments->database,
                 "The directory to make, where there is nothing yet")
      ->required();
  app.add_option("--id", arguments->id,
                 "The backup; the newest that is not beyond the point, if none is named")
      ->check(CLI::PositiveNumber);
  CLI::Option* const archive =
      app.add_option("--archive", arguments->archive,
                     "The directory of the archived log: goes on from the backup to its end");
  CLI::Option* const to_time = app.add_option(
      "--to-time", arguments->to_time,
      "Only up to the last commit before the first one that is later: 2026-03-01T14:31:59Z");
  to_time->needs(archive);
  app.add_option("--to-sequence", arguments->to_sequence, "Only up to this commit")
      ->check(CLI::PositiveNumber)
      ->needs(archive)
      ->excludes(to_time);
  AddCopyOptions(app, arguments->copy);
  app.footer(
      "With an archive the result is whole or not there: where commits before the point are\n"
      "missing or damaged, the error says which, and how far one can go.\n\n"
      "Examples:\n"
      "  aurora-tool restore /mnt/backups/shop shop.aurora\n"
      "  aurora-tool restore /mnt/backups/shop shop.aurora --archive /mnt/archive\n"
      "  aurora-tool restore /mnt/backups/shop undone.aurora --archive /mnt/archive \\\n"
      "      --to-time 2026-03-01T14:31:59Z\n"
      "  aurora-tool restore /mnt/backups/shop last-week.aurora --id 12\n");
}

}  // namespace aurora::tools
