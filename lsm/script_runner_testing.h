// Runs a script (store_script_testing.h) on a real store: with any options, on any machine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_script_testing.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// Where a script runs.
class ScriptMachine {
 public:
  virtual ~ScriptMachine() = default;
  virtual Environment& environment() = 0;
  // Of the database; may be another one after a Crash.
  virtual std::string directory() = 0;
  virtual absl::Status Run(Task<absl::Status> task) = 0;
  // Ends the process as a crash would, at a moment when everything has been synced and nothing is
  // going on. `close` closes what is left of the store.
  virtual absl::Status Crash(Task<absl::Status> close) = 0;
};

// A simulated machine of its own. Everything follows from the seed.
std::unique_ptr<ScriptMachine> MakeSimulatedMachine(std::uint64_t seed);
// Real files in `root`, an existing empty directory. `environment` must outlive it. A crash is
// imitated by going on with a copy of the database that was made while it was open.
std::unique_ptr<ScriptMachine> MakeRealMachine(Environment* environment, std::string root);

// Options of a store that must not change an answer, all drawn.
StoreOptions DrawStoreOptions(std::uint64_t seed);
std::string Show(const StoreOptions& options);

// Runs the script on a new store with `options` (directory and merge operators aside). Internal,
// with the step and both answers, at the first answer that is not the expected one; an error of the
// store is reported so too.
absl::Status RunScript(const Script& script, const StoreOptions& options, ScriptMachine* machine);

// Draws a script of `steps` steps and runs it with `option_sets` drawn sets of options, each in a
// simulation. A violation names the seed, the options, and the shortest script that shows it, or
// without `shrink`, which may take a minute, nothing of the script.
absl::Status RunMetamorphic(std::uint64_t seed, std::size_t steps, int option_sets,
                            bool shrink = true);

}  // namespace aurora::lsm
