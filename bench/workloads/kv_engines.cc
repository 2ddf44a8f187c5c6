#include "aurora/bench/workloads/kv_engines.h"

#include <cstdio>
#include <string>

#include "aurora/bench/workloads/kv_engine.h"

namespace aurora::bench {
namespace {

struct NamedEngine {
  std::string_view name;
  KvOpener open;
  bool at_defaults = false;
};
constexpr NamedEngine kEngines[] = {
    {"Aurora", OpenAurora},
    {"RocksDB", OpenRocksDb},
    {"LevelDB", OpenLevelDb},
    {"LMDB", OpenLmdb},
    {"Aurora-default", OpenAuroraAtDefaults, true},
    {"RocksDB-default", OpenRocksDbAtDefaults, true},
    {"LevelDB-default", OpenLevelDbAtDefaults, true},
};

}  // namespace

void PrintKvEngineNames(bool with_defaults) {
  for (const NamedEngine& engine : kEngines) {
    if (engine.at_defaults && !with_defaults) continue;
    std::printf("%s\n", std::string(engine.name).c_str());
  }
}

KvOpener KvOpenerOf(std::string_view name) {
  for (const NamedEngine& engine : kEngines) {
    if (engine.name == name) return engine.open;
  }
  return nullptr;
}

int RefuseKvEngine(std::string_view name) {
  std::fprintf(stderr, "no engine is called '%s'; --list-engines names them\n",
               std::string(name).c_str());
  return 2;
}

}  // namespace aurora::bench
