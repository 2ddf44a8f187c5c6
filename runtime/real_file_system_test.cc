// What only the real machine can show: full disks, forks, threads, and executors of the user's own.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/file_conformance.h"
#include "aurora/runtime/forked_child.h"
#include "aurora/runtime/io_uring_file_system.h"
#include "aurora/runtime/loop_thread.h"
#include "aurora/runtime/real_file_machine.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/thread_file_system.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

constexpr std::size_t kBlock = kDeviceBlockSize;

using MakeFiles = std::unique_ptr<FileSystem> (*)(Executor& io);

std::unique_ptr<FileSystem> MakeThreads(Executor&) { return MakeThreadFileSystem(); }
std::unique_ptr<FileSystem> MakeIoUring(Executor& io) {
  absl::StatusOr<std::unique_ptr<FileSystem>> files = MakeIoUringFileSystem(io);
  EXPECT_TRUE(files.ok()) << files.status();
  return *std::move(files);
}

std::unique_ptr<File> OpenFile(FileSystem& files, const std::string& path, bool direct = false) {
  OpenOptions options;
  options.mode = OpenMode::kCreate;
  options.direct = direct;
  absl::StatusOr<std::unique_ptr<File>> file = BlockOn(files.Open(path, options));
  EXPECT_TRUE(file.ok()) << file.status();
  return *std::move(file);
}

class RealFileSystemTest : public testing::TestWithParam<MakeFiles> {
 protected:
  FileSystem& files() { return machine_.files(); }
  std::string Path(std::string_view name) { return machine_.root() + "/" + std::string(name); }

  RealFileMachine machine_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Real, RealFileSystemTest, testing::Values(&MakeThreads, &MakeIoUring),
                         [](const testing::TestParamInfo<MakeFiles>& info) {
                           return std::string(info.index == 0 ? "Threads" : "IoUring");
                         });

TEST_P(RealFileSystemTest, WhatThePageCacheHoldsIsReadWithoutSuspending) {
  const std::unique_ptr<File> file = OpenFile(files(), Path("a"));
  const std::string bytes(3 * kBlock, 'x');
  ASSERT_TRUE(BlockOn(file->Write(0, bytes)).ok());
  std::string read(bytes.size(), '#');
  Task<absl::StatusOr<std::size_t>> task = file->Read(0, read);
  ASSERT_TRUE(task.IsReady());
  EXPECT_EQ(std::move(task).TakeReady().value(), bytes.size());
  EXPECT_EQ(read, bytes);
}

// Durability, as far as the kernel tells without pulling the plug: what is durable is not dirty.

// The dirty or half-written pages of [offset, offset + size) in the page cache, or -1 where the
// kernel does not tell (Linux 6.5).
std::int64_t DirtyPages(const std::string& path, std::uint64_t offset, std::uint64_t size) {
  struct Range {
    std::uint64_t offset;
    std::uint64_t size;
  } range = {offset, size};
  struct Statistics {
    std::uint64_t cached, dirty, writeback, evicted, recently_evicted;
  } statistics = {};
  constexpr long kCachestat = 451;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const long result = ::syscall(kCachestat, fd, &range, &statistics, 0);
  ::close(fd);
  return result != 0 ? -1 : static_cast<std::int64_t>(statistics.dirty + statistics.writeback);
}

TEST_P(RealFileSystemTest, NothingOfADurableWriteOrBeforeASyncIsLeftInThePageCacheAlone) {
  const std::unique_ptr<File> file = OpenFile(files(), Path("a"));
  const std::string bytes(4 * kBlock, 'x');
  ASSERT_TRUE(BlockOn(file->Write(0, bytes)).ok());
  if (DirtyPages(Path("a"), 0, bytes.size()) <= 0) {
    std::printf("this kernel or file system does not tell dirty pages\n");
    return;
  }
  ASSERT_TRUE(BlockOn(file->WriteDurably(8 * kBlock, bytes)).ok());
  EXPECT_EQ(DirtyPages(Path("a"), 8 * kBlock, bytes.size()), 0);
  ASSERT_TRUE(BlockOn(file->Sync()).ok());
  EXPECT_EQ(DirtyPages(Path("a"), 0, 12 * kBlock), 0);

  absl::StatusOr<std::unique_ptr<MappedRegion>> region = BlockOn(file->Map(4 * kBlock));
  ASSERT_TRUE(region.ok()) << region.status();
  std::memset((*region)->bytes().data(), 'y', 4 * kBlock);
  ASSERT_TRUE((*region)->Publish(0, 4 * kBlock).ok());
  EXPECT_GT(DirtyPages(Path("a"), 0, 4 * kBlock), 0);
  ASSERT_TRUE(BlockOn(file->Sync()).ok());
  EXPECT_EQ(DirtyPages(Path("a"), 0, 4 * kBlock), 0);
}

