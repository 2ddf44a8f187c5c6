// The real machine as an Environment.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "aurora/runtime/environment.h"

namespace aurora {

struct SystemEnvironmentOptions {
  enum class FileBackend {
    kBest,     // io_uring where it is to be had, else threads; files().name() tells
    kIoUring,  // or fail
    kThreads,
  };
  FileBackend file_backend = FileBackend::kBest;
  // Threads for background work. 0: half of the processors, at least one.
  int background_threads = 0;
  // How much nicer (nice(2)) the background threads are than the thread that makes the environment,
  // 0 to 19: where processors are short, those who use the database come first. Whoever relies on
  // background work has to take the pace that it then has.
  int background_niceness = 10;
};

// Starts the threads: one for I/O ("aurora-io") and those for background work ("aurora-bg-0", ...);
// that of the observers ("aurora-watch-0") once it is needed.
// They end when the last reference goes, which must happen on another thread than these, and after
// all work on them has ended (both checked).
absl::StatusOr<std::shared_ptr<Environment>> MakeSystemEnvironment(
    const SystemEnvironmentOptions& options = {});

}  // namespace aurora
