#include "aurora/lsm/value_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

// What the first read of an Open takes: the footer, and the index of some thousand values.
constexpr std::uint64_t kTailBytes = std::uint64_t{64} << 10;
// Of pieces that are read together.
constexpr std::uint64_t kReadBytes = std::uint64_t{1} << 20;
// Of the heap, for each of two allocations.
constexpr std::size_t kAllocationOverhead = 16;

}  // namespace

// A value in memory.
struct ValueFile::CachedValue {
  std::unique_ptr<char[]> bytes;
  std::size_t size = 0;
  MemoryBudget::Charge charge;

  static std::size_t ChargeFor(std::size_t size) {
    return size + sizeof(CachedValue) + 2 * kAllocationOverhead;
  }
  static PinnedValue Pin(const std::shared_ptr<const void>& pointer) {
    const auto& value = *static_cast<const CachedValue*>(pointer.get());
    return PinnedValue({value.bytes.get(), value.size}, pointer);
  }
};

ValueFile::ValueFile(std::unique_ptr<File> file, std::uint64_t file_bytes,
                     const ValueFileOptions& options)
    : file_(std::move(file)), file_bytes_(file_bytes), options_(options) {
  AURORA_CHECK(options.cache != nullptr && options.memory != nullptr);
}

ValueFile::~ValueFile() = default;

absl::Status ValueFile::Located(const absl::Status& status, std::string_view part,
                                std::uint64_t offset) const {
  return Annotate(status, StrCat(file_->path(), ", ", part, " at offset ", offset));
}

// --- Opening. ---

Task<absl::StatusOr<std::unique_ptr<ValueFile>>> ValueFile::Open(std::unique_ptr<File> file,
                                                                 std::uint64_t file_bytes,
                                                                 ValueFileOptions options) {
  std::unique_ptr<ValueFile> values(new ValueFile(std::move(file), file_bytes, options));
  AURORA_CO_ASSIGN(const std::uint64_t size, co_await values->file_->Size());
  if (size != file_bytes || size < kDeviceBlockSize || size % kDeviceBlockSize != 0) {
    co_return DataLossError(values->path(), ": the file has ", size, " bytes, not ", file_bytes);
  }
  AURORA_CO_RETURN_IF_ERROR(co_await values->LoadIndex());
  co_return values;
}

Task<absl::Status> ValueFile::LoadIndex() {
  const std::uint64_t footer_begin = file_bytes_ - kValueFooterBytes;
  const std::uint64_t tail_begin = file_bytes_ - std::min(file_bytes_, kTailBytes);
  AURORA_CO_ASSIGN(Stretch tail, co_await ReadStretch(tail_begin, file_bytes_, &metadata_sources_));
  const absl::StatusOr<ValueFooter> footer = ParseValueFooter(
      tail.View(footer_begin, file_bytes_), file_bytes_, options_.identity, options_.id);
  if (!footer.ok()) co_return Located(footer.status(), "footer", footer_begin);
  const BlockHandle handle = footer->index;
  if (handle.offset < tail.offset) {
    AURORA_CO_ASSIGN(tail, co_await ReadStretch(handle.offset, file_bytes_, &metadata_sources_));
  }
  const std::string_view padding = tail.View(handle.end(), footer_begin);
  if (padding.find_first_not_of('\0') != std::string_view::npos) {
    co_return Located(DataLossError("bytes that must be zero are not"), "padding", handle.end());
  }
  charge_ = options_.memory->Take(MemoryUse::kTableMetadata,
                                  sizeof(ValueFile) + 2 * std::size_t{handle.raw_bytes});
  const absl::StatusOr<std::unique_ptr<char[]>> raw =
      DecodeStoredBlock(options_.identity, handle, tail.View(handle));
  if (!raw.ok()) co_return Located(raw.status(), "index", handle.offset);
  absl::StatusOr<ValueIndex> index =
      ValueIndex::Open({raw->get(), handle.raw_bytes}, handle.offset);
  if (!index.ok()) co_return Located(index.status(), "index", handle.offset);
  index_ = *std::move(index);
  charge_.Resize(sizeof(ValueFile) + index_->size_bytes());
  co_return absl::OkStatus();
}

// --- Reading. ---

