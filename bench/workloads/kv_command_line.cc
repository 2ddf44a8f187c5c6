#include "aurora/bench/workloads/kv_command_line.h"

#include <cstdio>
#include <filesystem>

namespace aurora::bench {

KvCommandLine::KvCommandLine()
    : directory((std::filesystem::temp_directory_path() / "aurora-bench").string()) {}

void KvCommandLine::AddTo(CLI::App* app, double quick_scale) {
  app->add_flag("--list-engines", list_engines, "print the engines' names and exit");
  app->add_option("--engine", engine, "the engine to run");
  app->add_option("--json", json, "also write the results to this file");
  app->add_option("--directory", directory,
                  "where the data goes; a subdirectory of its own is used");
  app->add_option("--scale", scale, "what share of the work to do, in (0, 1]")
      ->check(CLI::Range(1e-6, 1.0));
  char means[96];
  std::snprintf(means, sizeof means, "%g of the work: to see that it runs, not for figures",
                quick_scale);
  app->add_flag("--quick", quick, means);
  app->add_flag("--full", full,
                "the longest rows too, and list the engines with their own defaults");
}

std::string KvCommandLine::DataDirectory(std::string_view prefix) const {
  std::filesystem::create_directories(directory);
  return (std::filesystem::path(directory) / (std::string(prefix) + "-" + engine)).string();
}

int KvCommandLine::Finish(const Report& report) const {
  if (json.empty() || report.WriteJson(json)) return 0;
  std::fprintf(stderr, "cannot write %s\n", json.c_str());
  return 1;
}

}  // namespace aurora::bench
