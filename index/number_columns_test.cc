#include "aurora/index/number_columns.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::index {
namespace {

constexpr std::uint32_t kCollection = 3;
constexpr std::uint32_t kFields = 2;
constexpr std::uint64_t kAll = kRowsPerChunk;  // so many that a chunk is worth filling at once

// All commits, in their order.
class Model {
 public:
  void Sequence(Random& random, NumberColumns* columns) {
    ++sequenced_;
    for (std::uint64_t i = random.Below(3); i < 3; ++i) {
      const RowId row = random.Below(2) << 16 | random.Below(8);
      std::vector<NumberCell> cells(kFields);
      for (NumberCell& cell : cells) cell = DrawCell(random);
      columns->Apply(sequenced_, kCollection, row,
                     [&](std::uint32_t field) { return cells[field]; });
      for (std::uint32_t field = 0; field < kFields; ++field) {
        history_[{field, row}].emplace_back(sequenced_, cells[field]);
      }
    }
  }
  void Publish() { published_ = std::min(published_ + 1, sequenced_); }
  lsm::Sequence published() const { return published_; }

  std::shared_ptr<const NumberChunk> ChunkAt(std::uint32_t field, ChunkId chunk,
                                             lsm::Sequence at) const {
    auto cells = std::make_shared<NumberChunk>();
    for (const auto& [key, changes] : history_) {
      const auto& [of, row] = key;
      if (of != field || ChunkOf(row) != chunk) continue;
      for (const auto& [sequence, cell] : changes) {
        if (sequence <= at) cells->Set(PlaceOf(row), cell);
      }
    }
    return cells;
  }

 private:
  static NumberCell DrawCell(Random& random) {
    switch (random.Below(4)) {
      case 0:
        return {};
      case 1:
        return NumberCell::Of(static_cast<std::int64_t>(random.Next64()));
      case 2:
        return NumberCell::Of(static_cast<double>(random.Below(1000)) / 8);
      default:
        return {NumberCell::Kind::kOther, 0};
    }
  }

  std::map<std::pair<std::uint32_t, RowId>, std::vector<std::pair<lsm::Sequence, NumberCell>>>
      history_;
  lsm::Sequence sequenced_ = 0;
  lsm::Sequence published_ = 0;
};

bool Same(const NumberChunk& a, const NumberChunk& b) {
  for (std::uint16_t place = 0; place < 16; ++place) {
    const NumberCell x = a.At(place);
    const NumberCell y = b.At(place);
    if (x.kind != y.kind || x.bits != y.bits) return false;
  }
  return true;
}

// Commits and readers in any order. False once an answer is wrong.
bool RunReaders(Random& random, int* known) {
  MemoryBudget budget(16u << 20);
  NumberColumns columns(random.Below(4) == 0 ? 3u << 20 : 16u << 20, &budget);
  Model model;
  struct Reader {
    std::uint32_t field;
    ChunkId chunk;
    lsm::Sequence at;
  };
  std::vector<Reader> readers;
  for (int step = 0; step < 120; ++step) {
    const std::uint64_t action = random.Below(10);
    if (action < 3) {
      model.Sequence(random, &columns);
    } else if (action < 6) {
      model.Publish();
    } else if (action < 9 || readers.empty()) {
      const lsm::Sequence age = std::min<lsm::Sequence>(random.Below(3), model.published());
      const Reader reader{static_cast<std::uint32_t>(random.Below(kFields)),
                          static_cast<ChunkId>(random.Below(2)), model.published() - age};
      const NumberColumns::Found found =
          columns.Find({kCollection, reader.field}, reader.chunk, reader.at, kAll);
      if (found.cells == nullptr) {
        readers.push_back(reader);
        continue;
      }
      ++*known;
      if (!Same(*found.cells, *model.ChunkAt(reader.field, reader.chunk, reader.at))) return false;
    } else {
      const std::size_t i = random.Below(readers.size());
      const auto& [field, chunk, at] = readers[i];
      columns.Fill({kCollection, field}, chunk, at, model.ChunkAt(field, chunk, at));
      readers.erase(readers.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  EXPECT_EQ(budget.used_bytes(), columns.charged_bytes());
  return true;
}

TEST(NumberColumnsTest, ReadersSeeTheNumbersOfTheirSequence) {
  SeededRandom random(TestSeed());
  int known = 0;
  for (int round = 0; round < 40; ++round) ASSERT_TRUE(RunReaders(random, &known));
  EXPECT_GT(known, 40 * 5);
}

TEST(NumberColumnsTest, BugsAreFound) {
  for (const char* const name : {"followed-late-fill", "number-columns-miss-commit"}) {
    const ScopedPlantedBug bug(name);
    SeededRandom random(TestSeed());
    int known = 0;
    bool found = false;
    for (int round = 0; round < 100 && !found; ++round) found = !RunReaders(random, &known);
    EXPECT_TRUE(found) << name;
  }
}

TEST(NumberColumnsTest, AChunkIsFilledOnceItWasWorthIt) {
  MemoryBudget budget(16u << 20);
  NumberColumns columns(16u << 20, &budget);
  std::uint64_t asked = 0;
  while (!columns.Find({kCollection, 0}, 0, 0, 1000).worth_filling) asked += 1000;
  EXPECT_GT(asked, kRowsPerChunk / 16);
  EXPECT_LT(asked, kRowsPerChunk / 4);
  // Of another chunk, and another field, nothing is known.
  EXPECT_FALSE(columns.Find({kCollection, 0}, 1, 0, 1000).worth_filling);
  EXPECT_FALSE(columns.Find({kCollection, 1}, 0, 0, 1000).worth_filling);
}

TEST(NumberColumnsTest, WhatDoesNotFitIsNotReadEachTime) {
  MemoryBudget budget(16u << 20);
  NumberColumns columns(1u << 20, &budget);
  int fills = 0;
  for (int i = 0; i < 100; ++i) {
    const NumberColumns::Found found = columns.Find({kCollection, 0}, 0, 0, kRowsPerChunk / 30);
    EXPECT_EQ(found.cells, nullptr);
    if (!found.worth_filling) continue;
    columns.Fill({kCollection, 0}, 0, 0, std::make_shared<NumberChunk>());
    ++fills;
  }
  EXPECT_LT(fills, 30);
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST(NumberColumnsTest, TooManyChangesAreNotFollowed) {
  MemoryBudget budget(16u << 20);
  NumberColumns columns(16u << 20, &budget);
  ASSERT_TRUE(columns.Find({kCollection, 0}, 0, 0, kAll).worth_filling);
  columns.Fill({kCollection, 0}, 0, 0, std::make_shared<NumberChunk>());
  ASSERT_NE(columns.Find({kCollection, 0}, 0, 0, 1).cells, nullptr);
  for (lsm::Sequence i = 1; i <= kRowsPerChunk; ++i) {
    columns.Apply(i, kCollection, i % 100, [](std::uint32_t) { return NumberCell(); });
  }
  EXPECT_EQ(columns.charged_bytes(), 0u);
  EXPECT_EQ(budget.used_bytes(), 0u);
}

}  // namespace
}  // namespace aurora::index
