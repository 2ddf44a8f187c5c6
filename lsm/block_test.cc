#include "aurora/lsm/block.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/lsm/block_builder.h"
#include "aurora/lsm/coding.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

struct Order {
  bool operator()(const std::pair<std::string, std::uint64_t>& a,
                  const std::pair<std::string, std::uint64_t>& b) const {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  }
};
using Model = std::map<std::pair<std::string, std::uint64_t>, std::string, Order>;

absl::StatusOr<std::shared_ptr<const Block>> OpenBlock(std::string_view bytes) {
  auto copy = std::make_unique<char[]>(bytes.size());
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  return Block::Open(std::move(copy), bytes.size(), {});
}

std::string BuildBytes(const Model& model, int restart_interval) {
  BlockBuilder builder(restart_interval);
  for (const auto& [key, value] : model) {
    builder.Add({key.first, Version::FromWord(key.second)}, value);
  }
  const std::size_t estimate = builder.SizeEstimate();
  std::string bytes(builder.Finish());
  EXPECT_LE(bytes.size(), estimate);
  return bytes;
}

Model RandomModel(SeededRandom& random, int count) {
  // Few distinct beginnings, so that keys share; few distinct keys, so that there are versions.
  Model model;
  const int flavour = static_cast<int>(random.Next64() % 3);
  const Sequence base = flavour == 0 ? 1 : flavour == 1 ? 1000000 : kMaxSequence - 100000;
  while (static_cast<int>(model.size()) < count) {
    std::string key;
    const std::size_t length = random.Next64() % 12;
    for (std::size_t i = 0; i < length; ++i) key.push_back("\0a\xFF"[random.Next64() % 3]);
    if (random.Next64() % 8 == 0) key.append(40, 'x');
    const Version version(base + random.Next64() % 100000,
                          static_cast<EntryKind>(random.Next64() % 3));
    std::string value(random.Next64() % (flavour == 2 ? 3000 : 20), 'v');
    for (char& c : value) c = static_cast<char>(random.Next64());
    model[{key, version.word()}] = value;
  }
  return model;
}

class BlockTest : public testing::Test {
 protected:
  void ExpectAt(const Block::Cursor& cursor, Model::const_iterator position) {
    ASSERT_EQ(cursor.Valid(), position != model_.end());
    if (!cursor.Valid()) return;
    EXPECT_EQ(cursor.key().key, position->first.first);
    EXPECT_EQ(cursor.key().version.word(), position->first.second);
    EXPECT_EQ(cursor.value(), position->second);
    if (cursor.value().size() >= 8) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(cursor.value().data()) % 8, 0u);
    }
  }
  // What a Get should feed, from the model.
  std::vector<std::uint64_t> Expected(const std::string& key, Sequence at) {
    std::vector<std::uint64_t> words;
    for (auto it = model_.lower_bound({key, at << 8 | 0xFF});
         it != model_.end() && it->first.first == key; ++it) {
      words.push_back(it->first.second);
      if ((it->first.second & 0xFF) != static_cast<std::uint64_t>(EntryKind::kMerge)) break;
    }
    return words;
  }

  SeededRandom random_{TestSeed()};
  Model model_;
};

