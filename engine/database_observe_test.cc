// Seeing inside a database: profiles of operations, events, the LOG.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "aurora/engine/database.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

class CountingListener final : public EventListener {
 public:
  void OnEvent(const StoreEvent& event) override {
    flushes += std::holds_alternative<lsm::FlushEnded>(event.what) ? 1 : 0;
    if (const auto* const taken = std::get_if<lsm::StatsTaken>(&event.what)) {
      commits = taken->stats.commit_count;
    }
  }
  int flushes = 0;
  std::uint64_t commits = 0;
};

class DatabaseObserveTest : public testing::Test {
 protected:
  DatabaseObserveTest() : listener_(std::make_shared<CountingListener>()), db_(Open()) {
    const Schema schema = Schema().String("sku", kUnique).String("city", kIndexed);
    EXPECT_TRUE(simulation_.Run(db_.CreateCollection("products", schema)).ok());
    std::vector<Object> objects;
    for (int i = 0; i < 100; ++i) {
      objects.push_back({{"sku", StrCat("S-", i)}, {"city", i % 4 == 0 ? "Bern" : "Basel"}});
    }
    const auto ids = simulation_.Run(db_.InsertMany("products", std::move(objects)));
    EXPECT_TRUE(ids.ok());
    ids_ = *ids;
  }
  ~DatabaseObserveTest() override { EXPECT_TRUE(simulation_.Run(db_.Close()).ok()); }

  Database Open() {
    Options options;
    options.memory_bytes = 8u << 20;
    options.event_listener = listener_;
    options.latency_sampling = 1;
    options.environment =
        std::shared_ptr<Environment>(std::shared_ptr<void>(), &simulation_.environment());
    absl::StatusOr<Database> opened = simulation_.Run(Database::Open("/db", options));
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  // Nothing is in memory then.
  void Reopen() {
    EXPECT_TRUE(simulation_.Run(db_.Flush()).ok());
    EXPECT_TRUE(simulation_.Run(db_.Close()).ok());
    db_ = Open();
  }

  Simulation simulation_{1};
  const std::shared_ptr<CountingListener> listener_;
  Database db_;
  std::vector<DocumentId> ids_;
};

TEST_F(DatabaseObserveTest, AGetFromTheDeviceAndOneFromTheHotTier) {
  Reopen();
  OperationProfile cold;
  ASSERT_TRUE(simulation_.Run(db_.Get("products", ids_[0], {.profile = &cold})).ok());
  EXPECT_EQ(cold.documents_read, 1u);
  EXPECT_EQ(cold.hot_tier_hits, 0u);
  EXPECT_EQ(cold.blocks_from_device, 1u);
  EXPECT_GT(cold.device_wait_nanos, 0u);
  OperationProfile hot;
  ASSERT_TRUE(simulation_.Run(db_.Get("products", ids_[0], {.profile = &hot})).ok());
  EXPECT_EQ(hot.documents_read, 1u);
  EXPECT_EQ(hot.hot_tier_hits, 1u);
  EXPECT_EQ(hot.memtables_probed, 0u);
  EXPECT_EQ(hot.device_wait_nanos, 0u);
}

TEST_F(DatabaseObserveTest, AScanAndAQueryByIndex) {
  Reopen();
  OperationProfile scan;
  Query all = db_.Query("products");
  ASSERT_TRUE(simulation_.Run(all.Profile(&scan).Collect()).ok());
  EXPECT_EQ(scan.documents_read, 100u);
  EXPECT_EQ(scan.entries_walked, 100u);
  EXPECT_GT(scan.blocks_from_device, 0u);

  OperationProfile index;
  Query some = db_.Query("products");
  some.Where(Field("city") == "Bern");
  ASSERT_TRUE(simulation_.Run(some.Profile(&index).Collect()).ok());
  EXPECT_EQ(index.documents_read, 25u);
  EXPECT_EQ(index.entries_walked, 1u) << "of the index";
  EXPECT_EQ(index.tables_probed, 25u);

  OperationProfile unique;
  Query one = db_.Query("products");
  one.Where(Field("sku") == "S-7");
  ASSERT_TRUE(simulation_.Run(one.Profile(&unique).Count()).ok());
  EXPECT_EQ(unique.tables_probed, 1u) << "of the index";
  EXPECT_EQ(unique.documents_read, 0u);
}

TEST_F(DatabaseObserveTest, AWriteWaitsForTheLogAndReadsWhatItReplaces) {
  OperationProfile profile;
  WriteOptions options;
  options.profile = &profile;
  ASSERT_TRUE(simulation_.Run(db_.Update("products", ids_[3], {{"city", "Chur"}}, options)).ok());
  EXPECT_GT(profile.log_wait_nanos, 0u);
  EXPECT_EQ(profile.documents_read, 1u);
  const std::uint64_t waited = profile.log_wait_nanos;
  options.durability = Durability::kBuffered;
  ASSERT_TRUE(simulation_.Run(db_.Update("products", ids_[3], {{"city", "Bern"}}, options)).ok());
  EXPECT_EQ(profile.log_wait_nanos, waited);
  EXPECT_EQ(profile.documents_read, 2u);
}

TEST_F(DatabaseObserveTest, OptionsReachTheStore) {
  Reopen();
  EXPECT_EQ(listener_->flushes, 1);
  EXPECT_GE(listener_->commits, 2u);
  ASSERT_TRUE(simulation_.Run(db_.Get("products", ids_[1])).ok());
  EXPECT_EQ(db_.Stats().store.measure(lsm::Measure::kGet).count, 1u);
  const auto log = simulation_.Run(simulation_.environment().files().Stat("/db/LOG"));
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_GT(log->size_bytes, 500u);
}

}  // namespace
}  // namespace aurora
