#include "aurora/lsm/table_builder.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "aurora/lsm/block.h"
#include "aurora/lsm/range_delete_block.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

struct TableBuilder::Hash {
  Hash() : state(XXH3_createState()) {
    AURORA_CHECK(state != nullptr);
    XXH3_64bits_reset(state);
  }
  ~Hash() { XXH3_freeState(state); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;
  void Add(std::string_view bytes) { XXH3_64bits_update(state, bytes.data(), bytes.size()); }
  XXH3_state_t* const state;
};

TableBuilder::TableBuilder(std::unique_ptr<File> file, const TableBuilderOptions& options)
    : file_(std::move(file)),
      options_(options),
      filter_(std::max(1, options.filter_bits_per_key)),
      hash_(std::make_unique<Hash>()) {
  AURORA_CHECK(options.memory != nullptr);
  AURORA_CHECK(options.write_bytes > 0 && options.write_bytes % kDeviceBlockSize == 0);
  AURORA_CHECK(options.filter_bits_per_key >= 0 &&
               options.filter_bits_per_key <= kMaxFilterBitsPerKey);
  properties_.filter_bits_per_key = options.filter_bits_per_key;
  // Blocks are appended whole before the output is written.
  const std::size_t buffer = options.write_bytes + 2 * options.block_bytes;
  charge_ = options.memory->Take(MemoryUse::kInFlight, buffer);
  output_.Resize(buffer);
  output_.Resize(0);
}

TableBuilder::~TableBuilder() = default;

absl::Status TableBuilder::CheckEntry(EntryKey key, std::string_view value) const {
  AURORA_CHECK(!finished_);
  if (AURORA_UNLIKELY(!status_.ok())) return status_;
  if (AURORA_UNLIKELY(key.key.size() > kMaxTableKeyBytes || value.size() > kMaxTableValueBytes)) {
    return InvalidArgumentError("an entry of ", key.key.size(), " + ", value.size(),
                                " bytes is too large for a table; key ", Quoted(key.key));
  }
  if (AURORA_UNLIKELY(properties_.entry_count > 0 && !(EntryKey{last_key_, last_version_} < key))) {
    return DataLossError("entries are out of order: key ", Quoted(key.key), " at sequence ",
                         key.version.sequence(), " comes after ", Quoted(last_key_),
                         " at sequence ", last_version_.sequence(), " (", file_->path(), ")");
  }
  return absl::OkStatus();
}

absl::Status TableBuilder::AddForm(EntryKey key, std::string_view value) {
  const PutForm form = ParsePutForm(value);
  if (form.expires()) expiries_.push_back(form.expiry);
  if (!form.is_separated) return absl::OkStatus();
  const absl::StatusOr<ValueHandle> handle = DecodeValueHandle(form.content);
  if (!handle.ok()) return Annotate(handle.status(), StrCat("key ", Quoted(key.key)));
  values_.Add(*handle);
  return absl::OkStatus();
}

Task<absl::Status> TableBuilder::Add(EntryKey key, std::string_view value) {
  absl::Status checked = CheckEntry(key, value);
  if (AURORA_UNLIKELY(key.version.kind() == EntryKind::kSeparatedPut) && checked.ok()) {
    checked = AddForm(key, value);
  }
  if (AURORA_UNLIKELY(!checked.ok())) {
    status_ = checked;
    return checked;
  }
  if (!block_.empty() && block_.SizeWith(key.key.size(), value.size()) > options_.block_bytes) {
    CutBlock(&key);
    if (output_.size() >= options_.write_bytes) {
      return WriteThenAppend(std::string(key.key), key.version, std::string(value));
    }
  }
  Append(key, value);
  return absl::OkStatus();
}

Task<absl::Status> TableBuilder::WriteThenAppend(std::string key, Version version,
                                                 std::string value) {
  AURORA_CO_RETURN_IF_ERROR(co_await Write());
  Append({key, version}, value);
  co_return absl::OkStatus();
}

void TableBuilder::Append(EntryKey key, std::string_view value) {
  const bool is_first = properties_.entry_count == 0;
  if (is_first || key.key != last_key_) {
    ++properties_.key_count;
    const bool is_wrong = AURORA_PLANTED_BUG("filter-of-wrong-keys");
    if (options_.filter_bits_per_key > 0) filter_.Add(HashKey(is_wrong ? last_key_ : key.key));
    last_key_ = key.key;
  }
  last_version_ = key.version;
  if (is_first) {
    properties_.smallest_key = key.key;
    properties_.smallest_sequence = key.version.sequence();
  }
  ++properties_.entry_count;
  if (key.version.kind() == EntryKind::kDelete) ++properties_.delete_count;
  if (key.version.kind() == EntryKind::kMerge) ++properties_.merge_count;
  properties_.raw_key_bytes += key.key.size();
  properties_.raw_value_bytes += value.size();
  properties_.smallest_sequence = std::min(properties_.smallest_sequence, key.version.sequence());
  properties_.largest_sequence = std::max(properties_.largest_sequence, key.version.sequence());
  block_.Add(key, value);
}

BlockHandle TableBuilder::AppendBlock(std::string_view raw, Compression compression) {
  stored_block_.clear();
  const BlockHandle handle = AppendStoredBlock(options_.identity, file_bytes(), raw, compression,
                                               &compressed_, &stored_block_);
  hash_->Add(stored_block_);
  output_.Append(stored_block_);
  return handle;
}

// Since the last block was cut, half of what was read or more was in the cache. Where nothing was
// read the decision stays.
bool TableBuilder::IsToBeCached() {
  if (options_.cache == nullptr) return false;
  if (options_.sources == nullptr) return true;
  const std::uint64_t cached = options_.sources->cache - sources_seen_.cache;
  const std::uint64_t read = options_.sources->device - sources_seen_.device;
  if (cached + read > 0) caches_ = cached >= read;
  sources_seen_ = *options_.sources;
  return caches_;
}

void TableBuilder::CacheBlock(std::string_view raw, std::uint64_t offset) {
  const cache::BlockId id{options_.identity.file_number, offset};
  const std::size_t bytes = Block::ChargeFor(raw.size());
  MemoryBudget::Charge charge = options_.cache->Reserve(id, bytes);
  if (charge.bytes() == 0) return;
  auto copy = std::make_unique_for_overwrite<char[]>(raw.size());
  std::memcpy(copy.get(), raw.data(), raw.size());
  absl::StatusOr<std::shared_ptr<const Block>> block =
      Block::Open(std::move(copy), raw.size(), std::move(charge));
  AURORA_CHECK(block.ok());
  options_.cache->Insert(id, *std::move(block), bytes);
}

void TableBuilder::CutBlock(const EntryKey* next) {
  const std::string_view raw = block_.Finish();
  if (IsToBeCached()) CacheBlock(raw, file_bytes());
  const BlockHandle handle = AppendBlock(raw, options_.compression);
  if (!index_.empty() && index_.SizeEstimate() >= options_.index_part_bytes) CutIndexPart();
  index_.Add(block_.last_key(), next, handle);
  ++properties_.data_block_count;
  properties_.data_bytes += handle.end() - handle.offset;
  block_.Reset();
  UpdateCharge();
}

void TableBuilder::CutIndexPart() {
  const EntryKey last = index_.last_separator();
  index_parts_.push_back({std::string(index_.Finish()), std::string(last.key), last.version});
  index_part_bytes_ += sizeof(IndexPart) + index_parts_.back().raw.size() + last.key.size();
  index_.Reset();
}

void TableBuilder::UpdateCharge() {
  charge_.Resize(output_.capacity() + compressed_.capacity() + stored_block_.capacity() +
                 2 * range_delete_bytes_ + values_.memory_bytes() +
                 sizeof(Expiry) * expiries_.capacity() + 8 * filter_.key_count() +
                 2 * index_.SizeEstimate() + index_part_bytes_ + 3 * options_.block_bytes);
}

Task<absl::Status> TableBuilder::Write() {
  const std::size_t whole = output_.size() & ~(kDeviceBlockSize - 1);
  absl::Status written = co_await file_->Write(written_bytes_, output_.span().first(whole));
  if (!written.ok()) {
    status_ = written;
    co_return written;
  }
  written_bytes_ += whole;
  output_.DropFront(whole);
  co_return absl::OkStatus();
}

absl::Status TableBuilder::AddRangeDelete(const RangeDelete& range) {
  AURORA_CHECK(!finished_ && range.begin < range.end);
  if (!status_.ok()) return status_;
  // What a block adds to a key, at most.
  constexpr std::size_t kOverhead = 64;
  range_delete_bytes_ += range.begin.size() + range.end.size() + kOverhead;
  if (std::max(range.begin.size(), range.end.size()) > kMaxTableKeyBytes ||
      range_delete_bytes_ > kMaxRawBlockBytes) {
    status_ = InvalidArgumentError("range deletes of ", range_delete_bytes_,
                                   " bytes are too large for a table; the last from ",
                                   Quoted(range.begin), " to ", Quoted(range.end));
    return status_;
  }
  range_deletes_.push_back({std::string(range.begin), std::string(range.end), range.sequence});
  return absl::OkStatus();
}

std::vector<RangeDelete> TableBuilder::RangeDeleteViews() const {
  std::vector<RangeDelete> deletes;
  deletes.reserve(range_deletes_.size());
  for (const OwnedRangeDelete& range : range_deletes_) {
    deletes.push_back({range.begin, range.end, range.sequence});
  }
  return deletes;
}

void TableBuilder::AppendIndex(TableFooter* footer) {
  if (!index_parts_.empty()) {
    CutIndexPart();
    footer->index_part_count = static_cast<std::uint32_t>(index_parts_.size());
    for (const IndexPart& part : index_parts_) {
      const BlockHandle handle = AppendBlock(part.raw, options_.compression);
      index_.AddPart({part.last_separator, part.last_version}, handle);
    }
  }
  footer->index = AppendBlock(index_.Finish(), options_.compression);
}

void TableBuilder::AppendMetadata() {
  TableFooter footer;
  footer.identity = options_.identity;
  if (options_.filter_bits_per_key > 0) {
    const std::string filter = filter_.Finish();
    if (!index_parts_.empty()) properties_.filter_pages = FilterPagesOf(filter);
    // Its bits are as good as random, and its pages are read where they are.
    footer.filter = AppendBlock(filter, Compression::kNone);
  }
  AppendIndex(&footer);
  if (!range_deletes_.empty()) {
    footer.range_deletes =
        AppendBlock(EncodeRangeDeletes(RangeDeleteViews()), options_.compression);
  }
  footer.properties = AppendBlock(EncodeTableProperties(properties_), Compression::kNone);
  std::string tail(
      (kDeviceBlockSize - (file_bytes() + kTableFooterBytes) % kDeviceBlockSize) % kDeviceBlockSize,
      '\0');
  footer.file_bytes = file_bytes() + tail.size() + kTableFooterBytes;
  AppendFooter(footer, &tail);
  hash_->Add(tail);
  output_.Append(tail);
  AURORA_CHECK(file_bytes() == footer.file_bytes && file_bytes() % kDeviceBlockSize == 0);
}

Task<absl::StatusOr<TableSummary>> TableBuilder::Finish() {
  AURORA_CHECK(!finished_);
  if (!status_.ok()) co_return status_;
  if (properties_.entry_count == 0) {
    AURORA_CHECK(!range_deletes_.empty());
    const OwnedRangeDelete& first =
        *std::min_element(range_deletes_.begin(), range_deletes_.end(),
                          [](const auto& a, const auto& b) { return a.begin < b.begin; });
    Append({first.begin, Version(first.sequence, EntryKind::kDelete)}, {});
  }
  finished_ = true;
  properties_.largest_key = last_key_;
  properties_.values = values_.Finish();
  properties_.expiring_count = expiries_.size();
  properties_.half_expired_at =
      HalfExpiredAt(properties_.entry_count, properties_.delete_count, &expiries_);
  if (AURORA_PLANTED_BUG("range-delete-outside-of-bounds")) {
    properties_.range_delete_count = range_deletes_.size();
  } else {
    properties_.IncludeRangeDeletes(RangeDeleteViews());
  }
  CutBlock(nullptr);
  AppendMetadata();
  UpdateCharge();
  AURORA_CO_RETURN_IF_ERROR(co_await Write());
  AURORA_CHECK(output_.size() == 0);
  if (!AURORA_PLANTED_BUG("table-skip-sync")) {
    absl::Status synced = co_await file_->Sync();
    if (!synced.ok() && AURORA_PLANTED_BUG("table-reuse-failed-file")) {
      synced = co_await file_->Sync();
    }
    AURORA_CO_RETURN_IF_ERROR(synced);
  }
  TableSummary summary;
  summary.properties = properties_;
  summary.file_bytes = written_bytes_;
  summary.file_hash = XXH3_64bits_digest(hash_->state);
  co_return summary;
}

}  // namespace aurora::lsm
