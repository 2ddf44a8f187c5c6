#include "aurora/runtime/io_ring.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/task.h"

namespace aurora {

// What a kernel out of memory does: it takes fewer entries than it was offered.
class IoRingPeer {
 public:
  static void SubmitOnly(IoRing& ring, unsigned count) {
    const unsigned before = io_uring_sq_ready(&ring.ring_);
    io_uring_smp_store_release(ring.ring_.sq.ktail, ring.ring_.sq.sqe_tail);
    ring.ring_.sq.sqe_head = ring.ring_.sq.sqe_tail;
    ASSERT_EQ(io_uring_enter(static_cast<unsigned>(ring.ring_.ring_fd), count, 0, 0, nullptr),
              static_cast<int>(count));
    ring.CancelRestOfSplitChain(before);
  }
  static unsigned Unsubmitted(IoRing& ring) { return io_uring_sq_ready(&ring.ring_); }
};

namespace {

class Nops final : public IoRing::Operation {
 public:
  explicit Nops(IoRing& ring, unsigned count = 1) : Operation(ring, count) {}
  int await_resume() const { return result(); }

 private:
  void Prepare(std::span<io_uring_sqe* const> entries) override {
    for (io_uring_sqe* entry : entries) io_uring_prep_nop(entry);
  }
};

// A write and a read of the same byte, linked.
class WriteThenRead final : public IoRing::Operation {
 public:
  WriteThenRead(IoRing& ring, int write_fd, int read_fd, const char* out, char* in)
      : Operation(ring, 2), write_fd_(write_fd), read_fd_(read_fd), out_(out), in_(in) {}
  void await_resume() const {}

 private:
  void Prepare(std::span<io_uring_sqe* const> entries) override {
    io_uring_prep_write(entries[0], write_fd_, out_, 1, 0);
    io_uring_prep_read(entries[1], read_fd_, in_, 1, 0);
  }
  const int write_fd_;
  const int read_fd_;
  const char* const out_;
  char* const in_;
};

class TemporaryFile {
 public:
  TemporaryFile() : file_(std::tmpfile()) {}
  ~TemporaryFile() { std::fclose(file_); }
  int fd() const { return fileno(file_); }

