// Followed values (followed.h) by key, within a bound of memory.
//
// A key is watched from the first time on that somebody asks for it; its value is filled later. All
// is charged to the budget as kIndexCache; what does not fit evicts, by S3-FIFO, or is not kept.
//
// The owner locks: the const methods may be called beside each other, the others alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "aurora/cache/s3_fifo.h"
#include "aurora/index/followed.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::index {

// T has memory_bytes(). A Key is made from a KeyView and gives one, and has memory_bytes() for what
// it holds beside itself. Hash is the same in every process: what is evicted may not depend on it.
template <class Key, class KeyView, class Hash, class T, class Change>
class FollowedCache {
 public:
  using Value = std::shared_ptr<const T>;
  using View = typename Followed<T, Change>::View;

  // `budget` must outlive it.
  FollowedCache(std::size_t capacity_bytes, MemoryBudget* budget)
      : capacity_bytes_(capacity_bytes), budget_(budget), policy_(capacity_bytes) {}

  struct Found {
    bool watched = false;
    View view;  // no value: not known
  };
  Found Find(const KeyView& key, lsm::Sequence at) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return {};
    found->second->Touch();
    return {true, found->second->followed.At(at)};
  }

  // From now on every change is told: `since` is the sequence of the last that was.
  void Watch(const KeyView& key, lsm::Sequence since) {
    if (capacity_bytes_ == 0 || entries_.contains(key)) return;
    Key own(key);
    const std::size_t bytes = kOverhead + own.memory_bytes();
    MakeRoom(bytes);
    MemoryBudget::Charge charge = budget_->TryTake(MemoryUse::kIndexCache, bytes);
    if (charge.bytes() == 0) return;
    auto entry = std::make_unique<Entry>(Hash()(key), std::move(own), since, std::move(charge));
    policy_.Insert(entry.get());
    const KeyView view = entry->key.view();
    entries_.emplace(view, std::move(entry));
  }

  // What was read as of `at`. One that is too large for the cache ends the watch.
  void Fill(const KeyView& key, lsm::Sequence at, Value value) {
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second->followed.value() != nullptr) return;
    Entry& entry = *found->second;
    const std::size_t bytes = kOverhead + entry.key.memory_bytes() + value->memory_bytes();
    MemoryBudget::Charge charge;
    if (bytes <= capacity_bytes_ / 4) charge = budget_->TryTake(MemoryUse::kIndexCache, bytes);
    if (charge.bytes() == 0) return Erase(entry);
    if (!entry.followed.Fill(at, std::move(value))) return;
    entry.charge = std::move(charge);
    entry.Touch();
    Recharge(entry);
    MakeRoom(0);
  }

  // As Followed::Fold.
  void Fold(const KeyView& key, const Value& from, std::size_t count, Value folded) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    found->second->followed.Fold(from, count, std::move(folded));
    Recharge(*found->second);
  }

  // What a commit changes. More than `waiting_max` changes do not wait for a reader: the value
  // goes.
  void Append(const KeyView& key, lsm::Sequence sequence, std::span<const Change> changes,
              std::size_t waiting_max) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    Entry& entry = *found->second;
    if (entry.followed.waiting_count() + changes.size() > waiting_max) return Erase(entry);
    const std::size_t bytes = entry.followed.waiting_bytes();
    for (const Change& change : changes) entry.followed.Append(sequence, change);
    if (entry.followed.waiting_bytes() != bytes) Recharge(entry);
  }

  std::size_t entry_count() const { return entries_.size(); }
  std::size_t charged_bytes() const { return policy_.charge_bytes(); }
  std::uint64_t evictions() const { return evictions_; }

 private:
  // What an entry takes besides key and value: the object, its slot in the table and what the heap
  // takes for both.
  static constexpr std::size_t kOverhead = 256;

  struct Entry : cache::S3FifoNode {
    Entry(std::uint64_t hash, Key own, lsm::Sequence since, MemoryBudget::Charge taken)
        : S3FifoNode(hash, taken.bytes()),
          key(std::move(own)),
          followed(since),
          charge(std::move(taken)) {}
    const Key key;
    Followed<T, Change> followed;
    MemoryBudget::Charge charge;
  };

  void Recharge(Entry& entry) {
    const Value& value = entry.followed.value();
    const std::size_t bytes = kOverhead + entry.key.memory_bytes() +
                              (value != nullptr ? value->memory_bytes() : 0) +
                              entry.followed.waiting_bytes();
    entry.charge.Resize(bytes);
    policy_.Recharge(&entry, bytes);
  }
  void MakeRoom(std::size_t bytes) {
    while (policy_.entry_count() > 0 && policy_.charge_bytes() + bytes > capacity_bytes_) {
      entries_.erase(entries_.find(static_cast<Entry*>(policy_.Evict())->key.view()));
      ++evictions_;
    }
  }
  void Erase(Entry& entry) {
    policy_.Remove(&entry);
    entries_.erase(entries_.find(entry.key.view()));
  }

  const std::size_t capacity_bytes_;
  MemoryBudget* const budget_;
  absl::flat_hash_map<KeyView, std::unique_ptr<Entry>, Hash> entries_;  // keys view their entries
  cache::S3Fifo policy_;
  std::uint64_t evictions_ = 0;
};

}  // namespace aurora::index
