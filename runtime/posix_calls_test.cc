#include "aurora/runtime/posix_calls.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/forked_child.h"
#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora::internal {
namespace {

class PosixCallsTest : public testing::Test {
 protected:
  PosixCallsTest() {
    std::string name = testing::TempDir() + "/posix_calls_XXXXXX";
    root_ = ::mkdtemp(name.data());
  }
  ~PosixCallsTest() override { std::filesystem::remove_all(root_); }

  std::string Path(std::string_view name) { return root_ + "/" + std::string(name); }
  static absl::StatusOr<OpenedFile> Open(const std::string& path, OpenMode mode,
                                         bool direct = false) {
    OpenOptions options;
    options.mode = mode;
    options.direct = direct;
    return OpenRegularFile(path, options);
  }
  static void ExpectRefused(const absl::Status& status, std::string_view because) {
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_NE(ToStd(status.message()).find(because), std::string_view::npos) << status;
  }

  std::string root_;
};

TEST_F(PosixCallsTest, SymbolicLinksAreNotFollowed) {
  ASSERT_TRUE(Open(Path("target"), OpenMode::kCreateNew).ok());
  std::filesystem::create_symlink(Path("target"), Path("link"));
  std::filesystem::create_symlink(Path("nowhere"), Path("dangling"));
  for (OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite, OpenMode::kCreate}) {
    ExpectRefused(Open(Path("link"), mode).status(), "a symbolic link");
    ExpectRefused(Open(Path("dangling"), mode).status(), "a symbolic link");
  }
  EXPECT_TRUE(absl::IsAlreadyExists(Open(Path("dangling"), OpenMode::kCreateNew).status()));
  EXPECT_FALSE(std::filesystem::exists(Path("nowhere")));
}

TEST_F(PosixCallsTest, PipesAndDevicesAreRefusedWithoutWaiting) {
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  for (OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite, OpenMode::kCreate}) {
    ExpectRefused(Open(Path("pipe"), mode).status(), "a pipe");
  }
  ExpectRefused(Open("/dev/null", OpenMode::kReadWrite).status(), "a device");
  ExpectRefused(Open(std::string("a\0b", 3), OpenMode::kCreate).status(), "not a path");
}

TEST_F(PosixCallsTest, FilesAreForTheirOwnerAloneAndNotForOtherPrograms) {
  const mode_t mask = ::umask(0);
  const absl::StatusOr<OpenedFile> file = Open(Path("a"), OpenMode::kCreateNew);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(CreateDirectory(Path("d")).ok());
  ::umask(mask);
  struct stat info;
  ASSERT_EQ(::fstat(file->fd.get(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0600u);
  ASSERT_EQ(::stat(Path("d").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0700u);
  EXPECT_EQ(::fcntl(file->fd.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(::fcntl(file->fd.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(PosixCallsTest, AFileNeverTakesTheDescriptorOfAStandardStream) {
  ForkedChild child([&](ForkedChild&) {
    for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(stream);
    const absl::StatusOr<OpenedFile> file = Open(Path("a"), OpenMode::kCreateNew);
    if (!file.ok() || file->fd.get() <= STDERR_FILENO) ::_exit(2);
    if ((::fcntl(file->fd.get(), F_GETFD) & FD_CLOEXEC) == 0) ::_exit(3);
    if (::fcntl(STDOUT_FILENO, F_GETFD) != -1) ::_exit(4);
    ::_exit(0);
  });
  EXPECT_EQ(child.Wait(), 0);
}

TEST_F(PosixCallsTest, DirectIoFallsBackWhereItCannotBe) {
  const absl::StatusOr<OpenedFile> file = Open("/proc/version", OpenMode::kReadOnly, true);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE(file->direct);
  EXPECT_EQ(::fcntl(file->fd.get(), F_GETFL) & O_DIRECT, 0);
  char byte;
  EXPECT_EQ(::pread(file->fd.get(), &byte, 1, 0), 1);
}

TEST_F(PosixCallsTest, WhatPermissionsForbidIsAFailedPrecondition) {
  ASSERT_TRUE(Open(Path("a"), OpenMode::kCreateNew).ok());
  ASSERT_EQ(::chmod(Path("a").c_str(), 0400), 0);
  ASSERT_EQ(::chmod(root_.c_str(), 0500), 0);
  ForkedChild child([&](ForkedChild&) {
    // The administrator may do anything, unless without the capabilities.
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    EXPECT_EQ(::syscall(SYS_capset, &header, none), 0);
    EXPECT_TRUE(Open(Path("a"), OpenMode::kReadOnly).ok());
    for (const absl::Status& status :
         {Open(Path("a"), OpenMode::kReadWrite).status(),
          Open(Path("b"), OpenMode::kCreate).status(), RemoveFile(Path("a")),
          CreateDirectory(Path("d")), RenameFile(Path("a"), Path("b"))}) {
      EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
      EXPECT_NE(ToStd(status.message()).find(root_), std::string_view::npos) << status;
    }
  });
  EXPECT_EQ(child.Wait(), 0);
  ASSERT_EQ(::chmod(root_.c_str(), 0700), 0);
}

TEST_F(PosixCallsTest, AListingShowsLinksAndPipesAsFiles) {
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  std::filesystem::create_directory_symlink(root_, Path("link"));
  const absl::StatusOr<std::vector<DirectoryEntry>> entries = ListDirectory(root_);
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ((*entries)[0].name, "link");
  EXPECT_FALSE((*entries)[0].is_directory);
  EXPECT_FALSE((*entries)[1].is_directory);
}

TEST_F(PosixCallsTest, TheBootIdIsThatOfTheKernel) {
  const std::string id = ReadBootId();
  EXPECT_EQ(id.size(), 36u) << id;
  EXPECT_EQ(id, ReadBootId());
}

TEST_F(PosixCallsTest, AFailedSyncIsReported) {
  ForkedChild child([&](ForkedChild&) {
    const absl::StatusOr<OpenedFile> file = Open(Path("a"), OpenMode::kCreate);
    EXPECT_TRUE(file.ok()) << file.status();
    FailSystemCalls(SYS_fsync, EIO);
    FailSystemCalls(SYS_fdatasync, EIO);
    const absl::Status directory = SyncDirectory(root_);
    EXPECT_TRUE(absl::IsUnavailable(directory)) << directory;
    EXPECT_NE(ToStd(directory.message()).find(root_), std::string_view::npos) << directory;
    EXPECT_TRUE(absl::IsUnavailable(SyncData(file->fd.get(), Path("a"))));
  });
  EXPECT_EQ(child.Wait(), 0);
}

TEST_F(PosixCallsTest, TheErrorsOfTheSystemNameOperationAndPath) {
  const absl::StatusOr<OpenedFile> file = Open(Path("a"), OpenMode::kCreate);
  ASSERT_TRUE(file.ok()) << file.status();
  const absl::Status too_big = SetSize(file->fd.get(), Path("a"), ~std::uint64_t{0});
  EXPECT_TRUE(absl::IsResourceExhausted(too_big)) << too_big;
  const absl::Status closed = SyncData(-1, Path("a"));
  EXPECT_TRUE(absl::IsUnavailable(closed)) << closed;
  EXPECT_EQ(ToStd(closed.message()),
            StrCat("sync of ", Path("a"), ": Bad file descriptor (errno 9)"));
}

}  // namespace
}  // namespace aurora::internal
