#include "aurora/lsm/log_worker.h"

#include <utility>

#include "aurora/runtime/check.h"

namespace aurora::lsm {

// Awaiting it gives false once the worker is to end.
class LogWorker::Sleep {
 public:
  explicit Sleep(LogWorker* worker) : worker_(worker) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    std::lock_guard lock(worker_->mutex_);
    if (worker_->woken_ || worker_->stop_.stop_requested()) return false;
    continuation_.handle = handle;
    continuation_.executor = &worker_->executor_;
    worker_->sleeper_ = &continuation_;
    return true;
  }
  bool await_resume() {
    std::lock_guard lock(worker_->mutex_);
    worker_->woken_ = false;
    return !worker_->stop_.stop_requested();
  }

 private:
  LogWorker* const worker_;
  Continuation continuation_;
};

class LogWorker::End {
 public:
  explicit End(LogWorker* worker) : worker_(worker) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    std::lock_guard lock(worker_->mutex_);
    if (worker_->ended_) return false;
    continuation_ = Continuation::Here(handle);
    worker_->stopper_ = &continuation_;
    return true;
  }
  void await_resume() const noexcept {}

 private:
  LogWorker* const worker_;
  Continuation continuation_;
};

LogWorker::~LogWorker() {
  if (!started_ || ended_) return;
  AURORA_CHECK(sleeper_ != nullptr && "a log worker is destroyed while it works: Close first");
  sleeper_->handle.destroy();
}

LogWorker::Detached LogWorker::Run(LogWorker* worker) {
  co_await SwitchTo(worker->executor_);
  for (;;) {
    Sleep rest(worker);
    const bool go_on = co_await rest;
    if (!go_on) break;
    Task<void> work = worker->work_(worker->owner_, worker->stop_.get_token());
    co_await std::move(work);
  }
  Continuation* stopper = nullptr;
  {
    std::lock_guard lock(worker->mutex_);
    worker->ended_ = true;
    stopper = std::exchange(worker->stopper_, nullptr);
  }
  if (stopper != nullptr) stopper->Post();  // the worker may be gone from here on
}

void LogWorker::Start() {
  AURORA_CHECK(!started_);
  started_ = true;
  Run(this);
}

void LogWorker::Wake() {
  Continuation* sleeper = nullptr;
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
    sleeper = std::exchange(sleeper_, nullptr);
  }
  if (sleeper != nullptr) sleeper->Post();
}

Task<void> LogWorker::Stop() {
  if (!started_) co_return;
  stop_.request_stop();
  Wake();
  End end(this);
  co_await end;
}

}  // namespace aurora::lsm
