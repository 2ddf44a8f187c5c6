#include "aurora/runtime/file_lock.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/runtime/check.h"
#include "aurora/runtime/fork_guard.h"
#include "aurora/runtime/posix_calls.h"
#include "aurora/runtime/status.h"

namespace aurora::internal {
namespace {

// Someone may remove or replace the lock file between our open and our lock; how often to try anew.
constexpr int kMaxReplacements = 10;

struct HeldLock {
  dev_t device;
  ino_t inode;
  int fd;
};

// The locks of this process. The mutex is held from the look at the table to the entry in it, over
// a few short system calls: taking a lock is rare.
struct HeldLocks {
  std::mutex mutex;
  std::vector<HeldLock> locks;

  const HeldLock* Find(const struct stat& info) const {
    for (const HeldLock& lock : locks) {
      if (lock.device == info.st_dev && lock.inode == info.st_ino) return &lock;
    }
    return nullptr;
  }
};

HeldLocks& Held() {
  // Never destroyed: databases may be closed by destructors of other static objects.
  static HeldLocks& held = *[] {
    auto* created = new HeldLocks;
    const int error = ::pthread_atfork([] { Held().mutex.lock(); }, [] { Held().mutex.unlock(); },
                                       [] {
                                         for (const HeldLock& lock : Held().locks) ::close(lock.fd);
                                         Held().locks.clear();
                                         Held().mutex.unlock();
                                       });
    AURORA_CHECK(error == 0);
    return created;
  }();
  return held;
}

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(FileDescriptor fd) : fd_(std::move(fd)) {}

  ~PosixFileLock() override {
    if (fork_guard_.InChild()) {
      // Closed when the child began; the number may be another file's by now.
      fd_.Release();
      return;
    }
    HeldLocks& held = Held();
    std::lock_guard lock(held.mutex);
    const std::size_t erased =
        std::erase_if(held.locks, [&](const HeldLock& other) { return other.fd == fd_.get(); });
    AURORA_CHECK(erased == 1);
    // No later holder shall be taken for this process. The lock does not depend on it.
    static_cast<void>(SetSize(fd_.get(), "", 0));
    fd_.Close();
  }

 private:
  FileDescriptor fd_;
  const ForkGuard fork_guard_;
};

// Takes the kernel's lock: 0, EAGAIN if somebody else holds it, or another errno.
int TryLock(int fd) {
  struct flock whole_file = {};
  whole_file.l_type = F_WRLCK;
  whole_file.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &whole_file) == 0) return 0;
  if (errno == EACCES) return EAGAIN;
  if (errno != EINVAL) return errno;
  // A kernel without such locks. flock's have the same lifetime.
  return ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

std::string HolderOf(int fd) {
  char buffer[24];
  const ssize_t size = ::pread(fd, buffer, sizeof buffer, 0);
  std::string_view text(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
  text = text.substr(0, text.find('\n'));
  const bool is_number = !text.empty() && std::all_of(text.begin(), text.end(),
                                                      [](char c) { return '0' <= c && c <= '9'; });
  return is_number ? StrCat("process ", text) : "another process";
}

// Best effort: the id only serves the message of whoever finds the file locked.
void WriteHolder(int fd) {
  const std::string text = StrCat(::getpid(), "\n");
  if (!SetSize(fd, "", 0).ok()) return;
  static_cast<void>(!::pwrite(fd, text.data(), text.size(), 0));
}

absl::Status HeldHereError(std::string_view path) {
  return FailedPreconditionError("lock of ", path, ": held by this process (", ::getpid(), ")");
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileLock>> LockFile(const std::string& path) {
  HeldLocks& held = Held();
  std::lock_guard lock(held.mutex);
  for (int attempt = 0; attempt < kMaxReplacements; ++attempt) {
    struct stat info;
    if (::lstat(path.c_str(), &info) == 0 && held.Find(info) != nullptr) {
      return HeldHereError(path);
    }
    OpenOptions options;
    options.mode = OpenMode::kCreate;
    absl::StatusOr<OpenedFile> file = OpenRegularFile(path, options);
    if (!file.ok()) return Annotate(file.status(), "lock");
    const int fd = file->fd.get();
    if (::fstat(fd, &info) != 0) return SystemError(errno, "lock", path);
    // Renamed here since the look above.
    if (held.Find(info) != nullptr) return HeldHereError(path);

    const int error = TryLock(fd);
    if (error == EAGAIN) {
      return FailedPreconditionError("lock of ", path, ": held by ", HolderOf(fd),
                                     "; close it there first");
    }
    if (error != 0) return SystemError(error, "lock", path);
    struct stat at_path;
    if (::lstat(path.c_str(), &at_path) != 0 || at_path.st_dev != info.st_dev ||
        at_path.st_ino != info.st_ino) {
      continue;
    }
    WriteHolder(fd);
    held.locks.push_back({info.st_dev, info.st_ino, fd});
    return std::make_unique<PosixFileLock>(std::move(file->fd));
  }
  return UnavailableError("lock of ", path, ": the file keeps being replaced");
}

}  // namespace aurora::internal
