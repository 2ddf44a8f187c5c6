// The key-value workloads, run on one engine. What each row means: docs/benchmarks.md.
#pragma once

#include <functional>

#include "aurora/bench/workloads/kv_workload.h"
#include "aurora/bench/workloads/report.h"

namespace aurora::bench {

// Runs the workloads one after another: each finds the data that those before it left.
// `overwrite_and_die` runs OverwriteAndDie(settings) in a process of its own, and returns when that
// has ended.
void RunKvSuite(const KvSettings& settings, const std::function<void()>& overwrite_and_die,
                Report* report);

// Puts, overwrites, settling, gets and scans of values of several sizes.
void RunValuesSuite(const KvSettings& settings, Report* report);

// Opens the engine on the data of `settings.directory`, overwrites as many keys as fit the memtable
// and kills this process.
[[noreturn]] void OverwriteAndDie(const KvSettings& settings);

// Adds the rows of the bare device: synced writes of one block into a recycled file.
void RunRawDevice(const KvSettings& settings, Report* report);

}  // namespace aurora::bench
