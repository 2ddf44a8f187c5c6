#include "aurora/lsm/table.h"

#include <algorithm>
#include <utility>

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

Task<absl::Status> Table::LoadMetadata() {
  const std::uint64_t footer_begin = file_bytes_ - kTableFooterBytes;
  const std::uint64_t tail_begin = file_bytes_ - std::min(file_bytes_, kTailBytes);
  AURORA_CO_ASSIGN(Stretch tail, co_await Read(tail_begin, file_bytes_));
  metadata_bytes_read_ = tail.bytes.size();
  absl::StatusOr<TableFooter> parsed =
      ParseFooter(tail.View(footer_begin, file_bytes_), file_bytes_, options_.identity);
  if (!parsed.ok()) co_return Located(parsed.status(), "footer", footer_begin);
  const TableFooter footer = *parsed;
  const bool has_filter = footer.filter.stored_bytes != 0;
  const std::uint64_t begin = has_filter ? footer.filter.offset : footer.index.offset;
  if (begin < tail.offset) {
    AURORA_CO_ASSIGN(tail, co_await Read(begin, file_bytes_));
    metadata_bytes_read_ += tail.bytes.size();
  }
  const std::string_view padding = tail.View(footer.properties.end(), footer_begin);
  if (padding.find_first_not_of('\0') != std::string_view::npos) {
    co_return Located(DataLossError("bytes that must be zero are not"), "padding",
                      footer.properties.end());
  }
  AURORA_CO_RETURN_IF_ERROR(OpenProperties(footer, tail));
  AURORA_CO_RETURN_IF_ERROR(OpenIndex(footer, tail));
  AURORA_CO_RETURN_IF_ERROR(OpenRangeDeletes(footer, tail));
  if (has_filter) AURORA_CO_RETURN_IF_ERROR(OpenFilter(footer, tail));
  co_return absl::OkStatus();
}

absl::Status Table::OpenProperties(const TableFooter& footer, const Stretch& tail) {
  const BlockHandle& handle = footer.properties;
  absl::StatusOr<std::unique_ptr<char[]>> raw =
      DecodeStoredBlock(options_.identity, handle, tail.View(handle.offset, handle.end()));
  if (!raw.ok()) return Located(raw.status(), "properties", handle.offset);
  absl::StatusOr<TableProperties> properties =
      DecodeTableProperties({raw->get(), handle.raw_bytes});
  if (!properties.ok()) return Located(properties.status(), "properties", handle.offset);
  properties_ = *std::move(properties);
  return absl::OkStatus();
}

