#include "aurora/lsm/entry_tree.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "aurora/lsm/types.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

using Entry = EntryTree::Entry;

// Entries that live as long as the tree.
class Entries {
 public:
  const Entry* Make(std::string_view key, Sequence sequence = 1) {
    const std::size_t words = Entry::Bytes(key.size(), 0) / sizeof(std::uint64_t) + 1;
    std::vector<std::uint64_t>& memory = memory_.emplace_back(words);
    Entry* const entry = Entry::New(reinterpret_cast<char*>(memory.data()), key.size(),
                                    Version(sequence, EntryKind::kPut), {});
    std::memcpy(entry->key_data(), key.data(), key.size());
    return entry;
  }

 private:
  std::deque<std::vector<std::uint64_t>> memory_;
};

// Of eight digits, so that numbers and keys have one order, behind `prefix`.
std::string Key(std::uint64_t number, std::string_view prefix = "") {
  std::string digits = std::to_string(number);
  return std::string(prefix) + std::string(8 - digits.size(), '0') + digits;
}

EntryKey FirstOf(std::string_view key) { return {key, Version::FromWord(~std::uint64_t{0})}; }

class EntryTreeTest : public testing::Test {
 protected:
  void Insert(std::string_view key) { tree_.Insert(entries_.Make(key)); }

  // Everything, forwards and backwards, is `keys`, which are sorted.
  void ExpectAll(const std::vector<std::string>& keys) {
    EntryTree::Cursor cursor(&tree_);
    cursor.SeekToFirst();
    for (const std::string& key : keys) {
      ASSERT_TRUE(cursor.Valid()) << key;
      ASSERT_EQ(cursor.entry().key(), key);
      cursor.Next();
    }
    EXPECT_FALSE(cursor.Valid());
    cursor.SeekToLast();
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
      ASSERT_TRUE(cursor.Valid()) << *key;
      ASSERT_EQ(cursor.entry().key(), *key);
      cursor.Prev();
    }
    EXPECT_FALSE(cursor.Valid());
  }

  MemoryBudget budget_{std::size_t{1} << 30};
  Entries entries_;
  EntryTree tree_{&budget_, MemoryUse::kMemtable};
};

TEST_F(EntryTreeTest, AnyOrderOfInsertionGivesOneOrder) {
  constexpr std::uint64_t kCount = 20'000;  // four levels
  // Alike in their heads or not.
  for (const std::string prefix : {"", "a common beginning "}) {
    for (const int order : {0, 1, 2}) {
      MemoryBudget budget(std::size_t{1} << 30);
      Entries entries;
      EntryTree tree(&budget, MemoryUse::kMemtable);
      std::vector<std::uint64_t> numbers;
      for (std::uint64_t i = 0; i < kCount; ++i) numbers.push_back(i);
      if (order == 1) std::reverse(numbers.begin(), numbers.end());
      if (order == 2) {
        SeededRandom random(TestSeed());
        for (std::size_t i = kCount; i > 1; --i) {
          std::swap(numbers[i - 1], numbers[random.Below(i)]);
        }
      }
      for (const std::uint64_t number : numbers) tree.Insert(entries.Make(Key(2 * number, prefix)));
      EntryTree::Cursor cursor(&tree);
      cursor.SeekToFirst();
      for (std::uint64_t i = 0; i < kCount; ++i, cursor.Next()) {
        ASSERT_TRUE(cursor.Valid());
        ASSERT_EQ(cursor.entry().key(), Key(2 * i, prefix));
      }
      EXPECT_FALSE(cursor.Valid());
      for (std::uint64_t i = 0; i < 2 * kCount - 1; ++i) {
        const std::string target = Key(i, prefix);
        cursor.Seek(FirstOf(target));
        ASSERT_EQ(cursor.entry().key(), Key((i + 1) / 2 * 2, prefix));
        cursor.SeekBackward({target, Version()});
        ASSERT_EQ(cursor.entry().key(), Key(i / 2 * 2, prefix));
        cursor.SeekBackward(FirstOf(target));
        ASSERT_EQ(cursor.Valid(), i > 0);
        if (i > 0) ASSERT_EQ(cursor.entry().key(), Key((i - 1) / 2 * 2, prefix));
      }
    }
  }
}