// Full disks.

void ExpectExhausted(const absl::Status& status, const std::string& path) {
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_NE(ToStd(status.message()).find(path), std::string_view::npos) << status;
}

TEST_P(RealFileSystemTest, AFileThatMayNotGrowIsAnExhaustedResource) {
  const std::unique_ptr<File> file = OpenFile(files(), Path("a"));
  const std::string before(2 * kBlock, 'x');
  ASSERT_TRUE(BlockOn(file->Write(0, before)).ok());

  rlimit saved;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &saved), 0);
  const rlimit limit = {3 * kBlock, saved.rlim_max};
  const auto previous = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string bytes(4 * kBlock, 'y');
  const absl::Status written = BlockOn(file->Write(kBlock, bytes));
  const absl::Status durable = BlockOn(file->WriteDurably(4 * kBlock, bytes));
  const absl::Status truncated = BlockOn(file->Truncate(8 * kBlock));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &saved), 0);
  ::signal(SIGXFSZ, previous);

  ExpectExhausted(written, Path("a"));
  EXPECT_NE(ToStd(written.message()).find(StrCat("offset ", kBlock)), std::string_view::npos)
      << written;
  ExpectExhausted(durable, Path("a"));
  ExpectExhausted(truncated, Path("a"));
  std::string read(kBlock, '#');
  EXPECT_EQ(BlockOn(file->Read(0, read)).value(), kBlock);
  EXPECT_EQ(read, before.substr(0, kBlock));
  EXPECT_TRUE(BlockOn(file->Write(kBlock, bytes)).ok());
}

// Fills a file system of 16 blocks; what it says is what the disk says.
void FillASmallDisk(MakeFiles make_files, const std::string& root) {
  LoopThread io("test-io", true);
  const std::unique_ptr<FileSystem> files = make_files(io.loop());
  const std::unique_ptr<File> file = OpenFile(*files, root + "/a");
  const std::string bytes(12 * kBlock, 'x');
  EXPECT_TRUE(BlockOn(file->Write(0, bytes)).ok());
  ExpectExhausted(BlockOn(file->Write(12 * kBlock, bytes)), root + "/a");
  ExpectExhausted(BlockOn(file->WriteDurably(12 * kBlock, bytes)), root + "/a");
  ExpectExhausted(BlockOn(file->Allocate(64 * kBlock)), root + "/a");
  std::string read(bytes.size(), '#');
  EXPECT_EQ(BlockOn(file->Read(0, read)).value(), bytes.size());
  EXPECT_EQ(read, bytes);
  EXPECT_LT(BlockOn(files->FreeSpace(root)).value(), 16 * kBlock);

  EXPECT_TRUE(BlockOn(file->Truncate(kBlock)).ok());
  EXPECT_TRUE(BlockOn(file->Write(kBlock, bytes)).ok());
}

TEST(RealFileSystemFullDiskTest, AFullDiskIsAnExhaustedResource) {
  constexpr int kCannotMount = 77;
  for (MakeFiles make_files : {&MakeThreads, &MakeIoUring}) {
    const std::string root = testing::TempDir() + "/small_disk";
    std::filesystem::create_directories(root);
    // In a mount namespace of its own, so that nobody else sees the small disk.
    ForkedChild child([&](ForkedChild&) {
      if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        ::_exit(kCannotMount);
      }
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
      if (::mount("small", root.c_str(), "tmpfs", 0, "size=65536") != 0) ::_exit(kCannotMount);
      FillASmallDisk(make_files, root);
    });
    const int result = child.Wait();
    if (result == kCannotMount) {
      // The limit on file sizes, which needs no privilege, is tested above.
      std::printf("this machine lets nobody mount a small disk\n");
    } else {
      EXPECT_EQ(result, 0);
    }
  }
}

