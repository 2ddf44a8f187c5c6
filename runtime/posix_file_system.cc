#include "aurora/runtime/posix_file_system.h"

#include <sys/uio.h>

#include <limits>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/file_lock.h"
#include "aurora/runtime/mapped_file.h"
#include "aurora/runtime/status.h"

namespace aurora::internal {
namespace {

// Larger reads take long enough to copy that they belong elsewhere even when cached.
constexpr std::size_t kMaxCachedRead = 256 * 1024;

}  // namespace

PosixFile::PosixFile(std::string path, OpenedFile opened, BlockingPool& pool)
    : File(std::move(path), opened.direct), opened_(std::move(opened)), pool_(pool) {
  AURORA_CHECK(opened_.fd.valid());
}

PosixFile::~PosixFile() {
  AURORA_CHECK((in_flight_.load(std::memory_order_acquire) == 0 || fork_guard_.InChild()) &&
               "a file must not be destroyed while an operation is in flight");
}

absl::Status PosixFile::CheckTransfer(std::string_view operation, std::uint64_t offset,
                                      std::span<const char> buffer) const {
  AURORA_RETURN_IF_ERROR(fork_guard_.Check(operation, path()));
  constexpr std::uint64_t kMaxOffset = std::numeric_limits<std::int64_t>::max();
  if (AURORA_UNLIKELY(offset > kMaxOffset || buffer.size() > kMaxOffset - offset)) {
    return InvalidArgumentError(operation, " of ", buffer.size(), " bytes at offset ", offset,
                                " of ", path(), ": beyond the largest offset of any file");
  }
  if (!direct()) return absl::OkStatus();
  const auto address = reinterpret_cast<std::uintptr_t>(buffer.data());
  if (AURORA_UNLIKELY((offset | buffer.size() | address) % kDeviceBlockSize != 0)) {
    return InvalidArgumentError(
        operation, " of ", buffer.size(), " bytes at offset ", offset, " of ", path(),
        ": direct I/O needs offset, size and address (it ends in ", address % kDeviceBlockSize,
        ") to be multiples of ", kDeviceBlockSize);
  }
  return absl::OkStatus();
}

absl::Status PosixFile::CheckWritable(std::string_view operation) const {
  AURORA_RETURN_IF_ERROR(fork_guard_.Check(operation, path()));
  if (AURORA_LIKELY(opened_.writable)) return absl::OkStatus();
  return FailedPreconditionError(operation, " of ", path(), ": opened for reading only");
}

absl::Status PosixFile::CheckWrite(std::uint64_t offset, std::span<const char> bytes) const {
  AURORA_RETURN_IF_ERROR(CheckWritable("write"));
  return CheckTransfer("write", offset, bytes);
}

bool PosixFile::ReadCached(std::uint64_t offset, std::span<char> buffer) const {
  if (direct() || buffer.size() > kMaxCachedRead) return false;
  const iovec piece = {buffer.data(), buffer.size()};
  const ssize_t count = ::preadv2(fd(), &piece, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  return count == static_cast<ssize_t>(buffer.size());
}

Task<absl::Status> PosixFile::Truncate(std::uint64_t size) {
  AURORA_CO_RETURN_IF_ERROR(CheckWritable("truncate"));
  InFlight in_flight(*this);
  co_return co_await pool_.Run([&] { return SetSize(fd(), path(), size); });
}

Task<absl::Status> PosixFile::Allocate(std::uint64_t size) {
  AURORA_CO_RETURN_IF_ERROR(CheckWritable("allocation"));
  InFlight in_flight(*this);
  co_return co_await pool_.Run([&] { return AllocateSpace(fd(), path(), size); });
}

Task<absl::StatusOr<std::uint64_t>> PosixFile::Size() {
  absl::Status status = CheckProcess("stat");
  if (!status.ok()) return absl::StatusOr<std::uint64_t>(std::move(status));
  return SizeOf(fd(), path());
}

Task<absl::StatusOr<std::unique_ptr<MappedRegion>>> PosixFile::Map(std::size_t size) {
  AURORA_CO_RETURN_IF_ERROR(CheckWritable("mapping"));
  if (direct()) {
    co_return FailedPreconditionError("mapping of ", path(), ": opened for direct I/O");
  }
  InFlight in_flight(*this);
  co_return co_await pool_.Run([&] { return MapFile(fd(), path(), size); });
}

PosixFileSystem::PosixFileSystem(int max_threads)
    : pool_("aurora-file", max_threads), boot_id_(ReadBootId()) {}

Task<absl::StatusOr<std::unique_ptr<File>>> PosixFileSystem::Open(std::string path,
                                                                  OpenOptions options) {
  AURORA_CO_RETURN_IF_ERROR(fork_guard_.Check("open", path));
  AURORA_CO_ASSIGN(OpenedFile opened,
                   co_await pool_.Run([&] { return OpenRegularFile(path, options); }));
  co_return MakeFile(std::move(path), std::move(opened));
}

Task<absl::StatusOr<std::vector<DirectoryEntry>>> PosixFileSystem::List(std::string path) {
  AURORA_CO_RETURN_IF_ERROR(fork_guard_.Check("list", path));
  co_return co_await pool_.Run([&] { return ListDirectory(path); });
}

Task<absl::StatusOr<FileInfo>> PosixFileSystem::Stat(std::string path) {
  AURORA_CO_RETURN_IF_ERROR(fork_guard_.Check("stat", path));
  co_return co_await pool_.Run([&] { return StatPath(path); });
}

Task<absl::Status> PosixFileSystem::CreateDirectory(std::string path) {
  AURORA_CO_RETURN_IF_ERROR(fork_guard_.Check("creation of directory", path));
  co_return co_await pool_.Run([&] { return internal::CreateDirectory(path); });
}

Task<absl::Status> PosixFileSystem::RemoveDirectory(std::string path) {
  AURORA_CO_RETURN_IF_ERROR(fork_guard_.Check("removal of directory", path));
  co_return co_await pool_.Run([&] { return internal::RemoveDirectory(path); });
}

Task<absl::Status> PosixFileSystem::Remove(std::string path) {
  AURORA_CO_RETURN_IF_ERROR(fork_guard_.Check("removal", path));
  co_return co_await pool_.Run([&] { return RemoveFile(path); });
}

Task<absl::Status> PosixFileSystem::Rename(std::string from, std::string to) {
  AURORA_CO_RETURN_IF_ERROR(fork_guard_.Check("rename", from));
  co_return co_await pool_.Run([&] { return RenameFile(from, to); });
}

Task<absl::Status> PosixFileSystem::Link(std::string from, std::string to) {
  AURORA_CO_RETURN_IF_ERROR(fork_guard_.Check("link", from));
  co_return co_await pool_.Run([&] { return LinkFile(from, to); });
}

Task<absl::Status> PosixFileSystem::SyncDirectory(std::string path) {
  AURORA_CO_RETURN_IF_ERROR(fork_guard_.Check("sync of directory", path));
  co_return co_await pool_.Run([&] { return internal::SyncDirectory(path); });
}

Task<absl::StatusOr<std::unique_ptr<FileLock>>> PosixFileSystem::Lock(std::string path) {
  AURORA_CO_RETURN_IF_ERROR(fork_guard_.Check("lock", path));
  co_return co_await pool_.Run([&] { return LockFile(path); });
}

Task<absl::StatusOr<std::uint64_t>> PosixFileSystem::FreeSpace(std::string path) {
  AURORA_CO_RETURN_IF_ERROR(fork_guard_.Check("free space", path));
  co_return co_await pool_.Run([&] { return internal::FreeSpace(path); });
}

}  // namespace aurora::internal
