#include "aurora/bench/workloads/kv_program.h"

#include <algorithm>
#include <cstdio>

#include "aurora/bench/workloads/kv_command_line.h"
#include "aurora/bench/workloads/kv_engines.h"

namespace aurora::bench {

int RunKvProgram(int argc, char** argv, const KvProgram& program) {
  KvCommandLine line;
  CLI::App app(program.about + " On one engine: tools/bench.sh " + program.suite +
               " runs all and compares them.");
  line.AddTo(&app, program.quick_scale);
  if (program.add_options) program.add_options(&app);
  CLI11_PARSE(app, argc, argv);
  if (line.list_engines) {
    for (const std::string& name : program.other_engines) std::printf("%s\n", name.c_str());
    PrintKvEngineNames(line.full);
    return 0;
  }
  KvSettings settings;
  settings.engine = line.engine;
  settings.open = KvOpenerOf(line.engine);
  settings.scale = line.quick ? line.scale * program.quick_scale : line.scale;
  settings.full = line.full;
  const auto& others = program.other_engines;
  if (settings.open == nullptr &&
      std::find(others.begin(), others.end(), line.engine) == others.end()) {
    return RefuseKvEngine(line.engine);
  }
  settings.directory = line.DataDirectory(program.suite);
  Report report;
  program.run(settings, &report);
  return line.Finish(report);
}

}  // namespace aurora::bench