// Forks.

TEST_P(RealFileSystemTest, AForkedChildIsRefusedAndHarmless) {
  std::unique_ptr<File> file = OpenFile(files(), Path("a"));
  const std::string bytes(kBlock, 'x');
  ASSERT_TRUE(BlockOn(file->Write(0, bytes)).ok());
  absl::StatusOr<std::unique_ptr<FileLock>> lock = BlockOn(files().Lock(Path("LOCK")));
  ASSERT_TRUE(lock.ok()) << lock.status();

  ForkedChild child([&](ForkedChild&) {
    std::string read(kBlock, '#');
    for (const absl::Status& status :
         {BlockOn(file->Write(0, read)), BlockOn(file->WriteDurably(0, read)),
          BlockOn(file->Read(0, read)).status(), BlockOn(file->Sync()), BlockOn(file->Truncate(0)),
          BlockOn(file->Allocate(kBlock)), BlockOn(file->Size()).status(),
          BlockOn(file->Map(kBlock)).status(), BlockOn(files().Open(Path("a"), {})).status(),
          BlockOn(files().List(machine_.root())).status(),
          BlockOn(files().Stat(Path("a"))).status(), BlockOn(files().CreateDirectory(Path("d"))),
          BlockOn(files().RemoveDirectory(Path("d"))), BlockOn(files().Remove(Path("a"))),
          BlockOn(files().Rename(Path("a"), Path("b"))),
          BlockOn(files().Link(Path("a"), Path("b"))), BlockOn(files().SyncDirectory(Path(""))),
          BlockOn(files().Lock(Path("LOCK"))).status(),
          BlockOn(files().FreeSpace(Path("a"))).status()}) {
      EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
      EXPECT_NE(ToStd(status.message()).find("forked"), std::string_view::npos) << status;
    }
    lock->reset();
    file.reset();
  });
  EXPECT_EQ(child.Wait(), 0);

  std::string read(kBlock, '#');
  EXPECT_EQ(BlockOn(file->Read(0, read)).value(), kBlock);
  EXPECT_EQ(read, bytes);
  EXPECT_TRUE(BlockOn(file->WriteDurably(0, bytes)).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(BlockOn(files().Lock(Path("LOCK"))).status()));
}

// Executors.

// One thread of the user's, and functions to run on it.
class UserThread {
 public:
  ~UserThread() {
    Post(nullptr);
    thread_.join();
  }
  void Post(ForwardingExecutor::Function function) {
    std::lock_guard lock(mutex_);
    functions_.push_back(std::move(function));
    work_.notify_one();
  }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  void Main() {
    while (true) {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return !functions_.empty(); });
      ForwardingExecutor::Function function = std::move(functions_.front());
      functions_.pop_front();
      lock.unlock();
      if (function == nullptr) return;
      function();
    }
  }

  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<ForwardingExecutor::Function> functions_;
  std::thread thread_{[this] { Main(); }};
};

// Writes, syncs and reads back one block on `executor`, which must be where each step ends.
Task<absl::Status> WorkOn(Executor* executor, File* file, std::uint64_t offset, int rounds) {
  Executor* const home = Executor::Current();
  co_await SwitchTo(*executor);
  absl::Status status;
  AlignedBytes block(kBlock);
  for (int round = 0; round < rounds && status.ok(); ++round) {
    std::memset(block.data(), 'a' + round % 26, kBlock);
    status = co_await file->Write(offset, block.span());
    EXPECT_EQ(Executor::Current(), executor);
    if (status.ok()) status = co_await file->WriteDurably(offset, block.span());
    EXPECT_EQ(Executor::Current(), executor);
    if (status.ok()) status = co_await file->Sync();
    EXPECT_EQ(Executor::Current(), executor);
    if (!status.ok()) break;
    std::memset(block.data(), '#', kBlock);
    const absl::StatusOr<std::size_t> count = co_await file->Read(offset, block.span());
    EXPECT_EQ(Executor::Current(), executor);
    status = count.status();
    EXPECT_TRUE(block.view() == std::string(kBlock, static_cast<char>('a' + round % 26)));
  }
  co_await SwitchTo(*home);
  co_return status;
}

