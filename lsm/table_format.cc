#include "aurora/lsm/table_format.h"

#define XXH_INLINE_ALL
#include <lz4.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "aurora/lsm/coding.h"
#include "aurora/lsm/zstd_block.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

namespace {

constexpr char kMagic[] = {'A', 'U', 'R', 'T', 'A', 'B', 'L', 'E'};
constexpr std::size_t kChecksumOffset = 120;
static_assert(kChecksumOffset + 8 == kTableFooterBytes);
static_assert(kMaxRawBlockBytes <= UINT32_MAX && kMaxRawBlockBytes <= LZ4_MAX_INPUT_SIZE);

std::uint64_t BlockSeed(const TableIdentity& identity, std::uint64_t offset) {
  char bytes[32];
  std::memcpy(bytes, identity.database_id.data(), 16);
  const bool is_blind = AURORA_PLANTED_BUG("block-checksum-without-place");
  StoreFixed(bytes + 16, is_blind ? 0 : identity.file_number);
  StoreFixed(bytes + 24, is_blind ? 0 : offset);
  return XXH3_64bits(bytes, sizeof(bytes));
}

// Compresses into `out`, which is empty on failure.
void Compress(std::string_view raw, Compression compression, std::string* out) {
  std::size_t size = 0;
  if (compression == Compression::kLz4) {
    out->resize(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(raw.size()))));
    size = static_cast<std::size_t>(LZ4_compress_default(
        raw.data(), out->data(), static_cast<int>(raw.size()), static_cast<int>(out->size())));
  } else if (compression == Compression::kZstd) {
    out->resize(ZstdBound(raw.size()));
    size = ZstdCompress(raw, *out);
  }
  out->resize(size);
}

// A hash of what came so far, at any place on the way.
class PrefixHash {
 public:
  explicit PrefixHash(std::uint64_t seed) { XXH3_64bits_reset_withSeed(&state_, seed); }
  void Add(std::string_view bytes) { XXH3_64bits_update(&state_, bytes.data(), bytes.size()); }
  std::uint64_t With(std::string_view bytes) const {
    XXH3_state_t state;
    XXH3_copyState(&state, &state_);
    XXH3_64bits_update(&state, bytes.data(), bytes.size());
    return XXH3_64bits_digest(&state);
  }

 private:
  XXH3_state_t state_;
};

bool LooksLikeTrailer(const char* bytes) {
  return LoadFixed<std::uint64_t>(bytes) <= static_cast<std::uint64_t>(Compression::kZstd);
}

bool Decompress(Compression compression, std::string_view stored, char* raw, std::size_t raw_size) {
  switch (compression) {
    case Compression::kNone:
      if (stored.size() != raw_size) return false;
      std::memcpy(raw, stored.data(), raw_size);
      return true;
    case Compression::kLz4:
      return LZ4_decompress_safe(stored.data(), raw, static_cast<int>(stored.size()),
                                 static_cast<int>(raw_size)) == static_cast<int>(raw_size);
    case Compression::kZstd:
      return ZstdDecompress(stored, {raw, raw_size});
  }
  return false;
}

// The raw bytes of stored ones that a checksum has proved, whose raw size nobody has noted.
std::optional<FoundBlock> DecompressUnsized(Compression compression, std::uint64_t offset,
                                            std::string_view stored) {
  const std::size_t limit = std::min(kMaxRawBlockBytes, stored.size() * kMaxExpansion);
  std::size_t size = stored.size();
  if (compression == Compression::kZstd) size = ZstdRawBytes(stored).value_or(0);
  if (size == 0 || size > limit) return std::nullopt;
  FoundBlock found;
  if (compression == Compression::kLz4) {
    // LZ4 does not say how much it holds: the room grows until it suffices.
    int got = -1;
    for (std::size_t room = std::min(limit, 4 * size); got < 0; room = std::min(limit, 4 * room)) {
      found.raw = std::make_unique_for_overwrite<char[]>(room);
      got = LZ4_decompress_safe(stored.data(), found.raw.get(), static_cast<int>(stored.size()),
                                static_cast<int>(room));
      if (got < 0 && room == limit) return std::nullopt;
    }
    size = static_cast<std::size_t>(got);
  } else {
    found.raw = std::make_unique_for_overwrite<char[]>(size);
    if (!Decompress(compression, stored, found.raw.get(), size)) return std::nullopt;
  }
  found.handle = {offset, static_cast<std::uint32_t>(stored.size()),
                  static_cast<std::uint32_t>(size)};
  return found;
}

}  // namespace

void AppendHandle(const BlockHandle& handle, std::string* out) {
  AppendFixed64(out, handle.offset);
  AppendFixed32(out, handle.stored_bytes);
  AppendFixed32(out, handle.raw_bytes);
}

