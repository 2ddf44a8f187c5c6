#include "aurora/lsm/event_feed.h"

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "aurora/lsm/event_recorder_testing.h"
#include "aurora/lsm/store_events.h"
#include "aurora/lsm/store_stats.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class EventFeedTest : public testing::Test {
 protected:
  EventFeedTest() { options_.listener = &recorder_; }
  Environment& environment() { return simulation_.environment(); }

  Simulation simulation_{1};
  EventRecorder recorder_;
  EventFeed::Options options_;
};

TEST_F(EventFeedTest, WhatWasPostedBeforeTheStartIsKeptAndInOrder) {
  EventFeed feed(environment(), options_);
  EXPECT_TRUE(feed.is_wanted());
  feed.Post(TableRemoved{1});
  feed.Start();
  feed.Post(TableRemoved{2});
  simulation_.Run(feed.Stop());
  const auto removed = recorder_.All<TableRemoved>();
  ASSERT_EQ(removed.size(), 2u);
  EXPECT_EQ(removed[0].number, 1u);
  EXPECT_EQ(removed[1].number, 2u);
}

TEST_F(EventFeedTest, WhereNobodyListensNothingIsDone) {
  EventFeed feed(environment(), EventFeed::Options());
  EXPECT_FALSE(feed.is_wanted());
  feed.Start();
  feed.Post(TableRemoved{1});
  simulation_.Run(feed.Stop());
  EXPECT_TRUE(simulation_.disk().image().Files().empty());
}

TEST_F(EventFeedTest, WhatIsTooMuchIsGivenUpAndCounted) {
  EventFeed feed(environment(), options_);
  feed.Start();
  constexpr std::uint64_t kPosted = EventFeed::kEventsMax + 7;
  for (std::uint64_t i = 0; i < kPosted; ++i) feed.Post(TableRemoved{i});
  simulation_.Run(feed.Stop());
  EXPECT_EQ(recorder_.Count<TableRemoved>(), EventFeed::kEventsMax);
  ASSERT_EQ(recorder_.Count<EventsLost>(), 1u);
  EXPECT_EQ(recorder_.All<EventsLost>()[0].count, 7u);
}

// The directory may be somebody else's until it is known for a database.
TEST_F(EventFeedTest, TheFileWaitsUntilItIsAllowed) {
  options_.writes_file = true;
  EventFeed feed(environment(), options_);
  feed.Start();
  feed.Post(TableRemoved{1});
  simulation_.RunUntilIdle();
  EXPECT_TRUE(simulation_.disk().image().Files().empty());
  feed.AllowFile();
  feed.Post(TableRemoved{2});
  simulation_.Run(feed.Stop());
  const std::string text = simulation_.disk().image().ReadFile("/LOG").value_or("");
  EXPECT_NE(text.find("table 1 removed\n"), std::string::npos) << text;
  EXPECT_NE(text.find("table 2 removed\n"), std::string::npos) << text;
}

TEST_F(EventFeedTest, StatsComeAtMostOnceInAnIntervalAndOnlyWithAnEvent) {
  options_.stats_interval = absl::Minutes(1);
  EventFeed feed(environment(), options_);
  feed.Start();
  int asked = 0;
  feed.SetStatsSource([&asked] {
    ++asked;
    return StoreStats();
  });
  const auto post = [&] {
    feed.Post(TableRemoved{1});
    simulation_.RunUntilIdle();
  };
  post();
  EXPECT_EQ(asked, 0) << "the interval is not over";
  simulation_.RunFor(absl::Minutes(2));
  EXPECT_EQ(asked, 0) << "nothing has happened";
  post();
  post();
  EXPECT_EQ(asked, 1);
  simulation_.RunFor(absl::Minutes(2));
  feed.SetStatsSource(nullptr);
  post();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(recorder_.Count<StatsTaken>(), 1u);
  simulation_.Run(feed.Stop());
}

}  // namespace
}  // namespace aurora::lsm