TEST_P(RealFileSystemTest, AnyExecutorGetsItsCoroutinesBack) {
  UserThread thread;
  ForwardingExecutor user([&](ForwardingExecutor::Function f) { thread.Post(std::move(f)); });
  LoopThread without_ring("no-ring", /*with_ring=*/false);
  LoopPool pool("pool", 2, /*with_ring=*/true);
  for (bool direct : {false, true}) {
    const std::unique_ptr<File> file = OpenFile(files(), Path("a"), direct);
    Executor* const executors[] = {&user, &without_ring.loop(), &pool, &machine_.io()};
    for (Executor* executor : executors) {
      const absl::Status status = BlockOn(WorkOn(executor, file.get(), 0, 3));
      EXPECT_TRUE(status.ok()) << status;
    }
  }
}

TEST_P(RealFileSystemTest, OneFileServesManyThreadsAtOnce) {
  UserThread thread;
  ForwardingExecutor user([&](ForwardingExecutor::Function f) { thread.Post(std::move(f)); });
  LoopPool pool("pool", 3, /*with_ring=*/true);
  const std::unique_ptr<File> file = OpenFile(files(), Path("a"), /*direct=*/true);
  std::atomic<int> succeeded{0};
  struct Worker {
    static Task<void> Main(Executor* executor, File* file, std::uint64_t offset,
                           std::atomic<int>* succeeded) {
      const absl::Status status = co_await WorkOn(executor, file, offset, 2);
      EXPECT_TRUE(status.ok()) << status;
      if (status.ok()) succeeded->fetch_add(1);
    }
  };
  constexpr int kPerThread = 8;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    Executor* const executor = t == 0 ? static_cast<Executor*>(&user) : &pool;
    threads.emplace_back([&, t, executor] {
      std::vector<Task<void>> tasks;
      for (int i = 0; i < kPerThread; ++i) {
        const std::uint64_t offset = static_cast<std::uint64_t>(t * kPerThread + i) * kBlock;
        tasks.push_back(Worker::Main(executor, file.get(), offset, &succeeded));
      }
      BlockOn(RunTogether(std::move(tasks)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(succeeded.load(), 4 * kPerThread);
}

// Machines without io_uring.

TEST(IoUringForbiddenTest, TheReasonIsGivenAndThreadsDoTheWork) {
  for (int error : {EPERM, ENOSYS, ENOMEM}) {
    ForkedChild child([&](ForkedChild&) {
      FailSystemCalls(SYS_io_uring_setup, error);
      const absl::Status unavailable = IoUringAvailable();
      EXPECT_FALSE(unavailable.ok());
      EXPECT_NE(ToStd(unavailable.message()).find("io_uring"), std::string_view::npos);
      EXPECT_NE(ToStd(unavailable.message()).find(StrCat("errno ", error)), std::string_view::npos)
          << unavailable;
      LoopThread io("test-io", true);
      EXPECT_EQ(MakeIoUringFileSystem(io.loop()).status(), unavailable);

      RealFileMachine machine(&MakeThreads);
      const std::unique_ptr<File> file =
          OpenFile(machine.files(), machine.root() + "/a", /*direct=*/true);
      const absl::Status worked = BlockOn(WorkOn(&machine.io(), file.get(), 0, 1));
      EXPECT_TRUE(worked.ok()) << worked;
    });
    EXPECT_EQ(child.Wait(), 0);
  }
  EXPECT_TRUE(IoUringAvailable().ok());
}

TEST(IoUringForbiddenTest, AnIoThreadWithoutARingIsNamedInTheError) {
  LoopThread no_ring("no-ring", /*with_ring=*/false);
  RealFileMachine machine([&](Executor&) { return MakeIoUring(no_ring.loop()); });
  const std::unique_ptr<File> file = OpenFile(machine.files(), machine.root() + "/a");
  const absl::Status status = BlockOn(WorkOn(&no_ring.loop(), file.get(), 0, 1));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(ToStd(status.message()).find("no io_uring"), std::string_view::npos) << status;
}

}  // namespace
}  // namespace aurora
