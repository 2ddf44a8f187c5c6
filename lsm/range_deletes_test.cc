#include "aurora/lsm/range_deletes.h"

#include <gmock/gmock.h>
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/block_builder.h"
#include "aurora/lsm/growing_range_deletes.h"
#include "aurora/lsm/range_delete_block.h"
#include "aurora/lsm/stripe.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

struct Owned {
  std::string begin;
  std::string end;
  Sequence sequence;
};

std::string KeyOf(std::uint64_t number) {
  return std::string(1, static_cast<char>('a' + number / 3)) + std::string(number % 3, 'x');
}
constexpr std::uint64_t kKeys = 60;

std::vector<Owned> RandomRanges(SeededRandom& random, std::size_t count) {
  std::vector<Owned> ranges;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t begin = random.Below(kKeys - 1);
    const std::uint64_t end = begin + 1 + random.Below(kKeys - 1 - begin);
    ranges.push_back({KeyOf(begin), KeyOf(end), 1 + random.Below(30)});
  }
  return ranges;
}

std::vector<RangeDelete> Views(const std::vector<Owned>& ranges) {
  std::vector<RangeDelete> views;
  for (const Owned& range : ranges) views.push_back({range.begin, range.end, range.sequence});
  return views;
}

Sequence Newest(const std::vector<RangeDelete>& ranges, std::string_view key, Sequence at) {
  Sequence newest = 0;
  for (const RangeDelete& range : ranges) {
    const bool covers = range.begin <= key && key < range.end && range.sequence <= at;
    if (covers) newest = std::max(newest, range.sequence);
  }
  return newest;
}

TEST(RangeDeletesTest, TheNewestThatAReaderSeesCoversAKeyAndAStretchAroundIt) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 300; ++round) {
    const std::vector<Owned> owned = RandomRanges(random, random.Below(12));
    const std::vector<RangeDelete> ranges = Views(owned);
    const RangeDeletes deletes(ranges);
    ASSERT_EQ(deletes.size(), ranges.size());
    for (std::uint64_t number = 0; number < kKeys; ++number) {
      const std::string key = KeyOf(number);
      const Sequence at = random.Below(2) == 0 ? kMaxSequence : random.Below(32);
      const RangeCover cover = deletes.Cover(key, at);
      ASSERT_EQ(cover.sequence, Newest(ranges, key, at)) << key << " at " << at;
      ASSERT_TRUE(cover.Holds(key));
      for (std::uint64_t other = 0; other < kKeys; ++other) {
        if (!cover.Holds(KeyOf(other))) continue;
        ASSERT_EQ(cover.sequence, Newest(ranges, KeyOf(other), at)) << KeyOf(other);
      }
    }
  }
}

TEST(RangeDeletesTest, AGroupAnswersLikeAllOfItsSets) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 200; ++round) {
    // Three sets, cut at two keys, as the tables of a level are; and another group.
    const std::vector<Owned> owned = RandomRanges(random, 8);
    const std::vector<Owned> others = RandomRanges(random, 3);
    const std::string cuts[] = {KeyOf(20), KeyOf(40), KeyOf(kKeys)};
    std::vector<std::unique_ptr<RangeDeletes>> sets;
    std::vector<RangeDeleteGroup> groups(2);
    std::string_view begin;
    for (const std::string& cut : cuts) {
      std::vector<RangeDelete> parts;
      for (RangeDelete range : Views(owned)) {
        range.begin = std::max(range.begin, begin);
        range.end = std::min<std::string_view>(range.end, cut);
        if (range.begin < range.end) parts.push_back(range);
      }
      begin = cut;
      if (parts.empty()) continue;
      sets.push_back(std::make_unique<RangeDeletes>(parts));
      groups[0].push_back(sets.back().get());
    }
    sets.push_back(std::make_unique<RangeDeletes>(Views(others)));
    groups[1].push_back(sets.back().get());
    std::vector<RangeDelete> all = Views(owned);
    for (const RangeDelete& range : Views(others)) all.push_back(range);
    for (std::uint64_t number = 0; number < kKeys; ++number) {
      const std::string key = KeyOf(number);
      const Sequence at = random.Below(32);
      const RangeCover cover = CoverOf(groups, key, at);
      ASSERT_EQ(cover.sequence, Newest(all, key, at)) << key << " at " << at;
      ASSERT_TRUE(cover.Holds(key));
      for (std::uint64_t other = 0; other < kKeys; ++other) {
        if (cover.Holds(KeyOf(other))) ASSERT_EQ(cover.sequence, Newest(all, KeyOf(other), at));
      }
    }
  }
}

TEST(RangeDeletesTest, ReducedTheyAreFewestAndSayTheSameToEveryReader) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 300; ++round) {
    const std::vector<Owned> owned = RandomRanges(random, random.Below(12));
    const std::vector<RangeDelete> ranges = Views(owned);
    std::vector<Sequence> visible{30};
    for (std::uint64_t n = random.Below(3); n > 0; --n) visible.push_back(1 + random.Below(29));
    std::sort(visible.begin(), visible.end());
    visible.erase(std::unique(visible.begin(), visible.end()), visible.end());
    const auto reduced = Reduce(ranges, visible);
    const std::vector<RangeDelete>& left = reduced->all();
    for (std::uint64_t number = 0; number < kKeys; ++number) {
      for (const Sequence at : visible) {
        const std::string key = KeyOf(number);
        ASSERT_EQ(Newest(left, key, at), Newest(ranges, key, at)) << key << " at " << at;
      }
    }
    for (std::size_t i = 0; i < left.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        const bool apart =
            StripeOf(visible, left[i].sequence) != StripeOf(visible, left[k].sequence);
        const bool touch = left[i].sequence == left[k].sequence;
        const bool disjoint = touch ? left[k].end < left[i].begin : left[k].end <= left[i].begin;
        EXPECT_TRUE(apart || disjoint);
      }
    }
  }
}

