#include "aurora/runtime/timer_heap.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <set>
#include <utility>
#include <vector>

#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"

namespace aurora::internal {
namespace {

TEST(TimerHeapTest, ExpiresByDeadlineAndThenByOrderOfInsertion) {
  TimerHeap heap;
  Timer timers[4];
  const std::int64_t deadlines[] = {30, 10, 20, 10};
  for (int i = 0; i < 4; ++i) {
    timers[i].deadline_nanos = deadlines[i];
    heap.Add(timers[i]);
  }
  EXPECT_EQ(heap.NextDeadline(), 10);
  EXPECT_EQ(heap.PopExpired(9), nullptr);
  EXPECT_EQ(heap.PopExpired(10), &timers[1]);
  EXPECT_EQ(heap.PopExpired(10), &timers[3]);
  EXPECT_EQ(heap.PopExpired(10), nullptr);
  EXPECT_EQ(heap.PopExpired(99), &timers[2]);
  EXPECT_EQ(heap.PopExpired(99), &timers[0]);
  EXPECT_TRUE(heap.empty());
}

TEST(TimerHeapTest, AgreesWithASortedSetUnderRandomAdditionsAndRemovals) {
  SeededRandom random(TestSeed());
  TimerHeap heap;
  std::deque<Timer> timers(300);
  std::set<std::pair<std::int64_t, std::uint64_t>> model;  // deadline, order of insertion
  std::vector<std::uint64_t> order(timers.size());
  std::uint64_t next_order = 0;
  for (int step = 0; step < 50'000; ++step) {
    const std::size_t i = random.Below(timers.size());
    if (timers[i].queued()) {
      model.erase({timers[i].deadline_nanos, order[i]});
      heap.Remove(timers[i]);
    } else {
      timers[i].deadline_nanos = static_cast<std::int64_t>(random.Below(100));
      order[i] = next_order++;
      model.insert({timers[i].deadline_nanos, order[i]});
      heap.Add(timers[i]);
    }
    if (random.Below(16) == 0 && !model.empty()) {
      ASSERT_EQ(heap.NextDeadline(), model.begin()->first);
      Timer* timer = heap.PopExpired(model.begin()->first);
      ASSERT_NE(timer, nullptr);
      std::size_t index = 0;
      while (&timers[index] != timer) ++index;
      ASSERT_EQ(order[index], model.begin()->second);
      model.erase(model.begin());
    }
    ASSERT_EQ(heap.empty(), model.empty());
  }
  while (heap.PopExpired(INT64_MAX) != nullptr) {
  }
}

TEST(TimerTest, OnlyOneClaimSucceeds) {
  Timer timer;
  EXPECT_TRUE(timer.Claim());
  EXPECT_FALSE(timer.Claim());
}

TEST(TimerDeathTest, ATimerMustNotDieInItsHeap) {
  EXPECT_DEATH(
      {
        TimerHeap heap;
        Timer timer;
        heap.Add(timer);
      },
      "must leave its heap");
}

}  // namespace
}  // namespace aurora::internal
