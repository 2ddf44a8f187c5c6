#include "aurora/index/posting.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/index/row_set.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::index {
namespace {

// One of the shapes that CRoaring stores differently: few places, many, nearly all, runs.
Bitmap RandomPlaces(Random& random) {
  constexpr int kCounts[] = {0, 8, 3000, 30000};
  Bitmap places;
  const std::uint64_t shape = random.Below(5);
  if (shape < 4) {
    for (int i = 0; i < kCounts[shape]; ++i)
      places.add(static_cast<std::uint32_t>(random.Below(kRowsPerChunk)));
  } else {
    for (int i = 0; i < 5; ++i) {
      const std::uint64_t start = random.Below(kRowsPerChunk);
      places.addRange(start, std::min<std::uint64_t>(kRowsPerChunk, start + random.Below(9000)));
    }
  }
  return places;
}

PostingDelta RandomDelta(Random& random) {
  PostingDelta delta{RandomPlaces(random), RandomPlaces(random)};
  delta.removed -= delta.added;
  return delta;
}

TEST(PostingTest, EveryShapeRoundTrips) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 300; ++round) {
    const PostingDelta delta = RandomDelta(random);
    const absl::StatusOr<PostingDelta> read = PostingDelta::Decode(delta.Encode());
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(read->added == delta.added);
    EXPECT_TRUE(read->removed == delta.removed);
  }
}

TEST(PostingTest, AFullChunkRoundTrips) {
  PostingDelta delta;
  delta.added.addRange(0, kRowsPerChunk);
  const absl::StatusOr<PostingDelta> read = PostingDelta::Decode(delta.Encode());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->added.cardinality(), kRowsPerChunk);
}

TEST(PostingTest, FoldingIsTheSameHoweverTheOperandsAreGrouped) {
  SeededRandom random(TestSeed());
  const PostingMergeOperator merge;
  for (int round = 0; round < 100; ++round) {
    Bitmap model;
    std::vector<std::string> operands;
    for (int i = 0; i < 6; ++i) {
      const PostingDelta delta = RandomDelta(random);
      model -= delta.removed;
      model |= delta.added;
      operands.push_back(delta.Encode());
    }
    const std::vector<std::string_view> views(operands.begin(), operands.end());
    const std::size_t cut = random.Below(views.size() + 1);
    const std::span<const std::string_view> all(views);

    std::string at_once, base, in_two, combined, through_operand;
    ASSERT_TRUE(merge.Fold("k", std::nullopt, all, &at_once).ok());
    ASSERT_TRUE(merge.Fold("k", std::nullopt, all.first(cut), &base).ok());
    ASSERT_TRUE(merge.Fold("k", base, all.subspan(cut), &in_two).ok());
    ASSERT_TRUE(merge.Combine("k", all.subspan(cut), &combined).ok());
    const std::string_view one_operand = combined;
    ASSERT_TRUE(merge.Fold("k", base, {&one_operand, 1}, &through_operand).ok());

    EXPECT_TRUE(PostingDelta::Decode(at_once)->added == model);
    EXPECT_EQ(in_two, at_once);
    EXPECT_EQ(through_operand, at_once);
    EXPECT_EQ(merge.IsEmpty(at_once), model.isEmpty());
  }
}

TEST(PostingTest, DamagedBytesAreRefusedOrStillWellFormed) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 200; ++round) {
    const std::string bytes = RandomDelta(random).Encode();
    for (int flip = 0; flip < 20; ++flip) {
      std::string damaged = bytes;
      damaged[random.Below(damaged.size())] ^= static_cast<char>(1 << random.Below(8));
      if (random.Below(4) == 0) damaged.resize(random.Below(damaged.size()));
      const absl::StatusOr<PostingDelta> read = PostingDelta::Decode(damaged);
      if (!read.ok()) {
        EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
      } else {
        EXPECT_TRUE(PostingDelta::Decode(read->Encode()).ok());
        EXPECT_TRUE(read->added.isEmpty() || read->added.maximum() < kRowsPerChunk);
      }
    }
  }
}

TEST(PostingTest, ARowBothAddedAndRemovedIsDamage) {
  const std::string bytes("\x00\x01\x01\x05\x00\x05\x00", 7);
  EXPECT_EQ(PostingDelta::Decode(bytes).status().code(), absl::StatusCode::kDataLoss);
}

TEST(PostingTest, ListsThatAreDamagedAreRefusedWhetherDecodedOrFolded) {
  const PostingMergeOperator merge;
  const std::string good("\x00\x01\x00\x07\x00", 5);
  for (const std::string& bad : {
           std::string("\x00\x02\x00\x05\x00\x05\x00", 7),  // a place twice
           std::string("\x00\x02\x00\x05\x00\x04\x00", 7),  // out of order
           std::string("\x00\x00\x02\x05\x00\x04\x00", 7),  // the same of those removed
           std::string("\x00\x01\x01\x05\x00\x05\x00", 7),  // added and removed
           std::string("\x00\x02\x01\x03\x00\x05\x00\x05\x00", 9),
           std::string("\x00\x02\x00\x05\x00", 5),  // cut off
           std::string("\x00\x01", 2),
       }) {
    EXPECT_EQ(PostingDelta::Decode(bad).status().code(), absl::StatusCode::kDataLoss);
    const std::vector<std::string_view> operands = {good, bad};
    std::string value;
    EXPECT_EQ(merge.Fold("k", std::nullopt, operands, &value).code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(merge.Combine("k", operands, &value).code(), absl::StatusCode::kDataLoss);
  }
}

TEST(PostingTest, ManySmallOperandsFoldAsTheirModelsDo) {
  SeededRandom random(TestSeed());
  const PostingMergeOperator merge;
  for (int round = 0; round < 50; ++round) {
    PostingDelta all;
    all.added.addRange(0, 100);
    Bitmap on_nothing, on_all = all.added;
    std::vector<std::string> operands;
    for (int i = 0; i < 200; ++i) {
      PostingDelta delta;
      (random.Below(3) > 0 ? delta.added : delta.removed)
          .add(static_cast<std::uint32_t>(random.Below(50)));
      (random.Below(2) > 0 ? delta.added : delta.removed)
          .add(static_cast<std::uint32_t>(50 + random.Below(50)));
      for (Bitmap* model : {&on_nothing, &on_all}) {
        *model -= delta.removed;
        *model |= delta.added;
      }
      operands.push_back(delta.Encode());
    }
    const std::vector<std::string_view> views(operands.begin(), operands.end());
    std::string folded, combined, value;
    ASSERT_TRUE(merge.Fold("k", std::nullopt, views, &folded).ok());
    EXPECT_TRUE(PostingDelta::Decode(folded)->added == on_nothing);
    ASSERT_TRUE(merge.Combine("k", views, &combined).ok());
    const std::string_view operand = combined;
    ASSERT_TRUE(merge.Fold("k", all.Encode(), {&operand, 1}, &value).ok());
    EXPECT_TRUE(PostingDelta::Decode(value)->added == on_all);
  }
}

}  // namespace
}  // namespace aurora::index
