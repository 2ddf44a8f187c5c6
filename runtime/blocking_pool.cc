#include "aurora/runtime/blocking_pool.h"

#include <pthread.h>
#include <signal.h>

#include <system_error>

#include "aurora/runtime/check.h"

namespace aurora::internal {
namespace {

// Blocks every signal of the calling thread but those that a fault of its own raises, which would
// otherwise kill the process without asking anybody.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (int fault : {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &previous_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }

 private:
  sigset_t previous_;
};

}  // namespace

BlockingPool::BlockingPool(std::string name, int max_threads)
    : name_(std::move(name)), max_threads_(max_threads), state_(std::make_unique<State>()) {
  AURORA_CHECK(max_threads_ > 0);
  AURORA_CHECK(name_.size() < 16);
}

BlockingPool::~BlockingPool() {
  if (fork_guard_.InChild()) {
    static_cast<void>(state_.release());
    return;
  }
  {
    std::lock_guard lock(state_->mutex);
    AURORA_CHECK(state_->queued == 0 && "a pool must not be destroyed while calls are queued");
    state_->stopping = true;
    state_->work.notify_all();
  }
  for (std::thread& thread : state_->threads) thread.join();
}

void BlockingPool::Submit(Job& job) {
  AURORA_CHECK(!fork_guard_.InChild());
  std::unique_lock lock(state_->mutex);
  AURORA_CHECK(!state_->stopping);
  const bool enough_threads =
      state_->queued < state_->idle || static_cast<int>(state_->threads.size()) == max_threads_;
  if (!enough_threads && !StartThread() && state_->threads.empty()) {
    lock.unlock();
    job.run(&job);
    return;
  }
  job.next = nullptr;
  *state_->tail = &job;
  state_->tail = &job.next;
  ++state_->queued;
  state_->work.notify_one();
}

bool BlockingPool::StartThread() {
  SignalsBlocked inherited_by_the_thread;
  try {
    state_->threads.emplace_back([this] { Work(); });
  } catch (const std::system_error&) {
    return false;
  }
  pthread_setname_np(state_->threads.back().native_handle(), name_.c_str());
  return true;
}

void BlockingPool::Work() {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  while (true) {
    while (state.head == nullptr) {
      if (state.stopping) return;
      ++state.idle;
      state.work.wait(lock);
      --state.idle;
    }
    Job* job = state.head;
    state.head = job->next;
    if (state.head == nullptr) state.tail = &state.head;
    --state.queued;
    lock.unlock();
    job->run(job);
    lock.lock();
  }
}

}  // namespace aurora::internal
