#include "aurora/lsm/merging_iterator.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

struct Entry {
  std::string key;
  Version version;
  std::string value;
  EntryKey entry_key() const { return {key, version}; }
};
using Entries = std::vector<Entry>;

bool Before(const Entry& a, const Entry& b) { return a.entry_key() < b.entry_key(); }

// Entries of a vector. Some moves answer at once, others from a coroutine, as if they had to read;
// one that reaches `fails_at` fails.
class VectorIterator final : public EntryIterator {
 public:
  VectorIterator(const Entries* entries, std::uint64_t seed, std::string fails_at = "")
      : entries_(*entries), random_(seed), fails_at_(std::move(fails_at)) {}

  bool Valid() const override { return status_.ok() && index_ < entries_.size(); }
  EntryKey key() const override { return entries_[index_].entry_key(); }
  std::string_view value() const override { return entries_[index_].value; }
  AURORA_TASK_WRAPPER Task<absl::Status> Seek(EntryKey target) override {
    return MoveTo(Find(target));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekBackward(EntryKey target) override {
    const std::size_t found = Find(target);
    if (found < entries_.size() && entries_[found].entry_key() == target) return MoveTo(found);
    return MoveTo(found - 1);
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToFirst() override { return MoveTo(0); }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToLast() override {
    return MoveTo(entries_.size() - 1);
  }
  AURORA_TASK_WRAPPER Task<absl::Status> Next() override { return MoveTo(index_ + 1); }
  AURORA_TASK_WRAPPER Task<absl::Status> Prev() override { return MoveTo(index_ - 1); }

 private:
  std::size_t Find(EntryKey target) const {
    const auto found = std::lower_bound(
        entries_.begin(), entries_.end(), target,
        [](const Entry& entry, const EntryKey& key) { return entry.entry_key() < key; });
    return static_cast<std::size_t>(found - entries_.begin());
  }
  AURORA_TASK_WRAPPER Task<absl::Status> MoveTo(std::size_t index) {
    if (random_.Next64() % 4 == 0) return MoveLater(index);
    return MoveNow(index);
  }
  Task<absl::Status> MoveLater(std::size_t index) { co_return MoveNow(index); }
  absl::Status MoveNow(std::size_t index) {
    index_ = index;
    if (index < entries_.size() && !fails_at_.empty() && entries_[index].key == fails_at_) {
      status_ = DataLossError("block of ", fails_at_);
    }
    return status_;
  }

  const Entries& entries_;
  SeededRandom random_;
  const std::string fails_at_;
  std::size_t index_ = static_cast<std::size_t>(-1);
  absl::Status status_;
};

class MergingIteratorTest : public testing::Test {
 protected:
  // Spreads random entries over `source_count` sources.
  void Fill(std::size_t source_count, int entry_count) {
    sources_.resize(source_count);
    for (int i = 0; i < entry_count; ++i) {
      const std::string key = std::to_string(random_.Next64() % 40);
      Entry entry{key, Version(static_cast<Sequence>(i + 1), EntryKind::kPut),
                  "v" + std::to_string(i)};
      all_.push_back(entry);
      sources_[random_.Next64() % source_count].push_back(std::move(entry));
    }
    std::sort(all_.begin(), all_.end(), Before);
    for (Entries& source : sources_) std::sort(source.begin(), source.end(), Before);
  }
  MergingIterator Merge(std::string fails_at = "") {
    std::vector<std::unique_ptr<EntryIterator>> iterators;
    for (const Entries& source : sources_) {
      iterators.push_back(std::make_unique<VectorIterator>(&source, random_.Next64(), fails_at));
    }
    return MergingIterator(std::move(iterators));
  }
  void ExpectAt(const MergingIterator& it, std::size_t index) {
    ASSERT_EQ(it.Valid(), index < all_.size());
    if (!it.Valid()) return;
    EXPECT_EQ(it.key(), all_[index].entry_key());
    EXPECT_EQ(it.value(), all_[index].value);
  }

  SeededRandom random_{TestSeed()};
  Entries all_;
  std::vector<Entries> sources_;
};

TEST_F(MergingIteratorTest, NoSourcesHoldNothing) {
  MergingIterator it = Merge();
  EXPECT_TRUE(BlockOn(it.SeekToFirst()).ok());
  EXPECT_FALSE(it.Valid());
  EXPECT_TRUE(BlockOn(it.SeekToLast()).ok());
  EXPECT_FALSE(it.Valid());
}

TEST_F(MergingIteratorTest, WalksLikeOneSortedListWhateverTheTurns) {
  for (const std::size_t source_count : {1, 2, 3, 7}) {
    for (const int entry_count : {0, 1, 5, 200}) {
      all_.clear();
      sources_.clear();
      Fill(source_count, entry_count);
      MergingIterator it = Merge();
      for (int round = 0; round < 60; ++round) {
        std::size_t at = 0;
        const std::string key = std::to_string(random_.Next64() % 45);
        const Version version(random_.Next64() % 250, EntryKind::kPut);
        const Entry target{key, version, ""};
        const auto not_before = std::lower_bound(all_.begin(), all_.end(), target, Before);
        switch (random_.Next64() % 4) {
          case 0:
            ASSERT_TRUE(BlockOn(it.SeekToFirst()).ok());
            break;
          case 1:
            ASSERT_TRUE(BlockOn(it.SeekToLast()).ok());
            at = all_.size() - 1;
            break;
          case 2:
            ASSERT_TRUE(BlockOn(it.Seek({key, version})).ok());
            at = static_cast<std::size_t>(not_before - all_.begin());
            break;
          case 3:
            ASSERT_TRUE(BlockOn(it.SeekBackward({key, version})).ok());
            at = static_cast<std::size_t>(
                     std::upper_bound(all_.begin(), all_.end(), target, Before) - all_.begin()) -
                 1;
            break;
        }
        ExpectAt(it, at);
        for (int step = 0; step < 30 && it.Valid(); ++step) {
          if (random_.Next64() % 3 != 0) {
            ASSERT_TRUE(BlockOn(it.Next()).ok());
            ++at;
          } else {
            ASSERT_TRUE(BlockOn(it.Prev()).ok());
            --at;
          }
          ExpectAt(it, at);
        }
      }
    }
  }
}

TEST_F(MergingIteratorTest, ATargetMayDieWithTheCall) {
  Fill(3, 100);
  MergingIterator it = Merge();
  for (int i = 0; i < 40; ++i) {
    auto key = std::make_unique<std::string>("2");
    Task<absl::Status> seek = it.Seek({*key, Version(kMaxSequence, EntryKind::kMerge)});
    key->assign("3");
    key.reset();
    ASSERT_TRUE(BlockOn(std::move(seek)).ok());
    ASSERT_TRUE(it.Valid());
    EXPECT_EQ(it.key().key, "2");
  }
}

TEST_F(MergingIteratorTest, AnErrorEndsTheWalkForGood) {
  Fill(3, 200);
  MergingIterator it = Merge("20");
  absl::Status status = BlockOn(it.SeekToFirst());
  while (status.ok() && it.Valid()) {
    EXPECT_LT(it.key().key, "20");
    status = BlockOn(it.Next());
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(it.Valid());
  EXPECT_EQ(BlockOn(it.SeekToFirst()), status);
  EXPECT_EQ(BlockOn(it.Seek({"9", Version()})), status);
  EXPECT_EQ(BlockOn(it.Next()), status);
  EXPECT_FALSE(it.Valid());
}

}  // namespace
}  // namespace aurora::lsm
