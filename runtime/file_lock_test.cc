#include "aurora/runtime/file_lock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/forked_child.h"
#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora::internal {
namespace {

class FileLockTest : public testing::Test {
 protected:
  FileLockTest() {
    std::string name = testing::TempDir() + "/file_lock_XXXXXX";
    root_ = ::mkdtemp(name.data());
    path_ = root_ + "/LOCK";
  }
  ~FileLockTest() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<FileLock> Lock() {
    absl::StatusOr<std::unique_ptr<FileLock>> lock = LockFile(path_);
    EXPECT_TRUE(lock.ok()) << lock.status();
    return lock.ok() ? *std::move(lock) : nullptr;
  }
  // Expects that `path` is locked, and that the error says `holder`.
  static void ExpectHeld(const std::string& path, std::string_view holder) {
    const absl::Status status = LockFile(path).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_NE(ToStd(status.message()).find(holder), std::string_view::npos) << status;
  }
  // Expects that another process, which inherits nothing, finds it locked by `holder`.
  void ExpectHeldElsewhere(pid_t holder) {
    EXPECT_EQ(ForkedChild([&](ForkedChild&) {
                ExpectHeld(path_, StrCat("held by process ", holder));
              }).Wait(),
              0);
  }
  std::string Contents() {
    std::ostringstream contents;
    contents << std::ifstream(path_).rdbuf();
    return contents.str();
  }

  std::string root_;
  std::string path_;
};

TEST_F(FileLockTest, TheFileNamesItsHolderWhileItIsHeld) {
  {
    const std::unique_ptr<FileLock> lock = Lock();
    EXPECT_EQ(Contents(), StrCat(::getpid(), "\n"));
  }
  EXPECT_EQ(Contents(), "");
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(FileLockTest, AFailedAttemptInTheSameProcessTakesNothingFromTheHolder) {
  const std::unique_ptr<FileLock> lock = Lock();
  ExpectHeld(path_, StrCat("held by this process (", ::getpid(), ")"));
  ExpectHeldElsewhere(::getpid());
}

TEST_F(FileLockTest, OpeningAndClosingTheFileTakesNothingFromTheHolder) {
  const std::unique_ptr<FileLock> lock = Lock();
  Contents();
  ExpectHeldElsewhere(::getpid());
}

TEST_F(FileLockTest, AnotherProcessIsNamedAndItsDeathGivesTheLockBack) {
  ForkedChild holder([&](ForkedChild& self) {
    const std::unique_ptr<FileLock> lock = Lock();
    self.Tell();
    self.Await();
  });
  holder.Await();
  ExpectHeld(path_, StrCat("held by process ", holder.pid()));
  ExpectHeld(path_, path_);
  holder.Kill();
  EXPECT_EQ(Contents(), StrCat(holder.pid(), "\n"));
  const std::unique_ptr<FileLock> lock = Lock();
  EXPECT_EQ(Contents(), StrCat(::getpid(), "\n"));
}

TEST_F(FileLockTest, AForkedChildNeitherHoldsNorKeepsNorDropsTheLock) {
  std::unique_ptr<FileLock> lock = Lock();
  ForkedChild child([&](ForkedChild& self) {
    ExpectHeld(path_, StrCat("held by process ", ::getppid()));
    lock.reset();
    ExpectHeld(path_, StrCat("held by process ", ::getppid()));
    self.Tell();
    self.Await();
    EXPECT_TRUE(LockFile(path_).ok());
  });
  child.Await();
  ExpectHeldElsewhere(::getpid());
  lock.reset();
  Lock().reset();
  child.Tell();
  EXPECT_EQ(child.Wait(), 0);
}

TEST_F(FileLockTest, WhateverThePathTheFileIsTheSame) {
  const std::unique_ptr<FileLock> lock = Lock();
  std::filesystem::create_directory_symlink(root_, root_ + "/again");
  std::filesystem::create_hard_link(path_, root_ + "/ALIAS");
  ExpectHeld(root_ + "/again/LOCK", "held by this process");
  ExpectHeld(root_ + "/ALIAS", "held by this process");
  ExpectHeld(root_ + "/../" + std::filesystem::path(root_).filename().string() + "/LOCK",
             "held by this process");
}

TEST_F(FileLockTest, ASymbolicLinkIsRefused) {
  std::filesystem::create_symlink(root_ + "/elsewhere", path_);
  const absl::Status status = LockFile(path_).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_FALSE(std::filesystem::exists(root_ + "/elsewhere"));
}

TEST_F(FileLockTest, WhatIsNoProcessIdIsNotRepeated) {
  ForkedChild holder([&](ForkedChild& self) {
    const std::unique_ptr<FileLock> lock = Lock();
    std::ofstream(path_) << "12\x1b[31m evil\n";
    self.Tell();
    self.Await();
  });
  holder.Await();
  ExpectHeld(path_, "held by another process");
}

TEST_F(FileLockTest, AfterTheFileWasDeletedTheLockIsOnTheNewOne) {
  const std::unique_ptr<FileLock> lock = Lock();
  std::filesystem::remove(path_);
  // Nothing can be done about whoever deletes the file; but nobody may end up with a lock on a file
  // that has no name any more.
  const std::unique_ptr<FileLock> second = Lock();
  ExpectHeld(path_, "held by this process");
}

}  // namespace
}  // namespace aurora::internal