TEST_F(BlockTest, CursorsWalkAndSeekLikeAMap) {
  for (const int restart_interval : {1, 2, 16, 64}) {
    for (const int count : {1, 2, 15, 16, 17, 33, 300}) {
      model_ = RandomModel(random_, count);
      auto block = OpenBlock(BuildBytes(model_, restart_interval));
      ASSERT_TRUE(block.ok()) << block.status();
      EXPECT_EQ((*block)->entry_count(), model_.size());
      Block::Cursor cursor;
      EXPECT_FALSE(cursor.Valid());
      cursor.Reset(block->get());
      EXPECT_FALSE(cursor.Valid());
      auto position = model_.cbegin();
      for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next(), ++position) {
        ExpectAt(cursor, position);
      }
      ASSERT_EQ(position, model_.cend());
      cursor.SeekToLast();
      for (auto back = model_.crbegin(); back != model_.crend(); ++back, cursor.Prev()) {
        ExpectAt(cursor, std::prev(back.base()));
      }
      EXPECT_FALSE(cursor.Valid());

      for (int round = 0; round < 100; ++round) {
        // Often a key of the block, at a version that it has, or about there.
        auto some = std::next(model_.cbegin(),
                              static_cast<std::ptrdiff_t>(random_.Next64() % model_.size()));
        std::pair<std::string, std::uint64_t> target = some->first;
        if (random_.Next64() % 2 == 0) target.second += (random_.Next64() % 3 - 1) << 8;
        if (random_.Next64() % 4 == 0 && !target.first.empty()) target.first.pop_back();
        if (random_.Next64() % 4 == 0) target.first.push_back("\0a\xFF"[random_.Next64() % 3]);
        const EntryKey key{target.first, Version::FromWord(target.second)};
        Model::const_iterator at = model_.lower_bound(target);
        cursor.Seek(key);
        ExpectAt(cursor, at);
        for (int step = 0; step < 40 && cursor.Valid(); ++step) {
          if (random_.Next64() % 2 == 0) {
            cursor.Next();
            ++at;
          } else {
            cursor.Prev();
            at = at == model_.cbegin() ? model_.cend() : std::prev(at);
          }
          ExpectAt(cursor, at);
        }
        auto after = model_.upper_bound(target);
        cursor.SeekBackward(key);
        ExpectAt(cursor, after == model_.cbegin() ? model_.cend() : std::prev(after));
      }
    }
  }
}

TEST_F(BlockTest, GetFeedsTheVersionsOfAKeyFromASequenceDown) {
  for (int round = 0; round < 40; ++round) {
    model_ = RandomModel(random_, 150);
    auto block = OpenBlock(BuildBytes(model_, round % 2 == 0 ? 16 : 3));
    ASSERT_TRUE(block.ok());
    for (const auto& [key, value] : model_) {
      for (const Sequence at : {key.second >> 8, (key.second >> 8) - 1, kMaxSequence}) {
        const std::vector<std::uint64_t> expected = Expected(key.first, at);
        KeyHistory history;
        const Block::Found found = (*block)->Get(key.first, at, nullptr, &history);
        ASSERT_EQ(history.empty(), expected.empty());
        if (expected.empty()) continue;
        EXPECT_EQ(history.newest().word(), expected.front());
        const bool base = (expected.back() & 0xFF) != static_cast<int>(EntryKind::kMerge);
        EXPECT_EQ(history.done(), base);
        EXPECT_EQ(history.has_operands(), expected.size() > (base ? 1u : 0u));
        const bool last = expected.back() == std::prev(model_.end())->first.second &&
                          key.first == std::prev(model_.end())->first.first;
        EXPECT_EQ(found, base    ? Block::Found::kDone
                         : !last ? Block::Found::kPast
                                 : Block::Found::kEnd);
      }
    }
    KeyHistory history;
    EXPECT_EQ((*block)->Get("zzzz", kMaxSequence, nullptr, &history), Block::Found::kPast);
    EXPECT_EQ((*block)->Get("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", kMaxSequence,
                            nullptr, &history),
              Block::Found::kEnd);
    EXPECT_TRUE(history.empty());
  }
}

TEST_F(BlockTest, ManyVersionsOfOneKeyAreOneKeyAcrossRestarts) {
  for (Sequence s = 1; s <= 100; ++s) {
    model_[{"k", Version(s, EntryKind::kMerge).word()}] = std::to_string(s);
  }
  model_[{"l", Version(1, EntryKind::kPut).word()}] = "l";
  auto block = OpenBlock(BuildBytes(model_, 16));
  ASSERT_TRUE(block.ok());
  KeyHistory history;
  EXPECT_EQ((*block)->Get("k", 77, nullptr, &history), Block::Found::kPast);
  EXPECT_EQ(history.newest().sequence(), 77u);
  EXPECT_FALSE(history.done());
}

