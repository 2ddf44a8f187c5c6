#include "aurora/lsm/table.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "aurora/lsm/range_delete_block.h"
#include "aurora/lsm/table_iterator.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

namespace {
// What the first read of an Open takes: footer, properties, and the index and filter of a table of
// a few MiB.
constexpr std::uint64_t kTailBytes = 64u << 10;

// What the cache holds of a table besides its data blocks.
struct CachedIndexPart {
  TableIndex index;
  MemoryBudget::Charge charge;
};
struct CachedFilterPage {
  alignas(kFilterLineBytes) char lines[kFilterPageBytes];
  MemoryBudget::Charge charge;
};

const TableIndex& IndexOf(const std::shared_ptr<const void>& part) {
  return static_cast<const CachedIndexPart*>(part.get())->index;
}

}  // namespace

Table::Table(std::unique_ptr<File> file, std::uint64_t file_bytes, const TableOptions& options)
    : file_(std::move(file)), file_bytes_(file_bytes), options_(options) {
  AURORA_CHECK(options.cache != nullptr && options.memory != nullptr);
}

Table::~Table() = default;

absl::Status Table::Located(const absl::Status& status, std::string_view part,
                            std::uint64_t offset) const {
  return Annotate(status, StrCat(file_->path(), ", ", part, " at offset ", offset));
}

Task<absl::StatusOr<std::unique_ptr<Table>>> Table::Open(std::unique_ptr<File> file,
                                                         std::uint64_t file_bytes,
                                                         TableOptions options) {
  std::unique_ptr<Table> table(new Table(std::move(file), file_bytes, options));
  AURORA_CO_ASSIGN(const std::uint64_t size, co_await table->file_->Size());
  if (size != file_bytes || size < kDeviceBlockSize || size % kDeviceBlockSize != 0) {
    co_return DataLossError(table->path(), ": the file has ", size, " bytes, not ", file_bytes);
  }
  AURORA_CO_RETURN_IF_ERROR(co_await table->LoadMetadata());
  co_return table;
}

absl::StatusOr<TableFooter> Table::OpenFooter(const Stretch& tail) {
  const std::uint64_t begin = file_bytes_ - kTableFooterBytes;
  absl::StatusOr<TableFooter> footer =
      ParseFooter(tail.View(begin, file_bytes_), file_bytes_, options_.identity);
  if (!footer.ok()) return Located(footer.status(), "footer", begin);
  const std::string_view padding = tail.View(footer->properties.end(), begin);
  if (padding.find_first_not_of('\0') != std::string_view::npos) {
    return Located(DataLossError("bytes that must be zero are not"), "padding",
                   footer->properties.end());
  }
  return footer;
}

// What describes the table comes after the data: filter, index, range deletes, properties. The
// parts of an index are read only if they are to be held.
Task<absl::Status> Table::LoadMetadata() {
  const std::uint64_t tail_begin = file_bytes_ - std::min(file_bytes_, kTailBytes);
  AURORA_CO_ASSIGN(Stretch tail, co_await Read(tail_begin, file_bytes_));
  metadata_bytes_read_ = tail.bytes.size();
  AURORA_CO_ASSIGN(const TableFooter footer, OpenFooter(tail));
  const bool has_filter = footer.filter.stored_bytes != 0;
  const bool has_parts = footer.index_part_count > 0;
  data_end_ = has_filter ? footer.filter.offset : footer.index.offset;
  const std::uint64_t begin = has_parts ? footer.index.offset : data_end_;
  if (begin < tail.offset) {
    AURORA_CO_ASSIGN(tail, co_await Read(begin, file_bytes_));
    metadata_bytes_read_ += tail.bytes.size();
  }
  AURORA_CO_RETURN_IF_ERROR(OpenProperties(footer, tail));
  AURORA_CO_RETURN_IF_ERROR(OpenRangeDeletes(footer, tail));
  if (has_parts) AURORA_CO_RETURN_IF_ERROR(OpenPartNames(footer, tail));
  if (has_parts && !IsRoomFor(footer)) {
    if (has_filter) OpenFilterPages(footer);
    charge_ = options_.memory->Take(
        MemoryUse::kTableMetadata,
        sizeof(Table) + parts_->size_bytes() + properties_.filter_pages.checksums.size());
    co_return absl::OkStatus();
  }
  if (data_end_ < tail.offset) {
    AURORA_CO_ASSIGN(tail, co_await Read(data_end_, footer.index.offset));
    metadata_bytes_read_ += tail.bytes.size();
  }
  AURORA_CO_RETURN_IF_ERROR(OpenIndex(footer, tail));
  if (has_filter) AURORA_CO_RETURN_IF_ERROR(OpenFilter(footer, tail));
  co_return absl::OkStatus();
}

