#include "aurora/lsm/block.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "aurora/runtime/compiler.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

namespace {

// Bytes that a suffix may be copied beyond its end, in source and target: what follows the keys in
// a block is longer.
constexpr std::size_t kCopySlack = 16;
static_assert(kCopySlack <= kBlockTrailerBytes);

// How many bytes a and b have in common at their start, up to `limit`.
std::size_t CommonPrefix(const char* a, const char* b, std::size_t limit) {
  std::size_t i = 0;
  for (; i + 8 <= limit; i += 8) {
    const std::uint64_t difference =
        LoadFixed<std::uint64_t>(a + i) ^ LoadFixed<std::uint64_t>(b + i);
    if (difference != 0) return i + static_cast<std::size_t>(std::countr_zero(difference)) / 8;
  }
  while (i < limit && a[i] == b[i]) ++i;
  return i;
}

// Of a varint32 that was validated.
inline const char* LoadTrustedVarint(const char* bytes, std::uint32_t* value) {
  std::uint32_t result = static_cast<unsigned char>(*bytes++);
  if (AURORA_UNLIKELY(result >= 0x80)) {
    result &= 0x7F;
    for (int shift = 7;; shift += 7) {
      const auto byte = static_cast<unsigned char>(*bytes++);
      result |= static_cast<std::uint32_t>(byte & 0x7F) << shift;
      if (byte < 0x80) break;
    }
  }
  *value = result;
  return bytes;
}

}  // namespace

std::size_t Block::ChargeFor(std::size_t size) {
  constexpr std::size_t kAllocationOverhead = 16;  // of the heap, for each of two allocations
  return size + sizeof(Block) + 2 * kAllocationOverhead;
}

absl::StatusOr<std::shared_ptr<const Block>> Block::Open(std::unique_ptr<char[]> bytes,
                                                         std::size_t size,
                                                         MemoryBudget::Charge charge,
                                                         Sequence later) {
  AURORA_CHECK(reinterpret_cast<std::uintptr_t>(bytes.get()) % 8 == 0);
  auto block = std::make_shared<Block>(Key(), std::move(bytes), size, std::move(charge));
  if (const char* const reason = block->Parse(later); reason != nullptr) {
    return DataLossError("malformed block: ", reason);
  }
  return block;
}

const char* Block::Parse(Sequence later) {
  if (size_ < kBlockTrailerBytes || size_ > UINT32_MAX) return "impossible size";
  const char* const trailer = bytes_.get() + size_ - kBlockTrailerBytes;
  base_sequence_ = LoadFixed<std::uint64_t>(trailer);
  if (base_sequence_ > kMaxSequence - later) return "impossible sequence";
  base_sequence_ += later;
  value_area_bytes_ = LoadFixed<std::uint32_t>(trailer + 8);
  const std::uint64_t key_bytes = LoadFixed<std::uint32_t>(trailer + 12);
  entry_count_ = LoadFixed<std::uint32_t>(trailer + 16);
  version_bytes_ = static_cast<std::uint8_t>(trailer[20]);
  value_end_bytes_ = static_cast<std::uint8_t>(trailer[21]);
  restart_interval_ = static_cast<std::uint8_t>(trailer[22]);
  if (trailer[23] != 0) return "reserved byte is not zero";
  if (entry_count_ == 0) return "no entries";
  if (version_bytes_ > 8) return "impossible width of versions";
  if (value_end_bytes_ != 2 && value_end_bytes_ != 4) return "impossible width of value ends";
  if (restart_interval_ == 0 || restart_interval_ > kMaxRestartInterval) {
    return "impossible restart interval";
  }
  restart_count_ = (entry_count_ - 1) / restart_interval_ + 1;
  // None of these products or sums overflows 64 bits.
  const std::uint64_t restart_bytes = std::uint64_t{4} * restart_count_;
  const std::uint64_t version_area = std::uint64_t{version_bytes_} * entry_count_;
  const std::uint64_t value_end_area = std::uint64_t{value_end_bytes_} * entry_count_;
  if (value_area_bytes_ + key_bytes + restart_bytes + version_area + value_end_area +
          kBlockTrailerBytes !=
      size_) {
    return "parts do not add up to its size";
  }
  version_mask_ =
      version_bytes_ == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * version_bytes_)) - 1;
  value_end_mask_ = value_end_bytes_ == 4 ? UINT32_MAX : 0xFFFF;
  keys_ = bytes_.get() + value_area_bytes_;
  keys_end_ = keys_ + key_bytes;
  restarts_ = keys_end_;
  versions_ = restarts_ + restart_bytes;
  value_ends_ = versions_ + version_area;
  if (const char* const reason = ParseKeys(); reason != nullptr) return reason;
  return ParseColumns();
}

