#include "aurora/runtime/mapped_file.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/forked_child.h"
#include "aurora/runtime/posix_calls.h"
#include "gtest/gtest.h"

namespace aurora::internal {
namespace {

constexpr std::size_t kPage = 4096;

volatile sig_atomic_t foreign_faults = 0;

// What another part of the program might do about a SIGBUS of its own: repair the page.
void CountAndRepair(int, siginfo_t* info, void*) {
  foreign_faults = foreign_faults + 1;
  const auto page = reinterpret_cast<std::uintptr_t>(info->si_addr) & ~(kPage - 1);
  ::mmap(reinterpret_cast<void*>(page), kPage, PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}
void CountOnly(int) { foreign_faults = foreign_faults + 1; }

// The handler is installed once in a process, so every test runs in a child of its own, forked from
// a parent that maps nothing.
class MappedFileTest : public testing::Test {
 protected:
  MappedFileTest() {
    std::string name = testing::TempDir() + "/mapped_file_XXXXXX";
    root_ = ::mkdtemp(name.data());
    path_ = root_ + "/a";
  }
  ~MappedFileTest() override { std::filesystem::remove_all(root_); }

  static int InChild(const std::function<void()>& body) {
    return ForkedChild([&](ForkedChild&) { body(); }).Wait();
  }

  // A file of `pages` pages filled with 'a'.
  FileDescriptor MakeFile(std::size_t pages) {
    OpenOptions options;
    options.mode = OpenMode::kCreateNew;
    absl::StatusOr<OpenedFile> file = OpenRegularFile(path_, options);
    EXPECT_TRUE(file.ok()) << file.status();
    const std::string bytes(pages * kPage, 'a');
    EXPECT_EQ(::pwrite(file->fd.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    return std::move(file->fd);
  }
  std::unique_ptr<MappedRegion> Map(const FileDescriptor& fd, std::size_t pages) {
    absl::StatusOr<std::unique_ptr<MappedRegion>> region = MapFile(fd.get(), path_, pages * kPage);
    EXPECT_TRUE(region.ok()) << region.status();
    return *std::move(region);
  }
  // A mapping that is not ours, with no page behind it.
  static char* MapBrokenPage(const FileDescriptor& fd) {
    void* memory = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    EXPECT_NE(memory, MAP_FAILED);
    EXPECT_EQ(::ftruncate(fd.get(), 0), 0);
    return static_cast<char*>(memory);
  }

  std::string root_;
  std::string path_;
};

TEST_F(MappedFileTest, ALostPageFailsPublishForGoodAndRaisesNothing) {
  EXPECT_EQ(InChild([&] {
              const FileDescriptor fd = MakeFile(4);
              const std::unique_ptr<MappedRegion> region = Map(fd, 4);
              std::memset(region->bytes().data(), 'b', kPage);
              EXPECT_TRUE(region->Publish(0, kPage).ok());

              EXPECT_EQ(::truncate(path_.c_str(), kPage), 0);
              std::memset(region->bytes().data() + kPage, 'c', 3 * kPage);
              const absl::Status status = region->Publish(kPage, 3 * kPage);
              EXPECT_TRUE(absl::IsUnavailable(status)) << status;
              EXPECT_NE(status.message().find(path_.c_str()), absl::string_view::npos) << status;
              EXPECT_TRUE(absl::IsUnavailable(region->Publish(0, kPage)));
              EXPECT_EQ(region->bytes()[0], 'b');
              EXPECT_EQ(region->bytes()[4 * kPage - 1], 'c');

              EXPECT_EQ(::truncate(path_.c_str(), 4 * kPage), 0);
              EXPECT_TRUE(absl::IsUnavailable(region->Publish(0, 0)));
            }),
            0);
}

TEST_F(MappedFileTest, ReadingALostPageRaisesNothingEither) {
  EXPECT_EQ(InChild([&] {
              const FileDescriptor fd = MakeFile(2);
              const std::unique_ptr<MappedRegion> region = Map(fd, 2);
              EXPECT_EQ(::ftruncate(fd.get(), 0), 0);
              EXPECT_EQ(static_cast<volatile char&>(region->bytes()[kPage + 5]), 0);
              EXPECT_TRUE(absl::IsUnavailable(region->Publish(0, 1)));
            }),
            0);
}

TEST_F(MappedFileTest, OneFailedRegionDoesNotFailAnother) {
  EXPECT_EQ(InChild([&] {
              const FileDescriptor fd = MakeFile(2);
              const std::unique_ptr<MappedRegion> failing = Map(fd, 2);
              const std::unique_ptr<MappedRegion> healthy = Map(fd, 1);
              EXPECT_EQ(::ftruncate(fd.get(), kPage), 0);
              failing->bytes()[kPage] = 'x';
              EXPECT_FALSE(failing->Publish(kPage, 1).ok());
              healthy->bytes()[0] = 'x';
              EXPECT_TRUE(healthy->Publish(0, 1).ok());
            }),
            0);
}

TEST_F(MappedFileTest, AForeignFaultReachesTheHandlerThatWasThereBefore) {
  EXPECT_EQ(InChild([&] {
              struct sigaction action = {};
              action.sa_sigaction = &CountAndRepair;
              action.sa_flags = SA_SIGINFO;
              EXPECT_EQ(::sigaction(SIGBUS, &action, nullptr), 0);
              const FileDescriptor fd = MakeFile(2);
              const std::unique_ptr<MappedRegion> region = Map(fd, 2);
              char* const broken = MapBrokenPage(fd);
              *static_cast<volatile char*>(broken) = 'x';
              EXPECT_EQ(foreign_faults, 1);
              EXPECT_TRUE(region->Publish(0, 1).ok());
              region->bytes()[0] = 'x';
              EXPECT_EQ(foreign_faults, 1);
              EXPECT_FALSE(region->Publish(0, 1).ok());
            }),
            0);
}

TEST_F(MappedFileTest, APlainHandlerIsCalledTooAndAnIgnoredSignalStaysIgnored) {
  EXPECT_EQ(InChild([&] {
              EXPECT_NE(::signal(SIGBUS, &CountOnly), SIG_ERR);
              const std::unique_ptr<MappedRegion> region = Map(MakeFile(1), 1);
              ::raise(SIGBUS);
              EXPECT_EQ(foreign_faults, 1);
            }),
            0);
  std::filesystem::remove(path_);
  EXPECT_EQ(InChild([&] {
              EXPECT_NE(::signal(SIGBUS, SIG_IGN), SIG_ERR);
              const std::unique_ptr<MappedRegion> region = Map(MakeFile(1), 1);
              ::raise(SIGBUS);
            }),
            0);
}

TEST_F(MappedFileTest, WithoutAHandlerAForeignSignalKillsAsItAlwaysDid) {
  EXPECT_EQ(InChild([&] {
              EXPECT_NE(::signal(SIGBUS, SIG_DFL), SIG_ERR);
              const FileDescriptor fd = MakeFile(1);
              const std::unique_ptr<MappedRegion> region = Map(fd, 1);
              *static_cast<volatile char*>(MapBrokenPage(fd)) = 'x';
            }),
            -SIGBUS);
  std::filesystem::remove(path_);
  EXPECT_EQ(InChild([&] {
              EXPECT_NE(::signal(SIGBUS, SIG_DFL), SIG_ERR);
              const std::unique_ptr<MappedRegion> region = Map(MakeFile(1), 1);
              ::raise(SIGBUS);
            }),
            -SIGBUS);
}

TEST_F(MappedFileTest, PublishedBytesSurviveTheKillingOfTheProcess) {
  EXPECT_EQ(InChild([&] {
              const std::unique_ptr<MappedRegion> region = Map(MakeFile(3), 3);
              std::memset(region->bytes().data() + 100, 'k', kPage);
              EXPECT_TRUE(region->Publish(100, kPage).ok());
              ::raise(SIGKILL);
            }),
            -SIGKILL);
  absl::StatusOr<OpenedFile> file = OpenRegularFile(path_, {});
  ASSERT_TRUE(file.ok()) << file.status();
  std::string bytes(3 * kPage, '\0');
  ASSERT_EQ(::pread(file->fd.get(), bytes.data(), bytes.size(), 0),
            static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(bytes,
            std::string(100, 'a') + std::string(kPage, 'k') + std::string(2 * kPage - 100, 'a'));
}

TEST_F(MappedFileTest, AForkedChildCannotWriteIntoItsParentsFile) {
  EXPECT_EQ(InChild([&] {
              const FileDescriptor fd = MakeFile(2);
              const std::unique_ptr<MappedRegion> region = Map(fd, 2);
              EXPECT_EQ(InChild([&] {
                          std::memset(region->bytes().data(), 'x', 2 * kPage);
                          EXPECT_TRUE(absl::IsUnavailable(region->Publish(0, kPage)));
                        }),
                        0);
              EXPECT_EQ(region->bytes()[0], 'a');
              EXPECT_EQ(region->bytes()[2 * kPage - 1], 'a');
              region->bytes()[0] = 'b';
              EXPECT_TRUE(region->Publish(0, 1).ok());
            }),
            0);
}

TEST_F(MappedFileTest, RegionsAreBoundedAndTheirPlacesUsedAgain) {
  EXPECT_EQ(InChild([&] {
              const FileDescriptor fd = MakeFile(1);
              std::vector<std::unique_ptr<MappedRegion>> regions;
              for (int i = 0; i < kMaxMappedRegions; ++i) regions.push_back(Map(fd, 1));
              const absl::Status status = MapFile(fd.get(), path_, kPage).status();
              EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
              regions.erase(regions.begin() + 3);
              EXPECT_TRUE(MapFile(fd.get(), path_, kPage).ok());
            }),
            0);
}

}  // namespace
}  // namespace aurora::internal