Task<absl::StatusOr<ValueFile::Stretch>> ValueFile::ReadStretch(std::uint64_t begin,
                                                                std::uint64_t end,
                                                                BlockSources* sources) {
  AURORA_CHECK(begin < end && end <= file_bytes_);
  if (file_->direct()) {
    // The file is a multiple of the device's block, so this stays within it.
    begin &= ~std::uint64_t{kDeviceBlockSize - 1};
    end = (end + kDeviceBlockSize - 1) & ~std::uint64_t{kDeviceBlockSize - 1};
  }
  Stretch stretch;
  const auto size = static_cast<std::size_t>(end - begin);
  stretch.charge = options_.memory->Take(MemoryUse::kInFlight, size);
  stretch.bytes.Resize(size);
  stretch.offset = begin;
  AURORA_CO_ASSIGN(const std::size_t count, co_await file_->Read(begin, stretch.bytes.span()));
  if (count != size) {
    co_return DataLossError(path(), ": the file ends at offset ", begin + count, ", before the ",
                            end, " bytes that it should have");
  }
  if (sources != nullptr) {
    ++sources->device;
    sources->device_bytes += size;
  }
  co_return stretch;
}

absl::StatusOr<std::unique_ptr<char[]>> ValueFile::Decode(const BlockHandle& piece,
                                                          const Stretch& stretch) {
  absl::StatusOr<std::unique_ptr<char[]>> raw =
      DecodeStoredBlock(options_.identity, piece, stretch.View(piece));
  if (!raw.ok()) return Located(raw.status(), "value", piece.offset);
  return raw;
}

absl::StatusOr<ValueIndex::Pieces> ValueFile::Find(const ValueHandle& handle) const {
  const ValueIndex::Pieces pieces = index_->Find(handle.number);
  if (RawBytes(pieces) != handle.bytes || StoredBytes(pieces) != handle.stored_bytes) {
    return DataLossError(path(), ": it has no value ", handle.number, " of ", handle.bytes,
                         " bytes, which a table names");
  }
  return pieces;
}

Task<absl::StatusOr<PinnedValue>> ValueFile::Read(ValueHandle handle, bool fill_cache,
                                                  BlockSources* sources) {
  using Result = absl::StatusOr<PinnedValue>;
  const absl::StatusOr<ValueIndex::Pieces> pieces = Find(handle);
  if (!pieces.ok()) return Result(pieces.status());
  if (!IsCachable(*pieces)) return ReadLarge(*pieces, sources);
  const ValuePointer cached = options_.cache->Find(IdOf(pieces->front()), fill_cache);
  if (cached == nullptr) return ReadCachable(pieces->front(), fill_cache, sources);
  if (sources != nullptr) ++sources->cache;
  return Result(CachedValue::Pin(cached));
}

Task<absl::StatusOr<PinnedValue>> ValueFile::ReadCachable(BlockHandle piece, bool fill_cache,
                                                          BlockSources* sources) {
  if (!fill_cache) {
    AURORA_CO_ASSIGN(const ValuePointer value,
                     co_await ReadPiece(piece, /*fill_cache=*/false, sources));
    co_return CachedValue::Pin(value);
  }
  const std::shared_ptr<cache::BlockCache::Load> load = options_.cache->Join(IdOf(piece));
  if (!load->TakeLead()) {
    AURORA_CO_ASSIGN(const ValuePointer value, co_await load->Wait());
    co_return CachedValue::Pin(value);
  }
  absl::StatusOr<ValuePointer> value = options_.cache->Find(IdOf(piece));
  // Somebody may have finished reading it since the caller looked.
  if (*value == nullptr) value = co_await ReadPiece(piece, /*fill_cache=*/true, sources);
  load->Complete(value);
  if (!value.ok()) co_return value.status();
  co_return CachedValue::Pin(*value);
}

Task<absl::StatusOr<ValueFile::ValuePointer>> ValueFile::ReadPiece(BlockHandle piece,
                                                                   bool fill_cache,
                                                                   BlockSources* sources) {
  AURORA_CO_ASSIGN(const Stretch stretch, co_await ReadStretch(piece.offset, piece.end(), sources));
  const std::size_t bytes = CachedValue::ChargeFor(piece.raw_bytes);
  auto value = std::make_shared<CachedValue>();
  if (fill_cache) value->charge = options_.cache->Reserve(IdOf(piece), bytes);
  const bool is_cached = value->charge.bytes() != 0;
  if (!is_cached) value->charge = options_.memory->Take(MemoryUse::kInFlight, bytes);
  AURORA_CO_ASSIGN(value->bytes, Decode(piece, stretch));
  value->size = piece.raw_bytes;
  ValuePointer pointer = std::move(value);
  if (is_cached) options_.cache->Insert(IdOf(piece), pointer, bytes);
  co_return pointer;
}

