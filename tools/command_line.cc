#include "aurora/tools/command_line.h"

#include <ostream>
#include <utility>
#include <vector>

#include "aurora/runtime/strings.h"

namespace aurora::tools {

CommandLine::CommandLine(std::string program, std::string_view version, std::string description)
    : app_(std::move(description), program) {
  app_.set_version_flag("--version", StrCat(program, " ", version));
  app_.require_subcommand(1);
  app_.footer(StrCat(kExitCodeHelp, "\n'", program,
                     " COMMAND --help' has the options of a command and examples.\n"));
}

CLI::App& CommandLine::Add(std::string name, std::string description, Action action) {
  CLI::App* app = app_.add_subcommand(std::move(name), std::move(description));
  app->final_callback([this, action = std::move(action)] { chosen_ = action; });
  return *app;
}

ExitCode CommandLine::Run(std::span<const std::string_view> arguments, Streams streams) {
  if (!arguments.empty() && !arguments[0].starts_with('-') &&
      app_.get_subcommands([&](const CLI::App* app) { return app->get_name() == arguments[0]; })
          .empty()) {
    streams.err << "There is no command " << Quoted(arguments[0]) << ".\n"
                << "Run with --help for more information.\n";
    return ExitCode::kUsage;
  }
  // CLI11 takes them from the back.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app_.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    return app_.exit(error, streams.out, streams.err) == 0 ? ExitCode::kOk : ExitCode::kUsage;
  }
  return chosen_(streams);
}

}  // namespace aurora::tools
