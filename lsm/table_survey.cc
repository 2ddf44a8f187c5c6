#include "aurora/lsm/table_survey.h"

#include <algorithm>
#include <utility>

#include "aurora/lsm/range_delete_block.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {

Task<absl::StatusOr<std::unique_ptr<TableSurvey>>> TableSurvey::Open(FileSystem* files,
                                                                     std::string path,
                                                                     TableIdentity identity) {
  AURORA_CO_ASSIGN(std::unique_ptr<PatientFile> file,
                   co_await PatientFile::Open(files, std::move(path)));
  std::unique_ptr<TableSurvey> survey(new TableSurvey(std::move(file), identity));
  co_await survey->ReadMetadata();
  co_return survey;
}

void TableSurvey::Damage(std::uint64_t offset, std::uint64_t bytes, std::string what) {
  damage_.push_back({{offset, bytes}, std::move(what)});
}

Task<void> TableSurvey::ReadMetadata() {
  co_await ReadFooter();
  if (footer_.has_value()) {
    co_await ReadProperties();
    co_await ReadIndex();
    co_await ReadFilter();
    co_await ReadRangeDeletes();
    co_await CheckPadding();
  }
  if (!index_.has_value()) co_await SearchBlocks();
}

Task<void> TableSurvey::ReadFooter() {
  const std::uint64_t size = file_->size();
  if (size < kDeviceBlockSize || size % kDeviceBlockSize != 0) {
    Damage(0, size, StrCat("the file has ", size, " bytes, which no table has"));
  }
  if (size < kTableFooterBytes) co_return;
  const std::uint64_t begin = size - kTableFooterBytes;
  const std::string_view bytes = co_await file_->Read(begin, size);
  absl::StatusOr<TableFooter> footer = ParseFooter(bytes, size, identity_);
  if (footer.ok()) {
    footer_ = *footer;
  } else {
    Damage(begin, kTableFooterBytes, StrCat("footer: ", ToStd(footer.status().message())));
  }
}

Task<std::unique_ptr<char[]>> TableSurvey::ReadPart(BlockHandle handle, std::string part) {
  const std::string_view stored = co_await file_->Read(handle.offset, handle.end());
  absl::StatusOr<std::unique_ptr<char[]>> raw = DecodeStoredBlock(identity_, handle, stored);
  if (raw.ok()) co_return *std::move(raw);
  Damage(handle.offset, handle.end() - handle.offset,
         StrCat(part, ": ", ToStd(raw.status().message())));
  co_return nullptr;
}

Task<void> TableSurvey::ReadProperties() {
  const BlockHandle handle = footer_->properties;
  const std::unique_ptr<char[]> raw = co_await ReadPart(handle, "properties");
  if (raw == nullptr) co_return;
  absl::StatusOr<TableProperties> properties = DecodeTableProperties({raw.get(), handle.raw_bytes});
  if (properties.ok()) {
    properties_ = *std::move(properties);
  } else {
    Damage(handle.offset, handle.end() - handle.offset,
           StrCat("properties: ", ToStd(properties.status().message())));
  }
}

Task<std::shared_ptr<const Block>> TableSurvey::ReadIndexBlock(BlockHandle handle) {
  std::unique_ptr<char[]> raw = co_await ReadPart(handle, "index");
  if (raw == nullptr) co_return nullptr;
  absl::StatusOr<std::shared_ptr<const Block>> block =
      Block::Open(std::move(raw), handle.raw_bytes, {});
  if (block.ok()) co_return *std::move(block);
  DamageIndex(handle, block.status());
  co_return nullptr;
}

void TableSurvey::DamageIndex(const BlockHandle& handle, const absl::Status& status) {
  Damage(handle.offset, handle.end() - handle.offset, StrCat("index: ", ToStd(status.message())));
}