Task<absl::StatusOr<PinnedValue>> ValueFile::ReadLarge(ValueIndex::Pieces pieces,
                                                       BlockSources* sources) {
  auto value = std::make_shared<CachedValue>();
  value->size = static_cast<std::size_t>(RawBytes(pieces));
  value->charge = options_.memory->Take(MemoryUse::kInFlight, CachedValue::ChargeFor(value->size));
  value->bytes = std::make_unique_for_overwrite<char[]>(value->size);
  AURORA_CO_RETURN_IF_ERROR(
      co_await ReadPieces(pieces, 0, {value->bytes.get(), value->size}, sources));
  co_return CachedValue::Pin(value);
}

std::size_t ValueFile::CountTogether(ValueIndex::Pieces pieces) {
  std::size_t count = 1;
  while (count < pieces.size() && pieces[count].end() - pieces[0].offset <= kReadBytes) ++count;
  return count;
}

Task<absl::Status> ValueFile::ReadPieces(ValueIndex::Pieces pieces, std::uint64_t offset,
                                         std::span<char> out, BlockSources* sources) {
  if (out.empty()) co_return absl::OkStatus();
  const std::uint64_t first = offset / kValuePieceBytes;
  const std::uint64_t last = (offset + out.size() - 1) / kValuePieceBytes;
  pieces = pieces.subspan(first, last - first + 1);
  auto skipped = static_cast<std::size_t>(offset % kValuePieceBytes);
  while (!pieces.empty()) {
    const ValueIndex::Pieces together = pieces.first(CountTogether(pieces));
    AURORA_CO_ASSIGN(const Stretch stretch,
                     co_await ReadStretch(together.front().offset, together.back().end(), sources));
    for (const BlockHandle& piece : together) {
      AURORA_CO_ASSIGN(const std::unique_ptr<char[]> raw, Decode(piece, stretch));
      const std::size_t count = std::min<std::size_t>(piece.raw_bytes - skipped, out.size());
      std::memcpy(out.data(), raw.get() + skipped, count);
      out = out.subspan(count);
      skipped = 0;
    }
    pieces = pieces.subspan(together.size());
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::size_t>> ValueFile::ReadPart(ValueHandle handle, std::uint64_t offset,
                                                      std::span<char> out, BlockSources* sources) {
  AURORA_CO_ASSIGN(const ValueIndex::Pieces pieces, Find(handle));
  if (offset >= handle.bytes) co_return std::size_t{0};
  const std::size_t count = std::min<std::uint64_t>(out.size(), handle.bytes - offset);
  AURORA_CO_RETURN_IF_ERROR(co_await ReadPieces(pieces, offset, out.first(count), sources));
  co_return count;
}

// --- Moving and forgetting. ---

Task<absl::Status> ValueFile::CopyTo(std::uint32_t number, ValueFileBuilder* builder,
                                     BlockSources* sources) {
  ValueIndex::Pieces pieces = index_->Find(number);
  if (pieces.empty()) {
    co_return DataLossError(path(), ": it has no value ", number, ", which a table names");
  }
  for (bool first = true; !pieces.empty(); first = false) {
    const ValueIndex::Pieces together = pieces.first(CountTogether(pieces));
    const std::uint64_t begin = together.front().offset;
    AURORA_CO_ASSIGN(const Stretch stretch,
                     co_await ReadStretch(begin, together.back().end(), sources));
    for (const BlockHandle& piece : together) {
      const absl::Status checked = CheckStoredBlock(options_.identity, piece, stretch.View(piece));
      if (!checked.ok() && !AURORA_PLANTED_BUG("value-copy-unchecked")) {
        co_return Located(checked, "value", piece.offset);
      }
    }
    if (AURORA_PLANTED_BUG("value-moved-by-place")) number = builder->next_number();
    AURORA_CO_RETURN_IF_ERROR(co_await builder->AddStored(
        number, first, together, stretch.View(begin, together.back().end())));
    pieces = pieces.subspan(together.size());
  }
  co_return absl::OkStatus();
}

void ValueFile::ForgetValues() {
  for (std::size_t i = 0; i < index_->value_count(); ++i) {
    const ValueIndex::Pieces pieces = index_->pieces(i);
    if (IsCachable(pieces)) options_.cache->Erase(IdOf(pieces.front()));
  }
}

}  // namespace aurora::lsm
