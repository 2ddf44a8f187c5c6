// The proofs of the store against a store with a bug: every one must be found.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/compaction_errors_testing.h"
#include "aurora/lsm/error_loop_testing.h"
#include "aurora/lsm/expiry_script_testing.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/open_files_campaign_testing.h"
#include "aurora/lsm/script_runner_testing.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_campaign_testing.h"
#include "aurora/lsm/store_ingest_testing.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

// Which of the proofs is for bugs of the kind; the others may find them too.
enum class Proof {
  kAnswers,
  kModel,
  kLives,
  kCrashes,
  kRecordBits,
  kErrors,
  kCompactionReads,
  kShortReads,
  kBits,
  kManifest,
  kBlocks,
  kDamagedValues,
  kDamagedIngestion,
  kLock,
  kRelease,
  kExpiry,
  kExpiryAtRest,
  kFewFiles,
  kFewDescriptors,
  kRemovedFiles
};

struct Bug {
  const char* name;
  Proof proof;
};

// Opens a store that is open.
Task<absl::Status> OpenTwice(Environment* environment) {
  const StoreOptions options = SmallStoreOptions("/db", Durability::kSync);
  AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> first,
                   co_await KvStore::Open(*environment, options));
  absl::StatusOr<std::unique_ptr<KvStore>> second = co_await KvStore::Open(*environment, options);
  absl::Status status;
  if (second.ok()) {
    status = InternalError("it was opened twice");
    AURORA_CO_RETURN_IF_ERROR(co_await (*second)->Close());
  }
  const absl::Status closed = co_await first->Close();
  co_return status.ok() ? closed : status;
}

// Deletes that a snapshot keeps from being compacted; they are once it has gone.
Task<absl::Status> ReleaseSnapshot(Environment* environment) {
  StoreOptions options;
  options.directory = "/db";
  AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                   co_await KvStore::Open(*environment, options));
  constexpr std::string_view kKeys = "abcdefgh";
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    AURORA_CO_RETURN_IF_ERROR((co_await store->Put(kKeys.substr(i, 1), "value")).status());
  }
  AURORA_CO_RETURN_IF_ERROR(co_await store->store().Flush());
  std::unique_ptr<Snapshot> snapshot = store->store().GetSnapshot();
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    AURORA_CO_RETURN_IF_ERROR((co_await store->Delete(kKeys.substr(i, 1))).status());
  }
  AURORA_CO_RETURN_IF_ERROR(co_await store->store().Flush());
  AURORA_CO_RETURN_IF_ERROR(co_await store->store().WaitIdle());
  // Nothing else is to tell the store then.
  AURORA_CO_RETURN_IF_ERROR(co_await environment->Sleep(absl::Minutes(1)));
  snapshot.reset();
  AURORA_CO_RETURN_IF_ERROR(co_await environment->Sleep(absl::Minutes(1)));
  std::uint64_t entries = 0;
  for (const LevelStats& level : store->store().Stats().levels) entries += level.entry_count;
  AURORA_CO_RETURN_IF_ERROR(co_await store->Close());
  if (entries == 0) co_return absl::OkStatus();
  co_return InternalError(entries, " entries are left that nobody sees");
}

// Every read of a file like `path` fails.
absl::Status LoopOverReads(std::uint64_t seed, Durability durability, FailureKind kind,
                           const char* path) {
  std::uint64_t first = 0;
  for (bool struck = true; struck;) {
    FaultRule rule = RuleOf(kind, ++first, /*for_ever=*/false);
    rule.kinds = {OperationKind::kRead};
    rule.path = path;
    AURORA_RETURN_IF_ERROR(RunErrorLife(seed, durability, rule, &struck));
  }
  return absl::OkStatus();
}

absl::Status FlipBytes(std::uint64_t seed, Durability durability) {
  SeededRandom random(seed);
  FlippedBits flipped(seed, durability, /*tiny=*/true);
  for (const std::uint64_t number : flipped.Bytes(/*stride=*/4093)) {
    AURORA_RETURN_IF_ERROR(flipped.Try(number, static_cast<int>(random.Below(8))));
  }
  return absl::OkStatus();
}

absl::Status DamageRecords(std::uint64_t seed, Durability durability) {
  std::uint64_t count = 0;
  return DamageRecordFile(seed, durability, /*step=*/997, &count);
}

// Flips bits of a manifest of some edits, the last one aside: damage each.
absl::Status FlipManifest(std::uint64_t seed) {
  SeededRandom random(seed);
  std::string bytes;
  AppendSnapshotFrame(1, ManifestState(), &bytes);
  std::size_t last = 0;
  for (std::uint64_t i = 1; i <= 5; ++i) {
    ManifestEdit edit;
    edit.next_file_number = i + 1;
    last = bytes.size();
    AppendEditFrame(1, i, edit, &bytes);
  }
  for (std::size_t at = 0; at < last; ++at) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << random.Below(8)));
    if (DecodeManifest("manifest", 1, flipped).ok()) {
      return InternalError("damage at offset ", at, " of ", bytes.size(), " is not seen");
    }
  }
  return absl::OkStatus();
}

