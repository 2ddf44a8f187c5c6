#include "aurora/runtime/simulation/simulated_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

Operation OperationOn(OperationKind kind, const std::string& path, std::uint64_t offset,
                      std::uint64_t size) {
  Operation operation;
  operation.kind = kind;
  operation.path = path;
  operation.offset = offset;
  operation.size = size;
  return operation;
}

absl::Status ErrorUnlessZero(int error, const Operation& operation) {
  if (error == 0) return absl::OkStatus();
  return SystemError(error, OperationName(operation.kind), operation.path);
}

}  // namespace

SimulatedFile::SimulatedFile(SimulatedFileSystem& files, NodeId node, std::string path,
                             const OpenOptions& options)
    : File(path, options.direct),
      files_(files),
      handle_(files, node, std::move(path)),
      writable_(options.mode != OpenMode::kReadOnly) {}

SimulatedFile::~SimulatedFile() {
  AURORA_CHECK(in_flight_ == 0 && "a file must not be destroyed while an operation is in flight");
}

absl::Status SimulatedFile::CheckWritable(std::string_view operation) const {
  if (writable_) return absl::OkStatus();
  return FailedPreconditionError(operation, " of ", path(), ": opened for reading only");
}

absl::Status SimulatedFile::CheckTransfer(std::string_view operation, std::uint64_t offset,
                                          std::span<const char> bytes) const {
  constexpr std::uint64_t kMaxOffset = std::numeric_limits<std::int64_t>::max();
  if (offset > kMaxOffset || bytes.size() > kMaxOffset - offset) {
    return InvalidArgumentError(operation, " of ", path(), " at ", offset, ", ", bytes.size(),
                                " bytes: beyond the largest offset of any file");
  }
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  if (direct() && (offset | bytes.size() | address) % kDeviceBlockSize != 0) {
    return InvalidArgumentError(operation, " of ", path(), " at ", offset, ", ", bytes.size(),
                                " bytes: direct I/O needs offset, size and address to be multiples "
                                "of ",
                                kDeviceBlockSize);
  }
  return absl::OkStatus();
}

Task<absl::StatusOr<std::size_t>> SimulatedFile::Read(std::uint64_t offset,
                                                      std::span<char> buffer) {
  AURORA_CO_RETURN_IF_ERROR(CheckTransfer("read", offset, buffer));
  Use use(*this);
  SimulatedFileSystem::Call call(files_,
                                 OperationOn(OperationKind::kRead, path(), offset, buffer.size()));
  co_await call.Submit();
  AURORA_CO_RETURN_IF_ERROR(call.Finish());
  std::size_t size = files_.disk_.Read(node(), offset, buffer);
  if (call.shortened() && size > 0) size = files_.fault_random_.Below(size);
  // What lies beyond is unspecified, so let nobody get used to finding it unchanged.
  std::memset(buffer.data() + size, 0xDB, buffer.size() - size);
  for (int i = 0; i < call.bits_to_flip() && size > 0; ++i) {
    const std::uint64_t bit = files_.fault_random_.Below(size * 8);
    buffer[bit / 8] = static_cast<char>(buffer[bit / 8] ^ (1 << (bit % 8)));
  }
  co_return size;
}

AURORA_TASK_WRAPPER Task<absl::Status> SimulatedFile::Write(std::uint64_t offset,
                                                            std::span<const char> bytes) {
  return WriteInFull(offset, bytes, false);
}

AURORA_TASK_WRAPPER Task<absl::Status> SimulatedFile::WriteDurably(std::uint64_t offset,
                                                                   std::span<const char> bytes) {
  return WriteInFull(offset, bytes, true);
}

Task<absl::Status> SimulatedFile::WriteInFull(std::uint64_t offset, std::span<const char> bytes,
                                              bool durably) {
  AURORA_CO_RETURN_IF_ERROR(CheckWritable("write"));
  AURORA_CO_RETURN_IF_ERROR(CheckTransfer("write", offset, bytes));
  Use use(*this);
  const OperationKind kind = durably ? OperationKind::kWriteDurably : OperationKind::kWrite;
  const Operation operation = OperationOn(kind, path(), offset, bytes.size());
  SimulatedFileSystem::Call call(files_, operation);
  SimulatedDisk::InFlight in_flight(files_.disk_, node(), offset, bytes, handle_.alive());
  const std::uint64_t hash = SimulationHash(bytes);
  co_await call.Submit();
  const absl::Status status = call.Finish();
  in_flight.Retire();
  if (IsCrash(status)) co_return status;
  AURORA_CHECK(SimulationHash(bytes) == hash && "a buffer was changed while it was being written");
  files_.trace_.Record(files_.scheduler_.now_nanos(), "bytes", path(), offset, hash);
  if (!status.ok()) {
    if (!files_.read_only_) {
      files_.disk_.FailWrite(node(), offset, bytes, files_.fault_random_);
    }
    co_return status;
  }
  if (call.lost()) co_return absl::OkStatus();
  const int error = files_.disk_.Write(node(), offset, bytes, durably);
  if (error != 0) files_.disk_.FailWrite(node(), offset, bytes, files_.fault_random_);
  co_return ErrorUnlessZero(error, operation);
}

Task<absl::Status> SimulatedFile::Sync() {
  Use use(*this);
  SimulatedFileSystem::Call call(files_, OperationOn(OperationKind::kSync, path(), 0, 0));
  const std::uint64_t up_to_order = handle_.alive() ? files_.disk_.BeginSync(node()) : 0;
  co_await call.Submit();
  const absl::Status status = call.Finish();
  if (IsCrash(status) || call.lost()) co_return status;
  if (status.ok()) {
    files_.disk_.Sync(node(), up_to_order);
  } else {
    files_.disk_.FailSync(node(), up_to_order, files_.fault_random_);
  }
  co_return status;
}

