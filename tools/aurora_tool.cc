// The command line over Aurora databases. Each command is a file of tools/commands/.
#include <unistd.h>

#include <initializer_list>
#include <iostream>
#include <string_view>
#include <vector>

#include "aurora/engine/version.h"
#include "aurora/tools/command_line.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/terminal.h"

namespace aurora::tools {
namespace {

// In the order in which the help shows them.
constexpr std::initializer_list<CommandLine::AddCommand> kCommands = {
    AddImport, AddQuery,      AddGet,    AddSchema,  AddStats,   AddInspect,
    AddSpace,  AddFind,       AddDump,   AddBench,   AddCompact, AddVerify,
    AddRepair, AddCheckpoint, AddBackup, AddBackups, AddRestore, AddArchive};

ExitCode Run(int argc, char** argv) {
  CommandLine line("aurora-tool", kVersion,
                   "Looks into Aurora databases, fills, checks, repairs, copies and restores "
                   "them.");
  for (const auto add_command : kCommands) add_command(line);
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const Streams streams{std::cout, std::cerr, TerminalOf(STDOUT_FILENO), TerminalOf(STDERR_FILENO)};
  const ExitCode code = line.Run(arguments, streams);
  if (std::cout.flush()) return code;
  // A result that did not arrive is no success.
  std::cerr << "error: cannot write the result to standard output\n";
  return code == ExitCode::kOk ? ExitCode::kFailed : code;
}

}  // namespace
}  // namespace aurora::tools

int main(int argc, char** argv) { return static_cast<int>(aurora::tools::Run(argc, argv)); }
