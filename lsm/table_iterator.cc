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
  return Enter({table_->FindPart(target), kOfTarget}, Entry::kSeek, target);
}

// The block that may hold the target holds the answer, or the last entry of the one before is it.
Task<absl::Status> Table::Iterator::SeekBackward(EntryKey target) {
  const std::size_t part = table_->FindPart(target);
  if (part == table_->part_count()) return SeekToLast();
  return Enter({part, kOfTarget}, Entry::kSeekBackward, target);
}

Task<absl::Status> Table::Iterator::SeekToFirst() { return Enter({0, 0}, Entry::kFirst, {}); }

Task<absl::Status> Table::Iterator::SeekToLast() {
  return Enter({table_->part_count() - 1, kLastOfPart}, Entry::kLast, {});
}

Task<absl::Status> Table::Iterator::Next() {
  if (AURORA_UNLIKELY(!status_.ok())) return status_;
  AURORA_DCHECK(Valid());
  cursor_.Next();
  if (AURORA_LIKELY(cursor_.Valid())) return absl::OkStatus();
  return Enter({part_number_, index_ + 1}, Entry::kFirst, {});
}

Task<absl::Status> Table::Iterator::Prev() {
  if (AURORA_UNLIKELY(!status_.ok())) return status_;
  AURORA_DCHECK(Valid());
  cursor_.Prev();
  if (AURORA_LIKELY(cursor_.Valid())) return absl::OkStatus();
  const Place before =
      index_ > 0 ? Place{part_number_, index_ - 1} : Place{part_number_ - 1, kLastOfPart};
  return Enter(before, Entry::kLast, {});
}

bool Table::Iterator::Land(Place* place, Entry* entry, EntryKey target) {
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
  if (*entry != Entry::kSeekBackward) {
    *entry = Entry::kFirst;
    ++place->index;
  } else {
    *entry = Entry::kLast;
    // A part below the first wraps round to one that is none either.
    *place = place->index > 0 ? Place{place->part, place->index - 1}
                              : Place{place->part - 1, kLastOfPart};
  }
  return true;
}

bool Table::Iterator::Resolve(Place* place, Entry* entry, EntryKey target) const {
  if (place->index == kLastOfPart) place->index = part_->size() - 1;
  if (place->index == kOfTarget) {
    place->index = part_->Find(target);
    if (place->index == part_->size() && *entry == Entry::kSeekBackward) {
      *entry = Entry::kLast;
      --place->index;
    }
  }
  if (AURORA_LIKELY(place->index < part_->size())) return true;
  *place = {place->part + 1, 0};
  *entry = Entry::kFirst;
  return false;
}

void Table::Iterator::SetPart(std::size_t part, IndexPointer index) {
  part_number_ = part;
  part_ = std::move(index);
  index_ = kNone;
}

bool Table::Iterator::TakePart(std::size_t part) {
  if (AURORA_LIKELY(part == part_number_)) return true;
  IndexPointer index = table_->PartAtHand(part, sources());
  if (index == nullptr) return false;
  SetPart(part, std::move(index));
  return true;
}

Task<absl::Status> Table::Iterator::Enter(Place place, Entry entry, EntryKey target) {
  if (AURORA_UNLIKELY(!status_.ok())) return status_;
  while (place.part < table_->part_count()) {
    if (!TakePart(place.part)) {
      return EnterFromDevice(place, entry, std::string(target.key), target.version);
    }
    if (!Resolve(&place, &entry, target)) continue;
    const absl::StatusOr<bool> taken = TakeFromMemory(place.index);
    if (!taken.ok()) return Fail(taken.status());
    if (!*taken) return EnterFromDevice(place, entry, std::string(target.key), target.version);
    if (!Land(&place, &entry, target)) return absl::OkStatus();
  }
  Leave();
  return absl::OkStatus();
}