BlockHandle LoadHandle(const char* bytes) {
  return {LoadFixed<std::uint64_t>(bytes), LoadFixed<std::uint32_t>(bytes + 8),
          LoadFixed<std::uint32_t>(bytes + 12)};
}

bool IsPlausible(const BlockHandle& handle, std::uint64_t limit) {
  if (handle.stored_bytes == 0 || handle.raw_bytes == 0) return false;
  if (handle.offset > limit || handle.end() > limit) return false;
  return handle.raw_bytes <= kMaxRawBlockBytes &&
         handle.raw_bytes <= std::uint64_t{handle.stored_bytes} * kMaxExpansion;
}

void AppendFooter(const TableFooter& footer, std::string* out) {
  const std::size_t start = out->size();
  out->append(kMagic, sizeof(kMagic));
  AppendFixed32(out, kTableFormatVersion);
  AppendFixed32(out, footer.index_part_count);
  out->append(reinterpret_cast<const char*>(footer.identity.database_id.data()), 16);
  AppendFixed64(out, footer.identity.file_number);
  AppendFixed64(out, footer.file_bytes);
  AppendHandle(footer.index, out);
  AppendHandle(footer.filter, out);
  AppendHandle(footer.properties, out);
  AppendHandle(footer.range_deletes, out);
  out->append(start + kChecksumOffset - out->size(), '\0');
  AppendFixed64(out, XXH3_64bits(out->data() + start, kChecksumOffset));
  AURORA_CHECK(out->size() - start == kTableFooterBytes);
}

absl::StatusOr<TableFooter> ParseAnyFooter(std::string_view bytes, std::uint64_t file_bytes) {
  AURORA_CHECK(bytes.size() == kTableFooterBytes && file_bytes >= kTableFooterBytes);
  const char* const p = bytes.data();
  if (std::memcmp(p, kMagic, sizeof(kMagic)) != 0) {
    return DataLossError("not a table, or cut short: it does not end with a table's footer");
  }
  if (LoadFixed<std::uint64_t>(p + kChecksumOffset) != XXH3_64bits(p, kChecksumOffset)) {
    return DataLossError("the checksum of the footer is wrong");
  }
  const auto version = LoadFixed<std::uint32_t>(p + 8);
  if (version < kOldestTableFormatVersion || version > kTableFormatVersion) {
    return FailedPreconditionError("table format version ", version, "; this program reads ",
                                   kOldestTableFormatVersion, " to ", kTableFormatVersion);
  }
  TableFooter footer;
  std::memcpy(footer.identity.database_id.data(), p + 16, 16);
  footer.identity.file_number = LoadFixed<std::uint64_t>(p + 32);
  footer.index_part_count = LoadFixed<std::uint32_t>(p + 12);
  footer.file_bytes = LoadFixed<std::uint64_t>(p + 40);
  footer.index = LoadHandle(p + 48);
  footer.filter = LoadHandle(p + 64);
  footer.properties = LoadHandle(p + 80);
  footer.range_deletes = LoadHandle(p + 96);
  if (footer.file_bytes != file_bytes) {
    return DataLossError("the file has ", file_bytes, " bytes, not ", footer.file_bytes);
  }
  const bool reserved_is_zero =
      std::all_of(p + 112, p + kChecksumOffset, [](char c) { return c == 0; });
  const std::uint64_t limit = file_bytes - kTableFooterBytes;
  const bool has_filter = footer.filter != BlockHandle{};
  const bool has_parts = footer.index_part_count > 0;
  const std::uint64_t filter_end = has_filter ? footer.filter.end() : footer.index.offset;
  // The parts are between the filter and what names them.
  const bool index_follows =
      has_parts ? filter_end <= footer.index.offset : filter_end == footer.index.offset;
  const bool has_deletes = footer.range_deletes != BlockHandle{};
  if (has_deletes && version == kOldestTableFormatVersion) {
    return DataLossError("the footer has range deletes, which its version does not know");
  }
  if (has_parts && version < 3) {
    return DataLossError("the footer has an index in parts, which its version does not know");
  }
  const std::uint64_t deletes_begin =
      has_deletes ? footer.range_deletes.offset : footer.properties.offset;
  const std::uint64_t deletes_end =
      has_deletes ? footer.range_deletes.end() : footer.properties.offset;
  if (!reserved_is_zero || !IsPlausible(footer.index, limit) ||
      !IsPlausible(footer.properties, limit) ||
      (has_filter && !IsPlausible(footer.filter, limit)) || !index_follows ||
      (has_deletes && !IsPlausible(footer.range_deletes, limit)) ||
      footer.index.end() != deletes_begin || deletes_end != footer.properties.offset) {
    return DataLossError("the footer is inconsistent");
  }
  return footer;
}

