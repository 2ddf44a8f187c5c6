// A record file: a record of the log that is too large for a segment.
//
// It is written and synced before a frame of the log names it, by number, size and hash; what no
// frame names is left of a commit that did not end. So a frame never names what a loss of power
// could take: a record file that is missing, or is not as its frame says, is damage wherever the
// frame stands.
//
// The file is a header block, the payload, and zeros up to a multiple of kDeviceBlockSize; it never
// changes. Integers are little-endian.
//
//   offset size
//        0    8  magic "AURAREC1"
//        8    4  format version: 1
//       12    4  zero
//       16   16  database id
//       32    8  number of the file
//       40    8  bytes of payload
//       48 4040  zero
//     4088    8  XXH3-64 of all that precedes
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/aligned_buffer.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// The largest record: what is above is refused.
inline constexpr std::uint64_t kMaxRecordBytes = std::uint64_t{1} << 30;

// Of `payload_bytes`, header and zeros included.
std::uint64_t RecordFileBytes(std::uint64_t payload_bytes);

// Writes the header block, kDeviceBlockSize bytes.
void EncodeRecordFileHeader(const LogIdentity& identity, const RecordFileReference& reference,
                            char* block);

// What a frame says of the record file `reference->number` after it was written: its size and hash
// are filled in. `parts`, and what they view, must live until the task completes. The file is
// durable then, but not its name: the directory is the caller's to sync. After an error it may be
// there in part.
Task<absl::Status> WriteRecordFile(FileSystem* files, std::string path, LogIdentity identity,
                                   std::span<const std::string_view> parts,
                                   RecordFileReference* reference);

// The payload of a record file, read from the device and checked.
class RecordFilePayload {
 public:
  // DataLoss, naming the file, if it is missing or is not what `reference` says.
  // `directory` is that of the log.
  static Task<absl::StatusOr<RecordFilePayload>> Read(FileSystem* files, std::string directory,
                                                      LogIdentity identity,
                                                      RecordFileReference reference);
  std::string_view view() const;

 private:
  RecordFilePayload(AlignedBuffer buffer, std::uint64_t payload_bytes)
      : buffer_(std::move(buffer)), payload_bytes_(payload_bytes) {}
  AlignedBuffer buffer_;
  std::uint64_t payload_bytes_;
};

}  // namespace aurora::lsm
