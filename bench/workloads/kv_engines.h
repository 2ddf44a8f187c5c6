// The engines that the key-value workloads run on.
#pragma once

#include <string_view>

#include "aurora/bench/workloads/kv_engine.h"

namespace aurora::bench {

// A line for each. `with_defaults`: those too that run with their own defaults.
void PrintKvEngineNames(bool with_defaults);
// Null if none is called so.
KvOpener KvOpenerOf(std::string_view name);
// Says on the error stream that it is none: the exit code.
int RefuseKvEngine(std::string_view name);

}  // namespace aurora::bench
