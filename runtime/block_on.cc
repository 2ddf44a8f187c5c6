#include "aurora/runtime/block_on.h"

#include <utility>

#include "aurora/runtime/check.h"

namespace aurora::internal {
namespace {

// Static objects are destroyed after the thread-local ones of the main thread, and their
// destructors may block on a task too. So the pointer and the flag have no destructor.
constinit thread_local EventLoop* cached_loop = nullptr;
constinit thread_local bool thread_is_ending = false;

struct CachedLoopOwner {
  ~CachedLoopOwner() {
    thread_is_ending = true;
    delete std::exchange(cached_loop, nullptr);
  }
};

AURORA_COLD void MakeCachedLoop() {
  static thread_local CachedLoopOwner owner;
  static_cast<void>(owner);
  cached_loop = new EventLoop(/*with_ring=*/true);
}

}  // namespace

BlockingLoop::BlockingLoop() {
  AURORA_CHECK(Executor::Current() == nullptr && EventLoop::Current() == nullptr &&
               "BlockOn inside a coroutine would block its executor: use co_await");
  owned_ = thread_is_ending;
  if (owned_) {
    loop_ = new EventLoop(/*with_ring=*/true);
    return;
  }
  if (cached_loop == nullptr) MakeCachedLoop();
  loop_ = cached_loop;
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
