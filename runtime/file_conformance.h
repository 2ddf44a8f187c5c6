// One suite of tests that every FileSystem must pass: what file.h promises of a machine that works.
// (What it promises of one that fails is tested where failures can be had: with the simulator.)
//
// A test target links this library, derives a machine, and instantiates:
//
//   INSTANTIATE_TEST_SUITE_P(Threads, FileConformanceTest,
//                            testing::ValuesIn(FileConformanceCases([] { return ...; })),
//                            FileConformanceCaseName);
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora {

// A file system under test, and a way to run coroutines against it. Made anew for each test.
class FileConformanceMachine {
 public:
  virtual ~FileConformanceMachine() = default;
  virtual FileSystem& files() = 0;
  // An existing empty directory of the file system.
  virtual std::string root() = 0;
  // Starts all of `tasks`, lets them wait at the same time, and returns when the last has ended.
  virtual void RunAll(std::vector<Task<void>> tasks) = 0;
  // True if other programs see the files.
  virtual bool real() const = 0;
};

struct FileConformanceCase {
  std::function<std::unique_ptr<FileConformanceMachine>()> make_machine;
  // Whether files are opened for direct I/O where a test is about contents.
  bool direct = false;
};

std::vector<FileConformanceCase> FileConformanceCases(
    std::function<std::unique_ptr<FileConformanceMachine>()> make_machine);
std::string FileConformanceCaseName(const testing::TestParamInfo<FileConformanceCase>& info);

// Bytes at an address that direct I/O can use.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::size_t size, char fill = 0);
  explicit AlignedBytes(std::string_view text);
  char* data() { return memory_.get(); }
  std::size_t size() const { return size_; }
  std::span<char> span() { return {memory_.get(), size_}; }
  std::string_view view() const { return {memory_.get(), size_}; }

 private:
  struct Free {
    void operator()(char* memory) const;
  };
  std::unique_ptr<char, Free> memory_;
  std::size_t size_;
};

class FileConformanceTest : public testing::TestWithParam<FileConformanceCase> {
 protected:
  FileConformanceTest() : machine_(GetParam().make_machine()) {}

  FileSystem& files() { return machine_->files(); }
  FileConformanceMachine& machine() { return *machine_; }
  std::string Path(std::string_view name) { return machine_->root() + "/" + std::string(name); }

  template <class T>
  T Run(Task<T> task) {
    std::optional<T> result;
    std::vector<Task<void>> tasks;
    tasks.push_back(Store(std::move(task), &result));
    machine_->RunAll(std::move(tasks));
    EXPECT_TRUE(result.has_value()) << "the task did not end";
    return *std::move(result);
  }

  // Opens as the case says. Fails the test if it cannot.
  std::unique_ptr<File> Open(std::string_view name, OpenMode mode = OpenMode::kCreate);
  absl::Status TryOpen(const std::string& path, OpenMode mode);

  absl::Status Write(File& file, std::uint64_t offset, std::string_view bytes);
  // Up to `size` bytes at `offset`.
  std::string Read(File& file, std::uint64_t offset, std::size_t size);
  std::uint64_t SizeOf(File& file);
  std::vector<std::string> Names(const std::string& path);
  // Makes a buffered file that holds `contents`.
  void MakeFile(std::string_view name, std::string_view contents);

 private:
  template <class T>
  static Task<void> Store(Task<T> task, std::optional<T>* result) {
    result->emplace(co_await std::move(task));
  }

  const std::unique_ptr<FileConformanceMachine> machine_;
};

}  // namespace aurora
