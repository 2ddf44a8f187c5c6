#include "aurora/runtime/event_loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/clock.h"
#include "aurora/runtime/io_ring.h"

namespace aurora {
namespace {

thread_local EventLoop* current_loop = nullptr;

void WriteWakeToken(int descriptor) {
  const std::uint64_t one = 1;
  ssize_t written;
  do {
    written = write(descriptor, &one, sizeof one);
  } while (written < 0 && errno == EINTR);
  AURORA_CHECK(written == sizeof one);
}

}  // namespace

// Marks the loop as the one that drives this thread.
class EventLoop::DriveScope {
 public:
  explicit DriveScope(EventLoop& loop) : executor_scope_(&loop.identity()) {
    AURORA_CHECK(current_loop == nullptr && "a thread drives one event loop at a time");
    AURORA_CHECK((loop.ring_ == nullptr || loop.ring_thread_ == std::this_thread::get_id()) &&
                 "a loop with a ring is driven by one thread all its life");
    current_loop = &loop;
  }
  ~DriveScope() { current_loop = nullptr; }

 private:
  CurrentScope executor_scope_;
};

AURORA_NOINLINE EventLoop* EventLoop::Current() { return current_loop; }

EventLoop::EventLoop(bool with_ring, Executor* identity)
    : identity_(identity != nullptr ? identity : this),
      wake_descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      ring_wanted_(with_ring) {
  AURORA_CHECK(wake_descriptor_ >= 0 && "no file descriptor left for an event loop");
}

EventLoop::~EventLoop() {
  AURORA_CHECK(current_loop != this);
  AURORA_CHECK(Idle() && mailbox_.empty() && "an event loop must outlive the work on it");
  ring_.reset();
  // Whoever promised a wake-up still holds our descriptor.
  while (owed_wakes_ > 0) {
    if (WaitForWake(-1)) ConsumeWakes();
  }
  close(wake_descriptor_);
}

void EventLoop::Post(Continuation& continuation) {
  if (Current() == this) {
    // What other threads posted earlier comes first.
    mailbox_.TakeInto(ready_);
    ready_.PushBack(continuation);
    return;
  }
  // Once the continuation is in, the loop may finish its work and wait for our wake-up alone.
  const int descriptor = wake_descriptor_;
  if (mailbox_.Push(continuation)) WriteWakeToken(descriptor);
}

bool EventLoop::MayDriveIo() { return Current() == this && in_run_until_ && Idle(); }

void EventLoop::Wake() {
  const int descriptor = wake_descriptor_;
  if (mailbox_.Nudge()) WriteWakeToken(descriptor);
}

std::size_t EventLoop::RunReady() {
  DriveScope scope(*this);
  std::size_t resumed = 0;
  do {
    mailbox_.TakeInto(ready_);
    ExpireTimers();
    ResumeBatch(kResumesPerPoll, resumed, nullptr);
    if (ring_ != nullptr) ring_->Submit();
    Reap();
    mailbox_.TakeInto(ready_);
  } while (!ready_.empty() && resumed < kMaxResumesPerRunReady);
  return resumed;
}

void EventLoop::RunUntil(const std::atomic<bool>& done) {
  DriveScope scope(*this);
  in_run_until_ = true;
  std::size_t resumed = 0;
  while (!done.load(std::memory_order_acquire)) {
    mailbox_.TakeInto(ready_);
    ExpireTimers();
    if (ready_.empty()) {
      SleepUnless(done);
    } else if (ring_ != nullptr) {
      ring_->Submit();
    }
    Reap();
    mailbox_.TakeInto(ready_);
    ResumeBatch(kResumesPerPoll, resumed, &done);
  }
  in_run_until_ = false;
}

void EventLoop::ResumeBatch(std::size_t limit, std::size_t& resumed,
                            const std::atomic<bool>* done) {
  for (std::size_t i = 0; i < limit && !ready_.empty(); ++i) {
    // The continuation dies with the frame, so nothing of it is used after the resumption.
    const std::coroutine_handle<> handle = ready_.PopFront().handle;
    handle.resume();
    ++resumed;
    if (done != nullptr && done->load(std::memory_order_relaxed)) return;
  }
}

void EventLoop::ExpireTimers() {
  if (timers_.empty()) return;
  const std::int64_t now = Clock::System().MonotonicNanos();
  while (internal::Timer* timer = timers_.PopExpired(now)) {
    if (timer->Claim()) ready_.PushBack(timer->continuation);
  }
}

void EventLoop::Reap() {
  if (ring_ != nullptr && ring_->Reap(ready_, identity())) ConsumeWakes();
}

void EventLoop::SleepUnless(const std::atomic<bool>& done) {
  if (!mailbox_.PrepareToSleep()) return;
  bool woken = false;
  // Checked after the announcement: one who set it before calling Wake is seen here, or sees us.
  if (!done.load(std::memory_order_acquire)) {
    std::int64_t timeout = -1;
    if (!timers_.empty()) {
      timeout =
          std::max<std::int64_t>(0, timers_.NextDeadline() - Clock::System().MonotonicNanos());
    }
    if (ring_ != nullptr) {
      ring_->SubmitAndWait(timeout);
    } else {
      woken = WaitForWake(timeout);
    }
  }
  // The debt is known from here on, so its payment may be taken.
  if (mailbox_.EndSleep()) ++owed_wakes_;
  if (woken) ConsumeWakes();
}

bool EventLoop::WaitForWake(std::int64_t timeout_nanos) {
  pollfd descriptor{wake_descriptor_, POLLIN, 0};
  const timespec timeout{timeout_nanos / 1'000'000'000, timeout_nanos % 1'000'000'000};
  const int result = ppoll(&descriptor, 1, timeout_nanos < 0 ? nullptr : &timeout, nullptr);
  AURORA_CHECK(result >= 0 || errno == EINTR || errno == ENOMEM);
  return result > 0;
}

void EventLoop::ConsumeWakes() {
  std::uint64_t count = 0;
  if (read(wake_descriptor_, &count, sizeof count) != sizeof count) return;
  AURORA_CHECK(count <= owed_wakes_);
  owed_wakes_ -= count;
}

IoRing* EventLoop::ring() {
  if (ring_wanted_) SetUpRing();
  return ring_.get();
}

AURORA_COLD void EventLoop::SetUpRing() {
  AURORA_CHECK(current_loop == this && "a loop's ring belongs to the thread that drives it");
  ring_wanted_ = false;
  absl::StatusOr<std::unique_ptr<IoRing>> ring = IoRing::Create(wake_descriptor_);
  if (ring.ok()) {
    ring_ = *std::move(ring);
    ring_thread_ = std::this_thread::get_id();
  } else {
    ring_status_ = ring.status();
  }
}

void EventLoop::AddTimer(internal::Timer& timer) {
  AURORA_DCHECK(current_loop == this);
  timers_.Add(timer);
}

void EventLoop::RemoveTimer(internal::Timer& timer) {
  AURORA_DCHECK(current_loop == this);
  timers_.Remove(timer);
}

bool EventLoop::Idle() const {
  return ready_.empty() && timers_.empty() && (ring_ == nullptr || ring_->Idle());
}

}  // namespace aurora
