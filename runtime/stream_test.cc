#include "aurora/runtime/stream.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/event.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/stepper_testing.h"
#include "aurora/runtime/task.h"

namespace aurora {
namespace {

struct Flag {
  explicit Flag(int* deaths) : deaths_(deaths) {}
  Flag(Flag&& other) noexcept : deaths_(std::exchange(other.deaths_, nullptr)) {}
  ~Flag() {
    if (deaths_ != nullptr) ++*deaths_;
  }
  int* deaths_;
};

Stream<int> Count(int limit, Flag flag) {
  for (int i = 0; i < limit; ++i) {
    if (i % 2 == 1) co_await Yield();
    co_yield i;
  }
  static_cast<void>(flag);
}

Task<std::vector<int>> Collect(Stream<int> stream) {
  std::vector<int> values;
  while (true) {
    const std::optional<int> value = co_await stream.Next();
    if (!value.has_value()) break;
    values.push_back(*value);
  }
  const std::optional<int> after_the_end = co_await stream.Next();
  EXPECT_EQ(after_the_end, std::nullopt);
  co_return values;
}

TEST(StreamTest, GivesEveryValueAndThenNothing) {
  int deaths = 0;
  EXPECT_EQ(BlockOn(Collect(Count(5, Flag(&deaths)))), (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(BlockOn(Collect(Count(0, Flag(&deaths)))), std::vector<int>{});
  EXPECT_EQ(BlockOn(Collect(Stream<int>())), std::vector<int>{});
  EXPECT_EQ(deaths, 2);
}

Task<int> TakeTwo(Stream<int> stream) {
  int sum = 0;
  for (int i = 0; i < 2; ++i) {
    const std::optional<int> value = co_await stream.Next();
    sum += value.value_or(1000);
  }
  co_return sum;
}

TEST(StreamTest, DestroyingItBetweenValuesDestroysItsLocals) {
  int deaths = 0;
  EXPECT_EQ(BlockOn(TakeTwo(Count(100, Flag(&deaths)))), 1);
  EXPECT_EQ(deaths, 1);
}

TEST(StreamTest, OneThatIsNeverAskedNeverRuns) {
  int deaths = 0;
  {
    const Stream<int> stream = Count(1, Flag(&deaths));
  }
  EXPECT_EQ(deaths, 1);
}

Stream<std::unique_ptr<std::string>> Words() {
  co_yield std::make_unique<std::string>("a");
  std::unique_ptr<std::string> named = std::make_unique<std::string>("b");
  co_yield std::move(named);
  throw std::runtime_error("no more");
}

Task<std::string> Concatenate(Stream<std::unique_ptr<std::string>> words) {
  std::string out;
  for (bool more = true; more;) {
    try {
      const std::optional<std::unique_ptr<std::string>> word = co_await words.Next();
      more = word.has_value();
      if (more) out += **word;
    } catch (const std::runtime_error& error) {
      out += error.what();
    }
  }
  co_return out;
}

TEST(StreamTest, RethrowsAnExceptionOnceAndHasThenEnded) {
  EXPECT_EQ(BlockOn(Concatenate(Words())), "abno more");
}

Stream<int> Million() {
  for (int i = 0; i < 1'000'000; ++i) co_yield i;
}

Task<std::int64_t> Sum(Stream<int> stream) {
  std::int64_t sum = 0;
  while (true) {
    const std::optional<int> value = co_await stream.Next();
    if (!value.has_value()) break;
    sum += *value;
  }
  co_return sum;
}

TEST(StreamTest, AMillionValuesTakeConstantStack) {
  EXPECT_EQ(BlockOn(Sum(Million())), 499'999'500'000);
}

Stream<int> WaitsFor(Event* event) {
  co_await event->Wait();
  co_yield 1;
}

Task<void> AskOnce(Stream<int>* stream) {
  const std::optional<int> value = co_await stream->Next();
  EXPECT_EQ(value, 1);
}

TEST(StreamDeathTest, MustNotDieWhileANextIsInProgress) {
  EXPECT_DEATH(
      {
        Stepper stepper;
        Event event;
        std::optional<Stream<int>> stream = WaitsFor(&event);
        stepper.Start(AskOnce(&*stream));
        stream.reset();
      },
      "while a Next is in progress");
}

}  // namespace
}  // namespace aurora
