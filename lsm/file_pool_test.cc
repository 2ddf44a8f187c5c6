#include "aurora/lsm/file_pool.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/disk_image.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/thread_file_system.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr std::size_t kFileBytes = 3000;

// What file `number` holds: no two are alike.
std::string BytesOf(std::size_t number) {
  SeededRandom random(number + 1);
  std::string bytes(kFileBytes, ' ');
  for (char& byte : bytes) byte = static_cast<char>(random.Below(256));
  return bytes;
}

Task<absl::Status> ReadAndCompare(File* file, std::size_t number, std::uint64_t offset) {
  std::string bytes(100, ' ');
  AURORA_CO_ASSIGN(const std::size_t count, co_await file->Read(offset, bytes));
  if (count == bytes.size() && bytes == BytesOf(number).substr(offset, count)) {
    co_return absl::OkStatus();
  }
  co_return InternalError("file ", number, " gave other bytes at offset ", offset);
}

class FilePoolTest : public testing::Test {
 protected:
  using Files = std::vector<std::unique_ptr<File>>;

  static std::string PathOf(std::size_t number) { return StrCat("/file", number); }

  absl::StatusOr<std::unique_ptr<File>> Open(FilePool& pool, std::size_t number,
                                             bool direct = false) {
    OpenOptions options;
    options.direct = direct;
    return simulation_.Run(pool.OpenPooled(PathOf(number), options));
  }
  Files OpenAll(FilePool& pool, std::size_t count) {
    Files files;
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_TRUE(simulation_.disk().image().WriteFile(PathOf(i), BytesOf(i)).ok());
      absl::StatusOr<std::unique_ptr<File>> file = Open(pool, i);
      EXPECT_TRUE(file.ok()) << file.status();
      files.push_back(*std::move(file));
    }
    return files;
  }
  absl::Status Read(File& file, std::size_t number, std::uint64_t offset = 0) {
    return simulation_.Run(ReadAndCompare(&file, number, offset));
  }
  // How many real files the machine has open.
  std::size_t OpenCount() { return simulation_.files().Handles().size(); }
  bool IsOpen(std::size_t number) {
    const std::vector<std::string> paths = simulation_.files().Handles();
    return std::find(paths.begin(), paths.end(), PathOf(number)) != paths.end();
  }
  std::size_t FailOpens(int error, std::uint64_t count, std::uint64_t first = 1) {
    FaultRule rule;
    rule.fault = Fault::Error(error);
    rule.kinds = {OperationKind::kOpen};
    rule.first = first;
    rule.count = count;
    return simulation_.faults().Add(rule);
  }

  Simulation simulation_{TestSeed()};
};

TEST_F(FilePoolTest, KeepsTheBoundAndGivesTheSameBytes) {
  FilePool pool(simulation_.files(), 3);
  Files files = OpenAll(pool, 20);
  EXPECT_EQ(OpenCount(), 3u);
  SeededRandom random(simulation_.seed());
  for (int i = 0; i < 500; ++i) {
    const std::size_t number = random.Below(files.size());
    const absl::Status read = Read(*files[number], number, random.Below(kFileBytes - 100));
    ASSERT_TRUE(read.ok()) << read;
    ASSERT_LE(OpenCount(), 3u);
    ASSERT_EQ(pool.counts().open_count, OpenCount());
  }
  EXPECT_GT(pool.counts().reopened_count, 0u);
  files.clear();
  EXPECT_EQ(OpenCount(), 0u);
  EXPECT_EQ(pool.counts().open_count, 0u);
}

TEST_F(FilePoolTest, WhatFitsIsNeverOpenedAgain) {
  FilePool pool(simulation_.files(), 4);
  const Files files = OpenAll(pool, 4);
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < files.size(); ++i) EXPECT_TRUE(Read(*files[i], i).ok());
  }
  EXPECT_EQ(simulation_.faults().operation_count(OperationKind::kOpen), 4u);
  EXPECT_EQ(pool.counts().reopened_count, 0u);
}

TEST_F(FilePoolTest, WhatIsReadAgainAndAgainStaysOpen) {
  FilePool pool(simulation_.files(), 4);
  const Files files = OpenAll(pool, 20);
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 1; i < files.size(); ++i) {
      EXPECT_TRUE(Read(*files[0], 0).ok());
      EXPECT_TRUE(IsOpen(0));
      EXPECT_TRUE(Read(*files[i], i).ok());
    }
  }
}

