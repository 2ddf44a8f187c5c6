#include "aurora/lsm/commit_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "aurora/runtime/block_on.h"

namespace aurora::lsm {
namespace {

TEST(CommitQueueTest, PublishesInOrderHoweverCommitsFinish) {
  CommitQueue queue(10);
  EXPECT_EQ(queue.published(), 10u);
  for (Sequence expected = 11; expected <= 14; ++expected) EXPECT_EQ(queue.Register(), expected);
  queue.Finish(13);
  queue.Finish(12);
  EXPECT_EQ(queue.published(), 10u);
  queue.Finish(11);
  EXPECT_EQ(queue.published(), 13u);
  queue.Finish(14);
  EXPECT_EQ(queue.published(), 14u);
}

TEST(CommitQueueTest, IsFullWhenTheOldestIsStuck) {
  CommitQueue queue(0);
  for (std::size_t i = 0; i < CommitQueue::kCapacity; ++i) {
    ASSERT_TRUE(queue.HasRoom());
    queue.Register();
  }
  EXPECT_FALSE(queue.HasRoom());
  for (Sequence s = 2; s <= CommitQueue::kCapacity; ++s) queue.Finish(s);
  EXPECT_FALSE(queue.HasRoom());
  queue.Finish(1);
  EXPECT_EQ(queue.published(), CommitQueue::kCapacity);
  EXPECT_TRUE(queue.HasRoom());
}

TEST(CommitQueueTest, AWaitForWhatIsPublishedIsReady) {
  CommitQueue queue(5);
  EXPECT_TRUE(queue.WaitPublished(5).IsReady());
  queue.Register();
  EXPECT_FALSE(queue.WaitPublished(6).IsReady());
}

// Every thread registers under one lock and finishes outside of it; nobody returns before its own
// commit is published, and the published sequence only grows.
TEST(CommitQueueTest, ThreadsPublishForEachOther) {
  constexpr int kThreads = 4;
  constexpr int kCommits = 5000;
  CommitQueue queue(0);
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      Sequence seen = 0;
      for (int i = 0; i < kCommits; ++i) {
        Sequence sequence = 0;
        {
          const std::lock_guard lock(mutex);
          sequence = queue.Register();
        }
        queue.Finish(sequence);
        BlockOn(queue.WaitPublished(sequence));
        const Sequence published = queue.published();
        EXPECT_GE(published, sequence);
        EXPECT_GE(published, seen);
        seen = published;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(queue.published(), Sequence{kThreads} * kCommits);
}

}  // namespace
}  // namespace aurora::lsm
