#include "aurora/tools/commands/session.h"

#include <ostream>

#include "aurora/engine/document/json.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"

namespace aurora::tools {

namespace {

// Before any work was done, a wrong state is the database's.
ExitCode FailToOpen(const absl::Status& status, const std::string& path, const Options& options,
                    const Streams& streams) {
  if (absl::IsNotFound(status) && !options.create_if_missing) {
    return Fail(
        NotFoundError("there is no database at ", path, "; 'aurora-tool import' creates one"),
        streams);
  }
  const ExitCode code = Fail(status, streams);
  return absl::IsFailedPrecondition(status) ? ExitCode::kRefused : code;
}

ExitCode WorkAndClose(Database& database, const Streams& streams,
                      const std::function<absl::StatusOr<ExitCode>(Database&)>& work) {
  const absl::StatusOr<ExitCode> done = work(database);
  const absl::Status closed = database.Close().Wait();
  if (!done.ok()) return Fail(done.status(), streams);
  if (!closed.ok()) return Fail(closed, streams);
  return *done;
}

}  // namespace

ExitCode Fail(const absl::Status& status, const Streams& streams) {
  streams.err << streams.err_terminal.Red("error:") << " " << ToStd(status.message()) << "\n";
  return absl::IsDataLoss(status) ? ExitCode::kDamaged : ExitCode::kFailed;
}

Options ExistingOnly() {
  Options options;
  options.create_if_missing = false;
  return options;
}

ExitCode WithDatabase(const std::string& path, const Options& options, const Streams& streams,
                      const std::function<absl::StatusOr<ExitCode>(Database&)>& work) {
  absl::StatusOr<Database> database = Database::Open(path, options).Wait();
  if (!database.ok()) return FailToOpen(database.status(), path, options, streams);
  return WorkAndClose(*database, streams, work);
}

ExitCode WithReadableDatabase(const std::string& path, const Streams& streams,
                              const std::function<absl::StatusOr<ExitCode>(Database&)>& work) {
  Options options = ExistingOnly();
  absl::StatusOr<Database> database = Database::Open(path, options).Wait();
  if (absl::IsFailedPrecondition(database.status())) {
    const absl::Status refused = database.status();
    options.read_only = true;
    database = Database::Open(path, options).Wait();
    // Of the two reasons, the first is the one to tell.
    if (!database.ok()) return FailToOpen(refused, path, options, streams);
    streams.err << streams.err_terminal.Faint("note:")
                << " read-only, as of now: " << ToStd(refused.message()) << "\n";
  }
  if (!database.ok()) return FailToOpen(database.status(), path, options, streams);
  return WorkAndClose(*database, streams, work);
}

Value Number(std::uint64_t value) { return Value(static_cast<std::int64_t>(value)); }

void PrintJson(const Object& object, const Streams& streams) {
  streams.out << ToJson(ObjectView(object)) << "\n";
}

}  // namespace aurora::tools
