// The key-value workloads, run on one engine. What each row means: docs/benchmarks.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/report.h"

namespace aurora::bench {

using KvOpener = std::unique_ptr<KvEngine> (*)(const KvOptions&);

struct KvSettings {
  KvOpener open = nullptr;
  std::string directory;  // made, used and removed
  // Of everything, what share is done: 1 for figures, less to see that it runs.
  double scale = 1;
  // Runs OverwriteAndDie(settings) in a process of its own, and returns when that has ended.
  std::function<void()> overwrite_and_die;

  std::uint64_t Scaled(std::uint64_t count) const {
    const auto scaled = static_cast<std::uint64_t>(static_cast<double>(count) * scale);
    return scaled > 0 ? scaled : 1;
  }
};

// Runs the workloads one after another: each finds the data that those before it left.
void RunKvSuite(const KvSettings& settings, Report* report);

// Opens the engine on the data of `settings.directory`, overwrites as many keys as fit the memtable
// and kills this process.
[[noreturn]] void OverwriteAndDie(const KvSettings& settings);

// Adds the rows of the bare device: synced writes of one block into a recycled file.
void RunRawDevice(const KvSettings& settings, Report* report);

}  // namespace aurora::bench
