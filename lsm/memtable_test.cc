#include "aurora/lsm/memtable.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "aurora/lsm/coding.h"
#include "aurora/lsm/filter.h"
#include "aurora/lsm/key.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

void Do(Task<absl::Status> move) {
  ASSERT_TRUE(move.IsReady());
  ASSERT_TRUE(std::move(move).TakeReady().ok());
}

// An entry as the model keeps it: ordered as EntryKey orders.
struct ModelKey {
  std::string key;
  std::uint64_t word;
  friend bool operator<(const ModelKey& a, const ModelKey& b) {
    return a.key != b.key ? a.key < b.key : a.word > b.word;
  }
};

class MemtableTest : public testing::Test {
 protected:
  void Add(std::string_view key, Sequence sequence, EntryKind kind, std::string_view value,
           KeyspaceId keyspace = 0) {
    memtable_->Add({.keyspace = keyspace, .kind = kind, .key = key, .value = value}, sequence);
  }
  // The value as of `at`: operands (newest first) are joined with "+".
  std::string Get(std::string_view key, Sequence at = kMaxSequence, KeyspaceId keyspace = 0) {
    KeyHistory history;
    const std::string stored = MakeStoredKey(keyspace, key);
    memtable_->Get(stored, HashKey(stored), at, memtable_, &history);
    if (history.empty()) return "(nothing)";
    if (history.has_operands()) return history.done() ? "(operands, base)" : "(operands)";
    const auto value = history.Resolve(key, nullptr);
    return value->has_value() ? std::string((*value)->view()) : "(deleted)";
  }

  MemoryBudget budget_{std::size_t{1} << 30};
  std::shared_ptr<Memtable> memtable_ = std::make_shared<Memtable>(&budget_, std::size_t{1} << 20);
};

TEST_F(MemtableTest, WhatIsAddedAheadIsOfTheSequenceThatItsCommitGets) {
  for (int i = 0; i < 100; i += 2) {
    memtable_->AddAhead({0, i % 4 == 0 ? EntryKind::kPut : EntryKind::kDelete, StrCat("k", 100 + i),
                         i % 4 == 0 ? "v" : ""});
  }
  memtable_->TakePlace(7);
  EXPECT_EQ(Get("k100", 6), "(nothing)");
  EXPECT_EQ(Get("k100", 7), "v");
  EXPECT_EQ(Get("k102", 9), "(deleted)");
  // The same as a memtable whose entries were added at the sequence.
  Memtable added(&budget_, std::size_t{1} << 20);
  for (int i = 0; i < 100; i += 2) {
    added.Add({0, i % 4 == 0 ? EntryKind::kPut : EntryKind::kDelete, StrCat("k", 100 + i),
               i % 4 == 0 ? "v" : ""},
              7);
  }
  Memtable::Iterator ahead(memtable_.get());
  Memtable::Iterator expected(&added);
  const auto expect_same = [&] {
    ASSERT_EQ(ahead.Valid(), expected.Valid());
    if (ahead.Valid()) EXPECT_EQ(ahead.key(), expected.key());
  };
  for (int i = 98; i < 203; ++i) {
    const std::string key = MakeStoredKey(0, StrCat("k", i));
    for (const Sequence sequence : {Sequence{6}, Sequence{7}, Sequence{8}, kMaxSequence}) {
      for (const EntryKind kind : {EntryKind::kDelete, EntryKind::kPut, EntryKind::kMerge}) {
        const EntryKey target{key, Version(sequence, kind)};
        Do(ahead.Seek(target));
        Do(expected.Seek(target));
        expect_same();
        Do(ahead.SeekBackward(target));
        Do(expected.SeekBackward(target));
        expect_same();
      }
    }
  }
  Do(ahead.SeekToFirst());
  Do(expected.SeekToFirst());
  while (expected.Valid()) {
    expect_same();
    Do(ahead.Next());
    Do(expected.Next());
  }
  EXPECT_FALSE(ahead.Valid());
}

TEST_F(MemtableTest, AReaderSeesTheNewestVersionAtItsSequence) {
  Add("k", 5, EntryKind::kPut, "five");
  Add("k", 9, EntryKind::kDelete, "");
  Add("k", 7, EntryKind::kPut, "seven");
  EXPECT_EQ(Get("k", 4), "(nothing)");
  EXPECT_EQ(Get("k", 5), "five");
  EXPECT_EQ(Get("k", 6), "five");
  EXPECT_EQ(Get("k", 7), "seven");
  EXPECT_EQ(Get("k", 9), "(deleted)");
  EXPECT_EQ(Get("k"), "(deleted)");
  EXPECT_EQ(Get("j"), "(nothing)");
  EXPECT_EQ(Get("ka"), "(nothing)");
  EXPECT_EQ(memtable_->entry_count(), 3u);
}

