// Versioned migrations.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aurora/engine/database.h"
#include "aurora/engine/database_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

constexpr int kDocuments = 300;

std::optional<Object> Changes(Object changes) { return changes; }

class DatabaseMigrateTest : public SimulatedDatabaseTest {
 protected:
  DatabaseMigrateTest() : SimulatedDatabaseTest(Durability::kProcess) {
    EXPECT_TRUE(simulation_.Run(db_.CreateCollection("c", Schema().Int64("n", kIndexed))).ok());
    std::vector<Object> objects;
    for (int i = 0; i < kDocuments; ++i) objects.push_back({{"_id", i}, {"n", i}});
    EXPECT_TRUE(simulation_.Run(db_.InsertMany("c", std::move(objects))).ok());
  }

  absl::StatusOr<std::vector<MigrationStatus>> Migrate(std::vector<Migration> migrations,
                                                       bool dry_run = false) {
    MigrateOptions options;
    options.dry_run = dry_run;
    return simulation_.Run(db_.Migrate(std::move(migrations), options));
  }
  // How many documents have n == their id plus `by`.
  int CountMoved(std::int64_t by) {
    int count = 0;
    for (std::int64_t i = 0; i < kDocuments; ++i) {
      const auto found = simulation_.Run(db_.Get("c", DocumentId(i)));
      count += found.ok() && found->has_value() && (*found)->Get("n").AsInt64() == i + by;
    }
    return count;
  }
};

// Adds `by` to every n; refuses the document `bad`.
MigrationStep AddTo(std::int64_t by, std::int64_t bad = -1) {
  return MigrationStep::ChangeDocuments(
      "c", [by, bad](const Document& document) -> absl::StatusOr<std::optional<Object>> {
        if (document.id() == DocumentId(bad)) return InvalidArgumentError("a bad one");
        return Changes({{"n", document.Get("n").AsInt64() + by}});
      });
}

TEST_F(DatabaseMigrateTest, EachIsAppliedOnceAndInOrder) {
  const std::vector<Migration> two = {
      {1,
       "add a field",
       {MigrationStep::AlterCollection("c", Schema().Int64("n", kIndexed).String("state"))}},
      {3,
       "move and name",
       {AddTo(1000), MigrationStep::RenameField("c", "state", "phase"),
        MigrationStep::CreateIndex("c", "phase")}}};
  const auto planned = Migrate(two, /*dry_run=*/true);
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->size(), 2u);
  EXPECT_TRUE(db_.Migrations().empty());
  EXPECT_EQ(CountMoved(0), kDocuments);
  const auto applied = Migrate(two);
  ASSERT_TRUE(applied.ok()) << applied.status();
  ASSERT_EQ(applied->size(), 2u);
  EXPECT_TRUE((*applied)[1].applied);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(CountMoved(1000), kDocuments);
    EXPECT_NE(db_.GetSchema("c")->Find("phase"), nullptr);
    const auto again = Migrate(two);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->empty());
    const std::vector<MigrationStatus> recorded = db_.Migrations();
    ASSERT_EQ(recorded.size(), 2u);
    EXPECT_EQ(recorded[1].version, 3u);
    EXPECT_EQ(recorded[1].description, "move and name");
    EXPECT_EQ(recorded[1].steps_done, 3u);
    Reopen();
  }
  EXPECT_EQ(*simulation_.Run(db_.Query("c").Where(Field("n") == 1007).Count()), 1u);
}

TEST_F(DatabaseMigrateTest, AnErrorStopsItAndTheNextGoesOnThere) {
  const auto failed = Migrate({{1, "move", {AddTo(1000, /*bad=*/250)}}});
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(ToStd(failed.status().message()));
  EXPECT_NE(message.find("migration 1 (move): step 1, change documents of c: document 250"),
            std::string::npos)
      << message;
  EXPECT_EQ(CountMoved(1000), 128) << "the batches before that of the document";
  ASSERT_EQ(db_.Migrations().size(), 1u);
  EXPECT_FALSE(db_.Migrations()[0].applied);
  EXPECT_EQ(db_.Migrations()[0].next_row, 128u);
  EXPECT_EQ(Migrate({{2, "another", {}}}).status().code(), absl::StatusCode::kFailedPrecondition);
  Reopen();
  ASSERT_TRUE(Migrate({{1, "move", {AddTo(1000)}}}).ok());
  EXPECT_EQ(CountMoved(1000), kDocuments) << "no document twice";
}

TEST_F(DatabaseMigrateTest, WhatDoesNotFitTheRecordIsRefused) {
  EXPECT_EQ(Migrate({{0, "zero", {}}}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Migrate({{2, "two", {}}, {1, "one", {}}}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Migrate({{1, "one", {MigrationStep::ChangeDocuments("c", nullptr)}}}).status().code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(Migrate({{2, "two", {}}}).ok());
  EXPECT_EQ(Migrate({{1, "one", {}}}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Migrate({{2, "second", {}}}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Migrate({{3, "three", {MigrationStep::DropIndex("c", "x")}}}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(DatabaseMigrateTest, WritersGoOnMeanwhile) {
  absl::StatusOr<std::vector<MigrationStatus>> migrated;
  absl::Status written;
  std::vector<Task<void>> tasks;
  tasks.push_back(
      [](Database db, absl::StatusOr<std::vector<MigrationStatus>>* result) -> Task<void> {
        std::vector<Migration> migrations = {{1, "move", {AddTo(1000)}}};
        *result = co_await db.Migrate(std::move(migrations));
      }(db_, &migrated));
  tasks.push_back([](Database db, absl::Status* result) -> Task<void> {
    for (std::int64_t i = 0; i < 100 && result->ok(); ++i) {
      *result = co_await db.Update("c", DocumentId(kDocuments - 1 - i), {{"n", -2000 - i}});
    }
  }(db_, &written));
  simulation_.RunAll(std::move(tasks));
  ASSERT_TRUE(migrated.ok()) << migrated.status();
  ASSERT_TRUE(written.ok()) << written;
  for (std::int64_t i = 0; i < 100; ++i) {
    const auto found = simulation_.Run(db_.Get("c", DocumentId(kDocuments - 1 - i)));
    const std::int64_t n = (*found)->Get("n").AsInt64();
    EXPECT_TRUE(n == -2000 - i || n == -1000 - i) << "written after or before, and never lost";
    EXPECT_EQ(*simulation_.Run(db_.Query("c").Where(Field("n") == n).Count()), 1u);
  }
}

}  // namespace
}  // namespace aurora
