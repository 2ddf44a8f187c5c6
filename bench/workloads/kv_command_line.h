// The options that every program of key-value workloads has: tools/bench.sh gives them.
#pragma once

#include <string>
#include <string_view>

#include "CLI/CLI.hpp"
#include "aurora/bench/workloads/report.h"

namespace aurora::bench {

struct KvCommandLine {
  KvCommandLine();

  // `app` must not outlive this. `quick_scale`: what --quick makes of the scale.
  void AddTo(CLI::App* app, double quick_scale);
  // `prefix`-`engine` in the directory, which is made.
  std::string DataDirectory(std::string_view prefix) const;
  // Writes the report where --json says, if it does: the exit code.
  int Finish(const Report& report) const;

  std::string engine = "Aurora";
  std::string json;
  std::string directory;
  double scale = 1;
  bool list_engines = false;
  bool quick = false;
  bool full = false;
};

}  // namespace aurora::bench
