#include "aurora/engine/verify.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/engine/database.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

std::shared_ptr<Environment> EnvironmentOf(Simulation& simulation) {
  return std::shared_ptr<Environment>(std::shared_ptr<void>(), &simulation.environment());
}

// Writes, flushes and compacts until it has done so for `rounds` rounds.
Task<void> KeepWriting(Database database, std::uint64_t seed, int rounds, bool* done) {
  SeededRandom random(seed);
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < 8; ++i) {
      Object thing{{"city", StrCat("c", i % 3)}, {"text", std::string(200, 't')}};
      DocumentId id(StrCat("id-", random.Below(100)));
      const auto upserted = co_await database.Upsert("things", std::move(id), std::move(thing));
      EXPECT_TRUE(upserted.ok()) << upserted.status();
    }
    if (round % 4 == 1) EXPECT_TRUE((co_await database.Flush()).ok());
    if (round % 10 == 9) EXPECT_TRUE((co_await database.Compact()).ok());
  }
  *done = true;
}

struct Counts {
  int verified = 0;
  int too_fast = 0;
};

Task<void> KeepVerifying(std::shared_ptr<Environment> environment, const bool* done,
                         Counts* counts) {
  while (!*done) {
    const absl::StatusOr<VerifyReport> report = co_await VerifyDatabase("/db", {}, environment);
    if (absl::IsUnavailable(report.status())) {
      ++counts->too_fast;
      continue;
    }
    EXPECT_TRUE(report.ok()) << report.status();
    if (!report.ok()) co_return;
    ++counts->verified;
    for (const VerifyFinding& finding : report->findings) {
      EXPECT_EQ(finding.kind, VerifyFinding::Kind::kNote) << finding.file << ": " << finding.what;
    }
  }
}

class VerifyTest : public testing::TestWithParam<Durability> {};

TEST_P(VerifyTest, BesideABusyWriterItTellsNoDamageThatIsNone) {
  const std::uint64_t seed = TestSeed();
  Simulation simulation(seed);
  Options options;
  options.memory_bytes = 8u << 20;
  options.durability = GetParam();
  options.environment = EnvironmentOf(simulation);
  auto database = simulation.Run(Database::Open("/db", options));
  ASSERT_TRUE(database.ok()) << database.status();
  ASSERT_TRUE(simulation
                  .Run(database->CreateCollection("things",
                                                  Schema().String("city", kIndexed).String("text")))
                  .ok());
  bool done = false;
  Counts counts;
  std::vector<Task<void>> tasks;
  tasks.push_back(KeepWriting(*database, seed, 60, &done));
  tasks.push_back(KeepVerifying(EnvironmentOf(simulation), &done, &counts));
  simulation.RunAll(std::move(tasks));
  EXPECT_GT(counts.verified, 0);
  ASSERT_TRUE(simulation.Run(database->Close()).ok());
  const auto closed = simulation.Run(VerifyDatabase("/db", {}, EnvironmentOf(simulation)));
  ASSERT_TRUE(closed.ok()) << closed.status();
  EXPECT_TRUE(closed->clean_close);
  EXPECT_EQ(closed->CountOf(VerifyFinding::Kind::kDamage), 0u);
}

TEST(VerifyErrorTest, WhatIsNoDatabaseIsNotVerified) {
  Simulation simulation(1);
  FileSystem& files = simulation.environment().files();
  const auto verify = [&simulation](const std::string& path) {
    return simulation.Run(VerifyDatabase(path, {}, EnvironmentOf(simulation))).status();
  };
  EXPECT_TRUE(absl::IsNotFound(verify("/nowhere")));
  ASSERT_TRUE(simulation.Run(files.CreateDirectory("/empty")).ok());
  EXPECT_TRUE(absl::IsNotFound(verify("/empty")));
  ASSERT_TRUE(simulation.disk().image().WriteFile("/file", "text").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(verify("/file")));
  ASSERT_TRUE(simulation.disk().image().WriteFile("/empty/notes.txt", "text").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(verify("/empty")));
}

INSTANTIATE_TEST_SUITE_P(Durabilities, VerifyTest,
                         testing::Values(Durability::kSync, Durability::kProcess,
                                         Durability::kBuffered));

}  // namespace
}  // namespace aurora
