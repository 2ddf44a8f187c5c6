#include "aurora/lsm/patient_file.h"

#include <algorithm>
#include <cstring>

#include "aurora/runtime/status.h"

namespace aurora::lsm {

Task<absl::StatusOr<std::unique_ptr<PatientFile>>> PatientFile::Open(FileSystem* files,
                                                                     std::string path) {
  OpenOptions options;
  options.direct = true;
  AURORA_CO_ASSIGN(std::unique_ptr<File> file, co_await files->Open(std::move(path), options));
  AURORA_CO_ASSIGN(const std::uint64_t size, co_await file->Size());
  co_return std::unique_ptr<PatientFile>(new PatientFile(std::move(file), size));
}

Task<std::string_view> PatientFile::Read(std::uint64_t begin, std::uint64_t end) {
  end = std::min(end, size_);
  if (begin >= end) co_return std::string_view();
  const std::uint64_t from = begin & ~std::uint64_t{kDeviceBlockSize - 1};
  const std::uint64_t to = (end + kDeviceBlockSize - 1) & ~std::uint64_t{kDeviceBlockSize - 1};
  buffer_.Resize(static_cast<std::size_t>(to - from));
  const absl::StatusOr<std::size_t> count = co_await file_->Read(from, buffer_.span());
  if (!count.ok() || *count < end - from) co_await ReadBlockwise(from);
  co_return buffer_.view().substr(begin - from, end - begin);
}

Task<void> PatientFile::ReadBlockwise(std::uint64_t from) {
  for (std::size_t at = 0; at < buffer_.size(); at += kDeviceBlockSize) {
    const std::span<char> block = buffer_.span().subspan(at, kDeviceBlockSize);
    const std::uint64_t offset = from + at;
    const std::uint64_t wanted = std::min<std::uint64_t>(kDeviceBlockSize, size_ - offset);
    const absl::StatusOr<std::size_t> count = co_await file_->Read(offset, block);
    if (count.ok() && *count >= wanted) continue;
    std::memset(block.data(), 0, block.size());
    AddUnreadable(offset);
  }
}

void PatientFile::AddUnreadable(std::uint64_t offset) {
  for (const FileRange& range : unreadable_) {
    if (offset >= range.offset && offset < range.end()) return;
  }
  const std::uint64_t bytes = std::min<std::uint64_t>(kDeviceBlockSize, size_ - offset);
  if (!unreadable_.empty() && unreadable_.back().end() == offset) {
    unreadable_.back().bytes += bytes;
  } else {
    unreadable_.push_back({offset, bytes});
  }
}

}  // namespace aurora::lsm