TEST_F(MemtableTest, OperandsAreFedUntilTheirBase) {
  Add("k", 5, EntryKind::kMerge, "a");
  EXPECT_EQ(Get("k"), "(operands)");
  Add("k", 4, EntryKind::kPut, "b");
  Add("k", 6, EntryKind::kMerge, "c");
  EXPECT_EQ(Get("k"), "(operands, base)");
  EXPECT_EQ(Get("k", 4), "b");
}

TEST_F(MemtableTest, ARangeDeleteHidesWhatIsOlderAndIsNoEntry) {
  EXPECT_TRUE(memtable_->empty());
  memtable_->Add({3, EntryKind::kDeleteRange, "c", "f"}, 7);
  EXPECT_FALSE(memtable_->empty());
  EXPECT_EQ(memtable_->entry_count(), 0u);
  Add("d", 5, EntryKind::kPut, "five", 3);
  Add("d", 7, EntryKind::kPut, "seven", 3);
  Add("e", 5, EntryKind::kPut, "five", 3);
  Add("d", 5, EntryKind::kPut, "elsewhere", 4);
  EXPECT_EQ(Get("d", 6, 3), "five");
  EXPECT_EQ(Get("d", 7, 3), "seven");
  EXPECT_EQ(Get("e", 7, 3), "(deleted)");
  EXPECT_EQ(Get("e", 6, 3), "five");
  EXPECT_EQ(Get("d", 9, 4), "elsewhere");
  EXPECT_EQ(Get("f", 9, 3), "(nothing)");
  memtable_->Add({3, EntryKind::kDeleteRange, "", ""}, 8);
  EXPECT_EQ(Get("d", 9, 3), "(deleted)");
  EXPECT_EQ(Get("d", 9, 4), "elsewhere");
}

TEST_F(MemtableTest, KeyspacesDoNotMeet) {
  Add("k", 5, EntryKind::kPut, "in 0", 0);
  Add("k", 5, EntryKind::kPut, "in 7", 7);
  Add("k", 5, EntryKind::kPut, "in 100000", 100000);
  EXPECT_EQ(Get("k", kMaxSequence, 0), "in 0");
  EXPECT_EQ(Get("k", kMaxSequence, 7), "in 7");
  EXPECT_EQ(Get("k", kMaxSequence, 100000), "in 100000");
  EXPECT_EQ(Get("k", kMaxSequence, 8), "(nothing)");
}

TEST_F(MemtableTest, KeysOfEveryShortLengthAndValueAreOrderedAsBytes) {
  // Prefix comparison must not take padding for bytes.
  std::map<std::string, std::string> model;
  const std::string alphabet[] = {std::string(1, '\0'), "\x01", "a", "\xFF"};
  std::vector<std::string> keys = {""};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].size() >= 4) continue;
    for (const std::string& c : alphabet) keys.push_back(keys[i] + c);
  }
  for (const std::string& tail : {std::string(4, '\0'), std::string("abcd"), std::string("abce")}) {
    for (const std::string& key : std::vector<std::string>(keys)) {
      if (key.size() < 4) keys.push_back("long" + key + tail);
    }
  }
  for (const std::string& key : keys) {
    if (!model.emplace(key, "v" + key).second) continue;
    Add(key, 1, EntryKind::kPut, "v" + key);
  }
  Memtable::Iterator it(memtable_.get());
  Do(it.SeekToFirst());
  for (const auto& [key, value] : model) {
    ASSERT_TRUE(it.Valid());
    EXPECT_EQ(it.key().key, MakeStoredKey(0, key));
    EXPECT_EQ(it.value(), value);
    EXPECT_EQ(Get(key), value);
    Do(it.Next());
  }
  EXPECT_FALSE(it.Valid());
}

TEST_F(MemtableTest, ValuesAreAlignedToEightBytes) {
  for (std::size_t size = 0; size < 40; ++size) {
    Add(std::string(size, 'k'), 1, EntryKind::kPut, "12345678");
  }
  Memtable::Iterator it(memtable_.get());
  for (Do(it.SeekToFirst()); it.Valid(); Do(it.Next())) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(it.value().data()) % 8, 0u);
  }
}

