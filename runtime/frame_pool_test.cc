#include "aurora/runtime/frame_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "aurora/runtime/allocation_count_testing.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/channel.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/event.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/task.h"

namespace aurora {
namespace {

using internal::FramePool;

#ifdef AURORA_ASAN
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif

#define SKIP_IF_NOT_COUNTED() \
  if (!AllocationsAreCounted()) GTEST_SKIP() << "the sanitizer has its own operator new"

TEST(FramePoolTest, GivesBackTheSameMemoryForTheSameSizeClass) {
  if (!kPooled) GTEST_SKIP() << "no pool under the address sanitizer";
  void* first = FramePool::Allocate(100);
  FramePool::Free(first, 100);
  EXPECT_EQ(FramePool::Allocate(128), first);  // 65 to 128 bytes are one class
  void* other = FramePool::Allocate(129);
  EXPECT_NE(other, first);
  FramePool::Free(first, 128);
  FramePool::Free(other, 129);
}

TEST(FramePoolTest, EverySizeIsWritableAndAligned) {
  for (std::size_t size = 1; size < 2 * FramePool::kMaxPooledSize; size += 7) {
    void* memory = FramePool::Allocate(size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignof(std::max_align_t), 0u);
    std::memset(memory, 0xAB, size);
    FramePool::Free(memory, size);
  }
}

TEST(FramePoolTest, ListsAreBounded) {
  SKIP_IF_NOT_COUNTED();
  constexpr std::size_t kMore = 2 * FramePool::kMaxFreePerClass;
  std::vector<void*> frames;
  for (std::size_t i = 0; i < kMore; ++i) frames.push_back(FramePool::Allocate(64));
  for (void* frame : frames) FramePool::Free(frame, 64);
  const std::uint64_t before = AllocationCount();
  for (void*& frame : frames) frame = FramePool::Allocate(64);
  EXPECT_EQ(AllocationCount() - before, kMore - FramePool::kMaxFreePerClass);
  for (void* frame : frames) FramePool::Free(frame, 64);
}

// Destroyed after the lists of its thread, since it was made before them.
struct FreesAtThreadEnd {
  ~FreesAtThreadEnd() {
    FramePool::Free(FramePool::Allocate(64), 64);
    FramePool::Free(frame, 64);
  }
  void* frame = nullptr;
};

TEST(FramePoolTest, FramesMayBeFreedWhileTheirThreadEnds) {
  std::thread([] {
    static thread_local FreesAtThreadEnd last;
    last.frame = FramePool::Allocate(64);
    FramePool::Free(FramePool::Allocate(64), 64);
  }).join();
}

// Allocations by `times` runs of `task()`, once everything is warm.
template <class MakeTask>
std::uint64_t AllocationsOf(MakeTask make_task) {
  for (int i = 0; i < 10; ++i) BlockOn(make_task());
  const std::uint64_t before = AllocationCount();
  for (int i = 0; i < 100; ++i) BlockOn(make_task());
  return AllocationCount() - before;
}

AURORA_TASK_WRAPPER Task<int> Ready() { return 1; }
AURORA_NOINLINE Task<int> Leaf() { co_return 1; }

Task<void> AwaitReady() {
  for (int i = 0; i < 100; ++i) {
    const int one = co_await Ready();
    EXPECT_EQ(one, 1);
  }
}
Task<void> AwaitLeaf() {
  for (int i = 0; i < 100; ++i) {
    const int one = co_await Leaf();
    EXPECT_EQ(one, 1);
  }
}
Task<void> PassThroughChannel(Channel<int>* channel) {
  for (int i = 0; i < 100; ++i) {
    const SendResult sent = co_await channel->Send(i);
    EXPECT_EQ(sent, SendResult::kSent);
    const auto received = co_await channel->Receive();
    EXPECT_EQ(received, i);
  }
}
Task<void> AwaitSetEvent(Event* event) {
  for (int i = 0; i < 100; ++i) co_await event->Wait();
}

TEST(AllocationTest, NothingOnTheFastPathsAllocates) {
  SKIP_IF_NOT_COUNTED();
  EXPECT_EQ(AllocationsOf([]() AURORA_TASK_WRAPPER { return Ready(); }), 0u);
  EXPECT_EQ(AllocationsOf([]() AURORA_TASK_WRAPPER { return AwaitReady(); }), 0u);
  EXPECT_EQ(AllocationsOf([]() AURORA_TASK_WRAPPER { return AwaitLeaf(); }), 0u);
  Channel<int> channel(4, Overflow::kWait);
  EXPECT_EQ(AllocationsOf([&]() AURORA_TASK_WRAPPER { return PassThroughChannel(&channel); }), 0u);
  Event event;
  event.Set();
  EXPECT_EQ(AllocationsOf([&]() AURORA_TASK_WRAPPER { return AwaitSetEvent(&event); }), 0u);
}

// What one coroutine costs in memory. A change of the compiler or of the promise that makes every
// frame bigger is not to go unseen. Frames are bigger where nothing is optimised.
Task<int> TwoAwaits(Event* event) {
  co_await event->Wait();
  const int one = co_await Leaf();
  co_return one;
}
template <class T>
std::size_t FrameSize(Task<T> (*make)(Event*), Event* event) {
  // A thread of its own has empty lists.
  std::size_t size = 0;
  std::thread([&] {
    const Task<T> task = make(event);
    size = LastAllocationSize();
  }).join();
  return size;
}
Task<int> LeafWithUnusedEvent(Event*) { co_return 1; }

TEST(FrameSizeTest, StaysWithinItsSizeClass) {
  SKIP_IF_NOT_COUNTED();
  Event event;
  EXPECT_LE(FrameSize(&LeafWithUnusedEvent, &event), 64u);
#ifdef __OPTIMIZE__
  EXPECT_LE(FrameSize(&TwoAwaits, &event), 256u);
#else
  EXPECT_LE(FrameSize(&TwoAwaits, &event), 512u);
#endif
}

}  // namespace
}  // namespace aurora
