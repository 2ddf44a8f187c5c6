#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class StoreGetManyTest : public testing::Test {
 protected:
  using Values = std::vector<std::optional<std::string>>;

  StoreGetManyTest() { Open(); }
  ~StoreGetManyTest() override { Close(); }

  void Open() {
    auto store = simulation_.Run(KvStore::Open(simulation_.environment(), options_));
    AURORA_CHECK(store.ok());
    store_ = *std::move(store);
  }
  void Close() {
    EXPECT_TRUE(simulation_.Run(store_->Close()).ok());
    store_.reset();
  }
  static std::string Key(std::uint64_t i) { return "key" + std::to_string(i); }
  std::int64_t Now() { return simulation_.environment().clock().MonotonicNanos(); }

  absl::StatusOr<Values> GetMany(const std::vector<std::string>& keys, Sequence at = kMaxSequence) {
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    AURORA_ASSIGN_OR_RETURN(const auto values, simulation_.Run(store_->GetMany(views, at)));
    Values copies;
    for (const auto& value : values) {
      copies.emplace_back(value.has_value() ? std::optional(std::string(value->view()))
                                            : std::nullopt);
    }
    return copies;
  }

  StoreOptions options_ = SmallStoreOptions("/db", Durability::kProcess);
  // No operation takes much longer than others: times can be compared.
  static SimulationOptions EvenLatencies() {
    SimulationOptions options;
    options.latency.spike_factor = 1;
    return options;
  }

  SeededRandom random_{TestSeed()};
  Simulation simulation_{random_.Next64(), EvenLatencies()};
  std::unique_ptr<KvStore> store_;
};

TEST_F(StoreGetManyTest, GivesWhatSingleGetsGiveNowAndAsOfASnapshot) {
  std::map<std::string, std::string> model;
  std::map<std::string, std::string> old_model;
  std::unique_ptr<Snapshot> snapshot;
  for (int i = 0; i < 2000; ++i) {
    const std::string key = Key(random_.Below(500));
    if (i == 1000) {
      snapshot = store_->store().GetSnapshot();
      old_model = model;
    }
    if (random_.Below(5) == 0) {
      ASSERT_TRUE(simulation_.Run(store_->Delete(key)).ok());
      model.erase(key);
    } else {
      model[key] = std::to_string(random_.Next64());
      ASSERT_TRUE(simulation_.Run(store_->Put(key, model[key])).ok());
    }
    if (i % 100 != 99) continue;
    std::vector<std::string> keys;
    for (std::uint64_t k = random_.Below(200); k > 0; --k) keys.push_back(Key(random_.Below(600)));
    for (const bool old : {false, true}) {
      if (old && snapshot == nullptr) continue;
      const auto& expected = old ? old_model : model;
      const auto values = GetMany(keys, old ? snapshot->sequence() : kMaxSequence);
      ASSERT_TRUE(values.ok()) << values.status();
      ASSERT_EQ(values->size(), keys.size());
      for (std::size_t j = 0; j < keys.size(); ++j) {
        const auto found = expected.find(keys[j]);
        ASSERT_EQ((*values)[j].has_value(), found != expected.end()) << keys[j];
        if (found != expected.end()) ASSERT_EQ(*(*values)[j], found->second) << keys[j];
      }
    }
  }
}

TEST_F(StoreGetManyTest, ReadsOfTheDeviceAreInFlightTogether) {
  constexpr int kKeys = 64;
  std::vector<std::string> keys;
  for (int i = 0; i < kKeys; ++i) {
    keys.push_back(Key(static_cast<std::uint64_t>(i)));
    // A block each, and more than the cache keeps.
    const std::string value(10'000, static_cast<char>(random_.Next64()));
    ASSERT_TRUE(simulation_.Run(store_->Put(keys.back(), value)).ok());
  }
  ASSERT_TRUE(simulation_.Run(store_->store().Compact()).ok());
  ASSERT_TRUE(simulation_.Run(store_->store().WaitIdle()).ok());
  Close();
  Open();
  ASSERT_TRUE(GetMany({keys[0]}).ok());  // opens the table
  std::int64_t start = Now();
  for (const std::string& key : keys) ASSERT_TRUE(GetMany({key}).ok());
  const std::int64_t one_by_one = Now() - start;
  Close();
  Open();
  ASSERT_TRUE(GetMany({keys[0]}).ok());
  start = Now();
  const auto values = GetMany(keys);
  const std::int64_t together = Now() - start;
  ASSERT_TRUE(values.ok()) << values.status();
  for (const auto& value : *values) EXPECT_EQ(value.value_or("").size(), 10'000u);
  EXPECT_LT(together, one_by_one / 4);
}

TEST_F(StoreGetManyTest, OneDamagedBlockFailsTheWholeCall) {
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i < 50; ++i) {
    keys.push_back(Key(i));
    std::string value(1000, '\0');
    for (char& byte : value) byte = static_cast<char>(random_.Next64());
    ASSERT_TRUE(simulation_.Run(store_->Put(keys.back(), value)).ok());
  }
  ASSERT_TRUE(simulation_.Run(store_->store().Compact()).ok());
  Close();
  for (const std::string& path : simulation_.disk().image().Files()) {
    if (path.ends_with(".table"))
      ASSERT_TRUE(simulation_.disk().image().FlipBit(path, 100, 3).ok());
  }
  Open();
  EXPECT_TRUE(absl::IsDataLoss(GetMany(keys).status()));
}

TEST_F(StoreGetManyTest, NoKeysGiveNoValues) {
  const auto values = GetMany({});
  ASSERT_TRUE(values.ok());
  EXPECT_TRUE(values->empty());
}

}  // namespace
}  // namespace aurora::lsm
