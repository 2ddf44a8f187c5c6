// Schemas and indices that change under writers, in the simulator.
#include <cstdint>
#include <cstdio>

#include "absl/status/status.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/tests/simulation/schema_campaign_testing.h"
#include "gtest/gtest.h"

namespace aurora::proof {
namespace {

TEST(SchemaSimulationTest, IndicesAgreeWithAScanWhateverIsChangedMeanwhile) {
  const std::uint64_t seed = TestSeed();
  for (std::uint64_t i = 0; i < 10; ++i) {
    const absl::Status status = RunSchemaChanges(seed + i);
    ASSERT_TRUE(status.ok()) << status;
  }
}

TEST(SchemaSimulationTest, ACrashAtAnyPersistentOperationLosesNoStepAndNoEntry) {
  std::uint64_t images = 0;
  const absl::Status status = EnumerateSchemaCrashes(TestSeed(), /*modes_per_event=*/1, &images);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_GT(images, 100u);
  std::printf("%d images\n", static_cast<int>(images));
}

TEST(SchemaSimulationTest, ACrashAtAnyPersistentOperationOfAMigrationChangesNoDocumentTwice) {
  std::uint64_t images = 0;
  const absl::Status status = EnumerateMigrationCrashes(TestSeed(), /*modes_per_event=*/2, &images);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_GT(images, 10u);
  std::printf("%d images\n", static_cast<int>(images));
}

}  // namespace
}  // namespace aurora::proof
