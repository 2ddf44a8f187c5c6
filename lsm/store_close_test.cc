#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/directory_survey.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/log_survey.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/simulation/disk_image.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class StoreCloseTest : public testing::Test {
 protected:
  std::unique_ptr<KvStore> Open() {
    StoreOptions options = SmallStoreOptions("/db", Durability::kProcess);
    options.memtable_bytes = 64u << 10;
    options.log_segment_bytes = 128u << 10;
    absl::StatusOr<std::unique_ptr<KvStore>> store =
        simulation_.Run(KvStore::Open(simulation_.environment(), std::move(options)));
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  void Put(KvStore& store, int first, int count) {
    for (int i = first; i < first + count; ++i) {
      ASSERT_TRUE(simulation_.Run(store.Put(std::to_string(i), std::string(100, 'v'))).ok());
    }
  }

  Simulation simulation_{1};
};

TEST_F(StoreCloseTest, AMemtableThatWouldTakeLongToReplayIsFlushed) {
  std::unique_ptr<KvStore> store = Open();
  Put(*store, 0, 250);  // most of a memtable
  ASSERT_EQ(store->store().Stats().flush_count, 0u);
  ASSERT_TRUE(simulation_.Run(store->Close()).ok());
  store = Open();
  EXPECT_EQ(store->store().Stats().recovery.record_count, 0u);
  EXPECT_TRUE(store->store().Stats().recovery.clean_close);
  EXPECT_TRUE(simulation_.Run(store->Get("249"))->has_value());
  ASSERT_TRUE(simulation_.Run(store->Close()).ok());
}

// The records of the log that the next open reads.
Task<absl::StatusOr<std::uint64_t>> RecordsToRead(FileSystem* files) {
  AURORA_CO_ASSIGN(const DirectorySurvey directory, co_await SurveyDirectory(files, "/db"));
  LogSurveyOptions options;
  options.directory = directory.LogDirectory();
  options.first_segment =
      static_cast<std::uint32_t>(directory.manifest_in_force()->state.log_start_segment);
  AURORA_CO_ASSIGN(const LogSurvey log, co_await SurveyLog(files, std::move(options), nullptr));
  std::uint64_t records = 0;
  for (const LogSurvey::Segment& segment : log.segments) {
    if (segment.role == LogSurvey::Segment::Role::kLog) records += segment.record_count;
  }
  co_return records;
}

TEST_F(StoreCloseTest, WhatIsFlushedIsNotReadAgainAndTheLogDoesNotGrow) {
  FileSystem& files = simulation_.environment().files();
  for (int life = 0; life < 12; ++life) {
    std::unique_ptr<KvStore> store = Open();
    Put(*store, life * 500, 500);
    ASSERT_TRUE(simulation_.Run(store->store().Flush()).ok());
    Put(*store, life * 500, 1);
    ASSERT_TRUE(simulation_.Run(store->Close()).ok());
    EXPECT_EQ(*simulation_.Run(RecordsToRead(&files)), 0u) << "life " << life;
    // The one with the mark, ballast and spare, and those before that wait to be recycled.
    EXPECT_LE(simulation_.Run(files.List("/db/log"))->size(), 6u) << "life " << life;
  }
}

TEST_F(StoreCloseTest, AFewCommitsStayInTheLog) {
  std::unique_ptr<KvStore> store = Open();
  Put(*store, 0, 10);
  ASSERT_TRUE(simulation_.Run(store->Close()).ok());
  store = Open();
  EXPECT_EQ(store->store().Stats().recovery.record_count, 10u);
  ASSERT_TRUE(simulation_.Run(store->Close()).ok());
}

TEST_F(StoreCloseTest, AFullDiskDoesNotKeepItFromClosing) {
  std::unique_ptr<KvStore> store = Open();
  Put(*store, 0, 250);
  FaultRule rule;
  rule.fault = Fault::Error(ENOSPC);
  rule.kinds = {OperationKind::kCreate, OperationKind::kWrite, OperationKind::kWriteDurably};
  rule.path = "*.table";
  rule.count = FaultRule::kForEver;
  simulation_.faults().Add(rule);
  EXPECT_TRUE(simulation_.Run(store->Close()).ok());
  simulation_.faults().Clear();
  store = Open();
  EXPECT_EQ(store->store().Stats().recovery.record_count, 250u);
  EXPECT_TRUE(simulation_.Run(store->Get("249"))->has_value());
  ASSERT_TRUE(simulation_.Run(store->Close()).ok());
}

// Opens what is left of a closed store of `keys` keys: all of them, or DataLoss.
void ExpectAllOrDataLoss(DiskImage image, int keys, bool read_only, bool* lost,
                         const std::string& what) {
  SimulationOptions machine;
  machine.image = std::move(image);
  Simulation simulation(1, std::move(machine));
  StoreOptions options = SmallStoreOptions("/db", Durability::kProcess);
  options.read_only = read_only;
  absl::StatusOr<std::unique_ptr<KvStore>> store =
      simulation.Run(KvStore::Open(simulation.environment(), std::move(options)));
  if (!store.ok()) {
    EXPECT_TRUE(absl::IsDataLoss(store.status())) << what << ": " << store.status();
    *lost = true;
    return;
  }
  for (int i = 0; i < keys; ++i) {
    const auto value = simulation.Run((*store)->Get(std::to_string(i)));
    EXPECT_TRUE(value.ok() && value->has_value()) << what << ": key " << i;
  }
  EXPECT_TRUE(simulation.Run((*store)->Close()).ok());
}

TEST_F(StoreCloseTest, AClosedStoreWhoseLogHasLostItsEndSaysSo) {
  constexpr int kKeys = 10;
  std::unique_ptr<KvStore> store = Open();
  Put(*store, 0, kKeys);
  ASSERT_TRUE(simulation_.Run(store->Close()).ok());
  const DiskImage closed = simulation_.disk().image();
  for (const bool read_only : {false, true}) {
    int removals_told = 0;
    int cuts_told = 0;
    for (const std::string& path : closed.Files()) {
      if (!path.starts_with("/db/log/")) continue;
      bool lost = false;
      DiskImage image = closed;
      ASSERT_TRUE(image.RemoveFile(path).ok());
      ExpectAllOrDataLoss(std::move(image), kKeys, read_only, &lost, path + " is gone");
      removals_told += lost;
      const std::string bytes = *closed.ReadFile(path);
      // The last one leaves the header of a segment in a file that is too short for one.
      for (const std::size_t kept : {bytes.size() / 2, std::size_t{0}, std::size_t{5000}}) {
        lost = false;
        image = closed;
        ASSERT_TRUE(image.WriteFile(path, bytes.substr(0, kept)).ok());
        ExpectAllOrDataLoss(std::move(image), kKeys, read_only, &lost,
                            path + " is cut to " + std::to_string(kept));
        cuts_told += lost;
      }
    }
    EXPECT_GE(removals_told, 1);
    EXPECT_GE(cuts_told, 3);
  }
}

}  // namespace
}  // namespace aurora::lsm
