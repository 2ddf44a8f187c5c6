#include "aurora/runtime/channel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/loop_thread.h"
#include "aurora/runtime/stepper_testing.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora {
namespace {

Task<void> SendInto(Channel<int>* channel, int value, std::vector<SendResult>* results) {
  results->push_back(co_await channel->Send(value));
}
Task<void> ReceiveInto(Channel<int>* channel, std::vector<std::optional<int>>* values) {
  values->push_back(co_await channel->Receive());
}
Task<void> StoppableReceive(Channel<int>* channel, std::stop_token stop,
                            std::vector<std::optional<int>>* values) {
  values->push_back(co_await channel->Receive(stop));
}
Task<void> StoppableSend(Channel<int>* channel, int value, std::stop_token stop,
                         std::vector<SendResult>* results) {
  results->push_back(co_await channel->Send(value, stop));
}

using Results = std::vector<SendResult>;
using Values = std::vector<std::optional<int>>;

TEST(ChannelTest, ValuesComeOutInTheOrderTheyWentIn) {
  Channel<int> channel(3, Overflow::kFail);
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(channel.TrySend(round * 10 + 1), SendResult::kSent);
    EXPECT_EQ(channel.TrySend(round * 10 + 2), SendResult::kSent);
    EXPECT_EQ(channel.size(), 2u);
    EXPECT_EQ(channel.TryReceive(), round * 10 + 1);
    EXPECT_EQ(channel.TryReceive(), round * 10 + 2);
    EXPECT_EQ(channel.TryReceive(), std::nullopt);
  }
}

TEST(ChannelTest, ASenderWaitsForRoomInItsTurn) {
  Stepper stepper;
  Channel<int> channel(1, Overflow::kWait);
  Results results;
  for (int value = 1; value <= 3; ++value) stepper.Start(SendInto(&channel, value, &results));
  EXPECT_EQ(results.size(), 1u);
  EXPECT_EQ(channel.TrySend(9), SendResult::kFull);
  for (int value = 1; value <= 3; ++value) EXPECT_EQ(channel.TryReceive(), value);
  EXPECT_TRUE(stepper.Finish().ok());
  EXPECT_EQ(results, Results(3, SendResult::kSent));
}

TEST(ChannelTest, ReceiversAreServedInTheOrderOfArrival) {
  Stepper stepper;
  Channel<int> channel(4, Overflow::kWait);
  Values first, second;
  stepper.Start(ReceiveInto(&channel, &first));
  stepper.Start(ReceiveInto(&channel, &second));
  EXPECT_EQ(channel.TrySend(1), SendResult::kSent);
  EXPECT_EQ(channel.TrySend(2), SendResult::kSent);
  EXPECT_EQ(channel.size(), 0u);
  EXPECT_TRUE(stepper.Finish().ok());
  EXPECT_EQ(first, Values{1});
  EXPECT_EQ(second, Values{2});
}

TEST(ChannelTest, DropNewestKeepsWhatIsThere) {
  Channel<int> channel(2, Overflow::kDropNewest);
  EXPECT_EQ(channel.TrySend(1), SendResult::kSent);
  EXPECT_EQ(channel.TrySend(2), SendResult::kSent);
  EXPECT_EQ(channel.TrySend(3), SendResult::kDropped);
  EXPECT_EQ(channel.dropped_count(), 1u);
  EXPECT_EQ(channel.TryReceive(), 1);
  EXPECT_EQ(channel.TryReceive(), 2);
  EXPECT_EQ(channel.TryReceive(), std::nullopt);
}

TEST(ChannelTest, DropOldestMakesRoom) {
  Channel<int> channel(2, Overflow::kDropOldest);
  for (int value = 1; value <= 5; ++value)
    EXPECT_EQ(channel.TrySend(std::move(value)), SendResult::kSent);
  EXPECT_EQ(channel.dropped_count(), 3u);
  EXPECT_EQ(channel.TryReceive(), 4);
  EXPECT_EQ(channel.TryReceive(), 5);
}

TEST(ChannelTest, FailTellsTheSenderAndLeavesHimTheValue) {
  Channel<std::unique_ptr<int>> channel(1, Overflow::kFail);
  EXPECT_EQ(channel.TrySend(std::make_unique<int>(1)), SendResult::kSent);
  auto value = std::make_unique<int>(2);
  EXPECT_EQ(channel.TrySend(std::move(value)), SendResult::kFull);
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(**channel.TryReceive(), 1);
  EXPECT_EQ(channel.TrySend(std::move(value)), SendResult::kSent);
  EXPECT_EQ(channel.dropped_count(), 0u);
}

TEST(ChannelTest, CloseEndsWaitingSendersAndLetsReceiversDrain) {
  Stepper stepper;
  Channel<int> channel(1, Overflow::kWait);
  Results results;
  stepper.Start(SendInto(&channel, 1, &results));
  stepper.Start(SendInto(&channel, 2, &results));
  channel.Close();
  channel.Close();
  EXPECT_TRUE(channel.closed());
  EXPECT_EQ(channel.TrySend(3), SendResult::kClosed);
  Values values;
  stepper.Start(ReceiveInto(&channel, &values));
  stepper.Start(ReceiveInto(&channel, &values));
  EXPECT_TRUE(stepper.Finish().ok());
  EXPECT_EQ(results, (Results{SendResult::kSent, SendResult::kClosed}));
  EXPECT_EQ(values, (Values{1, std::nullopt}));
}

