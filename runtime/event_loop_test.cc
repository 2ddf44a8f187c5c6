#include "aurora/runtime/event_loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/task.h"

namespace aurora {
namespace {

// A thread that drives a loop until it is told to stop.
class Driver {
 public:
  explicit Driver(bool with_ring) : loop_(with_ring), thread_([this] { loop_.RunUntil(stop_); }) {}
  ~Driver() {
    stop_ = true;
    loop_.Wake();
    thread_.join();
  }
  EventLoop& loop() { return loop_; }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  EventLoop loop_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

Task<std::thread::id> VisitAndReturn(EventLoop* loop, int visits) {
  Executor* home = Executor::Current();
  std::thread::id seen;
  for (int i = 0; i < visits; ++i) {
    co_await SwitchTo(*loop);
    seen = std::this_thread::get_id();
    EXPECT_EQ(EventLoop::Current(), loop);
    co_await SwitchTo(*home);
    EXPECT_NE(EventLoop::Current(), loop);
  }
  co_return seen;
}

TEST(EventLoopTest, ACoroutineHopsToAnotherLoopAndBack) {
  for (const bool with_ring : {false, true}) {
    Driver driver(with_ring);
    EXPECT_EQ(BlockOn(VisitAndReturn(&driver.loop(), 2000)), driver.id());
  }
}

TEST(EventLoopTest, ManyThreadsHopToOneLoop) {
  Driver driver(true);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [&] { EXPECT_EQ(BlockOn(VisitAndReturn(&driver.loop(), 500)), driver.id()); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(EventLoopTest, AWakeBetweenTheCheckAndTheSleepIsNotLost) {
  for (int i = 0; i < 2000; ++i) {
    EventLoop loop(false);
    std::atomic<bool> done{false};
    std::thread waker([&] {
      done = true;
      loop.Wake();
    });
    loop.RunUntil(done);
    waker.join();
  }
}

Task<int> Ready() { co_return 42; }
Task<int> Throws() {
  co_await Yield();
  throw 7;
}

TEST(BlockOnTest, ReturnsTheResult) {
  EXPECT_EQ(BlockOn(Ready()), 42);
  EXPECT_EQ(Ready().Wait(), 42);
  EXPECT_EQ(BlockOn(Task<int>(43)), 43);
}

TEST(BlockOnTest, RethrowsWhatTheTaskThrows) { EXPECT_THROW(BlockOn(Throws()), int); }

Task<void> Nested() {
  Ready().Wait();
  co_return;
}

TEST(BlockOnDeathTest, RefusesToBlockInsideACoroutine) {
  EXPECT_DEATH(BlockOn(Nested()), "use co_await");
}

}  // namespace
}  // namespace aurora
