#include "aurora/engine/archive.h"

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "aurora/engine/database.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

Object Person(int i) {
  return {{"email", StrCat("p", i, "@example.org")}, {"city", i % 2 == 0 ? "Bern" : "Basel"}};
}

class DatabaseArchiveTest : public testing::Test {
 protected:
  DatabaseArchiveTest() : environment_(std::shared_ptr<void>(), &simulation_.environment()) {
    Open("/db");
    EXPECT_TRUE(
        simulation_
            .Run(db().CreateCollection(
                "people", Schema().String("email", kUnique | kRequired).String("city", kIndexed)))
            .ok());
    Insert(0, 50);
    EXPECT_TRUE(simulation_.Run(db().Backup("/backups")).ok());
  }
  ~DatabaseArchiveTest() override { Close(); }

  Database& db() { return *database_; }
  void Open(std::string path, std::string archive = "/archive") {
    Options options;
    options.memory_bytes = 8u << 20;
    options.environment = environment_;
    options.archive = std::move(archive);
    absl::StatusOr<Database> opened = simulation_.Run(Database::Open(std::move(path), options));
    ASSERT_TRUE(opened.ok()) << opened.status();
    database_ = *std::move(opened);
  }
  void Close() {
    if (!database_.has_value()) return;
    EXPECT_TRUE(simulation_.Run(db().Close()).ok());
    database_.reset();
  }
  void Insert(int from, int to) {
    for (int i = from; i < to; ++i) {
      const absl::Status status = simulation_.Run(db().Insert("people", Person(i))).status();
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  std::uint64_t CountInBern() {
    const auto count = simulation_.Run(db().Query("people").Where(Field("city") == "Bern").Count());
    EXPECT_TRUE(count.ok()) << count.status();
    return count.value_or(0);
  }
  std::int64_t NowMicros() { return absl::ToUnixMicros(simulation_.environment().clock().Now()); }
  void Sleep(absl::Duration duration) {
    EXPECT_TRUE(simulation_.Run(simulation_.environment().Sleep(duration)).ok());
  }
  absl::StatusOr<PointRestored> Restore(std::string path, RestorePoint point) {
    RestoreRequest request;
    request.backups = "/backups";
    request.archive = "/archive";
    request.path = std::move(path);
    request.point = point;
    request.environment = environment_;
    return simulation_.Run(RestoreToPoint(std::move(request)));
  }

  Simulation simulation_{TestSeed()};
  std::shared_ptr<Environment> environment_;
  std::optional<Database> database_;
};

TEST_F(DatabaseArchiveTest, AMistakeIsUndoneByGoingBackToJustBeforeIt) {
  Insert(50, 80);
  Sleep(absl::Minutes(5));
  const std::int64_t before = NowMicros();
  Sleep(absl::Seconds(1));
  const auto found = simulation_.Run(db().Query("people").Where(Field("city") == "Bern").Collect());
  ASSERT_TRUE(found.ok()) << found.status();
  for (const Document& document : *found) {
    ASSERT_TRUE(simulation_.Run(db().Delete("people", document.id())).ok());
  }
  EXPECT_EQ(CountInBern(), 0u);
  Insert(80, 90);
  ASSERT_TRUE(simulation_.Run(db().ArchiveNow()).ok());
  Close();

  RestorePoint point;
  point.micros = before;
  const absl::StatusOr<PointRestored> restored = Restore("/undone", point);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_FALSE(restored->is_end);
  EXPECT_LE(restored->micros, before);
  Open("/undone");
  EXPECT_EQ(CountInBern(), 40u);
  // Unique values are known, and what came later is not there.
  EXPECT_TRUE(absl::IsAlreadyExists(simulation_.Run(db().Insert("people", Person(79))).status()));
  Insert(80, 82);
  EXPECT_EQ(CountInBern(), 41u);
}

TEST_F(DatabaseArchiveTest, ALostDatabaseIsBackUpToWhatWasArchived) {
  Insert(50, 400);
  Sleep(absl::Minutes(2));
  const std::uint64_t archived = db().Stats().store.archive.archived_through;
  EXPECT_EQ(archived, db().Stats().store.published);
  Close();
  const absl::StatusOr<PointRestored> restored = Restore("/again", {});
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_TRUE(restored->is_end);
  EXPECT_EQ(restored->sequence, archived);
  Open("/again");
  EXPECT_EQ(CountInBern(), 200u);

  // It has a lineage of its own, and the old one can still be used.
  Insert(400, 410);
  ASSERT_TRUE(simulation_.Run(db().Backup("/backups")).ok());
  Insert(410, 420);
  ASSERT_TRUE(simulation_.Run(db().ArchiveNow()).ok());
  absl::StatusOr<Archive> archive = simulation_.Run(Archive::Open("/archive", environment_));
  ASSERT_TRUE(archive.ok()) << archive.status();
  EXPECT_EQ(simulation_.Run(archive->List())->size(), 2u);
  const absl::StatusOr<ArchiveReport> report = simulation_.Run(archive->Verify());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->problems.empty()) << report->problems.front();
  Close();
  ASSERT_TRUE(Restore("/newest", {}).ok());
  Open("/newest");
  EXPECT_EQ(CountInBern(), 210u);
  Close();
  RestorePoint old;
  old.sequence = archived;
  ASSERT_TRUE(Restore("/older", old).ok());
  Open("/older");
  EXPECT_EQ(CountInBern(), 200u);
}

TEST_F(DatabaseArchiveTest, PruningKeepsWhatTheRemainingBackupsNeed) {
  Insert(50, 60);
  ASSERT_TRUE(simulation_.Run(db().ArchiveNow()).ok());
  ASSERT_TRUE(simulation_.Run(db().Backup("/backups")).ok());
  Insert(60, 70);
  ASSERT_TRUE(simulation_.Run(db().ArchiveNow()).ok());
  absl::StatusOr<Archive> archive = simulation_.Run(Archive::Open("/archive", environment_));
  ASSERT_TRUE(archive.ok()) << archive.status();
  PruneRequest request;
  request.backups = "/backups";
  request.before_micros = 0;
  EXPECT_EQ(simulation_.Run(archive->Prune(request))->file_count, 0);
  request.before_micros.reset();
  request.keep_from = 2;
  const absl::StatusOr<PruneReport> pruned = simulation_.Run(archive->Prune(request));
  ASSERT_TRUE(pruned.ok()) << pruned.status();
  EXPECT_GE(pruned->file_count, 1);
  EXPECT_TRUE(Restore("/kept", {}).ok());
  RestoreRequest older;
  older.backups = "/backups";
  older.archive = "/archive";
  older.path = "/gone";
  older.backup_id = 1;
  older.environment = environment_;
  const absl::Status gone = simulation_.Run(RestoreToPoint(older)).status();
  EXPECT_TRUE(absl::IsDataLoss(gone)) << gone;
}

}  // namespace
}  // namespace aurora