absl::Status Run(Proof proof, std::uint64_t seed) {
  const auto durability = static_cast<Durability>(seed % 3);
  switch (proof) {
    case Proof::kAnswers:
      return RunMetamorphic(seed, 250, 4, /*shrink=*/false);
    case Proof::kModel:
      return RunStoreAnswers(seed, durability, 400);
    case Proof::kLives:
      return RunStoreLives(seed, durability, 6);
    case Proof::kCrashes: {
      std::uint64_t images = 0;
      return EnumerateStoreCrashes(seed, durability, 2, &images);
    }
    case Proof::kRecordBits:
      return DamageRecords(seed, durability);
    case Proof::kCompactionReads:
      return LoopOverCompactionReads(seed);
    case Proof::kErrors:
      return LoopOverReads(seed, durability, FailureKind::kDevice, "*.table");
    case Proof::kShortReads:
      return LoopOverReads(seed, durability, FailureKind::kShorten, "*MANIFEST*");
    case Proof::kBits:
      return FlipBytes(seed, durability);
    case Proof::kManifest:
      return FlipManifest(seed);
    case Proof::kBlocks:
      return TryMisplacedBlocks(seed);
    case Proof::kDamagedValues:
      return TryDamagedValues(seed);
    case Proof::kDamagedIngestion:
      return TryDamagedIngestion(seed);
    case Proof::kLock: {
      Simulation simulation(seed);
      return simulation.Run(OpenTwice(&simulation.environment()));
    }
    case Proof::kRelease: {
      Simulation simulation(seed);
      return simulation.Run(ReleaseSnapshot(&simulation.environment()));
    }
    case Proof::kExpiry:
      return RunExpiryScript(seed, 150, /*clock_goes_back=*/false);
    case Proof::kExpiryAtRest:
      return RunExpiryAtRest(seed);
    case Proof::kFewFiles:
      return RunWithFewFiles(seed, durability, 200);
    case Proof::kFewDescriptors:
      return RunWithFewDescriptors(seed, durability, 400);
    case Proof::kRemovedFiles:
      return RunReaderOfRemovedFiles(seed);
  }
  return absl::OkStatus();
}

// True if some run reports a violation.
bool IsCaught(Proof proof) {
  constexpr std::uint64_t kRuns = 60;
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    const absl::Status status = Run(proof, seed);
    if (status.ok()) continue;
    const std::string report(status.ToString());
    std::printf("caught in run %d: %s\n", static_cast<int>(seed), report.c_str());
    return true;
  }
  return false;
}

class StorePlantedBugTest : public testing::TestWithParam<Bug> {};

TEST_P(StorePlantedBugTest, IsCaught) {
  {
    ScopedPlantedBug bug(GetParam().name);
    EXPECT_TRUE(IsCaught(GetParam().proof)) << GetParam().name;
  }
  EXPECT_TRUE(WasPassed(GetParam().name)) << "the bug was never reached";
}

void PrintTo(const Bug& bug, std::ostream* out) { *out << bug.name; }

std::string NameOf(const testing::TestParamInfo<Bug>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

constexpr Bug kBugs[] = {
    {"compaction-drops-tombstones", Proof::kAnswers},
    {"compaction-ignores-snapshots", Proof::kAnswers},
    {"filter-of-wrong-keys", Proof::kAnswers},
    {"iterator-turn-repeats-key", Proof::kAnswers},
    {"cache-key-without-file", Proof::kAnswers},
    {"level0-oldest-first", Proof::kAnswers},
    {"compaction-leaves-older-runs", Proof::kAnswers},
    {"compaction-parts-leave-gap", Proof::kAnswers},
    {"operands-newest-first", Proof::kAnswers},
    {"replay-flushed-records", Proof::kAnswers},
    {"range-delete-dropped-early", Proof::kAnswers},
    {"range-delete-ignores-snapshot", Proof::kAnswers},
    {"range-delete-loses-end", Proof::kModel},
    {"range-delete-outside-of-bounds", Proof::kAnswers},
    {"sequence-reused-after-recovery", Proof::kLives},
    {"release-log-before-edit", Proof::kCrashes},
    {"value-file-skip-sync", Proof::kLives},
    {"value-reference-uncounted", Proof::kModel},
    {"value-moved-by-place", Proof::kModel},
    {"value-copy-unchecked", Proof::kDamagedValues},
    {"compaction-ends-at-read-error", Proof::kCompactionReads},
    {"get-skips-unreadable-block", Proof::kErrors},
    {"scan-skips-unreadable-table", Proof::kErrors},
    {"manifest-ignore-short-read", Proof::kShortReads},
    {"manifest-ignore-hash", Proof::kBits},
    {"manifest-damage-is-tail", Proof::kManifest},
    {"block-checksum-without-place", Proof::kBlocks},
    {"record-file-skip-sync", Proof::kCrashes},
    {"record-file-skip-directory-sync", Proof::kCrashes},
    {"record-file-unchecked", Proof::kRecordBits},
    {"record-file-removed-early", Proof::kCrashes},
    {"open-drops-lock", Proof::kLock},
    {"ingestion-without-flush", Proof::kModel},
    {"ingestion-visible-too-early", Proof::kModel},
    {"ingestion-forgets-range", Proof::kAnswers},
    {"ingestion-placed-below-older", Proof::kAnswers},
    {"ingestion-order-by-number", Proof::kAnswers},
    {"ingestion-unchecked", Proof::kDamagedIngestion},
    {"snapshot-release-untold", Proof::kRelease},
    {"expiry-ignores-snapshot", Proof::kExpiry},
    {"expiry-reveals-older-version", Proof::kExpiry},
    {"expiry-folded-under-operands", Proof::kExpiry},
    {"expiry-timer-untold", Proof::kExpiryAtRest},
    {"file-pool-keeps-files-open", Proof::kFewFiles},
    {"file-pool-keeps-descriptors", Proof::kFewDescriptors},
    {"file-pool-of-reader", Proof::kRemovedFiles},
};

INSTANTIATE_TEST_SUITE_P(Store, StorePlantedBugTest, testing::ValuesIn(kBugs), NameOf);

}  // namespace
}  // namespace aurora::lsm
