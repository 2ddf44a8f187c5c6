#include "aurora/lsm/table_index.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

namespace {

std::size_t CommonSize(std::string_view a, std::string_view b) {
  const std::size_t limit = std::min(a.size(), b.size());
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.begin() + limit, b.begin()).first -
                                  a.begin());
}

// The first 8 bytes as a number that compares as they do, short ones padded with zeros.
std::uint64_t Head(std::string_view bytes) {
  if (bytes.size() >= 8) {
    const auto value = LoadFixed<std::uint64_t>(bytes.data());
    return __builtin_bswap64(value);
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    value = value << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0);
  }
  return value;
}

}  // namespace

std::string ShortestSeparator(std::string_view smaller, std::string_view larger) {
  AURORA_DCHECK(smaller < larger);
  const std::size_t common = CommonSize(smaller, larger);
  // A beginning of `larger` that is longer than what both share is above `smaller`; it is below
  // `larger` unless it is all of it.
  if (common + 1 < larger.size() && common < smaller.size()) {
    return std::string(larger.substr(0, common + 1));
  }
  return std::string(smaller);
}

void TableIndexBuilder::Add(EntryKey last, const EntryKey* next, const BlockHandle& handle) {
  handle_.clear();
  AppendHandle(handle, &handle_);
  if (next != nullptr && next->key == last.key) {
    AURORA_DCHECK(last < *next);
    block_.Add(last, handle_);
    return;
  }
  const std::string separator =
      next == nullptr ? std::string(last.key) : ShortestSeparator(last.key, next->key);
  block_.Add({separator, Version()}, handle_);
}

void TableIndexBuilder::AddPart(EntryKey last_separator, const BlockHandle& handle) {
  handle_.clear();
  AppendHandle(handle, &handle_);
  block_.Add(last_separator, handle_);
}

absl::Status TableIndex::Append(const Block& part, std::uint64_t limit) {
  Block::Cursor cursor;
  cursor.Reset(&part);
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    const EntryKey key = cursor.key();
    if (cursor.value().size() != kHandleBytes) return DataLossError("not a handle in the index");
    const BlockHandle handle = LoadHandle(cursor.value().data());
    const bool follows = handles_.empty() || handle.offset == handles_.back().end();
    if (!follows || !IsPlausible(handle, limit)) {
      return DataLossError("the index names an impossible block at offset ", handle.offset);
    }
    if (handles_.empty()) {
      key_offsets_.push_back(0);
      common_ = key.key;
    } else if (separator(size() - 1) < key) {
      common_.resize(CommonSize(common_, key.key));
    } else {
      return DataLossError("the index is out of order");
    }
    keys_.append(key.key);
    if (keys_.size() > UINT32_MAX) return DataLossError("the index is too large");
    key_offsets_.push_back(static_cast<std::uint32_t>(keys_.size()));
    versions_.push_back(key.version.word());
    handles_.push_back(handle);
  }
  return absl::OkStatus();
}

void TableIndex::Complete() {
  heads_.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    heads_.push_back(Head(separator(i).key.substr(common_.size())));
  }
}

absl::StatusOr<TableIndex> TableIndex::Open(Parts parts, std::uint64_t begin, std::uint64_t end) {
  TableIndex index;
  for (const std::shared_ptr<const Block>& part : parts) {
    AURORA_RETURN_IF_ERROR(index.Append(*part, end));
  }
  if (index.size() == 0 || index.begin() != begin || index.end() != end) {
    return DataLossError("the index does not name all blocks");
  }
  index.Complete();
  return index;
}

absl::StatusOr<TableIndex> TableIndex::OpenPart(const Block& part, std::uint64_t limit) {
  TableIndex index;
  AURORA_RETURN_IF_ERROR(index.Append(part, limit));
  AURORA_DCHECK(index.size() > 0);  // no block is empty
  index.Complete();
  return index;
}

std::size_t TableIndex::Find(EntryKey target) const {
  const std::string_view begin = target.key.substr(0, common_.size());
  if (const int c = begin.compare(common_); c != 0) return c < 0 ? 0 : size();
  const std::uint64_t head = Head(target.key.substr(common_.size()));
  // The first separator whose head is not below; without a branch that could be mispredicted.
  const std::uint64_t* base = heads_.data();
  std::size_t length = heads_.size();
  while (length > 1) {
    const std::size_t half = length / 2;
    base += base[half - 1] < head ? half : 0;
    length -= half;
  }
  std::size_t found = static_cast<std::size_t>(base - heads_.data());
  if (found < size() && *base < head) ++found;
  if (found == size() || heads_[found] != head) return found;
  // Those with the same head are compared as a whole.
  std::size_t end = static_cast<std::size_t>(
      std::upper_bound(heads_.begin() + static_cast<std::ptrdiff_t>(found), heads_.end(), head) -
      heads_.begin());
  while (found < end) {
    const std::size_t middle = found + (end - found) / 2;
    if (separator(middle) < target) {
      found = middle + 1;
    } else {
      end = middle;
    }
  }
  return found;
}

std::size_t TableIndex::size_bytes() const {
  return sizeof(TableIndex) + common_.capacity() + keys_.capacity() +
         heads_.capacity() * sizeof(heads_[0]) + key_offsets_.capacity() * sizeof(key_offsets_[0]) +
         versions_.capacity() * sizeof(versions_[0]) + handles_.capacity() * sizeof(handles_[0]);
}

}  // namespace aurora::lsm
