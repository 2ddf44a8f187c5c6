#include "aurora/lsm/log_tail.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "aurora/lsm/log_segment.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kWindowBytes = std::uint64_t{256} << 10;

}  // namespace

LogTail::LogTail(FileSystem* files, std::string directory, LogPosition from,
                 std::vector<LogPosition> parts)
    : files_(files), directory_(std::move(directory)), parts_(std::move(parts)), at_(from) {
  while (part_ < parts_.size() && parts_[part_].segment < from.segment) ++part_;
  if (part_ < parts_.size() && parts_[part_].segment != from.segment)
    at_ = {parts_[part_].segment, 0};
}

Task<absl::Status> LogTail::OpenSegment() {
  OpenOptions options;
  options.direct = true;
  const auto number = static_cast<std::uint32_t>(at_.segment);
  AURORA_CO_ASSIGN(file_, co_await files_->Open(SegmentPath(directory_, number), options));
  window_begin_ = window_end_ = 0;
  AURORA_CO_ASSIGN(const bool loaded, co_await Load(0, kSegmentHeaderBytes));
  const bool valid = loaded &&
                     DecodeSegmentHeader({window_.data(), kSegmentHeaderBytes}, &segment_) ==
                         HeaderState::kValid &&
                     segment_.number == number;
  if (!valid) co_return DataLossError("log segment ", file_->path(), " has no valid header");
  seed_ = FrameSeed(segment_.identity, number);
  at_.offset = std::max<std::uint64_t>(at_.offset, kSegmentHeaderBytes);
  co_return absl::OkStatus();
}

Task<absl::StatusOr<bool>> LogTail::Load(std::uint64_t offset, std::uint64_t end) {
  if (offset >= window_begin_ && end <= window_end_) co_return true;
  const std::uint64_t begin = offset / kDeviceBlockSize * kDeviceBlockSize;
  const std::uint64_t wanted = NextBlock(std::max(end, begin + kWindowBytes)) - begin;
  if (window_.size() < wanted) window_.Resize(wanted);
  window_begin_ = window_end_ = begin;
  AURORA_CO_ASSIGN(const std::size_t count,
                   co_await file_->Read(begin, window_.span().first(wanted)));
  window_end_ = begin + count;
  co_return end <= window_end_;
}

Task<absl::StatusOr<bool>> LogTail::TakeFrame(std::uint32_t offset) {
  const std::uint64_t limit = parts_[part_].offset;
  if (offset + std::uint64_t{kFrameHeaderBytes} > limit) co_return false;
  AURORA_CO_ASSIGN(const bool has_header, co_await Load(offset, offset + kFrameHeaderBytes));
  if (!has_header) co_return false;
  const std::optional<FrameHeader> header =
      DecodeFrameHeader(At(offset), seed_, segment_.number, offset);
  if (!header.has_value() || header->previous_end != at_.offset) co_return false;
  const std::uint64_t end = offset + FrameBytes(header->payload_bytes);
  if (end > limit) co_return false;
  AURORA_CO_ASSIGN(const bool has_payload, co_await Load(offset, end));
  if (!has_payload) co_return false;
  payload_ = {At(offset) + kFrameHeaderBytes, header->payload_bytes};
  if (HashBytes(payload_) != header->payload_hash) co_return false;
  header_ = *header;
  at_.offset = end;
  co_return true;
}

Task<absl::StatusOr<bool>> LogTail::Next() {
  for (; part_ < parts_.size(); ++part_) {
    if (at_.segment != parts_[part_].segment) {
      at_ = {parts_[part_].segment, 0};
      file_ = nullptr;
    }
    if (file_ == nullptr) AURORA_CO_RETURN_IF_ERROR(co_await OpenSegment());
    if (at_.offset >= parts_[part_].offset) continue;
    const auto here = static_cast<std::uint32_t>(at_.offset);
    AURORA_CO_ASSIGN(bool found, co_await TakeFrame(here));
    const auto fresh = static_cast<std::uint32_t>(NextBlock(here));
    if (!found && fresh != here) {
      AURORA_CO_ASSIGN(found, co_await TakeFrame(fresh));
    }
    if (found) co_return true;
    co_return DataLossError("log segment ", file_->path(), " at offset ", here,
                            ": no valid frame follows, and the log had one there");
  }
  co_return false;
}

}  // namespace aurora::lsm
