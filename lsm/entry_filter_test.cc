#include "aurora/lsm/entry_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/append_operator_testing.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/read_time.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"

namespace aurora::lsm {
namespace {

struct Entry {
  std::string key;  // stored
  Version version;
  std::string value;
  EntryKey entry_key() const { return {key, version}; }
};
using Entries = std::vector<Entry>;

// Forward only. Hands out copies that die at the next move, and answers from a coroutine now and
// then, as if it had to read.
class ForwardIterator final : public EntryIterator {
 public:
  explicit ForwardIterator(const Entries* entries) : entries_(*entries) {}
  bool Valid() const override { return index_ < entries_.size(); }
  EntryKey key() const override { return current_->entry_key(); }
  std::string_view value() const override { return current_->value; }
  AURORA_TASK_WRAPPER Task<absl::Status> Seek(EntryKey target) override {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return !(entry.entry_key() < target);
    });
    return Move(static_cast<std::size_t>(found - entries_.begin()));
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekBackward(EntryKey) override {
    return absl::OkStatus();
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToFirst() override { return Move(0); }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToLast() override { return absl::OkStatus(); }
  AURORA_TASK_WRAPPER Task<absl::Status> Next() override { return Move(index_ + 1); }
  AURORA_TASK_WRAPPER Task<absl::Status> Prev() override { return absl::OkStatus(); }

 private:
  AURORA_TASK_WRAPPER Task<absl::Status> Move(std::size_t index) {
    if (index % 3 == 0) return MoveLater(index);
    MoveNow(index);
    return absl::OkStatus();
  }
  Task<absl::Status> MoveLater(std::size_t index) {
    MoveNow(index);
    co_return absl::OkStatus();
  }
  void MoveNow(std::size_t index) {
    index_ = index;
    current_ = Valid() ? std::make_unique<Entry>(entries_[index]) : nullptr;
  }

  const Entries& entries_;
  std::size_t index_ = static_cast<std::size_t>(-1);
  std::unique_ptr<Entry> current_;
};

const absl::flat_hash_map<KeyspaceId, const MergeOperator*>& Operators() {
  static const AppendOperator append;
  static const absl::flat_hash_map<KeyspaceId, const MergeOperator*> operators = {{1, &append}};
  return operators;
}

Entries Filter(const Entries& entries, std::vector<Sequence> visible, bool bottom,
               std::shared_ptr<const RangeDeletes> range_deletes = nullptr,
               Expiry expired_through = ReadTime::kBeforeAll) {
  EntryFilter::Options options;
  options.visible = std::move(visible);
  options.expired_through = expired_through;
  options.is_bottom = [bottom](std::string_view) { return bottom; };
  options.merge_operators = &Operators();
  options.range_deletes = std::move(range_deletes);
  EntryFilter filter(std::make_unique<ForwardIterator>(&entries), std::move(options));
  Entries kept;
  EXPECT_TRUE(BlockOn(filter.Start()).ok());
  while (filter.Valid()) {
    kept.push_back(
        {std::string(filter.key().key), filter.key().version, std::string(filter.value())});
    EXPECT_TRUE(BlockOn(filter.Next()).ok());
  }
  EXPECT_EQ(filter.read_count(), entries.size());
  return kept;
}

// The value of `key` at `at`, "(none)" if it has none.
std::string ValueAt(const Entries& entries, const std::string& key, Sequence at,
                    const RangeDeletes* range_deletes = nullptr) {
  KeyHistory history;
  if (range_deletes != nullptr) history.HideBelow(range_deletes->Cover(key, at).sequence);
  for (const Entry& entry : entries) {
    if (entry.key != key || entry.version.sequence() > at || history.done()) continue;
    history.Add(entry.version, entry.value, nullptr);
  }
  std::string scratch;
  const auto found = Operators().find(key[0]);
  const auto value =
      history.Resolve(key, found == Operators().end() ? nullptr : found->second, &scratch);
  EXPECT_TRUE(value.ok()) << value.status();
  return value->has_value() ? std::string(**value) : "(none)";
}

std::string Describe(const Entries& entries) {
  std::string text;
  for (const Entry& entry : entries) {
    text += std::to_string(entry.version.sequence()) +
            "dpm"[static_cast<int>(entry.version.kind())] + entry.value + " ";
  }
  return text;
}

Entry Make(KeyspaceId keyspace, Sequence sequence, EntryKind kind, std::string value = "") {
  return {MakeStoredKey(keyspace, "k"), Version(sequence, kind), std::move(value)};
}
Entry Put(Sequence s, std::string v) { return Make(0, s, EntryKind::kPut, std::move(v)); }
Entry Delete(Sequence s) { return Make(0, s, EntryKind::kDelete); }

// A Put that expires.
Entry Expiring(KeyspaceId keyspace, Sequence sequence, Expiry expiry, std::string_view value) {
  std::string form(kExpiryBytes, '\0');
  StoreExpiry(form.data(), expiry, /*is_separated=*/false);
  form += value;
  return Make(keyspace, sequence, EntryKind::kSeparatedPut, std::move(form));
}

std::string DescribeForms(Entries entries) {
  for (Entry& entry : entries) {
    if (entry.version.kind() != EntryKind::kSeparatedPut) continue;
    const PutForm form = ParsePutForm(entry.value);
    entry.version = Version(entry.version.sequence(), EntryKind::kPut);
    entry.value = std::string(form.content) + "@" + std::to_string(form.expiry);
  }
  return Describe(entries);
}

TEST(EntryFilterTest, WhatHasExpiredForAllIsADelete) {
  const Entries entries = {Expiring(0, 9, 50, "new"), Put(3, "old")};
  EXPECT_EQ(DescribeForms(Filter(entries, {9}, true, nullptr, 49)), "9pnew@50 ");
  EXPECT_EQ(DescribeForms(Filter(entries, {9}, false, nullptr, 50)), "9d ");
  EXPECT_EQ(DescribeForms(Filter(entries, {9}, true, nullptr, 50)), "");
  // What an older reader sees below stays.
  EXPECT_EQ(DescribeForms(Filter(entries, {3, 9}, true, nullptr, 50)), "9d 3pold ");
}

TEST(EntryFilterTest, OperandsStayAboveAValueThatWillExpire) {
  const Entries entries = {Make(1, 9, EntryKind::kMerge, "c"), Make(1, 8, EntryKind::kMerge, "b"),
                           Expiring(1, 5, 50, "a"), Make(1, 3, EntryKind::kPut, "old")};
  EXPECT_EQ(DescribeForms(Filter(entries, {9}, true, nullptr, 49)), "9mbc 5pa@50 ");
  EXPECT_EQ(DescribeForms(Filter(entries, {8, 9}, true, nullptr, 49)), "9mc 8mb 5pa@50 ");
  EXPECT_EQ(DescribeForms(Filter(entries, {9}, true, nullptr, 50)), "9pbc ");
  // One that never expires is a value like another.
  const Entries forever = {Make(1, 9, EntryKind::kMerge, "b"), Expiring(1, 5, kNeverExpires, "a")};
  EXPECT_EQ(DescribeForms(Filter(forever, {9}, true, nullptr, 50)), "9pab ");
}

// Every part has all versions of its keys, and together they have each key once.
TEST(EntryFilterTest, GoesThroughAPartOfTheKeys) {
  Entries entries;
  for (const char* key : {"a", "b", "c"}) {
    for (const Sequence sequence : {9, 5}) {
      entries.push_back({MakeStoredKey(0, key), Version(sequence, EntryKind::kPut), key});
    }
  }
  const auto part = [&](std::string begin, std::optional<std::string> end) {
    EntryFilter::Options options;
    options.visible = {5, 9};
    options.begin = std::move(begin);
    options.end = std::move(end);
    options.is_bottom = [](std::string_view) { return false; };
    EntryFilter filter(std::make_unique<ForwardIterator>(&entries), std::move(options));
    std::string kept;
    EXPECT_TRUE(BlockOn(filter.Start()).ok());
    while (filter.Valid()) {
      kept += std::to_string(filter.key().version.sequence()) + std::string(filter.value()) + " ";
      EXPECT_TRUE(BlockOn(filter.Next()).ok());
    }
    return kept;
  };
  EXPECT_EQ(part("", std::nullopt), "9a 5a 9b 5b 9c 5c ");
  EXPECT_EQ(part("", MakeStoredKey(0, "b")), "9a 5a ");
  EXPECT_EQ(part(MakeStoredKey(0, "b"), MakeStoredKey(0, "bb")), "9b 5b ");
  EXPECT_EQ(part(MakeStoredKey(0, "bb"), std::nullopt), "9c 5c ");
  EXPECT_EQ(part(MakeStoredKey(0, "d"), std::nullopt), "");
}

TEST(EntryFilterTest, KeepsOneEntryForEachStripe) {
  const Entries entries = {Put(12, "l"), Put(11, "k"), Put(7, "g"), Put(6, "f"),
                           Delete(5),    Put(4, "d"),  Put(3, "c")};
  EXPECT_EQ(Describe(Filter(entries, {4, 9}, false)), "12pl 11pk 7pg 4pd ");
  EXPECT_EQ(Describe(Filter(entries, {20}, false)), "12pl ");
}

TEST(EntryFilterTest, ADeleteEndsOnlyAtTheBottomAndWhereNothingOlderIsKept) {
  const Entries entries = {Delete(8), Put(3, "c")};
  EXPECT_EQ(Describe(Filter(entries, {9}, false)), "8d ");
  EXPECT_EQ(Describe(Filter(entries, {9}, true)), "");
  EXPECT_EQ(Describe(Filter(entries, {4, 9}, true)), "8d 3pc ");
  EXPECT_EQ(Describe(Filter({Delete(8)}, {7}, true)), "");
}

TEST(EntryFilterTest, OperandsFoldWithinAStripeAndNotAcross) {
  const auto merge = [](Sequence s, std::string v) {
    return Make(1, s, EntryKind::kMerge, std::move(v));
  };
  const Entries entries = {merge(9, "e"), merge(8, "d"), merge(5, "c"), merge(4, "b"),
                           Make(1, 3, EntryKind::kPut, "a")};
  EXPECT_EQ(Describe(Filter(entries, {6, 9}, false)), "9mde 5pabc ");
  EXPECT_EQ(Describe(Filter(entries, {9}, false)), "9pabcde ");
  const Entries operands = {merge(9, "e"), merge(8, "d")};
  EXPECT_EQ(Describe(Filter(operands, {9}, false)), "9mde ");
  EXPECT_EQ(Describe(Filter(operands, {9}, true)), "9pde ");
  EXPECT_EQ(Describe(Filter({merge(9, "")}, {9}, true)), "");
}

TEST(EntryFilterTest, ARangeDeleteHidesWhatIsOlderUnlessAReaderIsBetween) {
  const auto merge = [](Sequence s, std::string v) {
    return Make(1, s, EntryKind::kMerge, std::move(v));
  };
  const std::string first = MakeStoredKey(0, "");
  const std::string end = MakeStoredKey(2, "");
  const RangeDelete range{first, end, 6};
  const auto all = std::make_shared<RangeDeletes>(std::span<const RangeDelete>(&range, 1));
  const Entries entries = {Put(7, "g"), Put(5, "e"), Put(3, "c")};
  EXPECT_EQ(Describe(Filter(entries, {9}, false, all)), "7pg ");
  EXPECT_EQ(Describe(Filter(entries, {6, 9}, false, all)), "7pg ");
  EXPECT_EQ(Describe(Filter(entries, {4, 9}, false, all)), "7pg 3pc ");
  EXPECT_EQ(Describe(Filter({Put(5, "e")}, {9}, false, all)), "");
  EXPECT_EQ(Describe(Filter({Put(6, "f")}, {9}, false, all)), "6pf ");  // of the same commit
  EXPECT_EQ(Describe(Filter({Put(5, "e")}, {5}, false, all)), "5pe ");  // nobody sees it yet
  const Entries operands = {merge(8, "d"), merge(5, "c"), Make(1, 3, EntryKind::kPut, "a")};
  EXPECT_EQ(Describe(Filter(operands, {9}, false, all)), "8pd ");
  EXPECT_EQ(Describe(Filter(operands, {5, 9}, false, all)), "8md 5pac ");
}

// Random histories and readers: no reader can tell the difference, and no more is kept than one
// entry for each stripe.
TEST(EntryFilterTest, NoReaderCanTell) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 2000; ++round) {
    Entries entries;
    std::set<std::string> keys;
    const Sequence last = 1 + random.Below(20);
    for (Sequence s = 1; s <= last; ++s) {
      for (int i = 0; i < 2; ++i) {
        const KeyspaceId keyspace = static_cast<KeyspaceId>(i);
        if (random.Below(2) == 0) continue;
        const std::uint64_t kind = random.Below(keyspace == 1 ? 5 : 2);
        const std::string key = MakeStoredKey(keyspace, std::to_string(random.Below(2)));
        entries.push_back({key, Version(s, kind >= 2 ? EntryKind::kMerge : EntryKind(kind)),
                           kind == 0 ? "" : std::string(random.Below(3) != 0, 'a' + s % 26)});
        keys.insert(key);
      }
    }
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.entry_key() < b.entry_key(); });
    std::set<Sequence> readers;
    for (std::uint64_t n = 1 + random.Below(4); n > 0; --n) readers.insert(random.Below(last + 2));
    const std::vector<Sequence> visible(readers.begin(), readers.end());
    const bool bottom = random.Below(2) == 0;
    std::vector<std::string> bounds;
    for (int i = 0; i < 4; ++i) bounds.push_back(MakeStoredKey(i / 2, std::to_string(i % 2)));
    bounds.push_back(KeyspaceEnd(1));
    std::vector<RangeDelete> ranges;
    for (std::uint64_t n = random.Below(3); n > 0; --n) {
      const std::size_t begin = random.Below(4);
      ranges.push_back(
          {bounds[begin], bounds[begin + 1 + random.Below(4 - begin)], 1 + random.Below(last)});
    }
    const RangeDeletes given(ranges);
    const std::shared_ptr<const RangeDeletes> reduced = Reduce(ranges, visible);
    const Entries kept = Filter(entries, visible, bottom, reduced);
    // At the bottom those that every reader sees may go.
    std::vector<RangeDelete> left = reduced->all();
    std::erase_if(left, [&](const RangeDelete& range) {
      return bottom && range.sequence <= visible.front();
    });
    const RangeDeletes remaining(left);
    ASSERT_TRUE(std::is_sorted(kept.begin(), kept.end(), [](const Entry& a, const Entry& b) {
      return a.entry_key() < b.entry_key();
    }));
    for (const std::string& key : keys) {
      for (Sequence at = 0; at <= last + 1; ++at) {
        if (!readers.contains(at) && at <= visible.back()) continue;
        std::string before = ValueAt(entries, key, at, &given);
        const std::string after = ValueAt(kept, key, at, &remaining);
        if (bottom && before.empty() && after == "(none)") before = "(none)";  // said to be equal
        EXPECT_EQ(after, before) << Describe(entries) << "-> " << Describe(kept) << "at " << at;
      }
      std::set<std::size_t> stripes;
      for (const Entry& entry : kept) {
        if (entry.key != key || entry.version.sequence() > visible.back()) continue;
        EXPECT_TRUE(
            stripes
                .insert(static_cast<std::size_t>(
                    std::lower_bound(visible.begin(), visible.end(), entry.version.sequence()) -
                    visible.begin()))
                .second);
      }
    }
  }
}

}  // namespace
}  // namespace aurora::lsm
