#include "aurora/lsm/log_format.h"

#include <algorithm>
#include <cstring>

#include "aurora/lsm/coding.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/strings.h"

// The functions are short and called for every record: a call into the library would cost as much
// as they do.
#define XXH_INLINE_ALL
#include "xxhash.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kSegmentMagic = 0x31474F4C41525541;   // "AURALOG1", read as bytes
constexpr std::uint64_t kPreparedMagic = 0x3159444145524C41;  // "ALREADY1", read as bytes
constexpr std::uint32_t kFrameMagic = 0x6D617266;             // "fram"
constexpr std::size_t kHeaderChecksumOffset = kSegmentHeaderBytes - 8;
constexpr std::size_t kHeaderUsedBytes = 80;
constexpr std::string_view kSegmentSuffix = ".log";
constexpr std::size_t kSegmentNumberDigits = 10;

constexpr std::uint32_t kWatermarkInPredecessor = 1;
constexpr std::uint32_t kCopied = 2;
constexpr std::uint32_t kWatermarkFlags = kFrameAlignment - 1;

static_assert(kSegmentHeaderBytes % kFrameAlignment == 0);
static_assert(kFrameHeaderBytes % kFrameAlignment == 0);
static_assert(kMaxSegmentBytes <= UINT32_MAX);

}  // namespace

std::string SegmentFileName(std::uint32_t number) {
  std::string digits = StrCat(number);
  return StrCat(std::string(kSegmentNumberDigits - digits.size(), '0'), digits, kSegmentSuffix);
}

