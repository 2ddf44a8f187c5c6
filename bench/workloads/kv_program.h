// A program of key-value workloads: its command line, and the engine that it runs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "aurora/bench/workloads/kv_workload.h"
#include "aurora/bench/workloads/report.h"

namespace aurora::bench {

struct KvProgram {
  std::string suite;         // tools/bench.sh calls it so
  std::string about;         // a sentence of --help
  double quick_scale = 0.1;  // what --quick makes of the scale
  // Names that may be given as engines and are none of kv_engines.h: a device, figures of others.
  std::vector<std::string> other_engines;
  // Runs settings.engine, which is open or one of other_engines.
  std::function<void(const KvSettings& settings, Report* report)> run;
  // What the command line has besides.
  std::function<void(CLI::App* app)> add_options;
};

// The exit code.
int RunKvProgram(int argc, char** argv, const KvProgram& program);

}  // namespace aurora::bench