Task<absl::Status> Table::Iterator::EnterFromDevice(Place place, Entry entry, std::string key,
                                                    Version version) {
  const EntryKey target{key, version};
  while (place.part < table_->part_count()) {
    if (!TakePart(place.part)) {
      absl::StatusOr<IndexPointer> part = co_await table_->LoadPart(place.part, sources());
      if (!part.ok()) co_return Fail(part.status());
      SetPart(place.part, *std::move(part));
    }
    if (!Resolve(&place, &entry, target)) continue;
    absl::StatusOr<bool> taken = TakeFromMemory(place.index);
    if (!taken.ok()) co_return Fail(taken.status());
    if (!*taken) {
      absl::Status read = co_await TakeFromDevice(place.index);
      if (!read.ok()) co_return Fail(read);
    }
    if (!Land(&place, &entry, target)) co_return absl::OkStatus();
  }
  Leave();
  co_return absl::OkStatus();
}

absl::StatusOr<bool> Table::Iterator::TakeFromMemory(std::size_t index) {
  if (index == index_) return true;
  const BlockHandle& handle = part_->handle(index);
  if (BlockPointer cached =
          table_->options_.cache->Find(table_->IdOfBlock(handle), options_.fill_cache);
      cached != nullptr) {
    ++sources()->cache;
    Take(index, std::move(cached));
    return true;
  }
  if (!ahead_.Covers(handle.offset, handle.end())) return false;
  AURORA_ASSIGN_OR_RETURN(BlockPointer block,
                          table_->DecodeBlock(handle, ahead_.View(handle), options_.fill_cache));
  last_read_ = handle;
  ++sources()->device;
  Take(index, std::move(block));
  return true;
}

// A walk that goes from block to block reads ever longer stretches, in its direction; a lone seek
// reads the one block that it needs, together with whoever else needs it.
Task<absl::Status> Table::Iterator::TakeFromDevice(std::size_t index) {
  const BlockHandle handle = part_->handle(index);
  const bool has_read = last_read_.stored_bytes != 0;
  const bool forward = has_read && handle.offset == last_read_.end();
  const bool backward = has_read && handle.end() == last_read_.offset;
  last_read_ = handle;
  if (forward || backward) {
    readahead_bytes_ = std::clamp(readahead_bytes_ * 2, kFirstReadaheadBytes,
                                  std::max(kFirstReadaheadBytes, options_.readahead_bytes_max));
  } else {
    readahead_bytes_ = 0;
  }
  if (readahead_bytes_ <= handle.end() - handle.offset && options_.fill_cache) {
    AURORA_CO_ASSIGN(BlockPointer block,
                     co_await table_->Load(table_->DataBlock(handle), sources()));
    Take(index, std::move(block));
    co_return absl::OkStatus();
  }
  AURORA_CO_RETURN_IF_ERROR(co_await ReadAhead(index, !backward));
  AURORA_CO_ASSIGN(BlockPointer block,
                   table_->DecodeBlock(handle, ahead_.View(handle), options_.fill_cache));
  Take(index, std::move(block));
  co_return absl::OkStatus();
}

// As many of the blocks that one part of the index names as fit: the next read is for the next.
Task<absl::Status> Table::Iterator::ReadAhead(std::size_t index, bool forward) {
  const BlockHandle handle = part_->handle(index);
  std::size_t first = index;
  std::size_t last = index;
  while (forward && last + 1 < part_->size() &&
         part_->handle(last + 1).end() - handle.offset <= readahead_bytes_) {
    ++last;
  }
  while (!forward && first > 0 &&
         handle.end() - part_->handle(first - 1).offset <= readahead_bytes_) {
    --first;
  }
  AURORA_CO_ASSIGN(ahead_,
                   co_await table_->Read(part_->handle(first).offset, part_->handle(last).end()));
  ++sources()->device;
  sources()->device_bytes += ahead_.bytes.size();
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
  index_ = kNone;
  cursor_.Reset(nullptr);
  block_.reset();
}

}  // namespace aurora::lsm
