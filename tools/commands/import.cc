#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "aurora/engine/document/schema_text.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/importer.h"
#include "aurora/tools/commands/row_reader.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/input_file.h"
#include "aurora/tools/interrupt.h"
#include "aurora/tools/progress_bar.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

// A file of the wrong kind does not flood the terminal.
constexpr std::uint64_t kRejectionsShown = 20;
constexpr std::size_t kRejectionsKept = 1000;
constexpr std::size_t kSchemaLinesShown = 40;

struct ImportArguments {
  std::string archive;
  std::string database;
  std::string file;
  Importer::Settings settings;
  std::uint64_t from_line = 1;
  std::string durability = "sync";
  std::string on_error = "stop";
  bool print_acknowledged = false;
  bool strict = false;
  bool json = false;

  // The command that goes on where this one stopped.
  std::string Continuation(std::uint64_t line) const {
    return StrCat("aurora-tool import ", database, " ", settings.collection, " ", file,
                  " --from-line ", line);
  }
};

// How an import ended.
struct ImportReport {
  absl::Status status;
  std::uint64_t imported = 0;
  std::uint64_t rejected = 0;
  std::uint64_t next_line = 1;
  double seconds = 0;
  bool durable = false;               // what was imported is on the device
  std::vector<Rejection> rejections;  // the first of them
};

// `text` without the lines behind the first `count`, but with their number.
std::string FirstLines(const std::string& text, std::size_t count) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < count && end < text.size(); ++i) end = text.find('\n', end) + 1;
  const auto more = std::count(text.begin() + static_cast<std::ptrdiff_t>(end), text.end(), '\n');
  return more == 0 ? text : StrCat(text.substr(0, end), "... and ", more, " more lines\n");
}

void PrintRejection(const Rejection& rejection, std::uint64_t number, const Streams& streams) {
  if (number > kRejectionsShown) return;
  streams.err << "rejected: " << rejection.reason << "\n";
  if (number == kRejectionsShown) streams.err << "rejected: further ones are counted, not shown\n";
}

ImportReport ImportRows(Database& database, RowReader& reader, const ImportArguments& arguments,
                        const Streams& streams) {
  const auto start = std::chrono::steady_clock::now();
  ImportReport report;
  ProgressBar progress(streams.err, streams.err_terminal, "importing", "document",
                       reader.file().size_bytes());
  Importer::Events events;
  Importer importer(database, reader, arguments.settings, events);
  events.created = [&](const Schema& schema, std::uint64_t sample) {
    if (arguments.json) return;
    progress.Clear();
    streams.out << "schema of " << arguments.settings.collection << ", inferred from "
                << (reader.ended() ? "all " : "the first ") << Counted(sample, "object") << ":\n"
                << FirstLines(SchemaTable(schema), kSchemaLinesShown) << std::endl;
  };
  events.rejected = [&](const Rejection& rejection) {
    progress.Clear();
    PrintRejection(rejection, importer.rejected(), streams);
    if (report.rejections.size() < kRejectionsKept) report.rejections.push_back(rejection);
  };
  events.committed = [&](std::uint64_t position) {
    if (arguments.print_acknowledged)
      streams.out << "acknowledged " << importer.imported() << std::endl;
    progress.Update(position, importer.imported());
  };
  report.status = importer.Run();
  if (report.status.ok()) progress.Finish(importer.imported());
  report.imported = importer.imported();
  report.rejected = importer.rejected();
  report.next_line = importer.next_line();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

void PrintReport(const ImportReport& report, const ImportArguments& arguments,
                 const Streams& streams) {
  const bool complete = report.status.ok();
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(report.imported) /
                                               std::max(report.seconds, 1e-6));
  if (!arguments.json) {
    if (absl::IsCancelled(report.status))
      streams.out << "interrupted; ";
    else if (!complete && report.imported == 0)
      return;  // the error says it all
    streams.out << "imported " << Counted(report.imported, "document") << " in "
                << HumanNanos(static_cast<std::int64_t>(report.seconds * 1e9)) << " ("
                << Grouped(rate) << "/s)";
    if (report.rejected > 0) streams.out << ", rejected " << Counted(report.rejected, "line");
    streams.out << "\n";
    if (!complete && report.imported > 0) {
      streams.out << (report.durable ? "They are durable." : "Not all of them may be durable.");
      if (arguments.file != "-") {
        streams.out << " To go on behind them:\n  " << arguments.Continuation(report.next_line);
      }
      streams.out << "\n";
    }
    return;
  }
  Object object;
  object.Set("collection", Value(arguments.settings.collection));
  object.Set("complete", Value(complete));
  if (!complete) object.Set("error", Value(ToStd(report.status.message())));
  object.Set("imported", Number(report.imported));
  object.Set("durable", Value(report.durable));
  object.Set("rejected", Number(report.rejected));
  object.Set("next_line", Number(report.next_line));
  object.Set("seconds", Value(report.seconds));
  Array rejections;
  for (const Rejection& rejection : report.rejections) {
    rejections.Append(
        Value(Object{{"line", Number(rejection.line)}, {"reason", Value(rejection.reason)}}));
  }
  object.Set("rejections", Value(std::move(rejections)));
  PrintJson(object, streams);
}