TEST_F(FilePoolTest, FilesInUseAreNotClosedAndTheBoundHoldsWhenTheyNoLongerAre) {
  FilePool pool(simulation_.files(), 2);
  const Files files = OpenAll(pool, 12);
  std::size_t most = 0;
  std::vector<absl::Status> read(2 * files.size());
  std::vector<Task<void>> tasks;
  for (std::size_t i = 0; i < read.size(); ++i) {
    tasks.push_back([](Simulation* simulation, File* file, std::size_t number, std::size_t* seen,
                       absl::Status* status) -> Task<void> {
      *status = co_await ReadAndCompare(file, number, 7 * number);
      *seen = std::max(*seen, simulation->files().Handles().size());
    }(&simulation_, files[i % files.size()].get(), i % files.size(), &most, &read[i]));
  }
  simulation_.RunAll(std::move(tasks));
  for (const absl::Status& status : read) EXPECT_TRUE(status.ok()) << status;
  EXPECT_GT(most, 2u) << "they were not read at once";
  EXPECT_LE(most, files.size()) << "a file was open twice";
  EXPECT_EQ(OpenCount(), 2u);
}

TEST_F(FilePoolTest, AFileKnowsItsPathAndSizeWhileItIsClosed) {
  FilePool pool(simulation_.files(), 1);
  const Files files = OpenAll(pool, 2);
  EXPECT_EQ(*simulation_.Run(files[0]->Size()), kFileBytes);
  EXPECT_TRUE(Read(*files[1], 1).ok());
  ASSERT_FALSE(IsOpen(0));
  EXPECT_EQ(files[0]->path(), PathOf(0));
  EXPECT_FALSE(files[0]->direct());
  EXPECT_EQ(*simulation_.Run(files[0]->Size()), kFileBytes);
  EXPECT_FALSE(IsOpen(0));
}

TEST_F(FilePoolTest, DirectFilesAreDirectWhenTheyAreOpenedAgain) {
  FilePool pool(simulation_.files(), 1);
  const Files others = OpenAll(pool, 2);
  const absl::StatusOr<std::unique_ptr<File>> file = Open(pool, 0, /*direct=*/true);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE((*file)->direct());
  ASSERT_TRUE(Read(*others[1], 1).ok());
  const absl::Status unaligned = Read(**file, 0, 7);
  EXPECT_TRUE(absl::IsInvalidArgument(unaligned)) << unaligned;
}

TEST_F(FilePoolTest, RefusesWhatWouldChangeAFile) {
  FilePool pool(simulation_.files(), 1);
  const Files files = OpenAll(pool, 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation_.Run(files[0]->Write(0, "x"))));
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation_.Run(files[0]->WriteDurably(0, "x"))));
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation_.Run(files[0]->Sync())));
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation_.Run(files[0]->Truncate(0))));
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation_.Run(files[0]->Allocate(1))));
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation_.Run(files[0]->Map(1)).status()));
}

TEST_F(FilePoolTest, AMissingFileIsToldAtOnce) {
  FilePool pool(simulation_.files(), 1);
  const absl::Status missing = Open(pool, 77).status();
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_NE(missing.message().find(PathOf(77)), absl::string_view::npos) << missing;
  EXPECT_EQ(pool.counts().open_count, 0u);
}

TEST_F(FilePoolTest, AFailingReopenNamesTheFileAndIsNotRemembered) {
  FilePool pool(simulation_.files(), 1);
  const Files files = OpenAll(pool, 2);
  ASSERT_FALSE(IsOpen(0));
  FailOpens(EIO, 1);
  const absl::Status failed = Read(*files[0], 0);
  EXPECT_TRUE(absl::IsUnavailable(failed)) << failed;
  EXPECT_NE(failed.message().find(PathOf(0)), absl::string_view::npos) << failed;
  EXPECT_TRUE(Read(*files[0], 0).ok());
  EXPECT_TRUE(Read(*files[1], 1).ok());

  ASSERT_TRUE(simulation_.disk().image().RemoveFile(PathOf(0)).ok());
  const absl::Status gone = Read(*files[0], 0);
  EXPECT_TRUE(absl::IsDataLoss(gone)) << gone;
  EXPECT_NE(gone.message().find(PathOf(0)), absl::string_view::npos) << gone;
  EXPECT_TRUE(Read(*files[1], 1).ok());
  EXPECT_LE(OpenCount(), 1u);
}