Task<void> TableSurvey::ReadIndex() {
  const BlockHandle handle = footer_->index;
  const bool has_filter = footer_->filter.stored_bytes != 0;
  std::vector<std::shared_ptr<const Block>> blocks = {co_await ReadIndexBlock(handle)};
  if (blocks[0] == nullptr) co_return;
  std::uint64_t data_end = has_filter ? footer_->filter.offset : handle.offset;
  if (footer_->index_part_count > 0) {
    const absl::StatusOr<TableIndex> parts = TableIndex::OpenPart(*blocks[0], handle.offset);
    const bool is_right = parts.ok() && parts->size() == footer_->index_part_count &&
                          parts->end() == handle.offset &&
                          (!has_filter || parts->begin() == footer_->filter.end());
    if (!is_right) {
      DamageIndex(handle, DataLossError("it does not name the parts of the index"));
      co_return;
    }
    if (!has_filter) data_end = parts->begin();
    blocks.clear();
    bool is_complete = true;
    for (std::size_t i = 0; i < parts->size(); ++i) {
      blocks.push_back(co_await ReadIndexBlock(parts->handle(i)));
      is_complete = is_complete && blocks.back() != nullptr;
    }
    if (!is_complete) co_return;
  }
  absl::StatusOr<TableIndex> index = TableIndex::Open(blocks, 0, data_end);
  if (!index.ok()) {
    DamageIndex(handle, index.status());
    co_return;
  }
  UseIndex(*std::move(index));
}

void TableSurvey::UseIndex(TableIndex index) {
  pieces_.clear();
  for (std::size_t i = 0; i < index.size(); ++i) pieces_.push_back({index.handle(i)});
  index_ = std::move(index);
}

Task<void> TableSurvey::ReadFilter() {
  const BlockHandle handle = footer_->filter;
  if (handle.stored_bytes == 0) co_return;
  const std::unique_ptr<char[]> raw = co_await ReadPart(handle, "filter");
  if (raw == nullptr) co_return;
  const std::string_view bytes(raw.get(), handle.raw_bytes);
  filter_ = Filter::Open(bytes);
  if (!filter_.has_value()) {
    Damage(handle.offset, handle.end() - handle.offset, "filter: its bytes are not a filter");
    co_return;
  }
  const FilterPages* const pages = properties_.has_value() ? &properties_->filter_pages : nullptr;
  if (pages != nullptr && !pages->empty() && *pages != FilterPagesOf(bytes)) {
    Damage(footer_->properties.offset, footer_->properties.end() - footer_->properties.offset,
           "properties: the checksums of the filter's pages are not those of the filter");
  }
}

Task<void> TableSurvey::ReadRangeDeletes() {
  const BlockHandle handle = footer_->range_deletes;
  if (handle.stored_bytes == 0) co_return;
  std::unique_ptr<char[]> raw = co_await ReadPart(handle, "range deletes");
  if (raw == nullptr) co_return;
  const absl::StatusOr<std::shared_ptr<const Block>> block =
      Block::Open(std::move(raw), handle.raw_bytes, {});
  absl::StatusOr<std::unique_ptr<const RangeDeletes>> deletes =
      block.ok() ? DecodeRangeDeletes(**block, identity_.ingested_at) : block.status();
  if (deletes.ok()) {
    range_deletes_ = *std::move(deletes);
  } else {
    Damage(handle.offset, handle.end() - handle.offset,
           StrCat("range deletes: ", ToStd(deletes.status().message())));
  }
}

bool TableSurvey::may_lack_range_deletes() const {
  const std::uint64_t count = range_deletes_ == nullptr ? 0 : range_deletes_->size();
  if (footer_.has_value()) return count == 0 && footer_->range_deletes.stored_bytes != 0;
  return !properties_.has_value() || count != properties_->range_delete_count;
}

