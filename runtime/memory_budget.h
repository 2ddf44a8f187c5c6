// The one accountant of a database's memory: memtables, caches, filters, in-flight buffers.
// Everything that is bounded is charged here before it is allocated.
//
// Thread-safe and lock-free: a charge costs two atomic operations, one on the total and one on its
// use. One Charge object belongs to one thread at a time. Charges are exact in bytes, as told by
// the caller; the total counts them one by one, so that those who TryTake never pass the limit.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace aurora {

enum class MemoryUse : std::uint8_t {
  kMemtable,
  kBlockCache,
  kTableMetadata,
  kHotTier,
  kIndexCache,
  kInFlight
};
inline constexpr std::size_t kMemoryUseCount = 6;
std::string_view MemoryUseName(MemoryUse use);

class MemoryBudget {
 public:
  // A share of the budget that is given back when it dies. Move-only.
  class Charge {
   public:
    Charge() = default;
    Charge(Charge&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)),
          use_(other.use_),
          bytes_(std::exchange(other.bytes_, 0)) {}
    // Gives back what this one held.
    Charge& operator=(Charge&& other) noexcept;
    ~Charge();
    std::size_t bytes() const { return bytes_; }
    // Changes the charge to `bytes`, whether or not that fits (see Take). Not for an empty one.
    void Resize(std::size_t bytes);

   private:
    friend class MemoryBudget;
    Charge(MemoryBudget* budget, MemoryUse use, std::size_t bytes)
        : budget_(budget), use_(use), bytes_(bytes) {}
    MemoryBudget* budget_ = nullptr;
    MemoryUse use_ = MemoryUse::kInFlight;
    std::size_t bytes_ = 0;
  };

  explicit MemoryBudget(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  // Every charge must have been given back (checked).
  ~MemoryBudget();

  // Charges `bytes` if they fit under the limit; an empty charge (bytes() == 0) if they do not.
  [[nodiscard]] Charge TryTake(MemoryUse use, std::size_t bytes);
  // Charges `bytes` even above the limit: for what must go on (a memtable that is being flushed).
  // Users of TryTake then find no room until it is given back.
  [[nodiscard]] Charge Take(MemoryUse use, std::size_t bytes);

  std::size_t limit_bytes() const { return limit_bytes_; }
  std::size_t used_bytes() const { return total_.load(std::memory_order_relaxed); }
  std::size_t used_bytes(MemoryUse use) const {
    return by_use_[static_cast<std::size_t>(use)].load(std::memory_order_relaxed);
  }

 private:
  void AddUse(MemoryUse use, std::size_t bytes);
  void Subtract(MemoryUse use, std::size_t bytes);

  const std::size_t limit_bytes_;
  std::atomic<std::size_t> total_{0};
  std::array<std::atomic<std::size_t>, kMemoryUseCount> by_use_{};
};

}  // namespace aurora