TEST_F(BlockTest, AnyBytesAreEitherRefusedOrSafeToRead) {
  int opened = 0;
  for (int round = 0; round < 30; ++round) {
    model_ = RandomModel(random_, 40);
    const std::string bytes = BuildBytes(model_, 4);
    for (int mutation = 0; mutation < 200; ++mutation) {
      std::string broken = bytes;
      const int flips = 1 + static_cast<int>(random_.Next64() % 3);
      for (int i = 0; i < flips; ++i) {
        // Mostly in the structures at the end.
        const std::size_t reach = random_.Next64() % 2 == 0 ? broken.size() : 100;
        broken[broken.size() - 1 - random_.Next64() % std::min(reach, broken.size())] =
            static_cast<char>(random_.Next64());
      }
      if (mutation % 10 == 0) broken.resize(random_.Next64() % broken.size());
      auto block = OpenBlock(broken);
      if (!block.ok()) {
        EXPECT_EQ(block.status().code(), absl::StatusCode::kDataLoss);
        continue;
      }
      ++opened;
      volatile std::size_t sum = 0;
      Block::Cursor cursor;
      cursor.Reset(block->get());
      for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
        for (const char c : cursor.value()) sum = sum + static_cast<unsigned char>(c);
      }
      for (cursor.SeekToLast(); cursor.Valid(); cursor.Prev()) sum = sum + cursor.key().key.size();
      for (const auto& [key, value] : model_) {
        const EntryKey target{key.first, Version::FromWord(key.second)};
        cursor.Seek(target);
        cursor.SeekBackward(target);
        KeyHistory history;
        (*block)->Get(key.first, kMaxSequence, nullptr, &history);
      }
    }
  }
  EXPECT_GT(opened, 0);
}

TEST_F(BlockTest, EveryFieldOfTheTrailerIsChecked) {
  model_ = RandomModel(random_, 50);
  const std::string bytes = BuildBytes(model_, 16);
  for (std::size_t i = 8; i < kBlockTrailerBytes; ++i) {
    for (const int change : {1, 0x80, 0xFF}) {
      std::string broken = bytes;
      char& byte = broken[broken.size() - kBlockTrailerBytes + i];
      byte = static_cast<char>(byte ^ change);
      EXPECT_FALSE(OpenBlock(broken).ok()) << "byte " << i << " xor " << change;
    }
  }
  EXPECT_FALSE(OpenBlock("").ok());
  EXPECT_FALSE(OpenBlock(std::string(kBlockTrailerBytes, '\0')).ok());
}

TEST_F(BlockTest, ABlockIsChargedAsLongAsItLives) {
  MemoryBudget budget(1 << 20);
  model_ = RandomModel(random_, 10);
  const std::string bytes = BuildBytes(model_, 16);
  auto copy = std::make_unique<char[]>(bytes.size());
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  auto block = Block::Open(std::move(copy), bytes.size(),
                           budget.Take(MemoryUse::kBlockCache, Block::ChargeFor(bytes.size())));
  ASSERT_TRUE(block.ok());
  EXPECT_EQ(budget.used_bytes(MemoryUse::kBlockCache), Block::ChargeFor(bytes.size()));
  block->reset();
  EXPECT_EQ(budget.used_bytes(), 0u);
}

using BlockDeathTest = BlockTest;

TEST_F(BlockDeathTest, EntriesOutOfOrderAreABugOfTheCaller) {
  BlockBuilder builder;
  builder.Add({"b", Version(5, EntryKind::kPut)}, "");
  EXPECT_DEATH(builder.Add({"a", Version(5, EntryKind::kPut)}, ""), "check failed");
  EXPECT_DEATH(builder.Add({"b", Version(6, EntryKind::kPut)}, ""), "check failed");
}

}  // namespace
}  // namespace aurora::lsm