TEST_F(MemtableTest, IteratesLikeAMapInBothDirections) {
  SeededRandom random(TestSeed());
  std::map<ModelKey, std::string> model;
  Sequence sequence = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string key = std::to_string(random.Next64() % 800);
    const auto kind = static_cast<EntryKind>(random.Next64() % 3);
    const std::string value = kind == EntryKind::kDelete ? "" : std::to_string(random.Next64());
    Add(key, ++sequence, kind, value);
    model[{MakeStoredKey(0, key), Version(sequence, kind).word()}] = value;
  }
  EXPECT_EQ(memtable_->entry_count(), model.size());

  Memtable::Iterator it(memtable_.get());
  auto expect_at = [&](auto position) {
    ASSERT_EQ(it.Valid(), position != model.end());
    if (!it.Valid()) return;
    EXPECT_EQ(it.key().key, position->first.key);
    EXPECT_EQ(it.key().version.word(), position->first.word);
    EXPECT_EQ(it.value(), position->second);
  };
  Do(it.SeekToFirst());
  for (auto position = model.begin(); position != model.end(); ++position, Do(it.Next())) {
    expect_at(position);
  }
  EXPECT_FALSE(it.Valid());
  Do(it.SeekToLast());
  for (auto position = model.rbegin(); position != model.rend(); ++position, Do(it.Prev())) {
    expect_at(std::prev(position.base()));
  }
  EXPECT_FALSE(it.Valid());

  for (int i = 0; i < 3000; ++i) {
    const std::string key = MakeStoredKey(0, std::to_string(random.Next64() % 1000));
    const Version version(random.Next64() % sequence + 1,
                          static_cast<EntryKind>(random.Next64() % 3));
    const ModelKey target{key, version.word()};
    auto position = model.lower_bound(target);
    Do(it.Seek({key, version}));
    expect_at(position);
    if (position != model.end() && position != model.begin() && random.Next64() % 2 == 0) {
      Do(it.Prev());
      expect_at(std::prev(position));
      Do(it.Next());
      expect_at(position);
    }
    auto after = model.upper_bound(target);
    Do(it.SeekBackward({key, version}));
    expect_at(after == model.begin() ? model.end() : std::prev(after));
  }
}

TEST_F(MemtableTest, AnEmptyMemtableHasNothing) {
  Memtable::Iterator it(memtable_.get());
  for (auto move : {&EntryIterator::SeekToFirst, &EntryIterator::SeekToLast}) {
    Do((it.*move)());
    EXPECT_FALSE(it.Valid());
  }
  Do(it.Seek({"", Version(1, EntryKind::kPut)}));
  EXPECT_FALSE(it.Valid());
  Do(it.SeekBackward({"z", Version(1, EntryKind::kPut)}));
  EXPECT_FALSE(it.Valid());
  EXPECT_TRUE(memtable_->empty());
}

TEST_F(MemtableTest, MemoryIsChargedBeforeUseAndGivenBack) {
  std::size_t payload = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string key = std::to_string(i);
    const std::string value(static_cast<std::size_t>(i % 200), 'v');
    Add(key, 1, EntryKind::kPut, value);
    payload += key.size() + value.size();
    ASSERT_EQ(budget_.used_bytes(MemoryUse::kMemtable), memtable_->charged_bytes());
    ASSERT_LE(memtable_->used_bytes(), memtable_->charged_bytes());
  }
  EXPECT_GT(memtable_->used_bytes(), payload);
  EXPECT_LT(memtable_->charged_bytes(), memtable_->used_bytes() + 2 * Arena::kMaxChunkBytes);
  const std::size_t before = memtable_->charged_bytes();
  Add("large", 1, EntryKind::kPut, std::string(3 << 20, 'x'));
  EXPECT_GE(memtable_->charged_bytes(), before + (3 << 20));
  EXPECT_LT(memtable_->charged_bytes(), before + (3 << 20) + 4096)
      << "a large value does not waste a chunk";
  memtable_.reset();
  EXPECT_EQ(budget_.used_bytes(), 0u);
}

TEST_F(MemtableTest, EntryBytesForetellsWhatAnEntryTakes) {
  const std::size_t before = memtable_->used_bytes();
  std::size_t foretold = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string key = std::to_string(i);
    const Mutation mutation{.key = key, .value = "some value of usual length"};
    foretold += Memtable::EntryBytes(mutation);
    memtable_->Add(mutation, 1);
  }
  const std::size_t taken = memtable_->used_bytes() - before;
  EXPECT_NEAR(static_cast<double>(foretold), static_cast<double>(taken),
              0.15 * static_cast<double>(taken));
}

using MemtableDeathTest = MemtableTest;

TEST_F(MemtableDeathTest, TheSameVersionTwiceIsABugOfTheCaller) {
  Add("k", 5, EntryKind::kPut, "a");
  Add("l", 5, EntryKind::kPut, "a");
  EXPECT_DEATH(Add("k", 5, EntryKind::kPut, "b"), "at most one mutation");
}

// --- Concurrency. Values say which key and version they belong to, so that a torn or misplaced
// entry shows. ---

constexpr int kKeyCount = 300;

std::string StressKey(std::uint64_t key) { return "key" + std::to_string(key % kKeyCount); }

std::string StressValue(std::string_view key, Sequence sequence) {
  std::string value;
  AppendFixed64(&value, sequence);
  value.append(key);
  AppendFixed64(&value, sequence * 0x9E3779B97F4A7C15 + key.size());
  return value;
}

