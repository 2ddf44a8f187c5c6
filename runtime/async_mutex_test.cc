#include "aurora/runtime/async_mutex.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/event.h"
#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/loop_thread.h"
#include "aurora/runtime/stepper_testing.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora {
namespace {

Task<void> HoldUntil(AsyncMutex* mutex, Event* release, int id, std::vector<int>* log) {
  const AsyncMutex::Guard guard = co_await mutex->Lock();
  log->push_back(id);
  co_await release->Wait();
}

TEST(AsyncMutexTest, PassesFromHandToHandInTheOrderOfAsking) {
  Stepper stepper;
  AsyncMutex mutex;
  std::vector<int> log;
  std::vector<Event> release(4);
  for (int id = 0; id < 4; ++id) stepper.Start(HoldUntil(&mutex, &release[id], id, &log));
  for (int id = 0; id < 4; ++id) {
    EXPECT_EQ(log.size(), static_cast<std::size_t>(id + 1));
    EXPECT_EQ(log.back(), id);
    EXPECT_FALSE(mutex.TryLock().has_value());
    release[id].Set();
    stepper.Step();
  }
  EXPECT_TRUE(stepper.Finish().ok());
  EXPECT_TRUE(mutex.TryLock().has_value());
}

TEST(AsyncMutexTest, NobodyOvertakesACoroutineThatIsBeingResumed) {
  Stepper stepper;
  AsyncMutex mutex;
  std::vector<int> log;
  std::vector<Event> release(2);
  stepper.Start(HoldUntil(&mutex, &release[0], 0, &log));
  stepper.Start(HoldUntil(&mutex, &release[1], 1, &log));
  release[0].Set();
  release[1].Set();
  // The second one has been granted the mutex as soon as the first lets go.
  while (log.size() < 2) {
    EXPECT_FALSE(mutex.TryLock().has_value());
    stepper.Step();
  }
  EXPECT_TRUE(stepper.Finish().ok());
}

Task<absl::Status> LockStoppable(AsyncMutex* mutex, std::stop_token stop) {
  absl::StatusOr<AsyncMutex::Guard> guard = co_await mutex->Lock(stop);
  co_return guard.status();
}

TEST(AsyncMutexTest, AStopEndsTheWaitAndTheMutexGoesOn) {
  Stepper stepper;
  AsyncMutex mutex;
  std::optional<AsyncMutex::Guard> held = mutex.TryLock();
  std::stop_source stop;
  stepper.Start(LockStoppable(&mutex, stop.get_token()));
  stop.request_stop();
  EXPECT_EQ(stepper.Finish().code(), absl::StatusCode::kCancelled);
  held.reset();
  EXPECT_TRUE(BlockOn(LockStoppable(&mutex, std::stop_token())).ok());
}

TEST(AsyncMutexTest, AGuardCanBeReleasedEarlyAndMoved) {
  AsyncMutex mutex;
  AsyncMutex::Guard a = *mutex.TryLock();
  AsyncMutex::Guard b = std::move(a);
  EXPECT_FALSE(a.held());
  EXPECT_TRUE(b.held());
  b.Release();
  EXPECT_TRUE(mutex.TryLock().has_value());
}

Task<void> Increment(AsyncMutex* mutex, int* counter, int times) {
  for (int i = 0; i < times; ++i) {
    const AsyncMutex::Guard guard = co_await mutex->Lock();
    const int before = *counter;
    if (i % 8 == 0) co_await Yield();
    *counter = before + 1;
  }
}

Task<void> IncrementFromMany(Executor* executor, AsyncMutex* mutex, int* counter) {
  TaskGroup group;
  for (int i = 0; i < 8; ++i) group.Spawn(*executor, Increment(mutex, counter, 500));
  const absl::Status status = co_await group.Join();
  EXPECT_TRUE(status.ok());
}

TEST(AsyncMutexTest, ExcludesCoroutinesOfManyThreads) {
  LoopPool pool("pool", 3, false);
  AsyncMutex mutex;
  int counter = 0;
  BlockOn(IncrementFromMany(&pool, &mutex, &counter));
  EXPECT_EQ(counter, 8 * 500);
}

TEST(AsyncMutexDeathTest, MustNotDieWhileHeld) {
  EXPECT_DEATH(
      {
        auto mutex = std::make_unique<AsyncMutex>();
        const std::optional<AsyncMutex::Guard> guard = mutex->TryLock();
        mutex.reset();
      },
      "must not be destroyed while held");
}

}  // namespace
}  // namespace aurora
