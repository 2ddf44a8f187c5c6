#include "aurora/index/row_set.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <vector>

#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::index {
namespace {

using Model = std::set<RowId>;

// Rows that cluster in a few chunks, so that chunks are shared, full of runs, and at both ends of
// the range.
Model RandomRows(Random& random) {
  Model rows;
  const std::uint64_t count = random.Below(300);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto chunk =
        static_cast<ChunkId>(random.Below(2) ? random.Below(4) : 0xFFFFFFFFu - random.Below(2));
    const auto place =
        static_cast<std::uint16_t>(random.Below(random.Below(2) ? 100 : kRowsPerChunk));
    rows.insert(RowAt(chunk, place));
  }
  return rows;
}

RowSet ToSet(const Model& model) {
  RowSet set;
  for (const RowId row : model) set.Add(row);
  return set;
}

std::vector<RowId> ToRows(const Model& model) { return {model.begin(), model.end()}; }

TEST(RowSetTest, AlgebraAgreesWithAnOrderedSet) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 300; ++round) {
    const Model a = RandomRows(random);
    const Model b = RandomRows(random);
    Model both, either, only_a;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
    std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::inserter(either, either.end()));
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(),
                        std::inserter(only_a, only_a.end()));
    const RowSet x = ToSet(a), y = ToSet(b);
    EXPECT_EQ((x & y).ToVector(), ToRows(both));
    EXPECT_EQ((x | y).ToVector(), ToRows(either));
    EXPECT_EQ((x - y).ToVector(), ToRows(only_a));
    EXPECT_EQ(RowSet::CountIntersection(x, y), both.size());
    EXPECT_EQ((x | y).Count(), either.size());
    EXPECT_EQ(x == y, a == b);
    EXPECT_EQ((x & y).empty(), both.empty());
    for (const RowId row : a) EXPECT_EQ(y.Contains(row), b.contains(row));
  }
}

TEST(RowSetTest, WhatIsAfterARowIsTheRestOfTheSet) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 100; ++round) {
    const Model model = RandomRows(random);
    const Model more = RandomRows(random);
    const RowSet set = ToSet(model);
    for (const Model& rows : {model, more}) {
      for (const RowId row : rows) {
        EXPECT_EQ(set.After(row).ToVector(),
                  std::vector<RowId>(model.upper_bound(row), model.end()));
      }
    }
  }
}

TEST(RowSetTest, RowsMayBeAddedInAnyOrder) {
  RowSet set;
  for (const RowId row : {RowId{5} << 16, RowId{3}, kMaxRowId, RowId{2}, RowId{3}}) set.Add(row);
  EXPECT_EQ(set.ToVector(), (std::vector<RowId>{2, 3, RowId{5} << 16, kMaxRowId}));
}

TEST(RowSetTest, CopiesShareWhatNeitherChanges) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 100; ++round) {
    Model model = RandomRows(random);
    Model copied = model;
    RowSet set = ToSet(model);
    RowSet copy = set;
    for (int i = 0; i < 50; ++i) {
      // Rows that are there, rows beside them, and others.
      const Model more = RandomRows(random);
      const RowId row = !more.empty() && random.Below(2) == 0 ? *more.begin()
                        : model.empty()                       ? random.Below(100)
                                                              : *model.begin() + random.Below(3);
      const bool other = random.Below(2) == 0;
      if (random.Below(2) == 0) {
        (other ? copy : set).Add(row);
        (other ? copied : model).insert(row);
      } else {
        (other ? copy : set).Remove(row);
        (other ? copied : model).erase(row);
      }
    }
    EXPECT_EQ(set.ToVector(), ToRows(model));
    EXPECT_EQ(copy.ToVector(), ToRows(copied));
    EXPECT_EQ(set.Count(), model.size());
    EXPECT_EQ(set.empty(), model.empty());
  }
}

TEST(RowSetTest, PagesFollowEachOtherWithoutGapOrOverlap) {
  SeededRandom random(TestSeed());
  const Model model = RandomRows(random);
  const RowSet set = ToSet(model);
  std::vector<RowId> paged;
  for (std::uint64_t skip = 0; skip <= model.size(); skip += 7) {
    const std::vector<RowId> page = set.ToVector(skip, 7);
    EXPECT_LE(page.size(), 7u);
    paged.insert(paged.end(), page.begin(), page.end());
  }
  EXPECT_EQ(paged, ToRows(model));
  EXPECT_TRUE(set.ToVector(model.size(), 10).empty());
}

}  // namespace
}  // namespace aurora::index
