#include "aurora/runtime/block_on.h"

#include <optional>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/fork_guard.h"

namespace aurora::internal {
namespace {

// Static objects are destroyed after the thread-local ones of the main thread, and their
// destructors may block on a task too. So the pointer and the flag have no destructor.
constinit thread_local EventLoop* cached_loop = nullptr;
constinit thread_local bool thread_is_ending = false;

struct CachedLoopOwner {
  std::optional<ForkGuard> guard;  // of the process that made the loop
  ~CachedLoopOwner() {
    thread_is_ending = true;
    EventLoop* loop = std::exchange(cached_loop, nullptr);
    if (guard.has_value() && !guard->InChild()) delete loop;
  }
};

// The loop to use in this process. One that was inherited over a fork is left alone: its ring is
// not mapped here, and its descriptors are shared with the parent.
EventLoop* CachedLoop() {
  static thread_local CachedLoopOwner owner;
  if (AURORA_UNLIKELY(cached_loop == nullptr || owner.guard->InChild())) {
    owner.guard.emplace();
    cached_loop = new EventLoop(/*with_ring=*/true);
  }
  return cached_loop;
}

}  // namespace

BlockingLoop::BlockingLoop() {
  AURORA_CHECK(Executor::Current() == nullptr && EventLoop::Current() == nullptr &&
               "BlockOn inside a coroutine would block its executor: use co_await");
  owned_ = thread_is_ending;
  loop_ = owned_ ? new EventLoop(/*with_ring=*/true) : CachedLoop();
}

BlockingLoop::~BlockingLoop() {
  if (owned_) delete loop_;
}

void BlockingLoop::Run(std::coroutine_handle<> root, const std::atomic<bool>& done) {
  Continuation start{root, loop_, nullptr};
  loop_->Post(start);
  loop_->RunUntil(done);
  AURORA_CHECK(root.done());
  AURORA_CHECK(loop_->Idle() && "work that a BlockOn started on its own loop must end with it");
}

}  // namespace aurora::internal
