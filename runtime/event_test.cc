#include "aurora/runtime/event.h"

#include <gtest/gtest.h>

#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/loop_thread.h"
#include "aurora/runtime/stepper_testing.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora {
namespace {

Task<void> WaitThenLog(Event* event, int id, std::vector<int>* log) {
  co_await event->Wait();
  log->push_back(id);
}

Task<absl::Status> StoppableWait(Event* event, std::stop_token stop) {
  absl::Status status = co_await event->Wait(stop);
  co_return status;
}

TEST(EventTest, WaitersResumeInOrderOnceItIsSet) {
  Stepper stepper;
  Event event;
  std::vector<int> log;
  for (int id = 0; id < 4; ++id) stepper.Start(WaitThenLog(&event, id, &log));
  EXPECT_TRUE(log.empty());
  event.Set();
  EXPECT_TRUE(log.empty());  // never inside the call
  stepper.Step();
  EXPECT_EQ(log, (std::vector<int>{0, 1, 2, 3}));
  stepper.Start(WaitThenLog(&event, 4, &log));
  EXPECT_EQ(log.back(), 4);
  EXPECT_TRUE(stepper.Finish().ok());
}

TEST(EventTest, AResetClosesItAgain) {
  Stepper stepper;
  Event event;
  std::vector<int> log;
  event.Set();
  EXPECT_TRUE(event.IsSet());
  event.Reset();
  EXPECT_FALSE(event.IsSet());
  stepper.Start(WaitThenLog(&event, 0, &log));
  EXPECT_TRUE(log.empty());
  event.Set();
  EXPECT_TRUE(stepper.Finish().ok());
  EXPECT_EQ(log.size(), 1u);
}

TEST(EventTest, AStopEndsOneWaitAndLeavesTheOthers) {
  Stepper stepper;
  Event event;
  std::vector<int> log;
  std::stop_source stop;
  stepper.Start(WaitThenLog(&event, 0, &log));
  stepper.Start(StoppableWait(&event, stop.get_token()));
  stepper.Start(WaitThenLog(&event, 1, &log));
  stop.request_stop();
  event.Set();
  EXPECT_EQ(stepper.Finish().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(log, (std::vector<int>{0, 1}));
}

TEST(EventTest, AStopAlreadyRequestedDoesNotSuspendAndSetComesFirst) {
  std::stop_source stop;
  stop.request_stop();
  Event event;
  EXPECT_EQ(BlockOn(StoppableWait(&event, stop.get_token())).code(), absl::StatusCode::kCancelled);
  event.Set();
  EXPECT_TRUE(BlockOn(StoppableWait(&event, stop.get_token())).ok());
}

Task<void> SetOn(Event* event) {
  event->Set();
  co_return;
}

// The waiter destroys the event at once, while Set may still be returning on the other thread.
Task<void> WaitAndDestroy(Executor* other) {
  TaskGroup group;
  for (int i = 0; i < 2000; ++i) {
    auto event = std::make_unique<Event>();
    group.Spawn(*other, SetOn(event.get()));
    co_await event->Wait();
    event.reset();
  }
  const absl::Status status = co_await group.Join();
  EXPECT_TRUE(status.ok());
}

TEST(EventTest, AResumedWaiterMayDestroyTheEvent) {
  LoopThread other("other", false);
  BlockOn(WaitAndDestroy(&other.loop()));
}

TEST(EventTest, AStopThatRacesWithSetGivesOneOrTheOther) {
  for (int i = 0; i < 1000; ++i) {
    Event event;
    std::stop_source stop;
    std::jthread setter([&] { event.Set(); });
    std::jthread stopper([&] { stop.request_stop(); });
    const absl::Status status = BlockOn(StoppableWait(&event, stop.get_token()));
    EXPECT_TRUE(status.ok() || absl::IsCancelled(status));
  }
}

TEST(EventDeathTest, MustNotDieWhileACoroutineWaits) {
  EXPECT_DEATH(
      {
        EventLoop loop(false);
        std::vector<int> log;
        TaskGroup group;
        Event event;
        group.Spawn(loop, WaitThenLog(&event, 0, &log));
        loop.RunReady();
      },
      "must outlive their wait");
}

}  // namespace
}  // namespace aurora
