// The key-value workloads on one engine. tools/bench.sh kv runs this for each engine and compares.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "CLI/CLI.hpp"
#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/kv_program.h"
#include "aurora/bench/workloads/kv_suite.h"
#include "aurora/bench/workloads/kv_workload.h"
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
  bool die = false;
  KvProgram program;
  program.suite = "kv";
  program.about = "Key-value workloads.";
  program.other_engines = {std::string(kDevice)};
  program.add_options = [&](CLI::App* app) {
    app->add_flag("--overwrite-and-die", die)->group("");
  };
  program.run = [&](const KvSettings& settings, Report* report) {
    if (settings.engine == kDevice) {
      RunRawDevice(settings, report);
    } else if (die) {
      OverwriteAndDie(settings);
    } else {
      RunKvSuite(settings, [&] { RunAndDie(argc, argv, "--overwrite-and-die"); }, report);
    }
  };
  return RunKvProgram(argc, argv, program);
}

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) { return aurora::bench::Main(argc, argv); }
