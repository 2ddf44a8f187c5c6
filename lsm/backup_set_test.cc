#include "aurora/lsm/backup_set.h"

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/backup_campaign_testing.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

using Access = BackupSet::Access;

class BackupSetTest : public testing::Test {
 protected:
  BackupSetTest() {
    absl::StatusOr<std::unique_ptr<KvStore>> store = simulation_.Run(
        KvStore::Open(simulation_.environment(), SmallStoreOptions("/db", Durability::kSync)));
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  ~BackupSetTest() override { EXPECT_TRUE(simulation_.Run(store_->Close()).ok()); }

  absl::StatusOr<std::unique_ptr<BackupSet>> Open(Access access) {
    return simulation_.Run(BackupSet::Open(&simulation_.environment(), "/backups", access));
  }
  void Put(int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string key = "key" + std::to_string(i);
      std::string value(100, '\0');  // that does not compress
      for (char& byte : value) byte = static_cast<char>(random_.Next64());
      ASSERT_TRUE(simulation_.Run(store_->Put(key, value)).ok());
    }
  }
  absl::StatusOr<BackupInfo> Create(BackupSet& set, std::string label) {
    return simulation_.Run(set.Create(&store_->store(), std::move(label), {}));
  }

  SeededRandom random_{1};
  Simulation simulation_{TestSeed()};
  std::unique_ptr<KvStore> store_;
};

TEST_F(BackupSetTest, ASecondBackupCopiesOnlyWhatIsNew) {
  const auto set = Open(Access::kWrite);
  ASSERT_TRUE(set.ok()) << set.status();
  Put(0, 300);
  ASSERT_TRUE(simulation_.Run(store_->store().Compact()).ok());
  const absl::StatusOr<BackupInfo> first = Create(**set, "first");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->copied_bytes, first->total_bytes);
  const absl::StatusOr<BackupInfo> same = Create(**set, "same");
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(same->copied_bytes, 0u);
  EXPECT_EQ(same->sequence, first->sequence);
  Put(300, 305);
  const absl::StatusOr<BackupInfo> later = Create(**set, "later");
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_GT(later->copied_bytes, 0u);
  EXPECT_LT(later->copied_bytes, later->total_bytes / 4);
  const auto all = simulation_.Run((*set)->List());
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ((*all)[0].label, "first");
  EXPECT_EQ((*all)[2].id, 3u);
  EXPECT_GT((*all)[0].created_micros, 0);
}

TEST_F(BackupSetTest, ADeletedBackupGivesItsSpaceBack) {
  const auto set = Open(Access::kWrite);
  ASSERT_TRUE(set.ok()) << set.status();
  Put(0, 100);
  ASSERT_TRUE(Create(**set, "").ok());
  Put(0, 100);
  ASSERT_TRUE(simulation_.Run(store_->store().Compact()).ok());
  ASSERT_TRUE(Create(**set, "").ok());
  const std::uint64_t before = simulation_.disk().UsedBytes();
  ASSERT_TRUE(simulation_.Run((*set)->Delete(1)).ok());
  EXPECT_LT(simulation_.disk().UsedBytes(), before);
  EXPECT_TRUE(absl::IsNotFound(simulation_.Run((*set)->Delete(1))));
  const auto report = simulation_.Run((*set)->Verify(2, {}));
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->problems.empty());
}

TEST_F(BackupSetTest, ReadersNeedNoLockAndWritersExcludeEachOther) {
  EXPECT_TRUE(absl::IsNotFound(Open(Access::kRead).status()));
  const auto set = Open(Access::kWrite);
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(Access::kWrite).status()));
  Put(0, 10);
  ASSERT_TRUE(Create(**set, "").ok());
  const auto reader = Open(Access::kRead);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE(simulation_.Run((*reader)->Restore(0, "/restored", {})).ok());
}

