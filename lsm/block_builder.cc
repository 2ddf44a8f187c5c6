#include "aurora/lsm/block_builder.h"

#include <algorithm>
#include <bit>

#include "aurora/lsm/block.h"
#include "aurora/lsm/coding.h"
#include "aurora/runtime/check.h"

namespace aurora::lsm {

BlockBuilder::BlockBuilder(int restart_interval) : restart_interval_(restart_interval) {
  AURORA_CHECK(restart_interval >= 1 && restart_interval <= kMaxRestartInterval);
}

std::size_t BlockBuilder::SizeWith(std::size_t key_size, std::size_t value_size) const {
  constexpr std::size_t kEntryBytes = 2 * kMaxVarint32Bytes + 4 + 8 + 4 + 7;
  return values_.size() + keys_.size() + 4 * restarts_.size() + 12 * versions_.size() +
         kBlockTrailerBytes + kEntryBytes + key_size + value_size;
}

void BlockBuilder::Add(EntryKey key, std::string_view value) {
  AURORA_DCHECK(empty() || last_key() < key);
  AURORA_CHECK(SizeWith(key.key.size(), value.size()) <= UINT32_MAX);
  AURORA_DCHECK(key.version.kind() <= EntryKind::kSeparatedPut);
  std::size_t shared = 0;
  if (entry_count() % static_cast<std::uint32_t>(restart_interval_) == 0) {
    restarts_.push_back(static_cast<std::uint32_t>(keys_.size()));
  } else {
    const std::size_t limit = std::min(last_key_.size(), key.key.size());
    while (shared < limit && last_key_[shared] == key.key[shared]) ++shared;
  }
  AppendVarint(&keys_, shared);
  AppendVarint(&keys_, key.key.size() - shared);
  keys_.append(key.key.substr(shared));
  last_key_.resize(shared);
  last_key_.append(key.key.substr(shared));

  if (value.size() >= 8) values_.resize((values_.size() + 7) & ~std::size_t{7});
  values_.append(value);
  value_ends_.push_back(static_cast<std::uint32_t>(values_.size()));
  versions_.push_back(key.version.word());
}

void BlockBuilder::AppendColumns(std::uint64_t base_sequence) {
  const auto append_column = [this](std::uint64_t value, std::size_t width) {
    char bytes[8];
    StoreFixed(bytes, value);
    block_.append(bytes, width);
  };
  const auto pack = [base_sequence](std::uint64_t word) {
    return ((word >> 8) - base_sequence) << 2 | (word & 3);
  };
  std::uint64_t largest = 0;
  for (const std::uint64_t word : versions_) largest = std::max(largest, pack(word));
  const std::size_t version_bytes = (static_cast<std::size_t>(std::bit_width(largest)) + 7) / 8;
  const std::size_t value_end_bytes = values_.size() <= 0xFFFF ? 2 : 4;

  for (const std::uint64_t word : versions_) append_column(pack(word), version_bytes);
  for (const std::uint32_t end : value_ends_) append_column(end, value_end_bytes);
  AppendFixed64(&block_, base_sequence);
  AppendFixed32(&block_, static_cast<std::uint32_t>(values_.size()));
  AppendFixed32(&block_, static_cast<std::uint32_t>(keys_.size()));
  AppendFixed32(&block_, entry_count());
  block_.push_back(static_cast<char>(version_bytes));
  block_.push_back(static_cast<char>(value_end_bytes));
  block_.push_back(static_cast<char>(restart_interval_));
  block_.push_back('\0');
}

std::string_view BlockBuilder::Finish() {
  AURORA_CHECK(!empty());
  const std::uint64_t base_sequence = *std::min_element(versions_.begin(), versions_.end()) >> 8;
  block_.clear();
  block_.reserve(SizeEstimate());
  block_.append(values_);
  block_.append(keys_);
  for (const std::uint32_t offset : restarts_) AppendFixed32(&block_, offset);
  AppendColumns(base_sequence);
  AURORA_CHECK(block_.size() <= SizeEstimate());
  return block_;
}

void BlockBuilder::Reset() {
  values_.clear();
  keys_.clear();
  last_key_.clear();
  restarts_.clear();
  versions_.clear();
  value_ends_.clear();
}

}  // namespace aurora::lsm
