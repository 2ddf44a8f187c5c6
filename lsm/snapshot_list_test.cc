#include "aurora/lsm/snapshot_list.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/commit_queue.h"
#include "aurora/lsm/event.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora::lsm {
namespace {

void CommitOne(CommitQueue* queue) { queue->Finish(queue->Register()); }

TEST(SnapshotListTest, TellsEachLiveSequenceOnceAndThePublishedOne) {
  CommitQueue queue(0);
  Event event;
  SnapshotList list(&queue, &event);
  EXPECT_EQ(list.Visible(), std::vector<Sequence>({0}));
  auto empty = list.Acquire();
  CommitOne(&queue);
  auto a = list.Acquire();
  auto b = list.Acquire();
  CommitOne(&queue);
  auto c = list.Acquire();
  CommitOne(&queue);
  EXPECT_EQ(list.Visible(), std::vector<Sequence>({0, 1, 2, 3}));
  a.reset();
  EXPECT_EQ(list.Visible(), std::vector<Sequence>({0, 1, 2, 3}));
  b.reset();
  EXPECT_EQ(list.Visible(), std::vector<Sequence>({0, 2, 3}));
  empty.reset();
  c.reset();
  EXPECT_EQ(list.Visible(), std::vector<Sequence>({3}));
}

TEST(SnapshotListTest, WhoWaitsForTheOldestIsTold) {
  CommitQueue queue(0);
  Event event;
  SnapshotList list(&queue, &event);
  CommitOne(&queue);
  auto first = list.Acquire();
  auto second = list.Acquire();
  CommitOne(&queue);
  auto third = list.Acquire();
  EXPECT_EQ(list.Oldest(), 1u);
  EXPECT_EQ(list.AwaitOldest(2), 1u);
  int looks = 0;
  // Whoever is told looks once more; nobody waits until it has found what it waits for.
  const auto wait = [&]() -> Task<void> {
    const auto look = [&] {
      ++looks;
      return list.Oldest() >= 2;
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
  EXPECT_EQ(list.AwaitOldest(2), 2u);
}

}  // namespace
}  // namespace aurora::lsm
