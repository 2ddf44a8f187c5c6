// The command archive: what an archived log holds, whether it is whole, and what can go.
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "aurora/engine/archive.h"
#include "aurora/lsm/archive_format.h"
#include "aurora/lsm/archive_set.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/system_environment.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/copying.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

struct ArchiveArguments {
  std::string action;
  std::string archive;
  std::string backups;
  std::uint64_t keep_from = 0;
  std::uint64_t older_than_days = 0;
  CopyArguments copy;
};

std::string TimeOrNone(std::int64_t micros) { return micros == 0 ? "" : TimeText(micros); }

Object ToObject(const ArchiveLineage& lineage) {
  Object object;
  object.Set("lineage", Value(lsm::LineageName(lineage.identity)));
  object.Set("first_sequence", Number(lineage.first()));
  object.Set("last_sequence", Number(lineage.last()));
  object.Set("files", Number(lineage.files.size()));
  object.Set("bytes", Number(lineage.bytes));
  if (!lineage.files.empty()) {
    object.Set("first_time", Value(TimeOrNone(lineage.files.front().header.first_micros)));
    object.Set("last_time", Value(TimeOrNone(lineage.files.back().header.last_micros)));
  }
  Array holes;
  for (const lsm::ArchiveHole& hole : lineage.holes) {
    Object each;
    each.Set("after_sequence", Number(hole.after));
    each.Set("through_sequence", Number(hole.through));
    each.Set("never_archived", Value(hole.is_gap));
    holes.Append(Value(std::move(each)));
  }
  object.Set("holes", Value(std::move(holes)));
  return object;
}

// What is wrong with it, for people; the error stream gets the details.
ExitCode TellProblems(const ArchiveLineage& lineage, const Streams& streams) {
  ExitCode code = ExitCode::kOk;
  for (const ArchiveLineage::File& file : lineage.files) {
    if (!file.status.ok()) code = Fail(file.status, streams);
  }
  for (const lsm::ArchiveHole& hole : lineage.holes) {
    streams.err << (hole.is_gap ? "gap: " : "missing: ") << lineage.directory
                << ": the commits above " << hole.after << " up to " << hole.through << "\n";
  }
  return code;
}

ExitCode RunList(Archive& archive, const ArchiveArguments& arguments, const Streams& streams) {
  const absl::StatusOr<std::vector<ArchiveLineage>> all = archive.List().Wait();
  if (!all.ok()) return Fail(all.status(), streams);
  ExitCode code = ExitCode::kOk;
  Array list;
  TextTable table({"database-epoch", "commits", "from", "to", "files", "size", "holes"});
  for (const ArchiveLineage& lineage : *all) {
    list.Append(Value(ToObject(lineage)));
    const bool empty = lineage.files.empty();
    table.Add({lsm::LineageName(lineage.identity),
               empty ? "none" : StrCat(Grouped(lineage.first()), " - ", Grouped(lineage.last())),
               empty ? "" : TimeOrNone(lineage.files.front().header.first_micros),
               empty ? "" : TimeOrNone(lineage.files.back().header.last_micros),
               StrCat(lineage.files.size()), HumanBytes(lineage.bytes),
               StrCat(lineage.holes.size())});
  }
  if (arguments.copy.json) {
    Object object;
    object.Set("lineages", Value(std::move(list)));
    PrintJson(object, streams);
  } else {
    streams.out << table.ToFittingString(streams.out_terminal);
  }
  for (const ArchiveLineage& lineage : *all) {
    const ExitCode told = TellProblems(lineage, streams);
    if (told != ExitCode::kOk) code = told;
  }
  return code;
}

ExitCode RunVerify(Archive& archive, const ArchiveArguments& arguments, const Streams& streams) {
  CopyJob job(streams, "verifying", arguments.copy);
  const absl::StatusOr<ArchiveReport> report = archive.Verify(job.Options()).Wait();
  const ExitCode code = job.Conclude(report.status());
  if (!report.ok()) return code;
  if (arguments.copy.json) {
    Object object;
    Array problems;
    for (const std::string& problem : report->problems) problems.Append(Value(problem));
    Array gaps;
    for (const std::string& gap : report->gaps) gaps.Append(Value(gap));
    object.Set("lineages", Value(report->lineage_count));
    object.Set("files", Value(report->file_count));
    object.Set("bytes", Number(report->bytes));
    object.Set("problems", Value(std::move(problems)));
    object.Set("gaps", Value(std::move(gaps)));
    PrintJson(object, streams);
  } else {
    for (const std::string& problem : report->problems) Fail(DataLossError(problem), streams);
    for (const std::string& gap : report->gaps) streams.err << "gap: " << gap << "\n";
    streams.out << Counted(static_cast<std::uint64_t>(report->file_count), "file") << ", "
                << HumanBytes(report->bytes) << " read and right; "
                << Counted(report->problems.size(), "problem") << ", "
                << Counted(report->gaps.size(), "gap") << "\n";
  }
  return report->problems.empty() ? ExitCode::kOk : ExitCode::kDamaged;
}

