#include "aurora/engine/migration_state.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::engine {
namespace {

MigrationState Draw(Random& random) {
  MigrationState state;
  state.version = 1 + static_cast<std::uint32_t>(random.Below(1u << 20));
  state.description = std::string(random.Below(20), 'd');
  state.steps_done = static_cast<std::uint32_t>(random.Below(300));
  state.next_row = random.Below(std::uint64_t{1} << 48);
  if (random.Below(2) == 0) state.applied_micros = static_cast<std::int64_t>(random.Next64() >> 8);
  return state;
}

TEST(MigrationStateTest, IsReadAsItWasWritten) {
  SeededRandom random(TestSeed());
  for (int i = 0; i < 200; ++i) {
    const MigrationState state = Draw(random);
    const absl::StatusOr<MigrationState> read = DecodeMigration(EncodeMigration(state));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->version, state.version);
    EXPECT_EQ(read->description, state.description);
    EXPECT_EQ(read->steps_done, state.steps_done);
    EXPECT_EQ(read->next_row, state.next_row);
    EXPECT_EQ(read->applied_micros, state.applied_micros);
    EXPECT_EQ(read->applied(), state.applied_micros != 0);
  }
}

TEST(MigrationStateTest, WhatIsNotWholeIsDamage) {
  SeededRandom random(TestSeed());
  for (int i = 0; i < 50; ++i) {
    const std::string bytes = EncodeMigration(Draw(random));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_TRUE(absl::IsDataLoss(DecodeMigration(bytes.substr(0, size)).status()));
    }
    EXPECT_TRUE(absl::IsDataLoss(DecodeMigration(bytes + "x").status()));
  }
  // Version 0 is none.
  EXPECT_TRUE(absl::IsDataLoss(DecodeMigration(EncodeMigration(MigrationState())).status()));
}

}  // namespace
}  // namespace aurora::engine
