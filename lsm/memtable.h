// The newest entries of the store, in memory and in order.
//
// Any number of threads add and read at once. Readers take no lock and never wait or retry. Nothing
// is removed or moved before the whole memtable is destroyed. How: entry_tree.h; the entries
// themselves lie in an arena.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/arena.h"
#include "aurora/lsm/entry_tree.h"
#include "aurora/lsm/growing_filter.h"
#include "aurora/lsm/growing_range_deletes.h"
#include "aurora/lsm/iterator.h"
#include "aurora/lsm/key_history.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class Memtable {
 public:
  class Iterator;

  // `budget` must outlive the memtable; all its memory is charged there as kMemtable.
  // `expected_bytes`: how much is to go into it, roughly; its filter has a part of that.
  Memtable(MemoryBudget* budget, std::size_t expected_bytes)
      : entries_(budget, MemoryUse::kMemtable),
        tree_(budget, MemoryUse::kMemtable),
        filter_(budget, MemoryUse::kMemtable, expected_bytes / kBytesPerFilterByte),
        range_deletes_(budget) {}
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;

  // Adds an entry: what the commit `sequence` did. Copies. Visible to readers at once: they are
  // kept from it by reading below `sequence` until the commit is published. At most one mutation of
  // a key for each sequence, which is checked. Key and value are below 4 GiB. A range delete, of
  // which there may be any number, is no entry; its range must not be empty.
  void Add(const Mutation& mutation, Sequence sequence);

  // Adds the entry of a commit that has no sequence yet, and is to have a memtable of its own. Not
  // for range deletes. REQUIRES that only the caller knows the memtable until TakePlace.
  void AddAhead(const Mutation& mutation);
  // Everything that AddAhead has added is what the commit `sequence` did. Before anybody else sees
  // the memtable.
  void TakePlace(Sequence sequence) { place_ = sequence; }

  // Feeds the entries of `stored_key` at or below `at` to `history`, newest first, until it is
  // done() or there are no more; those that a range delete hides count for a Delete. `owner` is
  // what keeps this memtable alive. `key_hash` is HashKey(stored_key) (filter.h). Returns
  // history->settled().
  bool Get(std::string_view stored_key, std::uint64_t key_hash, Sequence at,
           const std::shared_ptr<const void>& owner, KeyHistory* history) const;

  std::uint64_t entry_count() const { return entry_count_.load(std::memory_order_relaxed); }
  // The range deletes, in groups of one set; null if there are none. Those of a commit are here
  // before it is published.
  const std::vector<RangeDeleteGroup>* range_deletes() const { return range_deletes_.groups(); }
  bool empty() const { return entry_count() == 0 && range_deletes() == nullptr; }
  // Bytes charged to the budget for it.
  std::size_t charged_bytes() const {
    return entries_.charged_bytes() + tree_.charged_bytes() + filter_.charged_bytes() +
           range_deletes_.charged_bytes();
  }
  // Bytes in use, which grow with every entry: what decides when the memtable is full.
  std::size_t used_bytes() const {
    return entries_.used_bytes() + tree_.used_bytes() + range_deletes_.charged_bytes();
  }
  // InvalidArgument if one of the mutations deletes a range that is empty or inverted, or has
  // bounds larger than keys may be.
  static absl::Status CheckRangeDeletes(std::span<const Mutation> mutations);
  // What Add will take for an entry, where keys come in no order; a third less where they ascend.
  static std::size_t EntryBytes(const Mutation& mutation);

 private:
  // An entry of 100 bytes takes 200, so its key gets 12 bits of the filter.
  static constexpr std::size_t kBytesPerFilterByte = 128;

  // Of an entry that was added ahead: behind every reader.
  static constexpr Sequence kAhead = kMaxSequence;

  void AddEntry(const Mutation& mutation, Sequence sequence);
  void AddRangeDelete(const Mutation& mutation, Sequence sequence);
  Version VersionOf(const EntryTree::Entry& entry) const {
    const Version version = entry.version();
    return AURORA_LIKELY(place_ == 0) ? version : Version(place_, version.kind());
  }

  Sequence place_ = 0;  // of all entries, if they were added ahead; else 0
  Arena entries_;
  EntryTree tree_;
  GrowingFilter filter_;  // of the stored keys
  GrowingRangeDeletes range_deletes_;
  std::atomic<std::uint64_t> entry_count_{0};
};

// Walks a memtable while it is added to; an entry that is added behind it is not seen, one that is
// added ahead may be. Every move is a ready Task and succeeds. Keys and values are valid as long as
// the memtable, which must outlive the iterator.
class Memtable::Iterator final : public EntryIterator {
 public:
  explicit Iterator(const Memtable* memtable) : memtable_(memtable), cursor_(&memtable->tree_) {}

  bool Valid() const override { return cursor_.Valid(); }
  EntryKey key() const override {
    AURORA_DCHECK(Valid());
    return {cursor_.entry().key(), memtable_->VersionOf(cursor_.entry())};
  }
  std::string_view value() const override {
    AURORA_DCHECK(Valid());
    return cursor_.entry().value();
  }
  AURORA_TASK_WRAPPER Task<absl::Status> Seek(EntryKey target) override;
  AURORA_TASK_WRAPPER Task<absl::Status> SeekBackward(EntryKey target) override;
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToFirst() override;
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToLast() override;
  AURORA_TASK_WRAPPER Task<absl::Status> Next() override;
  AURORA_TASK_WRAPPER Task<absl::Status> Prev() override;
  bool NextAtHand(EntryRef* entry) override;

 private:
  const Memtable* const memtable_;
  EntryTree::Cursor cursor_;
};

}  // namespace aurora::lsm