ExitCode RunPrune(Archive& archive, const ArchiveArguments& arguments, const Streams& streams) {
  if (arguments.backups.empty() || (arguments.keep_from == 0) == (arguments.older_than_days == 0)) {
    streams.err << "error: prune needs --backups, and --keep-from or --older-than\n";
    return ExitCode::kUsage;
  }
  PruneRequest request;
  request.backups = arguments.backups;
  request.keep_from = arguments.keep_from;
  if (arguments.older_than_days != 0) {
    const absl::StatusOr<std::shared_ptr<Environment>> environment = MakeSystemEnvironment();
    if (!environment.ok()) return Fail(environment.status(), streams);
    const absl::Time before =
        (*environment)->clock().Now() -
        absl::Hours(24) * static_cast<std::int64_t>(arguments.older_than_days);
    request.before_micros = absl::ToUnixMicros(before);
  }
  const absl::StatusOr<PruneReport> pruned = archive.Prune(std::move(request)).Wait();
  if (!pruned.ok()) return Fail(pruned.status(), streams);
  if (arguments.copy.json) {
    Object object;
    object.Set("keep_from", Number(pruned->keep_from));
    object.Set("removed_files", Value(pruned->file_count));
    object.Set("removed_bytes", Number(pruned->bytes));
    Array untouched;
    for (const std::string& lineage : pruned->untouched) untouched.Append(Value(lineage));
    object.Set("untouched", Value(std::move(untouched)));
    PrintJson(object, streams);
    return ExitCode::kOk;
  }
  for (const std::string& lineage : pruned->untouched) {
    streams.err << "left as it is, since no backup that is kept is of it: " << lineage << "\n";
  }
  if (pruned->keep_from == 0) {
    streams.out << "nothing was removed: no backup is that old\n";
  } else {
    streams.out << "removed " << Counted(static_cast<std::uint64_t>(pruned->file_count), "file")
                << ", " << HumanBytes(pruned->bytes) << "; every moment from backup "
                << pruned->keep_from << " on is kept\n";
  }
  return ExitCode::kOk;
}

ExitCode RunArchive(const ArchiveArguments& arguments, const Streams& streams) {
  absl::StatusOr<Archive> archive = Archive::Open(arguments.archive).Wait();
  if (!archive.ok()) {
    const ExitCode code = Fail(archive.status(), streams);
    return absl::IsFailedPrecondition(archive.status()) ? ExitCode::kRefused : code;
  }
  if (arguments.action == "verify") return RunVerify(*archive, arguments, streams);
  if (arguments.action == "prune") return RunPrune(*archive, arguments, streams);
  return RunList(*archive, arguments, streams);
}

}  // namespace

void AddArchive(CommandLine& line) {
  const auto arguments = std::make_shared<ArchiveArguments>();
  CLI::App& app =
      line.Add("archive", "Lists, verifies or prunes an archive of logs",
               [arguments](Streams streams) { return RunArchive(*arguments, streams); });
  app.add_option("action", arguments->action, "What to do: ls, verify or prune")
      ->required()
      ->check(CLI::IsMember({"ls", "verify", "prune"}));
  app.add_option("archive", arguments->archive, "The directory of the archive")->required();
  app.add_option("--backups", arguments->backups, "prune: the directory of the backups");
  CLI::Option* const keep_from =
      app.add_option("--keep-from", arguments->keep_from,
                     "prune: remove what only backups before this one need")
          ->check(CLI::PositiveNumber);
  app.add_option("--older-than", arguments->older_than_days,
                 "prune: the same, of the newest backup that is so many days old")
      ->check(CLI::PositiveNumber)
      ->excludes(keep_from);
  AddCopyOptions(app, arguments->copy);
  app.footer(
      "A database archives its log while a program has it open that gave it an archive\n"
      "(Options::archive). 'aurora-tool restore --archive' goes on from a backup with it.\n\n"
      "Examples:\n"
      "  aurora-tool archive ls /mnt/archive\n"
      "  aurora-tool archive verify /mnt/archive --json\n"
      "  aurora-tool archive prune /mnt/archive --backups /mnt/backups/shop --keep-from 12\n"
      "  aurora-tool archive prune /mnt/archive --backups /mnt/backups/shop --older-than 30\n");
}

}  // namespace aurora::tools
