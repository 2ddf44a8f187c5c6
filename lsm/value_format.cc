#include "aurora/lsm/value_format.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "aurora/lsm/coding.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

constexpr char kMagic[] = {'A', 'U', 'R', 'V', 'A', 'L', 'U', 'E'};
constexpr std::size_t kChecksumOffset = 120;
static_assert(kChecksumOffset + 8 == kValueFooterBytes);
constexpr std::size_t kIndexHeaderBytes = 16;
constexpr std::size_t kIndexValueBytes = 16;

// The first piece that cannot be one; nullptr if all can.
const char* CheckPieces(ValueIndex::Pieces pieces, std::uint64_t* offset, std::uint64_t data_end) {
  for (const BlockHandle& piece : pieces) {
    const bool is_last = &piece == &pieces.back();
    if (piece.offset != *offset || !IsPlausible(piece, data_end)) return "a piece lies elsewhere";
    if (piece.raw_bytes > kValuePieceBytes || (!is_last && piece.raw_bytes != kValuePieceBytes)) {
      return "a piece has an impossible size";
    }
    *offset = piece.end();
  }
  return nullptr;
}

}  // namespace

// --- Handles and references. ---

std::string EncodeValueHandle(const ValueHandle& handle) {
  std::string bytes;
  bytes.reserve(kValueHandleBytes);
  AppendFixed64(&bytes, handle.file);
  AppendFixed64(&bytes, handle.bytes);
  AppendFixed64(&bytes, handle.stored_bytes);
  AppendFixed32(&bytes, handle.number);
  return bytes;
}

absl::StatusOr<ValueHandle> DecodeValueHandle(std::string_view bytes) {
  ValueHandle handle;
  if (bytes.size() == kValueHandleBytes) {
    const char* const p = bytes.data();
    handle = {LoadFixed<std::uint64_t>(p), LoadFixed<std::uint64_t>(p + 8),
              LoadFixed<std::uint64_t>(p + 16), LoadFixed<std::uint32_t>(p + 24)};
  }
  if (handle.file == 0 || handle.bytes == 0 || handle.stored_bytes <= kStoredTrailerBytes) {
    return DataLossError("an entry of ", bytes.size(), " bytes does not say where its value is");
  }
  return handle;
}

std::string EncodeValueNumbers(std::span<const std::uint32_t> numbers) {
  std::string bytes;
  std::uint64_t next = 0;
  for (const std::uint32_t number : numbers) {
    AURORA_CHECK(number >= next);
    AppendVarint(&bytes, number - next);
    next = std::uint64_t{number} + 1;
  }
  return bytes;
}

absl::StatusOr<std::vector<std::uint32_t>> DecodeValueNumbers(std::string_view bytes) {
  std::vector<std::uint32_t> numbers;
  ByteReader reader(bytes);
  std::uint64_t next = 0;
  while (reader.remaining() > 0) {
    const std::uint64_t distance = reader.ReadVarint64();
    if (!reader.ok() || distance > UINT32_MAX || next + distance > UINT32_MAX) {
      return DataLossError("a list of value numbers is malformed");
    }
    numbers.push_back(static_cast<std::uint32_t>(next + distance));
    next += distance + 1;
  }
  return numbers;
}

// --- The index. ---

void ValueIndexBuilder::AddValue(std::uint32_t number) {
  AppendFixed32(&values_, number);
  AppendFixed32(&values_, 0);
  AppendFixed64(&values_, pieces_.size() / kHandleBytes);
}

std::string ValueIndexBuilder::Finish() const {
  std::string raw;
  raw.reserve(kIndexHeaderBytes + SizeEstimate());
  AppendFixed64(&raw, value_count());
  AppendFixed64(&raw, pieces_.size() / kHandleBytes);
  raw += values_;
  raw += pieces_;
  return raw;
}

absl::StatusOr<ValueIndex> ValueIndex::Open(std::string_view raw, std::uint64_t data_end) {
  if (raw.size() < kIndexHeaderBytes) return DataLossError("the index is cut short");
  const auto value_count = LoadFixed<std::uint64_t>(raw.data());
  const auto piece_count = LoadFixed<std::uint64_t>(raw.data() + 8);
  const std::size_t parts = (raw.size() - kIndexHeaderBytes) / kIndexValueBytes;
  static_assert(kIndexValueBytes == kHandleBytes);
  if (value_count == 0 || value_count > parts || piece_count != parts - value_count ||
      raw.size() != kIndexHeaderBytes + parts * kIndexValueBytes || piece_count > UINT32_MAX) {
    return DataLossError("the parts of the index do not add up to its size");
  }
  ValueIndex index;
  index.values_.reserve(value_count);
  index.pieces_.reserve(piece_count);
  const char* next = raw.data() + kIndexHeaderBytes;
  for (std::uint64_t i = 0; i < value_count; ++i, next += kIndexValueBytes) {
    const auto number = LoadFixed<std::uint32_t>(next);
    const auto first = LoadFixed<std::uint64_t>(next + 8);
    const bool follows =
        i == 0 ? first == 0
               : number > index.values_.back().number && first > index.values_.back().first_piece;
    if (!follows || first >= piece_count || LoadFixed<std::uint32_t>(next + 4) != 0) {
      return DataLossError("values are out of order");
    }
    index.values_.push_back({number, static_cast<std::uint32_t>(first)});
  }
  for (std::uint64_t i = 0; i < piece_count; ++i, next += kHandleBytes) {
    index.pieces_.push_back(LoadHandle(next));
  }
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < index.values_.size(); ++i) {
    const char* const reason = CheckPieces(index.pieces(i), &offset, data_end);
    if (reason != nullptr) return DataLossError(reason);
  }
  if (offset != data_end) return DataLossError("the pieces do not end where the index begins");
  return index;
}

