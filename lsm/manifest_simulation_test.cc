// The manifest in the simulator: appends and rolls, a crash at each of their operations, failures
// of each.
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/manifest.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/crash_sampler_testing.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr char kDirectory[] = "/db";
// A few edits to each manifest.
constexpr std::uint64_t kRollBytes = 700;
constexpr std::uint64_t kEdits = 12;

// Edit `number`: adds one table, and removes the one before the last, so that the state says which
// edit was the last.
ManifestEdit Edit(std::uint64_t number) {
  ManifestEdit edit;
  edit.next_file_number = number + 1;
  TableInfo table;
  table.number = number;
  table.smallest_key = "a";
  table.largest_key.assign(1 + number % 7 * 20, 'b');
  edit.added_tables.push_back(std::move(table));
  if (number > 2) edit.removed_tables.push_back(number - 2);
  return edit;
}

ManifestState StateAfter(std::uint64_t edits) {
  ManifestState state;
  for (std::uint64_t i = 1; i <= edits; ++i) EXPECT_TRUE(ApplyEdit(Edit(i), &state).ok());
  return state;
}

// One process: opens the manifest, which begins a new one, and appends edits until number `last`.
// `*acknowledged` is the last that succeeded.
Task<absl::Status> Live(FileSystem* files, std::uint64_t last, std::uint64_t* acknowledged) {
  AURORA_CO_ASSIGN(std::optional<Manifest::Recovered> recovered,
                   co_await Manifest::Recover(files, kDirectory));
  ManifestState state;
  std::uint64_t number = 0;
  if (recovered.has_value()) {
    state = std::move(recovered->manifest.state);
    number = recovered->number;
  }
  const std::uint64_t next = state.next_file_number;
  AURORA_CO_ASSIGN(
      const std::unique_ptr<Manifest> manifest,
      co_await Manifest::Create(files, kDirectory, number + 1, std::move(state), kRollBytes));
  co_await manifest->KeepReserve();
  for (std::uint64_t i = next; i <= last; ++i) {
    ManifestEdit edit = Edit(i);
    absl::Status appended = co_await manifest->Append(edit);
    // As the store does once there is space again.
    if (absl::IsResourceExhausted(appended)) appended = co_await manifest->Append(std::move(edit));
    AURORA_CO_RETURN_IF_ERROR(appended);
    *acknowledged = i;
  }
  co_return absl::OkStatus();
}

// What is recovered is the state after the last acknowledged edit, or after the one that was being
// appended, and it can be gone on with.
absl::Status CheckAfter(Simulation* simulation, std::uint64_t acknowledged) {
  FileSystem* const files = &simulation->environment().files();
  for (int open = 0; open < 2; ++open) {
    AURORA_ASSIGN_OR_RETURN(const std::optional<Manifest::Recovered> recovered,
                            simulation->Run(Manifest::Recover(files, kDirectory)));
    if (!recovered.has_value()) {
      if (acknowledged > 0) return InternalError("no manifest is in force");
      return absl::OkStatus();
    }
    const ManifestState& state = recovered->manifest.state;
    const std::uint64_t edits = state.next_file_number - 1;
    if (edits != acknowledged && edits != acknowledged + 1) {
      return InternalError("recovered ", edits, " edits of ", acknowledged);
    }
    if (state.tables != StateAfter(edits).tables) {
      return InternalError("the state after ", edits, " edits is another");
    }
    acknowledged = edits;
    AURORA_RETURN_IF_ERROR(simulation->Run(Live(files, edits + 2, &acknowledged)));
  }
  return absl::OkStatus();
}

void MakeDirectory(Simulation* simulation) {
  FileSystem& files = simulation->environment().files();
  ASSERT_TRUE(simulation->Run(files.CreateDirectory(kDirectory)).ok());
  ASSERT_TRUE(simulation->Run(files.SyncDirectory("/")).ok());
}