std::optional<std::uint32_t> ParseSegmentFileName(std::string_view name) {
  if (name.size() != kSegmentNumberDigits + kSegmentSuffix.size() ||
      !name.ends_with(kSegmentSuffix)) {
    return std::nullopt;
  }
  std::uint64_t number = 0;
  for (const char c : name.substr(0, kSegmentNumberDigits)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (number == 0 || number > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

std::uint64_t HashBytes(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t BootHash(std::string_view boot_id) {
  return boot_id.empty() ? 0 : std::max<std::uint64_t>(HashBytes(boot_id), 1);
}

void EncodeSegmentHeader(const SegmentHeader& header, char* block) {
  AURORA_CHECK(header.number != 0 && header.number > header.predecessor);
  std::memset(block, 0, kSegmentHeaderBytes);
  StoreFixed<std::uint64_t>(block, kSegmentMagic);
  StoreFixed<std::uint32_t>(block + 8, kLogFormatVersion);
  StoreFixed<std::uint32_t>(block + 12, header.segment_bytes);
  std::memcpy(block + 16, header.identity.database_id, 16);
  StoreFixed<std::uint64_t>(block + 32, header.identity.epoch);
  StoreFixed<std::uint32_t>(block + 40, header.number);
  block[44] = static_cast<char>(header.mode);
  StoreFixed<std::uint64_t>(block + 48, header.boot);
  StoreFixed<std::uint32_t>(block + 56, header.predecessor);
  StoreFixed<std::uint32_t>(block + 60, header.predecessor_end);
  StoreFixed<std::uint64_t>(block + 64, header.last_sequence);
  StoreFixed<std::uint32_t>(block + 72, static_cast<std::uint32_t>(header.watermark.segment));
  StoreFixed<std::uint32_t>(block + 76, static_cast<std::uint32_t>(header.watermark.offset));
  StoreFixed<std::uint64_t>(block + kHeaderChecksumOffset,
                            HashBytes({block, kHeaderChecksumOffset}));
}

void EncodePreparedBlock(std::uint32_t number, char* block) {
  std::memset(block, 0, kSegmentHeaderBytes);
  StoreFixed<std::uint64_t>(block, kPreparedMagic);
  StoreFixed<std::uint32_t>(block + 8, number);
  StoreFixed<std::uint64_t>(block + kHeaderChecksumOffset,
                            HashBytes({block, kHeaderChecksumOffset}));
}

HeaderState DecodeSegmentHeader(std::string_view block, SegmentHeader* header) {
  AURORA_CHECK(block.size() == kSegmentHeaderBytes);
  const char* bytes = block.data();
  const auto is_zero = [](char c) { return c == 0; };
  if (std::all_of(block.begin(), block.end(), is_zero)) return HeaderState::kBlank;
  if (LoadFixed<std::uint64_t>(bytes + kHeaderChecksumOffset) !=
      HashBytes(block.substr(0, kHeaderChecksumOffset))) {
    return HeaderState::kInvalid;
  }
  if (LoadFixed<std::uint64_t>(bytes) == kPreparedMagic) {
    header->number = LoadFixed<std::uint32_t>(bytes + 8);
    return HeaderState::kPrepared;
  }
  if (LoadFixed<std::uint64_t>(bytes) != kSegmentMagic ||
      LoadFixed<std::uint32_t>(bytes + 8) != kLogFormatVersion) {
    return HeaderState::kInvalid;
  }
  header->segment_bytes = LoadFixed<std::uint32_t>(bytes + 12);
  std::memcpy(header->identity.database_id, bytes + 16, 16);
  header->identity.epoch = LoadFixed<std::uint64_t>(bytes + 32);
  header->number = LoadFixed<std::uint32_t>(bytes + 40);
  header->mode = static_cast<SegmentMode>(bytes[44]);
  header->boot = LoadFixed<std::uint64_t>(bytes + 48);
  header->predecessor = LoadFixed<std::uint32_t>(bytes + 56);
  header->predecessor_end = LoadFixed<std::uint32_t>(bytes + 60);
  header->last_sequence = LoadFixed<std::uint64_t>(bytes + 64);
  header->watermark.segment = LoadFixed<std::uint32_t>(bytes + 72);
  header->watermark.offset = LoadFixed<std::uint32_t>(bytes + 76);
  const std::string_view reserved =
      block.substr(kHeaderUsedBytes, kHeaderChecksumOffset - kHeaderUsedBytes);
  const bool sound =
      (header->mode == SegmentMode::kDirect || header->mode == SegmentMode::kMapped) &&
      std::all_of(block.begin() + 45, block.begin() + 48, is_zero) &&
      std::all_of(reserved.begin(), reserved.end(), is_zero) && header->number != 0 &&
      header->predecessor < header->number && header->last_sequence <= kMaxSequence &&
      header->segment_bytes >= kMinSegmentBytes && header->segment_bytes <= kMaxSegmentBytes &&
      header->segment_bytes % kDeviceBlockSize == 0 &&
      header->predecessor_end % kFrameAlignment == 0 &&
      (header->predecessor == 0 || header->predecessor_end >= kSegmentHeaderBytes) &&
      header->watermark.offset % kFrameAlignment == 0 &&
      header->watermark.segment <= header->number;
  return sound ? HeaderState::kValid : HeaderState::kInvalid;
}

std::uint64_t FrameSeed(const LogIdentity& identity, std::uint32_t segment) {
  char bytes[28];
  std::memcpy(bytes, identity.database_id, 16);
  StoreFixed<std::uint64_t>(bytes + 16, identity.epoch);
  StoreFixed<std::uint32_t>(bytes + 24, segment);
  return HashBytes({bytes, sizeof(bytes)});
}

void EncodeRecordFileReference(const RecordFileReference& reference, char* out) {
  StoreFixed<std::uint64_t>(out, reference.number);
  StoreFixed<std::uint64_t>(out + 8, reference.payload_bytes);
  StoreFixed<std::uint64_t>(out + 16, reference.hash);
}

RecordFileReference DecodeRecordFileReference(std::string_view payload) {
  AURORA_CHECK(payload.size() == kRecordFileReferenceBytes);
  RecordFileReference reference;
  reference.number = LoadFixed<std::uint64_t>(payload.data());
  reference.payload_bytes = LoadFixed<std::uint64_t>(payload.data() + 8);
  reference.hash = LoadFixed<std::uint64_t>(payload.data() + 16);
  return reference;
}

void EncodeIngestionHeader(std::size_t tables_bytes, char* out) {
  AURORA_CHECK(tables_bytes <= UINT32_MAX);
  StoreFixed<std::uint32_t>(out, static_cast<std::uint32_t>(tables_bytes));
  StoreFixed<std::uint32_t>(out + 4, 0);
}

std::optional<IngestionPayload> SplitIngestion(std::string_view payload) {
  if (payload.size() < kIngestionHeaderBytes) return std::nullopt;
  const auto tables_bytes = LoadFixed<std::uint32_t>(payload.data());
  payload.remove_prefix(kIngestionHeaderBytes);
  if (tables_bytes == 0 || tables_bytes > payload.size()) return std::nullopt;
  return IngestionPayload{payload.substr(0, tables_bytes), payload.substr(tables_bytes)};
}

void EncodeFrameHeader(const FrameHeader& frame, std::uint64_t seed, char* out) {
  AURORA_DCHECK(frame.sequence <= kMaxSequence);
  AURORA_DCHECK(frame.watermark % kFrameAlignment == 0 && frame.offset % kFrameAlignment == 0);
  StoreFixed<std::uint64_t>(out + 8, frame.payload_hash);
  StoreFixed<std::uint64_t>(out + 16, frame.sequence | static_cast<std::uint64_t>(frame.kind)
                                                           << 56);
  StoreFixed<std::uint32_t>(out + 24, frame.payload_bytes);
  StoreFixed<std::uint32_t>(out + 28, kFrameMagic);
  StoreFixed<std::uint32_t>(out + 32, frame.segment);
  StoreFixed<std::uint32_t>(out + 36, frame.offset);
  StoreFixed<std::uint32_t>(out + 40, frame.previous_end);
  StoreFixed<std::uint32_t>(
      out + 44, frame.watermark | (frame.watermark_in_predecessor ? kWatermarkInPredecessor : 0) |
                    (frame.copied ? kCopied : 0));
  StoreFixed<std::uint64_t>(out, XXH3_64bits_withSeed(out + 8, kFrameHeaderBytes - 8, seed));
}

std::optional<FrameHeader> DecodeFrameHeader(const char* bytes, std::uint64_t seed,
                                             std::uint32_t segment, std::uint32_t offset) {
  if (LoadFixed<std::uint32_t>(bytes + 28) != kFrameMagic ||
      LoadFixed<std::uint32_t>(bytes + 32) != segment ||
      LoadFixed<std::uint32_t>(bytes + 36) != offset) {
    return std::nullopt;
  }
  if (LoadFixed<std::uint64_t>(bytes) !=
          XXH3_64bits_withSeed(bytes + 8, kFrameHeaderBytes - 8, seed) &&
      !AURORA_PLANTED_BUG("log-ignore-frame-checksum")) {
    return std::nullopt;
  }
  FrameHeader frame;
  frame.payload_hash = LoadFixed<std::uint64_t>(bytes + 8);
  const std::uint64_t word = LoadFixed<std::uint64_t>(bytes + 16);
  frame.sequence = word & kMaxSequence;
  frame.kind = static_cast<FrameKind>(word >> 56);
  frame.payload_bytes = LoadFixed<std::uint32_t>(bytes + 24);
  frame.segment = segment;
  frame.offset = offset;
  frame.previous_end = LoadFixed<std::uint32_t>(bytes + 40);
  const std::uint32_t watermark = LoadFixed<std::uint32_t>(bytes + 44);
  frame.watermark = watermark & ~kWatermarkFlags;
  frame.watermark_in_predecessor = (watermark & kWatermarkInPredecessor) != 0;
  frame.copied = (watermark & kCopied) != 0;
  const bool is_known = IsRecord(frame.kind) || frame.kind == FrameKind::kOpenMark ||
                        frame.kind == FrameKind::kCloseMark;
  const bool sound =
      is_known &&
      (frame.kind != FrameKind::kRecordFile || frame.payload_bytes == kRecordFileReferenceBytes) &&
      (watermark & kWatermarkFlags & ~(kWatermarkInPredecessor | kCopied)) == 0 &&
      (!frame.copied || watermark == kCopied) && frame.previous_end <= offset &&
      (frame.watermark_in_predecessor || frame.watermark <= offset);
  if (!sound) return std::nullopt;
  return frame;
}

bool ResemblesFrameHeader(const char* bytes, std::uint32_t segment, std::uint32_t offset) {
  const int matches = (LoadFixed<std::uint32_t>(bytes + 28) == kFrameMagic) +
                      (LoadFixed<std::uint32_t>(bytes + 32) == segment) +
                      (LoadFixed<std::uint32_t>(bytes + 36) == offset);
  return matches >= 2;
}

std::uint64_t HashParts(std::span<const std::string_view> parts) {
  if (parts.size() == 1) return HashBytes(parts[0]);
  std::size_t total = 0;
  for (const std::string_view part : parts) total += part.size();
  // Setting up the hash of a stream costs more than copying a small payload together.
  char joined[512];
  if (total <= sizeof(joined)) {
    char* out = joined;
    for (const std::string_view part : parts) {
      if (!part.empty()) std::memcpy(out, part.data(), part.size());
      out += part.size();
    }
    return HashBytes({joined, total});
  }
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (const std::string_view part : parts) {
    if (!part.empty()) XXH3_64bits_update(&state, part.data(), part.size());
  }
  return XXH3_64bits_digest(&state);
}

FrameState ParseFrame(std::string_view bytes, std::uint64_t segment_bytes, std::uint64_t seed,
                      std::uint32_t segment, std::uint32_t offset, FrameView* view) {
  if (offset + std::uint64_t{kFrameHeaderBytes} > segment_bytes) return FrameState::kInvalid;
  if (offset + std::size_t{kFrameHeaderBytes} > bytes.size()) {
    view->end = offset + kFrameHeaderBytes;
    return FrameState::kShort;
  }
  const std::optional<FrameHeader> header =
      DecodeFrameHeader(bytes.data() + offset, seed, segment, offset);
  if (!header.has_value()) return FrameState::kInvalid;
  const std::uint64_t end = offset + FrameBytes(header->payload_bytes);
  if (end > segment_bytes) return FrameState::kInvalid;
  view->header = *header;
  view->end = static_cast<std::uint32_t>(end);
  if (end > bytes.size()) return FrameState::kShort;
  view->payload = bytes.substr(offset + kFrameHeaderBytes, header->payload_bytes);
  if (HashBytes(view->payload) != header->payload_hash &&
      !AURORA_PLANTED_BUG("log-ignore-payload-checksum")) {
    return FrameState::kInvalid;
  }
  return FrameState::kValid;
}

FrameState FindNextFrame(std::string_view bytes, std::uint64_t segment_bytes, std::uint64_t seed,
                         std::uint32_t segment, std::uint32_t previous_end, FrameView* view) {
  AURORA_DCHECK(previous_end % kFrameAlignment == 0 && previous_end >= kSegmentHeaderBytes);
  const auto fresh = static_cast<std::uint32_t>(NextBlock(previous_end));
  FrameState state = ParseFrame(bytes, segment_bytes, seed, segment, previous_end, view);
  if (state == FrameState::kInvalid && fresh != previous_end) {
    state = ParseFrame(bytes, segment_bytes, seed, segment, fresh, view);
  }
  if (state == FrameState::kValid && view->header.previous_end != previous_end) {
    return FrameState::kInvalid;
  }
  return state;
}

FrameWitness FindFrameHeaders(std::string_view bytes, std::uint64_t seed, std::uint32_t segment,
                              std::uint32_t from) {
  AURORA_CHECK(from % kFrameAlignment == 0);
  FrameWitness witness;
  for (std::size_t offset = from; offset + kFrameHeaderBytes <= bytes.size();
       offset += kFrameAlignment) {
    const std::optional<FrameHeader> frame =
        DecodeFrameHeader(bytes.data() + offset, seed, segment, static_cast<std::uint32_t>(offset));
    if (!frame.has_value() || frame->copied) continue;
    if (witness.count++ == 0) {
      witness.first_offset = frame->offset;
      witness.first_sequence = frame->sequence;
      witness.first_previous_end = frame->previous_end;
    }
    const std::uint64_t end = offset + FrameBytes(frame->payload_bytes);
    witness.last_end = static_cast<std::uint32_t>(std::min<std::uint64_t>(end, bytes.size()));
    auto& highest =
        frame->watermark_in_predecessor ? witness.predecessor_watermark : witness.watermark;
    highest = std::max(highest, frame->watermark);
  }
  return witness;
}

}  // namespace aurora::lsm
