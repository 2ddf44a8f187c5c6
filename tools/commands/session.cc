#include "aurora/tools/commands/session.h"

#include <cstdint>
#include <cstdio>
#include <ostream>
#include <utility>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/status.h"

namespace aurora::tools {

ExitCode Fail(const absl::Status& status, Streams streams) {
  streams.err << "error: " << ToStd(status.message()) << "\n";
  switch (status.code()) {
    case absl::StatusCode::kDataLoss:
      return ExitCode::kDamaged;
    case absl::StatusCode::kFailedPrecondition:
      return ExitCode::kInUse;
    default:
      return ExitCode::kFailed;
  }
}

Options ExistingOnly() {
  Options options;
  options.create_if_missing = false;
  return options;
}

ExitCode WithDatabase(const std::string& path, const Options& options, Streams streams,
                      const std::function<absl::StatusOr<ExitCode>(Database&)>& work) {
  absl::StatusOr<Database> database = Database::Open(path, options).Wait();
  if (!database.ok()) return Fail(database.status(), streams);
  const absl::StatusOr<ExitCode> done = work(*database);
  const absl::Status closed = database->Close().Wait();
  if (!done.ok()) return Fail(done.status(), streams);
  if (!closed.ok()) return Fail(closed, streams);
  return *done;
}

std::string HumanBytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

}  // namespace aurora::tools