Task<absl::Status> SimulatedFile::Truncate(std::uint64_t size) {
  AURORA_CO_RETURN_IF_ERROR(CheckWritable("truncate"));
  Use use(*this);
  const Operation operation = OperationOn(OperationKind::kTruncate, path(), 0, size);
  SimulatedFileSystem::Call call(files_, operation);
  co_await call.Submit();
  AURORA_CO_RETURN_IF_ERROR(call.Finish());
  if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    co_return ErrorUnlessZero(EFBIG, operation);
  }
  co_return ErrorUnlessZero(files_.disk_.Resize(node(), size), operation);
}

Task<absl::Status> SimulatedFile::Allocate(std::uint64_t size) {
  AURORA_CO_RETURN_IF_ERROR(CheckWritable("allocation"));
  Use use(*this);
  const Operation operation = OperationOn(OperationKind::kAllocate, path(), 0, size);
  SimulatedFileSystem::Call call(files_, operation);
  co_await call.Submit();
  AURORA_CO_RETURN_IF_ERROR(call.Finish());
  if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    co_return ErrorUnlessZero(EFBIG, operation);
  }
  co_return ErrorUnlessZero(files_.disk_.Allocate(node(), size), operation);
}

Task<absl::StatusOr<std::uint64_t>> SimulatedFile::Size() {
  Use use(*this);
  SimulatedFileSystem::Call call(files_, OperationOn(OperationKind::kSize, path(), 0, 0));
  co_await call.Submit();
  AURORA_CO_RETURN_IF_ERROR(call.Finish());
  co_return files_.disk_.image().files().Get(node()).cached().size();
}

Task<absl::StatusOr<std::unique_ptr<MappedRegion>>> SimulatedFile::Map(std::size_t size) {
  AURORA_CO_RETURN_IF_ERROR(CheckWritable("mapping"));
  if (direct()) {
    co_return FailedPreconditionError("mapping of ", path(), ": opened for direct I/O");
  }
  Use use(*this);
  SimulatedFileSystem::Call call(files_, OperationOn(OperationKind::kMap, path(), 0, size));
  co_await call.Submit();
  AURORA_CO_RETURN_IF_ERROR(call.Finish());
  const std::uint64_t file_size = files_.disk_.image().files().Get(node()).cached().size();
  if (size == 0 || size > file_size) {
    co_return InvalidArgumentError("mapping of ", path(), ": ", size,
                                   " bytes do not lie in the file, which has ", file_size);
  }
  co_return std::make_unique<SimulatedRegion>(files_, node(), path(), size);
}

// --- Mapped regions. ---

SimulatedRegion::SimulatedRegion(SimulatedFileSystem& files, NodeId node, std::string path,
                                 std::size_t size)
    : files_(files),
      path_(path),
      handle_(files, node, std::move(path)),
      memory_(static_cast<char*>(::operator new(size, std::align_val_t(kDeviceBlockSize)))),
      mapping_{.node = node, .bytes = std::span<char>(memory_.get(), size)} {
  files_.disk_.Map(mapping_);
}

SimulatedRegion::~SimulatedRegion() {
  if (!handle_.alive()) return;
  files_.disk_.Absorb(mapping_, 0, mapping_.bytes.size());
  files_.disk_.Unmap(mapping_);
}

void SimulatedRegion::Free::operator()(char* memory) const {
  ::operator delete(memory, std::align_val_t(kDeviceBlockSize));
}

void SimulatedRegion::Prepare(std::size_t offset, std::size_t size) {
  AURORA_CHECK(offset <= mapping_.bytes.size() && size <= mapping_.bytes.size() - offset);
  AURORA_CHECK(offset >= retired_);
}

void SimulatedRegion::Retire(std::size_t end) {
  AURORA_CHECK(end <= mapping_.bytes.size());
  retired_ = std::max(retired_, end - end % kDeviceBlockSize);
}

absl::Status SimulatedRegion::Publish(std::size_t offset, std::size_t size) {
  AURORA_CHECK(offset <= mapping_.bytes.size() && size <= mapping_.bytes.size() - offset);
  AURORA_CHECK(offset >= retired_);
  if (!handle_.alive()) return CrashError();
  const Operation operation = OperationOn(OperationKind::kPublish, path_, offset, size);
  files_.trace_.Record(files_.scheduler_.now_nanos(), "publish", path_, offset, size,
                       SimulationHash(mapping_.bytes.subspan(offset, size)));
  files_.Announce(operation);
  if (!handle_.alive()) return CrashError();
  Fault fault;
  if (files_.faults_.Strikes(operation, files_.fault_random_, &fault)) mapping_.failed = true;
  if (files_.disk_.Absorb(mapping_, offset, size)) return absl::OkStatus();
  return UnavailableError("publish of ", path_, " at ", offset, ", ", size,
                          " bytes: the device could not provide a page of the mapped region");
}

// --- Locks. ---

SimulatedLock::SimulatedLock(SimulatedFileSystem& files, NodeId node, std::string path)
    : files_(files), handle_(files, node, std::move(path)) {}

SimulatedLock::~SimulatedLock() {
  if (handle_.alive()) files_.disk_.Unlock(handle_.node());
}

}  // namespace aurora
