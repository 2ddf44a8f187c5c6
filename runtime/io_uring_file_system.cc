#include "aurora/runtime/io_uring_file_system.h"

#include <liburing.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "aurora/runtime/compiler.h"
#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/io_ring.h"
#include "aurora/runtime/posix_calls.h"
#include "aurora/runtime/posix_file_system.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/transfer.h"

namespace aurora {
namespace {

using internal::OpenedFile;
using internal::Transfer;

// Threads for what does not go through a ring.
constexpr int kMaxMetadataThreads = 4;

constexpr unsigned kNeededOperations[] = {IORING_OP_READ, IORING_OP_WRITE, IORING_OP_FSYNC};

// One call of a transfer. The result is its outcome.
class TransferCall final : public IoRing::Operation {
 public:
  TransferCall(IoRing& ring, unsigned opcode, const Transfer& transfer, int rw_flags)
      : Operation(ring), opcode_(opcode), rw_flags_(rw_flags), transfer_(transfer) {}
  int await_resume() const { return result(); }

 private:
  void Prepare(std::span<io_uring_sqe* const> entries) override {
    io_uring_prep_rw(static_cast<int>(opcode_), entries[0], transfer_.fd(), transfer_.data(),
                     static_cast<unsigned>(transfer_.size()), transfer_.offset());
    entries[0]->rw_flags = rw_flags_;
  }

  const unsigned opcode_;
  const int rw_flags_;
  const Transfer& transfer_;
};

class SyncCall final : public IoRing::Operation {
 public:
  SyncCall(IoRing& ring, int fd) : Operation(ring), fd_(fd) {}
  int await_resume() const { return result(); }

 private:
  void Prepare(std::span<io_uring_sqe* const> entries) override {
    io_uring_prep_fsync(entries[0], fd_, IORING_FSYNC_DATASYNC);
  }

  const int fd_;
};

// The ring of the loop that drives this thread, or null. Not inline: a coroutine must not keep the
// address of a thread-local across a suspension.
AURORA_NOINLINE IoRing* RingOfThisThread() {
  EventLoop* const loop = EventLoop::Current();
  return loop == nullptr ? nullptr : loop->ring();
}

// Why the thread that exists to have a ring has none.
AURORA_COLD absl::Status NoRingError(std::string_view operation, std::string_view path) {
  const EventLoop* const loop = EventLoop::Current();
  const std::string reason =
      loop == nullptr ? "it drives no event loop" : loop->ring_status().ToString();
  return UnavailableError(operation, " of ", path, ": the I/O thread has no io_uring: ", reason);
}

class IoUringFile final : public internal::PosixFile {
 public:
  IoUringFile(std::string path, OpenedFile opened, internal::BlockingPool& pool, Executor& io)
      : PosixFile(std::move(path), std::move(opened), pool), io_(io) {}

  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::size_t>> Read(std::uint64_t offset,
                                                             std::span<char> buffer) override {
    absl::Status status = CheckRead(offset, buffer);
    if (!status.ok()) return absl::StatusOr<std::size_t>(std::move(status));
    if (ReadCached(offset, buffer)) return absl::StatusOr<std::size_t>(buffer.size());
    return ReadFromDevice(offset, buffer);
  }

  AURORA_TASK_WRAPPER Task<absl::Status> Write(std::uint64_t offset,
                                               std::span<const char> bytes) override {
    return WriteWith(0, offset, bytes);
  }

  AURORA_TASK_WRAPPER Task<absl::Status> WriteDurably(std::uint64_t offset,
                                                      std::span<const char> bytes) override {
    return WriteWith(RWF_DSYNC, offset, bytes);
  }

  Task<absl::Status> Sync() override {
    AURORA_CO_RETURN_IF_ERROR(CheckProcess("sync"));
    InFlight in_flight(*this);
    Executor* const home = Executor::Current();
    IoRing* ring = RingOfThisThread();
    if (ring == nullptr) {
      co_await SwitchTo(io_);
      ring = RingOfThisThread();
    }
    absl::Status status;
    if (AURORA_UNLIKELY(ring == nullptr)) {
      status = NoRingError("sync", path());
    } else {
      int outcome = -EINTR;
      while (outcome == -EINTR) {
        SyncCall call(*ring, fd());
        outcome = co_await call;
      }
      if (outcome < 0) status = SystemError(-outcome, "sync", path());
    }
    // Nowhere, if the ring was at home.
    co_await SwitchTo(*home);
    co_return status;
  }

 private:
  Task<absl::StatusOr<std::size_t>> ReadFromDevice(std::uint64_t offset, std::span<char> buffer) {
    InFlight in_flight(*this);
    Transfer transfer = Transfer::Read(fd(), path(), direct(), offset, buffer);
    AURORA_CO_RETURN_IF_ERROR(co_await Complete(&transfer, IORING_OP_READ, 0));
    co_return transfer.Result();
  }

  Task<absl::Status> WriteWith(int rw_flags, std::uint64_t offset, std::span<const char> bytes) {
    AURORA_CO_RETURN_IF_ERROR(CheckWrite(offset, bytes));
    InFlight in_flight(*this);
    Transfer transfer = Transfer::Write(fd(), path(), direct(), offset, bytes);
    co_return co_await Complete(&transfer, IORING_OP_WRITE, rw_flags);
  }

  Task<absl::Status> Complete(Transfer* transfer, unsigned opcode, int rw_flags) {
    Executor* const home = Executor::Current();
    IoRing* ring = RingOfThisThread();
    if (AURORA_UNLIKELY(ring == nullptr)) {
      co_await SwitchTo(io_);
      ring = RingOfThisThread();
    }
    absl::Status status;
    if (AURORA_UNLIKELY(ring == nullptr)) {
      status = NoRingError(opcode == IORING_OP_READ ? "read" : "write", path());
    } else {
      while (!transfer->done()) {
        TransferCall call(*ring, opcode, *transfer, rw_flags);
        transfer->Advance(co_await call);
      }
      status = transfer->status();
    }
    // Nowhere, if the ring was at home.
    co_await SwitchTo(*home);
    co_return status;
  }

  Executor& io_;
};

class IoUringFileSystem final : public internal::PosixFileSystem {
 public:
  explicit IoUringFileSystem(Executor& io) : PosixFileSystem(kMaxMetadataThreads), io_(io) {}

  std::string_view name() const override { return "io_uring"; }

 protected:
  std::unique_ptr<File> MakeFile(std::string path, OpenedFile opened) override {
    return std::make_unique<IoUringFile>(std::move(path), std::move(opened), pool(), io_);
  }

 private:
  Executor& io_;
};

}  // namespace

absl::Status IoUringAvailable() {
  const internal::FileDescriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return SystemError(errno, "eventfd", "io_uring");
  absl::StatusOr<std::unique_ptr<IoRing>> ring = IoRing::Create(wake.get());
  if (!ring.ok()) return ring.status();
  for (const unsigned operation : kNeededOperations) {
    if (!(*ring)->Supports(operation)) {
      return FailedPreconditionError("io_uring of this kernel does not know operation ", operation);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<FileSystem>> MakeIoUringFileSystem(Executor& io) {
  AURORA_RETURN_IF_ERROR(IoUringAvailable());
  return std::make_unique<IoUringFileSystem>(io);
}

}  // namespace aurora
