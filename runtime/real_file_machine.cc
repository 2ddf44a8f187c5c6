#include "aurora/runtime/real_file_machine.h"

#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/task_group.h"
#include "gtest/gtest.h"

namespace aurora {

Task<void> RunTogether(std::vector<Task<void>> tasks) {
  TaskGroup group;
  for (Task<void>& task : tasks) group.Spawn(*Executor::Current(), std::move(task));
  const absl::Status status = co_await group.Join();
  EXPECT_TRUE(status.ok()) << status;
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
