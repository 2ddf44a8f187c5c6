// The key-value workloads on one engine. tools/bench.sh kv runs this for each engine and compares.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "CLI/CLI.hpp"
#include "aurora/bench/workloads/kv_command_line.h"
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
  KvCommandLine line;
  bool die = false;
  CLI::App app("Key-value workloads on one engine. tools/bench.sh kv runs all and compares them.");
  line.AddTo(&app, "a tenth of the work");
  app.add_flag("--overwrite-and-die", die)->group("");
  CLI11_PARSE(app, argc, argv);
  if (line.list_engines) {
    std::printf("%s\n", std::string(kDevice).c_str());
    PrintKvEngineNames();
    return 0;
  }
  KvSettings settings;
  settings.scale = line.quick ? 0.1 : line.scale;
  settings.directory = line.DataDirectory("kv");
  settings.open = KvOpenerOf(line.engine);
  settings.overwrite_and_die = [&] { RunAndDie(argc, argv, "--overwrite-and-die"); };

  Report report;
  if (line.engine == kDevice) {
    RunRawDevice(settings, &report);
  } else if (settings.open == nullptr) {
    return RefuseKvEngine(line.engine);
  } else if (die) {
    OverwriteAndDie(settings);
  } else {
    RunKvSuite(settings, &report);
  }
  return line.Finish(report);
}

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) { return aurora::bench::Main(argc, argv); }
