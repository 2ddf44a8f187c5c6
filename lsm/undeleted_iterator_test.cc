#include "aurora/lsm/undeleted_iterator.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"

namespace aurora::lsm {
namespace {

struct Descending {
  bool operator()(const std::pair<std::string, Sequence>& a,
                  const std::pair<std::string, Sequence>& b) const {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  }
};
using Entries = std::map<std::pair<std::string, Sequence>, std::string, Descending>;

// Counts its moves; answers from a coroutine now and then, as if it had to read.
class CountingIterator final : public EntryIterator {
 public:
  CountingIterator(const Entries* entries, int* moves) : entries_(*entries), moves_(*moves) {}
  bool Valid() const override { return at_ != entries_.end(); }
  EntryKey key() const override {
    return {at_->first.first, Version(at_->first.second, EntryKind::kPut)};
  }
  std::string_view value() const override { return at_->second; }
  AURORA_TASK_WRAPPER Task<absl::Status> Seek(EntryKey target) override {
    return To(entries_.lower_bound({std::string(target.key), target.version.sequence()}));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekBackward(EntryKey target) override {
    return To(Before(entries_.upper_bound({std::string(target.key), target.version.sequence()})));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToFirst() override { return To(entries_.begin()); }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToLast() override {
    return To(Before(entries_.end()));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> Next() override { return To(std::next(at_)); }
  AURORA_TASK_WRAPPER Task<absl::Status> Prev() override { return To(Before(at_)); }
  bool NextAtHand(EntryRef* entry) override {
    if (std::next(at_) == entries_.end() || moves_ % 5 == 0) return false;
    ++moves_;
    ++at_;
    *entry = {key(), value()};
    return true;
  }

 private:
  Entries::const_iterator Before(Entries::const_iterator at) const {
    return at == entries_.begin() ? entries_.end() : std::prev(at);
  }
  AURORA_TASK_WRAPPER Task<absl::Status> To(Entries::const_iterator at) {
    at_ = at;
    if (++moves_ % 3 == 0) return Later();
    return absl::OkStatus();
  }
  Task<absl::Status> Later() { co_return absl::OkStatus(); }

  const Entries& entries_;
  int& moves_;
  Entries::const_iterator at_ = entries_.end();
};

std::string KeyOf(std::uint64_t number) { return std::to_string(1000 + number); }

void Do(Task<absl::Status> move) { EXPECT_TRUE(BlockOn(std::move(move)).ok()); }

TEST(UndeletedIteratorTest, LeavesALongDeletedRangeByOneSeek) {
  Entries entries;
  for (std::uint64_t i = 0; i < 9000; ++i) entries[{KeyOf(i), 1 + i % 5}] = "v";
  const std::string begin = KeyOf(1);
  const std::string end = KeyOf(8999);
  const RangeDelete range{begin, end, 9};
  const RangeDeletes deletes(std::span<const RangeDelete>(&range, 1));
  auto groups = std::make_shared<std::vector<RangeDeleteGroup>>();
  groups->push_back({&deletes});
  int moves = 0;
  UndeletedIterator it(std::make_unique<CountingIterator>(&entries, &moves), groups, 1, 0,
                       kMaxSequence);
  Do(it.SeekToFirst());
  EXPECT_EQ(it.key().key, KeyOf(0));
  Do(it.Next());
  EXPECT_EQ(it.key().key, KeyOf(8999));
  EXPECT_LT(moves, 15);
  Do(it.Prev());
  EXPECT_EQ(it.key().key, KeyOf(0));
  EXPECT_LT(moves, 30);
  // A range delete of its own may leave entries: each is looked at.
  UndeletedIterator own(std::make_unique<CountingIterator>(&entries, &moves), groups, 0, 1, 9);
  Do(own.SeekToFirst());
  Do(own.Next());
  EXPECT_EQ(own.key().key, KeyOf(8999));
  // One that the reader does not see hides nothing.
  UndeletedIterator older(std::make_unique<CountingIterator>(&entries, &moves), groups, 1, 0, 8);
  Do(older.SeekToFirst());
  Do(older.Next());
  EXPECT_EQ(older.key().key, KeyOf(1));
}

TEST(UndeletedIteratorTest, ShowsWhatIsNotHiddenInBothDirections) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 300; ++round) {
    Entries entries;
    for (int i = 0; i < 60; ++i) entries[{KeyOf(random.Below(40)), 1 + random.Below(9)}] = "v";
    // Newer sources hold only newer range deletes; those of its own are of any age.
    std::vector<std::string> keys;
    for (int i = 0; i < 8; ++i) keys.push_back(KeyOf(random.Below(40)));
    std::vector<std::unique_ptr<RangeDeletes>> sets;
    auto groups = std::make_shared<std::vector<RangeDeleteGroup>>();
    std::vector<RangeDelete> all;
    for (std::size_t i = 0; i < 4; ++i) {
      RangeDelete range{keys[2 * i], keys[2 * i + 1],
                        i < 2 ? 10 + random.Below(3) : 1 + random.Below(9)};
      if (range.end < range.begin) std::swap(range.begin, range.end);
      if (range.begin == range.end) range.begin = "0";
      sets.push_back(std::make_unique<RangeDeletes>(std::span<const RangeDelete>(&range, 1)));
      groups->push_back({sets.back().get()});
      all.push_back(range);
    }
    const Sequence at = 5 + random.Below(9);
    std::vector<std::pair<std::string, Sequence>> shown;
    for (const auto& [key, value] : entries) {
      bool is_hidden = false;
      for (const RangeDelete& range : all) {
        is_hidden |= range.begin <= key.first && key.first < range.end && range.sequence <= at &&
                     key.second < range.sequence;
      }
      if (!is_hidden) shown.push_back(key);
    }
    int moves = 0;
    UndeletedIterator it(std::make_unique<CountingIterator>(&entries, &moves), groups, 2, 2, at);
    Do(it.SeekToFirst());
    std::size_t place = 0;
    for (int step = 0; step < 60; ++step) {
      ASSERT_EQ(it.Valid(), place < shown.size());
      if (!it.Valid()) {
        Do(it.SeekToFirst());
        place = 0;
        continue;
      }
      ASSERT_EQ(it.key().key, shown[place].first);
      ASSERT_EQ(it.key().version.sequence(), shown[place].second);
      const std::uint64_t move = random.Below(6);
      EntryRef entry;
      if (move == 0) {
        Do(it.Prev());
        --place;  // before the first: beyond the last
      } else if (move == 1) {
        Do(it.Next());
        ++place;
      } else {
        if (!it.NextAtHand(&entry)) Do(it.Next());
        ++place;
      }
    }
  }
}

}  // namespace
}  // namespace aurora::lsm
