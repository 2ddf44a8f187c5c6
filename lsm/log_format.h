// What a log segment looks like on the device: encoding, decoding and checking, without any I/O.
//
// A segment is a file of a fixed size: a header block, then frames. All integers are little-endian.
//
// Segment header, kDeviceBlockSize bytes:
//   offset size
//        0    8  magic
//        8    4  format version
//       12    4  size of the segment in bytes
//       16   16  database id
//       32    8  epoch
//       40    4  number of the segment
//       44    1  mode: 1 direct, 2 mapped
//       45    3  zero
//       48    8  hash of the boot id of the machine that wrote the header, 0 if it was unknown
//       56    4  number of the predecessor, 0 for the first segment of a log
//       60    4  where the predecessor ends: nothing beyond it in that segment belongs to the log
//       64    8  sequence of the last record before this segment
//       72    4  durable watermark, segment
//       76    4  durable watermark, offset
//       80 4008  zero
//     4088    8  XXH3-64 of all that precedes
//
// Frame: kFrameHeaderBytes, the payload, and zeros up to a multiple of kFrameAlignment.
//        0    8  XXH3-64 of bytes 8 to 47, seeded by database id, epoch and segment number
//        8    8  XXH3-64 of the payload
//       16    7  sequence: of the record; for a mark, of the last record before it
//       23    1  kind: 1 record, 2 open mark, 3 close mark, 4 a record that is in a file of its
//       own,
//                5 an ingestion
//       24    4  payload size in bytes
//       28    4  magic
//       32    4  number of the segment
//       36    4  offset of this frame in the segment
//       40    4  where the frame before it in this segment ends, or the header block if it is the
//                first
//       44    4  durable watermark: an offset in this segment or, if bit 0 is set, in the
//                predecessor. 0: not even this segment's header block. Bit 1 is set if a recovery
//                has copied the record here: the header, written later, has the watermark. Bit 2 is
//                zero.
//
// The payload of a frame of kind 4 names the file (record_file.h): its number (8), the bytes of the
// record (8) and the XXH3-64 of the file (8).
//
// That of a frame of kind 5: the bytes of the description of the tables (4), zeros (4), the
// description (EncodeTables of manifest_format.h), and a record, which may be empty.
//
// The next frame starts where the one before it ends, or at the next multiple of kDeviceBlockSize;
// its own "where the frame before it ends" says that nothing is missing in between. What lies
// between is without meaning.
//
// A file that was made ready and not yet begun has, in place of the header, the prepared
// block: magic (8), number (4), zeros (4076), checksum (8).
//
// The durable watermark is a promise of the writer: when the bytes of this frame (or header) were
// handed to the device or stored into the mapping, everything below it was on the device for good.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "aurora/lsm/log_types.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/file.h"

