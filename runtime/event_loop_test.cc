#include "aurora/runtime/event_loop.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/clock.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/sleep.h"
#include "aurora/runtime/spawn.h"
#include "aurora/runtime/task.h"

// Calls of the system at which a test steps in. The sanitizers interpose them themselves.
#if !defined(AURORA_ASAN) && !defined(AURORA_TSAN)
#define AURORA_INTERPOSE
static std::atomic<void (*)()> before_token_write{nullptr};
static std::atomic<void (*)()> before_clock{nullptr};

extern "C" ssize_t write(int descriptor, const void* data, std::size_t size) {
  if (size == sizeof(std::uint64_t)) {
    if (auto* hook = before_token_write.load()) hook();
  }
  return syscall(SYS_write, descriptor, data, size);
}
extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  if (auto* hook = before_clock.load()) hook();
  return static_cast<int>(syscall(SYS_clock_gettime, clock, now));
}
#endif

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

TEST(EventLoopTest, AWakeFromAnotherThreadIsNotLost) {
  constexpr int kRounds = 5000;
  EventLoop loop(false);
  std::atomic<bool> done{false};
  std::atomic<int> round{-1};
  std::thread waker([&] {
    for (int i = 0; i < kRounds; ++i) {
      while (round.load() != i) {
      }
      done.store(true);
      loop.Wake();
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    done.store(false);
    round.store(i);
    loop.RunUntil(done);
  }
  waker.join();
}

Task<void> Log(int id, std::vector<int>* log) {
  log->push_back(id);
  co_return;
}

// Another thread posts first, then the loop's own thread does.
TEST(EventLoopTest, ResumesInTheOrderOfPostingWhicheverThreadPosted) {
  EventLoop loop(false);
  std::vector<int> log;
  struct Body {
    static Task<void> Run(EventLoop* loop, std::vector<int>* log) {
      std::thread([=] { Spawn(*loop, Log(1, log), [] {}); }).join();
      Spawn(*loop, Log(2, log), [] {});
      std::thread([=] { Spawn(*loop, Log(3, log), [] {}); }).join();
      co_return;
    }
  };
  Spawn(loop, Body::Run(&loop, &log), [] {});
  loop.RunReady();
  EXPECT_EQ(log, (std::vector<int>{1, 2, 3}));
}

#ifdef AURORA_INTERPOSE
Task<void> SleepUntilStopped(EventLoop* loop, std::stop_token stop) {
  const absl::Status status = co_await SleepUntil(*loop, INT64_MAX, stop);
  EXPECT_TRUE(absl::IsCancelled(status));
}

std::atomic<bool> told{false};
EventLoop* told_loop = nullptr;

// The loop reads the clock after its last look at the flag and before it says that it sleeps.
TEST(EventLoopTest, AWakeBetweenTheLastLookAndTheSleepIsNotLost) {
  EventLoop loop(false);
  std::stop_source stop;
  Spawn(loop, SleepUntilStopped(&loop, stop.get_token()), [] {});
  loop.RunReady();
  told_loop = &loop;
  before_clock = [] {
    before_clock = nullptr;
    told = true;
    told_loop->Wake();
  };
  loop.RunUntil(told);
  before_clock = nullptr;
  stop.request_stop();
  loop.RunReady();
}

std::atomic<bool> writing{false};
std::atomic<bool> may_write{false};

Task<void> TickUntilWriting(EventLoop* loop) {
  while (!writing.load()) {
    const absl::Status status =
        co_await SleepUntil(*loop, Clock::System().MonotonicNanos() + 1'000'000);
    EXPECT_TRUE(status.ok());
  }
}

// A thread has posted to the sleeping loop and is on its way to wake it. Meanwhile a timer wakes
// the loop, it finishes its work and dies, and the number of its descriptor is used anew.
TEST(EventLoopTest, ALateWakeUpNeverGoesToADescriptorThatIsUsedAnew) {
  auto loop = std::make_unique<EventLoop>(false);
  std::atomic<bool> done{false};
  int running = 2;
  const auto end = [&] { done = --running == 0; };
  std::vector<int> log;
  before_token_write = [] {
    writing = true;
    while (!may_write) std::this_thread::yield();
  };
  std::thread poster([&, loop = loop.get()] {
    while (!loop->asleep()) std::this_thread::yield();
    Spawn(*loop, Log(1, &log), end);
  });
  Spawn(*loop, TickUntilWriting(loop.get()), end);
  loop->RunUntil(done);
  std::thread releaser([] {
    for (int i = 0; i < 20'000; ++i) std::this_thread::yield();
    may_write = true;
  });
  loop.reset();
  const int reused = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ASSERT_GE(reused, 0);
  poster.join();
  releaser.join();
  before_token_write = nullptr;
  std::uint64_t tokens = 0;
  EXPECT_LT(read(reused, &tokens, sizeof tokens), 0) << "a wake-up went astray";
  close(reused);
}
#endif

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

TEST(BlockOnTest, WorksInAForkedChildOfAThreadThatUsedItBefore) {
  EXPECT_EQ(BlockOn(Ready()), 42);
  const pid_t child = fork();
  if (child == 0) _exit(BlockOn(Ready()) == 42 ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// Static objects die after the thread-local ones of the main thread.
struct BlocksWhenItDies {
  ~BlocksWhenItDies() { AURORA_CHECK(BlockOn(Ready()) == 42); }
};
TEST(BlockOnTest, WorksInTheDestructorsOfAThreadAndOfTheProgram) {
  static const BlocksWhenItDies at_exit;
  std::thread([] {
    static thread_local BlocksWhenItDies at_thread_end;
    static_cast<void>(at_thread_end);
    EXPECT_EQ(BlockOn(Ready()), 42);
  }).join();
}

Task<void> Nested() {
  Ready().Wait();
  co_return;
}

TEST(BlockOnDeathTest, RefusesToBlockInsideACoroutine) {
  EXPECT_DEATH(BlockOn(Nested()), "use co_await");
}

}  // namespace
}  // namespace aurora