Task<void> TableSurvey::CheckPadding() {
  const std::uint64_t begin = footer_->properties.end();
  const std::uint64_t end = file_->size() - kTableFooterBytes;
  const std::string_view padding = co_await file_->Read(begin, end);
  const std::size_t wrong = padding.find_first_not_of('\0');
  if (wrong != std::string_view::npos) {
    Damage(begin + wrong, end - begin - wrong, "padding: bytes that must be zero are not");
  }
}

Task<void> TableSurvey::SearchBlocks() {
  std::uint64_t limit = file_->size() - std::min<std::uint64_t>(file_->size(), kTableFooterBytes);
  if (footer_.has_value()) {
    const BlockHandle& filter = footer_->filter;
    limit = filter.stored_bytes != 0 ? filter.offset : footer_->index.offset;
  }
  for (std::uint64_t offset = 0; offset < limit;) {
    const std::string_view bytes =
        co_await file_->Read(offset, std::min(limit, offset + kFoundBlockBytes));
    std::optional<FoundBlock> found = FindStoredBlock(identity_, offset, bytes);
    if (found.has_value()) {
      offset = found->handle.end();
      TakeFound(*std::move(found));
      continue;
    }
    const std::optional<std::uint64_t> next = co_await SearchStart(offset + 1, limit);
    const std::uint64_t lost = next.value_or(limit) - offset;
    const auto lost_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(lost, UINT32_MAX));
    // Behind a filter or an index there is no data any more.
    if (ends_.empty()) pieces_.push_back({{offset, lost_bytes, 0}, true});
    if (!next.has_value()) co_return;
    offset = *next;
  }
}

Task<std::optional<std::uint64_t>> TableSurvey::SearchStart(std::uint64_t from,
                                                            std::uint64_t limit) {
  const std::uint64_t end = std::min(limit, from + 2 * kSearchBytes);
  const std::string_view bytes = co_await file_->Read(from, end);
  for (std::size_t skipped = 0; skipped < std::min(bytes.size(), kSearchBytes); ++skipped) {
    if (FindStoredBlock(identity_, from + skipped, bytes.substr(skipped, kSearchBytes))) {
      co_return from + skipped;
    }
  }
  co_return std::nullopt;
}

void TableSurvey::TakeFound(FoundBlock found) {
  const BlockHandle handle = found.handle;
  const std::string raw(found.raw.get(), handle.raw_bytes);
  const absl::StatusOr<std::shared_ptr<const Block>> block =
      Block::Open(std::move(found.raw), handle.raw_bytes, {});
  if (!block.ok()) {
    // Filter or properties: the data ends where the first of them begins.
    ends_.push_back(handle.offset);
    absl::StatusOr<TableProperties> properties = DecodeTableProperties(raw);
    if (properties.ok()) properties_ = *std::move(properties);
  } else if (!TakeFoundIndex(*block, handle) && !index_.has_value()) {
    pieces_.push_back({handle});
  }
}

bool TableSurvey::TakeFoundIndex(std::shared_ptr<const Block> block, const BlockHandle& handle) {
  // An index names all blocks of the data, to their last byte: no data does.
  ends_.push_back(handle.offset);
  for (const std::uint64_t end : ends_) {
    absl::StatusOr<TableIndex> index = TableIndex::Open({&block, 1}, 0, end);
    if (!index.ok()) continue;
    UseIndex(*std::move(index));
    return true;
  }
  if (TakeFoundPart(block, handle)) return true;
  // A delete that has a value is no entry.
  absl::StatusOr<std::unique_ptr<const RangeDeletes>> deletes =
      DecodeRangeDeletes(*block, identity_.ingested_at);
  if (deletes.ok()) {
    range_deletes_ = *std::move(deletes);
    return true;
  }
  ends_.pop_back();
  return false;
}