TEST_F(BackupSetTest, RestoresOverNothing) {
  const auto set = Open(Access::kWrite);
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_TRUE(absl::IsNotFound(simulation_.Run((*set)->Restore(0, "/restored", {})).status()));
  Put(0, 10);
  ASSERT_TRUE(Create(**set, "").ok());
  EXPECT_TRUE(absl::IsNotFound(simulation_.Run((*set)->Restore(7, "/restored", {})).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(simulation_.Run((*set)->Restore(1, "/db", {})).status()));
}

TEST_F(BackupSetTest, ADirectoryOfSomethingElseIsRefused) {
  FileSystem& files = simulation_.environment().files();
  ASSERT_TRUE(simulation_.Run(files.CreateDirectory("/backups")).ok());
  ASSERT_TRUE(simulation_.Run(files.CreateDirectory("/backups/photos")).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(Access::kWrite).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Open(Access::kRead).status()));
}

TEST_F(BackupSetTest, ADamagedTableIsNotBackedUp) {
  const auto set = Open(Access::kWrite);
  ASSERT_TRUE(set.ok()) << set.status();
  Put(0, 100);
  // Every table: some may be waiting to be removed, and nothing reads those.
  ASSERT_TRUE(simulation_.Run(store_->store().Compact()).ok());
  int damaged = 0;
  for (const std::string& path : simulation_.disk().image().Files()) {
    if (!path.ends_with(".table")) continue;
    ASSERT_TRUE(simulation_.disk().image().FlipBit(path, 100, 3).ok());
    ++damaged;
  }
  ASSERT_GT(damaged, 0);
  EXPECT_TRUE(absl::IsDataLoss(Create(**set, "").status()));
  const auto all = simulation_.Run((*set)->List());
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(all->empty());
}

TEST_F(BackupSetTest, WhileABackupCannotBeReadNoFileIsRemoved) {
  const auto set = Open(Access::kWrite);
  ASSERT_TRUE(set.ok()) << set.status();
  Put(0, 100);
  ASSERT_TRUE(Create(**set, "").ok());
  Put(0, 100);
  ASSERT_TRUE(Create(**set, "").ok());
  ASSERT_TRUE(simulation_.disk().image().FlipBit("/backups/000001.backup", 40, 3).ok());
  EXPECT_TRUE(absl::IsDataLoss(simulation_.Run((*set)->Delete(2))));
  ASSERT_TRUE(simulation_.disk().image().FlipBit("/backups/000001.backup", 40, 3).ok());
  const auto report = simulation_.Run((*set)->Verify(1, {}));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->problems.empty());
}

constexpr Durability kDurabilities[] = {Durability::kSync, Durability::kProcess,
                                        Durability::kBuffered};

TEST(BackupSimulationTest, EachIsWhatItWasWhenItWasMade) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 15; ++round) {
    const absl::Status status = RunBackups(random.Next64(), kDurabilities[random.Below(3)]);
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST(BackupSimulationTest, ACrashLeavesAValidSet) {
  std::uint64_t images = 0;
  for (const Durability durability : {Durability::kSync, Durability::kProcess}) {
    const absl::Status status = EnumerateBackupCrashes(TestSeed(), durability, 2, &images);
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_GT(images, 200u);
}

TEST(BackupSimulationTest, AFailingOperationLeavesAValidSet) {
  SeededRandom random(TestSeed());
  for (const int error : {EIO, ENOSPC}) {
    bool struck[2] = {true, true};  // on the restored directory; on the set
    for (std::uint64_t first = 1; struck[0] || struck[1]; ++first) {
      if (!struck[first % 2 == 0 ? 1 : 0]) continue;
      const absl::Status status =
          RunBackupFault(random.Next64(), first, error, &struck[first % 2 == 0 ? 1 : 0]);
      ASSERT_TRUE(status.ok()) << status;
    }
  }
}

TEST(BackupSimulationTest, AFlippedBitIsSeen) {
  const absl::Status status = FlipBackupBits(TestSeed(), 100);
  ASSERT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace aurora::lsm
