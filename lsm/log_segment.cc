#include "aurora/lsm/log_segment.h"

#include <algorithm>
#include <cstring>

#include "aurora/lsm/aligned_buffer.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

constexpr std::size_t kZeroChunkBytes = std::size_t{1} << 20;

Task<absl::Status> WriteZeros(File* file, std::uint64_t size) {
  AlignedBuffer zeros(static_cast<std::size_t>(std::min<std::uint64_t>(size, kZeroChunkBytes)));
  std::memset(zeros.data(), 0, zeros.size());
  for (std::uint64_t offset = 0; offset < size; offset += zeros.size()) {
    const std::size_t chunk =
        static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), size - offset));
    AURORA_CO_RETURN_IF_ERROR(co_await file->Write(offset, zeros.span().first(chunk)));
  }
  co_return absl::OkStatus();
}

// A direct segment is filled with zeros, so that no sync of a commit waits for metadata. Commits to
// a mapped one seldom wait for a sync; it only needs to be sure of its space, and costs no bytes.
Task<absl::Status> Fill(File* file, SegmentOptions options, std::uint64_t* written_bytes) {
  if (options.mode == SegmentMode::kMapped) {
    absl::Status allocated = co_await file->Allocate(options.segment_bytes);
    if (!absl::IsUnimplemented(allocated)) co_return allocated;
  }
  *written_bytes += options.segment_bytes;
  co_return co_await WriteZeros(file, options.segment_bytes);
}

Task<absl::Status> Prepare(File* file, SegmentOptions options, std::uint32_t number,
                           std::uint64_t* written_bytes) {
  AURORA_CO_RETURN_IF_ERROR(co_await Fill(file, options, written_bytes));
  AURORA_CO_RETURN_IF_ERROR(co_await file->Sync());
  // Only now: whoever finds this block may rely on the others and on the file's size.
  AlignedBuffer block(kSegmentHeaderBytes);
  std::memset(block.data(), 0, block.size());
  EncodePreparedBlock(number, block.data());
  *written_bytes += kSegmentHeaderBytes;
  co_return co_await file->WriteDurably(0, block.span().first(kSegmentHeaderBytes));
}

Task<absl::Status> SyncLogDirectory(FileSystem& files, std::string directory) {
  if (AURORA_PLANTED_BUG("log-skip-directory-sync")) co_return absl::OkStatus();
  co_return co_await files.SyncDirectory(std::move(directory));
}

Task<absl::Status> CreatePrepared(FileSystem& files, SegmentOptions options, std::uint32_t number,
                                  std::uint64_t* written_bytes) {
  OpenOptions open;
  open.mode = OpenMode::kCreateNew;
  open.direct = true;  // zeros need not push anything out of the page cache
  AURORA_CO_ASSIGN(std::unique_ptr<File> file,
                   co_await files.Open(SegmentPath(options.directory, number), open));
  AURORA_CO_RETURN_IF_ERROR(co_await Prepare(file.get(), options, number, written_bytes));
  co_return co_await SyncLogDirectory(files, options.directory);
}

}  // namespace

std::string SegmentPath(const std::string& directory, std::uint32_t number) {
  return StrCat(directory, "/", SegmentFileName(number));
}

Task<absl::Status> LogSegment::WriteDurably(std::uint64_t offset, std::span<const char> bytes) {
  AURORA_CHECK(offset % kDeviceBlockSize == 0 && bytes.size() % kDeviceBlockSize == 0);
  AURORA_CHECK(offset + bytes.size() <= bytes_);
  if (region_ == nullptr) co_return co_await file_->WriteDurably(offset, bytes);
  std::memcpy(region_->bytes().data() + offset, bytes.data(), bytes.size());
  AURORA_CO_RETURN_IF_ERROR(region_->Publish(static_cast<std::size_t>(offset), bytes.size()));
  co_return co_await file_->Sync();
}

Task<absl::StatusOr<std::unique_ptr<LogSegment>>> OpenSegment(FileSystem& files,
                                                              SegmentOptions options,
                                                              std::uint32_t number) {
  const std::string path = SegmentPath(options.directory, number);
  OpenOptions open;
  open.mode = OpenMode::kReadWrite;
  open.direct = options.mode == SegmentMode::kDirect;
  AURORA_CO_ASSIGN(std::unique_ptr<File> file, co_await files.Open(path, open));
  AURORA_CO_ASSIGN(const std::uint64_t size, co_await file->Size());
  if (size != options.segment_bytes) {
    co_return FailedPreconditionError("log segment ", path, " has ", size, " bytes, not ",
                                      options.segment_bytes);
  }
  std::unique_ptr<MappedRegion> region;
  if (options.mode == SegmentMode::kMapped) {
    AURORA_CO_ASSIGN(region, co_await file->Map(static_cast<std::size_t>(size)));
  }
  co_return std::make_unique<LogSegment>(number, size, std::move(file), std::move(region));
}

Task<absl::StatusOr<std::unique_ptr<LogSegment>>> CreateSegment(FileSystem& files,
                                                                SegmentOptions options,
                                                                std::uint32_t number,
                                                                std::uint64_t* written_bytes) {
  AURORA_CHECK(options.segment_bytes % kDeviceBlockSize == 0 &&
               options.segment_bytes >= kMinSegmentBytes &&
               options.segment_bytes <= kMaxSegmentBytes);
  const std::string path = SegmentPath(options.directory, number);
  const absl::Status created = co_await CreatePrepared(files, options, number, written_bytes);
  if (!created.ok()) {
    // What could not be written and synced whole is never used. The next open removes it if this
    // does not.
    if (!absl::IsAlreadyExists(created)) (void)co_await files.Remove(path);
    co_return Annotate(created, "preparing a log segment");
  }
  co_return co_await OpenSegment(files, std::move(options), number);
}

Task<absl::StatusOr<std::unique_ptr<LogSegment>>> RecycleSegment(FileSystem& files,
                                                                 SegmentOptions options,
                                                                 std::uint32_t from,
                                                                 std::uint32_t to) {
  AURORA_CHECK(from < to);
  AURORA_CO_RETURN_IF_ERROR(co_await files.Rename(SegmentPath(options.directory, from),
                                                  SegmentPath(options.directory, to)));
  AURORA_CO_RETURN_IF_ERROR(co_await SyncLogDirectory(files, options.directory));
  co_return co_await OpenSegment(files, std::move(options), to);
}

}  // namespace aurora::lsm
