// For tests: runs coroutines on a loop of their own by hand, so that a test sees every step.
#pragma once

#include <atomic>
#include <utility>

#include "absl/status/status.h"
#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/spawn.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora {

// Not thread-safe, but that other threads may post to loop(). Finish must be called.
class Stepper {
 public:
  // Runs `task` as far as it goes.
  template <class T>
  void Start(Task<T> task) {
    group_.Spawn(loop_, std::move(task));
    Step();
  }
  // Runs everything that is ready.
  void Step() { loop_.RunReady(); }

  // Runs until every task has ended: the first error.
  absl::Status Finish() {
    absl::Status status;
    std::atomic<bool> done{false};
    Spawn(loop_, Join(&group_), [&](absl::Status result) {
      status = std::move(result);
      done = true;
    });
    loop_.RunUntil(done);
    return status;
  }

  EventLoop& loop() { return loop_; }

 private:
  static Task<absl::Status> Join(TaskGroup* group) {
    absl::Status status = co_await group->Join();
    co_return status;
  }

  EventLoop loop_{false};
  TaskGroup group_;
};

}  // namespace aurora
