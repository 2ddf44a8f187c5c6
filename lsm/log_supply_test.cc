#include "aurora/lsm/log_supply.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aurora/lsm/log_segment.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr char kDirectory[] = "/log";

SegmentOptions SmallSegments() {
  SegmentOptions options;
  options.directory = kDirectory;
  options.segment_bytes = 64u << 10;
  options.mode = SegmentMode::kMapped;
  return options;
}

class LogSupplyTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(simulation_.Run(environment().files().CreateDirectory(kDirectory)).ok());
    supply_ = std::make_unique<SegmentSupply>(environment(), SmallSegments(), 1, /*spares=*/1);
    Replenish();
  }
  void TearDown() override { supply_ = nullptr; }

  Environment& environment() { return simulation_.environment(); }
  void Replenish() {
    const absl::Status status = simulation_.Run(ReplenishAll());
    ASSERT_TRUE(status.ok()) << status;
  }
  std::size_t FileCount() {
    return simulation_.Run(environment().files().List(kDirectory))->size();
  }
  void Pass(absl::Duration time) { ASSERT_TRUE(simulation_.Run(environment().Sleep(time)).ok()); }

  Simulation simulation_{1};
  std::unique_ptr<SegmentSupply> supply_;

 private:
  Task<absl::Status> ReplenishAll() {
    while (supply_->NeedsWork()) AURORA_CO_RETURN_IF_ERROR(co_await supply_->Replenish());
    co_return absl::OkStatus();
  }
};

TEST_F(LogSupplyTest, ALogThatIsWrittenToSlowlyHasTheFewest) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(supply_->ready_count(), 2);
    Pass(absl::Seconds(60));
    EXPECT_NE(supply_->Take(), nullptr);
    Replenish();
  }
  EXPECT_EQ(supply_->spares(), 1);
}

TEST_F(LogSupplyTest, ALogThatIsFilledFasterThanSegmentsAreMadeHasMoreUntilItIsNot) {
  EXPECT_NE(supply_->Take(), nullptr);
  EXPECT_NE(supply_->Take(), nullptr);
  EXPECT_EQ(supply_->ready_count(), 0);
  EXPECT_EQ(supply_->spares(), SegmentSupply::kSparesMax);
  Replenish();
  // Fewer than that are needed by the time that some are made.
  EXPECT_GT(supply_->ready_count(), 2);
  EXPECT_LE(supply_->ready_count(), SegmentSupply::kSparesMax + 1);
  EXPECT_EQ(FileCount(), 2u + static_cast<std::size_t>(supply_->ready_count()));
  // Nothing was written for long: what is too many is removed.
  Pass(absl::Hours(1));
  EXPECT_EQ(supply_->spares(), 1);
  EXPECT_TRUE(supply_->NeedsWork());
  Replenish();
  EXPECT_EQ(supply_->ready_count(), 2);
  EXPECT_EQ(FileCount(), 2u + 2u);
}

TEST_F(LogSupplyTest, AFullDeviceHasTheFewest) {
  EXPECT_NE(supply_->Take(), nullptr);
  EXPECT_NE(supply_->Take(), nullptr);
  ASSERT_TRUE(simulation_.Run(supply_->Replenish()).ok());
  EXPECT_GT(supply_->spares(), 1);
  FaultRule full;
  full.fault = Fault::Error(ENOSPC);
  full.kinds = {OperationKind::kWrite, OperationKind::kAllocate};
  full.count = FaultRule::kForEver;
  simulation_.faults().Add(full);
  const absl::Status replenished = simulation_.Run(supply_->Replenish());
  EXPECT_TRUE(absl::IsResourceExhausted(replenished)) << replenished;
  EXPECT_EQ(supply_->spares(), 1);
}

TEST_F(LogSupplyTest, WhoNeedsTheSpaceGetsIt) {
  EXPECT_NE(supply_->Take(), nullptr);
  EXPECT_NE(supply_->Take(), nullptr);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(simulation_.Run(supply_->Replenish()).ok());
  EXPECT_EQ(supply_->ready_count(), 3);
  supply_->GiveUpSpares();
  Replenish();
  EXPECT_EQ(supply_->ready_count(), 2);
  EXPECT_EQ(FileCount(), 2u + 2u);
}

TEST_F(LogSupplyTest, SegmentsThatNobodyNeedsAreRecycledFirst) {
  const std::unique_ptr<LogSegment> first = supply_->Take();
  const std::uint64_t filled = supply_->bytes_filled();
  supply_->Discard({first->number()});
  Pass(absl::Hours(1));
  Replenish();
  EXPECT_EQ(supply_->ready_count(), 2);
  EXPECT_EQ(supply_->bytes_filled(), filled);
  EXPECT_EQ(FileCount(), 2u);
}

TEST_F(LogSupplyTest, TellsWhatItHasDone) {
  using Kind = SegmentSupply::Done::Kind;
  std::optional<SegmentSupply::Done> done;
  const std::unique_ptr<LogSegment> first = supply_->Take();
  ASSERT_TRUE(simulation_.Run(supply_->Replenish(&done)).ok());
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->kind, Kind::kCreated);
  EXPECT_GT(done->number, first->number());
  EXPECT_GT(done->nanos, 0);

  const std::unique_ptr<LogSegment> second = supply_->Take();
  supply_->Discard({first->number()});
  ASSERT_TRUE(simulation_.Run(supply_->Replenish(&done)).ok());
  EXPECT_EQ(done->kind, Kind::kRecycled);
  EXPECT_GT(done->number, second->number());

  supply_->Remove({second->number()});
  ASSERT_TRUE(simulation_.Run(supply_->Replenish(&done)).ok());
  EXPECT_EQ(done->kind, Kind::kRemoved);
  EXPECT_EQ(done->number, second->number());
}

}  // namespace
}  // namespace aurora::lsm
