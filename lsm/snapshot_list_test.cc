#include "aurora/lsm/snapshot_list.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aurora/lsm/commit_queue.h"
#include "aurora/lsm/event.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/read_time.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/clock.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora::lsm {
namespace {

class SetClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixMillis(now); }
  std::int64_t MonotonicNanos() const override { return 0; }
  std::int64_t now = 1000;
};

void CommitOne(CommitQueue* queue) { queue->Finish(queue->Register()); }

TEST(SnapshotListTest, TellsEachLiveSequenceOnceAndThePublishedOne) {
  CommitQueue queue(0);
  Event event;
  SnapshotList list(&queue, &event, &Clock::System());
  EXPECT_EQ(list.Visible().visible, std::vector<Sequence>({0}));
  auto empty = list.Acquire();
  CommitOne(&queue);
  auto a = list.Acquire();
  auto b = list.Acquire();
  CommitOne(&queue);
  auto c = list.Acquire();
  CommitOne(&queue);
  EXPECT_EQ(list.Visible().visible, std::vector<Sequence>({0, 1, 2, 3}));
  a.reset();
  EXPECT_EQ(list.Visible().visible, std::vector<Sequence>({0, 1, 2, 3}));
  b.reset();
  EXPECT_EQ(list.Visible().visible, std::vector<Sequence>({0, 2, 3}));
  empty.reset();
  c.reset();
  EXPECT_EQ(list.Visible().visible, std::vector<Sequence>({3}));
}

TEST(SnapshotListTest, WhoWaitsForTheOldestIsTold) {
  CommitQueue queue(0);
  Event event;
  SnapshotList list(&queue, &event, &Clock::System());
  CommitOne(&queue);
  auto first = list.Acquire();
  auto second = list.Acquire();
  CommitOne(&queue);
  auto third = list.Acquire();
  EXPECT_EQ(list.OldestReaders().sequence, 1u);
  EXPECT_EQ(list.AwaitOldest({2, kNeverExpires}).sequence, 1u);
  int looks = 0;
  // Whoever is told looks once more; nobody waits until it has found what it waits for.
  const auto wait = [&]() -> Task<void> {
    const auto look = [&] {
      ++looks;
      return list.OldestReaders().sequence >= 2;
    };
    co_await event.Until(look);
  };
  const auto live = [&]() -> Task<absl::Status> {
    TaskGroup group;
    group.Spawn(*Executor::Current(), wait());
    while (looks == 0) co_await Yield();
    const int before = looks;
    second.reset();
    co_await Yield();
    EXPECT_EQ(looks, before) << "another of the sequence is left";
    first.reset();
    co_return co_await group.Join();
  };
  Simulation simulation(1);
  EXPECT_TRUE(simulation.Run(live()).ok());
  third.reset();
  EXPECT_EQ(list.AwaitOldest({2, kNeverExpires}).sequence, 2u);
}

TEST(SnapshotListTest, WhatHasExpiredForTheOldestHasForAll) {
  CommitQueue queue(0);
  Event event;
  SetClock clock;
  SnapshotList list(&queue, &event, &clock);
  auto before = list.Acquire();
  EXPECT_EQ(before->as_of(), ReadTime::kBeforeAll);
  EXPECT_EQ(list.Visible().expired_through, ReadTime::kBeforeAll);
  list.BeginToExpire();
  // What sees nothing that expires holds nothing back.
  EXPECT_EQ(list.Visible().expired_through, 1000);
  auto first = list.Acquire();
  clock.now = 2000;
  auto second = list.Acquire();
  EXPECT_EQ(second->as_of(), 2000);
  clock.now = 3000;
  EXPECT_EQ(list.Visible().expired_through, 1000);
  first.reset();
  EXPECT_EQ(list.Visible().expired_through, 2000);
  // The clock goes back: a snapshot is given no time before one by which a compaction under way
  // drops something, and later its own.
  SnapshotList::Readers compaction = list.Visible();
  EXPECT_EQ(compaction.expired_through, 2000);
  clock.now = 500;
  EXPECT_EQ(list.Acquire()->as_of(), 2000);
  EXPECT_EQ(list.Visible().expired_through, 500);
  compaction.hold.reset();
  EXPECT_EQ(list.Acquire()->as_of(), 500);
}

}  // namespace
}  // namespace aurora::lsm