absl::StatusOr<TableFooter> ParseFooter(std::string_view bytes, std::uint64_t file_bytes,
                                        const TableIdentity& expected) {
  AURORA_ASSIGN_OR_RETURN(const TableFooter footer, ParseAnyFooter(bytes, file_bytes));
  if (footer.identity.database_id != expected.database_id) {
    return DataLossError("the file belongs to another database");
  }
  if (footer.identity.file_number != expected.file_number) {
    return DataLossError("the file is table ", footer.identity.file_number, ", not ",
                         expected.file_number);
  }
  return footer;
}

namespace {

// The trailer of what has been appended since `start`, the bytes of a block.
void AppendTrailer(const TableIdentity& identity, std::uint64_t offset, char compression,
                   std::size_t start, std::string* out) {
  out->push_back(compression);
  out->append(7, '\0');
  AppendFixed64(out, XXH3_64bits_withSeed(out->data() + start, out->size() - start,
                                          BlockSeed(identity, offset)));
}

}  // namespace

BlockHandle AppendStoredBlock(const TableIdentity& identity, std::uint64_t offset,
                              std::string_view raw, Compression compression, std::string* scratch,
                              std::string* out) {
  AURORA_CHECK(!raw.empty() && raw.size() <= kMaxRawBlockBytes);
  Compress(raw, compression, scratch);
  std::string_view stored = *scratch;
  if (stored.empty() || stored.size() > raw.size() - raw.size() / 8 ||
      stored.size() * kMaxExpansion < raw.size()) {
    compression = Compression::kNone;
    stored = raw;
  }
  const std::size_t start = out->size();
  out->append(stored);
  AppendTrailer(identity, offset, static_cast<char>(compression), start, out);
  return {offset, static_cast<std::uint32_t>(stored.size()),
          static_cast<std::uint32_t>(raw.size())};
}

BlockHandle AppendMovedBlock(const TableIdentity& identity, std::uint64_t offset,
                             const BlockHandle& from, std::string_view stored, std::string* out) {
  AURORA_CHECK(stored.size() == std::size_t{from.stored_bytes} + kStoredTrailerBytes);
  const std::size_t start = out->size();
  out->append(stored.substr(0, from.stored_bytes));
  AppendTrailer(identity, offset, stored[from.stored_bytes], start, out);
  return {offset, from.stored_bytes, from.raw_bytes};
}

absl::Status CheckStoredBlock(const TableIdentity& identity, const BlockHandle& handle,
                              std::string_view stored) {
  AURORA_CHECK(stored.size() == std::size_t{handle.stored_bytes} + kStoredTrailerBytes);
  const char* const trailer = stored.data() + handle.stored_bytes;
  const std::uint64_t checksum = XXH3_64bits_withSeed(
      stored.data(), handle.stored_bytes + std::size_t{8}, BlockSeed(identity, handle.offset));
  if (LoadFixed<std::uint64_t>(trailer + 8) != checksum &&
      !AURORA_PLANTED_BUG("block-ignore-checksum")) {
    return DataLossError("wrong checksum");
  }
  if (LoadFixed<std::uint64_t>(trailer) > 0xFF) return DataLossError("reserved bytes are not zero");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<char[]>> DecodeStoredBlock(const TableIdentity& identity,
                                                          const BlockHandle& handle,
                                                          std::string_view stored) {
  AURORA_RETURN_IF_ERROR(CheckStoredBlock(identity, handle, stored));
  const char* const trailer = stored.data() + handle.stored_bytes;
  auto raw = std::make_unique_for_overwrite<char[]>(handle.raw_bytes);
  if (!Decompress(static_cast<Compression>(trailer[0]), stored.substr(0, handle.stored_bytes),
                  raw.get(), handle.raw_bytes)) {
    return DataLossError("cannot be decompressed (kind ", static_cast<int>(trailer[0]), ")");
  }
  return raw;
}

std::optional<FoundBlock> FindStoredBlock(const TableIdentity& identity, std::uint64_t offset,
                                          std::string_view bytes) {
  PrefixHash hash(BlockSeed(identity, offset));
  std::size_t hashed = 0;
  for (std::size_t end = 1; end + kStoredTrailerBytes <= bytes.size(); ++end) {
    const char* const trailer = bytes.data() + end;
    if (!LooksLikeTrailer(trailer)) continue;
    hash.Add(bytes.substr(hashed, end - hashed));
    hashed = end;
    if (hash.With(bytes.substr(end, 8)) != LoadFixed<std::uint64_t>(trailer + 8)) continue;
    return DecompressUnsized(static_cast<Compression>(trailer[0]), offset, bytes.substr(0, end));
  }
  return std::nullopt;
}

}  // namespace aurora::lsm
