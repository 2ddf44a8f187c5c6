#include "aurora/runtime/task_group.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "absl/status/status.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/event.h"
#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/loop_thread.h"
#include "aurora/runtime/spawn.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/stepper_testing.h"
#include "aurora/runtime/task.h"

namespace aurora {
namespace {

Task<absl::Status> Join(TaskGroup* group) {
  absl::Status status = co_await group->Join();
  co_return status;
}

Task<void> CountUp(std::atomic<int>* counter, int yields) {
  for (int i = 0; i < yields; ++i) co_await Yield();
  counter->fetch_add(1);
}

Task<absl::Status> SpawnMany(Executor* executor, int count, std::atomic<int>* counter) {
  TaskGroup group;
  for (int round = 0; round < 2; ++round) {  // a group can be used again
    for (int i = 0; i < count; ++i) group.Spawn(*executor, CountUp(counter, i % 5));
    absl::Status status = co_await group.Join();
    EXPECT_EQ(counter->load(), (round + 1) * count);
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

TEST(TaskGroupTest, JoinWaitsForEveryTaskOnEveryKindOfExecutor) {
  LoopPool pool("pool", 3, false);
  std::atomic<int> counter{0};
  EXPECT_TRUE(BlockOn(SpawnMany(&pool, 500, &counter)).ok());
  Stepper stepper;
  counter = 0;
  stepper.Start(SpawnMany(&stepper.loop(), 500, &counter));
  EXPECT_TRUE(stepper.Finish().ok());
}

Task<absl::Status> FailAfter(Event* event, absl::Status status) {
  co_await event->Wait();
  co_return status;
}

TEST(TaskGroupTest, JoinReturnsTheFirstErrorInTime) {
  Stepper stepper;
  Event first, second;
  stepper.Start(FailAfter(&first, InternalError("spawned first")));
  stepper.Start(FailAfter(&second, AbortedError("failed first")));
  second.Set();
  stepper.Step();
  first.Set();
  EXPECT_EQ(stepper.Finish().code(), absl::StatusCode::kAborted);
}

TEST(TaskGroupTest, AReadyTaskIsRecordedWithoutRunningAnything) {
  EventLoop loop(false);
  TaskGroup group;
  group.Spawn(loop, Task<void>());
  group.Spawn(loop, Task<absl::Status>(absl::OkStatus()));
  group.Spawn(loop, Task<absl::Status>(NotFoundError("ready")));
  EXPECT_EQ(loop.RunReady(), 0u);
  EXPECT_EQ(BlockOn(Join(&group)).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(BlockOn(Join(&group)).ok());
}

Task<void> Throw() {
  co_await Yield();
  throw std::runtime_error("thrown");
}

Task<absl::Status> SpawnThrowing(std::atomic<int>* counter) {
  TaskGroup group;
  group.Spawn(*Executor::Current(), Throw());
  group.Spawn(*Executor::Current(), CountUp(counter, 3));
  absl::Status status = co_await group.Join();
  co_return status;
}

TEST(TaskGroupTest, JoinRethrowsOnceEveryTaskHasEnded) {
  std::atomic<int> counter{0};
  EXPECT_THROW(BlockOn(SpawnThrowing(&counter)).IgnoreError(), std::runtime_error);
  EXPECT_EQ(counter.load(), 1);
}

Task<void> Nest(TaskGroup* group, int depth, std::atomic<int>* counter) {
  counter->fetch_add(1);
  if (depth > 0) {
    group->Spawn(*Executor::Current(), Nest(group, depth - 1, counter));
    group->Spawn(*Executor::Current(), Nest(group, depth - 1, counter));
  }
  co_return;
}

TEST(TaskGroupTest, ATaskMaySpawnIntoItsOwnGroup) {
  LoopPool pool("pool", 2, false);
  TaskGroup group;
  std::atomic<int> counter{0};
  group.Spawn(pool, Nest(&group, 8, &counter));
  EXPECT_TRUE(BlockOn(Join(&group)).ok());
  EXPECT_EQ(counter.load(), (1 << 9) - 1);
}

Task<absl::Status> HoldWeakly(std::shared_ptr<int> value) {
  co_await Yield();
  co_return *value == 1 ? absl::OkStatus() : InternalError("not 1");
}

TEST(TaskGroupTest, WhatATaskHeldIsFreedBeforeJoinReturns) {
  LoopThread thread("worker", false);
  for (int i = 0; i < 500; ++i) {
    auto value = std::make_shared<int>(1);
    TaskGroup group;
    group.Spawn(thread.loop(), HoldWeakly(value));
    EXPECT_TRUE(BlockOn(Join(&group)).ok());
    EXPECT_EQ(value.use_count(), 1);
  }
}

TEST(TaskGroupTest, TheExecutorMayDieAsSoonAsTheGroupIsJoined) {
  for (int i = 0; i < 100; ++i) {
    std::optional<LoopThread> thread(std::in_place, "short", false);
    std::atomic<int> counter{0};
    TaskGroup group;
    for (int t = 0; t < 3; ++t) group.Spawn(thread->loop(), CountUp(&counter, t));
    EXPECT_TRUE(BlockOn(Join(&group)).ok());
    thread.reset();
    EXPECT_EQ(counter.load(), 3);
  }
}

struct Load {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> started{0};
};

Task<absl::Status> Work(Load* load, std::size_t i) {
  load->started.fetch_add(1);
  const int now = load->running.fetch_add(1) + 1;
  int most = load->most.load();
  while (most < now && !load->most.compare_exchange_weak(most, now)) {
  }
  co_await Yield();
  load->running.fetch_sub(1);
  co_return i == 50 ? AbortedError("the fiftieth") : absl::OkStatus();
}

Task<absl::Status> RunBounded(Executor* executor, Load* load, std::size_t count) {
  absl::Status status = co_await ForEachConcurrently(
      executor, count, 4, [load](std::size_t i) AURORA_TASK_WRAPPER { return Work(load, i); });
  co_return status;
}

TEST(ForEachConcurrentlyTest, RunsEachOnceAndNoMoreThanTheLimitAtATime) {
  LoopPool pool("pool", 2, false);
  Load load;
  EXPECT_TRUE(BlockOn(RunBounded(&pool, &load, 50)).ok());
  EXPECT_EQ(load.started.load(), 50);
  EXPECT_LE(load.most.load(), 4);
  EXPECT_TRUE(BlockOn(RunBounded(&pool, &load, 0)).ok());
}

TEST(ForEachConcurrentlyTest, StopsStartingAtTheFirstError) {
  LoopPool pool("pool", 2, false);
  Load load;
  EXPECT_EQ(BlockOn(RunBounded(&pool, &load, 10'000)).code(), absl::StatusCode::kAborted);
  EXPECT_LT(load.started.load(), 10'000);
  EXPECT_EQ(load.running.load(), 0);
}

TEST(TaskGroupDeathTest, MustBeJoined) {
  EXPECT_DEATH(
      {
        EventLoop loop(false);
        TaskGroup group;
        std::atomic<int> counter{0};
        group.Spawn(loop, CountUp(&counter, 0));
        loop.RunReady();
        group.Spawn(loop, CountUp(&counter, 0));
      },
      "must be joined|must outlive the work");
}

Task<int> Answer(std::shared_ptr<int> held) {
  co_await Yield();
  co_return *held;
}

TEST(SpawnTest, CallsBackOnTheExecutorWithTheResultAfterTheTaskIsFreed) {
  EventLoop loop(false);
  auto held = std::make_shared<int>(42);
  std::optional<int> result;
  Spawn(loop, Answer(held), [&, weak = held.get()](int answer) {
    EXPECT_EQ(Executor::Current(), &loop);
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_EQ(weak, held.get());
    result = answer;
  });
  EXPECT_EQ(result, std::nullopt);  // nothing runs inside the call
  loop.RunReady();
  EXPECT_EQ(result, 42);
  bool done = false;
  Spawn(loop, Task<void>(), [&] { done = true; });
  EXPECT_FALSE(done);
  loop.RunReady();
  EXPECT_TRUE(done);
}

TEST(SpawnDeathTest, AnExceptionThatNobodyCanReceiveEndsTheProcess) {
  EXPECT_DEATH(
      {
        EventLoop loop(false);
        Spawn(loop, Throw(), [] {});
        loop.RunReady();
      },
      "");
}

}  // namespace
}  // namespace aurora