 private:
  std::FILE* const file_;
};

IoRing* CurrentRing() { return EventLoop::Current()->ring(); }

// Runs `body(ring)` on this thread's loop, or skips where there is no io_uring.
template <class Body>
Task<bool> WithRing(Body body) {
  IoRing* ring = CurrentRing();
  if (ring == nullptr) co_return false;
  co_await body(ring);
  co_return true;
}
#define RUN_WITH_RING(body) \
  if (!BlockOn(WithRing(body))) GTEST_SKIP() << "io_uring is not to be had here"

TEST(IoRingTest, CompletesWhatWasStarted) {
  RUN_WITH_RING([](IoRing* ring) -> Task<void> {
    for (int i = 0; i < 3000; ++i) {
      Nops nop(*ring);
      EXPECT_EQ(co_await nop, 0);
    }
    EXPECT_TRUE(ring->Idle());
  });
}

TEST(IoRingTest, ReportsErrorsAsTheKernelGaveThem) {
  RUN_WITH_RING([](IoRing* ring) -> Task<void> {
    TemporaryFile file;
    char in = 0;
    const char out = 'x';
    WriteThenRead bad_second(*ring, file.fd(), -1, &out, &in);
    co_await bad_second;
    EXPECT_EQ(bad_second.result(0), 1);
    EXPECT_EQ(bad_second.result(1), -EBADF);
  });
}

TEST(IoRingTest, AFailureInAChainCancelsTheRest) {
  RUN_WITH_RING([](IoRing* ring) -> Task<void> {
    TemporaryFile file;
    char in = 0;
    const char out = 'x';
    WriteThenRead bad_first(*ring, -1, file.fd(), &out, &in);
    co_await bad_first;
    EXPECT_EQ(bad_first.result(0), -EBADF);
    EXPECT_EQ(bad_first.result(1), -ECANCELED);
    WriteThenRead good(*ring, file.fd(), file.fd(), &out, &in);
    co_await good;
    EXPECT_EQ(good.result(0), 1);
    EXPECT_EQ(good.result(1), 1);
    EXPECT_EQ(in, 'x');
  });
}

// Coroutines that start at once and end by decrementing a counter.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Detached RunNops(IoRing* ring, unsigned entries, unsigned* left) {
  Nops nops(*ring, entries);
  co_await nops;
  for (unsigned i = 0; i < entries; ++i) EXPECT_EQ(nops.result(i), 0);
  --*left;
}

TEST(IoRingTest, MoreOperationsThanTheQueuesHoldAllComplete) {
  RUN_WITH_RING([](IoRing* ring) -> Task<void> {
    unsigned left = 3 * IoRing::kCompletionEntries;
    for (unsigned i = 0, count = left; i < count; ++i) {
      RunNops(ring, i % IoRing::Operation::kMaxEntries + 1, &left);
      EXPECT_LE(ring->in_flight(), ring->max_in_flight());
    }
    while (left > 0) co_await Yield();
    EXPECT_TRUE(ring->Idle());
  });
}

TEST(IoRingTest, ABusyLoopStillCompletesItsIo) {
  RUN_WITH_RING([](IoRing* ring) -> Task<void> {
    unsigned left = 1;
    RunNops(ring, 1, &left);
    int yields = 0;
    while (left > 0) {
      co_await Yield();
      ++yields;
      EXPECT_LE(yields, 100 * EventLoop::kResumesPerPoll);
      if (yields > 100 * EventLoop::kResumesPerPoll) std::abort();
    }
  });
}

Detached RunSplitChain(IoRing* ring, int fd, int* results, bool* done) {
  const char out = 'y';
  char in = 0;
  WriteThenRead chain(*ring, fd, fd, &out, &in);
  co_await chain;
  results[0] = chain.result(0);
  results[1] = chain.result(1);
  *done = true;
}

TEST(IoRingTest, TheTailOfASplitChainDoesNotRunOnItsOwn) {
  RUN_WITH_RING([](IoRing* ring) -> Task<void> {
    TemporaryFile file;
    int results[2] = {};
    bool done = false;
    RunSplitChain(ring, file.fd(), results, &done);
    unsigned left = 1;
    RunNops(ring, 3, &left);  // a chain behind it, which must stay whole
    EXPECT_EQ(IoRingPeer::Unsubmitted(*ring), 5u);
    IoRingPeer::SubmitOnly(*ring, 1);
    while (!done || left > 0) co_await Yield();
    EXPECT_EQ(results[0], 1);
    EXPECT_EQ(results[1], -ECANCELED);
  });
}

TEST(IoRingTest, EachThreadHasItsOwnRingAndFreesIt) {
  for (int i = 0; i < 20; ++i) {
    std::thread([] {
      BlockOn(WithRing([](IoRing* ring) -> Task<void> {
        Nops nop(*ring);
        EXPECT_EQ(co_await nop, 0);
      }));
    }).join();
  }
}

// Wakes a loop that sleeps in its ring, from another thread.
TEST(IoRingTest, ALoopThatSleepsInItsRingIsWoken) {
  EventLoop loop(true);
  std::atomic<bool> stop{false};
  std::atomic<int> ring_state{0};
  std::thread thread([&] { loop.RunUntil(stop); });
  const auto visit = [](EventLoop* loop, std::atomic<int>* state) -> Task<void> {
    Executor* home = Executor::Current();
    for (int i = 0; i < 1000; ++i) {
      co_await SwitchTo(*loop);
      state->store(CurrentRing() != nullptr ? 1 : -1);
      co_await SwitchTo(*home);
    }
  };
  BlockOn(visit(&loop, &ring_state));
  stop = true;
  loop.Wake();
  thread.join();
  EXPECT_NE(ring_state.load(), 0);
}

Task<void> DieInFlight() {
  IoRing* ring = CurrentRing();
  AURORA_CHECK(ring != nullptr && "die anyway: no io_uring");
  const auto start = [](IoRing* r) -> Detached {
    auto nop = std::make_unique<Nops>(*r);
    nop->await_suspend(std::noop_coroutine());
    nop.reset();
    co_return;
  };
  start(ring);
  co_return;
}

TEST(IoRingDeathTest, AnOperationInFlightMustNotDie) {
  EXPECT_DEATH(BlockOn(DieInFlight()), "die");
}

}  // namespace
}  // namespace aurora
