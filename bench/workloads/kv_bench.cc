// The key-value workloads on one engine. tools/bench.sh kv runs this for each engine and compares.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "CLI/CLI.hpp"
#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/kv_engines.h"
#include "aurora/bench/workloads/kv_suite.h"
#include "aurora/bench/workloads/report.h"

namespace aurora::bench {
namespace {

constexpr std::string_view kDevice = "device";

// Runs this program anew with one more argument, and sees to it that it dies by SIGKILL. Not after
// fork() alone: a child would have what is left of the engine, without its threads.
void RunAndDie(int argc, char** argv, const char* more) {
  std::vector<char*> arguments(argv, argv + argc);
  arguments.push_back(const_cast<char*>(more));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execv("/proc/self/exe", arguments.data());
    ::_exit(127);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFSIGNALED(status) ||
      WTERMSIG(status) != SIGKILL) {
    KvFail(argv[0], more, "the process that was to die by SIGKILL ended otherwise");
  }
}

int Main(int argc, char** argv) {
  std::string engine = "Aurora";
  std::string json;
  std::string directory = (std::filesystem::temp_directory_path() / "aurora-bench").string();
  bool list = false, quick = false, die = false;
  KvSettings settings;
  CLI::App app("Key-value workloads on one engine. tools/bench.sh kv runs all and compares them.");
  app.add_flag("--list-engines", list, "print the engines' names and exit");
  app.add_option("--engine", engine, "the engine to run");
  app.add_option("--json", json, "also write the results to this file");
  app.add_option("--directory", directory,
                 "where the data goes; a subdirectory of its own is used");
  app.add_option("--scale", settings.scale, "what share of the work to do, in (0, 1]")
      ->check(CLI::Range(1e-6, 1.0));
  app.add_flag("--quick", quick, "a tenth of the work: to see that it runs, not for figures");
  app.add_flag("--overwrite-and-die", die)->group("");
  CLI11_PARSE(app, argc, argv);
  if (list) {
    std::printf("%s\n", std::string(kDevice).c_str());
    for (const std::string_view name : KvEngineNames()) {
      std::printf("%s\n", std::string(name).c_str());
    }
    return 0;
  }
  if (quick) settings.scale = 0.1;
  std::filesystem::create_directories(directory);
  settings.directory = (std::filesystem::path(directory) / ("kv-" + engine)).string();
  settings.open = KvOpenerOf(engine);
  settings.overwrite_and_die = [&] { RunAndDie(argc, argv, "--overwrite-and-die"); };

  Report report;
  if (engine == kDevice) {
    RunRawDevice(settings, &report);
  } else if (settings.open == nullptr) {
    std::fprintf(stderr, "no engine is called '%s'; --list-engines names them\n", engine.c_str());
    return 2;
  } else if (die) {
    OverwriteAndDie(settings);
  } else {
    RunKvSuite(settings, &report);
  }
  if (!json.empty() && !report.WriteJson(json)) {
    std::fprintf(stderr, "cannot write %s\n", json.c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) { return aurora::bench::Main(argc, argv); }
