// The document workloads on one engine. tools/bench.sh documents runs this for each engine and
// compares.
#include <cstdio>
#include <string>
#include <string_view>

#include "CLI/CLI.hpp"
#include "aurora/bench/workloads/document_engine.h"
#include "aurora/bench/workloads/document_original.h"
#include "aurora/bench/workloads/document_suite.h"
#include "aurora/bench/workloads/kv_command_line.h"
#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/kv_engines.h"
#include "aurora/bench/workloads/kv_workload.h"
#include "aurora/bench/workloads/report.h"

namespace aurora::bench {
namespace {

constexpr std::string_view kPublished = "original";
constexpr std::string_view kRaw = "LMDB";
constexpr double kQuickScale = 0.1;

struct NamedDocumentEngine {
  std::string_view name;
  DocumentOpener open;
  bool in_full_only = false;
};
constexpr NamedDocumentEngine kEngines[] = {
    {"Aurora", OpenAuroraDocuments},
    {"SQLite", OpenSqliteDocuments},
    {"SQLite-compound", OpenSqliteDocumentsCompound, true},
    {"Aurora-default", OpenAuroraDocumentsAtDefaults, true},
    {"SQLite-default", OpenSqliteDocumentsAtDefaults, true},
};

void PrintEngineNames(bool full) {
  std::printf("%s\n%s\n", std::string(kPublished).c_str(), std::string(kRaw).c_str());
  for (const NamedDocumentEngine& engine : kEngines) {
    if (full || !engine.in_full_only) std::printf("%s\n", std::string(engine.name).c_str());
  }
}

void Run(const KvSettings& settings, DocumentOpener open, Report* report) {
  RunDocumentSuite(settings, open, report);
  RunOriginalWorkloads(settings, open, report);
  if (settings.full) RunDocumentGrowth(settings, open, report);
}

int Main(int argc, char** argv) {
  KvCommandLine line;
  CLI::App app(
      "Document workloads. On one engine: tools/bench.sh documents runs all and compares them.");
  line.AddTo(&app, kQuickScale);
  CLI11_PARSE(app, argc, argv);
  if (line.list_engines) return PrintEngineNames(line.full), 0;
  KvSettings settings;
  settings.engine = line.engine;
  settings.scale = line.quick ? line.scale * kQuickScale : line.scale;
  settings.full = line.full;
  settings.directory = line.DataDirectory("documents");
  Report report;
  if (line.engine == kPublished) {
    AddOriginalFigures(&report);
    return line.Finish(report);
  }
  if (line.engine == kRaw) {
    settings.open = KvOpenerOf(kRaw);
    RunRawGets(settings, &report);
    return line.Finish(report);
  }
  for (const NamedDocumentEngine& engine : kEngines) {
    if (engine.name != line.engine) continue;
    Run(settings, engine.open, &report);
    return line.Finish(report);
  }
  return RefuseKvEngine(line.engine);
}

}  // namespace
}  // namespace aurora::bench

int main(int argc, char** argv) { return aurora::bench::Main(argc, argv); }
