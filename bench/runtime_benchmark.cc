// What coroutines, queues and threads cost. `allocations` is per operation, and 0 on every path
// that does not say otherwise.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "aurora/runtime/allocation_count_testing.h"
#include "aurora/runtime/async_mutex.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/channel.h"
#include "aurora/runtime/clock.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/event.h"
#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/histogram.h"
#include "aurora/runtime/loop_thread.h"
#include "aurora/runtime/sleep.h"
#include "aurora/runtime/stream.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora {
namespace {

// Coroutines that run the body of a benchmark a number of times in one go, so that what is measured
// is the body and not the BlockOn around it.
constexpr int kBatch = 1000;

// Runs `batch(kBatch)`, a coroutine, until the benchmark has enough.
template <class Batch>
void Run(benchmark::State& state, Batch batch) {
  BlockOn(batch(kBatch));
  const std::uint64_t before = AllocationCount();
  std::int64_t operations = 0;
  while (state.KeepRunningBatch(kBatch)) {
    BlockOn(batch(kBatch));
    operations += kBatch;
  }
  state.counters["allocations"] =
      static_cast<double>(AllocationCount() - before) / static_cast<double>(operations);
}

AURORA_NOINLINE int Plain(int value) {
  benchmark::DoNotOptimize(value);
  return value;
}
AURORA_NOINLINE AURORA_TASK_WRAPPER Task<int> Ready(int value) {
  benchmark::DoNotOptimize(value);
  return value;
}
AURORA_NOINLINE Task<int> Leaf(int value) {
  benchmark::DoNotOptimize(value);
  co_return value;
}
AURORA_NOINLINE Task<int> Chain2(int value) { co_return co_await Leaf(value); }
AURORA_NOINLINE Task<int> Chain3(int value) { co_return co_await Chain2(value); }
AURORA_NOINLINE Task<int> Chain4(int value) { co_return co_await Chain3(value); }

Task<void> CallPlain(int count) {
  for (int i = 0; i < count; ++i) benchmark::DoNotOptimize(Plain(i));
  co_return;
}
Task<void> AwaitReady(int count) {
  for (int i = 0; i < count; ++i) {
    const int value = co_await Ready(i);
    benchmark::DoNotOptimize(value);
  }
}
Task<void> AwaitLeaf(int count) {
  for (int i = 0; i < count; ++i) {
    const int value = co_await Leaf(i);
    benchmark::DoNotOptimize(value);
  }
}
Task<void> AwaitChain(int count) {
  for (int i = 0; i < count; ++i) {
    const int value = co_await Chain4(i);
    benchmark::DoNotOptimize(value);
  }
}
Task<void> YieldMany(int count) {
  for (int i = 0; i < count; ++i) co_await Yield();
}

void PlainCall(benchmark::State& state) { Run(state, CallPlain); }
void AwaitReadyTask(benchmark::State& state) { Run(state, AwaitReady); }
void AwaitLeafCoroutine(benchmark::State& state) { Run(state, AwaitLeaf); }
void AwaitChainOfFour(benchmark::State& state) { Run(state, AwaitChain); }
void SuspendAndResume(benchmark::State& state) { Run(state, YieldMany); }
BENCHMARK(PlainCall);
BENCHMARK(AwaitReadyTask);
BENCHMARK(AwaitLeafCoroutine);
BENCHMARK(AwaitChainOfFour);
BENCHMARK(SuspendAndResume);

void BlockOnReady(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(BlockOn(Ready(1)));
}
void BlockOnLeaf(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(BlockOn(Leaf(1)));
}
BENCHMARK(BlockOnReady);
BENCHMARK(BlockOnLeaf);

Stream<int> Numbers(int count) {
  for (int i = 0; i < count; ++i) co_yield i;
}
Task<void> ReadStream(int count) {
  Stream<int> numbers = Numbers(count);
  while (true) {
    const std::optional<int> number = co_await numbers.Next();
    if (!number.has_value()) break;
    benchmark::DoNotOptimize(*number);
  }
}
void StreamNext(benchmark::State& state) { Run(state, ReadStream); }
BENCHMARK(StreamNext);

Task<void> PassThrough(Channel<int>* channel, int count) {
  for (int i = 0; i < count; ++i) {
    const SendResult sent = co_await channel->Send(i);
    benchmark::DoNotOptimize(sent);
    const std::optional<int> received = co_await channel->Receive();
    benchmark::DoNotOptimize(received);
  }
}
void ChannelSendAndReceive(benchmark::State& state) {
  Channel<int> channel(64, Overflow::kWait);
  Run(state, [&](int count) AURORA_TASK_WRAPPER { return PassThrough(&channel, count); });
}
BENCHMARK(ChannelSendAndReceive);

Task<void> SendMany(Channel<int>* channel, int count) {
  for (int i = 0; i < count; ++i) {
    const SendResult sent = co_await channel->Send(i);
    benchmark::DoNotOptimize(sent);
  }
}
Task<void> PassBetween(Executor* sender, Channel<int>* channel, int count) {
  TaskGroup group;
  group.Spawn(*sender, SendMany(channel, count));
  for (int i = 0; i < count; ++i) {
    const std::optional<int> received = co_await channel->Receive();
    benchmark::DoNotOptimize(received);
  }
  const absl::Status status = co_await group.Join();
  benchmark::DoNotOptimize(status.ok());
}
void ChannelBetweenThreads(benchmark::State& state) {
  LoopThread sender("sender", false);
  Channel<int> channel(64, Overflow::kWait);
  Run(state,
      [&](int count) AURORA_TASK_WRAPPER { return PassBetween(&sender.loop(), &channel, count); });
}
BENCHMARK(ChannelBetweenThreads)->UseRealTime();

Task<void> LockMany(AsyncMutex* mutex, int count) {
  for (int i = 0; i < count; ++i) {
    const AsyncMutex::Guard guard = co_await mutex->Lock();
    benchmark::DoNotOptimize(guard.held());
  }
}
void AsyncMutexLock(benchmark::State& state) {
  AsyncMutex mutex;
  Run(state, [&](int count) AURORA_TASK_WRAPPER { return LockMany(&mutex, count); });
}
BENCHMARK(AsyncMutexLock);

Task<void> WaitMany(Event* event, int count) {
  for (int i = 0; i < count; ++i) co_await event->Wait();
}
void WaitForSetEvent(benchmark::State& state) {
  Event event;
  event.Set();
  Run(state, [&](int count) AURORA_TASK_WRAPPER { return WaitMany(&event, count); });
}
BENCHMARK(WaitForSetEvent);

Task<void> SpawnMany(int count) {
  TaskGroup group;
  for (int i = 0; i < count; ++i) group.Spawn(*Executor::Current(), YieldMany(0));
  const absl::Status status = co_await group.Join();
  benchmark::DoNotOptimize(status.ok());
}
void SpawnAndJoin(benchmark::State& state) { Run(state, SpawnMany); }
BENCHMARK(SpawnAndJoin);

// To another thread and back: both sleep in turn, so that this is two wake-ups by the kernel.
Task<void> HopMany(Executor* other, int count) {
  Executor* const home = Executor::Current();
  for (int i = 0; i < count; ++i) {
    co_await SwitchTo(*other);
    co_await SwitchTo(*home);
  }
}
void RoundTripToAnotherThread(benchmark::State& state) {
  LoopThread other("other", false);
  Run(state, [&](int count) AURORA_TASK_WRAPPER { return HopMany(&other.loop(), count); });
}
BENCHMARK(RoundTripToAnotherThread)->UseRealTime();

void BlockOnOfAHop(benchmark::State& state) {
  LoopThread other("other", false);
  for (auto _ : state) BlockOn(HopMany(&other.loop(), 1));
}
BENCHMARK(BlockOnOfAHop)->UseRealTime();

// A deadline so near that it has passed when the loop looks, among `range` others that are far.
Task<void> SetTimers(EventLoop* timers, std::stop_token stop, int depth, int count) {
  TaskGroup group;
  struct Sleeper {
    static Task<void> Run(EventLoop* timers, std::stop_token stop) {
      const absl::Status status = co_await SleepUntil(*timers, INT64_MAX, stop);
      benchmark::DoNotOptimize(status.ok());
    }
  };
  std::stop_source others;
  for (int i = 0; i < depth; ++i) {
    group.Spawn(*Executor::Current(), Sleeper::Run(timers, others.get_token()));
  }
  co_await Yield();
  for (int i = 0; i < count; ++i) {
    const absl::Status status =
        co_await SleepUntil(*timers, Clock::System().MonotonicNanos() + 1, stop);
    benchmark::DoNotOptimize(status.ok());
  }
  others.request_stop();
  const absl::Status status = co_await group.Join();
  benchmark::DoNotOptimize(status.ok());
}
void TimerThatExpiresAtOnce(benchmark::State& state) {
  LoopThread timers("timers", false);
  std::stop_source stop;
  Run(state, [&](int count) AURORA_TASK_WRAPPER {
    return SetTimers(&timers.loop(), stop.get_token(), static_cast<int>(state.range(0)), count);
  });
}
BENCHMARK(TimerThatExpiresAtOnce)->Arg(0)->Arg(1000);

template <class Recorder>
void HistogramRecord(benchmark::State& state) {
  Recorder histogram;
  std::uint64_t value = 1;
  for (auto _ : state) {
    value = value * 5 % 1'000'003;
    histogram.Record(value);
  }
  benchmark::DoNotOptimize(histogram);
}
BENCHMARK(HistogramRecord<Histogram>);
BENCHMARK(HistogramRecord<SharedHistogram>);

}  // namespace
}  // namespace aurora
