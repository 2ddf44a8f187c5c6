// Many real threads against one database on real files: writers, readers, flushes, compaction, and
// a close in the middle of it. Run it under the thread sanitizer too.
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aurora/engine/database.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

constexpr int kWriters = 3;
constexpr int kReaders = 3;
constexpr int kRounds = 60;
constexpr int kBatch = 8;

Schema Items() {
  return Schema()
      .String("key", kUnique | kRequired)
      .Int64("writer", kIndexed)
      .Int64("batch", kIndexed)
      .Int64("version")
      .Int64("check")
      .String("payload");
}

std::string KeyOf(int writer, int number) { return StrCat("w", writer, "-", number); }

// Ties the fields of a document together: a reader who sees two versions mixed notices.
std::int64_t CheckOf(const std::string& key, std::int64_t version) {
  return static_cast<std::int64_t>(std::hash<std::string>()(key) % 1'000'003) * 31 + version;
}

Object Item(int writer, int number, std::int64_t version) {
  const std::string key = KeyOf(writer, number);
  return {{"key", key},
          {"writer", writer},
          {"batch", writer * 1'000'000 + number / kBatch},
          {"version", version},
          {"check", CheckOf(key, version)},
          {"payload", std::string(static_cast<std::size_t>(500 + version % 100), 'p')}};
}

bool IsWhole(const Document& document) {
  const std::int64_t version = document.Get("version").AsInt64();
  return document.Get("check").AsInt64() ==
             CheckOf(std::string(document.Get("key").AsString()), version) &&
         document.Get("payload").AsString().size() == static_cast<std::size_t>(500 + version % 100);
}

// What one writer has been told, by the number of the item.
struct Acknowledged {
  std::map<int, std::int64_t> versions;
  std::map<int, DocumentId> ids;
  int batches = 0;
};

class DatabaseThreadsTest : public testing::TestWithParam<Durability> {
 protected:
  DatabaseThreadsTest() : directory_(testing::TempDir() + "/threads.aurora") {
    std::filesystem::remove_all(directory_);
    db_.emplace(Open());
    EXPECT_TRUE(db_->CreateCollection("items", Items()).Wait().ok());
  }

  Database Open() {
    Options options;
    options.memory_bytes = 8u << 20;  // small, so that flushes and compactions come often
    options.durability = GetParam();
    absl::StatusOr<Database> opened = Database::Open(directory_, options).Wait();
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }

  // Inserts a batch, changes and deletes items of earlier ones. Stops at the first error.
  absl::Status WriteRound(Database db, int writer, std::mt19937_64* random, Acknowledged* told) {
    std::vector<Object> objects;
    const int first = told->batches * kBatch;
    for (int i = 0; i < kBatch; ++i) objects.push_back(Item(writer, first + i, 0));
    AURORA_ASSIGN_OR_RETURN(const std::vector<DocumentId> ids,
                            db.InsertMany("items", std::move(objects)).Wait());
    ++told->batches;
    for (int i = 0; i < kBatch; ++i) {
      told->versions[first + i] = 0;
      told->ids[first + i] = ids[static_cast<std::size_t>(i)];
    }
    for (int i = 0; i < 4; ++i) {
      // Items of even batches change, those of odd ones stay, so that readers can count on them.
      const int batch = static_cast<int>((*random)() % static_cast<unsigned>(told->batches)) & ~1;
      const int number = batch * kBatch + static_cast<int>((*random)() % kBatch);
      const auto known = told->versions.find(number);
      if (known == told->versions.end()) continue;
      if ((*random)() % 4 == 0) {
        AURORA_ASSIGN_OR_RETURN(const bool found, db.Delete("items", told->ids[number]).Wait());
        EXPECT_TRUE(found);
        told->versions.erase(known);
        continue;
      }
      Object changed = Item(writer, number, known->second + 1);
      AURORA_RETURN_IF_ERROR(db.Update("items", told->ids[number], std::move(changed)).Wait());
      ++known->second;
    }
    return absl::OkStatus();
  }

  void Write(int writer, std::uint64_t seed, int rounds) {
    std::mt19937_64 random(seed);
    for (int round = 0; round < rounds; ++round) {
      const absl::Status status =
          WriteRound(*db_, writer, &random, &told_[static_cast<std::size_t>(writer)]);
      if (absl::IsFailedPrecondition(status) && closing_.load()) return;
      ASSERT_TRUE(status.ok()) << status;
    }
  }

  // Looks until `done`. Every document is whole, and a batch that nobody changes is there in full
  // or not at all.
  void Read(std::uint64_t seed, const std::atomic<bool>* done) {
    std::mt19937_64 random(seed);
    while (!done->load()) {
      const int writer = static_cast<int>(random() % kWriters);
      const int batch = static_cast<int>(random() % kRounds) | 1;
      const Query whole_batch =
          db_->Query("items").Where(Field("batch") == writer * 1'000'000 + batch);
      const auto count = whole_batch.Count().Wait();
      ASSERT_TRUE(count.ok()) << count.status();
      EXPECT_TRUE(*count == 0 || *count == kBatch) << *count;
      const auto documents =
          db_->Query("items").Where(Field("writer") == writer).Offset(random() % 50).Limit(20);
      const auto found = documents.Collect().Wait();
      ASSERT_TRUE(found.ok()) << found.status();
      for (const Document& document : *found) {
        EXPECT_TRUE(IsWhole(document)) << document.ToJson();
        const auto again = db_->Get("items", document.id()).Wait();
        ASSERT_TRUE(again.ok()) << again.status();
        if (again->has_value()) EXPECT_TRUE(IsWhole(**again));
      }
    }
  }

