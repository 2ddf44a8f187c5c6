#include "aurora/lsm/tree.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/tree_testing.h"

namespace aurora::lsm {
namespace {

using NumberList = std::vector<std::uint64_t>;

std::vector<NumberList> Runs(const Tree& tree) {
  std::vector<NumberList> runs;
  for (const Tree::Tables& run : tree.level0_runs()) runs.push_back(Numbers(run));
  return runs;
}

TEST(TreeTest, TablesThatDoNotOverlapAreOneRun) {
  TreeSketch sketch;
  const std::uint64_t c = sketch.Add(0, "c", "d");
  const std::uint64_t a = sketch.Add(0, "a", "b");
  const std::uint64_t e = sketch.Add(0, "e", "f");
  EXPECT_EQ(Runs(sketch.tree()), (std::vector<NumberList>{{a, c, e}}));
}

TEST(TreeTest, TheNewerOfTwoThatOverlapIsInTheNewerRun) {
  TreeSketch sketch;
  const std::uint64_t left = sketch.Add(0, "a", "c");
  const std::uint64_t right = sketch.Add(0, "d", "f");
  const std::uint64_t middle = sketch.Add(0, "c", "d");
  const std::uint64_t far = sketch.Add(0, "x", "z");
  const std::uint64_t top = sketch.Add(0, "c", "c");
  EXPECT_EQ(Runs(sketch.tree()), (std::vector<NumberList>{{top}, {middle}, {left, right, far}}));
  // What is gone makes room below.
  sketch.Remove(left);
  EXPECT_EQ(Runs(sketch.tree()), (std::vector<NumberList>{{top}, {middle}, {right, far}}));
  sketch.Remove(right);
  EXPECT_EQ(Runs(sketch.tree()), (std::vector<NumberList>{{top}, {middle, far}}));
}

TEST(TreeTest, ItKnowsWhichTablesAreHalfDeletes) {
  TreeSketch sketch;
  const auto add = [&](std::uint64_t number, int level, std::uint64_t entries,
                       std::uint64_t deletes) {
    TableInfo info;
    info.number = number;
    info.level = level;
    info.entry_count = entries;
    info.delete_count = deletes;
    info.smallest_key = level == 3 ? "f" : "a";
    info.largest_key = "k";
    sketch.Add(info);
  };
  add(1, 1, 10, 5);
  add(2, 2, 11, 5);
  add(3, 3, 7, 7);
  ASSERT_EQ(sketch.tree().dense_tables().size(), 2u);
  const Tree::DenseTable& first = sketch.tree().dense_tables().front();
  EXPECT_EQ(first.table->info().number, 1u);
  EXPECT_EQ(first.entries_below, 11u);
  EXPECT_FALSE(first.is_last);
  const Tree::DenseTable& last = sketch.tree().dense_tables().back();
  EXPECT_EQ(last.table->info().number, 3u);
  EXPECT_EQ(last.level, 3);
  EXPECT_TRUE(last.is_last);
  sketch.Remove(3);
  EXPECT_EQ(sketch.tree().dense_tables().size(), 1u);
}

TEST(TreeTest, WhereATableEndsExclusivelyTheNextMayBegin) {
  TreeSketch sketch;
  TableInfo info;
  info.number = 1;
  info.entry_count = 1;
  info.smallest_key = "a";
  info.largest_key = "c";
  info.largest_is_exclusive = true;
  sketch.Add(info);
  info.number = 2;
  info.smallest_key = "c";
  info.largest_key = "d";
  info.largest_is_exclusive = false;
  sketch.Add(info);
  EXPECT_EQ(Runs(sketch.tree()), (std::vector<NumberList>{{1, 2}}));
  EXPECT_EQ(Numbers(sketch.tree().Overlapping(0, "b", "b")), NumberList{1});
  EXPECT_EQ(Numbers(sketch.tree().Overlapping(0, "c", "c")), NumberList{2});
}

// Runs are disjoint and ascending, hold every table once, and a reader that asks them one after the
// other meets the tables of a key from the newest to the oldest.
TEST(TreeTest, RunsAreTheOrderOfReading) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    TreeSketch sketch;
    std::vector<std::uint64_t> present;
    for (int i = 0; i < 30; ++i) {
      if (!present.empty() && random() % 4 == 0) {
        const std::size_t which = random() % present.size();
        sketch.Remove(present[which]);
        present.erase(present.begin() + static_cast<std::ptrdiff_t>(which));
        continue;
      }
      const auto first = static_cast<char>('a' + random() % 26);
      const auto others = static_cast<unsigned>('z' - first);
      const auto last = static_cast<char>(first + random() % (1u + others));
      present.push_back(sketch.Add(0, std::string(1, first), std::string(1, last)));
    }
    std::size_t count = 0;
    for (const Tree::Tables& run : sketch.tree().level0_runs()) {
      count += run.size();
      for (std::size_t i = 1; i < run.size(); ++i) {
        EXPECT_TRUE(run[i - 1]->info().EndsBefore(run[i]->info().smallest_key));
      }
    }
    EXPECT_EQ(count, sketch.tree().level(0).size());
    for (char c = 'a'; c <= 'z'; ++c) {
      const std::string key(1, c);
      NumberList newest_first;
      for (const auto& table : sketch.tree().level(0)) {
        if (table->info().Spans(key)) newest_first.push_back(table->info().number);
      }
      EXPECT_EQ(Numbers(sketch.tree().Overlapping(0, key, key)), newest_first) << key;
    }
  }
}

}  // namespace
}  // namespace aurora::lsm
