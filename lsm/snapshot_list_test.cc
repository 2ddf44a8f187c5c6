#include "aurora/lsm/snapshot_list.h"

#include <gtest/gtest.h>

#include <vector>

namespace aurora::lsm {
namespace {

void CommitOne(CommitQueue* queue) { queue->Finish(queue->Register()); }

TEST(SnapshotListTest, TellsEachLiveSequenceOnceAndThePublishedOne) {
  CommitQueue queue(0);
  SnapshotList list(&queue);
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

}  // namespace
}  // namespace aurora::lsm
