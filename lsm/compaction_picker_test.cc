#include "aurora/lsm/compaction_picker.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "aurora/lsm/tree_testing.h"

namespace aurora::lsm {
namespace {

using NumberList = std::vector<std::uint64_t>;
using Keys = std::vector<std::string>;

class CompactionPickerTest : public testing::Test {
 protected:
  const Tree& tree() const { return sketch_.tree(); }
  // Ends a compaction of tables that `lower` encloses.
  void Finish(const Compaction& compaction) {
    NumberList inputs = Numbers(compaction.upper);
    const NumberList lower = Numbers(compaction.lower);
    inputs.insert(inputs.end(), lower.begin(), lower.end());
    for (const std::uint64_t number : inputs) sketch_.Remove(number);
    for (const auto& table : compaction.lower) {
      const TableInfo& info = table->info();
      sketch_.Add(compaction.output_level, info.smallest_key, info.largest_key);
    }
    picker_.TreeChanged();
    picker_.Release(inputs);
  }

  TreeSketch sketch_;
  CompactionPicker picker_{
      {.level0_runs_max = 2, .level_base_bytes = 1000, .level_multiplier = 10, .table_bytes = 100}};
};

TEST_F(CompactionPickerTest, NothingIsDueBelowTheTargets) {
  sketch_.Add(0, "a", "z");
  sketch_.Add(1, "a", "m", 500);
  sketch_.Add(1, "n", "z", 500);
  sketch_.Add(6, "a", "z", 1'000'000'000);
  EXPECT_FALSE(picker_.IsDue(tree()));
  EXPECT_FALSE(picker_.Pick(tree()).has_value());
}

TEST_F(CompactionPickerTest, OfLevel0TheDeepestColumnIsTakenWhole) {
  const std::uint64_t l1a = sketch_.Add(1, "a", "c");
  const std::uint64_t l1d = sketch_.Add(1, "d", "f");
  sketch_.Add(1, "g", "z");
  sketch_.Add(0, "x", "y");
  sketch_.Add(0, "x", "y");
  const std::uint64_t first = sketch_.Add(0, "b", "c");
  const std::uint64_t second = sketch_.Add(0, "c", "d");
  const std::uint64_t third = sketch_.Add(0, "d", "e");
  const std::optional<Compaction> picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_EQ(picked->level, 0);
  EXPECT_EQ(picked->output_level, 1);
  EXPECT_FALSE(picked->is_move);
  EXPECT_EQ(Numbers(picked->upper), (NumberList{first, second, third}));
  EXPECT_EQ(Numbers(picked->lower), (NumberList{l1a, l1d}));
}

TEST_F(CompactionPickerTest, NoTableIsTakenTwice) {
  sketch_.Add(1, "a", "p");
  sketch_.Add(1, "q", "z");
  sketch_.Add(0, "a", "b");
  sketch_.Add(0, "a", "b");
  sketch_.Add(0, "m", "n");  // another column, over the same table of level 1
  sketch_.Add(0, "m", "n");
  sketch_.Add(0, "r", "s");
  sketch_.Add(0, "r", "s");
  const std::optional<Compaction> first = picker_.Pick(tree());
  const std::optional<Compaction> second = picker_.Pick(tree());
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_EQ(first->upper.front()->info().smallest_key, "a");
  EXPECT_EQ(second->upper.front()->info().smallest_key, "r");
  EXPECT_FALSE(picker_.Pick(tree()).has_value());
  EXPECT_TRUE(picker_.IsDue(tree()));
  // Nobody need ask again before something has changed.
  EXPECT_FALSE(picker_.MayPick(tree()));
  picker_.TreeChanged();
  EXPECT_TRUE(picker_.MayPick(tree()));
  EXPECT_FALSE(picker_.Pick(tree()).has_value());
  // A newer table on top of what is taken waits with it.
  sketch_.Add(0, "s", "t");
  picker_.TreeChanged();
  EXPECT_FALSE(picker_.Pick(tree()).has_value());
  Finish(*first);
  EXPECT_TRUE(picker_.MayPick(tree()));
  EXPECT_TRUE(picker_.Pick(tree()).has_value());
}

TEST_F(CompactionPickerTest, ItKnowsWhatIsBeingWritten) {
  sketch_.Add(1, "d", "f");
  sketch_.Add(0, "a", "e");
  sketch_.Add(0, "b", "c");
  EXPECT_FALSE(picker_.Writes(1, "a", "f"));
  const std::optional<Compaction> picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_TRUE(picker_.Writes(1, "f", "g"));
  EXPECT_TRUE(picker_.Writes(1, "b", "b"));
  EXPECT_FALSE(picker_.Writes(1, "f~", "g"));
  EXPECT_FALSE(picker_.Writes(0, "b", "b"));
  EXPECT_FALSE(picker_.Writes(2, "b", "b"));
  Finish(*picked);
  EXPECT_FALSE(picker_.Writes(1, "b", "b"));
}

// Whoever is free does not take what is not due yet, only because the rest of its level is.
TEST_F(CompactionPickerTest, WhatIsTakenCountsNoMore) {
  sketch_.Add(1, "a", "c", 400);
  sketch_.Add(1, "m", "n", 400);
  sketch_.Add(0, "a", "b");
  sketch_.Add(0, "a", "b");
  sketch_.Add(0, "m", "n");  // alone in its column
  const std::optional<Compaction> first = picker_.Pick(tree());
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->upper.size(), 2u);
  EXPECT_FALSE(picker_.IsDue(tree()));
  EXPECT_FALSE(picker_.Pick(tree()).has_value());
  // Nor for the sake of another column, which is due but cannot be taken.
  sketch_.Add(0, "c", "c");
  sketch_.Add(0, "c", "c");
  picker_.TreeChanged();
  EXPECT_TRUE(picker_.IsDue(tree()));
  EXPECT_FALSE(picker_.Pick(tree()).has_value());
  sketch_.Add(0, "m", "n");
  picker_.TreeChanged();
  EXPECT_TRUE(picker_.Pick(tree()).has_value());
}

TEST_F(CompactionPickerTest, WhatIsTakenOutOfALevelCountsNoMore) {
  sketch_.Add(1, "a", "c", 400);
  sketch_.Add(1, "d", "f", 400);
  sketch_.Add(1, "g", "i", 400);
  const std::optional<Compaction> first = picker_.Pick(tree());
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(picker_.IsDue(tree())) << "800 bytes are left, and 1000 are allowed";
  // As at the end of the compaction, before its inputs are released.
  for (const std::uint64_t number : Numbers(first->upper)) sketch_.Remove(number);
  EXPECT_FALSE(picker_.IsDue(tree()));
  const NumberList inputs = Numbers(first->upper);
  picker_.Release(inputs);
  EXPECT_FALSE(picker_.IsDue(tree()));
  sketch_.Add(1, "x", "z", 400);
  EXPECT_TRUE(picker_.IsDue(tree()));
}

TEST_F(CompactionPickerTest, WhatOverlapsNothingIsMoved) {
  // Ascending keys: one run, but as many bytes as level 1 may hold.
  for (char c = 'a'; c < 'k'; ++c) sketch_.Add(0, {&c, 1}, {&c, 1});
  ASSERT_TRUE(picker_.IsDue(tree()));
  const std::optional<Compaction> picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_TRUE(picked->is_move);
  EXPECT_EQ(picked->upper.size(), 10u);
}

TEST_F(CompactionPickerTest, OfALevelTheTableThatOverlapsLeastIsTaken) {
  sketch_.Add(1, "a", "c", 400);
  const std::uint64_t cheap = sketch_.Add(1, "d", "f", 400);
  sketch_.Add(1, "g", "i", 400);
  sketch_.Add(2, "a", "b", 800);
  const std::uint64_t below = sketch_.Add(2, "e", "f", 100);
  sketch_.Add(2, "g", "z", 500);
  std::optional<Compaction> picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_EQ(picked->level, 1);
  EXPECT_EQ(Numbers(picked->upper), NumberList{cheap});
  EXPECT_EQ(Numbers(picked->lower), NumberList{below});
  EXPECT_FALSE(picked->is_move);
}

TEST_F(CompactionPickerTest, WithManyTablesTheyComeInTurn) {
  for (int i = 0; i < 500; ++i) {
    const std::string key = std::to_string(1000 + i);
    sketch_.Add(1, key, key);
    sketch_.Add(2, key, key);
  }
  // All overlap alike, so the first from the cursor on is taken each time.
  for (int i = 0; i < 300; ++i) {
    const std::optional<Compaction> picked = picker_.Pick(tree());
    ASSERT_TRUE(picked.has_value());
    EXPECT_EQ(picked->upper.front()->info().smallest_key, std::to_string(1000 + i));
  }
}

TEST_F(CompactionPickerTest, AllOfItGoesWhereItFits) {
  const std::uint64_t l0 = sketch_.Add(0, "a", "z", 100);
  const std::uint64_t l1 = sketch_.Add(1, "a", "z", 5000);
  const std::uint64_t l2 = sketch_.Add(2, "a", "z", 4000);
  std::optional<Compaction> picked = picker_.PickAll(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_EQ(picked->output_level, 2);
  EXPECT_EQ(Numbers(picked->upper), (NumberList{l0, l1}));
  EXPECT_EQ(Numbers(picked->lower), NumberList{l2});
  EXPECT_EQ(picked->input_bytes(), 9100u);
  EXPECT_FALSE(picker_.Take(l1));
}

// Of 100 entries, 60 deletes.
TableInfo Dense(std::uint64_t number, int level, std::string_view smallest,
                std::string_view largest) {
  TableInfo info;
  info.number = number;
  info.level = level;
  info.size_bytes = 10;
  info.entry_count = 100;
  info.delete_count = 60;
  info.smallest_key = smallest;
  info.largest_key = largest;
  info.largest_sequence = number;
  return info;
}
TableInfo Full(std::uint64_t number, int level, std::string_view smallest, std::string_view largest,
               std::uint64_t entries) {
  TableInfo info = Dense(number, level, smallest, largest);
  info.entry_count = entries;
  info.delete_count = 0;
  return info;
}

TEST_F(CompactionPickerTest, WhatIsHalfDeletesGoesDown) {
  sketch_.Add(Dense(100, 1, "c", "f"));
  sketch_.Add(Full(101, 2, "e", "h", 600));
  TableInfo sparse = Dense(102, 1, "g", "h");
  sparse.delete_count = 49;
  sketch_.Add(sparse);
  ASSERT_TRUE(picker_.IsDue(tree()));
  const std::optional<Compaction> picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_EQ(picked->reason, CompactionReason::kDeletes);
  EXPECT_EQ(picked->level, 1);
  EXPECT_EQ(picked->output_level, 2);
  EXPECT_FALSE(picked->is_move);
  EXPECT_EQ(Numbers(picked->upper), NumberList{100});
  EXPECT_EQ(Numbers(picked->lower), NumberList{101});
  EXPECT_FALSE(picker_.Pick(tree()).has_value());
}

TEST_F(CompactionPickerTest, DeletesOverMuchThatStaysWait) {
  sketch_.Add(Dense(100, 1, "c", "f"));
  sketch_.Add(Full(101, 2, "e", "h", 601));  // more than 10 for each
  EXPECT_FALSE(picker_.IsDue(tree()));
  EXPECT_FALSE(picker_.Pick(tree()).has_value());
  // Range deletes hide what they hide for nothing.
  TableInfo range = Dense(102, 1, "g", "z");
  range.entry_count = range.delete_count = range.range_delete_count = 1;
  sketch_.Add(range);
  EXPECT_TRUE(picker_.IsDue(tree()));
}

TEST_F(CompactionPickerTest, OfLevel0AColumnWithATableOfRangeDeletes) {
  TableInfo range = Dense(100, 0, "a", "z");
  range.entry_count = range.delete_count = range.range_delete_count = 1;
  sketch_.Add(range);
  sketch_.Add(Full(99, 1, "a", "z", 1'000'000));
  CompactionPicker picker({.level0_runs_max = 9, .level_base_bytes = 1000});
  sketch_.Add(Full(98, 0, "d", "e", 1000));
  const std::optional<Compaction> picked = picker.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_EQ(picked->reason, CompactionReason::kDeletes);
  EXPECT_EQ(picked->upper.size(), 2u);
  EXPECT_EQ(picked->lower.size(), 1u);
}

TEST_F(CompactionPickerTest, OverAGapTheyAreMovedAndAtTheEndRewritten) {
  sketch_.Add(Dense(100, 2, "c", "f"));
  sketch_.Add(Full(101, 4, "e", "h", 1'000'000));
  std::optional<Compaction> picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_TRUE(picked->is_move);
  EXPECT_EQ(picked->output_level, 3);
  picker_.Release(Numbers(picked->upper));
  sketch_.Remove(101);
  picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_FALSE(picked->is_move);
  EXPECT_EQ(picked->level, 2);
  EXPECT_EQ(picked->output_level, 2);
  EXPECT_TRUE(picked->lower.empty());
}

TEST_F(CompactionPickerTest, OfLevel0AColumnOfWhichHalfIsDeletes) {
  sketch_.Add(Dense(100, 0, "c", "f"));
  sketch_.Add(Full(99, 0, "x", "z", 1000));
  std::optional<Compaction> picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_EQ(Numbers(picked->upper), NumberList{100});
  EXPECT_EQ(picked->output_level, 1);
  EXPECT_FALSE(picked->is_move) << "what hides nothing is to go";
  picker_.Release(Numbers(picked->upper));
  // With a table that lies under it, it is not half: what it then is due for is its depth.
  sketch_.Add(Full(98, 0, "d", "e", 1000));
  picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_EQ(picked->reason, CompactionReason::kLevel0);
}

TEST_F(CompactionPickerTest, DeletesThatAReaderDoesNotSeeStay) {
  sketch_.Add(Dense(100, 1, "c", "f"));
  sketch_.Add(Dense(90, 0, "x", "z"));
  EXPECT_EQ(picker_.FirstHeldBack(tree()), kMaxSequence);
  picker_.SetOldestReader(tree(), 89);
  EXPECT_FALSE(picker_.IsDue(tree()));
  EXPECT_FALSE(picker_.Pick(tree()).has_value());
  EXPECT_EQ(picker_.FirstHeldBack(tree()), 90u);
  picker_.SetOldestReader(tree(), 90);
  EXPECT_TRUE(picker_.MayPick(tree()));
  EXPECT_EQ(picker_.FirstHeldBack(tree()), 100u);
  const std::optional<Compaction> picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_EQ(Numbers(picked->upper), NumberList{90});
  // While it runs, it is due and taken; that readers go on is no reason to look again.
  EXPECT_FALSE(picker_.Pick(tree()).has_value());
  picker_.SetOldestReader(tree(), 95);
  EXPECT_TRUE(picker_.IsDue(tree()));
  EXPECT_FALSE(picker_.MayPick(tree()));
  picker_.SetOldestReader(tree(), 100);
  EXPECT_TRUE(picker_.MayPick(tree()));
}

TEST_F(CompactionPickerTest, DeletesComeAfterLevels) {
  sketch_.Add(Dense(100, 2, "c", "f"));
  sketch_.Add(1, "x", "y", 1001);
  std::optional<Compaction> picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_EQ(picked->reason, CompactionReason::kLevelBytes);
  picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_EQ(picked->reason, CompactionReason::kDeletes);
}

TEST_F(CompactionPickerTest, FlushesAreCutWhereTablesOfLevel1Meet) {
  for (const char* key : {"a", "c", "e", "g", "i", "k"}) sketch_.Add(1, key, key);
  // A column for each 200 bytes of level 1.
  EXPECT_EQ(picker_.FlushCuts(tree()), (Keys{"e", "i"}));
  // Not through tables of level 0, ...
  const std::uint64_t wide = sketch_.Add(0, "d", "f");
  EXPECT_EQ(picker_.FlushCuts(tree()), (Keys{"g", "k"}));
  // ... unless they are about to go.
  ASSERT_TRUE(picker_.Take(wide));
  EXPECT_EQ(picker_.FlushCuts(tree()), (Keys{"e", "i"}));
}

TEST_F(CompactionPickerTest, FlushesAreCutBetweenColumns) {
  EXPECT_EQ(picker_.FlushCuts(tree()), Keys{});
  sketch_.Add(0, "b", "d");
  sketch_.Add(0, "f", "h");
  sketch_.Add(0, "p", "q");
  sketch_.Add(0, "g", "k");
  EXPECT_EQ(picker_.FlushCuts(tree()), (Keys{"f", "p"}));
  sketch_.Add(1, "a", "e");
  sketch_.Add(1, "f", "n");
  sketch_.Add(1, "o", "z");
  EXPECT_EQ(picker_.FlushCuts(tree()), (Keys{"f", "p"}));
}

// Flushes of the same keys that are cut so lie on top of each other, however level 1 changes.
TEST_F(CompactionPickerTest, ColumnsStayApart) {
  for (const char* key : {"a", "c", "e", "g", "i", "k"}) sketch_.Add(1, key, key);
  const auto flush = [&] {
    std::string start = "a";
    for (const std::string& cut : picker_.FlushCuts(tree())) {
      sketch_.Add(0, start, start + "~");
      start = cut;
    }
    sketch_.Add(0, start, start + "~");
  };
  flush();
  flush();
  std::optional<Compaction> picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_EQ(picked->upper.size(), 2u);
  EXPECT_EQ(picked->upper.front()->info().smallest_key, "a");
  flush();
  EXPECT_EQ(tree().level0_runs().size(), 3u);
  picked = picker_.Pick(tree());
  ASSERT_TRUE(picked.has_value());
  EXPECT_EQ(picked->upper.size(), 3u);
  EXPECT_EQ(picked->upper.front()->info().smallest_key, "e");
}

}  // namespace
}  // namespace aurora::lsm
