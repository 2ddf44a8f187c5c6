// Task, and the traps of coroutine code that it is built to withstand: each has a test here that
// runs in every configuration, also under the sanitizers.
#include "aurora/runtime/task.h"

#include <gtest/gtest.h>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/loop_thread.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

// Counts its lives, so that a destruction too many or too few is seen.
class Counted {
 public:
  explicit Counted(int value = 0) : value_(value) { ++alive; }
  Counted(const Counted& other) : value_(other.value_) { ++alive; }
  Counted(Counted&& other) noexcept : value_(std::exchange(other.value_, -1)) { ++alive; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --alive; }
  int value() const { return value_; }

  static inline int alive = 0;

 private:
  int value_;
};

class TaskTest : public testing::Test {
 protected:
  TaskTest() { Counted::alive = 0; }
  ~TaskTest() override { EXPECT_EQ(Counted::alive, 0); }
};

// What must not compile.
static_assert(!std::copy_constructible<Task<int>>);
static_assert(!std::is_copy_assignable_v<Task<int>>);
static_assert(std::movable<Task<int>> && std::movable<Task<void>>);
template <class T>
concept AwaitableAsLvalue = requires(T& task) { task.operator co_await(); };
template <class T>
concept WaitableAsLvalue = requires(T& task) { task.Wait(); };
static_assert(!AwaitableAsLvalue<Task<int>> && !AwaitableAsLvalue<Task<void>>);
static_assert(!WaitableAsLvalue<Task<int>> && !WaitableAsLvalue<Task<void>>);

Task<int> Value(int value) { co_return value; }
Task<int> YieldThen(int value) {
  co_await Yield();
  co_return value;
}
AURORA_TASK_WRAPPER Task<int> ReadyValue(int value) { return value; }

