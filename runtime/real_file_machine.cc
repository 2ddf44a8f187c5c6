#include "aurora/runtime/real_file_machine.h"

#include <stdlib.h>

#include <coroutine>
#include <filesystem>
#include <utility>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

struct Together {
  std::size_t left = 0;
  Continuation waiting;

  bool await_ready() const noexcept { return left == 0; }
  void await_suspend(std::coroutine_handle<> handle) { waiting = Continuation::Here(handle); }
  void await_resume() const noexcept {}
};

struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };
};

Detached RunOne(Task<void> task, Together* together) {
  co_await std::move(task);
  if (--together->left == 0 && together->waiting.handle != nullptr) together->waiting.Post();
}

}  // namespace

Task<void> RunTogether(std::vector<Task<void>> tasks) {
  Together together;
  together.left = tasks.size();
  for (Task<void>& task : tasks) RunOne(std::move(task), &together);
  co_await together;
}

RealFileMachine::RealFileMachine(
    const std::function<std::unique_ptr<FileSystem>(Executor& io)>& make_files) {
  std::string name = testing::TempDir() + "/real_files_XXXXXX";
  AURORA_CHECK(::mkdtemp(name.data()) != nullptr);
  root_ = name;
  files_ = make_files(io_.loop());
}

RealFileMachine::~RealFileMachine() {
  files_.reset();
  std::filesystem::remove_all(root_);
}

void RealFileMachine::RunAll(std::vector<Task<void>> tasks) {
  BlockOn(RunTogether(std::move(tasks)));
}

}  // namespace aurora
