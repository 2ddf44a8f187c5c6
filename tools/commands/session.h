// What the commands share: opening a database for one command, and saying what went wrong.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "aurora/engine/database.h"
#include "aurora/tools/command_line.h"

namespace aurora::tools {

// Prints "error: <message>" and gives the exit code that fits.
ExitCode Fail(const absl::Status& status, Streams streams);

// Opens the database, runs `work`, closes it. Reports whatever fails.
ExitCode WithDatabase(const std::string& path, const Options& options, Streams streams,
                      const std::function<absl::StatusOr<ExitCode>(Database&)>& work);

// Options for a command that only looks.
Options ExistingOnly();

// 1536 -> "1.5 KiB".
std::string HumanBytes(std::uint64_t bytes);

}  // namespace aurora::tools