TEST(ManifestSimulationTest, ACrashAtAnyOperationLosesNoEdit) {
  const std::uint64_t seed = TestSeed();
  Simulation simulation(seed);
  MakeDirectory(&simulation);
  std::uint64_t acknowledged = 0;
  std::uint64_t images = 0;
  simulation.VisitCrashPoints(StandardCrashModes(), [&](const CrashPoint& point) {
    SimulationOptions options;
    options.image = point.image;
    options.latency = LatencyModel::None();
    Simulation after(point.seed, std::move(options));
    const absl::Status status = CheckAfter(&after, acknowledged);
    ASSERT_TRUE(status.ok()) << status << " " << Describe(point) << " seed " << seed;
    ++images;
  });
  FileSystem* const files = &simulation.environment().files();
  EXPECT_TRUE(simulation.Run(Live(files, kEdits / 2, &acknowledged)).ok());
  EXPECT_TRUE(simulation.Run(Live(files, kEdits, &acknowledged)).ok());
  EXPECT_GT(images, 300u);
}

// Whatever a crash leaves is opened on a device without a free block, and that may crash too.
TEST(ManifestSimulationTest, ACrashOnAFullDeviceLosesNoEdit) {
  const std::uint64_t seed = TestSeed();
  Simulation simulation(seed);
  MakeDirectory(&simulation);
  std::uint64_t acknowledged = 0;
  std::uint64_t opened = 0;
  simulation.VisitCrashPoints(StandardCrashModes(), [&](const CrashPoint& point) {
    SimulationOptions options;
    options.image = point.image;
    options.latency = LatencyModel::None();
    Simulation full(point.seed, options);
    full.disk().set_capacity_bytes(full.disk().UsedBytes());
    const CrashSampler sampler(&full, point.seed, 1, [&](const CrashPoint& second) {
      options.image = second.image;
      Simulation after(second.seed, options);
      return CheckAfter(&after, acknowledged);
    });
    std::uint64_t none = 0;
    const absl::Status lived = full.Run(Live(&full.environment().files(), 0, &none));
    ASSERT_TRUE(lived.ok() || absl::IsResourceExhausted(lived)) << lived << Describe(point);
    if (lived.ok()) ++opened;
    ASSERT_TRUE(sampler.violation().ok()) << sampler.violation() << " " << Describe(point);
  });
  EXPECT_TRUE(simulation.Run(Live(&simulation.environment().files(), 4, &acknowledged)).ok());
  EXPECT_TRUE(simulation.Run(Live(&simulation.environment().files(), 6, &acknowledged)).ok());
  EXPECT_GT(opened, 100u);
}

// One run: operation `first` fails with `error`, then the machine dies.
absl::Status RunFault(std::uint64_t seed, std::uint64_t first, int error, bool* struck) {
  Simulation simulation(seed);
  MakeDirectory(&simulation);
  FaultRule rule;
  rule.fault = error == 0 ? Fault::Shorten() : Fault::Error(error);
  rule.first = first;
  const std::size_t id = simulation.faults().Add(rule);
  FileSystem* const files = &simulation.environment().files();
  std::uint64_t acknowledged = 0;
  absl::Status status = simulation.Run(Live(files, kEdits / 2, &acknowledged));
  if (status.ok()) status = simulation.Run(Live(files, kEdits, &acknowledged));
  *struck = simulation.faults().struck(id) > 0;
  simulation.faults().Clear();
  SeededRandom random(seed);
  simulation.CrashMachine(DrawCrashMode(random));
  AURORA_RETURN_IF_ERROR(simulation.Restart());
  return CheckAfter(&simulation, acknowledged);
}

class ManifestFaultTest : public testing::TestWithParam<int> {};

TEST_P(ManifestFaultTest, AFailureOfAnyOperationLosesNoEdit) {
  SeededRandom random(TestSeed());
  std::uint64_t first = 0;
  for (bool struck = true; struck;) {
    const std::uint64_t seed = random.Next64();
    const absl::Status status = RunFault(seed, ++first, GetParam(), &struck);
    ASSERT_TRUE(status.ok()) << status << " operation " << first << " seed " << seed;
  }
  EXPECT_GT(first, GetParam() == 0 ? 1u : 40u);
}

INSTANTIATE_TEST_SUITE_P(Device, ManifestFaultTest, testing::Values(EIO));
INSTANTIATE_TEST_SUITE_P(Space, ManifestFaultTest, testing::Values(ENOSPC));
INSTANTIATE_TEST_SUITE_P(ShortRead, ManifestFaultTest, testing::Values(0));

}  // namespace
}  // namespace aurora::lsm