  void Tidy(const std::atomic<bool>* done) {
    for (int i = 0; !done->load(); ++i) {
      EXPECT_TRUE(db_->Flush().Wait().ok());
      if (i % 3 == 2) EXPECT_TRUE(db_->Compact().Wait().ok());
      EXPECT_GT(db_->Stats().collection_count, 0);
    }
  }

  // What was acknowledged is there, and nothing else.
  void CheckAll() {
    std::size_t expected = 0;
    for (int writer = 0; writer < kWriters; ++writer) {
      const Acknowledged& told = told_[static_cast<std::size_t>(writer)];
      expected += told.versions.size();
      for (const auto& [number, version] : told.versions) {
        const auto document = db_->Get("items", told.ids.at(number)).Wait();
        ASSERT_TRUE(document.ok()) << document.status();
        ASSERT_TRUE(document->has_value()) << KeyOf(writer, number);
        EXPECT_TRUE(IsWhole(**document));
        EXPECT_EQ((*document)->Get("version").AsInt64(), version);
      }
    }
    const auto count = db_->Query("items").Count().Wait();
    ASSERT_TRUE(count.ok()) << count.status();
    EXPECT_EQ(*count, expected);
    const auto scanned = db_->Query("items").Where(Field("version") >= 0).Collect().Wait();
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    EXPECT_EQ(scanned->size(), *count) << "indices and documents agree";
  }

  const std::string directory_;
  std::optional<Database> db_;
  std::vector<Acknowledged> told_{kWriters};
  std::atomic<bool> closing_ = false;
};

TEST_P(DatabaseThreadsTest, WritersReadersFlushesAndCompactionsAgree) {
  const std::uint64_t seed = TestSeed(1);
  std::atomic<bool> done = false;
  std::vector<std::thread> writers;
  std::vector<std::thread> others;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back(
        [this, i, seed] { Write(i, seed + static_cast<std::uint64_t>(i), kRounds); });
  }
  for (int i = 0; i < kReaders; ++i) {
    others.emplace_back(
        [this, i, seed, &done] { Read(seed + 100 + static_cast<std::uint64_t>(i), &done); });
  }
  others.emplace_back([this, &done] { Tidy(&done); });
  for (std::thread& thread : writers) thread.join();
  done.store(true);
  for (std::thread& thread : others) thread.join();
  CheckAll();
  ASSERT_TRUE(db_->Close().Wait().ok());
  db_.emplace(Open());
  CheckAll();
  EXPECT_TRUE(db_->Close().Wait().ok());
}

TEST_P(DatabaseThreadsTest, AUniqueValueIsTakenByOneOfManyAtOnce) {
  constexpr int kThreads = 6;
  constexpr int kValues = 40;
  std::atomic<int> taken[kValues] = {};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, &taken] {
      for (int value = 0; value < kValues; ++value) {
        const absl::Status status = db_->Insert("items", Item(0, value, 0)).Wait().status();
        EXPECT_TRUE(status.ok() || absl::IsAlreadyExists(status)) << status;
        taken[value].fetch_add(status.ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::atomic<int>& count : taken) EXPECT_EQ(count.load(), 1);
  EXPECT_EQ(*db_->Query("items").Count().Wait(), static_cast<std::uint64_t>(kValues));
  EXPECT_TRUE(db_->Close().Wait().ok());
}

TEST_P(DatabaseThreadsTest, ACloseInTheMiddleKeepsWhatWasAcknowledged) {
  const std::uint64_t seed = TestSeed(2);
  std::vector<std::thread> threads;
  std::atomic<int> started = 0;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([this, i, seed, &started] {
      Write(i, seed + static_cast<std::uint64_t>(i), 5);
      started.fetch_add(1);
      Write(i, seed + 50 + static_cast<std::uint64_t>(i), 100'000);
    });
  }
  while (started.load() < kWriters) std::this_thread::yield();
  closing_.store(true);
  Database closed = *db_;
  EXPECT_TRUE(closed.Close().Wait().ok());
  for (std::thread& thread : threads) thread.join();
  db_.emplace(Open());
  CheckAll();
  EXPECT_TRUE(db_->Close().Wait().ok());
}

INSTANTIATE_TEST_SUITE_P(Durabilities, DatabaseThreadsTest,
                         testing::Values(Durability::kSync, Durability::kProcess),
                         [](const testing::TestParamInfo<Durability>& info) {
                           return info.param == Durability::kSync ? "Sync" : "Process";
                         });

}  // namespace
}  // namespace aurora