bool IsStressValue(std::string_view stored_key, Sequence sequence, std::string_view value) {
  return value == StressValue(stored_key.substr(1), sequence);
}

// Walks everything, forwards or backwards, and checks order, contents, and that what was published
// before is there.
void CheckWalk(const Memtable& memtable, bool forward, Sequence published) {
  Memtable::Iterator it(&memtable);
  std::optional<ModelKey> previous;
  std::uint64_t published_seen = 0;
  Do(forward ? it.SeekToFirst() : it.SeekToLast());
  while (it.Valid()) {
    const EntryKey key = it.key();
    ASSERT_TRUE(IsStressValue(key.key, key.version.sequence(), it.value()));
    ModelKey now{std::string(key.key), key.version.word()};
    if (previous) ASSERT_TRUE(forward ? *previous < now : now < *previous);
    previous = std::move(now);
    if (key.version.sequence() <= published) ++published_seen;
    Do(forward ? it.Next() : it.Prev());
  }
  ASSERT_EQ(published_seen, published) << "every published entry, exactly once";
}

TEST_F(MemtableTest, WritersAndReadersRaceWithoutLossOrTear) {
  constexpr int kWriters = 3;
  constexpr Sequence kPerWriter = 2500;
  const std::uint64_t seed = TestSeed();
  std::atomic<Sequence> next{1};
  std::atomic<Sequence> published{0};
  std::atomic<int> writing{kWriters};

  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      SeededRandom random(seed + static_cast<std::uint64_t>(w));
      for (Sequence i = 0; i < kPerWriter; ++i) {
        const Sequence sequence = next.fetch_add(1);
        const std::string key = StressKey(random.Next64());
        memtable_->Add({.key = key, .value = StressValue(key, sequence)}, sequence);
        Sequence expected = sequence - 1;
        while (!published.compare_exchange_weak(expected, sequence, std::memory_order_acq_rel)) {
          expected = sequence - 1;
          std::this_thread::yield();
        }
      }
      writing.fetch_sub(1);
    });
  }
  for (int r = 0; r < 2; ++r) {
    threads.emplace_back([&, r] {
      SeededRandom random(seed + 100 + static_cast<std::uint64_t>(r));
      while (writing.load() > 0) {
        CheckWalk(*memtable_, r == 0, published.load(std::memory_order_acquire));
        if (testing::Test::HasFatalFailure()) return;
        const Sequence at = published.load(std::memory_order_acquire);
        const std::string key = MakeStoredKey(0, StressKey(random.Next64()));
        KeyHistory history;
        if (memtable_->Get(key, HashKey(key), at, memtable_, &history)) {
          EXPECT_LE(history.newest().sequence(), at);
          EXPECT_TRUE(IsStressValue(key, history.newest().sequence(),
                                    (*history.Resolve(key, nullptr))->view()));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CheckWalk(*memtable_, true, kWriters * kPerWriter);
  CheckWalk(*memtable_, false, kWriters * kPerWriter);
}

// Every commit puts a key of its own; every third deletes the range that holds the one before.
TEST_F(MemtableTest, RangeDeletesAreThereOnceTheyArePublished) {
  constexpr int kWriters = 2;
  constexpr Sequence kLast = 3000;
  const auto key_of = [](Sequence sequence) { return std::to_string(100'000 + sequence); };
  const auto deletes = [](Sequence sequence) { return sequence % 3 == 0; };
  const std::uint64_t seed = TestSeed();
  std::atomic<Sequence> next{1};
  std::atomic<Sequence> published{0};

  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&] {
      for (Sequence s = next.fetch_add(1); s <= kLast; s = next.fetch_add(1)) {
        const std::string begin = key_of(s - 1);
        const std::string key = key_of(s);
        if (deletes(s)) memtable_->Add({0, EntryKind::kDeleteRange, begin, key}, s);
        memtable_->Add({.key = key, .value = key}, s);
        Sequence expected = s - 1;
        while (!published.compare_exchange_weak(expected, s, std::memory_order_acq_rel)) {
          expected = s - 1;
          std::this_thread::yield();
        }
      }
    });
  }
  for (int r = 0; r < 2; ++r) {
    threads.emplace_back([&, r] {
      SeededRandom random(seed + static_cast<std::uint64_t>(r));
      for (Sequence at = 0; at < kLast;) {
        at = published.load(std::memory_order_acquire);
        const Sequence s = 1 + random.Below(at + 1);
        const std::string key = key_of(s);
        const bool is_deleted = s < at && deletes(s + 1);
        EXPECT_EQ(Get(key, at), s > at ? "(nothing)" : is_deleted ? "(deleted)" : key);
        if (s <= at) EXPECT_EQ(Get(key, s), key);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace aurora::lsm
