// Transactions that are larger than the log, or than the memory that the database may use.
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/engine/database.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

std::vector<Object> Notes(int count, std::size_t bytes) {
  std::vector<Object> notes;
  for (int i = 0; i < count; ++i) {
    notes.push_back(Object{{"number", i}, {"text", std::string(bytes, 'n')}});
  }
  return notes;
}

class OversizeTransactionTest : public testing::TestWithParam<Durability> {
 protected:
  OversizeTransactionTest() { Open(); }
  ~OversizeTransactionTest() override { EXPECT_TRUE(simulation_.Run(db_->Close()).ok()); }

  // Then a record of the log may have a mebibyte at most.
  void Open() {
    Options options;
    options.memory_bytes = 16u << 20;
    options.durability = GetParam();
    options.environment =
        std::shared_ptr<Environment>(std::shared_ptr<void>(), &simulation_.environment());
    absl::StatusOr<Database> opened = simulation_.Run(Database::Open("/db", std::move(options)));
    ASSERT_TRUE(opened.ok()) << opened.status();
    db_ = std::make_unique<Database>(*std::move(opened));
  }
  void Kill() {
    simulation_.CrashMachine(CrashMode::Process());
    EXPECT_FALSE(simulation_.Run(db_->Close()).ok());
    db_ = nullptr;
    ASSERT_TRUE(simulation_.RunUntilIdle());
    ASSERT_TRUE(simulation_.Restart().ok());
  }
  absl::Status Insert(std::vector<Object> objects) {
    return simulation_.Run(db_->InsertMany("notes", std::move(objects))).status();
  }
  std::size_t Count() {
    const auto found = simulation_.Run(db_->Query("notes").Count());
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? static_cast<std::size_t>(*found) : 0;
  }

  Simulation simulation_{1};
  std::unique_ptr<Database> db_;
};

TEST_P(OversizeTransactionTest, AreOneCommitAndSurvive) {
  ASSERT_TRUE(
      simulation_
          .Run(db_->CreateCollection("notes", Schema().Int64("number", kUnique).String("text")))
          .ok());
  ASSERT_TRUE(Insert(Notes(1000, 3000)).ok());
  EXPECT_EQ(Count(), 1000u);
  // All or nothing, as for a small one.
  std::vector<Object> more = Notes(1500, 2000);
  const absl::Status taken = Insert(std::move(more));
  EXPECT_TRUE(absl::IsAlreadyExists(taken)) << taken;
  EXPECT_EQ(Count(), 1000u);
  if (GetParam() == Durability::kBuffered) return;
  Kill();
  Open();
  EXPECT_EQ(Count(), 1000u);
  EXPECT_EQ(Count(), 1000u);
}

TEST_P(OversizeTransactionTest, AreRefusedIfTheMemoryHasNoRoom) {
  ASSERT_TRUE(
      simulation_
          .Run(db_->CreateCollection("notes", Schema().Int64("number", kUnique).String("text")))
          .ok());
  const absl::Status refused = Insert(Notes(1000, 30'000));
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_NE(std::string(refused.message()).find("commit less at once"), std::string::npos);
  EXPECT_EQ(Count(), 0u);
  EXPECT_TRUE(Insert(Notes(10, 30'000)).ok());
  EXPECT_EQ(Count(), 10u);
}

INSTANTIATE_TEST_SUITE_P(Durabilities, OversizeTransactionTest,
                         testing::Values(Durability::kSync, Durability::kProcess,
                                         Durability::kBuffered));

}  // namespace
}  // namespace aurora
