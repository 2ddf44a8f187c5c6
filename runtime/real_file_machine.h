// For tests: a directory of its own on the real machine, and a file system over it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aurora/runtime/executor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/file_conformance.h"
#include "aurora/runtime/loop_thread.h"
#include "aurora/runtime/task.h"

namespace aurora {

class RealFileMachine : public FileConformanceMachine {
 public:
  // `make_files` is given a loop with a ring that a thread drives.
  explicit RealFileMachine(
      const std::function<std::unique_ptr<FileSystem>(Executor& io)>& make_files);
  ~RealFileMachine() override;

  FileSystem& files() override { return *files_; }
  std::string root() override { return root_; }
  // All on one loop that the calling thread drives, with a ring.
  void RunAll(std::vector<Task<void>> tasks) override;
  bool real() const override { return true; }

  Executor& io() { return io_.loop(); }

 private:
  LoopThread io_{"test-io", /*with_ring=*/true};
  std::string root_;
  std::unique_ptr<FileSystem> files_;
};

// Starts all of `tasks` on the executor of the caller, and ends with the last.
Task<void> RunTogether(std::vector<Task<void>> tasks);

}  // namespace aurora
