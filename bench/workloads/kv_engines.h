// The engines that the key-value workloads run on.
#pragma once

#include <string_view>
#include <vector>

#include "aurora/bench/workloads/kv_suite.h"

namespace aurora::bench {

std::vector<std::string_view> KvEngineNames();
// Null if none is called so.
KvOpener KvOpenerOf(std::string_view name);

}  // namespace aurora::bench
