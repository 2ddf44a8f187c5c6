// Entries by their hash: what a cache looks its keys up in.
//
// Open addressing with linear probing; a slot is the hash and a pointer, so that a look-up touches
// one cache line of the table, mostly, and then the entry. Where there are more entries than a
// processor's caches hold, that is what it costs: a map that keeps its control bytes apart touches
// one line more.
//
// Not thread-safe. Owns its entries.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "aurora/runtime/check.h"

namespace aurora::cache {

template <class Entry>
class EntryTable {
 public:
  EntryTable() = default;
  EntryTable(const EntryTable&) = delete;
  EntryTable& operator=(const EntryTable&) = delete;
  ~EntryTable() {
    for (const Slot& slot : slots_) delete slot.entry;
  }

  std::size_t size() const { return size_; }

  // The entry that was inserted with this hash and for which `is_wanted(entry)` holds; null if
  // there is none. The high bits of the hashes must be spread evenly.
  template <class Predicate>
  Entry* Find(std::uint64_t hash, Predicate is_wanted) const {
    if (slots_.empty()) return nullptr;
    for (std::size_t i = Home(hash); slots_[i].entry != nullptr; i = Next(i)) {
      if (slots_[i].hash == hash && is_wanted(*slots_[i].entry)) return slots_[i].entry;
    }
    return nullptr;
  }

  // Every entry for which `is_wanted(entry)` holds, in no order. Linear.
  template <class Predicate>
  std::vector<Entry*> FindAll(Predicate is_wanted) const {
    std::vector<Entry*> found;
    for (const Slot& slot : slots_) {
      if (slot.entry != nullptr && is_wanted(*slot.entry)) found.push_back(slot.entry);
    }
    return found;
  }

  void Insert(std::uint64_t hash, std::unique_ptr<Entry> entry) {
    AURORA_DCHECK(entry != nullptr);
    if (8 * (size_ + 1) > 5 * slots_.size()) Grow();
    Put({hash, entry.release()});
    ++size_;
  }

  // Takes out `entry`, which was inserted with this hash (checked).
  std::unique_ptr<Entry> Remove(std::uint64_t hash, const Entry* entry) {
    AURORA_CHECK(size_ > 0);
    std::size_t hole = Home(hash);
    while (slots_[hole].entry != entry) {
      AURORA_CHECK(slots_[hole].entry != nullptr);
      hole = Next(hole);
    }
    std::unique_ptr<Entry> removed(slots_[hole].entry);
    // What is behind moves up, unless that would put it before where a search for it begins.
    for (std::size_t i = Next(hole); slots_[i].entry != nullptr; i = Next(i)) {
      if (Distance(Home(slots_[i].hash), i) < Distance(hole, i)) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = {};
    --size_;
    return removed;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    Entry* entry = nullptr;
  };
  static constexpr std::size_t kFirstSlots = 16;

  std::size_t Home(std::uint64_t hash) const { return hash >> shift_; }
  std::size_t Next(std::size_t i) const { return (i + 1) & (slots_.size() - 1); }
  // How far `to` is behind `from`.
  std::size_t Distance(std::size_t from, std::size_t to) const {
    return (to - from) & (slots_.size() - 1);
  }

  void Put(const Slot& slot) {
    std::size_t i = Home(slot.hash);
    while (slots_[i].entry != nullptr) i = Next(i);
    slots_[i] = slot;
  }
  void Grow() {
    std::vector<Slot> old(slots_.empty() ? kFirstSlots : 2 * slots_.size());
    old.swap(slots_);
    shift_ = 64 - std::countr_zero(slots_.size());
    for (const Slot& slot : old) {
      if (slot.entry != nullptr) Put(slot);
    }
  }

  std::vector<Slot> slots_;  // a power of two, of which three eighths or more are free
  int shift_ = 64;
  std::size_t size_ = 0;
};

}  // namespace aurora::cache
