#include "aurora/runtime/sleep.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/clock.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/loop_thread.h"
#include "aurora/runtime/task.h"

namespace aurora {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kForever = INT64_MAX;

std::int64_t Now() { return Clock::System().MonotonicNanos(); }

class SleepTest : public testing::Test {
 protected:
  LoopThread timers_{"timers", false};
};

TEST_F(SleepTest, APastDeadlineIsAnsweredAtOnce) {
  Task<absl::Status> sleep = SleepUntil(timers_.loop(), Now() - 1);
  EXPECT_TRUE(sleep.IsReady());
  EXPECT_TRUE(BlockOn(std::move(sleep)).ok());
}

TEST_F(SleepTest, AStopAlreadyRequestedIsAnsweredAtOnce) {
  std::stop_source stop;
  stop.request_stop();
  Task<absl::Status> sleep = SleepUntil(timers_.loop(), kForever, stop.get_token());
  EXPECT_TRUE(sleep.IsReady());
  EXPECT_EQ(BlockOn(std::move(sleep)).code(), absl::StatusCode::kCancelled);
}

Task<std::int64_t> SleepFor(EventLoop* timers, Executor* where, std::int64_t nanos) {
  Executor* const home = Executor::Current();
  co_await SwitchTo(*where);
  const std::int64_t deadline = Now() + nanos;
  const absl::Status status = co_await SleepUntil(*timers, deadline);
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(Executor::Current(), where);
  const std::int64_t late = Now() - deadline;
  co_await SwitchTo(*home);
  co_return late;
}

Task<std::int64_t> SleepHere(EventLoop* timers, std::int64_t nanos) {
  const std::int64_t deadline = Now() + nanos;
  const absl::Status status = co_await SleepUntil(*timers, deadline);
  EXPECT_TRUE(status.ok());
  co_return Now() - deadline;
}

TEST_F(SleepTest, WakesAtTheDeadlineOnALoop) {
  EXPECT_GE(BlockOn(SleepHere(&timers_.loop(), 2 * kMillisecond)), 0);
}

TEST_F(SleepTest, WakesAtTheDeadlineOnEveryKindOfExecutor) {
  LoopPool pool("pool", 2, true);
  LoopThread borrowed("borrowed", true);
  // A user's executor: a thread for each resumption.
  class UserThreads {
   public:
    void Run(ForwardingExecutor::Function function) {
      const std::lock_guard lock(mutex_);
      threads_.emplace_back([f = std::move(function)]() mutable { f(); });
    }
    // A Run may still be returning when the coroutine that it resumed has ended.
    ~UserThreads() {
      std::vector<std::jthread> threads;
      const std::lock_guard lock(mutex_);
      threads.swap(threads_);
    }

   private:
    std::mutex mutex_;
    std::vector<std::jthread> threads_;
  };
  UserThreads user;
  ForwardingExecutor forwarding(
      [&user](ForwardingExecutor::Function function) { user.Run(std::move(function)); });
  EXPECT_GE(BlockOn(SleepFor(&timers_.loop(), &timers_.loop(), kMillisecond)), 0);
  EXPECT_GE(BlockOn(SleepFor(&timers_.loop(), &borrowed.loop(), kMillisecond)), 0);
  EXPECT_GE(BlockOn(SleepFor(&timers_.loop(), &pool, kMillisecond)), 0);
  EXPECT_GE(BlockOn(SleepFor(&timers_.loop(), &forwarding, kMillisecond)), 0);
}

TEST_F(SleepTest, AStopFromAnotherThreadEndsTheSleep) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const absl::Status status = BlockOn(SleepUntil(timers_.loop(), kForever, stop.get_token()));
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
}

Task<absl::Status> SleepOn(EventLoop* timers, Executor* where, std::int64_t deadline,
                           std::stop_token stop) {
  Executor* const home = Executor::Current();
  co_await SwitchTo(*where);
  absl::Status status = co_await SleepUntil(*timers, deadline, stop);
  EXPECT_EQ(Executor::Current(), where);
  co_await SwitchTo(*home);
  co_return status;
}

// The stop meets the expiry as closely as it can be made to.
TEST_F(SleepTest, AStopThatRacesWithTheDeadlineGivesOneOrTheOther) {
  LoopPool pool("pool", 2, false);
  int stopped = 0;
  for (int i = 0; i < 600; ++i) {
    std::stop_source stop;
    const std::int64_t deadline = Now() + 60'000 + i % 50 * 2000;
    std::jthread stopper([&] {
      while (Now() < deadline) {
      }
      stop.request_stop();
    });
    const absl::Status status =
        BlockOn(SleepOn(&timers_.loop(), &pool, deadline, stop.get_token()));
    EXPECT_TRUE(status.ok() || absl::IsCancelled(status));
    stopped += status.ok() ? 0 : 1;
  }
  RecordProperty("stopped", stopped);
}

}  // namespace
}  // namespace aurora
