#include "aurora/runtime/executor.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/event.h"
#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/loop_thread.h"
#include "aurora/runtime/spawn.h"
#include "aurora/runtime/task.h"

namespace aurora {
namespace {

// A user's scheduler: functions that are run by hand.
class HandPumped {
 public:
  HandPumped()
      : executor_([this](ForwardingExecutor::Function function) {
          functions_.push_back(std::move(function));
        }) {}
  ForwardingExecutor& executor() { return executor_; }
  int Pump() {
    int count = 0;
    for (; !functions_.empty(); ++count) {
      ForwardingExecutor::Function function = std::move(functions_.front());
      functions_.pop_front();
      function();
    }
    return count;
  }

 private:
  std::deque<ForwardingExecutor::Function> functions_;
  ForwardingExecutor executor_;
};

Task<void> LogTwice(Executor* expected, int id, std::vector<int>* log) {
  EXPECT_EQ(Executor::Current(), expected);
  log->push_back(id);
  co_await Yield();
  EXPECT_EQ(Executor::Current(), expected);
  log->push_back(id);
}

TEST(ForwardingExecutorTest, RunsCoroutinesThroughTheUsersScheduler) {
  HandPumped user;
  std::vector<int> log;
  Spawn(user.executor(), LogTwice(&user.executor(), 1, &log), [] {});
  Spawn(user.executor(), LogTwice(&user.executor(), 2, &log), [] {});
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(user.Pump(), 4);
  EXPECT_EQ(log, (std::vector<int>{1, 2, 1, 2}));
  EXPECT_EQ(Executor::Current(), nullptr);
}

Task<void> WaitFor(Event* event, Executor* expected) {
  co_await event->Wait();
  EXPECT_EQ(Executor::Current(), expected);
}

TEST(ForwardingExecutorTest, ACoroutineComesBackToItWhoeverWakesIt) {
  HandPumped user;
  Event event;
  bool done = false;
  Spawn(user.executor(), WaitFor(&event, &user.executor()), [&] { done = true; });
  EXPECT_EQ(user.Pump(), 1);
  std::thread([&] { event.Set(); }).join();
  EXPECT_FALSE(done);
  EXPECT_EQ(user.Pump(), 1);
  EXPECT_TRUE(done);
}

TEST(EventLoopTest, APumpedLoopResumesInTheOrderOfPosting) {
  EventLoop loop(false);
  std::vector<int> log;
  for (int id = 0; id < 3; ++id) Spawn(loop, LogTwice(&loop, id, &log), [] {});
  EXPECT_EQ(loop.RunReady(), 6u);
  EXPECT_EQ(log, (std::vector<int>{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(loop.RunReady(), 0u);
}

Task<void> YieldUntil(const bool* stop) {
  while (!*stop) co_await Yield();
}

TEST(EventLoopTest, OneRunReadyEndsEvenIfThereIsAlwaysMoreToDo) {
  EventLoop loop(false);
  bool stop = false;
  Spawn(loop, YieldUntil(&stop), [] {});
  EXPECT_LE(loop.RunReady(), EventLoop::kMaxResumesPerRunReady);
  stop = true;
  loop.RunReady();
}

Task<std::vector<Executor*>> VisitAll(std::vector<Executor*> executors) {
  Executor* const home = Executor::Current();
  std::vector<Executor*> seen;
  for (Executor* executor : executors) {
    co_await SwitchTo(*executor);
    seen.push_back(Executor::Current());
    co_await SwitchTo(*executor);  // already there: not suspended
  }
  co_await SwitchTo(*home);
  co_return seen;
}

TEST(SwitchToTest, GoesWhereItIsTold) {
  LoopThread a("a", false);
  LoopPool b("b", 2, true);
  const std::vector<Executor*> executors = {&a.loop(), &b, &a.loop()};
  EXPECT_EQ(BlockOn(VisitAll(executors)), executors);
}

TEST(LoopThreadDeathTest, CannotBeEndedByACoroutineThatItRuns) {
  struct Body {
    static Task<void> Run(LoopThread* thread) {
      delete thread;
      co_return;
    }
  };
  EXPECT_DEATH(
      {
        auto* thread = new LoopThread("self", false);
        Spawn(thread->loop(), Body::Run(thread), [] {});
        pause();
      },
      "cannot end itself");
}

}  // namespace
}  // namespace aurora
