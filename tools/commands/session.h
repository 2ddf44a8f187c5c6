// What the commands share: opening a database for one command, and saying what went wrong.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/database.h"
#include "aurora/tools/command_line.h"

namespace aurora::tools {

// Prints "error: <message>" and gives the exit code that fits.
ExitCode Fail(const absl::Status& status, const Streams& streams);

// Opens the database, runs `work`, closes it. Reports whatever fails.
ExitCode WithDatabase(const std::string& path, const Options& options, const Streams& streams,
                      const std::function<absl::StatusOr<ExitCode>(Database&)>& work);

// As WithDatabase, for work that only looks: if the database cannot be opened because another
// process has it open, or because it cannot be written, it is read as it is at that moment, and the
// error stream says so.
ExitCode WithReadableDatabase(const std::string& path, const Streams& streams,
                              const std::function<absl::StatusOr<ExitCode>(Database&)>& work);

// Options for a command that needs a database that is there.
Options ExistingOnly();

// A figure as a value, to be printed as JSON.
Value Number(std::uint64_t value);
// The object as one line of JSON.
void PrintJson(const Object& object, const Streams& streams);

}  // namespace aurora::tools
