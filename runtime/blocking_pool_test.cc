#include "aurora/runtime/blocking_pool.h"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/forked_child.h"
#include "aurora/runtime/real_file_machine.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora::internal {
namespace {

Task<std::thread::id> ThreadOfACall(BlockingPool* pool) {
  const std::thread::id home = std::this_thread::get_id();
  Executor* const executor = Executor::Current();
  const std::thread::id elsewhere = co_await pool->Run([] {
    EXPECT_EQ(Executor::Current(), nullptr);
    return std::this_thread::get_id();
  });
  EXPECT_NE(elsewhere, home);
  EXPECT_EQ(std::this_thread::get_id(), home);
  EXPECT_EQ(Executor::Current(), executor);
  co_return elsewhere;
}

TEST(BlockingPoolTest, AFunctionRunsElsewhereAndTheCoroutineGoesOnAtHome) {
  BlockingPool pool("test", 2);
  BlockOn(ThreadOfACall(&pool));
}

TEST(BlockingPoolTest, ResultsMayBeMoveOnlyAndFunctionsMayOwn) {
  BlockingPool pool("test", 1);
  struct Caller {
    static Task<std::unique_ptr<int>> Main(BlockingPool* pool) {
      auto give = [value = std::make_unique<int>(42)]() mutable { return std::move(value); };
      co_return co_await pool->Run(std::move(give));
    }
  };
  EXPECT_EQ(*BlockOn(Caller::Main(&pool)), 42);
}

// Lets as many callers pass as were promised, all at once.
struct Barrier {
  int missing;
  std::mutex mutex;
  std::condition_variable complete;

  void Arrive() {
    std::unique_lock lock(mutex);
    if (--missing == 0) complete.notify_all();
    complete.wait(lock, [&] { return missing <= 0; });
  }
};

TEST(BlockingPoolTest, AsManyFunctionsRunAtOnceAsThereMayBeThreads) {
  constexpr int kThreads = 8;
  BlockingPool pool("test", kThreads);
  Barrier barrier{kThreads, {}, {}};
  struct Caller {
    static Task<void> Main(BlockingPool* pool, Barrier* barrier) {
      co_await pool->Run([barrier] {
        barrier->Arrive();
        return true;
      });
    }
  };
  // None of them returns before the last has begun.
  std::vector<Task<void>> tasks;
  for (int i = 0; i < kThreads; ++i) tasks.push_back(Caller::Main(&pool, &barrier));
  BlockOn(RunTogether(std::move(tasks)));
  EXPECT_EQ(barrier.missing, 0);
}

TEST(BlockingPoolTest, OneThreadRunsManyCallsInTheirOrder) {
  constexpr int kCalls = 1000;
  BlockingPool pool("test", 1);
  std::vector<int> order;
  struct Caller {
    static Task<void> Main(BlockingPool* pool, std::vector<int>* order, int index) {
      co_await pool->Run([order, index] {
        order->push_back(index);
        return true;
      });
    }
  };
  std::vector<Task<void>> tasks;
  for (int i = 0; i < kCalls; ++i) tasks.push_back(Caller::Main(&pool, &order, i));
  BlockOn(RunTogether(std::move(tasks)));
  ASSERT_EQ(order.size(), static_cast<std::size_t>(kCalls));
  for (int i = 0; i < kCalls; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(BlockingPoolTest, SignalsOfTheProgramStayWithItsOwnThreads) {
  BlockingPool pool("test", 1);
  struct Caller {
    static Task<bool> Main(BlockingPool* pool) {
      co_return co_await pool->Run([] {
        sigset_t blocked;
        EXPECT_EQ(::pthread_sigmask(SIG_BLOCK, nullptr, &blocked), 0);
        return ::sigismember(&blocked, SIGTERM) == 1 && ::sigismember(&blocked, SIGUSR1) == 1 &&
               ::sigismember(&blocked, SIGSEGV) == 0 && ::sigismember(&blocked, SIGBUS) == 0;
      });
    }
  };
  EXPECT_TRUE(BlockOn(Caller::Main(&pool)));
  sigset_t blocked;
  EXPECT_EQ(::pthread_sigmask(SIG_BLOCK, nullptr, &blocked), 0);
  EXPECT_EQ(::sigismember(&blocked, SIGTERM), 0);
}

TEST(BlockingPoolTest, AForkedChildCanDestroyWhatItInherited) {
  auto pool = std::make_unique<BlockingPool>("test", 1);
  BlockOn(ThreadOfACall(pool.get()));
  ForkedChild child([&](ForkedChild&) { pool.reset(); });
  EXPECT_EQ(child.Wait(), 0);
  BlockOn(ThreadOfACall(pool.get()));
}

}  // namespace
}  // namespace aurora::internal