namespace aurora::lsm {

inline constexpr std::uint32_t kSegmentHeaderBytes = kDeviceBlockSize;
inline constexpr std::uint32_t kFrameHeaderBytes = 48;
inline constexpr std::uint32_t kFrameAlignment = 8;
inline constexpr std::uint32_t kLogFormatVersion = 1;
// The last block of a segment is for a close mark only, so that there is always room for one.
inline constexpr std::uint32_t kSegmentReserveBytes = kDeviceBlockSize;
inline constexpr std::uint64_t kMinSegmentBytes = 8 * kDeviceBlockSize;
inline constexpr std::uint64_t kMaxSegmentBytes = std::uint64_t{1} << 30;

enum class SegmentMode : std::uint8_t { kDirect = 1, kMapped = 2 };
enum class FrameKind : std::uint8_t {
  kRecord = 1,
  kOpenMark = 2,
  kCloseMark = 3,
  kRecordFile = 4,
  kIngestion = 5,
};
// Of a commit, as opposed to a mark.
constexpr bool IsRecord(FrameKind kind) {
  return kind == FrameKind::kRecord || kind == FrameKind::kRecordFile ||
         kind == FrameKind::kIngestion;
}

constexpr std::uint64_t AlignUp(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}
constexpr std::uint64_t NextBlock(std::uint64_t offset) {
  return AlignUp(offset, kDeviceBlockSize);
}
// The bytes that a frame takes, padding included.
constexpr std::uint64_t FrameBytes(std::uint64_t payload_bytes) {
  return AlignUp(kFrameHeaderBytes + payload_bytes, kFrameAlignment);
}

// "0000000042.log".
std::string SegmentFileName(std::uint32_t number);
// The number of a name that SegmentFileName made; nullopt for every other name.
std::optional<std::uint32_t> ParseSegmentFileName(std::string_view name);

// XXH3-64 of a boot id, 0 for an empty one.
std::uint64_t BootHash(std::string_view boot_id);

struct SegmentHeader {
  std::uint32_t segment_bytes = 0;
  LogIdentity identity;
  std::uint32_t number = 0;
  SegmentMode mode = SegmentMode::kDirect;
  std::uint64_t boot = 0;
  std::uint32_t predecessor = 0;
  std::uint32_t predecessor_end = 0;
  Sequence last_sequence = 0;
  LogPosition watermark;
};

// Writes kSegmentHeaderBytes to `block`.
void EncodeSegmentHeader(const SegmentHeader& header, char* block);

// What the header block of a segment holds that was made ready and not yet begun. It says that the
// file's blocks and its size are on the device.
void EncodePreparedBlock(std::uint32_t number, char* block);

enum class HeaderState {
  kValid,
  kPrepared,
  kBlank,    // all zero: a file that was not finished
  kInvalid,  // none of these: torn, damaged, or of another format version
};
// `block` holds kSegmentHeaderBytes. `header` is written if the result is kValid, and its number if
// it is kPrepared.
HeaderState DecodeSegmentHeader(std::string_view block, SegmentHeader* header);

// What the checksums of a segment's frames are seeded with.
std::uint64_t FrameSeed(const LogIdentity& identity, std::uint32_t segment);

struct FrameHeader {
  FrameKind kind = FrameKind::kRecord;
  Sequence sequence = 0;
  std::uint64_t payload_hash = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
  std::uint32_t previous_end = 0;
  std::uint32_t watermark = 0;  // a multiple of kFrameAlignment
  bool watermark_in_predecessor = false;
  bool copied = false;  // then there is no watermark
};

// The payload of a kRecordFile frame.
inline constexpr std::size_t kRecordFileReferenceBytes = 24;
void EncodeRecordFileReference(const RecordFileReference& reference, char* out);
// Of a frame that was checked.
RecordFileReference DecodeRecordFileReference(std::string_view payload);

// The payload of a kIngestion frame: this, the description, the record.
inline constexpr std::size_t kIngestionHeaderBytes = 8;
struct IngestionPayload {
  std::string_view tables;
  std::string_view record;
};
void EncodeIngestionHeader(std::size_t tables_bytes, char* out);
// nullopt if it is none.
std::optional<IngestionPayload> SplitIngestion(std::string_view payload);

// Writes kFrameHeaderBytes to `out`.
void EncodeFrameHeader(const FrameHeader& frame, std::uint64_t seed, char* out);
// Decodes and checks the header alone: checksum, kind, reserved bits, and that it says of itself to
// be at `offset` of `segment`. `bytes` holds kFrameHeaderBytes.
std::optional<FrameHeader> DecodeFrameHeader(const char* bytes, std::uint64_t seed,
                                             std::uint32_t segment, std::uint32_t offset);
// True if `bytes`, though not a frame, were probably meant to be the one at `offset` of `segment`.
bool ResemblesFrameHeader(const char* bytes, std::uint32_t segment, std::uint32_t offset);

// The hash of a payload given in parts: that of their concatenation.
std::uint64_t HashParts(std::span<const std::string_view> parts);
std::uint64_t HashBytes(std::string_view bytes, std::uint64_t seed = 0);

// A frame within the bytes of its segment.
struct FrameView {
  FrameHeader header;
  std::string_view payload;
  std::uint32_t end = 0;  // padding included
};

enum class FrameState {
  kValid,
  kInvalid,
  kShort,  // valid as far as it is there: more bytes of the segment are needed, up to `end`
};

// The frame at `offset`, which is a multiple of kFrameAlignment, whatever precedes it: as
// FindNextFrame, but for the place in the chain. Where the header is valid and the payload is not,
// the result is kInvalid and `view` has the header.
FrameState ParseFrame(std::string_view bytes, std::uint64_t segment_bytes, std::uint64_t seed,
                      std::uint32_t segment, std::uint32_t offset, FrameView* view);

// Looks for the frame that follows a frame (or the header block) that ends at `previous_end`, in
// `bytes`, the first bytes of a segment of `segment_bytes`. Checks everything: header, place in the
// chain, payload. If the result is kShort, `view->end` says how many bytes are needed to decide.
FrameState FindNextFrame(std::string_view bytes, std::uint64_t segment_bytes, std::uint64_t seed,
                         std::uint32_t segment, std::uint32_t previous_end, FrameView* view);

// What valid frame headers lie in a part of a segment, whether or not their payloads are whole.
// Copies are left out: without their segment's header they are nothing.
struct FrameWitness {
  std::uint64_t count = 0;
  std::uint32_t first_offset = 0;
  std::uint32_t first_previous_end = 0;
  Sequence first_sequence = 0;
  std::uint32_t last_end = 0;  // of the last one, as its header says
  // The highest watermark in this segment, and the highest in the predecessor.
  std::uint32_t watermark = 0;
  std::uint32_t predecessor_watermark = 0;
};
// Looks at every place from `from` on where a frame could start. Cost: about 2 ns for 8 bytes.
FrameWitness FindFrameHeaders(std::string_view bytes, std::uint64_t seed, std::uint32_t segment,
                              std::uint32_t from);

}  // namespace aurora::lsm
