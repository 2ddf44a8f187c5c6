#include "aurora/lsm/record_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "aurora/lsm/coding.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/stream_hash.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kMagic = 0x3143455241525541;  // "AURAREC1", read as bytes
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = kDeviceBlockSize;
constexpr std::size_t kChecksumOffset = kHeaderBytes - 8;
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

// Collects bytes and writes them in large pieces.
class Writing {
 public:
  explicit Writing(File* file) : file_(file), buffer_(kChunkBytes) {}

  Task<absl::Status> Add(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t count = std::min(bytes.size(), buffer_.size() - used_);
      std::memcpy(buffer_.data() + used_, bytes.data(), count);
      used_ += count;
      bytes.remove_prefix(count);
      if (used_ == buffer_.size()) AURORA_CO_RETURN_IF_ERROR(co_await Flush());
    }
    co_return absl::OkStatus();
  }
  Task<absl::Status> Finish() {
    const std::size_t padded = NextBlock(used_);
    std::memset(buffer_.data() + used_, 0, padded - used_);
    used_ = padded;
    co_return co_await Flush();
  }
  std::uint64_t Hash() const { return hash_.Digest(); }

 private:
  Task<absl::Status> Flush() {
    const std::span<const char> bytes = buffer_.span().first(used_);
    hash_.Add(bytes);
    AURORA_CO_RETURN_IF_ERROR(co_await file_->Write(offset_, bytes));
    offset_ += used_;
    used_ = 0;
    co_return absl::OkStatus();
  }

  File* const file_;
  AlignedBuffer buffer_;
  StreamHash hash_;
  std::size_t used_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace

void EncodeRecordFileHeader(const LogIdentity& identity, const RecordFileReference& reference,
                            char* block) {
  std::memset(block, 0, kHeaderBytes);
  StoreFixed<std::uint64_t>(block, kMagic);
  StoreFixed<std::uint32_t>(block + 8, kVersion);
  std::memcpy(block + 16, identity.database_id, sizeof identity.database_id);
  StoreFixed<std::uint64_t>(block + 32, reference.number);
  StoreFixed<std::uint64_t>(block + 40, reference.payload_bytes);
  StoreFixed<std::uint64_t>(block + kChecksumOffset, HashBytes({block, kChecksumOffset}));
}

std::uint64_t RecordFileBytes(std::uint64_t payload_bytes) {
  return kHeaderBytes + NextBlock(payload_bytes);
}

Task<absl::Status> WriteRecordFile(FileSystem* files, std::string path, LogIdentity identity,
                                   std::span<const std::string_view> parts,
                                   RecordFileReference* reference) {
  reference->payload_bytes = 0;
  for (const std::string_view part : parts) reference->payload_bytes += part.size();
  OpenOptions options;
  options.mode = OpenMode::kCreateNew;
  options.direct = true;  // it is read again only after a crash
  AURORA_CO_ASSIGN(const std::unique_ptr<File> file,
                   co_await files->Open(std::move(path), options));
  Writing writing(file.get());
  char header[kHeaderBytes];
  EncodeRecordFileHeader(identity, *reference, header);
  AURORA_CO_RETURN_IF_ERROR(co_await writing.Add({header, kHeaderBytes}));
  for (const std::string_view part : parts) {
    AURORA_CO_RETURN_IF_ERROR(co_await writing.Add(part));
  }
  AURORA_CO_RETURN_IF_ERROR(co_await writing.Finish());
  reference->hash = writing.Hash();
  if (AURORA_PLANTED_BUG("record-file-skip-sync")) co_return absl::OkStatus();
  co_return co_await file->Sync();
}

Task<absl::StatusOr<RecordFilePayload>> RecordFilePayload::Read(FileSystem* files,
                                                                std::string directory,
                                                                LogIdentity identity,
                                                                RecordFileReference reference) {
  if (reference.number == 0) co_return DataLossError("there is no record file 0");
  const std::string path = JoinPath(directory, RecordFileName(reference.number));
  OpenOptions options;
  options.direct = true;  // what the page cache shows is no proof of what the device has
  const absl::StatusOr<std::unique_ptr<File>> opened = co_await files->Open(path, options);
  if (absl::IsNotFound(opened.status())) {
    co_return DataLossError("record file ", path, " is missing");
  }
  AURORA_CO_RETURN_IF_ERROR(opened.status());
  File& file = **opened;
  const std::uint64_t bytes =
      RecordFileBytes(std::min(reference.payload_bytes, kMaxRecordBytes + 1));
  AURORA_CO_ASSIGN(const std::uint64_t size, co_await file.Size());
  if (size != bytes) {
    co_return DataLossError("record file ", path, " has ", size, " bytes instead of ", bytes);
  }
  AlignedBuffer buffer(bytes);
  AURORA_CO_ASSIGN(const std::size_t count, co_await file.Read(0, buffer.span()));
  char header[kHeaderBytes];
  EncodeRecordFileHeader(identity, reference, header);
  if (AURORA_PLANTED_BUG("record-file-unchecked")) {
    co_return RecordFilePayload(std::move(buffer), reference.payload_bytes);
  }
  if (count != bytes || std::memcmp(buffer.data(), header, kHeaderBytes) != 0) {
    co_return DataLossError("record file ", path,
                            " does not begin as its frame says: it is damaged, or another file");
  }
  if (HashBytes(buffer.view()) != reference.hash) {
    co_return DataLossError("record file ", path, " is damaged: its checksum does not match");
  }
  co_return RecordFilePayload(std::move(buffer), reference.payload_bytes);
}

std::string_view RecordFilePayload::view() const {
  return buffer_.view().substr(kHeaderBytes, payload_bytes_);
}

}  // namespace aurora::lsm