TEST_F(EntryTreeTest, AscendingKeysFillEveryNode) {
  constexpr std::uint64_t kCount = 10'000;
  const std::size_t before = tree_.used_bytes();
  for (std::uint64_t i = 0; i < kCount; ++i) Insert(Key(i));
  // 256 bytes for 14 entries, and the inner nodes: 384 for 14 leaves.
  EXPECT_LT((tree_.used_bytes() - before) / kCount, 22u);
}

TEST_F(EntryTreeTest, ACursorGoesOnThroughNodesThatWereSplitUnderIt) {
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i < 500; ++i) keys.push_back(Key(1000 * i));
  for (const std::string& key : keys) Insert(key);
  EntryTree::Cursor forward(&tree_);
  EntryTree::Cursor backward(&tree_);
  forward.SeekToFirst();
  backward.SeekToLast();
  SeededRandom random(TestSeed());
  std::uint64_t added = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    // What was there when the cursors began is met, whatever is added around it.
    while (forward.entry().key() != keys[i]) {
      forward.Next();
      ASSERT_TRUE(forward.Valid()) << keys[i];
    }
    while (backward.entry().key() != keys[keys.size() - 1 - i]) {
      backward.Prev();
      ASSERT_TRUE(backward.Valid()) << keys[i];
    }
    for (int n = 0; n < 10; ++n) Insert(Key(1000 * random.Below(500)) + "+" + Key(added++));
  }
}

using EntryTreeDeathTest = EntryTreeTest;

TEST_F(EntryTreeDeathTest, AnEntryMayNotComeTwice) {
  for (std::uint64_t i = 0; i < 100; ++i) Insert(Key(i));
  for (const std::uint64_t i : {0, 14, 57, 99}) {
    EXPECT_DEATH(Insert(Key(i)), "at most one mutation");
  }
}

// --- Concurrency. ---

TEST_F(EntryTreeTest, WritersOfOneRangeAndOfTheEndLoseNothing) {
  constexpr std::uint64_t kWriters = 4;
  constexpr std::uint64_t kEach = 20'000;
  std::vector<Entries> entries(kWriters);
  std::vector<std::thread> threads;
  for (std::uint64_t w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      // Two append side by side at the end, two fill the same range from both sides.
      for (std::uint64_t i = 0; i < kEach; ++i) {
        const std::uint64_t number = w < 2    ? 10'000'000 + 2 * i + w
                                     : w == 2 ? 2 * i
                                              : 2 * (kEach - 1 - i) + 1;
        tree_.Insert(entries[w].Make(Key(number)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i < 2 * kEach; ++i) keys.push_back(Key(i));
  for (std::uint64_t i = 0; i < 2 * kEach; ++i) keys.push_back(Key(10'000'000 + i));
  ExpectAll(keys);
}

TEST_F(EntryTreeTest, TheEndsAreFoundWhileEntriesAreAddedNextToThem) {
  Insert(Key(0));
  Insert(Key(90'000'000));
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= 150'000; ++i) {
      tree_.Insert(entries_.Make(Key(i % 2 == 0 ? i : 80'000'000 + i)));
    }
    done = true;
  });
  EntryTree::Cursor cursor(&tree_);
  while (!done && !HasFailure()) {
    cursor.SeekToLast();
    EXPECT_EQ(cursor.entry().key(), Key(90'000'000));
    cursor.SeekToFirst();
    EXPECT_EQ(cursor.entry().key(), Key(0));
  }
  writer.join();
}

TEST_F(EntryTreeTest, WhatIsThereIsFoundFromBothSidesWhileItsNodesAreSplit) {
  constexpr std::uint64_t kLandmarks = 30;
  for (std::uint64_t i = 0; i < kLandmarks; ++i) Insert(Key(1'000'000 * i));
  std::atomic<bool> done{false};
  std::thread writer([&] {
    SeededRandom random(1);
    for (std::uint64_t i = 0; i < 200'000; ++i) {
      tree_.Insert(entries_.Make(Key(1'000'000 * random.Below(kLandmarks)) + Key(i)));
    }
    done = true;
  });
  EntryTree::Cursor cursor(&tree_);
  SeededRandom random(TestSeed());
  while (!done && !HasFailure()) {
    const std::string landmark = Key(1'000'000 * random.Below(kLandmarks));
    cursor.Seek(FirstOf(landmark));
    EXPECT_EQ(cursor.entry().key(), landmark);
    cursor.SeekBackward({landmark, Version()});
    EXPECT_EQ(cursor.entry().key(), landmark);
  }
  writer.join();
}

}  // namespace
}  // namespace aurora::lsm
