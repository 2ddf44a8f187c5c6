#include "aurora/bench/workloads/kv_engines.h"

#include <utility>

#include "aurora/bench/workloads/kv_engine.h"

namespace aurora::bench {
namespace {

constexpr std::pair<std::string_view, KvOpener> kEngines[] = {
    {"Aurora", OpenAurora}, {"RocksDB", OpenRocksDb}, {"LevelDB", OpenLevelDb}, {"LMDB", OpenLmdb}};

}  // namespace

std::vector<std::string_view> KvEngineNames() {
  std::vector<std::string_view> names;
  for (const auto& [name, open] : kEngines) names.push_back(name);
  return names;
}

KvOpener KvOpenerOf(std::string_view name) {
  for (const auto& [each, open] : kEngines) {
    if (each == name) return open;
  }
  return nullptr;
}

}  // namespace aurora::bench
