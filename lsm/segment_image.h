// The records of a segment that is written in one go, as they will stand in its file.
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "aurora/lsm/aligned_buffer.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

// Not thread-safe. Memory: the whole segment.
class SegmentImage {
 public:
  SegmentImage(const SegmentHeader& header, std::uint64_t bytes)
      : header_(header),
        limit_(bytes - kSegmentReserveBytes),
        seed_(FrameSeed(header.identity, header.number)),
        buffer_(bytes) {}

  bool HasRoom(std::size_t payload_bytes) const {
    return end_ + FrameBytes(payload_bytes) <= limit_;
  }
  // A copy of a frame, marked as one. DataLoss if there is no room.
  absl::Status Add(const FrameView& frame);

  std::uint32_t end() const { return end_; }
  // The blocks that hold the records, padded.
  std::span<const char> records();
  // The header block, stating that the records are durable, and that they follow `last_sequence`.
  std::span<const char> header(Sequence last_sequence);

 private:
  SegmentHeader header_;
  const std::uint64_t limit_;
  const std::uint64_t seed_;
  AlignedBuffer buffer_;
  std::uint32_t end_ = kSegmentHeaderBytes;
};

}  // namespace aurora::lsm
