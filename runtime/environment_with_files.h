// An Environment but for its files, which are others.
#pragma once

#include <cstdint>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "aurora/runtime/clock.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/task.h"

namespace aurora {

// Safe from every thread.
class EnvironmentWithFiles final : public Environment {
 public:
  // Both must outlive it.
  EnvironmentWithFiles(Environment& environment, FileSystem& files)
      : environment_(environment), files_(files) {}

  const Clock& clock() const override { return environment_.clock(); }
  Random& random() override { return environment_.random(); }
  FileSystem& files() override { return files_; }
  Executor& background() override { return environment_.background(); }
  int background_threads() const override { return environment_.background_threads(); }
  Executor& io() override { return environment_.io(); }
  Executor& observers() override { return environment_.observers(); }
  AURORA_TASK_WRAPPER Task<absl::Status> SleepUntil(std::int64_t deadline_nanos,
                                                    std::stop_token stop) override {
    return environment_.SleepUntil(deadline_nanos, std::move(stop));
  }

 private:
  Environment& environment_;
  FileSystem& files_;
};

}  // namespace aurora
