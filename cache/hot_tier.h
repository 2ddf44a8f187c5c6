// The hot tier: the latest version of objects, whole and in memory, by (collection, row).
//
// It never changes what a reader sees. An entry is the newest version of its object, valid from
// some sequence on, and serves only readers at or above it. A writer calls Replace or Drop for what
// it changes before its sequence becomes visible, so no reader at that sequence can still meet the
// old version. A fill brings what was read at a snapshot, and is refused if its shard saw a write
// after that snapshot: what was read may be old by now.
//
// Thread-safe, sharded. A hit is one probe under a shared lock that writers hold for a few
// instructions only. Memory: every entry is charged to the budget as kHotTier before it is kept;
// what does not fit evicts, by S3-FIFO, or is not kept.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>

#include "aurora/cache/entry_table.h"
#include "aurora/cache/s3_fifo.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::cache {

struct HotKey {
  std::uint32_t collection = 0;
  std::uint64_t row = 0;  // below 2^48
};

// T is a cheap shared handle on something immutable.
template <class T>
class HotTier {
 public:
  // What an entry costs beside what the caller charges for its object: the node and its slot in the
  // table.
  static constexpr std::size_t kEntryOverhead = 160;

  // `capacity_bytes` 0: keeps nothing. `budget` must outlive it.
  HotTier(std::size_t capacity_bytes, MemoryBudget* budget) : budget_(budget) {
    for (std::unique_ptr<Shard>& shard : shards_)
      shard = std::make_unique<Shard>(capacity_bytes / kShards);
    enabled_ = capacity_bytes > 0;
  }

  // The object as a reader at `at` sees it, if the tier knows.
  std::optional<T> Get(const HotKey& key, std::uint64_t at) {
    std::optional<T> object = GetHit(key, at);
    if (enabled_ && !object.has_value())
      ShardOf(key).misses.fetch_add(1, std::memory_order_relaxed);
    return object;
  }
  // The same for who calls Get next if there is none: a miss is not counted.
  std::optional<T> GetHit(const HotKey& key, std::uint64_t at) {
    if (!enabled_) return std::nullopt;
    Shard& shard = ShardOf(key);
    const std::shared_lock lock(shard.mutex);
    Entry* const found = Find(shard, key);
    if (found == nullptr || found->valid_from > at) return std::nullopt;
    found->Touch();
    shard.hits.fetch_add(1, std::memory_order_relaxed);
    return found->object;
  }

  // Offers an object that was read at `snapshot`, when that was the newest sequence or near it.
  void Fill(const HotKey& key, T object, std::uint64_t snapshot, std::size_t bytes) {
    if (!enabled_) return;
    Shard& shard = ShardOf(key);
    const std::unique_lock lock(shard.mutex);
    if (shard.last_write > snapshot || Find(shard, key) != nullptr) return;
    Insert(shard, key, std::move(object), snapshot, bytes);
  }

  // A commit at `sequence`, not yet visible, gives the object this version. Kept only if the tier
  // held it before.
  void Replace(const HotKey& key, T object, std::uint64_t sequence, std::size_t bytes) {
    if (!enabled_) return;
    Shard& shard = ShardOf(key);
    const std::unique_lock lock(shard.mutex);
    if (Forget(shard, key, sequence)) Insert(shard, key, std::move(object), sequence, bytes);
  }

  // A commit at `sequence`, not yet visible, changes or deletes the object.
  void Drop(const HotKey& key, std::uint64_t sequence) {
    if (!enabled_) return;
    Shard& shard = ShardOf(key);
    const std::unique_lock lock(shard.mutex);
    Forget(shard, key, sequence);
  }

  // Gives back the memory of a collection's objects, which may come again. Linear in the entries of
  // the tier.
  void DropCollection(std::uint32_t collection) {
    for (const std::unique_ptr<Shard>& shard : shards_) {
      const std::unique_lock lock(shard->mutex);
      const auto is_its = [&](const Entry& entry) { return entry.collection == collection; };
      for (Entry* const entry : shard->entries.FindAll(is_its)) {
        shard->policy.Remove(entry);
        shard->entries.Remove(TableHash(entry->hash()), entry);
      }
    }
  }

