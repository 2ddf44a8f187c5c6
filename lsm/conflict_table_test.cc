#include "aurora/lsm/conflict_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "aurora/runtime/random.h"

namespace aurora::lsm {
namespace {

std::uint64_t Resource(std::uint64_t i) { return i * 0x9E3779B97F4A7C15u + (i << 40); }

TEST(ConflictTableTest, AWriteAfterTheSnapshotConflicts) {
  ConflictTable table(100);
  table.Record(101, std::array{Resource(1), Resource(2)});
  table.Record(102, std::array{Resource(3)});
  EXPECT_FALSE(table.Check(102, std::array{Resource(1), Resource(2), Resource(3)}).has_value());
  const auto conflict = table.Check(101, std::array{Resource(1), Resource(3)});
  ASSERT_TRUE(conflict.has_value());
  EXPECT_EQ(conflict->resource, Resource(3));
  EXPECT_EQ(conflict->written, 102u);
  EXPECT_TRUE(conflict->exact);
  EXPECT_FALSE(table.Check(100, std::array{Resource(4)}).has_value());
}

TEST(ConflictTableTest, ASnapshotFromBeforeTheTableConflicts) {
  ConflictTable table(100);
  EXPECT_TRUE(table.Check(99, std::array{Resource(1)}).has_value());
  table.Record(101, std::array{Resource(1)});
  const auto conflict = table.Check(99, std::array{Resource(2)});
  ASSERT_TRUE(conflict.has_value());
  EXPECT_FALSE(conflict->exact);
}

// Against a map that forgets nothing: every true conflict is found; few false ones are.
TEST(ConflictTableTest, MissesNothingAndSeldomCriesWolf) {
  SeededRandom random(7);
  ConflictTable table(0);
  std::map<std::uint64_t, Sequence> model;
  int false_alarms = 0;
  int checks = 0;
  for (Sequence sequence = 1; sequence <= 50'000; ++sequence) {
    const std::uint64_t write = Resource(random.Below(200'000));
    table.Record(sequence, std::array{write});
    model[write] = sequence;
    const std::uint64_t read = Resource(random.Below(200'000));
    const Sequence snapshot = sequence - random.Below(std::min<std::uint64_t>(sequence, 5000));
    const bool truth = model.contains(read) && model[read] > snapshot;
    const bool answer = table.Check(snapshot, std::array{read}).has_value();
    if (truth) EXPECT_TRUE(answer);
    if (answer && !truth) ++false_alarms;
    ++checks;
  }
  EXPECT_LT(false_alarms, checks / 100);
}

}  // namespace
}  // namespace aurora::lsm
