#include "aurora/runtime/posix_calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::internal {
namespace {

constexpr std::uint64_t kMaxFileSize = std::numeric_limits<off_t>::max();

// Calls `function` until it is not interrupted. The result is -1 with errno, or as it returned.
template <class Function>
auto Uninterrupted(Function function) {
  auto result = function();
  while (result == -1 && errno == EINTR) result = function();
  return result;
}

absl::StatusOr<FileDescriptor> OpenDescriptor(const std::string& path, int flags) {
  // O_NONBLOCK: opening a named pipe would wait for its other end.
  const int fd = Uninterrupted([&] {
    return ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
  });
  if (fd < 0) return SystemError(errno, "open", path);
  FileDescriptor opened(fd);
  if (fd > STDERR_FILENO) return opened;
  FileDescriptor moved(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!moved.valid()) return SystemError(errno, "open", path);
  return moved;
}

std::string_view KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

absl::Status NotRegularError(std::string_view path, mode_t mode) {
  return InvalidArgumentError("open of ", path, ": it is ", KindOf(mode), ", not a regular file");
}

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kReadOnly:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT;
    case OpenMode::kCreateNew:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  AURORA_CHECK(false);
}

// Whether reads and writes of whole aligned device blocks can bypass the page cache of `fd`.
bool SupportsDirect(int fd) {
  struct statx info = {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &info) != 0) return true;
  if ((info.stx_mask & STATX_DIOALIGN) == 0) return true;  // the kernel cannot tell: try
  return info.stx_dio_mem_align != 0 && info.stx_dio_offset_align != 0 &&
         kDeviceBlockSize % info.stx_dio_mem_align == 0 &&
         kDeviceBlockSize % info.stx_dio_offset_align == 0;
}

}  // namespace

void FileDescriptor::Close() {
  // Not repeated when interrupted: Linux has closed it by then.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

absl::StatusOr<OpenedFile> OpenRegularFile(const std::string& path, const OpenOptions& options) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return InvalidArgumentError("open of ", Quoted(path), ": not a path");
  }
  absl::StatusOr<FileDescriptor> fd = OpenDescriptor(path, FlagsOf(options.mode));
  struct stat info;
  if (!fd.ok()) {
    // What an open refuses has many error numbers (ELOOP, EISDIR, ENXIO); say what it is instead.
    if (options.mode != OpenMode::kCreateNew && ::lstat(path.c_str(), &info) == 0 &&
        !S_ISREG(info.st_mode)) {
      return NotRegularError(path, info.st_mode);
    }
    return fd.status();
  }
  if (::fstat(fd->get(), &info) != 0) return SystemError(errno, "open", path);
  if (!S_ISREG(info.st_mode)) return NotRegularError(path, info.st_mode);

  OpenedFile opened;
  opened.fd = *std::move(fd);
  opened.writable = options.mode != OpenMode::kReadOnly;
  // Switched on after the fact, because an open that the file system refuses for O_DIRECT may have
  // created the file already.
  const bool want_direct = options.direct && SupportsDirect(opened.fd.get());
  opened.direct = want_direct && ::fcntl(opened.fd.get(), F_SETFL, O_DIRECT) == 0;
  if (!opened.direct && ::fcntl(opened.fd.get(), F_SETFL, 0) != 0) {
    return SystemError(errno, "open", path);
  }
  return opened;
}

absl::Status SyncData(int fd, std::string_view path) {
  if (Uninterrupted([&] { return ::fdatasync(fd); }) == 0) return absl::OkStatus();
  return SystemError(errno, "sync", path);
}

absl::Status SetSize(int fd, std::string_view path, std::uint64_t size) {
  if (size > kMaxFileSize) return SystemError(EFBIG, StrCat("truncate to ", size), path);
  if (Uninterrupted([&] { return ::ftruncate(fd, static_cast<off_t>(size)); }) == 0) {
    return absl::OkStatus();
  }
  return SystemError(errno, StrCat("truncate to ", size, " bytes"), path);
}

absl::Status AllocateSpace(int fd, std::string_view path, std::uint64_t size) {
  if (size == 0) return absl::OkStatus();
  if (size > kMaxFileSize) return SystemError(EFBIG, StrCat("allocation of ", size), path);
  if (Uninterrupted([&] { return ::fallocate(fd, 0, 0, static_cast<off_t>(size)); }) == 0) {
    return absl::OkStatus();
  }
  return SystemError(errno, StrCat("allocation of ", size, " bytes"), path);
}

absl::StatusOr<std::uint64_t> SizeOf(int fd, std::string_view path) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return SystemError(errno, "stat", path);
  return static_cast<std::uint64_t>(info.st_size);
}

absl::StatusOr<std::vector<DirectoryEntry>> ListDirectory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (directory == nullptr) return SystemError(errno, "list", path);
  std::vector<DirectoryEntry> entries;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_directory = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN) {
      struct stat info;
      const int fd = ::dirfd(directory.get());
      if (::fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;  // removed meanwhile
        return SystemError(errno, "list", path);
      }
      is_directory = S_ISDIR(info.st_mode);
    }
    entries.push_back({std::string(name), is_directory});
  }
  if (errno != 0) return SystemError(errno, "list", path);
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
  return entries;
}

absl::StatusOr<FileInfo> StatPath(const std::string& path) {
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0) return SystemError(errno, "stat", path);
  FileInfo result;
  result.size_bytes = static_cast<std::uint64_t>(info.st_size);
  result.is_directory = S_ISDIR(info.st_mode);
  return result;
}

absl::Status CreateDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return absl::OkStatus();
  return SystemError(errno, "creation of directory", path);
}

absl::Status RemoveDirectory(const std::string& path) {
  if (::rmdir(path.c_str()) == 0) return absl::OkStatus();
  return SystemError(errno, "removal of directory", path);
}

absl::Status RemoveFile(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return absl::OkStatus();
  return SystemError(errno, "removal", path);
}

absl::Status RenameFile(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return SystemError(errno, "rename", StrCat(from, " to ", to));
}

absl::Status LinkFile(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return SystemError(errno, "link", StrCat(from, " to ", to));
}

absl::Status SyncDirectory(const std::string& path) {
  const FileDescriptor fd(
      Uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!fd.valid()) return SystemError(errno, "sync of directory", path);
  if (Uninterrupted([&] { return ::fsync(fd.get()); }) == 0) return absl::OkStatus();
  // Some file systems (CIFS) have no such call for a directory, and need none.
  if (errno == EINVAL) return absl::OkStatus();
  return SystemError(errno, "sync of directory", path);
}

absl::StatusOr<std::uint64_t> FreeSpace(const std::string& path) {
  struct statvfs info;
  if (Uninterrupted([&] { return ::statvfs(path.c_str(), &info); }) != 0) {
    return SystemError(errno, "free space", path);
  }
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

std::string ReadBootId() {
  const FileDescriptor fd(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return "";
  char buffer[64];
  const ssize_t size = Uninterrupted([&] { return ::read(fd.get(), buffer, sizeof buffer); });
  if (size <= 0) return "";
  const std::string_view text(buffer, static_cast<std::size_t>(size));
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace aurora::internal