  struct Stats {
    std::uint64_t count = 0;
    std::size_t bytes = 0;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
  };
  Stats GetStats() const {
    Stats stats;
    for (const std::unique_ptr<Shard>& shard : shards_) {
      const std::shared_lock lock(shard->mutex);
      stats.count += shard->entries.size();
      stats.bytes += shard->policy.charge_bytes();
      stats.hits += shard->hits.load(std::memory_order_relaxed);
      stats.misses += shard->misses.load(std::memory_order_relaxed);
    }
    return stats;
  }

 private:
  static constexpr int kShardBits = 6;
  static constexpr std::size_t kShards = 1 << kShardBits;  // so that a write refuses few fills

  // The same for the same key, on every machine: what the policy remembers, and which shard, may
  // not depend on absl::Hash.
  static std::uint64_t HashOf(const HotKey& key) {
    std::uint64_t hash = (key.row + (std::uint64_t{key.collection} << 48)) * 0x9E3779B97F4A7C15u;
    return std::rotl(hash, 29) * 0xBF58476D1CE4E5B9u;
  }

  // What a hit needs is together.
  struct Entry : S3FifoNode {
    std::uint32_t collection;
    T object;
    std::uint64_t valid_from;
    MemoryBudget::Charge charge;
    Entry(const HotKey& key, T o, std::uint64_t from, MemoryBudget::Charge c)
        : S3FifoNode(HashOf(key), c.bytes()),
          collection(key.collection),
          object(std::move(o)),
          valid_from(from),
          charge(std::move(c)) {}
  };
  struct alignas(64) Shard {
    explicit Shard(std::size_t capacity) : capacity_bytes(capacity), policy(capacity) {}
    const std::size_t capacity_bytes;
    mutable std::shared_mutex mutex;
    EntryTable<Entry> entries;  // by TableHash
    S3Fifo policy;
    std::uint64_t last_write = 0;
    std::atomic<std::uint64_t> hits{0};
    std::atomic<std::uint64_t> misses{0};
  };

  Shard& ShardOf(const HotKey& key) { return *shards_[HashOf(key) >> (64 - kShardBits)]; }

  // Without the bits that all keys of a shard have in common at the front.
  static std::uint64_t TableHash(std::uint64_t hash) { return std::rotl(hash, kShardBits); }

  // Two keys of one hash have the same row, as that has 48 bits, and differ in the collection: the
  // hash is a bijection of the row and the low bits of the collection.
  static Entry* Find(const Shard& shard, const HotKey& key) {
    return shard.entries.Find(TableHash(HashOf(key)), [&](const Entry& entry) {
      return entry.collection == key.collection;
    });
  }

  // True if there was an entry.
  bool Forget(Shard& shard, const HotKey& key, std::uint64_t sequence) {
    shard.last_write = std::max(shard.last_write, sequence);
    Entry* const found = Find(shard, key);
    if (found == nullptr) return false;
    shard.policy.Remove(found);
    shard.entries.Remove(TableHash(HashOf(key)), found);
    return true;
  }

  void Insert(Shard& shard, const HotKey& key, T object, std::uint64_t valid_from,
              std::size_t bytes) {
    const std::size_t charged = bytes + kEntryOverhead;
    if (charged > shard.capacity_bytes) return;
    while (shard.policy.charge_bytes() + charged > shard.capacity_bytes) EvictOne(shard);
    MemoryBudget::Charge charge = budget_->TryTake(MemoryUse::kHotTier, charged);
    if (charge.bytes() == 0) {
      // Others need the memory: give some of ours back instead of growing.
      EvictOne(shard);
      return;
    }
    auto entry = std::make_unique<Entry>(key, std::move(object), valid_from, std::move(charge));
    shard.policy.Insert(entry.get());
    shard.entries.Insert(TableHash(HashOf(key)), std::move(entry));
  }

  void EvictOne(Shard& shard) {
    if (S3FifoNode* node = shard.policy.Evict())
      shard.entries.Remove(TableHash(node->hash()), static_cast<Entry*>(node));
  }

  MemoryBudget* const budget_;
  bool enabled_ = false;
  std::array<std::unique_ptr<Shard>, kShards> shards_;
};

}  // namespace aurora::cache
