#include "aurora/bench/workloads/kv_engines.h"

#include <cstdio>
#include <string>
#include <utility>

#include "aurora/bench/workloads/kv_engine.h"

namespace aurora::bench {
namespace {

constexpr std::pair<std::string_view, KvOpener> kEngines[] = {
    {"Aurora", OpenAurora}, {"RocksDB", OpenRocksDb}, {"LevelDB", OpenLevelDb}, {"LMDB", OpenLmdb}};

}  // namespace

void PrintKvEngineNames() {
  for (const auto& [name, open] : kEngines) std::printf("%s\n", std::string(name).c_str());
}

KvOpener KvOpenerOf(std::string_view name) {
  for (const auto& [each, open] : kEngines) {
    if (each == name) return open;
  }
  return nullptr;
}

int RefuseKvEngine(std::string_view name) {
  std::fprintf(stderr, "no engine is called '%s'; --list-engines names them\n",
               std::string(name).c_str());
  return 2;
}

}  // namespace aurora::bench
