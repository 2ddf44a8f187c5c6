#include "aurora/lsm/log_archiver.h"

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/archive_campaign_testing.h"
#include "aurora/lsm/archive_set.h"
#include "aurora/lsm/backup_set.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/point_in_time.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/table_file.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

TEST(ArchiveCampaignTest, ARestoreReachesEveryCommitThatWasArchived) {
  for (const Durability durability :
       {Durability::kSync, Durability::kProcess, Durability::kBuffered}) {
    const absl::Status status = RunArchives(TestSeed(), durability);
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST(ArchiveCampaignTest, ACrashAtAnyPersistentOperationLosesNothingThatWasArchived) {
  std::uint64_t images = 0;
  const std::uint64_t seed = TestSeed();
  const Durability durability = seed % 2 == 0 ? Durability::kSync : Durability::kProcess;
  const absl::Status status = EnumerateArchiveCrashes(seed, durability, 1, &images);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_GT(images, 50u);
}

TEST(ArchiveCampaignTest, NoErrorInTheArchiveHarmsTheStore) {
  const std::uint64_t seed = TestSeed();
  bool struck = true;
  for (std::uint64_t first = 1; struck; ++first) {
    const int error = first % 2 == seed % 2 ? EIO : ENOSPC;
    const absl::Status status = RunArchiveFault(seed, first, error, &struck);
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST(ArchiveCampaignTest, EveryFlippedBitIsFound) {
  const absl::Status status = FlipArchiveBits(TestSeed(), 20);
  EXPECT_TRUE(status.ok()) << status;
}

class LogArchiverTest : public testing::Test {
 protected:
  LogArchiverTest() {
    options_ = SmallStoreOptions("/db", Durability::kSync);
    options_.archive.directory = "/archive";
    Open();
  }
  ~LogArchiverTest() override {
    if (store_ != nullptr) EXPECT_TRUE(simulation_.Run(store_->Close()).ok());
  }

  void Open() {
    absl::StatusOr<std::unique_ptr<KvStore>> store =
        simulation_.Run(KvStore::Open(simulation_.environment(), options_));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Close() {
    EXPECT_TRUE(simulation_.Run(store_->Close()).ok());
    store_ = nullptr;
  }
  void Put(int from, int to, std::size_t bytes = 100) {
    for (int i = from; i < to; ++i) {
      const std::string value(bytes, static_cast<char>('a' + i % 26));
      const auto put = simulation_.Run(store_->Put(StrCat("key", i), value));
      ASSERT_TRUE(put.ok()) << put.status();
    }
  }
  ArchiveStats Stats() { return store_->store().Stats().archive; }
  absl::StatusOr<Sequence> ArchiveNow() { return simulation_.Run(store_->store().ArchiveNow()); }
  void Backup() {
    const auto set = simulation_.Run(
        BackupSet::Open(&simulation_.environment(), "/backups", BackupSet::Access::kWrite));
    ASSERT_TRUE(set.ok()) << set.status();
    const auto made = simulation_.Run((*set)->Create(&store_->store(), "", CopyOptions()));
    ASSERT_TRUE(made.ok()) << made.status();
  }
  std::vector<ArchiveLineage> List() {
    const auto set = simulation_.Run(ArchiveSet::Open(&simulation_.environment(), "/archive"));
    if (!set.ok()) return {};
    absl::StatusOr<std::vector<ArchiveLineage>> all = simulation_.Run((*set)->List());
    EXPECT_TRUE(all.ok()) << all.status();
    return *std::move(all);
  }
  absl::StatusOr<PointRestored> Restore(std::string target, RestorePoint point) {
    const auto backups = simulation_.Run(
        BackupSet::Open(&simulation_.environment(), "/backups", BackupSet::Access::kRead));
    if (!backups.ok()) return backups.status();
    const auto archive = simulation_.Run(ArchiveSet::Open(&simulation_.environment(), archive_));
    if (!archive.ok()) return archive.status();
    PointRestoreOptions options;
    options.point = point;
    return simulation_.Run(RestoreToPoint(&simulation_.environment(), backups->get(),
                                          archive->get(), std::move(target), options));
  }
  std::size_t FailArchive(int error) {
    FaultRule rule;
    rule.fault = Fault::Error(error);
    rule.path = "/archive*";
    rule.count = FaultRule::kForEver;
    return simulation_.faults().Add(rule);
  }
  void Sleep(absl::Duration duration) {
    EXPECT_TRUE(simulation_.Run(simulation_.environment().Sleep(duration)).ok());
  }

  Simulation simulation_{TestSeed()};
  StoreOptions options_;
  std::string archive_ = "/archive";  // of restores
  std::unique_ptr<KvStore> store_;
};

TEST_F(LogArchiverTest, WhatIsCommittedIsArchivedWithinTheInterval) {
  Put(0, 10);
  Sleep(absl::Minutes(2));
  EXPECT_EQ(Stats().archived_through, store_->store().published());
  EXPECT_EQ(Stats().lag_bytes, 0u);
  Put(10, 20);
  EXPECT_LT(Stats().archived_through, store_->store().published());
  Sleep(absl::Minutes(2));
  EXPECT_EQ(Stats().archived_through, store_->store().published());
  EXPECT_EQ(Stats().gap_count, 0u);
}

TEST_F(LogArchiverTest, AFailingArchiveIsReportedAndCatchesUp) {
  Put(0, 10);
  FailArchive(ENOSPC);
  Put(10, 600);
  EXPECT_TRUE(absl::IsResourceExhausted(ArchiveNow().status()));
  EXPECT_NE(Stats().error, "");
  EXPECT_GT(Stats().lag_bytes, 0u);
  simulation_.faults().Clear();
  Sleep(absl::Minutes(2));
  EXPECT_EQ(Stats().error, "");
  EXPECT_EQ(Stats().gap_count, 0u);
  EXPECT_EQ(Stats().archived_through, store_->store().published());
}

TEST_F(LogArchiverTest, WhatIsNotArchivedIsKeptAcrossReopening) {
  Backup();
  FailArchive(EIO);
  Put(0, 900);
  ASSERT_TRUE(simulation_.Run(store_->store().Flush()).ok());
  Close();
  Open();
  Put(900, 910);
  simulation_.faults().Clear();
  ASSERT_TRUE(ArchiveNow().ok());
  EXPECT_EQ(Stats().gap_count, 0u);
  const absl::StatusOr<PointRestored> restored = Restore("/restored", {});
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->record_count, 910u);
  EXPECT_TRUE(restored->is_end);
}

TEST_F(LogArchiverTest, BeyondTheBoundThereIsAGapThatIsToldAndStopsARestore) {
  Close();
  options_.archive.retain_bytes = 64u << 10;
  Open();
  Backup();
  Put(0, 5);
  ASSERT_TRUE(ArchiveNow().ok());
  const Sequence before = Stats().archived_through;
  FailArchive(EIO);
  Put(5, 2500);
  ASSERT_TRUE(simulation_.Run(store_->store().Flush()).ok());
  EXPECT_LT(store_->store().Stats().log_bytes, 300u << 10);
  simulation_.faults().Clear();
  Put(2500, 2510);
  ASSERT_TRUE(ArchiveNow().ok());
  EXPECT_GE(Stats().gap_count, 1u);

  const std::vector<ArchiveLineage> lineages = List();
  ASSERT_EQ(lineages.size(), 1u);
  ASSERT_FALSE(lineages[0].holes.empty());
  EXPECT_TRUE(lineages[0].holes[0].is_gap);

  const absl::Status stopped = Restore("/stopped", {}).status();
  EXPECT_TRUE(absl::IsDataLoss(stopped)) << stopped;
  const std::string_view message = ToStd(stopped.message());
  EXPECT_NE(message.find("are missing before /archive/"), std::string_view::npos) << message;
  const std::string reached = StrCat("to commit ", lineages[0].holes[0].after, " at most");
  EXPECT_NE(message.find(reached), std::string_view::npos) << message;
  RestorePoint point;
  point.sequence = before;
  const absl::StatusOr<PointRestored> restored = Restore("/restored", point);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->sequence, before);
  EXPECT_FALSE(restored->is_end);

  Backup();
  Put(2510, 2520);
  ASSERT_TRUE(ArchiveNow().ok());
  EXPECT_TRUE(Restore("/newer", {}).ok());
}

TEST_F(LogArchiverTest, ADamagedFileThatARecordNamesStopsARestore) {
  Backup();
  Put(0, 1, 200'000);  // too large for a frame of the log
  ASSERT_TRUE(ArchiveNow().ok());
  std::string named;
  for (const std::string& path : simulation_.disk().image().Files()) {
    if (path.starts_with("/archive") && path.ends_with(".record")) named = path;
  }
  ASSERT_FALSE(named.empty());
  EXPECT_TRUE(Restore("/whole", {}).ok());
  ASSERT_TRUE(simulation_.disk().image().FlipBit(named, 100'000, 3).ok());
  const absl::Status stopped = Restore("/stopped", {}).status();
  EXPECT_TRUE(absl::IsDataLoss(stopped)) << stopped;
  EXPECT_NE(ToStd(stopped.message()).find(named), std::string_view::npos) << stopped;
}

// Without an archive a table may know what a loss of power takes from the log.
TEST_F(LogArchiverTest, WhatOnlyTablesHaveIsAGap) {
  options_.durability = Durability::kProcess;
  Close();
  Open();
  Backup();
  Put(0, 5);
  ASSERT_TRUE(ArchiveNow().ok());
  Close();
  options_.archive.directory.clear();
  Open();
  Put(5, 10);
  ASSERT_TRUE(simulation_.Run(store_->store().Flush()).ok());
  simulation_.CrashMachine(CrashMode());  // nothing survives that was not synced
  EXPECT_FALSE(simulation_.Run(store_->Close()).ok());
  store_ = nullptr;
  ASSERT_TRUE(simulation_.RunUntilIdle());
  ASSERT_TRUE(simulation_.Restart().ok());
  options_.archive.directory = "/archive";
  Open();
  ASSERT_TRUE(simulation_.Run(store_->Get("key9"))->has_value()) << "the tables have it";
  Put(10, 15);
  ASSERT_TRUE(ArchiveNow().ok());
  EXPECT_EQ(Stats().gap_count, 1u);
  EXPECT_TRUE(absl::IsDataLoss(Restore("/stopped", {}).status()));
  Backup();
  EXPECT_TRUE(Restore("/behind", {}).ok());
}

TEST_F(LogArchiverTest, AnIngestionIsAGapUntilTheNextBackup) {
  Backup();
  Put(0, 5);
  auto table = simulation_.Run(store_->store().NewTable(0));
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_TRUE(simulation_.Run((*table)->Add("ingested", "value")).ok());
  ASSERT_TRUE(simulation_.Run((*table)->Finish()).ok());
  const auto ingested = simulation_.Run(store_->Ingest({&*table, 1}));
  ASSERT_TRUE(ingested.ok()) << ingested.status();
  Put(5, 10);
  ASSERT_TRUE(ArchiveNow().ok());
  EXPECT_EQ(Stats().gap_count, 1u);
  EXPECT_TRUE(absl::IsDataLoss(Restore("/stopped", {}).status()));
  RestorePoint point;
  point.sequence = ingested->sequence - 1;
  EXPECT_TRUE(Restore("/before", point).ok());
  Backup();
  Put(10, 15);
  ASSERT_TRUE(ArchiveNow().ok());
  EXPECT_TRUE(Restore("/behind", {}).ok());
}

TEST_F(LogArchiverTest, AMissingFileAPointBehindTheEndAndAnotherDatabaseAreRefused) {
  Backup();
  for (int i = 0; i < 3; ++i) {
    Put(10 * i, 10 * i + 10);
    ASSERT_TRUE(ArchiveNow().ok());
  }
  RestorePoint point;
  point.sequence = store_->store().published() + 1;
  const absl::Status behind = Restore("/behind", point).status();
  EXPECT_TRUE(absl::IsOutOfRange(behind)) << behind;
  const std::vector<ArchiveLineage> lineages = List();
  ASSERT_EQ(lineages[0].files.size(), 3u);
  ASSERT_TRUE(
      simulation_.Run(simulation_.environment().files().Remove(lineages[0].files[1].path)).ok());
  const absl::Status missing = Restore("/missing", {}).status();
  EXPECT_TRUE(absl::IsDataLoss(missing)) << missing;
  EXPECT_FALSE(List()[0].holes.at(0).is_gap);
  ASSERT_TRUE(simulation_
                  .Run(simulation_.environment().files().Rename(
                      lineages[0].directory,
                      "/archive/00000000000000000000000000000000-00000000000000000001"))
                  .ok());
  const absl::Status other = Restore("/other", {}).status();
  EXPECT_TRUE(absl::IsNotFound(other)) << other;
  EXPECT_TRUE(absl::IsNotFound(
      simulation_.Run(simulation_.environment().files().Stat("/missing")).status()));
}

TEST_F(LogArchiverTest, AStoreThatWentBackDoesNotMixTwoHistories) {
  Put(0, 10);
  Close();
  // The same database as it was, by its files.
  const auto copy = [this](const std::string& from, const std::string& to) {
    for (const std::string& path : simulation_.disk().image().Files()) {
      if (!path.starts_with(from)) continue;
      const auto bytes = simulation_.disk().image().ReadFile(path);
      const std::string target = to + path.substr(from.size());
      OpenOptions create;
      create.mode = OpenMode::kCreate;
      const auto file = simulation_.Run(simulation_.environment().files().Open(target, create));
      ASSERT_TRUE(file.ok()) << file.status();
      ASSERT_TRUE(simulation_.Run((*file)->Write(0, *bytes)).ok());
      ASSERT_TRUE(simulation_.Run((*file)->Sync()).ok());
    }
  };
  FileSystem& files = simulation_.environment().files();
  ASSERT_TRUE(simulation_.Run(files.CreateDirectory("/old")).ok());
  ASSERT_TRUE(simulation_.Run(files.CreateDirectory("/old/log")).ok());
  copy("/db/", "/old/");
  Open();
  Put(10, 20);
  ASSERT_TRUE(ArchiveNow().ok());
  Close();
  options_.directory = "/old";
  Open();
  Put(30, 40);
  EXPECT_TRUE(absl::IsFailedPrecondition(ArchiveNow().status()));
  EXPECT_NE(Stats().error.find("went back to an older state"), std::string::npos);
}

TEST_F(LogArchiverTest, TwoDatabasesShareAnArchiveAndOneProcessALineage) {
  Put(0, 5);
  ASSERT_TRUE(ArchiveNow().ok());
  StoreOptions other = options_;
  other.directory = "/other";
  absl::StatusOr<std::unique_ptr<KvStore>> second =
      simulation_.Run(KvStore::Open(simulation_.environment(), other));
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_TRUE(simulation_.Run((*second)->Put("a", "b")).ok());
  EXPECT_TRUE(simulation_.Run((*second)->store().ArchiveNow()).ok());
  EXPECT_EQ(List().size(), 2u);
  const auto same = simulation_.Run(ArchiveWriter::Open(&simulation_.environment(), "/archive",
                                                        store_->store().identity(), kMaxSequence));
  EXPECT_TRUE(absl::IsFailedPrecondition(same.status())) << same.status();
  EXPECT_TRUE(simulation_.Run((*second)->Close()).ok());
}

// Writes files of a lineage with the times of its commits.
class PointInTimeTest : public LogArchiverTest {
 protected:
  void SetUp() override {
    Put(0, 4);
    Close();
    options_.archive.directory.clear();
    Open();
    Backup();
    identity_ = store_->store().identity();
    archive_ = "/times";
  }
  // Real records, so that what is restored can be opened; the times are the test's.
  void Archive(Sequence first, const std::vector<std::int64_t>& micros) {
    const auto writer = simulation_.Run(
        ArchiveWriter::Open(&simulation_.environment(), archive_, identity_, kMaxSequence));
    ASSERT_TRUE(writer.ok()) << writer.status();
    ArchiveBuilder builder(identity_, first - 1);
    for (std::size_t i = 0; i < micros.size(); ++i) {
      WriteBatch batch;
      batch.Put(StrCat("timed", first + i), "x");
      builder.AddRecord(first + i, micros[i], batch.record());
    }
    const auto written = simulation_.Run((*writer)->Append(&builder));
    ASSERT_TRUE(written.ok()) << written.status();
  }
  Sequence RestoreTo(std::int64_t micros) {
    RestorePoint point;
    point.micros = micros;
    std::string target = StrCat("/timed", count_++);
    const absl::StatusOr<PointRestored> restored = Restore(target, point);
    EXPECT_TRUE(restored.ok()) << restored.status();
    return restored.ok() ? restored->sequence : 0;
  }

  LogIdentity identity_;
  int count_ = 0;
};

TEST_F(PointInTimeTest, ATimeIsBeforeTheFirstCommitThatIsLaterWhateverTheClockDid) {
  const Sequence begin = store_->store().published();
  // Forwards by years, back, and back below where it began.
  Archive(begin + 1, {100, 200, 200, 900, 300});
  Archive(begin + 6, {50, 400, 1000});
  RestorePoint too_early;
  too_early.micros = 99;
  const absl::Status refused = Restore("/early", too_early).status();
  EXPECT_TRUE(absl::IsOutOfRange(refused)) << refused;
  EXPECT_EQ(RestoreTo(100), begin + 1);
  EXPECT_EQ(RestoreTo(199), begin + 1);
  EXPECT_EQ(RestoreTo(200), begin + 3);
  // What follows the commit of 900 is left out, though some of it says to be earlier.
  EXPECT_EQ(RestoreTo(500), begin + 3);
  EXPECT_EQ(RestoreTo(900), begin + 7);
  EXPECT_EQ(RestoreTo(1000), begin + 8);
  EXPECT_EQ(RestoreTo(INT64_MAX), begin + 8);
}

}  // namespace
}  // namespace aurora::lsm
