#include "aurora/lsm/memtable.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "aurora/lsm/filter.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/table_format.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

std::size_t Memtable::EntryBytes(const Mutation& mutation) {
  if (AURORA_UNLIKELY(mutation.kind == EntryKind::kDeleteRange)) {
    constexpr std::size_t kCopies = 16;  // of a range delete, in a memtable that is full of them
    return kCopies * (64 + mutation.key.size() + mutation.value.size());
  }
  const std::size_t key_size = KeyspacePrefixSize(mutation.keyspace) + mutation.key.size();
  return EntryTree::Entry::Bytes(key_size, mutation.value.size()) + EntryTree::kNodeBytesPerEntry;
}

void Memtable::Add(const Mutation& mutation, Sequence sequence) {
  AURORA_DCHECK(sequence > 0);
  if (AURORA_UNLIKELY(mutation.kind == EntryKind::kDeleteRange)) {
    AddRangeDelete(mutation, sequence);
    return;
  }
  AddEntry(mutation, sequence);
}

void Memtable::AddAhead(const Mutation& mutation) {
  AURORA_CHECK(mutation.kind != EntryKind::kDeleteRange && place_ == 0);
  AddEntry(mutation, kAhead);
}

void Memtable::AddEntry(const Mutation& mutation, Sequence sequence) {
  const std::size_t key_size = KeyspacePrefixSize(mutation.keyspace) + mutation.key.size();
  char* const memory = entries_.Allocate(EntryTree::Entry::Bytes(key_size, mutation.value.size()));
  const bool expires = mutation.kind == EntryKind::kExpiringPut;
  const EntryKind kind = AURORA_UNLIKELY(expires) ? EntryKind::kSeparatedPut : mutation.kind;
  EntryTree::Entry* const entry =
      EntryTree::Entry::New(memory, key_size, Version(sequence, kind), mutation.value);
  char* const rest = StoreKeyspacePrefix(mutation.keyspace, entry->key_data());
  if (!mutation.key.empty()) std::memcpy(rest, mutation.key.data(), mutation.key.size());
  const std::uint64_t key_hash = HashKey(entry->key());
  filter_.PrefetchToAdd(key_hash);
  tree_.Insert(entry);
  filter_.Add(key_hash);
  entry_count_.fetch_add(1, std::memory_order_relaxed);
}

absl::Status Memtable::CheckRangeDeletes(std::span<const Mutation> mutations) {
  constexpr std::size_t kBoundBytesMax = kMaxTableKeyBytes - kMaxKeyspacePrefixBytes;
  for (const Mutation& mutation : mutations) {
    if (mutation.kind != EntryKind::kDeleteRange) continue;
    if (!mutation.value.empty() && mutation.key >= mutation.value) {
      return InvalidArgumentError("the range to delete, from ", Quoted(mutation.key), " to ",
                                  Quoted(mutation.value), ", is empty");
    }
    if (std::max(mutation.key.size(), mutation.value.size()) > kBoundBytesMax) {
      return InvalidArgumentError("a range to delete has bounds of ", mutation.key.size(), " and ",
                                  mutation.value.size(), " bytes; at most ", kBoundBytesMax,
                                  " are allowed");
    }
  }
  return absl::OkStatus();
}

void Memtable::AddRangeDelete(const Mutation& mutation, Sequence sequence) {
  const std::string begin = MakeStoredKey(mutation.keyspace, mutation.key);
  const std::string end = RangeEnd(mutation.keyspace, mutation.value);
  range_deletes_.Add({begin, end, sequence});
}

bool Memtable::Get(std::string_view stored_key, std::uint64_t key_hash, Sequence at,
                   const std::shared_ptr<const void>& owner, KeyHistory* history) const {
  AURORA_DCHECK(!history->done());
  AURORA_DCHECK(key_hash == HashKey(stored_key));
  if (const auto* const groups = range_deletes(); AURORA_UNLIKELY(groups != nullptr)) {
    history->HideBelow(CoverOf(*groups, stored_key, at).sequence);
  }
  if (!filter_.MayContain(key_hash)) return history->settled();
  EntryTree::Cursor cursor(&tree_);
  if (AURORA_UNLIKELY(place_ != 0)) {
    if (at < place_) return history->settled();
    at = kAhead;
  }
  // The highest word of `at`: before every entry of that commit.
  for (cursor.Seek({stored_key, Version::FromWord(at << 8 | 0xFF)});
       cursor.Valid() && cursor.entry().key() == stored_key; cursor.Next()) {
    if (history->Add(VersionOf(cursor.entry()), cursor.entry().value(), owner)) return true;
  }
  return history->settled();
}

Task<absl::Status> Memtable::Iterator::Seek(EntryKey target) {
  if (AURORA_LIKELY(memtable_->place_ == 0)) {
    cursor_.Seek(target);
    return absl::OkStatus();
  }
  // The only entry of the key, as it is stored, is behind this.
  cursor_.Seek({target.key, Version::FromWord(UINT64_MAX)});
  if (cursor_.Valid() && key() < target) cursor_.Next();
  return absl::OkStatus();
}

Task<absl::Status> Memtable::Iterator::SeekBackward(EntryKey target) {
  if (AURORA_LIKELY(memtable_->place_ == 0)) {
    cursor_.SeekBackward(target);
    return absl::OkStatus();
  }
  cursor_.SeekBackward({target.key, Version::FromWord(0)});
  if (cursor_.Valid() && target < key()) cursor_.Prev();
  return absl::OkStatus();
}

Task<absl::Status> Memtable::Iterator::SeekToFirst() {
  cursor_.SeekToFirst();
  return absl::OkStatus();
}

Task<absl::Status> Memtable::Iterator::SeekToLast() {
  cursor_.SeekToLast();
  return absl::OkStatus();
}

Task<absl::Status> Memtable::Iterator::Next() {
  cursor_.Next();
  return absl::OkStatus();
}

bool Memtable::Iterator::NextAtHand(EntryRef* entry) {
  if (AURORA_UNLIKELY(!cursor_.StepForward())) return false;
  entry->key = key();
  entry->value = cursor_.entry().value();
  return true;
}

Task<absl::Status> Memtable::Iterator::Prev() {
  cursor_.Prev();
  return absl::OkStatus();
}

}  // namespace aurora::lsm
