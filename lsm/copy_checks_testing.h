// What the simulated tests of checkpoints and of backups have in common: a writer beside the
// copying, and the question whether a copy is a database of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// The commits of which a copy must hold the first and may hold the others.
struct CommitSpan {
  std::size_t first = 0;
  std::size_t last = 0;
};

// Everything that could pull a file away from under a copy: commits, flushes, a compaction.
Task<absl::Status> WriteAndCompact(StoreModel* model, int rounds);

// Runs `copying` beside such a writer; the result is that of `copying`, unless the writer failed.
absl::Status RunBesideWriter(Simulation* simulation, StoreModel* model, Task<absl::Status> copying,
                             int rounds);

// Opens the copy of `history` in `directory`, checks it, writes to it until its files have been
// replaced, checks it again and closes it.
absl::Status CheckCopy(Simulation* simulation, const StoreModel& history, std::string directory,
                       std::uint64_t seed, CommitSpan span);

// Closes the model's store if it is open; the first error of the two.
absl::Status ConcludeRun(Simulation* simulation, StoreModel* model, absl::Status status);

}  // namespace aurora::lsm