const char* Block::ParseKeys() {
  const char* next = keys_;
  std::uint32_t previous_size = 0;
  std::uint32_t until_restart = 0;
  std::uint32_t restart = 0;
  for (std::uint32_t i = 0; i < entry_count_; ++i) {
    std::uint32_t shared = 0;
    std::uint32_t unshared = 0;
    const auto offset = static_cast<std::size_t>(next - keys_);
    next = LoadVarint32(next, keys_end_, &shared);
    if (next == nullptr) return "a key is cut short";
    next = LoadVarint32(next, keys_end_, &unshared);
    if (next == nullptr || unshared > static_cast<std::size_t>(keys_end_ - next)) {
      return "a key is cut short";
    }
    if (until_restart == 0) {
      if (shared != 0) return "a restart shares bytes";
      if (LoadFixed<std::uint32_t>(restarts_ + 4 * std::size_t{restart}) != offset) {
        return "a restart is not where its entry is";
      }
      ++restart;
      until_restart = restart_interval_;
    }
    --until_restart;
    if (shared > previous_size) return "a key shares more than there is";
    next += unshared;
    previous_size = shared + unshared;  // at most the bytes of all keys
    max_key_size_ = std::max(max_key_size_, previous_size);
  }
  return next == keys_end_ ? nullptr : "bytes behind the last key";
}

const char* Block::ParseColumns() {
  std::uint32_t previous_end = 0;
  for (std::uint32_t i = 0; i < entry_count_; ++i) {
    const std::uint64_t packed =
        LoadFixed<std::uint64_t>(versions_ + std::size_t{version_bytes_} * i) & version_mask_;
    if ((packed >> 2) > kMaxSequence - base_sequence_) return "impossible sequence";
    const std::uint32_t end = ValueEnd(i);
    if (end < previous_end || end > value_area_bytes_) return "a value lies outside";
    previous_end = end;
  }
  return previous_end == value_area_bytes_ ? nullptr : "bytes behind the last value";
}

inline Block::Entry Block::DecodeEntry(const char* entry) {
  Entry decoded;
  entry = LoadTrustedVarint(entry, &decoded.shared);
  decoded.suffix = LoadTrustedVarint(entry, &decoded.unshared);
  return decoded;
}

// The last restart that is before the target, or 0.
std::uint32_t Block::FindRestart(std::string_view key, std::uint64_t version_word) const {
  std::uint32_t low = 0;  // before the target, or the first
  std::uint32_t high = restart_count_;
  while (high - low > 1) {
    const std::uint32_t middle = low + (high - low) / 2;
    const Entry entry = DecodeEntry(RestartEntry(middle));
    const int order = std::string_view(entry.suffix, entry.unshared).compare(key);
    const bool before =
        order < 0 || (order == 0 && VersionOf(middle * restart_interval_).word() > version_word);
    (before ? low : high) = middle;
  }
  return low;
}

// `matched` is what the key before has in common with the target, which is greater. So, of an entry
// that shares s bytes with the key before:
//   s > matched   it has the byte in which the key before is less: it is less too
//   s < matched   it is greater than the key before in byte s, which the target shares: greater
//   s = matched   its suffix decides
Block::Place Block::Find(std::string_view key, std::uint64_t version_word) const {
  const std::uint32_t restart = FindRestart(key, version_word);
  const char* next = RestartEntry(restart);
  std::size_t matched = 0;
  std::uint32_t index = restart * restart_interval_;
  for (; index < entry_count_; ++index) {
    const Entry entry = DecodeEntry(next);
    next = entry.end();
    if (entry.shared > matched) continue;
    if (entry.shared < matched) {
      // It may be a restart, which FindRestart knows to be at or after the target and which spells
      // its whole key out.
      return {index, entry,
              entry.shared == 0 && std::string_view(entry.suffix, entry.unshared) == key};
    }
    const char* const rest = key.data() + matched;
    const std::size_t rest_size = key.size() - matched;
    const std::size_t limit = std::min<std::size_t>(entry.unshared, rest_size);
    const std::size_t common = CommonPrefix(entry.suffix, rest, limit);
    matched += common;
    if (common < limit) {
      if (static_cast<unsigned char>(entry.suffix[common]) >
          static_cast<unsigned char>(rest[common])) {
        return {index, entry, false};
      }
      continue;
    }
    if (entry.unshared != rest_size) {
      if (entry.unshared > rest_size) return {index, entry, false};
      continue;
    }
    if (VersionOf(index).word() <= version_word) return {index, entry, true};
  }
  return {index, Entry{}, false};
}

