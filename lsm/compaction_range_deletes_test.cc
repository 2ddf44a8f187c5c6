#include "aurora/lsm/compaction_range_deletes.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/memory_file_testing.h"
#include "aurora/lsm/table_builder.h"
#include "aurora/lsm/tree.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/memory_budget.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

using Ranges = std::vector<RangeDelete>;

TableInfo Table(std::string smallest, std::string largest, Sequence first, Sequence last) {
  TableInfo info;
  info.number = 1;
  info.smallest_key = std::move(smallest);
  info.largest_key = std::move(largest);
  info.smallest_sequence = first;
  info.largest_sequence = last;
  return info;
}

// A tree with one table in `level`.
Tree TreeWith(int level, TableInfo info) {
  Tree empty;
  info.level = level;
  return *empty.With({}, {{level, std::make_shared<TreeTable>(std::move(info), nullptr, nullptr)}});
}

// What a table is given of them.
struct Given {
  std::uint64_t count = 0;
  std::string smallest;
  std::string largest;
};
Given CutTo(CompactionRangeDeletes* deletes, std::optional<std::string_view> end) {
  MemoryBudget budget(SIZE_MAX);
  MemoryFileState file;
  TableBuilderOptions options;
  options.memory = &budget;
  TableBuilder builder(std::make_unique<MemoryFile>(&file), options);
  EXPECT_TRUE(deletes->Cut(end, &builder).ok());
  EXPECT_TRUE(BlockOn(builder.Add({"m", Version(99, EntryKind::kPut)}, "v")).ok());
  const auto summary = BlockOn(builder.Finish());
  EXPECT_TRUE(summary.ok()) << summary.status();
  return {summary->properties.range_delete_count, summary->properties.smallest_key,
          summary->properties.largest_key};
}

TEST(CompactionRangeDeletesTest, ThereMayBeNone) {
  const CompactionRangeDeletes none;
  EXPECT_EQ(none.all(), nullptr);
  EXPECT_TRUE(none.empty());
  EXPECT_FALSE(none.Hides(Table("a", "b", 1, 2)));
}

TEST(CompactionRangeDeletesTest, ATableIsHiddenIfAllOfItIsBelowARangeThatEveryReaderSees) {
  const Ranges ranges = {{"b", "d", 10}, {"d", "f", 20}};
  const std::vector<Sequence> latest = {kMaxSequence};
  const CompactionRangeDeletes deletes(ranges, latest);
  EXPECT_TRUE(deletes.Hides(Table("b", "c", 1, 9)));
  EXPECT_TRUE(deletes.Hides(Table("b", "e", 1, 9)));  // by two together
  EXPECT_FALSE(deletes.Hides(Table("b", "e", 1, 10)));
  EXPECT_FALSE(deletes.Hides(Table("a", "c", 1, 9)));
  EXPECT_FALSE(deletes.Hides(Table("d", "f", 1, 9)));  // f is not in it
  TableInfo exclusive = Table("d", "f", 1, 9);
  exclusive.largest_is_exclusive = true;
  EXPECT_TRUE(deletes.Hides(exclusive));
}

TEST(CompactionRangeDeletesTest, ATableThatASnapshotSeesIsNotHidden) {
  const Ranges ranges = {{"b", "d", 10}};
  const std::vector<Sequence> visible = {5, kMaxSequence};
  const CompactionRangeDeletes deletes(ranges, visible);
  EXPECT_FALSE(deletes.Hides(Table("b", "c", 1, 9)));
  EXPECT_FALSE(deletes.Hides(Table("b", "c", 5, 9)));
  EXPECT_TRUE(deletes.Hides(Table("b", "c", 6, 9)));
}

TEST(CompactionRangeDeletesTest, ARangeIsNeededWhileATableBelowHoldsItsKeysOrASnapshotIsOlder) {
  const Ranges ranges = {{"b", "d", 10}};
  const std::vector<Sequence> latest = {kMaxSequence};
  const std::vector<Sequence> with_snapshot = {5, kMaxSequence};
  const auto is_dropped = [&](const std::vector<Sequence>& visible, const Tree& tree) {
    CompactionRangeDeletes deletes(ranges, visible);
    deletes.DropUnneeded(tree, 2);
    return deletes.empty();
  };
  const Tree inside = TreeWith(2, Table("c", "z", 1, 2));
  const Tree behind = TreeWith(2, Table("d", "z", 1, 2));
  const Tree above = TreeWith(1, Table("c", "z", 1, 2));
  EXPECT_FALSE(is_dropped(latest, inside));
  EXPECT_TRUE(is_dropped(latest, behind));
  EXPECT_TRUE(is_dropped(latest, above));
  EXPECT_TRUE(is_dropped(latest, Tree()));
  EXPECT_FALSE(is_dropped(with_snapshot, Tree()));
}

TEST(CompactionRangeDeletesTest, ARangeIsCutWhereTablesEnd) {
  const Ranges ranges = {{"b", "x", 10}, {"y", "z", 11}};
  const std::vector<Sequence> latest = {kMaxSequence};
  CompactionRangeDeletes deletes(ranges, latest);
  const Given first = CutTo(&deletes, "n");
  EXPECT_EQ(first.count, 1u);
  EXPECT_EQ(first.smallest, "b");
  EXPECT_EQ(first.largest, "n");
  EXPECT_FALSE(deletes.empty());
  const Given last = CutTo(&deletes, std::nullopt);
  EXPECT_EQ(last.count, 2u);
  EXPECT_EQ(last.smallest, "m");  // of the entry
  EXPECT_EQ(last.largest, "z");
  EXPECT_TRUE(deletes.empty());
}

TEST(CompactionRangeDeletesTest, APartHasWhatLiesInIt) {
  const Ranges ranges = {{"b", "k", 10}, {"m", "p", 11}, {"r", "z", 12}};
  const std::vector<Sequence> latest = {kMaxSequence};
  const CompactionRangeDeletes deletes(ranges, latest);
  CompactionRangeDeletes first = deletes.Within("", "e");
  CompactionRangeDeletes middle = deletes.Within("e", "s");
  CompactionRangeDeletes last = deletes.Within("s", std::nullopt);
  EXPECT_TRUE(deletes.Within("k", "m").empty());
  // They hide as much as all of them.
  EXPECT_TRUE(first.Hides(Table("r", "s", 1, 9)));
  Given given = CutTo(&first, std::nullopt);
  EXPECT_EQ(given.count, 1u);
  EXPECT_EQ(given.smallest, "b");
  given = CutTo(&middle, std::nullopt);
  EXPECT_EQ(given.count, 3u);
  EXPECT_EQ(given.smallest, "e");
  EXPECT_EQ(given.largest, "s");
  given = CutTo(&last, std::nullopt);
  EXPECT_EQ(given.count, 1u);
  EXPECT_EQ(given.largest, "z");
}

}  // namespace
}  // namespace aurora::lsm
