// What redb's authors have published of the workloads of redb_bench.
#pragma once

#include "aurora/bench/workloads/report.h"

namespace aurora::bench {

// A row for each figure, of engines that are named "redb (published)" and so on. They come from
// other hardware, so a ratio to them says little of the engines.
void AddPublishedRedbFigures(Report* report);

}  // namespace aurora::bench
