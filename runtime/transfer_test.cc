#include "aurora/runtime/transfer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "aurora/runtime/file.h"
#include "gtest/gtest.h"

namespace aurora::internal {
namespace {

class TransferTest : public testing::Test {
 protected:
  // A file in memory of `size` bytes, for the reads that ask where the end of file is.
  int FileOfSize(off_t size) {
    fd_ = ::memfd_create("transfer", MFD_CLOEXEC);
    EXPECT_EQ(::ftruncate(fd_, size), 0);
    return fd_;
  }
  ~TransferTest() override {
    if (fd_ >= 0) ::close(fd_);
  }

  std::vector<char> bytes_ = std::vector<char>(16 * kDeviceBlockSize);
  const std::string path_ = "some/path";
  int fd_ = -1;
};

TEST_F(TransferTest, AWriteGoesOnWhereAShortCallEnded) {
  Transfer transfer = Transfer::Write(-1, path_, false, 100, std::span(bytes_).first(1000));
  EXPECT_EQ(transfer.offset(), 100u);
  EXPECT_EQ(transfer.data(), bytes_.data());
  EXPECT_EQ(transfer.size(), 1000u);
  transfer.Advance(300);
  EXPECT_FALSE(transfer.done());
  EXPECT_EQ(transfer.offset(), 400u);
  EXPECT_EQ(transfer.data(), bytes_.data() + 300);
  EXPECT_EQ(transfer.size(), 700u);
  transfer.Advance(700);
  EXPECT_TRUE(transfer.done());
  EXPECT_EQ(transfer.Result().value(), 1000u);
}

TEST_F(TransferTest, InterruptedCallsAreMadeAgain) {
  Transfer transfer = Transfer::Read(-1, path_, false, 0, std::span(bytes_).first(10));
  transfer.Advance(-EINTR);
  transfer.Advance(-EAGAIN);
  EXPECT_FALSE(transfer.done());
  transfer.Advance(10);
  EXPECT_EQ(transfer.Result().value(), 10u);
}

TEST_F(TransferTest, AReadEndsWhereACallReadsNothing) {
  Transfer transfer = Transfer::Read(-1, path_, false, 0, std::span(bytes_).first(10));
  transfer.Advance(4);
  transfer.Advance(0);
  EXPECT_TRUE(transfer.done());
  EXPECT_EQ(transfer.Result().value(), 4u);
}

TEST_F(TransferTest, AnErrorEndsTheTransferAndNamesEverything) {
  Transfer transfer = Transfer::Write(-1, path_, false, 8192, std::span(bytes_).first(4096));
  transfer.Advance(512);
  transfer.Advance(-EIO);
  EXPECT_TRUE(transfer.done());
  EXPECT_EQ(transfer.Result().status(), transfer.status());
  EXPECT_TRUE(absl::IsUnavailable(transfer.status()));
  EXPECT_EQ(
      transfer.status().message(),
      "write of 4096 bytes at offset 8192 (failed after 512) of some/path: Input/output error "
      "(errno 5)");
}

TEST_F(TransferTest, CallsThatNeverGetAnywhereAreAnError) {
  for (std::int64_t outcome : {std::int64_t{-EINTR}, std::int64_t{-EAGAIN}, std::int64_t{0}}) {
    Transfer transfer = Transfer::Write(-1, path_, false, 0, std::span(bytes_).first(10));
    int calls = 0;
    while (!transfer.done() && calls < 2 * kMaxStalledCalls) {
      transfer.Advance(outcome);
      ++calls;
    }
    EXPECT_EQ(calls, kMaxStalledCalls);
    EXPECT_TRUE(absl::IsUnavailable(transfer.status())) << transfer.status();
  }
}

TEST_F(TransferTest, ADirectWriteCutWithinABlockRepeatsTheBlock) {
  Transfer transfer =
      Transfer::Write(-1, path_, true, 4096, std::span(bytes_).first(4 * kDeviceBlockSize));
  transfer.Advance(kDeviceBlockSize + 512);
  EXPECT_EQ(transfer.offset(), 4096 + kDeviceBlockSize);
  EXPECT_EQ(transfer.size(), 3 * kDeviceBlockSize);
  transfer.Advance(3 * kDeviceBlockSize);
  EXPECT_TRUE(transfer.status().ok());
}

TEST_F(TransferTest, ADirectWriteThatNeverFinishesABlockIsAnError) {
  Transfer transfer = Transfer::Write(-1, path_, true, 0, std::span(bytes_).first(8192));
  int calls = 0;
  for (; !transfer.done() && calls < 2 * kMaxStalledCalls; ++calls) transfer.Advance(512);
  EXPECT_EQ(calls, kMaxStalledCalls);
  EXPECT_TRUE(absl::IsUnavailable(transfer.status()));
}

TEST_F(TransferTest, ADirectReadKnowsTheEndOfFileFromACutWithinABlock) {
  Transfer at_end =
      Transfer::Read(FileOfSize(4096 + 512), path_, true, 0, std::span(bytes_).first(16384));
  at_end.Advance(4096 + 512);
  ASSERT_TRUE(at_end.done());
  EXPECT_EQ(at_end.Result().value(), 4096u + 512u);
}

TEST_F(TransferTest, ADirectReadCutWithinABlockRepeatsTheBlock) {
  Transfer cut = Transfer::Read(FileOfSize(16384), path_, true, 0, std::span(bytes_).first(16384));
  cut.Advance(4096 + 512);
  ASSERT_FALSE(cut.done());
  EXPECT_EQ(cut.offset(), 4096u);
  cut.Advance(12288);
  EXPECT_EQ(cut.Result().value(), 16384u);
}

TEST_F(TransferTest, NothingToTransferIsDoneAtOnce) {
  EXPECT_TRUE(Transfer::Write(-1, path_, true, 0, {}).done());
  EXPECT_EQ(Transfer::Read(-1, path_, true, 0, {}).Result().value(), 0u);
}

TEST_F(TransferTest, OneCallIsBounded) {
  // The memory is only counted, never touched.
  const std::span<const char> huge(bytes_.data(), std::size_t{5} << 30);
  Transfer transfer = Transfer::Write(-1, path_, true, 0, huge);
  EXPECT_EQ(transfer.size(), kMaxTransferSize);
  for (int calls = 0; calls < 5; ++calls) transfer.Advance(kMaxTransferSize);
  EXPECT_TRUE(transfer.done());
}

}  // namespace
}  // namespace aurora::internal