absl::Status Table::OpenProperties(const TableFooter& footer, const Stretch& tail) {
  const BlockHandle& handle = footer.properties;
  absl::StatusOr<std::unique_ptr<char[]>> raw =
      DecodeStoredBlock(options_.identity, handle, tail.View(handle));
  if (!raw.ok()) return Located(raw.status(), "properties", handle.offset);
  absl::StatusOr<TableProperties> properties =
      DecodeTableProperties({raw->get(), handle.raw_bytes});
  if (!properties.ok()) return Located(properties.status(), "properties", handle.offset);
  properties_ = *std::move(properties);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Block>> Table::DecodeIndexBlock(
    const BlockHandle& handle, std::string_view stored) const {
  absl::StatusOr<std::unique_ptr<char[]>> raw =
      DecodeStoredBlock(options_.identity, handle, stored);
  if (!raw.ok()) return Located(raw.status(), "index", handle.offset);
  absl::StatusOr<std::shared_ptr<const Block>> block =
      Block::Open(*std::move(raw), handle.raw_bytes, {});
  if (!block.ok()) return Located(block.status(), "index", handle.offset);
  return block;
}

absl::Status Table::OpenPartNames(const TableFooter& footer, const Stretch& tail) {
  AURORA_ASSIGN_OR_RETURN(const std::shared_ptr<const Block> block,
                          DecodeIndexBlock(footer.index, tail.View(footer.index)));
  // Without a filter nothing but the first part says where the data ends.
  absl::StatusOr<TableIndex> parts = TableIndex::OpenPart(*block, footer.index.offset);
  if (parts.ok() && footer.filter.stored_bytes == 0) data_end_ = parts->begin();
  const std::uint64_t begin = footer.filter.stored_bytes == 0 ? data_end_ : footer.filter.end();
  if (parts.ok() && (parts->size() != footer.index_part_count || parts->begin() != begin ||
                     parts->end() != footer.index.offset)) {
    parts = DataLossError("it does not name the parts of the index");
  }
  if (!parts.ok()) return Located(parts.status(), "index", footer.index.offset);
  parts_ = *std::move(parts);
  return absl::OkStatus();
}

// In memory an index takes up to twice its raw size, and 8 bytes for each block besides.
bool Table::IsRoomFor(const TableFooter& footer) const {
  std::size_t bytes = sizeof(Table) + footer.filter.raw_bytes;
  for (std::size_t i = 0; i < parts_->size(); ++i) {
    bytes += 3 * std::size_t{parts_->handle(i).raw_bytes};
  }
  const std::size_t used = options_.memory->used_bytes(MemoryUse::kTableMetadata);
  return bytes <= options_.whole_metadata_bytes_max &&
         used <= options_.whole_metadata_bytes_max - bytes;
}

absl::Status Table::OpenIndex(const TableFooter& footer, const Stretch& tail) {
  std::vector<BlockHandle> handles = {footer.index};
  if (parts_.has_value()) {
    handles.clear();
    for (std::size_t i = 0; i < parts_->size(); ++i) handles.push_back(parts_->handle(i));
    parts_.reset();
  }
  std::size_t raw_bytes = 0;
  for (const BlockHandle& handle : handles) raw_bytes += handle.raw_bytes;
  charge_ = options_.memory->Take(MemoryUse::kTableMetadata, sizeof(Table) + 3 * raw_bytes);
  std::vector<std::shared_ptr<const Block>> blocks;
  for (const BlockHandle& handle : handles) {
    AURORA_ASSIGN_OR_RETURN(blocks.emplace_back(), DecodeIndexBlock(handle, tail.View(handle)));
  }
  absl::StatusOr<TableIndex> index = TableIndex::Open(blocks, 0, data_end_);
  if (!index.ok()) return Located(index.status(), "index", handles.front().offset);
  if (index->size() != properties_.data_block_count) {
    return Located(DataLossError("it has ", index->size(), " entries, the table ",
                                 properties_.data_block_count, " blocks"),
                   "index", handles.front().offset);
  }
  index_ = *std::move(index);
  charge_.Resize(sizeof(Table) + index_->size_bytes());
  return absl::OkStatus();
}

absl::Status Table::OpenRangeDeletes(const TableFooter& footer, const Stretch& tail) {
  const BlockHandle& handle = footer.range_deletes;
  std::size_t count = 0;
  if (handle.stored_bytes != 0) {
    absl::StatusOr<std::unique_ptr<char[]>> raw =
        DecodeStoredBlock(options_.identity, handle, tail.View(handle));
    if (!raw.ok()) return Located(raw.status(), "range deletes", handle.offset);
    absl::StatusOr<std::unique_ptr<const RangeDeletes>> deletes = DecodeRangeDeletes(
        *std::move(raw), handle.raw_bytes, options_.memory, options_.identity.ingested_at);
    if (!deletes.ok()) return Located(deletes.status(), "range deletes", handle.offset);
    range_deletes_ = *std::move(deletes);
    count = range_deletes_->size();
  }
  if (count == properties_.range_delete_count) return absl::OkStatus();
  return Located(DataLossError("there are ", count, " range deletes, the table has ",
                               properties_.range_delete_count),
                 "range deletes", handle.offset);
}

void Table::OpenFilterPages(const TableFooter& footer) {
  const BlockHandle& handle = footer.filter;
  const std::size_t bytes =
      handle.raw_bytes - std::min<std::size_t>(handle.raw_bytes, kFilterTrailerBytes);
  const std::size_t pages = (bytes + kFilterPageBytes - 1) / kFilterPageBytes;
  filter_is_damaged_ = handle.stored_bytes != handle.raw_bytes || bytes % kFilterLineBytes != 0 ||
                       pages * sizeof(std::uint64_t) != properties_.filter_pages.checksums.size();
  if (filter_is_damaged_) return;
  filter_offset_ = handle.offset;
  filter_lines_ = bytes / kFilterLineBytes;
}

absl::Status Table::OpenFilter(const TableFooter& footer, const Stretch& tail) {
  const BlockHandle& handle = footer.filter;
  charge_.Resize(charge_.bytes() + handle.raw_bytes);
  absl::StatusOr<std::unique_ptr<char[]>> raw =
      DecodeStoredBlock(options_.identity, handle, tail.View(handle));
  if (raw.ok()) filter_ = Filter::Open({raw->get(), handle.raw_bytes});
  // Without it every Get looks into a block: slower, never wrong.
  filter_is_damaged_ = !filter_.has_value();
  if (filter_is_damaged_) charge_.Resize(charge_.bytes() - handle.raw_bytes);
  return absl::OkStatus();
}

Task<absl::StatusOr<Table::Stretch>> Table::Read(std::uint64_t begin, std::uint64_t end) {
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
  co_return stretch;
}

Table::CacheCharge Table::ChargeFor(cache::BlockId id, std::size_t bytes, bool fill_cache) {
  MemoryBudget::Charge charge;
  if (fill_cache) charge = options_.cache->Reserve(id, bytes);
  const bool is_reserved = charge.bytes() != 0;
  if (!is_reserved) charge = options_.memory->Take(MemoryUse::kInFlight, bytes);
  return {std::move(charge), is_reserved};
}

absl::StatusOr<Table::BlockPointer> Table::DecodeBlock(const BlockHandle& handle,
                                                       std::string_view stored, bool fill_cache) {
  const cache::BlockId id = IdOfBlock(handle);
  const std::size_t bytes = Block::ChargeFor(handle.raw_bytes);
  CacheCharge charge = ChargeFor(id, bytes, fill_cache);
  absl::StatusOr<std::unique_ptr<char[]>> raw =
      DecodeStoredBlock(options_.identity, handle, stored);
  if (!raw.ok()) return Located(raw.status(), "data block", handle.offset);
  absl::StatusOr<std::shared_ptr<const Block>> block = Block::Open(
      *std::move(raw), handle.raw_bytes, std::move(charge.charge), options_.identity.ingested_at);
  if (!block.ok()) return Located(block.status(), "data block", handle.offset);
  BlockPointer pointer = *std::move(block);
  if (charge.is_reserved) options_.cache->Insert(id, pointer, bytes);
  return pointer;
}

absl::StatusOr<Table::BlockPointer> Table::DecodeIndexPart(const BlockHandle& handle,
                                                           std::string_view stored) {
  const std::size_t bytes = cache::BlockCache::kEntryOverheadBytes + sizeof(CachedIndexPart) +
                            3 * std::size_t{handle.raw_bytes};
  CacheCharge charge = ChargeFor(IdOf(handle), bytes, /*fill_cache=*/true);
  AURORA_ASSIGN_OR_RETURN(const std::shared_ptr<const Block> block,
                          DecodeIndexBlock(handle, stored));
  absl::StatusOr<TableIndex> index = TableIndex::OpenPart(*block, data_end_);
  if (!index.ok()) return Located(index.status(), "index", handle.offset);
  BlockPointer part =
      std::make_shared<const CachedIndexPart>(*std::move(index), std::move(charge.charge));
  if (charge.is_reserved) options_.cache->Insert(IdOf(handle), part, bytes);
  return part;
}

absl::StatusOr<Table::BlockPointer> Table::DecodeFilterPage(const BlockHandle& handle,
                                                            std::string_view stored) {
  const std::size_t bytes = cache::BlockCache::kEntryOverheadBytes + sizeof(CachedFilterPage);
  CacheCharge charge = ChargeFor(IdOf(handle), bytes, /*fill_cache=*/true);
  const std::size_t number = (handle.offset - filter_offset_) / kFilterPageBytes;
  if (!IsFilterPage(properties_.filter_pages, number, stored)) {
    return Located(DataLossError("the checksum of a page is wrong"), "filter", handle.offset);
  }
  auto page = std::make_shared<CachedFilterPage>();
  std::memcpy(page->lines, stored.data(), stored.size());
  page->charge = std::move(charge.charge);
  BlockPointer pointer = std::move(page);
  if (charge.is_reserved) options_.cache->Insert(IdOf(handle), pointer, bytes);
  return pointer;
}

Task<absl::StatusOr<Table::BlockPointer>> Table::ReadAndDecode(Stored stored,
                                                               BlockSources* sources) {
  const std::uint64_t begin = stored.handle.offset;
  AURORA_CO_ASSIGN(const Stretch stretch, co_await Read(begin, stored.end));
  sources->device_bytes += stretch.bytes.size();
  co_return (this->*stored.decode)(stored.handle, stretch.View(begin, stored.end));
}

Task<absl::StatusOr<Table::BlockPointer>> Table::Load(Stored stored, BlockSources* sources) {
  const std::shared_ptr<cache::BlockCache::Load> load = options_.cache->Join(stored.id);
  ++sources->device;
  if (!load->TakeLead()) co_return co_await load->Wait();
  absl::StatusOr<BlockPointer> loaded = options_.cache->Find(stored.id);
  // Somebody may have finished reading it since the caller looked.
  if (*loaded == nullptr) loaded = co_await ReadAndDecode(stored, sources);
  load->Complete(loaded);
  co_return loaded;
}

Task<absl::StatusOr<Table::BlockPointer>> Table::FindOrLoad(const Stored& stored,
                                                            BlockSources* sources) {
  if (BlockPointer cached = options_.cache->Find(stored.id); cached != nullptr) {
    ++sources->cache;
    return absl::StatusOr<BlockPointer>(std::move(cached));
  }
  return Load(stored, sources);
}

Table::IndexPointer Table::PartAtHand(std::size_t part, BlockSources* sources) const {
  if (AURORA_LIKELY(is_whole())) return IndexPointer(IndexPointer(), &*index_);
  const BlockPointer cached = options_.cache->Find(IndexPart(part).id);
  if (cached == nullptr) return nullptr;
  ++sources->cache;
  return IndexPointer(cached, &IndexOf(cached));
}

Task<absl::StatusOr<Table::IndexPointer>> Table::LoadPart(std::size_t part, BlockSources* sources) {
  AURORA_CO_ASSIGN(const BlockPointer loaded, co_await FindOrLoad(IndexPart(part), sources));
  co_return IndexPointer(loaded, &IndexOf(loaded));
}

Table::Stored Table::FilterPage(std::size_t number) const {
  const std::uint64_t at = number * kFilterPageBytes;
  const std::uint64_t bytes =
      std::min<std::uint64_t>(kFilterPageBytes, filter_lines_ * kFilterLineBytes - at);
  const BlockHandle handle = {filter_offset_ + at, 0, static_cast<std::uint32_t>(bytes)};
  return {IdOf(handle), handle, handle.offset + bytes, &Table::DecodeFilterPage};
}

Task<absl::StatusOr<bool>> Table::PageMayContain(std::uint64_t key_hash, BlockSources* sources) {
  const std::uint64_t line = Filter::LineOf(key_hash, filter_lines_);
  const absl::StatusOr<BlockPointer> page =
      co_await FindOrLoad(FilterPage(line / kFilterPageLines), sources);
  // Without it every Get looks into a block: slower, never wrong.
  if (absl::IsDataLoss(page.status())) co_return true;
  if (!page.ok()) co_return page.status();
  const char* const lines = static_cast<const CachedFilterPage*>(page->get())->lines;
  co_return Filter::LineMayContain(lines + line % kFilterPageLines * kFilterLineBytes, key_hash,
                                   properties_.filter_pages.probe_count);
}

inline bool Table::Continues(const Block& block, const BlockPointer& pointer,
                             std::string_view stored_key, Sequence at, KeyHistory* history) {
  return block.Get(stored_key, at, pointer, history) == Block::Found::kEnd;
}

Task<absl::Status> Table::Get(std::string_view stored_key, std::uint64_t key_hash, Sequence at,
                              KeyHistory* history, GetTrace* trace) {
  AURORA_DCHECK(!history->done());
  AURORA_DCHECK(key_hash == HashKey(stored_key));
  if (AURORA_UNLIKELY(range_deletes_ != nullptr)) {
    history->HideBelow(range_deletes_->Cover(stored_key, at).sequence);
  }
  if (AURORA_UNLIKELY(!is_whole())) return GetByParts(stored_key, key_hash, at, history, trace);
  if (filter_.has_value() && !filter_->MayContain(key_hash)) {
    trace->was_rejected = true;
    return absl::OkStatus();
  }
  for (std::size_t i = index_->Find({stored_key, Version::FromWord(at << 8 | 0xFF)});
       i < index_->size(); ++i) {
    const BlockPointer pointer = options_.cache->Find(IdOfBlock(index_->handle(i)));
    if (pointer == nullptr) return GetFromDevice(i, stored_key, at, history, trace);
    ++trace->blocks.cache;
    if (!Continues(AsBlock(pointer), pointer, stored_key, at, history)) break;
  }
  return absl::OkStatus();
}

Task<absl::Status> Table::GetFromDevice(std::size_t index, std::string_view stored_key, Sequence at,
                                        KeyHistory* history, GetTrace* trace) {
  for (; index < index_->size(); ++index) {
    AURORA_CO_ASSIGN(const BlockPointer pointer,
                     co_await Load(DataBlock(index_->handle(index)), &trace->blocks));
    if (!Continues(AsBlock(pointer), pointer, stored_key, at, history)) break;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Table::GetByParts(std::string_view stored_key, std::uint64_t key_hash,
                                     Sequence at, KeyHistory* history, GetTrace* trace) {
  if (filter_lines_ != 0) {
    AURORA_CO_ASSIGN(const bool may_contain, co_await PageMayContain(key_hash, &trace->blocks));
    trace->was_rejected = !may_contain;
    if (!may_contain) co_return absl::OkStatus();
  }
  const EntryKey target{stored_key, Version::FromWord(at << 8 | 0xFF)};
  for (std::size_t part = parts_->Find(target); part < parts_->size(); ++part) {
    AURORA_CO_ASSIGN(const IndexPointer index, co_await LoadPart(part, &trace->blocks));
    for (std::size_t i = index->Find(target); i < index->size(); ++i) {
      AURORA_CO_ASSIGN(const BlockPointer pointer,
                       co_await FindOrLoad(DataBlock(index->handle(i)), &trace->blocks));
      if (!Continues(AsBlock(pointer), pointer, stored_key, at, history))
        co_return absl::OkStatus();
    }
  }
  co_return absl::OkStatus();
}

void Table::ForgetBlocks() {
  BlockSources unasked;
  for (std::size_t part = 0; part < part_count(); ++part) {
    const IndexPointer index = PartAtHand(part, &unasked);
    for (std::size_t i = 0; index != nullptr && i < index->size(); ++i) {
      options_.cache->Erase(IdOfBlock(index->handle(i)));
    }
    if (!is_whole()) options_.cache->Erase(IndexPart(part).id);
  }
  for (std::size_t page = 0; page * kFilterPageLines < filter_lines_; ++page) {
    options_.cache->Erase(FilterPage(page).id);
  }
}

std::unique_ptr<EntryIterator> Table::NewIterator(const IterateOptions& options) {
  return std::make_unique<Iterator>(this, options);
}

}  // namespace aurora::lsm
