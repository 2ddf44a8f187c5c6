#include "aurora/runtime/io_uring_file_system.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/file_conformance.h"
#include "aurora/runtime/real_file_machine.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

std::unique_ptr<FileSystem> MakeFiles(Executor& io) {
  absl::StatusOr<std::unique_ptr<FileSystem>> files = MakeIoUringFileSystem(io);
  EXPECT_TRUE(files.ok()) << files.status();
  return *std::move(files);
}

std::unique_ptr<FileConformanceMachine> MakeIoUringMachine() {
  return std::make_unique<RealFileMachine>(MakeFiles);
}

INSTANTIATE_TEST_SUITE_P(IoUring, FileConformanceTest,
                         testing::ValuesIn(FileConformanceCases(MakeIoUringMachine)),
                         FileConformanceCaseName);

}  // namespace
}  // namespace aurora
