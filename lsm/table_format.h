// The layout of a table file: entries in order, written once and never changed.
//
//   data blocks    block.h; a few KiB each
//   filter         filter.h; one block, absent if the table has none. Where the index is in parts,
//                  the properties have checksums of its pages, so that one can be read alone
//   index          a block (block.h) with one entry for each data block: a key at or above all of
//                  the block's entries and below those of the next, and the block's handle. If it
//                  is large it is in parts, such blocks for a run of data blocks each, and a block
//                  behind them that names the parts in the same way
//   range deletes  range_delete_block.h; one block, absent if the table has none
//   properties     a Cap'n Proto message, table_properties.capnp
//   zeros          so that the file is a multiple of 4096 bytes
//   footer         the last 128 bytes:
//      0  8  magic "AURTABLE"
//      8  4  format version
//     12  4  parts of the index; zero if it names the data blocks itself
//     16 16  database id
//     32  8  file number
//     40  8  file size
//     48 16  handle of the index, or of the block that names its parts
//     64 16  handle of the filter; zeros if there is none
//     80 16  handle of the properties
//     96 16  handle of the range deletes; zeros if there are none
//    112  8  zeros
//    120  8  XXH3-64 of bytes 0 to 119
//
// A handle says where a block is: u64 offset, u32 stored bytes, u32 raw bytes. The blocks follow
// one another without gaps. On the device a block is its stored bytes and a trailer:
//      0  1  compression: 0 none, 1 LZ4 (one LZ4 block), 2 Zstandard (one frame)
//      1  7  zero
//      8  8  XXH3-64 of the stored bytes and bytes 0 to 7 of the trailer, seeded with XXH3-64 of
//            (database id, file number, offset): a block of another database, file or place never
//            passes for this one
//
// All numbers are little-endian. Functions here do no I/O and are thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

// With values in value files and an index in parts.
inline constexpr std::uint32_t kTableFormatVersion = 3;
inline constexpr std::uint32_t kOldestTableFormatVersion = 1;  // without range deletes
inline constexpr std::size_t kTableFooterBytes = 128;
inline constexpr std::size_t kStoredTrailerBytes = 16;
inline constexpr std::size_t kHandleBytes = 16;
// Limits that a reader relies on before it allocates. A block holds at least one entry, so a large
// value makes a large block.
inline constexpr std::size_t kMaxTableKeyBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxTableValueBytes = std::size_t{1} << 30;
inline constexpr std::size_t kMaxRawBlockBytes = kMaxTableValueBytes + (std::size_t{4} << 20);
// A stored byte stands for at most so many: a hostile length is not believed.
inline constexpr std::size_t kMaxExpansion = 1024;

// What a table file is, apart from its contents.
struct TableIdentity {
  std::array<std::uint8_t, 16> database_id = {};
  std::uint64_t file_number = 0;
  // Added to the sequences of the entries: of a table that was ingested, whose own are 0, that of
  // the commit.
  Sequence ingested_at = 0;
};

enum class Compression : std::uint8_t { kNone = 0, kLz4 = 1, kZstd = 2 };

struct BlockHandle {
  std::uint64_t offset = 0;
  std::uint32_t stored_bytes = 0;  // without the trailer
  std::uint32_t raw_bytes = 0;     // uncompressed

  // Where it ends, trailer included.
  std::uint64_t end() const { return offset + stored_bytes + kStoredTrailerBytes; }
  friend bool operator==(const BlockHandle&, const BlockHandle&) = default;
};
void AppendHandle(const BlockHandle& handle, std::string* out);
// REQUIRES kHandleBytes at `bytes`. Validates nothing.
BlockHandle LoadHandle(const char* bytes);
// True if the block lies within [0, limit) and its sizes are possible.
bool IsPlausible(const BlockHandle& handle, std::uint64_t limit);

struct TableFooter {
  TableIdentity identity = {};
  std::uint64_t file_bytes = 0;
  BlockHandle index;
  std::uint32_t index_part_count = 0;
  BlockHandle filter;  // stored_bytes 0: none
  BlockHandle properties;
  BlockHandle range_deletes;  // stored_bytes 0: none
};
void AppendFooter(const TableFooter& footer, std::string* out);
// Reads and validates a footer. `bytes` are the last kTableFooterBytes of a file of `file_bytes`.
// Errors do not know the file's name: DataLoss; FailedPrecondition for a format version that this
// code does not read.
absl::StatusOr<TableFooter> ParseFooter(std::string_view bytes, std::uint64_t file_bytes,
                                        const TableIdentity& expected);

// The same, of whatever database and number the file is.
absl::StatusOr<TableFooter> ParseAnyFooter(std::string_view bytes, std::uint64_t file_bytes);

// Compresses `raw` as asked, or not at all where that saves less than an eighth, and appends it and
// its trailer, as the block at `offset`, to `out`. `scratch` is for reuse.
BlockHandle AppendStoredBlock(const TableIdentity& identity, std::uint64_t offset,
                              std::string_view raw, Compression compression, std::string* scratch,
                              std::string* out);

// Checks the stored bytes and trailer of a block, and returns the raw bytes: memory for
// handle.raw_bytes is allocated, once the checksum has proved right. REQUIRES IsPlausible(handle)
// and stored.size() == stored_bytes + kStoredTrailerBytes.
absl::StatusOr<std::unique_ptr<char[]>> DecodeStoredBlock(const TableIdentity& identity,
                                                          const BlockHandle& handle,
                                                          std::string_view stored);

// The same, without raw bytes.
absl::Status CheckStoredBlock(const TableIdentity& identity, const BlockHandle& handle,
                              std::string_view stored);
// Appends a block that CheckStoredBlock has found right elsewhere, as it is stored there, as the
// block at `offset` of another file or place.
BlockHandle AppendMovedBlock(const TableIdentity& identity, std::uint64_t offset,
                             const BlockHandle& from, std::string_view stored, std::string* out);

// A block that was found without a handle.
struct FoundBlock {
  BlockHandle handle;
  std::unique_ptr<char[]> raw;
};
// The block that starts at `offset` of a table whose index is lost: the one that ends where a
// trailer proves it. `bytes` are those from `offset` on; a block that they do not hold whole is not
// found. Cost: about 0.1 ns a byte, and 150 ns for each place that looks like a trailer.
std::optional<FoundBlock> FindStoredBlock(const TableIdentity& identity, std::uint64_t offset,
                                          std::string_view bytes);

}  // namespace aurora::lsm
