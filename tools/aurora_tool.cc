// The command line over Aurora databases. Each command is a file of tools/commands/.
#include <initializer_list>
#include <iostream>
#include <string_view>
#include <vector>

#include "aurora/engine/version.h"
#include "aurora/tools/command_line.h"
#include "aurora/tools/commands/commands.h"

namespace aurora::tools {
namespace {

// In the order in which the help shows them.
constexpr std::initializer_list<CommandLine::AddCommand> kCommands = {
    AddImport, AddQuery, AddGet, AddSchema, AddStats, AddInspect};

}  // namespace
}  // namespace aurora::tools

int main(int argc, char** argv) {
  aurora::tools::CommandLine line("aurora-tool", aurora::kVersion, "Looks into Aurora databases.");
  for (const auto add_command : aurora::tools::kCommands) add_command(line);
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  return static_cast<int>(line.Run(arguments, {std::cout, std::cerr}));
}
