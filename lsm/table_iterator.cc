#include "aurora/lsm/table_iterator.h"

#include <algorithm>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

namespace {
constexpr std::size_t kFirstReadaheadBytes = 32u << 10;
}  // namespace

Task<absl::Status> Table::Iterator::Seek(EntryKey target) {
  return Enter(table_->index_->Find(target), Entry::kSeek, target);
}

// The block that may hold the target holds the answer, or the last entry of the one before is it.
Task<absl::Status> Table::Iterator::SeekBackward(EntryKey target) {
  const std::size_t count = table_->index_->size();
  const std::size_t index = table_->index_->Find(target);
  if (index == count) return Enter(count - 1, Entry::kLast, {});
  return Enter(index, Entry::kSeekBackward, target);
}

Task<absl::Status> Table::Iterator::SeekToFirst() { return Enter(0, Entry::kFirst, {}); }

Task<absl::Status> Table::Iterator::SeekToLast() {
  return Enter(table_->index_->size() - 1, Entry::kLast, {});
}

Task<absl::Status> Table::Iterator::Next() {
  if (AURORA_UNLIKELY(!status_.ok())) return status_;
  AURORA_DCHECK(Valid());
  cursor_.Next();
  if (AURORA_LIKELY(cursor_.Valid())) return absl::OkStatus();
  return Enter(index_ + 1, Entry::kFirst, {});
}

Task<absl::Status> Table::Iterator::Prev() {
  if (AURORA_UNLIKELY(!status_.ok())) return status_;
  AURORA_DCHECK(Valid());
  cursor_.Prev();
  if (AURORA_LIKELY(cursor_.Valid())) return absl::OkStatus();
  return Enter(index_ - 1, Entry::kLast, {});
}

bool Table::Iterator::Place(std::size_t* index, Entry* entry, EntryKey target) {
  switch (*entry) {
    case Entry::kSeek:
      cursor_.Seek(target);
      break;
    case Entry::kSeekBackward:
      cursor_.SeekBackward(target);
      break;
    case Entry::kFirst:
      cursor_.SeekToFirst();
      break;
    case Entry::kLast:
      cursor_.SeekToLast();
      break;
  }
  if (cursor_.Valid()) return false;
  // A separator may lie behind the last entry of its block; then the neighbour has the answer.
  const bool backward = *entry == Entry::kSeekBackward;
  *index = backward ? *index - 1 : *index + 1;
  *entry = backward ? Entry::kLast : Entry::kFirst;
  return true;
}

Task<absl::Status> Table::Iterator::Enter(std::size_t index, Entry entry, EntryKey target) {
  if (AURORA_UNLIKELY(!status_.ok())) return status_;
  // An index below the first wraps round to one that is no block either.
  while (index < table_->index_->size()) {
    const absl::StatusOr<bool> taken = TakeFromMemory(index);
    if (!taken.ok()) return Fail(taken.status());
    if (!*taken) return EnterFromDevice(index, entry, std::string(target.key), target.version);
    if (!Place(&index, &entry, target)) return absl::OkStatus();
  }
  Leave();
  return absl::OkStatus();
}

Task<absl::Status> Table::Iterator::EnterFromDevice(std::size_t index, Entry entry, std::string key,
                                                    Version version) {
  const EntryKey target{key, version};
  while (index < table_->index_->size()) {
    absl::StatusOr<bool> taken = TakeFromMemory(index);
    if (!taken.ok()) co_return Fail(taken.status());
    if (!*taken) {
      absl::Status read = co_await TakeFromDevice(index);
      if (!read.ok()) co_return Fail(read);
    }
    if (!Place(&index, &entry, target)) co_return absl::OkStatus();
  }
  Leave();
  co_return absl::OkStatus();
}

absl::StatusOr<bool> Table::Iterator::TakeFromMemory(std::size_t index) {
  if (index == index_) return true;
  if (BlockPointer cached = table_->options_.cache->Find(table_->IdOf(index), options_.fill_cache);
      cached != nullptr) {
    if (options_.sources != nullptr) ++options_.sources->cache;
    Take(index, std::move(cached));
    return true;
  }
  const BlockHandle& handle = table_->index_->handle(index);
  if (!ahead_.Covers(handle.offset, handle.end())) return false;
  AURORA_ASSIGN_OR_RETURN(BlockPointer block,
                          table_->DecodeBlock(index, ahead_, options_.fill_cache));
  last_read_ = index;
  if (options_.sources != nullptr) ++options_.sources->device;
  Take(index, std::move(block));
  return true;
}

// A walk that goes from block to block reads ever longer stretches, in its direction; a lone seek
// reads the one block that it needs, together with whoever else needs it.
Task<absl::Status> Table::Iterator::TakeFromDevice(std::size_t index) {
  const BlockHandle handle = table_->index_->handle(index);
  const bool forward = index == last_read_ + 1;
  const bool backward = index + 1 == last_read_;
  const bool is_walk = last_read_ != kNoBlock && (forward || backward);
  last_read_ = index;
  if (is_walk) {
    readahead_bytes_ = std::clamp(readahead_bytes_ * 2, kFirstReadaheadBytes,
                                  std::max(kFirstReadaheadBytes, options_.readahead_bytes_max));
  } else {
    readahead_bytes_ = 0;
  }
  if (readahead_bytes_ <= handle.end() - handle.offset && options_.fill_cache) {
    BlockSources unasked;
    BlockSources* const sources = options_.sources != nullptr ? options_.sources : &unasked;
    AURORA_CO_ASSIGN(BlockPointer block, co_await table_->LoadBlock(index, sources));
    Take(index, std::move(block));
    co_return absl::OkStatus();
  }
  const TableIndex& table_index = *table_->index_;
  std::size_t first = index;
  std::size_t last = index;
  while (forward && last + 1 < table_index.size() &&
         table_index.handle(last + 1).end() - handle.offset <= readahead_bytes_) {
    ++last;
  }
  while (backward && !forward && first > 0 &&
         handle.end() - table_index.handle(first - 1).offset <= readahead_bytes_) {
    --first;
  }
  AURORA_CO_ASSIGN(ahead_, co_await table_->Read(table_index.handle(first).offset,
                                                 table_index.handle(last).end()));
  if (options_.sources != nullptr) {
    ++options_.sources->device;
    options_.sources->device_bytes += ahead_.bytes.size();
  }
  AURORA_CO_ASSIGN(BlockPointer block, table_->DecodeBlock(index, ahead_, options_.fill_cache));
  Take(index, std::move(block));
  co_return absl::OkStatus();
}

void Table::Iterator::Take(std::size_t index, BlockPointer block) {
  index_ = index;
  block_ = std::move(block);
  cursor_.Reset(&AsBlock(block_));
}

absl::Status Table::Iterator::Fail(const absl::Status& status) {
  status_ = status;
  Leave();
  return status_;
}

void Table::Iterator::Leave() {
  index_ = kNoBlock;
  cursor_.Reset(nullptr);
  block_.reset();
}

}  // namespace aurora::lsm
