#include "aurora/lsm/file_copier.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "aurora/lsm/aligned_buffer.h"
#include "aurora/lsm/stream_hash.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

std::size_t ChunkOf(std::uint64_t left) {
  return static_cast<std::size_t>(std::min<std::uint64_t>(left, kChunkBytes));
}

Task<absl::StatusOr<std::unique_ptr<File>>> OpenSource(FileSystem* files, std::string path) {
  // What is copied is what the device holds, and it pushes nothing out of the page cache.
  OpenOptions options;
  options.direct = true;
  co_return co_await files->Open(std::move(path), options);
}

}  // namespace

FileCopier::FileCopier(Environment* environment, CopyOptions options, std::uint64_t total_bytes)
    : environment_(environment),
      options_(std::move(options)),
      start_nanos_(environment->clock().MonotonicNanos()) {
  progress_.total_bytes = total_bytes;
}

void FileCopier::Skip(std::uint64_t bytes) {
  progress_.done_bytes += bytes;
  if (options_.progress) options_.progress(progress_);
}

Task<absl::Status> FileCopier::Account(std::uint64_t bytes) {
  Skip(bytes);
  if (options_.stop.stop_requested()) co_return CancelledError("copying was stopped");
  if (options_.bytes_per_second == 0) co_return absl::OkStatus();
  moved_bytes_ += bytes;
  const double seconds =
      static_cast<double>(moved_bytes_) / static_cast<double>(options_.bytes_per_second);
  co_return co_await environment_->SleepUntil(
      start_nanos_ + static_cast<std::int64_t>(seconds * 1e9), options_.stop);
}

Task<absl::StatusOr<std::uint64_t>> FileCopier::Transfer(File* from, File* to,
                                                         std::uint64_t bytes) {
  AlignedBuffer buffer(kChunkBytes);
  StreamHash hash;
  for (std::uint64_t offset = 0; offset < bytes;) {
    const std::size_t chunk = ChunkOf(bytes - offset);
    const std::size_t wanted = (chunk + kDeviceBlockSize - 1) / kDeviceBlockSize * kDeviceBlockSize;
    AURORA_CO_ASSIGN(const std::size_t read,
                     co_await from->Read(offset, buffer.span().first(wanted)));
    if (read < chunk) {
      co_return DataLossError(from->path(), " has ", offset + read, " bytes instead of ", bytes);
    }
    const std::span<const char> part = buffer.span().first(chunk);
    hash.Add({part.data(), part.size()});
    if (to != nullptr) AURORA_CO_RETURN_IF_ERROR(co_await to->Write(offset, part));
    offset += chunk;
    AURORA_CO_RETURN_IF_ERROR(co_await Account(chunk));
  }
  co_return hash.Digest();
}

Task<absl::StatusOr<std::uint64_t>> FileCopier::Copy(Request request) {
  FileSystem& files = environment_->files();
  AURORA_CO_ASSIGN(const std::unique_ptr<File> from, co_await OpenSource(&files, request.from));
  OpenOptions options;
  options.mode = OpenMode::kCreateNew;
  AURORA_CO_ASSIGN(const std::unique_ptr<File> to, co_await files.Open(request.to, options));
  AURORA_CO_ASSIGN(const std::uint64_t hash,
                   co_await Transfer(from.get(), to.get(), request.bytes));
  AlignedBuffer zeros;
  for (std::uint64_t offset = request.bytes; offset < request.padded_bytes;) {
    if (zeros.size() == 0) {
      zeros.Resize(kChunkBytes);
      std::memset(zeros.data(), 0, zeros.size());
    }
    const std::size_t chunk = ChunkOf(request.padded_bytes - offset);
    AURORA_CO_RETURN_IF_ERROR(co_await to->Write(offset, zeros.span().first(chunk)));
    offset += chunk;
  }
  if (!AURORA_PLANTED_BUG("copy-skip-sync")) AURORA_CO_RETURN_IF_ERROR(co_await to->Sync());
  co_return hash;
}

Task<absl::StatusOr<std::uint64_t>> FileCopier::Hash(std::string path, std::uint64_t bytes) {
  AURORA_CO_ASSIGN(const std::unique_ptr<File> from,
                   co_await OpenSource(&environment_->files(), std::move(path)));
  AURORA_CO_ASSIGN(const std::uint64_t size, co_await from->Size());
  if (size != bytes) {
    co_return DataLossError(from->path(), " has ", size, " bytes instead of ", bytes);
  }
  AURORA_CO_ASSIGN(const std::uint64_t hash, co_await Transfer(from.get(), nullptr, bytes));
  co_return hash;
}

}  // namespace aurora::lsm
