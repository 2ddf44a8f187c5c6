// A database on a simulated machine, for tests.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "aurora/engine/database.h"
#include "aurora/engine/options.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gtest/gtest.h"

namespace aurora {

// The least memory; the environment is that of the simulation, which must outlive the database.
inline Options OptionsIn(Simulation& simulation) {
  Options options;
  options.memory_bytes = 8u << 20;
  options.environment =
      std::shared_ptr<Environment>(std::shared_ptr<void>(), &simulation.environment());
  return options;
}

// Opened before each test, at /db, and closed after it.
class SimulatedDatabaseTest : public testing::Test {
 protected:
  explicit SimulatedDatabaseTest(Durability durability = Durability::kSync,
                                 std::size_t memory_bytes = 8u << 20, std::uint64_t seed = 1)
      : simulation_(seed), options_(OptionsIn(simulation_)), db_(Open(durability, memory_bytes)) {}
  ~SimulatedDatabaseTest() override { EXPECT_TRUE(simulation_.Run(db_.Close()).ok()); }

  Database Open() {
    absl::StatusOr<Database> opened = simulation_.Run(Database::Open("/db", options_));
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  void Reopen() {
    EXPECT_TRUE(simulation_.Run(db_.Close()).ok());
    db_ = Open();
  }

  Simulation simulation_;
  Options options_;
  Database db_;

 private:
  Database Open(Durability durability, std::size_t memory_bytes) {
    options_.durability = durability;
    options_.memory_bytes = memory_bytes;
    return Open();
  }
};

}  // namespace aurora