ValueIndex::Pieces ValueIndex::Find(std::uint32_t number) const {
  const auto found =
      std::partition_point(values_.begin(), values_.end(),
                           [number](const Value& value) { return value.number < number; });
  if (found == values_.end() || found->number != number) return {};
  return pieces(static_cast<std::size_t>(found - values_.begin()));
}

ValueIndex::Pieces ValueIndex::pieces(std::size_t index) const {
  const std::size_t first = values_[index].first_piece;
  const std::size_t end =
      index + 1 < values_.size() ? values_[index + 1].first_piece : pieces_.size();
  return Pieces(pieces_).subspan(first, end - first);
}

std::uint64_t RawBytes(ValueIndex::Pieces pieces) {
  if (pieces.empty()) return 0;
  return (pieces.size() - 1) * std::uint64_t{kValuePieceBytes} + pieces.back().raw_bytes;
}

std::uint64_t StoredBytes(ValueIndex::Pieces pieces) {
  return pieces.empty() ? 0 : pieces.back().end() - pieces.front().offset;
}

// --- The footer. ---

void AppendValueFooter(const ValueFooter& footer, std::string* out) {
  const std::size_t start = out->size();
  out->append(kMagic, sizeof(kMagic));
  AppendFixed32(out, kValueFormatVersion);
  AppendFixed32(out, 0);
  out->append(reinterpret_cast<const char*>(footer.identity.database_id.data()), 16);
  AppendFixed64(out, footer.identity.file_number);
  AppendFixed64(out, footer.file_bytes);
  AppendFixed64(out, footer.id);
  AppendHandle(footer.index, out);
  out->append(start + kChecksumOffset - out->size(), '\0');
  AppendFixed64(out, XXH3_64bits(out->data() + start, kChecksumOffset));
  AURORA_CHECK(out->size() - start == kValueFooterBytes);
}

absl::StatusOr<ValueFooter> ParseAnyValueFooter(std::string_view bytes, std::uint64_t file_bytes) {
  AURORA_CHECK(bytes.size() == kValueFooterBytes && file_bytes >= kValueFooterBytes);
  const char* const p = bytes.data();
  if (std::memcmp(p, kMagic, sizeof(kMagic)) != 0) {
    return DataLossError("not a value file, or cut short: it does not end with its footer");
  }
  if (LoadFixed<std::uint64_t>(p + kChecksumOffset) != XXH3_64bits(p, kChecksumOffset)) {
    return DataLossError("the checksum of the footer is wrong");
  }
  if (const auto version = LoadFixed<std::uint32_t>(p + 8); version != kValueFormatVersion) {
    return FailedPreconditionError("value file format version ", version, "; this program reads ",
                                   kValueFormatVersion);
  }
  ValueFooter footer;
  std::memcpy(footer.identity.database_id.data(), p + 16, 16);
  footer.identity.file_number = LoadFixed<std::uint64_t>(p + 32);
  footer.file_bytes = LoadFixed<std::uint64_t>(p + 40);
  footer.id = LoadFixed<std::uint64_t>(p + 48);
  footer.index = LoadHandle(p + 56);
  if (footer.file_bytes != file_bytes) {
    return DataLossError("the file has ", file_bytes, " bytes, not ", footer.file_bytes);
  }
  const bool reserved_is_zero =
      LoadFixed<std::uint32_t>(p + 12) == 0 &&
      std::all_of(p + 72, p + kChecksumOffset, [](char c) { return c == 0; });
  if (!reserved_is_zero || footer.id == 0 ||
      !IsPlausible(footer.index, file_bytes - kValueFooterBytes)) {
    return DataLossError("the footer is inconsistent");
  }
  return footer;
}

absl::StatusOr<ValueFooter> ParseValueFooter(std::string_view bytes, std::uint64_t file_bytes,
                                             const TableIdentity& expected, std::uint64_t id) {
  AURORA_ASSIGN_OR_RETURN(const ValueFooter footer, ParseAnyValueFooter(bytes, file_bytes));
  if (footer.identity.database_id != expected.database_id) {
    return DataLossError("the file belongs to another database");
  }
  if (footer.identity.file_number != expected.file_number || footer.id != id) {
    return DataLossError("the file is number ", footer.identity.file_number, " of the values ",
                         footer.id, ", not number ", expected.file_number, " of the values ", id);
  }
  return footer;
}

}  // namespace aurora::lsm
