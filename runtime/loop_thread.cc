#include "aurora/runtime/loop_thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora {
namespace {

constexpr std::size_t kMaxThreadNameSize = 15;

// A new thread inherits the mask of the one that makes it.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }

 private:
  sigset_t previous_;
};

// On Linux a niceness is that of a thread. To be nicer is always allowed; where it is not, the
// thread goes on as it is.
void BeNicer(int niceness) {
  const int before = ::getpriority(PRIO_PROCESS, 0);
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, before + niceness));
}

}  // namespace

LoopThread::LoopThread(std::string name, bool with_ring, Executor* identity, int niceness)
    : loop_(with_ring, identity) {
  AURORA_CHECK(name.size() <= kMaxThreadNameSize);
  const AllSignalsBlocked blocked;
  thread_ = std::thread([this, name = std::move(name), niceness] {
    pthread_setname_np(pthread_self(), name.c_str());
    if (niceness != 0) BeNicer(niceness);
    loop_.RunUntil(stop_);
  });
}

LoopThread::~LoopThread() {
  AURORA_CHECK(thread_.get_id() != std::this_thread::get_id() &&
               "a thread cannot end itself: its owner was released by a coroutine that it runs");
  stop_.store(true, std::memory_order_release);
  loop_.Wake();
  thread_.join();
}

LoopPool::LoopPool(const std::string& name, int threads, bool with_ring, int niceness) {
  AURORA_CHECK(threads >= 1);
  threads_.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    threads_.push_back(
        std::make_unique<LoopThread>(StrCat(name, "-", i), with_ring, this, niceness));
  }
}

LoopPool::~LoopPool() = default;

void LoopPool::Post(Continuation& continuation) {
  const std::size_t start = next_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    EventLoop& loop = threads_[(start + i) % threads_.size()]->loop();
    if (loop.asleep()) return loop.Post(continuation);
  }
  threads_[start % threads_.size()]->loop().Post(continuation);
}

}  // namespace aurora
