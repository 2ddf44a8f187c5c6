// The pace of commits while flushes and compactions lag behind: slower with every byte of debt, so
// that they need not be stopped; only where flushes achieve next to nothing does the store stop
// them at its bound.
//
// Debt is what memtables hold beyond two and a half of them, and what level 0 has beyond
// `level0_first` tables. Let R be the rate at which flushes have lately emptied memtables, whatever
// else the machine does. At the first byte of debt commits may write at 2R, at the last that is
// allowed at next to nothing, and in between in proportion: a proportional controller, which
// settles where commits write as fast as flushes and compactions work. So there is no step that a
// writer could fall down, and whoever is slow (a full device, a busy processor, a large compaction)
// slows down the writers as much as needed.
//
// Commits share one schedule: each takes its place behind those before it, for as long as its bytes
// cost at the rate of the moment. So all are slowed down alike.
//
// Thread-safe, without locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace aurora::lsm {

class CommitPacer {
 public:
  struct Limits {
    std::size_t memtable_bytes = 0;
    std::size_t sealed_max = 0;  // memtables that may wait for their flush; at least 2
    std::size_t level0_first = 0;
    std::size_t level0_last = 0;
  };
  explicit CommitPacer(const Limits& limits) : limits_(limits) {}
  CommitPacer(const CommitPacer&) = delete;
  CommitPacer& operator=(const CommitPacer&) = delete;

  // A memtable of `bytes` was flushed in `nanos`. One that is mostly empty tells nothing.
  void NoteFlush(std::size_t bytes, std::int64_t nanos);
  // So many memtables wait for their flush, so many tables are in level 0.
  void NoteDebt(std::size_t sealed, std::size_t level0_tables);

  // True if TakeTurn would let everybody go on at once: one load.
  bool is_idle() const { return !has_debt_.load(std::memory_order_relaxed); }
  // True if there is no debt (any more), with so much in the memtable that is written to: whoever
  // waits for his turn may go on.
  bool IsFree(std::size_t active_bytes) const { return is_idle() || Share(active_bytes) > 1; }
  // When a commit that will take `bytes` of a memtable may go on: `now_nanos`, or later.
  // `active_bytes` are in the memtable that is written to.
  std::int64_t TakeTurn(std::int64_t now_nanos, std::size_t bytes, std::size_t active_bytes);

  // R, in bytes a second.
  double flush_rate() const { return flush_rate_.load(std::memory_order_relaxed); }

 private:
  // Where the rate for this debt is between none, 0, and 2R, 1; above 1 there is no debt.
  double Share(std::size_t active_bytes) const;

  const Limits limits_;
  std::atomic<double> flush_rate_{kFirstRate};
  std::atomic<std::size_t> sealed_{0};
  std::atomic<std::size_t> level0_tables_{0};
  std::atomic<bool> has_debt_{false};
  std::atomic<std::int64_t> next_turn_{0};

  static constexpr double kFirstRate = 128.0 * (1 << 20);  // before any flush was measured
};

}  // namespace aurora::lsm
