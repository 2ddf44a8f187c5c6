#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class StoreCloseTest : public testing::Test {
 protected:
  std::unique_ptr<KvStore> Open() {
    StoreOptions options = SmallStoreOptions("/db", Durability::kProcess);
    options.memtable_bytes = 64u << 10;
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

}  // namespace
}  // namespace aurora::lsm