absl::Status Table::OpenIndex(const TableFooter& footer, const Stretch& tail) {
  const BlockHandle& handle = footer.index;
  // In memory it takes up to twice its raw size, and 8 bytes for each block besides.
  charge_ = options_.memory->Take(MemoryUse::kTableMetadata,
                                  sizeof(Table) + 3 * std::size_t{handle.raw_bytes});
  absl::StatusOr<std::unique_ptr<char[]>> raw =
      DecodeStoredBlock(options_.identity, handle, tail.View(handle.offset, handle.end()));
  if (!raw.ok()) return Located(raw.status(), "index", handle.offset);
  absl::StatusOr<std::shared_ptr<const Block>> block =
      Block::Open(*std::move(raw), handle.raw_bytes, {});
  if (!block.ok()) return Located(block.status(), "index", handle.offset);
  const std::uint64_t data_end =
      footer.filter.stored_bytes != 0 ? footer.filter.offset : handle.offset;
  absl::StatusOr<TableIndex> index = TableIndex::Open(**block, data_end);
  if (!index.ok()) return Located(index.status(), "index", handle.offset);
  if (index->size() != properties_.data_block_count) {
    return Located(DataLossError("it has ", index->size(), " entries, the table ",
                                 properties_.data_block_count, " blocks"),
                   "index", handle.offset);
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
        DecodeStoredBlock(options_.identity, handle, tail.View(handle.offset, handle.end()));
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

absl::Status Table::OpenFilter(const TableFooter& footer, const Stretch& tail) {
  const BlockHandle& handle = footer.filter;
  charge_.Resize(charge_.bytes() + handle.raw_bytes);
  absl::StatusOr<std::unique_ptr<char[]>> raw =
      DecodeStoredBlock(options_.identity, handle, tail.View(handle.offset, handle.end()));
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

absl::StatusOr<Table::BlockPointer> Table::DecodeBlock(std::size_t index, const Stretch& stretch,
                                                       bool fill_cache) {
  const BlockHandle& handle = index_->handle(index);
  const std::size_t bytes = Block::ChargeFor(handle.raw_bytes);
  MemoryBudget::Charge charge;
  if (fill_cache) charge = options_.cache->Reserve(IdOf(index), bytes);
  const bool is_cached = charge.bytes() != 0;
  if (!is_cached) charge = options_.memory->Take(MemoryUse::kInFlight, bytes);
  absl::StatusOr<std::unique_ptr<char[]>> raw =
      DecodeStoredBlock(options_.identity, handle, stretch.View(handle.offset, handle.end()));
  if (!raw.ok()) return Located(raw.status(), "data block", handle.offset);
  absl::StatusOr<std::shared_ptr<const Block>> block = Block::Open(
      *std::move(raw), handle.raw_bytes, std::move(charge), options_.identity.ingested_at);
  if (!block.ok()) return Located(block.status(), "data block", handle.offset);
  BlockPointer pointer = *std::move(block);
  if (is_cached) options_.cache->Insert(IdOf(index), pointer, bytes);
  return pointer;
}

Task<absl::StatusOr<Table::BlockPointer>> Table::ReadBlock(std::size_t index,
                                                           BlockSources* sources) {
  const BlockHandle handle = index_->handle(index);
  AURORA_CO_ASSIGN(const Stretch stretch, co_await Read(handle.offset, handle.end()));
  sources->device_bytes += stretch.bytes.size();
  co_return DecodeBlock(index, stretch, true);
}

Task<absl::StatusOr<Table::BlockPointer>> Table::LoadBlock(std::size_t index,
                                                           BlockSources* sources) {
  const std::shared_ptr<cache::BlockCache::Load> load = options_.cache->Join(IdOf(index));
  ++sources->device;
  if (!load->TakeLead()) co_return co_await load->Wait();
  absl::StatusOr<BlockPointer> block = options_.cache->Find(IdOf(index));
  // Somebody may have finished reading it since the caller looked.
  if (*block == nullptr) block = co_await ReadBlock(index, sources);
  load->Complete(block);
  co_return block;
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
  if (filter_.has_value() && !filter_->MayContain(key_hash)) {
    trace->was_rejected = true;
    return absl::OkStatus();
  }
  for (std::size_t i = index_->Find({stored_key, Version::FromWord(at << 8 | 0xFF)});
       i < index_->size(); ++i) {
    const BlockPointer pointer = options_.cache->Find(IdOf(i));
    if (pointer == nullptr) return GetFromDevice(i, stored_key, at, history, trace);
    ++trace->blocks.cache;
    if (!Continues(AsBlock(pointer), pointer, stored_key, at, history)) break;
  }
  return absl::OkStatus();
}

Task<absl::Status> Table::GetFromDevice(std::size_t index, std::string_view stored_key, Sequence at,
                                        KeyHistory* history, GetTrace* trace) {
  for (; index < index_->size(); ++index) {
    AURORA_CO_ASSIGN(const BlockPointer pointer, co_await LoadBlock(index, &trace->blocks));
    if (!Continues(AsBlock(pointer), pointer, stored_key, at, history)) break;
  }
  co_return absl::OkStatus();
}

void Table::ForgetBlocks() {
  for (std::size_t i = 0; i < index_->size(); ++i) options_.cache->Erase(IdOf(i));
}

std::unique_ptr<EntryIterator> Table::NewIterator(const IterateOptions& options) {
  return std::make_unique<Iterator>(this, options);
}

}  // namespace aurora::lsm
