#include "aurora/runtime/thread_file_system.h"

#include <memory>

#include "aurora/runtime/executor.h"
#include "aurora/runtime/file_conformance.h"
#include "aurora/runtime/real_file_machine.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

std::unique_ptr<FileConformanceMachine> MakeThreadMachine() {
  return std::make_unique<RealFileMachine>([](Executor&) { return MakeThreadFileSystem(); });
}

INSTANTIATE_TEST_SUITE_P(Threads, FileConformanceTest,
                         testing::ValuesIn(FileConformanceCases(MakeThreadMachine)),
                         FileConformanceCaseName);

}  // namespace
}  // namespace aurora
