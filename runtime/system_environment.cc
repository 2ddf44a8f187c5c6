#include "aurora/runtime/system_environment.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "aurora/runtime/clock.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/io_uring_file_system.h"
#include "aurora/runtime/loop_thread.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/sleep.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/thread_file_system.h"

namespace aurora {
namespace {

class SystemEnvironment final : public Environment {
 public:
  SystemEnvironment(bool with_rings, int background_threads, int background_niceness)
      : background_threads_(background_threads),
        io_("aurora-io", with_rings),
        background_("aurora-bg", background_threads, with_rings, background_niceness),
        with_rings_(with_rings),
        background_niceness_(background_niceness) {}

  absl::Status OpenFiles(bool with_rings) {
    if (!with_rings) {
      files_ = MakeThreadFileSystem();
      return absl::OkStatus();
    }
    AURORA_ASSIGN_OR_RETURN(files_, MakeIoUringFileSystem(io_.loop()));
    return absl::OkStatus();
  }

  const Clock& clock() const override { return Clock::System(); }
  Random& random() override { return Random::System(); }
  FileSystem& files() override { return *files_; }
  Executor& background() override { return background_; }
  int background_threads() const override { return background_threads_; }
  Executor& io() override { return io_.loop(); }
  Executor& observers() override {
    std::call_once(observers_made_, [this] {
      observers_ = std::make_unique<LoopPool>("aurora-watch", 1, with_rings_, background_niceness_);
    });
    return *observers_;
  }

  AURORA_TASK_WRAPPER Task<absl::Status> SleepUntil(std::int64_t deadline_nanos,
                                                    std::stop_token stop) override {
    return aurora::SleepUntil(io_.loop(), deadline_nanos, std::move(stop));
  }

 private:
  const int background_threads_;
  LoopThread io_;
  LoopPool background_;
  const bool with_rings_;
  const int background_niceness_;
  std::once_flag observers_made_;
  std::unique_ptr<LoopPool> observers_;  // null until somebody is to be told of something
  std::unique_ptr<FileSystem> files_;    // uses io_
};

int BackgroundThreads(int asked_for) {
  if (asked_for > 0) return asked_for;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / 2);
}

}  // namespace

absl::StatusOr<std::shared_ptr<Environment>> MakeSystemEnvironment(
    const SystemEnvironmentOptions& options) {
  using Backend = SystemEnvironmentOptions::FileBackend;
  if (options.background_threads < 0) {
    return InvalidArgumentError("background_threads is ", options.background_threads,
                                ": it must be positive, or 0 for half of the processors");
  }
  if (options.background_niceness < 0 || options.background_niceness > 19) {
    return InvalidArgumentError("background_niceness is ", options.background_niceness,
                                ": it must be from 0 to 19");
  }
  bool with_rings = false;
  if (options.file_backend != Backend::kThreads) {
    const absl::Status available = IoUringAvailable();
    if (!available.ok() && options.file_backend == Backend::kIoUring) return available;
    with_rings = available.ok();
  }
  auto environment = std::make_shared<SystemEnvironment>(
      with_rings, BackgroundThreads(options.background_threads), options.background_niceness);
  AURORA_RETURN_IF_ERROR(environment->OpenFiles(with_rings));
  return environment;
}

}  // namespace aurora
