#include "aurora/cache/entry_table.h"

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::cache {
namespace {

struct Entry {
  explicit Entry(std::uint64_t k, int* count) : key(k), alive(count) { ++*alive; }
  ~Entry() { --*alive; }
  std::uint64_t key;
  int* alive;
};

Entry* Find(const EntryTable<Entry>& table, std::uint64_t hash, std::uint64_t key) {
  return table.Find(hash, [&](const Entry& entry) { return entry.key == key; });
}

TEST(EntryTableTest, HoldsWhatWasInsertedAndNotRemovedWhateverTheHashes) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 50; ++round) {
    int alive = 0;
    {
      EntryTable<Entry> table;
      std::map<std::uint64_t, Entry*> model;
      const std::uint64_t keys = 1 + random.Below(300);
      // From all hashes alike, by way of chains that wrap around the end, to all different.
      const int bits = static_cast<int>(random.Below(64));
      const auto hash_of = [&](std::uint64_t key) {
        return ~std::uint64_t{0} - (key * 0x9E3779B97F4A7C15u >> bits);
      };
      for (int step = 0; step < 2000; ++step) {
        const std::uint64_t key = random.Below(keys);
        const std::uint64_t hash = hash_of(key);
        const auto there = model.find(key);
        ASSERT_EQ(Find(table, hash, key), there == model.end() ? nullptr : there->second);
        if (there == model.end()) {
          auto entry = std::make_unique<Entry>(key, &alive);
          model[key] = entry.get();
          table.Insert(hash, std::move(entry));
        } else {
          EXPECT_EQ(table.Remove(hash, there->second)->key, key);
          model.erase(there);
        }
        ASSERT_EQ(table.size(), model.size());
        ASSERT_EQ(static_cast<std::size_t>(alive), model.size());
      }
      for (const auto& [key, entry] : model) ASSERT_EQ(Find(table, hash_of(key), key), entry);
      std::size_t odd = 0;
      for (const auto& [key, entry] : model) odd += key % 2;
      const auto found = table.FindAll([](const Entry& entry) { return entry.key % 2 == 1; });
      ASSERT_EQ(found.size(), odd);
      for (const Entry* const entry : found) ASSERT_EQ(model.at(entry->key), entry);
    }
    EXPECT_EQ(alive, 0);
  }
}

TEST(EntryTableTest, TwoEntriesOfOneHashAreToldApart) {
  int alive = 0;
  EntryTable<Entry> table;
  EXPECT_EQ(Find(table, 5, 1), nullptr);
  table.Insert(5, std::make_unique<Entry>(1, &alive));
  table.Insert(5, std::make_unique<Entry>(2, &alive));
  table.Remove(5, Find(table, 5, 1));
  EXPECT_EQ(Find(table, 5, 1), nullptr);
  EXPECT_EQ(Find(table, 5, 2)->key, 2u);
}

}  // namespace
}  // namespace aurora::cache
