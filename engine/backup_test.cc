#include "aurora/engine/backup.h"

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "aurora/engine/database.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

Object Person(int i) {
  return {{"email", StrCat("p", i, "@example.org")}, {"city", i % 2 == 0 ? "Bern" : "Basel"}};
}

class DatabaseBackupTest : public testing::Test {
 protected:
  DatabaseBackupTest() : environment_(std::shared_ptr<void>(), &simulation_.environment()) {
    databases_.push_back(*Open("/db"));
    EXPECT_TRUE(
        simulation_
            .Run(db().CreateCollection(
                "people", Schema().String("email", kUnique | kRequired).String("city", kIndexed)))
            .ok());
    Insert(db(), 0, 100);
  }
  ~DatabaseBackupTest() override {
    for (Database& database : databases_) EXPECT_TRUE(simulation_.Run(database.Close()).ok());
  }

  Database& db() { return databases_.front(); }
  absl::StatusOr<Database> Open(std::string path, bool read_only = false) {
    Options options;
    options.memory_bytes = 8u << 20;
    options.environment = environment_;
    options.read_only = read_only;
    return simulation_.Run(Database::Open(std::move(path), options));
  }
  Database& OpenCopy(std::string path, bool read_only = false) {
    absl::StatusOr<Database> opened = Open(std::move(path), read_only);
    EXPECT_TRUE(opened.ok()) << opened.status();
    databases_.push_back(*std::move(opened));
    return databases_.back();
  }
  void Insert(Database& database, int from, int to) {
    for (int i = from; i < to; ++i) {
      const absl::Status status = simulation_.Run(database.Insert("people", Person(i))).status();
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  std::uint64_t CountInBern(Database& database) {
    const auto count =
        simulation_.Run(database.Query("people").Where(Field("city") == "Bern").Count());
    EXPECT_TRUE(count.ok()) << count.status();
    return count.value_or(0);
  }
  absl::StatusOr<BackupSet> OpenBackups() {
    return simulation_.Run(BackupSet::Open("/backups", environment_));
  }

  Simulation simulation_{1};
  std::shared_ptr<Environment> environment_;
  std::deque<Database> databases_;  // whose places stay
};

TEST_F(DatabaseBackupTest, ACheckpointIsADatabaseOfItsOwn) {
  const auto made = simulation_.Run(db().Checkpoint("/copy"));
  ASSERT_TRUE(made.ok()) << made.status();
  Insert(db(), 100, 120);
  Database& copy = OpenCopy("/copy");
  EXPECT_EQ(CountInBern(copy), 50u);
  EXPECT_EQ(CountInBern(db()), 60u);
  // Unique values are known, and new ones are free.
  EXPECT_TRUE(absl::IsAlreadyExists(simulation_.Run(copy.Insert("people", Person(7))).status()));
  Insert(copy, 100, 140);
  EXPECT_EQ(CountInBern(copy), 70u);
  EXPECT_EQ(CountInBern(db()), 60u);
}

TEST_F(DatabaseBackupTest, EachBackupIsRestoredAsItWas) {
  ASSERT_TRUE(simulation_.Run(db().Backup("/backups", "first")).ok());
  Insert(db(), 100, 200);
  const auto second = simulation_.Run(db().Backup("/backups", "second"));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_LT(second->copied_bytes, second->total_bytes);

  absl::StatusOr<BackupSet> backups = OpenBackups();
  ASSERT_TRUE(backups.ok()) << backups.status();
  const auto all = simulation_.Run(backups->List());
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ(all->front().label, "first");
  const auto report = simulation_.Run(backups->Verify());
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->problems.empty());

  ASSERT_TRUE(simulation_.Run(backups->Restore(1, "/restored1")).ok());
  ASSERT_TRUE(simulation_.Run(backups->Delete(1)).ok());
  ASSERT_TRUE(simulation_.Run(backups->Restore(0, "/restored2")).ok());
  EXPECT_EQ(CountInBern(OpenCopy("/restored1")), 50u);
  EXPECT_EQ(CountInBern(OpenCopy("/restored2")), 100u);
}

TEST_F(DatabaseBackupTest, AReadOnlyDatabaseIsReadBesideTheOneThatWrites) {
  Database& reader = OpenCopy("/db", /*read_only=*/true);
  EXPECT_EQ(CountInBern(reader), 50u);
  Insert(db(), 100, 110);
  EXPECT_EQ(CountInBern(reader), 50u);
  EXPECT_EQ(CountInBern(OpenCopy("/db", /*read_only=*/true)), 55u);
  for (const absl::Status& status :
       {simulation_.Run(reader.Insert("people", Person(900))).status(),
        simulation_.Run(reader.CreateCollection("more", Schema().String("name"))),
        // These would change nothing, and are writes all the same.
        simulation_.Run(reader.CreateCollection("people", *reader.GetSchema("people"))),
        simulation_.Run(reader.Delete("people", DocumentId("nobody"))).status(),
        simulation_.Run(reader.InsertMany("people", {})).status(),
        simulation_.Run(reader.Update("people", DocumentId("nobody"), {{"name", "x"}})),
        simulation_.Run(reader.Upsert("people", DocumentId("nobody"), Person(901))).status(),
        simulation_.Run(reader.Flush()), simulation_.Run(reader.Compact()),
        simulation_.Run(reader.Checkpoint("/copy")).status(),
        simulation_.Run(reader.Backup("/backups")).status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  }
  EXPECT_EQ(reader.Collections().size(), 1u);
}

}  // namespace
}  // namespace aurora