TEST_F(TaskTest, IsLazyAndRunsOnceAwaited) {
  bool ran = false;
  struct Body {
    static Task<int> Run(bool* ran) {
      *ran = true;
      co_return 1;
    }
  };
  {
    Task<int> task = Body::Run(&ran);
    EXPECT_FALSE(task.IsReady());
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(BlockOn(Body::Run(&ran)), 1);
  EXPECT_TRUE(ran);
}

Task<int> Consume(Counted counted) { co_return counted.value(); }

TEST_F(TaskTest, OneThatIsNeverAwaitedDestroysItsArguments) {
  {
    const Task<int> task = Consume(Counted(1));
  }
  EXPECT_EQ(Counted::alive, 0);
}

TEST_F(TaskTest, AReadyOneHoldsItsValueWithoutACoroutine) {
  Task<Counted> task = Counted(7);
  EXPECT_TRUE(task.IsReady());
  Task<Counted> moved = std::move(task);
  EXPECT_TRUE(moved.IsReady());
  EXPECT_EQ(std::move(moved).TakeReady().value(), 7);
  EXPECT_TRUE(Task<void>().IsReady());
}

TEST_F(TaskTest, CanBeAssigned) {
  Task<Counted> task = Counted(1);
  task = Task<Counted>(Counted(2));
  EXPECT_EQ(BlockOn(std::move(task)).value(), 2);
}

Task<std::unique_ptr<int>> MoveOnly(std::unique_ptr<int> in) {
  co_await Yield();
  ++*in;
  co_return in;
}

TEST_F(TaskTest, MoveOnlyValuesGoInAndOut) {
  EXPECT_EQ(*BlockOn(MoveOnly(std::make_unique<int>(1))), 2);
}

Task<int> ThrowAfterYield(Counted counted) {
  co_await Yield();
  if (counted.value() > 0) throw std::runtime_error("thrown");
  co_return 0;
}

Task<int> Catch() {
  const Counted local(5);
  try {
    co_return co_await ThrowAfterYield(Counted(1));
  } catch (const std::runtime_error&) {
  }
  co_return local.value();
}

TEST_F(TaskTest, AnExceptionIsRethrownWhereTheTaskIsAwaited) { EXPECT_EQ(BlockOn(Catch()), 5); }

// Completion must not use stack: neither when every await completes inline,
Task<std::int64_t> MillionInline() {
  std::int64_t sum = 0;
  for (int i = 0; i < 1'000'000; ++i) sum += co_await Value(1);
  co_return sum;
}
TEST_F(TaskTest, AMillionInlineCompletionsTakeConstantStack) {
  EXPECT_EQ(BlockOn(MillionInline()), 1'000'000);
}

// nor when every await of a ready value does,
Task<std::int64_t> MillionReady() {
  std::int64_t sum = 0;
  for (int i = 0; i < 1'000'000; ++i) sum += co_await ReadyValue(1);
  co_return sum;
}
TEST_F(TaskTest, AMillionReadyValuesTakeConstantStack) {
  EXPECT_EQ(BlockOn(MillionReady()), 1'000'000);
}

// nor when a million tasks wait for one another and complete in one go. (Their frames are on the
// heap; each is destroyed by the one that awaited it.)
Task<int> Chain(int depth) {
  if (depth == 0) {
    co_await Yield();
    co_return 0;
  }
  const int below = co_await Chain(depth - 1);
  co_return below + 1;
}
TEST_F(TaskTest, AMillionChainedCompletionsTakeConstantStack) {
  EXPECT_EQ(BlockOn(Chain(1'000'000)), 1'000'000);
}

// Braced lists, aggregate temporaries and lambdas as arguments of an awaited call.
struct Options {
  std::string name;
  Counted counted{0};
};
Task<std::size_t> SizeOf(std::vector<std::string> strings) {
  co_await Yield();
  co_return strings.size();
}
Task<std::string> NameOf(Options options) {
  co_await Yield();
  co_return options.name + std::to_string(options.counted.value());
}
template <class Function>
Task<int> CallLater(Function function) {
  co_await Yield();
  co_return function();
}
Task<void> AwaitWithTemporaries() {
  const std::size_t size = co_await SizeOf({"first", "second", std::string(100, 'x')});
  EXPECT_EQ(size, 3u);
  const std::string name =
      co_await NameOf(Options{.name = std::string(50, 'n'), .counted = Counted(3)});
  EXPECT_EQ(name, std::string(50, 'n') + "3");
  const auto shared = std::make_shared<int>(9);
  const int called = co_await CallLater([shared, counted = Counted(1)] { return *shared; });
  EXPECT_EQ(called, 9);
  EXPECT_EQ(shared.use_count(), 1);
}
TEST_F(TaskTest, TemporariesInAnAwaitingCallLiveOnceAndLongEnough) {
  BlockOn(AwaitWithTemporaries());
}

Task<Counted> MakeCounted(int value) {
  co_await Yield();
  co_return Counted(value);
}
Task<bool> True() {
  co_await Yield();
  co_return true;
}
Task<void> AwaitInOperators(bool condition) {
  const Counted chosen = condition ? co_await MakeCounted(1) : Counted(2);
  EXPECT_EQ(chosen.value(), condition ? 1 : 2);
  const Counted other = condition ? co_await MakeCounted(3) : co_await MakeCounted(4);
  EXPECT_EQ(other.value(), condition ? 3 : 4);
  if (co_await True() && condition && co_await True()) {
    EXPECT_TRUE(condition);
  }
  switch (const int value = co_await YieldThen(2); value) {
    case 2:
      break;
    default:
      ADD_FAILURE();
  }
  const int sum = co_await Value(1) + co_await YieldThen(co_await Value(2));
  EXPECT_EQ(sum, 3);
}
TEST_F(TaskTest, AwaitsInsideOperatorsEvaluateOnceAndDestroyOnce) {
  BlockOn(AwaitInOperators(true));
  BlockOn(AwaitInOperators(false));
}

Task<std::map<int, std::string>> MakeMap() {
  co_await Yield();
  std::map<int, std::string> map;
  map[1] = "one";
  map[2] = std::string(64, '2');
  co_return map;
}
Task<int> RangeForAndBindings() {
  int sum = 0;
  for (const auto& [key, value] : co_await MakeMap()) {
    sum += key * co_await YieldThen(10);
    EXPECT_FALSE(value.empty());
  }
  co_return sum;
}
TEST_F(TaskTest, TheResultOfAnAwaitInARangeForLivesAsLongAsTheLoop) {
  EXPECT_EQ(BlockOn(RangeForAndBindings()), 30);
}

// The status macros, in a coroutine.
Task<absl::StatusOr<int>> Parse(int value) {
  co_await Yield();
  if (value < 0) co_return InvalidArgumentError("negative");
  co_return value;
}
Task<absl::StatusOr<int>> Sum(int a, int b) {
  AURORA_CO_ASSIGN(const int first, co_await Parse(a));
  AURORA_CO_ASSIGN(const int second, co_await Parse(b));
  AURORA_CO_RETURN_IF_ERROR(co_await Parse(second));
  co_return first + second;
}
TEST_F(TaskTest, TheStatusMacrosPassOnValueAndError) {
  EXPECT_EQ(*BlockOn(Sum(1, 2)), 3);
  EXPECT_EQ(BlockOn(Sum(1, -2)).status().code(), absl::StatusCode::kInvalidArgument);
}

// A thread-local reached through a function that is not inlined is that of the thread on which the
// coroutine runs now, whatever the optimiser would like to keep.
thread_local int thread_number = 0;
AURORA_NOINLINE int& ThreadNumber() { return thread_number; }

Task<int> HopAndLook(Executor* other, int hops) {
  Executor* const home = Executor::Current();
  int wrong = 0;
  for (int i = 0; i < hops; ++i) {
    if (ThreadNumber() != 1) ++wrong;
    co_await SwitchTo(*other);
    if (ThreadNumber() != 2) ++wrong;
    if (Executor::Current() != other) ++wrong;
    co_await SwitchTo(*home);
    if (Executor::Current() != home) ++wrong;
  }
  co_return wrong;
}
Task<void> SetNumber(Executor* other, int number) {
  Executor* const home = Executor::Current();
  co_await SwitchTo(*other);
  ThreadNumber() = number;
  co_await SwitchTo(*home);
}
TEST_F(TaskTest, AThreadLocalIsRightAfterEveryHop) {
  LoopThread other("other", false);
  ThreadNumber() = 1;
  BlockOn(SetNumber(&other.loop(), 2));
  EXPECT_EQ(BlockOn(HopAndLook(&other.loop(), 3000)), 0);
}

// A frame may be freed on another thread than the one that made it, and by one that ends.
Task<int> MakeThere(Executor* other) {
  Executor* const home = Executor::Current();
  co_await SwitchTo(*other);
  const int value = co_await Value(1);
  co_await SwitchTo(*home);
  co_return value;
}
TEST_F(TaskTest, FramesMoveBetweenThreads) {
  LoopThread other("other", false);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) EXPECT_EQ(BlockOn(MakeThere(&other.loop())), 1);
    });
  }
}

