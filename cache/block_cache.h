// Blocks of files in memory, within a bound.
//
// Maps (file number, offset) to an immutable object that many may use at once. What a block is, the
// cache does not know: it holds a std::shared_ptr<const void>, so a block that somebody uses is
// never freed under him, whether or not the cache still has it.
//
// Memory. A block is charged to the MemoryBudget before it is allocated, by Reserve, and the charge
// lives in the block: so memory that is evicted but still in use stays accounted for. The cache
// itself holds at most its capacity, and less where the budget has no room.
//
// Concurrency. Sharded by a hash of the key. A hit takes its shard's lock shared, makes one probe,
// raises a counter in the entry by an atomic store and copies the pointer; it never waits for I/O.
// Which blocks to give up: s3_fifo.h.
//
// Several coroutines that miss the same block at once read it once: the first gets a Load to
// complete, the others await it.
//
// Thread-safe.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::cache {

// Numbers of files are never reused.
struct BlockId {
  std::uint64_t file = 0;
  std::uint64_t offset = 0;
  friend bool operator==(const BlockId&, const BlockId&) = default;
};

struct BlockCacheStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t insertions = 0;
  std::uint64_t evictions = 0;
  std::uint64_t inserted_bytes = 0;  // as charged
  std::uint64_t evicted_bytes = 0;   // to make room; not those that were erased
  std::uint64_t refusals = 0;        // of Reserve: no room
  std::size_t entry_count = 0;
  std::size_t charged_bytes = 0;
};

class BlockCache {
 public:
  using Value = std::shared_ptr<const void>;
  class Load;

  // `budget` must outlive the cache and all that was reserved.
  BlockCache(MemoryBudget* budget, std::size_t capacity_bytes);
  // Nothing may be loading.
  ~BlockCache();
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  // The block, or null. `touch` false: the look does not count as use (a scan's).
  Value Find(BlockId id, bool touch = true);

  // Charges for a block of `bytes` that is to be made and inserted, giving up others for it. An
  // empty charge if there is no room even so: then use the block without caching it.
  [[nodiscard]] MemoryBudget::Charge Reserve(BlockId id, std::size_t bytes);

  // Makes a block, for which `bytes` were reserved, available to others. If one is there already,
  // that stays. `value` is not null.
  void Insert(BlockId id, Value value, std::size_t bytes);

  // Joins those who need a block that Find did not find.
  std::shared_ptr<Load> Join(BlockId id);

  // Forgets a block, if it is there: of a file that is no more.
  void Erase(BlockId id);

  BlockCacheStats Stats() const;
  std::size_t capacity_bytes() const { return capacity_bytes_; }

  // What an entry takes besides the block; included in what is charged.
  static constexpr std::size_t kEntryOverheadBytes = 144;

 private:
  struct Entry;
  struct Place;
  struct IdHash;
  struct Shard;
  using Evicted = std::vector<Place>;

  static std::uint64_t HashId(const BlockId& id);
  Shard& ShardOf(const BlockId& id);
  // Both REQUIRE the shard's lock. What is given up is destroyed by the caller, without it.
  static bool EvictOne(Shard& shard, Evicted* evicted);
  static void MakeRoom(Shard& shard, std::size_t bytes, Evicted* evicted);

  MemoryBudget* const budget_;
  const std::size_t capacity_bytes_;
  int shard_bits_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

// A block that is being read, by one for all who need it.
class BlockCache::Load {
 public:
  Load(BlockCache* cache, BlockId id) : cache_(cache), id_(id) {}
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // True for exactly one caller: he reads the block and calls Complete, whatever happens. All
  // others await Wait().
  bool TakeLead();
  // Ends the load: everyone who waits gets this result. After an error, later callers of Join try
  // anew. A value is to be inserted into the cache before.
  void Complete(absl::StatusOr<Value> result);

  class Awaiter {
   public:
    explicit Awaiter(Load& load) : load_(load) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> handle);
    absl::StatusOr<Value> await_resume() const { return load_.result_; }

   private:
    Load& load_;
    Continuation continuation_;
  };
  // `co_await load->Wait()`, while holding the load.
  Awaiter Wait() { return Awaiter(*this); }

 private:
  BlockCache* const cache_;
  const BlockId id_;
  // Protected by the mutex of the shard, except that result_ is constant once done_.
  bool led_ = false;
  bool done_ = false;
  Continuation* waiters_ = nullptr;
  absl::StatusOr<Value> result_{Value()};
};

}  // namespace aurora::cache
