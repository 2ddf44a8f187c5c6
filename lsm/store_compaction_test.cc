// Compactions side by side, in parts, and of more tables than are reserved at once.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/pinned_value.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_image.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/file.h"
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

// So that a later compaction of a table rewrites few others.
TEST_F(StoreCompactionTest, TablesEndWhereThoseOfTheNextLevelBegin) {
  StoreOptions options = Options();
  options.level_base_bytes = 160 << 10;  // level 2 can hold all keys
  Open(options);
  const auto write = [&](int first, int step) -> Task<absl::Status> {
    for (int i = first; i < 3000; i += step) {
      const std::string key = KeyOf(i);
      const std::string value = Noise(static_cast<std::uint64_t>(i + step), 300);
      AURORA_CO_RETURN_IF_ERROR((co_await store_->Put(key, value)).status());
    }
    co_return co_await store_->store().Flush();
  };
  ASSERT_TRUE(simulation_.Run(write(0, 1)).ok());
  ASSERT_TRUE(simulation_.Run(store_->store().Compact()).ok());
  // Two runs of level 0 that are merged into level 1, which can hold them.
  ASSERT_TRUE(simulation_.Run(write(0, 24)).ok());
  ASSERT_TRUE(simulation_.Run(write(1, 24)).ok());
  ASSERT_TRUE(simulation_.Run(store_->store().WaitIdle()).ok());
  auto image = simulation_.Run(store_->store().Capture());
  ASSERT_TRUE(image.ok()) << image.status();
  std::map<std::string, const TableInfo*> upper;
  std::set<std::string> starts_below;
  for (const auto& [number, table] : (*image)->state.tables) {
    if (table.level == 1) upper[table.smallest_key] = &table;
    if (table.level == 2) starts_below.insert(table.smallest_key);
  }
  ASSERT_GT(upper.size(), 3u);
  ASSERT_GT(starts_below.size(), 10u);
  int pairs = 0;
  const TableInfo* previous = nullptr;
  for (const auto& [smallest, table] : upper) {
    // Of one compaction, one after the other.
    if (previous != nullptr && table->number == previous->number + 1) {
      ++pairs;
      const auto start = starts_below.upper_bound(previous->largest_key);
      EXPECT_TRUE(start != starts_below.end() && *start <= smallest) << smallest;
    }
    previous = table;
  }
  EXPECT_GE(pairs, 2);
  image->reset();
  Close();
}

struct ReadOfTable {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};
// As the trace has them: "1234 read /db/000002.table 4096 512 0".
std::vector<ReadOfTable> ReadsOfTables(const Simulation& simulation) {
  std::vector<ReadOfTable> reads;
  for (const std::string& line : simulation.trace_text()) {
    std::istringstream words(line);
    std::string now;
    std::string what;
    std::string path;
    ReadOfTable read;
    if (words >> now >> what >> path >> read.offset >> read.size && what == "read" &&
        path.ends_with(".table")) {
      reads.push_back(read);
    }
  }
  return reads;
}

TEST_F(StoreCompactionTest, DirectReadsAreOfWholeBlocksOfTheDevice) {
  for (const bool direct : {false, true}) {
    Simulation simulation(3, {.keep_trace_text = true});
    StoreOptions options = Options();
    options.direct_reads = direct;
    const auto life = [&]() -> Task<absl::Status> {
      AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                       co_await KvStore::Open(simulation.environment(), options));
      for (int i = 0; i < 100; ++i) {
        const std::string key = KeyOf(i);
        const std::string value = Noise(static_cast<std::uint64_t>(i), 300);
        AURORA_CO_RETURN_IF_ERROR((co_await store->Put(key, value)).status());
      }
      AURORA_CO_RETURN_IF_ERROR(co_await store->store().Compact());
      AURORA_CO_RETURN_IF_ERROR(co_await store->Close());
      AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> again,
                       co_await KvStore::Open(simulation.environment(), options));
      for (int i = 0; i < 100; ++i) {
        const std::string key = KeyOf(i);
        AURORA_CO_ASSIGN(const std::optional<PinnedValue> value, co_await again->Get(key));
        if (!value.has_value()) co_return InternalError(key, " is missing");
      }
      co_return co_await again->Close();
    };
    const absl::Status lived = simulation.Run(life());
    ASSERT_TRUE(lived.ok()) << lived;
    const auto reads = ReadsOfTables(simulation);
    ASSERT_GT(reads.size(), 3u);
    const auto whole = std::count_if(reads.begin(), reads.end(), [](const ReadOfTable& read) {
      return (read.offset | read.size) % kDeviceBlockSize == 0;
    });
    EXPECT_EQ(whole == static_cast<std::ptrdiff_t>(reads.size()), direct) << whole;
  }
}

}  // namespace
}  // namespace aurora::lsm
