#include "aurora/lsm/memtable.h"

#include <cstring>

#include "aurora/lsm/key.h"
#include "aurora/runtime/compiler.h"

namespace aurora::lsm {

std::size_t Memtable::EntryBytes(const Mutation& mutation) {
  const std::size_t key_size = KeyspacePrefixSize(mutation.keyspace) + mutation.key.size();
  return EntryTree::Entry::Bytes(key_size, mutation.value.size()) + EntryTree::kNodeBytesPerEntry;
}

void Memtable::Add(const Mutation& mutation, Sequence sequence) {
  AURORA_DCHECK(sequence > 0);
  const std::size_t key_size = KeyspacePrefixSize(mutation.keyspace) + mutation.key.size();
  char* const memory = entries_.Allocate(EntryTree::Entry::Bytes(key_size, mutation.value.size()));
  EntryTree::Entry* const entry =
      EntryTree::Entry::New(memory, key_size, Version(sequence, mutation.kind), mutation.value);
  char* const rest = StoreKeyspacePrefix(mutation.keyspace, entry->key_data());
  if (!mutation.key.empty()) std::memcpy(rest, mutation.key.data(), mutation.key.size());
  tree_.Insert(entry);
  entry_count_.fetch_add(1, std::memory_order_relaxed);
}

bool Memtable::Get(std::string_view stored_key, Sequence at,
                   const std::shared_ptr<const void>& owner, KeyHistory* history) const {
  AURORA_DCHECK(!history->done());
  EntryTree::Cursor cursor(&tree_);
  // The highest word of `at`: before every entry of that commit.
  for (cursor.Seek({stored_key, Version::FromWord(at << 8 | 0xFF)});
       cursor.Valid() && cursor.entry().key() == stored_key; cursor.Next()) {
    if (history->Add(cursor.entry().version(), cursor.entry().value(), owner)) return true;
  }
  return false;
}

Task<absl::Status> Memtable::Iterator::Seek(EntryKey target) {
  cursor_.Seek(target);
  return absl::OkStatus();
}

Task<absl::Status> Memtable::Iterator::SeekBackward(EntryKey target) {
  cursor_.SeekBackward(target);
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
  entry->key = {cursor_.entry().key(), cursor_.entry().version()};
  entry->value = cursor_.entry().value();
  return true;
}

Task<absl::Status> Memtable::Iterator::Prev() {
  cursor_.Prev();
  return absl::OkStatus();
}

}  // namespace aurora::lsm
