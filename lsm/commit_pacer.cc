#include "aurora/lsm/commit_pacer.h"

#include <algorithm>

namespace aurora::lsm {
namespace {

// Up to here nothing is owed: one is written to, one is being flushed, and a burst is welcome.
constexpr double kFreeMemtables = 2.5;
// With fewer sealed ones that cannot be exceeded.
constexpr std::size_t kSealedFree = 2;
// The least share of 2R: a commit of a kilobyte then takes milliseconds, not minutes.
constexpr double kLeastShare = 1.0 / 64;
// What the latest flush counts for. A few flushes make up the rate.
constexpr double kNewest = 0.3;

// 1 at `first`, 0 at `last`.
double Left(double first, double last, double debt) {
  return std::max((last - debt) / (last - first), kLeastShare);
}

}  // namespace

void CommitPacer::NoteFlush(std::size_t bytes, std::int64_t nanos) {
  if (bytes < limits_.memtable_bytes / 4) return;
  const double rate =
      static_cast<double>(bytes) * 1e9 / static_cast<double>(std::max<std::int64_t>(nanos, 1));
  // One flush at a time: nobody else stores.
  const double before = flush_rate_.load(std::memory_order_relaxed);
  flush_rate_.store((1 - kNewest) * before + kNewest * rate, std::memory_order_relaxed);
}

void CommitPacer::NoteDebt(std::size_t sealed, std::size_t level0_tables) {
  sealed_.store(sealed, std::memory_order_relaxed);
  level0_tables_.store(level0_tables, std::memory_order_relaxed);
  const bool has_debt = sealed >= kSealedFree || level0_tables >= limits_.level0_first;
  // Nobody has to wait for turns that were given at the pace of an earlier debt.
  if (!has_debt) next_turn_.store(0, std::memory_order_relaxed);
  has_debt_.store(has_debt, std::memory_order_relaxed);
}

double CommitPacer::Share(std::size_t active_bytes) const {
  const std::size_t sealed = sealed_.load(std::memory_order_relaxed);
  const std::size_t level0_tables = level0_tables_.load(std::memory_order_relaxed);
  double share = 2;
  if (sealed >= kSealedFree) {
    const auto memtable = static_cast<double>(limits_.memtable_bytes);
    const double unflushed = static_cast<double>(sealed) * memtable +
                             std::min(static_cast<double>(active_bytes), memtable);
    share = Left(kFreeMemtables * memtable, static_cast<double>(limits_.sealed_max + 1) * memtable,
                 unflushed);
  }
  if (level0_tables >= limits_.level0_first) {
    share = std::min(
        share, Left(static_cast<double>(limits_.level0_first),
                    static_cast<double>(limits_.level0_last), static_cast<double>(level0_tables)));
  }
  return share;
}

std::int64_t CommitPacer::TakeTurn(std::int64_t now_nanos, std::size_t bytes,
                                   std::size_t active_bytes) {
  if (is_idle()) return now_nanos;
  const double share = Share(active_bytes);
  if (share > 1) {
    next_turn_.store(0, std::memory_order_relaxed);
    return now_nanos;
  }
  const double rate = 2 * flush_rate() * share;
  const auto cost = static_cast<std::int64_t>(static_cast<double>(bytes) * 1e9 / rate);
  std::int64_t before = next_turn_.load(std::memory_order_relaxed);
  std::int64_t turn = 0;
  do {
    turn = std::max(before, now_nanos) + cost;
  } while (!next_turn_.compare_exchange_weak(before, turn, std::memory_order_relaxed));
  return turn;
}

}  // namespace aurora::lsm