TEST(ChannelTest, CloseEndsWaitingReceivers) {
  Stepper stepper;
  Channel<int> channel(1, Overflow::kWait);
  Values values;
  stepper.Start(ReceiveInto(&channel, &values));
  stepper.Start(ReceiveInto(&channel, &values));
  channel.Close();
  EXPECT_TRUE(stepper.Finish().ok());
  EXPECT_EQ(values, (Values{std::nullopt, std::nullopt}));
}

TEST(ChannelTest, AStopEndsOneWaitAndTakesNoValue) {
  Stepper stepper;
  Channel<int> channel(1, Overflow::kWait);
  std::stop_source stop;
  Values stopped, served;
  stepper.Start(StoppableReceive(&channel, stop.get_token(), &stopped));
  stepper.Start(ReceiveInto(&channel, &served));
  stop.request_stop();
  EXPECT_EQ(channel.TrySend(1), SendResult::kSent);
  EXPECT_TRUE(stepper.Finish().ok());
  EXPECT_EQ(stopped, Values{std::nullopt});
  EXPECT_EQ(served, Values{1});
}

TEST(ChannelTest, AStoppedSenderLeavesNothingBehind) {
  Stepper stepper;
  Channel<int> channel(1, Overflow::kWait);
  std::stop_source stop;
  Results results;
  EXPECT_EQ(channel.TrySend(1), SendResult::kSent);
  stepper.Start(StoppableSend(&channel, 2, stop.get_token(), &results));
  stop.request_stop();
  EXPECT_TRUE(stepper.Finish().ok());
  EXPECT_EQ(results, Results{SendResult::kStopped});
  EXPECT_EQ(channel.TryReceive(), 1);
  EXPECT_EQ(channel.TryReceive(), std::nullopt);
}

Task<void> Produce(Channel<std::uint32_t>* channel, std::uint32_t producer, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const SendResult result = co_await channel->Send(producer << 24 | i);
    EXPECT_EQ(result, SendResult::kSent);
    if (i % 64 == 0) co_await Yield();
  }
}

struct Received {
  std::mutex mutex;
  std::vector<std::vector<std::uint32_t>> by_consumer;
};

Task<void> Consume(Channel<std::uint32_t>* channel, Received* received) {
  std::vector<std::uint32_t> values;
  while (true) {
    const std::optional<std::uint32_t> value = co_await channel->Receive();
    if (!value.has_value()) break;
    values.push_back(*value);
  }
  const std::lock_guard lock(received->mutex);
  received->by_consumer.push_back(std::move(values));
}

constexpr std::uint32_t kProducers = 3;
constexpr std::uint32_t kPerProducer = 4000;

Task<void> RunMany(Executor* executor, std::size_t capacity, Received* received) {
  Channel<std::uint32_t> channel(capacity, Overflow::kWait);
  TaskGroup producers, consumers;
  for (std::uint32_t p = 0; p < kProducers; ++p) {
    producers.Spawn(*executor, Produce(&channel, p, kPerProducer));
  }
  for (int c = 0; c < 3; ++c) consumers.Spawn(*executor, Consume(&channel, received));
  const absl::Status produced = co_await producers.Join();
  EXPECT_TRUE(produced.ok());
  channel.Close();
  const absl::Status consumed = co_await consumers.Join();
  EXPECT_TRUE(consumed.ok());
}

TEST(ChannelTest, ManyProducersAndConsumersLoseAndRepeatNothing) {
  for (const std::size_t capacity : {1, 16}) {
    LoopPool pool("pool", 3, false);
    Received received;
    BlockOn(RunMany(&pool, capacity, &received));
    std::vector<std::uint32_t> all;
    for (const std::vector<std::uint32_t>& values : received.by_consumer) {
      // Each consumer sees each producer's values in order.
      std::uint32_t next[kProducers] = {};
      for (const std::uint32_t value : values) {
        EXPECT_GE(value & 0xFFFFFF, next[value >> 24]);
        next[value >> 24] = (value & 0xFFFFFF) + 1;
      }
      all.insert(all.end(), values.begin(), values.end());
    }
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all.size(), std::size_t{kProducers * kPerProducer});
    EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  }
}

Task<std::optional<int>> ReceiveOne(Channel<int>* channel, std::stop_token stop) {
  std::optional<int> value = co_await channel->Receive(stop);
  co_return value;
}

TEST(ChannelTest, AStopThatRacesWithAValueNeverLosesTheValue) {
  for (int i = 0; i < 1000; ++i) {
    Channel<int> channel(1, Overflow::kWait);
    std::stop_source stop;
    std::jthread sender([&] { EXPECT_EQ(channel.TrySend(7), SendResult::kSent); });
    std::jthread stopper([&] { stop.request_stop(); });
    const std::optional<int> value = BlockOn(ReceiveOne(&channel, stop.get_token()));
    sender.join();
    EXPECT_EQ(value.has_value() ? value : channel.TryReceive(), 7);
  }
}

}  // namespace
}  // namespace aurora