// Of an import that the database does not hold against itself.
absl::StatusOr<ExitCode> Outcome(const ImportReport& report) {
  if (const int signal = InterruptScope::Signal(); absl::IsCancelled(report.status) && signal != 0)
    return static_cast<ExitCode>(128 + signal);
  AURORA_RETURN_IF_ERROR(report.status);
  return report.rejected > 0 ? ExitCode::kPartial : ExitCode::kOk;
}

ExitCode RunImport(ImportArguments arguments, const Streams& streams) {
  const InterruptScope interrupt;
  absl::StatusOr<std::unique_ptr<InputFile>> file = InputFile::Open(arguments.file);
  if (!file.ok()) return Fail(file.status(), streams);
  Options options;
  options.durability = arguments.durability == "sync"      ? Durability::kSync
                       : arguments.durability == "process" ? Durability::kProcess
                                                           : Durability::kBuffered;
  options.archive = arguments.archive;
  if (arguments.strict) options.limits = DocumentLimits::Strict();
  arguments.settings.skip_errors = arguments.on_error == "skip";
  RowReader reader(*std::move(file), options.limits, arguments.from_line);
  std::optional<ImportReport> report;
  const ExitCode code = WithDatabase(
      arguments.database, options, streams, [&](Database& database) -> absl::StatusOr<ExitCode> {
        report = ImportRows(database, reader, arguments, streams);
        // Only then is a buffered commit durable.
        const absl::Status closed = database.Close().Wait();
        report->durable = closed.ok() || options.durability == Durability::kSync;
        AURORA_RETURN_IF_ERROR(report->status.ok() ? closed : absl::OkStatus());
        return Outcome(*report);
      });
  if (report.has_value()) PrintReport(*report, arguments, streams);
  return code;
}

void AddOptions(CLI::App& app, ImportArguments& arguments) {
  Importer::Settings& settings = arguments.settings;
  app.add_option("database", arguments.database,
                 "The directory of the database; created if there is none")
      ->required();
  app.add_option("collection", settings.collection,
                 "The collection; created, with a schema inferred from the file, if there is none")
      ->required();
  app.add_option("file", arguments.file, "The NDJSON file, may be gzipped; - for standard input")
      ->required();
  app.add_option("--index", settings.indexed, "Fields to index, if the collection is created")
      ->delimiter(',');
  app.add_option("--unique", settings.unique,
                 "Fields whose values are unique, if the collection is created")
      ->delimiter(',');
  app.add_option("--on-error", arguments.on_error,
                 "What to do at a line that cannot be imported: stop, or report and skip it")
      ->check(CLI::IsMember({"stop", "skip"}))
      ->capture_default_str();
  app.add_option("--from-line", arguments.from_line, "Begin at this line of the file")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch", settings.batch, "Documents in one commit")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  app.add_option("--sample", settings.sample, "Objects to infer the schema from")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--durability", arguments.durability,
                 "What an acknowledged commit survives: sync, the loss of power; process, the "
                 "death of the process; buffered, neither for 50 ms")
      ->check(CLI::IsMember({"sync", "process", "buffered"}))
      ->capture_default_str();
  app.add_option("--archive", arguments.archive,
                 "Archive the log in this directory: give it at every import, if at all");
  app.add_flag("--strict", arguments.strict,
               "The limits for documents from strangers: 1 MiB, 32 levels, 1,000 fields");
  app.add_flag("--print-acknowledged", arguments.print_acknowledged,
               "After each commit, a line with the number of documents so far");
  app.add_flag("--json", arguments.json, "The report as one JSON object");
}

}  // namespace

void AddImport(CommandLine& line) {
  const auto arguments = std::make_shared<ImportArguments>();
  CLI::App& app = line.Add("import", "Imports a file of JSON objects, one a line",
                           [arguments](Streams streams) { return RunImport(*arguments, streams); });
  AddOptions(app, *arguments);
  app.footer(
      "Ctrl-C stops after the commit under way and says how many documents are durable.\n\n"
      "Examples:\n"
      "  aurora-tool import shop.aurora products products.ndjson --unique sku --index city,kind\n"
      "  aurora-tool import logs.aurora events events.ndjson.gz --on-error skip\n"
      "  curl -s https://example.com/feed | aurora-tool import feed.aurora items - --strict\n");
}

}  // namespace aurora::tools
