// The machine, as the database sees it: everything above runtime/ reaches time, threads, randomness
// and files through an Environment and nothing else. So a simulated one (simulation/simulation.h)
// runs the very same database code, single-threaded, from a seed.
#pragma once

#include <cstdint>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aurora/runtime/clock.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/task.h"

namespace aurora {

// Safe from every thread. Outlives everything that was given it.
class Environment {
 public:
  virtual ~Environment() = default;

  virtual const Clock& clock() const = 0;
  virtual Random& random() = 0;
  virtual FileSystem& files() = 0;

  // Where background work (flush, compaction, housekeeping) runs. Its coroutines may use the
  // processor for milliseconds at a time between awaits; nobody's latency depends on it.
  virtual Executor& background() = 0;
  // How many coroutines can run on it at once; at least 1.
  virtual int background_threads() const = 0;

  // Where the log's I/O is driven when no waiting thread does it itself. Coroutines on it only
  // submit, reap and post: never user code, never more than microseconds between awaits.
  virtual Executor& io() = 0;

  // Where those are called who are told of what happens: code of the program's, which may take its
  // time and may block. Nothing of the database waits for it.
  virtual Executor& observers() = 0;

  // Suspends the caller until `deadline` of clock().MonotonicNanos(), or until a stop is requested:
  // then Cancelled.
  virtual Task<absl::Status> SleepUntil(std::int64_t deadline_nanos, std::stop_token stop = {}) = 0;
  AURORA_TASK_WRAPPER Task<absl::Status> Sleep(absl::Duration duration, std::stop_token stop = {});
};

}  // namespace aurora