// Frames have the alignment of operator new and no more: what needs more does not belong in one.
Task<bool> IsAligned() {
  std::max_align_t local;
  co_await Yield();
  co_return reinterpret_cast<std::uintptr_t>(&local) % alignof(std::max_align_t) == 0;
}
TEST_F(TaskTest, AFrameIsAlignedForEveryOrdinaryType) {
  static_assert(alignof(std::max_align_t) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(BlockOn(IsAligned()));
}

Task<void> WaitForever(Executor* stopped) { co_await SwitchTo(*stopped); }
Task<void> StartAndDestroy(Executor* stopped) {
  auto task = std::make_unique<Task<void>>(WaitForever(stopped));
  auto awaiter = std::move(*task).operator co_await();
  awaiter.await_suspend(std::noop_coroutine()).resume();
  task.reset();
  co_return;
}

class NeverRuns final : public Executor {
 public:
  void Post(Continuation&) override {}
};

TEST(TaskDeathTest, ARunningTaskMustNotBeDestroyed) {
  NeverRuns nowhere;
  EXPECT_DEATH(BlockOn(StartAndDestroy(&nowhere)), "a running task must not be destroyed");
}

Task<void> LeaveWork() {
  struct Forever {
    static Task<void> Run() {
      while (true) co_await Yield();
    }
  };
  Task<void> task = Forever::Run();
  auto awaiter = std::move(task).operator co_await();
  awaiter.await_suspend(std::noop_coroutine()).resume();
  new Task<void>(std::move(task));
  co_return;
}

TEST(TaskDeathTest, WorkLeftOnTheLoopOfABlockOnIsRefused) {
  EXPECT_DEATH(BlockOn(LeaveWork()), "must end with it");
}

TEST(TaskDeathTest, WaitingWithoutAnExecutorIsRefused) {
  struct Body {
    static Task<void> Run() { co_await Yield(); }
  };
  EXPECT_DEATH(
      {
        Task<void> task = Body::Run();
        auto awaiter = std::move(task).operator co_await();
        awaiter.await_suspend(std::noop_coroutine()).resume();
      },
      "must run on an executor");
}

}  // namespace
}  // namespace aurora