Block::Found Block::Get(std::string_view stored_key, Sequence at,
                        const std::shared_ptr<const void>& owner, KeyHistory* history) const {
  AURORA_DCHECK(!history->done());
  const Place place = Find(stored_key, at << 8 | 0xFF);
  if (place.index == entry_count_) return Found::kEnd;
  if (!place.same_key) return Found::kPast;
  if (history->Add(VersionOf(place.index), ValueOf(place.index), owner)) return Found::kDone;
  const char* next = place.entry.end();
  for (std::uint32_t i = place.index + 1; i < entry_count_; ++i) {
    const Entry entry = DecodeEntry(next);
    next = entry.end();
    // Another version of the key adds nothing to it; a restart spells it out again.
    const bool same = i % restart_interval_ == 0
                          ? std::string_view(entry.suffix, entry.unshared) == stored_key
                          : entry.unshared == 0 && entry.shared == stored_key.size();
    if (!same) return Found::kPast;
    if (history->Add(VersionOf(i), ValueOf(i), owner)) return Found::kDone;
  }
  return Found::kEnd;
}

void Block::Cursor::Reset(const Block* block) {
  block_ = block;
  end_ = block == nullptr ? 0 : block->entry_count_;
  Invalidate();
  interval_ = kNoInterval;
  const std::size_t room = (block == nullptr ? 0 : block->max_key_size_) + kCopySlack;
  if (key_.size() < room) key_.resize(room);
}

// Makes the key of `entry`, whose shared bytes are in key_ already.
inline void Block::Cursor::TakeEntry(const Entry& entry) {
  AURORA_DCHECK(entry.shared + entry.unshared + kCopySlack <= key_.size());
  if (AURORA_LIKELY(entry.unshared <= kCopySlack)) {
    std::memcpy(key_.data() + entry.shared, entry.suffix, kCopySlack);
  } else {
    std::memcpy(key_.data() + entry.shared, entry.suffix, entry.unshared);
  }
  key_size_ = entry.shared + entry.unshared;
  entry_ = entry;
}

void Block::Cursor::Seek(EntryKey target) {
  const Place place = block_->Find(target.key, target.version.word());
  index_ = place.index;
  if (index_ == end_) return;
  // What the entry shares with the key before, it shares with the target as well.
  AURORA_DCHECK(place.entry.shared <= target.key.size());
  // The target may be this cursor's own key.
  if (place.entry.shared > 0) {
    std::memmove(key_.data(), target.key.data(), place.entry.shared);
  }
  TakeEntry(place.entry);
}

void Block::Cursor::SeekBackward(EntryKey target) {
  Seek(target);
  if (!Valid()) {
    SeekToLast();
  } else if (key() != target) {
    Prev();
  }
}

void Block::Cursor::SeekToFirst() {
  index_ = 0;
  TakeEntry(DecodeEntry(block_->keys_));
}

void Block::Cursor::SeekToLast() {
  index_ = end_ - 1;
  const std::uint32_t restart = index_ / block_->restart_interval_;
  ScanInterval(restart);
  key_size_ = 0;
  for (const Entry& entry : interval_entries_) TakeEntry(entry);
}

void Block::Cursor::Next() {
  AURORA_DCHECK(Valid());
  if (++index_ == end_) return;
  TakeEntry(DecodeEntry(entry_.end()));
}

bool Block::Cursor::NextAtHand(EntryRef* entry) {
  AURORA_DCHECK(Valid());
  if (AURORA_UNLIKELY(index_ + 1 == end_)) return false;
  ++index_;
  TakeEntry(DecodeEntry(entry_.end()));
  entry->key = {{key_.data(), key_size_}, block_->VersionOf(index_)};
  entry->value = block_->ValueOf(index_);
  return true;
}

void Block::Cursor::ScanInterval(std::uint32_t restart) {
  if (interval_ == restart) return;
  interval_ = restart;
  interval_entries_.clear();
  const std::uint32_t first = restart * block_->restart_interval_;
  const std::uint32_t count = std::min(block_->restart_interval_, end_ - first);
  const char* next = block_->RestartEntry(restart);
  for (std::uint32_t i = 0; i < count; ++i) {
    interval_entries_.push_back(DecodeEntry(next));
    next = interval_entries_.back().end();
  }
}

void Block::Cursor::Prev() {
  AURORA_DCHECK(Valid());
  if (index_ == 0) {
    Invalidate();
    return;
  }
  const std::uint32_t interval = block_->restart_interval_;
  // The key before begins with what the present one shares with it, and that is in key_.
  std::uint32_t have = entry_.shared;
  --index_;
  ScanInterval(index_ / interval);
  std::uint32_t i = index_ % interval;
  const Entry wanted = interval_entries_[i];
  // The bytes between come from the entries that first had them.
  for (std::uint32_t need = wanted.shared; need > have;) {
    AURORA_DCHECK(i > 0);
    const Entry& earlier = interval_entries_[--i];
    if (earlier.shared >= need) continue;
    std::memcpy(key_.data() + earlier.shared, earlier.suffix, need - earlier.shared);
    need = earlier.shared;
  }
  TakeEntry(wanted);
}

}  // namespace aurora::lsm
