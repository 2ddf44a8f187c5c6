#include "aurora/cache/block_cache.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "aurora/cache/s3_fifo.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"

namespace aurora::cache {

namespace {
constexpr int kMaxShardBits = 6;
constexpr std::size_t kMinShardBytes = std::size_t{4} << 20;

int ShardBits(std::size_t capacity_bytes) {
  const std::size_t shards = std::max<std::size_t>(1, capacity_bytes / kMinShardBytes);
  return std::min(kMaxShardBits, static_cast<int>(std::bit_width(shards)) - 1);
}
}  // namespace

struct BlockCache::Entry : S3FifoNode {
  Entry(BlockId block, std::size_t bytes) : S3FifoNode(HashId(block), bytes), id(block) {}
  const BlockId id;
};

// The value lies beside the entry and not in it: a hit then waits for both at once.
struct BlockCache::Place {
  std::unique_ptr<Entry> entry;
  Value value;
};

struct BlockCache::IdHash {
  std::size_t operator()(const BlockId& id) const { return HashId(id); }
};

struct alignas(64) BlockCache::Shard {
  explicit Shard(std::size_t capacity) : policy(capacity), capacity_bytes(capacity) {}
  mutable std::shared_mutex mutex;
  std::atomic<std::uint64_t> hits{0};
  std::atomic<std::uint64_t> misses{0};
  // All below are protected by the mutex.
  absl::flat_hash_map<BlockId, Place, IdHash> places;
  S3Fifo policy;
  absl::flat_hash_map<BlockId, std::shared_ptr<Load>, IdHash> loads;
  std::uint64_t insertions = 0;
  std::uint64_t evictions = 0;
  std::uint64_t inserted_bytes = 0;
  std::uint64_t evicted_bytes = 0;
  std::uint64_t refusals = 0;
  const std::size_t capacity_bytes;
};

BlockCache::BlockCache(MemoryBudget* budget, std::size_t capacity_bytes)
    : budget_(budget), capacity_bytes_(capacity_bytes), shard_bits_(ShardBits(capacity_bytes)) {
  static_assert(sizeof(Entry) + 2 * (sizeof(BlockId) + sizeof(Place)) <= kEntryOverheadBytes);
  for (int i = 0; i < 1 << shard_bits_; ++i) {
    shards_.push_back(std::make_unique<Shard>(capacity_bytes >> shard_bits_));
  }
}

BlockCache::~BlockCache() {
  for (const std::unique_ptr<Shard>& shard : shards_) AURORA_CHECK(shard->loads.empty());
}

// The finaliser of SplitMix64, over both numbers. All its bits are used: the high ones choose the
// shard, the low ones the place in its table.
std::uint64_t BlockCache::HashId(const BlockId& id) {
  std::uint64_t z = id.offset + id.file * 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

BlockCache::Shard& BlockCache::ShardOf(const BlockId& id) {
  return *shards_[shard_bits_ == 0 ? 0 : HashId(id) >> (64 - shard_bits_)];
}

BlockCache::Value BlockCache::Find(BlockId id, bool touch) {
  Shard& shard = ShardOf(id);
  {
    const std::shared_lock lock(shard.mutex);
    const auto found = shard.places.find(id);
    if (AURORA_LIKELY(found != shard.places.end())) {
      __builtin_prefetch(found->second.entry.get());
      Value value = found->second.value;
      shard.hits.fetch_add(1, std::memory_order_relaxed);
      if (touch) found->second.entry->Touch();
      return value;
    }
  }
  shard.misses.fetch_add(1, std::memory_order_relaxed);
  return nullptr;
}

bool BlockCache::EvictOne(Shard& shard, Evicted* evicted) {
  S3FifoNode* const node = shard.policy.Evict();
  if (node == nullptr) return false;
  const auto found = shard.places.find(static_cast<Entry*>(node)->id);
  AURORA_CHECK(found != shard.places.end() && found->second.entry.get() == node);
  evicted->push_back(std::move(found->second));
  shard.places.erase(found);
  ++shard.evictions;
  shard.evicted_bytes += node->charge_bytes();
  return true;
}

void BlockCache::MakeRoom(Shard& shard, std::size_t bytes, Evicted* evicted) {
  while (shard.policy.charge_bytes() + bytes > shard.capacity_bytes && EvictOne(shard, evicted)) {
  }
}

MemoryBudget::Charge BlockCache::Reserve(BlockId id, std::size_t bytes) {
  bytes += kEntryOverheadBytes;
  Shard& shard = ShardOf(id);
  if (bytes <= shard.capacity_bytes) {
    {
      Evicted evicted;
      const std::lock_guard lock(shard.mutex);
      MakeRoom(shard, bytes, &evicted);
    }
    // The budget may be short although the cache is not full: then blocks of all shards go for it,
    // in turn.
    std::size_t victim = HashId(id) % shards_.size();
    for (std::size_t found_empty = 0; found_empty < shards_.size();) {
      MemoryBudget::Charge charge = budget_->TryTake(MemoryUse::kBlockCache, bytes);
      if (charge.bytes() != 0) return charge;
      victim = (victim + 1) % shards_.size();
      Evicted evicted;
      const std::lock_guard lock(shards_[victim]->mutex);
      found_empty = EvictOne(*shards_[victim], &evicted) ? 0 : found_empty + 1;
    }
  }
  const std::lock_guard lock(shard.mutex);
  ++shard.refusals;
  return {};
}

void BlockCache::Insert(BlockId id, Value value, std::size_t bytes) {
  AURORA_CHECK(value != nullptr);
  bytes += kEntryOverheadBytes;
  Place made{std::make_unique<Entry>(id, bytes), std::move(value)};
  Evicted evicted;  // destroyed after the lock is given up
  Shard& shard = ShardOf(id);
  const std::lock_guard lock(shard.mutex);
  const auto [place, is_new] = shard.places.try_emplace(id);
  if (!is_new) {
    evicted.push_back(std::move(made));
    return;
  }
  S3FifoNode* const node = made.entry.get();
  place->second = std::move(made);
  MakeRoom(shard, bytes, &evicted);
  shard.policy.Insert(node);
  ++shard.insertions;
  shard.inserted_bytes += bytes;
}

void BlockCache::Erase(BlockId id) {
  Place erased;  // destroyed after the lock is given up
  Shard& shard = ShardOf(id);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.places.find(id);
  if (found == shard.places.end()) return;
  erased = std::move(found->second);
  shard.policy.Remove(erased.entry.get());
  shard.places.erase(found);
}

BlockCacheStats BlockCache::Stats() const {
  BlockCacheStats stats;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    const std::shared_lock lock(shard->mutex);
    stats.hits += shard->hits.load(std::memory_order_relaxed);
    stats.misses += shard->misses.load(std::memory_order_relaxed);
    stats.insertions += shard->insertions;
    stats.evictions += shard->evictions;
    stats.inserted_bytes += shard->inserted_bytes;
    stats.evicted_bytes += shard->evicted_bytes;
    stats.refusals += shard->refusals;
    stats.entry_count += shard->places.size();
    stats.charged_bytes += shard->policy.charge_bytes();
  }
  return stats;
}

std::shared_ptr<BlockCache::Load> BlockCache::Join(BlockId id) {
  Shard& shard = ShardOf(id);
  const std::lock_guard lock(shard.mutex);
  std::shared_ptr<Load>& load = shard.loads[id];
  if (load == nullptr) load = std::make_shared<Load>(this, id);
  return load;
}

BlockCache::Load::~Load() { AURORA_CHECK(waiters_ == nullptr); }

bool BlockCache::Load::TakeLead() {
  const std::lock_guard lock(cache_->ShardOf(id_).mutex);
  return !std::exchange(led_, true);
}

void BlockCache::Load::Complete(absl::StatusOr<Value> result) {
  Continuation* waiter;
  {
    Shard& shard = cache_->ShardOf(id_);
    const std::lock_guard lock(shard.mutex);
    AURORA_CHECK(led_ && !done_);
    result_ = std::move(result);
    done_ = true;
    waiter = std::exchange(waiters_, nullptr);
    shard.loads.erase(id_);
  }
  while (waiter != nullptr) {
    Continuation* const next = waiter->next;  // `waiter` may be gone once it is posted
    waiter->Post();
    waiter = next;
  }
}

bool BlockCache::Load::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  continuation_ = Continuation::Here(handle);
  const std::lock_guard lock(load_.cache_->ShardOf(load_.id_).mutex);
  if (load_.done_) return false;
  continuation_.next = load_.waiters_;
  load_.waiters_ = &continuation_;
  return true;
}

}  // namespace aurora::cache