TEST_F(FilePoolTest, ClosesFilesWhereThereIsNoDescriptorLeft) {
  FilePool pool(simulation_.files(), 16);
  const Files files = OpenAll(pool, 20);
  ASSERT_EQ(OpenCount(), 16u);
  std::size_t closed = 0;
  while (IsOpen(closed)) ++closed;
  const std::size_t rule = FailOpens(EMFILE, 2);
  EXPECT_TRUE(Read(*files[closed], closed).ok());
  EXPECT_EQ(simulation_.faults().struck(rule), 2u);
  EXPECT_EQ(OpenCount(), 3u) << "one had made room; half of 15, half of 7";
  // What was open then is the bound from there on.
  for (std::size_t i = 0; i < files.size(); ++i) EXPECT_TRUE(Read(*files[i], i).ok());
  EXPECT_EQ(OpenCount(), 3u);
}

TEST_F(FilePoolTest, ClosesFilesForThoseThatAreNotOfThePool) {
  FilePool pool(simulation_.files(), 16);
  const Files files = OpenAll(pool, 16);
  OpenOptions options;
  options.mode = OpenMode::kCreate;
  FaultRule rule;
  rule.fault = Fault::Error(ENFILE);
  rule.kinds = {OperationKind::kCreate, OperationKind::kList, OperationKind::kSyncDirectory};
  std::size_t open = 16;
  const auto expect_half = [&](const absl::Status& status) {
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(OpenCount(), open / 2);
    open /= 2;
  };
  simulation_.faults().Add(rule);
  absl::StatusOr<std::unique_ptr<File>> other = simulation_.Run(pool.Open("/other", options));
  ASSERT_TRUE(other.ok()) << other.status();
  other->reset();
  expect_half(absl::OkStatus());
  simulation_.faults().Add(rule);
  expect_half(simulation_.Run(pool.List("/")).status());
  simulation_.faults().Add(rule);
  expect_half(simulation_.Run(pool.SyncDirectory("/")));
}

TEST_F(FilePoolTest, WithoutAnyDescriptorItSaysSoAndGoesOnLater) {
  FilePool pool(simulation_.files(), 4);
  const Files files = OpenAll(pool, 8);
  ASSERT_FALSE(IsOpen(0));
  FailOpens(EMFILE, FaultRule::kForEver);
  const absl::Status failed = Read(*files[0], 0);
  EXPECT_TRUE(IsOutOfDescriptors(failed)) << failed;
  EXPECT_TRUE(absl::IsResourceExhausted(failed)) << failed;
  EXPECT_EQ(OpenCount(), 0u);
  simulation_.faults().Clear();
  for (std::size_t i = 0; i < files.size(); ++i) EXPECT_TRUE(Read(*files[i], i).ok());
  EXPECT_EQ(OpenCount(), 1u);
}

TEST_F(FilePoolTest, AFullDeviceClosesNothing) {
  FilePool pool(simulation_.files(), 4);
  const Files files = OpenAll(pool, 8);
  FailOpens(ENOSPC, 1);
  ASSERT_FALSE(IsOpen(0));
  EXPECT_TRUE(absl::IsResourceExhausted(Read(*files[0], 0)));
  EXPECT_GE(OpenCount(), 3u);
}

// Reads random files until it has read so often. Runs on a thread of its own.
void ReadMany(const std::vector<std::unique_ptr<File>>* files, std::uint64_t seed, int count,
              std::atomic<int>* wrong) {
  SeededRandom random(seed);
  for (int i = 0; i < count; ++i) {
    const std::size_t number = random.Below(files->size());
    File* const file = (*files)[number].get();
    if (!BlockOn(ReadAndCompare(file, number, random.Below(kFileBytes - 100))).ok()) ++*wrong;
  }
}

TEST(FilePoolThreadsTest, ManyThreadsReadManyFilesThroughFewDescriptors) {
  constexpr std::size_t kFiles = 24;
  constexpr int kThreads = 6;
  const std::uint64_t seed = TestSeed();
  const std::string root = testing::TempDir() + "file_pool";
  std::filesystem::remove_all(root);
  std::filesystem::create_directory(root);
  const std::unique_ptr<FileSystem> real = MakeThreadFileSystem();
  FilePool pool(*real, 3);
  std::vector<std::unique_ptr<File>> files;
  for (std::size_t i = 0; i < kFiles; ++i) {
    const std::string path = StrCat(root, "/file", i);
    std::ofstream(path, std::ios::binary) << BytesOf(i);
    absl::StatusOr<std::unique_ptr<File>> file = BlockOn(pool.OpenPooled(path, OpenOptions()));
    ASSERT_TRUE(file.ok()) << file.status();
    files.push_back(*std::move(file));
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back(ReadMany, &files, seed + static_cast<std::uint64_t>(i), 600, &wrong);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(pool.counts().open_count, 3u);
  EXPECT_GT(pool.counts().reopened_count, 0u);
  files.clear();
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace aurora::lsm
