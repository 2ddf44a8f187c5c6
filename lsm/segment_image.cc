#include "aurora/lsm/segment_image.h"

#include <cstring>

#include "aurora/runtime/status.h"

namespace aurora::lsm {

absl::Status SegmentImage::Add(const FrameView& frame) {
  if (!HasRoom(frame.payload.size())) {
    return DataLossError(
        "the end of the log does not fit into one segment: its segments do not "
        "belong together");
  }
  FrameHeader header = frame.header;
  header.segment = header_.number;
  header.offset = end_;
  header.previous_end = end_;
  header.watermark = 0;
  header.watermark_in_predecessor = false;
  header.copied = true;
  char* const out = buffer_.data() + end_;
  if (!frame.payload.empty()) {
    std::memcpy(out + kFrameHeaderBytes, frame.payload.data(), frame.payload.size());
  }
  const std::uint64_t frame_bytes = FrameBytes(frame.payload.size());
  const std::size_t used = kFrameHeaderBytes + frame.payload.size();
  std::memset(out + used, 0, frame_bytes - used);
  EncodeFrameHeader(header, seed_, out);
  end_ += static_cast<std::uint32_t>(frame_bytes);
  return absl::OkStatus();
}

std::span<const char> SegmentImage::records() {
  const std::uint64_t end = NextBlock(end_);
  std::memset(buffer_.data() + end_, 0, end - end_);
  return buffer_.span().subspan(kSegmentHeaderBytes, end - kSegmentHeaderBytes);
}

std::span<const char> SegmentImage::header(Sequence last_sequence) {
  header_.last_sequence = last_sequence;
  header_.watermark = LogPosition{header_.number, end_};
  EncodeSegmentHeader(header_, buffer_.data());
  return buffer_.span().first(kSegmentHeaderBytes);
}

}  // namespace aurora::lsm
