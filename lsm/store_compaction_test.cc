// Compactions side by side, in parts, and of more tables than are reserved at once.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/pinned_value.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class StoreCompactionTest : public testing::Test {
 protected:
  static StoreOptions Options() {
    StoreOptions options;
    options.directory = "/db";
    options.durability = Durability::kProcess;
    options.memtable_bytes = 64 << 10;
    options.table_bytes = 16 << 10;
    options.level_base_bytes = 256 << 10;
    options.level0_runs_max = 2;
    return options;
  }

  void Open(const StoreOptions& options) {
    auto store = simulation_.Run(KvStore::Open(environment(), options));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Close() {
    const absl::Status closed = simulation_.Run(store_->Close());
    EXPECT_TRUE(closed.ok()) << closed;
  }
  Environment& environment() { return simulation_.environment(); }
  StoreStats Stats() { return store_->store().Stats(); }

  Simulation simulation_{7};
  std::unique_ptr<KvStore> store_;
};

// Does not compress.
std::string Noise(std::uint64_t seed, std::size_t bytes) {
  std::string noise;
  while (noise.size() < bytes) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    noise.push_back(static_cast<char>(seed >> 56));
  }
  return noise;
}

std::string KeyOf(int number) { return StrCat("key", 100'000 + number * 7919 % 100'000); }

TEST_F(StoreCompactionTest, ColumnsAreCompactedSideBySide) {
  constexpr int kKeys = 4000;
  constexpr std::size_t kValueBytes = 300;
  Open(Options());
  int most_running = 0;
  int most_runs = 0;
  const auto write = [&]() -> Task<absl::Status> {
    for (int i = 0; i < 2 * kKeys; ++i) {
      const std::string key = KeyOf(i % kKeys);
      const std::string value = Noise(static_cast<std::uint64_t>(i), kValueBytes);
      AURORA_CO_RETURN_IF_ERROR((co_await store_->Put(key, value)).status());
      const StoreStats stats = Stats();
      most_running = std::max(most_running, stats.compactions_running);
      most_runs = std::max(most_runs, stats.level0_run_count);
    }
    co_return co_await store_->store().WaitIdle();
  };
  ASSERT_TRUE(simulation_.Run(write()).ok());
  EXPECT_GE(most_running, 2);
  EXPECT_LE(most_runs, 2 * 6);  // where flushes wait
  const auto check = [&]() -> Task<absl::Status> {
    for (int i = 0; i < kKeys; ++i) {
      const std::string key = KeyOf(i);
      AURORA_CO_ASSIGN(const std::optional<PinnedValue> value, co_await store_->Get(key));
      const std::string newest = Noise(static_cast<std::uint64_t>(i + kKeys), kValueBytes);
      if (!value.has_value() || value->view() != newest) {
        co_return InternalError(key, " has an older value, or none");
      }
    }
    co_return absl::OkStatus();
  };
  const absl::Status checked = simulation_.Run(check());
  EXPECT_TRUE(checked.ok()) << checked;
  Close();
}

TEST_F(StoreCompactionTest, OneMayWriteMoreTablesThanAreReserved) {
  constexpr int kKeys = 2200;
  constexpr std::size_t kValueBytes = 4200;  // two do not share a block
  StoreOptions options = Options();
  options.table_bytes = 1;  // a table for each block, and one key more
  options.memtable_bytes = 16 << 20;
  options.level_base_bytes = 64 << 20;
  Open(options);
  const auto write = [&]() -> Task<absl::Status> {
    for (int i = 0; i < kKeys; ++i) {
      const std::string key = KeyOf(i);
      const std::string value = Noise(static_cast<std::uint64_t>(i), kValueBytes);
      AURORA_CO_RETURN_IF_ERROR((co_await store_->Put(key, value)).status());
    }
    co_return co_await store_->store().Compact();
  };
  const absl::Status written = simulation_.Run(write());
  ASSERT_TRUE(written.ok()) << written;
  EXPECT_GT(Stats().levels[1].table_count, 1024);
  Close();
  Open(options);
  const auto found = simulation_.Run(store_->Get(KeyOf(kKeys - 1)));
  ASSERT_TRUE(found.ok() && found->has_value()) << found.status();
  EXPECT_EQ((*found)->view(), Noise(kKeys - 1, kValueBytes));
  Close();
}

}  // namespace
}  // namespace aurora::lsm
