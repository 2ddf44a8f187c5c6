// The subcommands of a program such as aurora-tool, and what such a program returns to the shell.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

#include "aurora/tools/terminal.h"

namespace aurora::tools {

// What aurora-tool returns to the shell. Scripts rely on the numbers. kExitCodeHelp tells users.
enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,   // The command ran and could not do its work; the reason is on the error stream.
  kUsage = 2,    // The command line made no sense; nothing was touched.
  kDamaged = 3,  // The database is damaged; the error says where.
  kRefused = 4,  // The database cannot be opened: it is open elsewhere, of another version, not
                 // permitted, or not a database.
  kPartial = 5,  // Some of the work was done; the error stream says what was not.
  // As a shell reports what these signals ended: the work stopped early, and says how far it came.
  kInterrupted = 130,  // SIGINT
  kTerminated = 143,   // SIGTERM
};

inline constexpr const char* kExitCodeHelp =
    "Exit codes:\n"
    "  0    done\n"
    "  1    failed; the reason is on the error stream\n"
    "  2    the command line makes no sense; nothing was touched\n"
    "  3    the database is damaged; the error says where\n"
    "  4    the database cannot be opened: in use, of another version, no permission, or none\n"
    "  5    done in part; the error stream says what was left out\n"
    "  130  stopped by Ctrl-C (143: by SIGTERM), after saying how far it came\n";

// Where a command writes: its result to `out`, everything else to `err`.
struct Streams {
  std::ostream& out;
  std::ostream& err;
  Terminal out_terminal{};
  Terminal err_terminal{};
};

// The subcommands of one program. Not thread-safe.
//
// A command lives in tools/commands/<name>.cc and has one function that adds it:
//
//   void AddStats(CommandLine& line) {
//     auto path = std::make_shared<std::string>();
//     CLI::App& app = line.Add("stats", "Shows sizes and counters", [path](Streams streams) {
//       return PrintStats(*path, streams);
//     });
//     app.add_option("database", *path, "The directory of the database")->required();
//     app.footer("Example:\n  aurora-tool stats shop.aurora");
//   }
//
// The list in tools/aurora_tool.cc names that function. What the options write to must live as long
// as the action: hence the shared_ptr that the action holds.
class CommandLine {
 public:
  using Action = std::function<ExitCode(Streams)>;
  using AddCommand = void (*)(CommandLine&);

  // `version` is what --version prints after the program's name.
  CommandLine(std::string program, std::string_view version, std::string description);

  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // Adds a subcommand. The result is where its options go; it lives as long as this object.
  // `action` runs after the whole command line was understood, and only if the command was chosen.
  CLI::App& Add(std::string name, std::string description, Action action);

  // Parses and runs. Help and version are results; what is wrong with the command line goes to
  // streams.err with a hint. The arguments do not include the program's name.
  ExitCode Run(std::span<const std::string_view> arguments, Streams streams);

 private:
  CLI::App app_;
  Action chosen_;
};

}  // namespace aurora::tools
