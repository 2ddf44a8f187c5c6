#include "aurora/runtime/thread_file_system.h"

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "aurora/runtime/executor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/file_conformance.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

class QueueExecutor final : public Executor {
 public:
  void Post(Continuation& continuation) override {
    std::lock_guard lock(mutex_);
    handles_.push_back(continuation.handle);
    work_.notify_one();
  }
  void RunUntil(const int& left) {
    CurrentScope scope(this);
    std::unique_lock lock(mutex_);
    while (left > 0) {
      work_.wait(lock, [&] { return !handles_.empty(); });
      std::vector<std::coroutine_handle<>> handles = std::exchange(handles_, {});
      lock.unlock();
      for (std::coroutine_handle<> handle : handles) handle.resume();
      lock.lock();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable work_;
  std::vector<std::coroutine_handle<>> handles_;
};

struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::abort(); }
  };
};
Detached Start(Executor* executor, Task<void> task, int* left) {
  co_await SwitchTo(*executor);
  co_await std::move(task);
  --*left;
}

class ThreadMachine final : public FileConformanceMachine {
 public:
  ThreadMachine() {
    std::string name = testing::TempDir() + "/thread_files_XXXXXX";
    root_ = ::mkdtemp(name.data());
  }
  ~ThreadMachine() override { std::filesystem::remove_all(root_); }
  FileSystem& files() override { return *files_; }
  std::string root() override { return root_; }
  void RunAll(std::vector<Task<void>> tasks) override {
    QueueExecutor executor;
    int left = static_cast<int>(tasks.size());
    for (Task<void>& task : tasks) Start(&executor, std::move(task), &left);
    executor.RunUntil(left);
  }
  bool real() const override { return true; }

 private:
  std::string root_;
  std::unique_ptr<FileSystem> files_ = MakeThreadFileSystem();
};

INSTANTIATE_TEST_SUITE_P(Threads, FileConformanceTest, testing::ValuesIn(FileConformanceCases([] {
                           return std::make_unique<ThreadMachine>();
                         })),
                         FileConformanceCaseName);

}  // namespace
}  // namespace aurora
