// The layout of a value file: values that are too large to be moved by every compaction, written
// once and never changed. Tables hold handles in their place (EntryKind::kSeparatedPut).
//
//   pieces         of the values, one value after the other: stored blocks, as in a table
//                  (table_format.h), each of kValuePieceBytes of its value, the last of the rest
//   index          a stored block:
//                    0  8  number of values, n
//                    8  8  number of pieces, m
//                   16     for each value, ascending by number: u32 number, u32 zero, u64 its first
//                          piece; then for each piece its handle (16 bytes)
//   zeros          so that the file is a multiple of 4096 bytes
//   footer         the last 128 bytes:
//      0  8  magic "AURVALUE"
//      8  4  format version
//     12  4  zero
//     16 16  database id
//     32  8  file number
//     40  8  file size
//     48  8  id of the value file: that of all files that its values were ever in
//     56 16  handle of the index
//     72 48  zeros
//    120  8  XXH3-64 of bytes 0 to 119
//
// A value keeps its name, (id, number), for as long as it lives. The file that holds it is replaced
// by another of the same id, without what nobody needs any more; which file holds an id, the
// manifest says. So values move without any table being written.
//
// All numbers are little-endian. Functions here do no I/O and are thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/table_format.h"

namespace aurora::lsm {

inline constexpr std::uint32_t kValueFormatVersion = 3;
inline constexpr std::size_t kValueFooterBytes = 128;
// So much is read and checked to answer for a single byte.
inline constexpr std::size_t kValuePieceBytes = std::size_t{64} << 10;

// Where a value lies: what a table holds in its place.
//
//    0  8  id of the value file
//    8  8  bytes of the value
//   16  8  bytes that its pieces take in the file, trailers included
//   24  4  number of the value in the file
struct ValueHandle {
  std::uint64_t file = 0;
  std::uint64_t bytes = 0;
  std::uint64_t stored_bytes = 0;
  std::uint32_t number = 0;
  friend bool operator==(const ValueHandle&, const ValueHandle&) = default;
};
inline constexpr std::size_t kValueHandleBytes = 28;
std::string EncodeValueHandle(const ValueHandle& handle);
// DataLoss if the bytes are none.
absl::StatusOr<ValueHandle> DecodeValueHandle(std::string_view bytes);

// What a table needs of a value file.
struct ValueReference {
  std::uint64_t file = 0;  // its id
  std::uint64_t value_count = 0;
  std::uint64_t stored_bytes = 0;
  friend bool operator==(const ValueReference&, const ValueReference&) = default;
};

// Ascending numbers of values, as bytes: the distance of each from the one before, as varints.
std::string EncodeValueNumbers(std::span<const std::uint32_t> numbers);
absl::StatusOr<std::vector<std::uint32_t>> DecodeValueNumbers(std::string_view bytes);

// Collects what an index holds.
class ValueIndexBuilder {
 public:
  // The next value; its pieces follow. REQUIRES that its number is above all before.
  void AddValue(std::uint32_t number);
  void AddPiece(const BlockHandle& piece) { AppendHandle(piece, &pieces_); }
  std::string Finish() const;
  std::size_t value_count() const { return values_.size() / kValueBytes; }
  std::size_t SizeEstimate() const { return values_.size() + pieces_.size(); }

 private:
  static constexpr std::size_t kValueBytes = 16;
  std::string values_;
  std::string pieces_;
};

// The index in memory. Immutable; safe from every thread.
class ValueIndex {
 public:
  // `data_end` is where the pieces end. DataLoss if they do not fill [0, data_end) without gaps, or
  // have sizes that the pieces of no value have.
  static absl::StatusOr<ValueIndex> Open(std::string_view raw, std::uint64_t data_end);

  using Pieces = std::span<const BlockHandle>;
  // Empty if there is no such value.
  Pieces Find(std::uint32_t number) const;
  std::size_t value_count() const { return values_.size(); }
  std::uint32_t number(std::size_t index) const { return values_[index].number; }
  Pieces pieces(std::size_t index) const;
  std::size_t size_bytes() const {
    return values_.capacity() * sizeof(Value) + pieces_.capacity() * sizeof(BlockHandle);
  }

 private:
  struct Value {
    std::uint32_t number;
    std::uint32_t first_piece;
  };
  std::vector<Value> values_;
  std::vector<BlockHandle> pieces_;
};
// Of all pieces of a value.
std::uint64_t RawBytes(ValueIndex::Pieces pieces);
std::uint64_t StoredBytes(ValueIndex::Pieces pieces);

struct ValueFooter {
  TableIdentity identity = {};
  std::uint64_t file_bytes = 0;
  std::uint64_t id = 0;
  BlockHandle index;
};
void AppendValueFooter(const ValueFooter& footer, std::string* out);
// Reads and validates the footer of a file of `file_bytes`, of whatever database and number it is.
// Errors do not know the file's name: DataLoss; FailedPrecondition for a format version that this
// code does not read. REQUIRES kValueFooterBytes at `bytes`.
absl::StatusOr<ValueFooter> ParseAnyValueFooter(std::string_view bytes, std::uint64_t file_bytes);
// The same, and DataLoss if it is another file.
absl::StatusOr<ValueFooter> ParseValueFooter(std::string_view bytes, std::uint64_t file_bytes,
                                             const TableIdentity& expected, std::uint64_t id);

}  // namespace aurora::lsm
