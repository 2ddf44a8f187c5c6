#include "aurora/lsm/stall_watch.h"

#include <cstdint>

#include "aurora/lsm/event_feed.h"
#include "aurora/lsm/event_recorder_testing.h"
#include "aurora/lsm/store_events.h"
#include "aurora/lsm/store_stats.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

TEST(StallWatchTest, TellsOfAllThatWasNotTold) {
  Simulation simulation(1);
  EventRecorder recorder;
  EventFeed::Options options;
  options.listener = &recorder;
  EventFeed feed(simulation.environment(), options);
  feed.Start();
  StallWatch watch(&feed);
  constexpr std::int64_t kSecond = 1'000'000'000;
  const auto stall = [&](StallReason reason, std::int64_t at, std::int64_t nanos) {
    watch.Begin(reason, at);
    watch.Begin(reason, at + 1);  // another commit
    watch.End(reason, at + 2);
    watch.End(reason, at + nanos);
  };
  stall(StallReason::kPacing, kSecond, 100);
  stall(StallReason::kPacing, 2 * kSecond, 200);   // not told
  stall(StallReason::kLogRoom, 2 * kSecond, 300);  // of another reason
  stall(StallReason::kPacing, 12 * kSecond, 400);
  simulation.Run(feed.Stop());
  const auto ended = recorder.All<StallEnded>();
  ASSERT_EQ(ended.size(), 3u);
  EXPECT_EQ(recorder.Count<StallBegun>(), 3u);
  EXPECT_EQ(ended[0].commits, 2u);
  EXPECT_EQ(ended[0].nanos, 100);
  EXPECT_EQ(ended[1].reason, StallReason::kLogRoom);
  EXPECT_EQ(ended[2].commits, 4u);
  EXPECT_EQ(ended[2].nanos, 600);
}

}  // namespace
}  // namespace aurora::lsm
