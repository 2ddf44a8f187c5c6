#include "aurora/runtime/thread_file_system.h"

#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "aurora/runtime/posix_calls.h"
#include "aurora/runtime/posix_file_system.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/transfer.h"

namespace aurora {
namespace {

using internal::OpenedFile;
using internal::Transfer;

std::int64_t OutcomeOf(ssize_t result) { return result >= 0 ? result : -errno; }

std::int64_t CallWith(const Transfer& transfer, int rw_flags,
                      ssize_t (*call)(int, const iovec*, int, off_t, int)) {
  const iovec piece = {transfer.data(), transfer.size()};
  const auto offset = static_cast<off_t>(transfer.offset());
  return OutcomeOf(call(transfer.fd(), &piece, 1, offset, rw_flags));
}

absl::StatusOr<std::size_t> ReadAll(Transfer transfer) {
  while (!transfer.done()) transfer.Advance(CallWith(transfer, 0, &::preadv2));
  return transfer.Result();
}

absl::Status WriteAll(Transfer transfer) {
  while (!transfer.done()) transfer.Advance(CallWith(transfer, 0, &::pwritev2));
  return transfer.status();
}

absl::Status WriteAllDurably(Transfer transfer, std::string_view path) {
  const Transfer untouched = transfer;
  while (!transfer.done()) {
    const std::int64_t outcome = CallWith(transfer, RWF_DSYNC, &::pwritev2);
    if (outcome == -EOPNOTSUPP) {  // the flag is not known
      AURORA_RETURN_IF_ERROR(WriteAll(untouched));
      return internal::SyncData(transfer.fd(), path);
    }
    transfer.Advance(outcome);
  }
  return transfer.status();
}

class ThreadFile final : public internal::PosixFile {
 public:
  ThreadFile(std::string path, OpenedFile opened, internal::BlockingPool& pool)
      : PosixFile(std::move(path), std::move(opened), pool) {}

  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::size_t>> Read(std::uint64_t offset,
                                                             std::span<char> buffer) override {
    absl::Status status = CheckRead(offset, buffer);
    if (!status.ok()) return absl::StatusOr<std::size_t>(std::move(status));
    if (ReadCached(offset, buffer)) return absl::StatusOr<std::size_t>(buffer.size());
    return ReadOnPool(offset, buffer);
  }

  Task<absl::Status> Write(std::uint64_t offset, std::span<const char> bytes) override {
    AURORA_CO_RETURN_IF_ERROR(CheckWrite(offset, bytes));
    InFlight in_flight(*this);
    co_return co_await pool().Run([&] { return WriteAll(WriteOf(offset, bytes)); });
  }

  Task<absl::Status> WriteDurably(std::uint64_t offset, std::span<const char> bytes) override {
    AURORA_CO_RETURN_IF_ERROR(CheckWrite(offset, bytes));
    InFlight in_flight(*this);
    co_return co_await pool().Run([&] { return WriteAllDurably(WriteOf(offset, bytes), path()); });
  }

  Task<absl::Status> Sync() override {
    AURORA_CO_RETURN_IF_ERROR(CheckProcess("sync"));
    InFlight in_flight(*this);
    co_return co_await pool().Run([&] { return internal::SyncData(fd(), path()); });
  }

 private:
  Transfer ReadOf(std::uint64_t offset, std::span<char> buffer) const {
    return Transfer::Read(fd(), path(), direct(), offset, buffer);
  }
  Transfer WriteOf(std::uint64_t offset, std::span<const char> bytes) const {
    return Transfer::Write(fd(), path(), direct(), offset, bytes);
  }

  Task<absl::StatusOr<std::size_t>> ReadOnPool(std::uint64_t offset, std::span<char> buffer) {
    InFlight in_flight(*this);
    co_return co_await pool().Run([&] { return ReadAll(ReadOf(offset, buffer)); });
  }
};

class ThreadFileSystem final : public internal::PosixFileSystem {
 public:
  explicit ThreadFileSystem(int max_threads) : PosixFileSystem(max_threads) {}

  std::string_view name() const override { return "threads"; }

 protected:
  std::unique_ptr<File> MakeFile(std::string path, OpenedFile opened) override {
    return std::make_unique<ThreadFile>(std::move(path), std::move(opened), pool());
  }
};

}  // namespace

std::unique_ptr<FileSystem> MakeThreadFileSystem(const ThreadFileSystemOptions& options) {
  return std::make_unique<ThreadFileSystem>(options.max_threads);
}

}  // namespace aurora
