// Options that make no sense are refused by name, before anything is made.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/store_options.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

struct Case {
  std::string named;
  std::function<void(StoreOptions*)> change;
};

TEST(StoreOptionsTest, WhatIsOutOfItsBoundsIsRefusedByName) {
  const std::vector<Case> cases = {
      {"no directory", [](StoreOptions* o) { o->directory = ""; }},
      {"level0_runs_max", [](StoreOptions* o) { o->level0_runs_max = 0; }},
      {"level_multiplier", [](StoreOptions* o) { o->level_multiplier = 1; }},
      {"memtable_bytes", [](StoreOptions* o) { o->memtable_bytes = 0; }},
      {"table_bytes", [](StoreOptions* o) { o->table_bytes = 0; }},
      {"level_base_bytes", [](StoreOptions* o) { o->level_base_bytes = 0; }},
      {"value_file_min_bytes",
       [](StoreOptions* o) { o->value_file_min_bytes = kValueFileBytesLeast - 1; }},
      {"block_bytes", [](StoreOptions* o) { o->block_bytes = kBlockBytesLeast - 1; }},
      {"block_bytes", [](StoreOptions* o) { o->block_bytes = kBlockBytesMost + 1; }},
      {"open_files_max", [](StoreOptions* o) { o->open_files_max = 0; }},
      {"interval",
       [](StoreOptions* o) {
         o->archive.directory = "/archive";
         o->archive.interval = absl::ZeroDuration();
       }},
      {"archive", [](StoreOptions* o) { o->archive.directory = o->directory; }},
  };
  for (const Case& each : cases) {
    Simulation simulation(1);
    StoreOptions options = SmallStoreOptions("/db", Durability::kSync);
    each.change(&options);
    const absl::Status status =
        simulation.Run(KvStore::Open(simulation.environment(), options)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << each.named << ": " << status;
    EXPECT_THAT(status.ToString(), testing::HasSubstr(each.named));
    EXPECT_TRUE(simulation.disk().image().Files().empty()) << each.named;
  }
}

TEST(StoreOptionsTest, TheBoundsThemselvesAreGood) {
  const std::vector<std::function<void(StoreOptions*)>> changes = {
      [](StoreOptions* o) { o->value_file_min_bytes = kValueFileBytesLeast; },
      [](StoreOptions* o) { o->value_file_min_bytes = 0; },
      [](StoreOptions* o) { o->block_bytes = kBlockBytesLeast; },
      [](StoreOptions* o) { o->block_bytes = kBlockBytesMost; },
      [](StoreOptions* o) { o->open_files_max = 1; },
      [](StoreOptions* o) { o->table_metadata_bytes = 0; },
  };
  for (const auto& change : changes) {
    Simulation simulation(1);
    StoreOptions options = SmallStoreOptions("/db", Durability::kSync);
    change(&options);
    auto store = simulation.Run(KvStore::Open(simulation.environment(), options));
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE(simulation.Run((*store)->Put("key", "value")).ok());
    EXPECT_TRUE(simulation.Run((*store)->store().Compact()).ok());
    const auto got = simulation.Run((*store)->Get("key"));
    ASSERT_TRUE(got.ok() && got->has_value()) << got.status();
    EXPECT_EQ((*got)->view(), "value");
    EXPECT_TRUE(simulation.Run((*store)->Close()).ok());
  }
}

}  // namespace
}  // namespace aurora::lsm