TEST(RangeDeletesTest, ManyThatAllOverlapTakeLittleMemory) {
  constexpr std::size_t kCount = 20'000;
  std::vector<Owned> owned;
  for (std::size_t i = 0; i < kCount; ++i) {
    owned.push_back(
        {"a" + std::to_string(1'000'000 + i), "b" + std::to_string(1'000'000 + i), 1 + i});
  }
  const std::vector<RangeDelete> ranges = Views(owned);
  EXPECT_LT(RangeDeletes::SizeEstimate(ranges), kCount * 400);
  const RangeDeletes deletes(ranges);
  EXPECT_EQ(deletes.Cover("a9", kMaxSequence).sequence, kCount);
  EXPECT_EQ(deletes.Cover("b1000500", 600).sequence, 600u);
  EXPECT_EQ(deletes.Cover("b1000500", 500).sequence, 0u);
  const std::vector<Sequence> visible{kCount};
  // A staircase: of each but the newest, what is before the begin of the next is left.
  EXPECT_EQ(Reduce(ranges, visible)->size(), kCount);
}

TEST(GrowingRangeDeletesTest, WhatIsAddedIsThereAtOnceAndInFewSets) {
  SeededRandom random(TestSeed());
  MemoryBudget budget(SIZE_MAX);
  {
    GrowingRangeDeletes growing(&budget);
    EXPECT_EQ(growing.groups(), nullptr);
    const std::vector<Owned> owned = RandomRanges(random, 500);
    std::vector<RangeDelete> added;
    const std::vector<RangeDeleteGroup>* first = nullptr;
    for (const RangeDelete& range : Views(owned)) {
      growing.Add(range);
      added.push_back(range);
      ASSERT_NE(growing.groups(), nullptr);
      if (first == nullptr) first = growing.groups();
      EXPECT_LE(growing.groups()->size(), 10u);
      const std::string key = KeyOf(random.Below(kKeys));
      const Sequence at = random.Below(32);
      EXPECT_EQ(CoverOf(*growing.groups(), key, at).sequence, Newest(added, key, at));
    }
    // A reader may still hold what it saw first.
    EXPECT_EQ(first->front().front()->size(), 1u);
    EXPECT_EQ(budget.used_bytes(MemoryUse::kMemtable), growing.charged_bytes());
  }
  EXPECT_EQ(budget.used_bytes(), 0u);
}

absl::StatusOr<std::unique_ptr<const RangeDeletes>> Decode(std::string_view bytes,
                                                           MemoryBudget* budget) {
  auto copy = std::make_unique<char[]>(bytes.size());
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  return DecodeRangeDeletes(std::move(copy), bytes.size(), budget);
}

TEST(RangeDeleteBlockTest, WhatWasEncodedIsDecoded) {
  MemoryBudget budget(SIZE_MAX);
  const std::vector<RangeDelete> ranges{{"b", "d", 5}, {"a", "zz", 3}, {"b", "c", 9}};
  const auto decoded = Decode(EncodeRangeDeletes(ranges), &budget);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const std::vector<RangeDelete>& all = (*decoded)->all();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].end, "zz");
  EXPECT_EQ(all[1].sequence, 9u);
  EXPECT_EQ(all[2].end, "d");
  EXPECT_EQ((*decoded)->Cover("b", 8).sequence, 5u);
}

TEST(RangeDeleteBlockTest, OfAnIngestionAreAsOldAsThat) {
  MemoryBudget budget(SIZE_MAX);
  const std::string bytes = EncodeRangeDeletes(std::vector<RangeDelete>{{"a", "b", 0}});
  const auto decode = [&](Sequence later) {
    auto copy = std::make_unique<char[]>(bytes.size());
    std::memcpy(copy.get(), bytes.data(), bytes.size());
    return DecodeRangeDeletes(std::move(copy), bytes.size(), &budget, later);
  };
  const auto decoded = decode(9);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ((*decoded)->Cover("a", 8).sequence, 0u);
  EXPECT_EQ((*decoded)->Cover("a", 9).sequence, 9u);
  EXPECT_FALSE(decode(kMaxSequence + 1).ok());
}

TEST(RangeDeleteBlockTest, WhatIsNotASetOfRangesIsRefused) {
  MemoryBudget budget(SIZE_MAX);
  const auto refusal = [&](const std::vector<std::pair<EntryKey, std::string_view>>& entries) {
    BlockBuilder builder;
    for (const auto& [key, value] : entries) builder.Add(key, value);
    return std::string(Decode(builder.Finish(), &budget).status().message());
  };
  const Version version(7, EntryKind::kDelete);
  EXPECT_EQ(refusal({{{"a", version}, "b"}}), "");
  EXPECT_THAT(refusal({{{"b", version}, "b"}}), testing::HasSubstr("is empty"));
  EXPECT_THAT(refusal({{{"c", version}, "b"}}), testing::HasSubstr("is empty"));
  EXPECT_THAT(refusal({{{"a", Version(7, EntryKind::kPut)}, "b"}}),
              testing::HasSubstr("has the version"));
  // As in a table to be ingested.
  EXPECT_EQ(refusal({{{"a", Version(0, EntryKind::kDelete)}, "b"}}), "");
  EXPECT_FALSE(Decode("no block", &budget).ok());
}

}  // namespace
}  // namespace aurora::lsm
