// What a store holds of its tables' indices and filters does not grow with the data.
#include <cstdint>
#include <memory>
#include <string>

#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_options.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class StoreMetadataTest : public testing::Test {
 protected:
  StoreMetadataTest() {
    options_.directory = "/db";
    options_.durability = Durability::kProcess;
    options_.memory = &memory_;
    options_.memtable_bytes = 64u << 10;
    options_.table_bytes = 128u << 10;
    options_.level_base_bytes = 512u << 10;
    options_.block_bytes = 1024;
    options_.block_cache_bytes = 256u << 10;
  }

  void Open() {
    auto store = simulation_.Run(KvStore::Open(simulation_.environment(), options_));
    AURORA_CHECK(store.ok());
    store_ = *std::move(store);
  }
  void Close() {
    EXPECT_TRUE(simulation_.Run(store_->Close()).ok());
    store_.reset();
  }
  static std::string Key(std::uint64_t i) { return StrCat("key", i * 7919 % 1'000'003); }
  static std::string ValueOf(std::uint64_t i) {
    return StrCat(i, std::string(i % 90, static_cast<char>('a' + i % 26)));
  }
  void Fill(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; i += 50) {
      WriteBatch batch;
      for (std::uint64_t k = i; k < i + 50; ++k) batch.Put(Key(k), ValueOf(k));
      ASSERT_TRUE(simulation_.Run(store_->Write(batch)).ok());
    }
    ASSERT_TRUE(simulation_.Run(store_->store().Compact()).ok());
  }
  void ExpectAt(std::uint64_t i, std::uint64_t count) {
    const auto value = simulation_.Run(store_->Get(Key(i)));
    ASSERT_TRUE(value.ok()) << value.status();
    ASSERT_EQ(value->has_value(), i < count);
    if (i < count) ASSERT_EQ((*value)->view(), ValueOf(i));
  }

  SeededRandom random_{TestSeed()};
  MemoryBudget memory_{std::size_t{500} << 10};
  Simulation simulation_{random_.Next64()};
  StoreOptions options_;
  std::unique_ptr<KvStore> store_;
};

TEST_F(StoreMetadataTest, IndicesAndFiltersStayWithinAQuarterOfTheMemoryAndAnswersAreRight) {
  constexpr std::uint64_t kCount = 60'000;
  std::size_t held_whole = 0;
  {
    MemoryBudget plenty(std::size_t{1} << 30);
    options_.memory = &plenty;
    Open();
    ASSERT_NO_FATAL_FAILURE(Fill(kCount));
    for (std::uint64_t i = 0; i < kCount; i += 20) ASSERT_NO_FATAL_FAILURE(ExpectAt(i, kCount));
    held_whole = plenty.used_bytes(MemoryUse::kTableMetadata);
    Close();
  }
  const std::size_t quarter = memory_.limit_bytes() / 4;
  ASSERT_GT(held_whole, 2 * quarter) << "the test needs more data";
  options_.memory = &memory_;
  Open();
  for (int i = 0; i < 6'000; ++i) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(random_.Below(kCount + kCount / 5), kCount));
    // What names the parts of an index is held of every table.
    ASSERT_LE(memory_.used_bytes(MemoryUse::kTableMetadata), quarter + held_whole / 10);
  }
  EXPECT_GT(memory_.used_bytes(MemoryUse::kTableMetadata), quarter / 2) << "some are held whole";
  std::uint64_t rows = 0;
  auto iterator = store_->store().NewIterator(0, IterateOptions());
  ASSERT_TRUE(simulation_.Run(iterator->SeekToFirst()).ok());
  for (; iterator->Valid(); ++rows) ASSERT_TRUE(simulation_.Run(iterator->Next()).ok());
  EXPECT_EQ(rows, kCount);
  iterator.reset();
  Close();
}

}  // namespace
}  // namespace aurora::lsm
