#include "aurora/lsm/commit_pacer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr std::size_t kMemtable = 1 << 20;
constexpr std::int64_t kSecond = 1'000'000'000;

CommitPacer::Limits Limits() {
  return {.memtable_bytes = kMemtable, .sealed_max = 3, .level0_first = 12, .level0_last = 24};
}

// Flushes at `bytes_per_second` until that is the pacer's rate.
void Flush(CommitPacer* pacer, double bytes_per_second) {
  for (int i = 0; i < 50; ++i) {
    pacer->NoteFlush(kMemtable, static_cast<std::int64_t>(kMemtable * kSecond / bytes_per_second));
  }
}

// Nanoseconds that a commit of 1024 bytes is kept, as the first after a pause.
std::int64_t Kept(CommitPacer* pacer, std::size_t active_bytes) {
  static std::int64_t now = 0;
  now += 1000 * kSecond;
  return pacer->TakeTurn(now, 1024, active_bytes) - now;
}

TEST(CommitPacerTest, WithoutDebtNobodyWaits) {
  CommitPacer pacer(Limits());
  for (const std::size_t sealed : {0, 1}) {
    pacer.NoteDebt(sealed, 11);
    EXPECT_TRUE(pacer.is_idle());
    EXPECT_EQ(Kept(&pacer, kMemtable), 0);
  }
}

TEST(CommitPacerTest, TheRateFallsEvenlyFromTwiceThatOfFlushesToNextToNothing) {
  CommitPacer pacer(Limits());
  Flush(&pacer, 1024 * 1000);  // a commit of 1024 bytes takes a millisecond
  EXPECT_NEAR(pacer.flush_rate(), 1024 * 1000, 10);
  pacer.NoteDebt(2, 0);
  EXPECT_FALSE(pacer.is_idle());
  EXPECT_EQ(Kept(&pacer, kMemtable / 4), 0);
  EXPECT_NEAR(Kept(&pacer, kMemtable / 2), 500'000, 5000);
  EXPECT_NEAR(Kept(&pacer, kMemtable), 750'000, 7500);
  pacer.NoteDebt(3, 0);
  EXPECT_NEAR(Kept(&pacer, 0), 750'000, 7500);
  EXPECT_NEAR(Kept(&pacer, kMemtable / 2), 1'500'000, 15'000);
  EXPECT_NEAR(Kept(&pacer, kMemtable), 32'000'000, 320'000);
}

TEST(CommitPacerTest, TablesOfLevelZeroAreDebtToo) {
  CommitPacer pacer(Limits());
  Flush(&pacer, 1024 * 1000);
  std::int64_t last = 0;
  for (std::size_t tables = 12; tables <= 30; ++tables) {
    pacer.NoteDebt(0, tables);
    const std::int64_t kept = Kept(&pacer, 0);
    EXPECT_GE(kept, last) << tables;
    last = kept;
  }
  pacer.NoteDebt(0, 12);
  EXPECT_NEAR(Kept(&pacer, 0), 500'000, 5000);
  pacer.NoteDebt(0, 18);
  EXPECT_NEAR(Kept(&pacer, 0), 1'000'000, 10'000);
  // The worse of both counts.
  pacer.NoteDebt(3, 18);
  EXPECT_NEAR(Kept(&pacer, kMemtable / 2), 1'500'000, 15'000);
  EXPECT_NEAR(Kept(&pacer, 0), 1'000'000, 10'000);
}

TEST(CommitPacerTest, CommitsTakeTheirPlacesOneBehindTheOther) {
  CommitPacer pacer(Limits());
  Flush(&pacer, 1024 * 1000);
  pacer.NoteDebt(2, 0);
  std::int64_t turn = 0;
  for (int i = 1; i <= 10; ++i) turn = pacer.TakeTurn(0, 1024, kMemtable / 2);
  EXPECT_NEAR(turn, 5'000'000, 50'000);
}

TEST(CommitPacerTest, ATurnIsForgottenWithTheDebtThatItWasFor) {
  CommitPacer pacer(Limits());
  Flush(&pacer, 1024 * 1000);
  for (const std::size_t active_after : {std::size_t{0}, kMemtable}) {
    pacer.NoteDebt(3, 0);
    EXPECT_FALSE(pacer.IsFree(kMemtable));
    EXPECT_GT(pacer.TakeTurn(0, kMemtable, kMemtable), kSecond);
    // By a flush, or by two.
    pacer.NoteDebt(active_after == 0 ? 2 : 1, 0);
    EXPECT_TRUE(pacer.IsFree(active_after));
    EXPECT_EQ(pacer.TakeTurn(0, 1024, active_after), 0);
    pacer.NoteDebt(3, 0);
    EXPECT_LT(pacer.TakeTurn(0, 1024, 0), kSecond / 100);
    pacer.NoteDebt(0, 0);
  }
}

TEST(CommitPacerTest, SmallFlushesTellNothing) {
  CommitPacer pacer(Limits());
  Flush(&pacer, 10e6);
  for (int i = 0; i < 100; ++i) pacer.NoteFlush(kMemtable / 100, kSecond);
  EXPECT_NEAR(pacer.flush_rate(), 10e6, 1e4);
}

// A writer that is faster than flushes, against flushes of a certain speed: it settles where they
// keep up, and is never stopped.
TEST(CommitPacerTest, AWriterSettlesAtTheSpeedOfFlushes) {
  CommitPacer pacer(Limits());
  constexpr double kFlushRate = 10e6;
  Flush(&pacer, kFlushRate);
  std::int64_t now = 0;
  std::size_t active = 0;
  std::size_t sealed = 0;
  std::int64_t flushed_at = 0;
  std::uint64_t written = 0;
  std::int64_t longest = 0;
  while (now < 20 * kSecond) {
    const std::int64_t turn = std::max(now + 1000, pacer.TakeTurn(now, 1024, active));
    longest = std::max(longest, turn - now);
    now = turn;
    active += 1024;
    written += 1024;
    if (sealed > 0 && now >= flushed_at) {
      --sealed;
      flushed_at += static_cast<std::int64_t>(kMemtable * kSecond / kFlushRate);
      pacer.NoteDebt(sealed, 0);
    }
    if (active < kMemtable) continue;
    active = 0;
    if (sealed == 0) flushed_at = now + static_cast<std::int64_t>(kMemtable * kSecond / kFlushRate);
    pacer.NoteDebt(++sealed, 0);
    ASSERT_LE(sealed, 3u);
  }
  EXPECT_NEAR(static_cast<double>(written) / 20, kFlushRate, kFlushRate / 10);
  EXPECT_LT(longest, kSecond / 500);
}

}  // namespace
}  // namespace aurora::lsm
