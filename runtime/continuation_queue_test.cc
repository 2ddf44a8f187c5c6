#include "aurora/runtime/continuation_queue.h"

#include <gtest/gtest.h>

#include <semaphore>
#include <thread>
#include <vector>

namespace aurora::internal {
namespace {

TEST(ContinuationListTest, GivesBackInTheOrderOfInsertion) {
  Continuation items[3];
  ContinuationList list;
  EXPECT_TRUE(list.empty());
  for (Continuation& item : items) list.PushBack(item);
  for (Continuation& item : items) EXPECT_EQ(&list.PopFront(), &item);
  EXPECT_TRUE(list.empty());
  list.PushBack(items[1]);
  EXPECT_EQ(&list.PopFront(), &items[1]);
}

TEST(MailboxTest, AppendsOldestFirst) {
  Continuation items[4];
  Mailbox mailbox;
  ContinuationList list;
  list.PushBack(items[0]);
  for (int i = 1; i < 4; ++i) EXPECT_FALSE(mailbox.Push(items[i]));
  EXPECT_FALSE(mailbox.empty());
  mailbox.TakeInto(list);
  EXPECT_TRUE(mailbox.empty());
  for (Continuation& item : items) EXPECT_EQ(&list.PopFront(), &item);
}

TEST(MailboxTest, RefusesSleepWhileSomethingIsQueued) {
  Continuation item;
  Mailbox mailbox;
  EXPECT_FALSE(mailbox.Push(item));
  EXPECT_FALSE(mailbox.PrepareToSleep());
}

TEST(MailboxTest, OnlyTheFirstPosterToASleeperOwesAWakeUp) {
  Continuation items[2];
  Mailbox mailbox;
  ASSERT_TRUE(mailbox.PrepareToSleep());
  EXPECT_TRUE(mailbox.empty());
  EXPECT_TRUE(mailbox.Push(items[0]));
  EXPECT_FALSE(mailbox.Push(items[1]));
  EXPECT_FALSE(mailbox.Nudge());
  EXPECT_TRUE(mailbox.EndSleep());
  ContinuationList list;
  mailbox.TakeInto(list);
  EXPECT_EQ(&list.PopFront(), &items[0]);
  EXPECT_EQ(&list.PopFront(), &items[1]);
}

TEST(MailboxTest, ASleepThatNobodyDisturbedOwesNothing) {
  Mailbox mailbox;
  ASSERT_TRUE(mailbox.PrepareToSleep());
  EXPECT_FALSE(mailbox.EndSleep());
  EXPECT_FALSE(mailbox.Nudge());
}

TEST(MailboxTest, ANudgeToASleeperOwesAWakeUp) {
  Mailbox mailbox;
  ASSERT_TRUE(mailbox.PrepareToSleep());
  EXPECT_TRUE(mailbox.Nudge());
  EXPECT_TRUE(mailbox.EndSleep());
}

TEST(MailboxTest, LosesNothingAndKeepsEachPostersOrderUnderContention) {
  constexpr int kPosters = 3;
  constexpr int kPerPoster = 20'000;
  Mailbox mailbox;
  std::counting_semaphore<> wakes(0);
  std::vector<std::vector<Continuation>> items(kPosters);
  for (auto& of_poster : items) of_poster.resize(kPerPoster);
  std::vector<std::thread> posters;
  for (int p = 0; p < kPosters; ++p) {
    posters.emplace_back([&, p] {
      for (Continuation& item : items[p]) {
        if (mailbox.Push(item)) wakes.release();
      }
    });
  }
  std::vector<int> next(kPosters, 0);
  int received = 0;
  ContinuationList list;
  while (received < kPosters * kPerPoster) {
    if (mailbox.PrepareToSleep()) {
      wakes.acquire();
      EXPECT_TRUE(mailbox.EndSleep());
    }
    mailbox.TakeInto(list);
    for (; !list.empty(); ++received) {
      const Continuation* item = &list.PopFront();
      int p = 0;
      while (item < items[p].data() || item >= items[p].data() + kPerPoster) ++p;
      ASSERT_EQ(item - items[p].data(), next[p]);
      ++next[p];
    }
  }
  for (std::thread& poster : posters) poster.join();
  EXPECT_TRUE(mailbox.empty());
}

}  // namespace
}  // namespace aurora::internal
