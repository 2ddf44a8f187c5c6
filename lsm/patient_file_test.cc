#include "aurora/lsm/patient_file.h"

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/simulation/disk_image.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kBlock = kDeviceBlockSize;

class PatientFileTest : public testing::Test {
 protected:
  // A file of blocks of 'a', 'b', ..., the last one cut to `tail` bytes.
  std::unique_ptr<PatientFile> Open(std::size_t blocks, std::uint64_t tail = kBlock) {
    bytes_.clear();
    for (std::size_t i = 0; i < blocks; ++i) {
      bytes_ += std::string(i + 1 == blocks ? tail : kBlock, static_cast<char>('a' + i));
    }
    EXPECT_TRUE(simulation_.disk().image().WriteFile("/file", bytes_).ok());
    auto file = simulation_.Run(PatientFile::Open(&simulation_.environment().files(), "/file"));
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  std::string Read(PatientFile& file, std::uint64_t begin, std::uint64_t end) {
    return std::string(simulation_.Run(file.Read(begin, end)));
  }
  // The reads of these numbers, counted from 1, fail.
  void FailReads(const std::vector<std::uint64_t>& numbers) {
    for (const std::uint64_t number : numbers) {
      FaultRule rule;
      rule.fault = Fault::Error(EIO);
      rule.kinds = {OperationKind::kRead};
      rule.first = number;
      simulation_.faults().Add(rule);
    }
  }

  Simulation simulation_{1};
  std::string bytes_;
};

TEST_F(PatientFileTest, ReadsAnyRangeAsFarAsTheFileGoes) {
  const std::unique_ptr<PatientFile> file = Open(3, 100);
  EXPECT_EQ(file->size(), 2 * kBlock + 100);
  EXPECT_EQ(Read(*file, 0, file->size()), bytes_);
  EXPECT_EQ(Read(*file, 10, kBlock + 20), bytes_.substr(10, kBlock + 10));
  EXPECT_EQ(Read(*file, 2 * kBlock + 90, 9 * kBlock), std::string(10, 'c'));
  EXPECT_EQ(Read(*file, 3 * kBlock, 4 * kBlock), "");
  EXPECT_EQ(Read(*file, 5, 5), "");
  EXPECT_TRUE(file->unreadable().empty());
}

TEST_F(PatientFileTest, ABlockThatCannotBeReadIsZerosAndTheOthersAreThere) {
  const std::unique_ptr<PatientFile> file = Open(5, 100);
  // The whole, then the second, the third and the last block of it.
  FailReads({1, 3, 4, 6});
  bytes_.replace(kBlock, 2 * kBlock, 2 * kBlock, '\0');
  bytes_.replace(4 * kBlock, 100, 100, '\0');
  EXPECT_EQ(Read(*file, 0, file->size()), bytes_);
  const std::vector<FileRange> unreadable = {{kBlock, 2 * kBlock}, {4 * kBlock, 100}};
  EXPECT_EQ(file->unreadable(), unreadable);
}

TEST_F(PatientFileTest, WhatIsReadAgainInVainIsNotedOnce) {
  const std::unique_ptr<PatientFile> file = Open(2);
  FailReads({1, 2, 4, 5});
  const std::string expected = std::string(kBlock, '\0') + std::string(kBlock, 'b');
  EXPECT_EQ(Read(*file, 0, 2 * kBlock), expected);
  EXPECT_EQ(Read(*file, 0, 2 * kBlock), expected);
  const std::vector<FileRange> unreadable = {{0, kBlock}};
  EXPECT_EQ(file->unreadable(), unreadable);
}

TEST_F(PatientFileTest, AFileThatWasCutSinceReadsAsZeros) {
  const std::unique_ptr<PatientFile> file = Open(2);
  ASSERT_TRUE(simulation_.disk().image().WriteFile("/file", bytes_.substr(0, kBlock)).ok());
  EXPECT_EQ(Read(*file, 0, 2 * kBlock), bytes_.substr(0, kBlock) + std::string(kBlock, '\0'));
  const std::vector<FileRange> unreadable = {{kBlock, kBlock}};
  EXPECT_EQ(file->unreadable(), unreadable);
}

TEST_F(PatientFileTest, AFileThatIsNotThereIsNotFound) {
  const auto file =
      simulation_.Run(PatientFile::Open(&simulation_.environment().files(), "/nothing"));
  EXPECT_TRUE(absl::IsNotFound(file.status())) << file.status();
}

}  // namespace
}  // namespace aurora::lsm