// A part names blocks that were found, or several that follow one another: no data does.
bool TableSurvey::TakeFoundPart(std::shared_ptr<const Block> block, const BlockHandle& handle) {
  const absl::StatusOr<TableIndex> part = TableIndex::OpenPart(*block, handle.offset);
  if (!part.ok()) return false;
  const auto is_named = [&part](const BlockHandle& found) { return found == part->handle(0); };
  const bool names_data = std::any_of(pieces_.begin(), pieces_.end(),
                                      [&](const Place& place) { return is_named(place.handle); });
  const bool names_parts = std::any_of(found_parts_.begin(), found_parts_.end(), is_named);
  if (!names_data && !names_parts && part->size() < 2) return false;
  if (names_parts || index_.has_value()) return true;
  found_parts_.push_back(handle);
  found_index_.push_back(std::move(block));
  for (const std::uint64_t end : ends_) {
    absl::StatusOr<TableIndex> index = TableIndex::Open(found_index_, 0, end);
    if (index.ok()) {
      UseIndex(*std::move(index));
      break;
    }
  }
  return true;
}

Task<bool> TableSurvey::Next() {
  if (next_ == pieces_.size()) {
    LoseUnknownEnd();
    CloseLost(properties_.has_value() ? std::optional(properties_->largest_key) : std::nullopt);
    piece_ = Piece();
    co_return false;
  }
  const Place place = pieces_[next_++];
  piece_.handle = place.handle;
  piece_.block = nullptr;
  if (place.searched_in_vain) {
    TakeDamaged("data: nothing that can be read, and no index to tell what was there");
    co_return true;
  }
  const std::string_view stored = co_await file_->Read(place.handle.offset, place.handle.end());
  absl::StatusOr<std::unique_ptr<char[]>> raw =
      stored.size() == place.handle.end() - place.handle.offset
          ? DecodeStoredBlock(identity_, place.handle, stored)
          : DataLossError("the file ends before it does");
  if (!raw.ok()) {
    TakeDamaged(StrCat("data block: ", ToStd(raw.status().message())));
    co_return true;
  }
  absl::StatusOr<std::shared_ptr<const Block>> block =
      Block::Open(*std::move(raw), place.handle.raw_bytes, {}, identity_.ingested_at);
  if (block.ok()) {
    TakeReadable(*std::move(block));
  } else {
    TakeDamaged(StrCat("data block: ", ToStd(block.status().message())));
  }
  co_return true;
}

void TableSurvey::TakeDamaged(std::string what) {
  const std::uint64_t bytes = piece_.handle.raw_bytes == 0
                                  ? piece_.handle.stored_bytes
                                  : piece_.handle.end() - piece_.handle.offset;
  Damage(piece_.handle.offset, bytes, std::move(what));
  const std::size_t number = next_ - 1;
  if (!losing_.has_value()) {
    losing_.emplace();
    // Several versions of one key may lie on both sides of the boundary.
    if (number > 0) losing_->first = last_key_;
    if (number == 0 && properties_.has_value()) losing_->first = properties_->smallest_key;
  }
  if (index_.has_value()) losing_->last = std::string(index_->separator(number).key);
}

// Without index and footer nothing but what follows the data proves that this is all of it.
void TableSurvey::LoseUnknownEnd() {
  if (index_.has_value() || footer_.has_value() || !ends_.empty()) return;
  if (!losing_.has_value()) losing_.emplace().first = last_key_;
}

void TableSurvey::TakeReadable(std::shared_ptr<const Block> block) {
  Block::Cursor cursor;
  cursor.Reset(block.get());
  cursor.SeekToFirst();
  if (losing_.has_value()) CloseLost(std::string(cursor.key().key));
  cursor.SeekToLast();
  last_key_ = cursor.key().key;
  entry_count_ += block->entry_count();
  piece_.block = std::move(block);
}

void TableSurvey::CloseLost(std::optional<std::string> last) {
  if (!losing_.has_value()) return;
  if (!losing_->last.has_value()) losing_->last = std::move(last);
  lost_keys_.push_back(*std::move(losing_));
  losing_.reset();
}

}  // namespace aurora::lsm
