// That the simulator finds what it is for: a small write-ahead log with a manifest survives every
// crash point, and each of the classic mistakes in it is caught.

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/simulation/trace.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

// The address sanitizer's build is unoptimised, and fifty times slower.
#ifdef AURORA_ASAN
constexpr bool kSlow = true;
#else
constexpr bool kSlow = false;
#endif

enum class Mistake {
  kNone,
  kNoLogSync,
  kAcknowledgeBeforeSync,
  kNoManifestSync,
  kRenameBeforeSync,
  kNoDirectorySyncForNewLog,
  kNoDirectorySyncForManifest,
  kOldLogRemovedEarly,
  kNoChecksum,
  kSyncCalledTooSoon,
  kLeftoverReused,  // takes two crashes
};
constexpr Mistake kMistakes[] = {
    Mistake::kNoLogSync,
    Mistake::kAcknowledgeBeforeSync,
    Mistake::kNoManifestSync,
    Mistake::kRenameBeforeSync,
    Mistake::kNoDirectorySyncForNewLog,
    Mistake::kNoDirectorySyncForManifest,
    Mistake::kOldLogRemovedEarly,
    Mistake::kNoChecksum,
    Mistake::kSyncCalledTooSoon,
};

// A log of the numbers 1, 2, 3, ... The manifest names the log and the number before its first.
// Each record is the number, repeated to some length, and a checksum.
class NumberLog {
 public:
  static constexpr std::size_t kRecordBytes = 700;

  NumberLog(FileSystem* files, Mistake mistake) : files_(files), mistake_(mistake) {}

  std::uint64_t count() const { return base_ + records_; }

  Task<absl::Status> Open() {
    absl::StatusOr<std::string> manifest = co_await ReadAll("/MANIFEST");
    if (absl::IsNotFound(manifest.status())) co_return co_await Roll();
    AURORA_CO_RETURN_IF_ERROR(manifest);
    if (manifest->size() != 24) co_return DataLossError("the manifest has ", manifest->size());
    std::uint64_t words[3];
    std::memcpy(words, manifest->data(), sizeof words);
    if (words[2] != SimulationHash(std::string_view(*manifest).substr(0, 16))) {
      co_return DataLossError("the manifest is damaged");
    }
    base_ = words[0];
    generation_ = words[1];
    AURORA_CO_ASSIGN(const std::string bytes, co_await ReadAll(LogPath(generation_)));
    while (IsRecord(bytes, base_ + records_ + 1)) {
      ++records_;
      const std::size_t offset = (records_ - 1) * kRecordBytes;
      if (std::string_view(bytes).substr(offset, kRecordBytes) != Record(count())) {
        co_return DataLossError("record ", count(), " is damaged and was taken for good");
      }
    }
    // The tail is not trusted: a new log makes what was recovered durable anew.
    co_return co_await Roll();
  }

  Task<absl::Status> Append() {
    const std::uint64_t offset = records_ * kRecordBytes;
    const std::string record = Record(count() + 1);
    if (mistake_ == Mistake::kSyncCalledTooSoon) {
      // The sync is called before the write is, and completes after it.
      Task<absl::Status> sync = log_->Sync();
      AURORA_CO_RETURN_IF_ERROR(co_await std::move(sync));
      AURORA_CO_RETURN_IF_ERROR(co_await log_->Write(offset, record));
    } else {
      AURORA_CO_RETURN_IF_ERROR(co_await log_->Write(offset, record));
      const bool sync =
          mistake_ != Mistake::kNoLogSync && mistake_ != Mistake::kAcknowledgeBeforeSync;
      if (sync) AURORA_CO_RETURN_IF_ERROR(co_await log_->Sync());
    }
    ++records_;
    co_return absl::OkStatus();
  }

  // What an early acknowledgement leaves to do.
  Task<absl::Status> Finish() {
    if (mistake_ != Mistake::kAcknowledgeBeforeSync) co_return absl::OkStatus();
    co_return co_await log_->Sync();
  }

  // Starts the next log.
  Task<absl::Status> Roll() {
    const std::uint64_t old = generation_;
    if (mistake_ == Mistake::kOldLogRemovedEarly && log_ != nullptr) {
      AURORA_CO_RETURN_IF_ERROR(co_await Remove(old));
    }
    ++generation_;
    base_ += records_;
    records_ = 0;
    OpenOptions create;
    create.mode = OpenMode::kCreate;
    AURORA_CO_ASSIGN(log_, co_await files_->Open(LogPath(generation_), create));
    AURORA_CO_RETURN_IF_ERROR(co_await log_->Truncate(0));
    AURORA_CO_RETURN_IF_ERROR(co_await log_->Sync());
    if (mistake_ != Mistake::kNoDirectorySyncForNewLog) {
      AURORA_CO_RETURN_IF_ERROR(co_await files_->SyncDirectory("/"));
    }
    AURORA_CO_RETURN_IF_ERROR(co_await WriteManifest());
    if (old != 0 && mistake_ != Mistake::kOldLogRemovedEarly) {
      AURORA_CO_RETURN_IF_ERROR(co_await Remove(old));
    }
    co_return absl::OkStatus();
  }

 private:
  static std::string LogPath(std::uint64_t generation) { return StrCat("/log-", generation); }

  static std::string Record(std::uint64_t number) {
    std::string record;
    while (record.size() + 8 < kRecordBytes) {
      record.append(reinterpret_cast<const char*>(&number), 8);
    }
    record.resize(kRecordBytes - 8);
    const std::uint64_t checksum = SimulationHash(record);
    return record.append(reinterpret_cast<const char*>(&checksum), 8);
  }

  bool IsRecord(const std::string& bytes, std::uint64_t number) const {
    const std::size_t offset = (number - base_ - 1) * kRecordBytes;
    if (bytes.size() < offset + kRecordBytes) return false;
    const std::string_view record = std::string_view(bytes).substr(offset, kRecordBytes);
    if (mistake_ == Mistake::kNoChecksum) {
      return record.substr(0, 8) == Record(number).substr(0, 8);
    }
    return record == Record(number);
  }

  Task<absl::Status> Remove(std::uint64_t generation) {
    const absl::Status status = co_await files_->Remove(LogPath(generation));
    if (absl::IsNotFound(status)) co_return absl::OkStatus();
    co_return status;
  }

  Task<absl::StatusOr<std::string>> ReadAll(std::string path) {
    AURORA_CO_ASSIGN(std::unique_ptr<File> file, co_await files_->Open(path, OpenOptions()));
    AURORA_CO_ASSIGN(const std::uint64_t size, co_await file->Size());
    std::string bytes(size, '\0');
    AURORA_CO_ASSIGN(const std::size_t read, co_await file->Read(0, bytes));
    bytes.resize(read);
    co_return bytes;
  }

  Task<absl::Status> WriteManifest() {
    std::string bytes(16, '\0');
    std::memcpy(bytes.data(), &base_, 8);
    std::memcpy(bytes.data() + 8, &generation_, 8);
    const std::uint64_t checksum = SimulationHash(bytes);
    bytes.append(reinterpret_cast<const char*>(&checksum), 8);
    if (mistake_ != Mistake::kLeftoverReused) {
      // A crash may have left it as a second name of the manifest itself.
      const absl::Status status = co_await files_->Remove("/MANIFEST.new");
      if (!absl::IsNotFound(status)) AURORA_CO_RETURN_IF_ERROR(status);
    }
    OpenOptions create;
    create.mode = OpenMode::kCreate;
    AURORA_CO_ASSIGN(std::unique_ptr<File> file, co_await files_->Open("/MANIFEST.new", create));
    AURORA_CO_RETURN_IF_ERROR(co_await file->Truncate(0));
    AURORA_CO_RETURN_IF_ERROR(co_await file->Write(0, bytes));
    const bool late = mistake_ == Mistake::kRenameBeforeSync;
    if (mistake_ != Mistake::kNoManifestSync && !late) {
      AURORA_CO_RETURN_IF_ERROR(co_await file->Sync());
    }
    AURORA_CO_RETURN_IF_ERROR(co_await files_->Rename("/MANIFEST.new", "/MANIFEST"));
    if (late) AURORA_CO_RETURN_IF_ERROR(co_await file->Sync());
    if (mistake_ != Mistake::kNoDirectorySyncForManifest) {
      AURORA_CO_RETURN_IF_ERROR(co_await files_->SyncDirectory("/"));
    }
    co_return absl::OkStatus();
  }

  FileSystem* const files_;
  const Mistake mistake_;
  std::uint64_t base_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t generation_ = 0;
  std::unique_ptr<File> log_;
};

struct Progress {
  std::uint64_t tried = 0;
  std::uint64_t acknowledged = 0;
};

Task<absl::Status> Workload(FileSystem* files, Mistake mistake, Progress* progress) {
  NumberLog log(files, mistake);
  AURORA_CO_RETURN_IF_ERROR(co_await log.Open());
  for (int roll = 0; roll < 2; ++roll) {
    for (int i = 0; i < 4; ++i) {
      ++progress->tried;
      AURORA_CO_RETURN_IF_ERROR(co_await log.Append());
      ++progress->acknowledged;
      AURORA_CO_RETURN_IF_ERROR(co_await log.Finish());
    }
    AURORA_CO_RETURN_IF_ERROR(co_await log.Roll());
  }
  co_return absl::OkStatus();
}

// OK if what is found lies between what was acknowledged and what was tried, and can go on.
Task<absl::Status> Verify(FileSystem* files, Mistake mistake, Progress progress) {
  NumberLog log(files, mistake);
  AURORA_CO_RETURN_IF_ERROR(co_await log.Open());
  if (log.count() < progress.acknowledged) {
    co_return DataLossError("of ", progress.acknowledged, " acknowledged there are ", log.count());
  }
  if (log.count() > progress.tried) {
    co_return DataLossError("of ", progress.tried, " tried there are ", log.count());
  }
  co_return co_await log.Append();
}

struct Campaign {
  int images = 0;
  int first_crashes = 0;
  std::vector<std::string> failures;
};

struct Plan {
  std::uint64_t seed = 1;
  std::span<const CrashMode> modes = StandardCrashModes();
  // Of the recoveries one in so many is crashed at every point too; 0: none.
  int nested_one_in = 0;
};

// Ends with the first failures unless `mistake` is kNone.
Campaign TryEveryCrash(Mistake mistake, const Plan& plan) {
  Campaign campaign;
  Progress progress;
  Simulation simulation(plan.seed);
  simulation.VisitCrashPoints(plan.modes, [&](const CrashPoint& point) {
    if (mistake != Mistake::kNone && !campaign.failures.empty()) return;
    Simulation after(point.seed, {.image = point.image});
    const Progress then = progress;
    const auto verify = [&](Simulation& recovering, Progress expected, const std::string& crashes) {
      ++campaign.images;
      const absl::Status status = recovering.Run(Verify(&recovering.files(), mistake, expected));
      if (status.ok()) return;
      campaign.failures.push_back(StrCat(crashes, ": ", ToStd(status.message())));
    };
    if (plan.nested_one_in != 0 && campaign.first_crashes++ % plan.nested_one_in == 0) {
      after.VisitCrashPoints(plan.modes, [&](const CrashPoint& second) {
        // What was appended by the verification is one more that may be there.
        const Progress later{.tried = then.tried + 1, .acknowledged = then.acknowledged};
        Simulation last(second.seed, {.image = second.image});
        verify(last, later, StrCat(Describe(point), "; then ", Describe(second)));
      });
    }
    verify(after, then, Describe(point));
  });
  const absl::Status status = simulation.Run(Workload(&simulation.files(), mistake, &progress));
  EXPECT_TRUE(status.ok()) << status;
  return campaign;
}

TEST(CrashPointsTest, ACarefulLogSurvivesEveryCrash) {
  for (std::uint64_t seed = 0; seed < (kSlow ? 1 : 3); ++seed) {
    const Campaign campaign = TryEveryCrash(Mistake::kNone, {.seed = seed});
    EXPECT_GT(campaign.images, 300);
    EXPECT_EQ(campaign.failures, std::vector<std::string>());
  }
}

TEST(CrashPointsTest, ACarefulLogSurvivesEveryCrashOfItsRecovery) {
  const Campaign campaign = TryEveryCrash(Mistake::kNone, {.nested_one_in = kSlow ? 199 : 19});
  EXPECT_GT(campaign.images, kSlow ? 500 : 2'000);
  EXPECT_EQ(campaign.failures, std::vector<std::string>());
}

TEST(CrashPointsTest, EveryMistakeIsCaught) {
  for (const Mistake mistake : kMistakes) {
    const Campaign campaign = TryEveryCrash(mistake, {});
    EXPECT_FALSE(campaign.failures.empty()) << "mistake " << static_cast<int>(mistake);
  }
}

TEST(CrashPointsTest, AMistakeThatTakesTwoCrashesIsCaught) {
  static constexpr CrashMode kModes[] = {{.writes = CrashMode::Writes::kSectors}};
  EXPECT_TRUE(TryEveryCrash(Mistake::kLeftoverReused, {}).failures.empty());
  bool caught = false;
  for (std::uint64_t seed = 0; seed < 10 && !caught; ++seed) {
    const Plan plan{.seed = seed, .modes = kModes, .nested_one_in = 1};
    caught = !TryEveryCrash(Mistake::kLeftoverReused, plan).failures.empty();
  }
  EXPECT_TRUE(caught);
}

TEST(CrashPointsTest, ASecondRunFindsTheSame) {
  const std::vector<std::string> failures = TryEveryCrash(Mistake::kNoLogSync, {}).failures;
  EXPECT_FALSE(failures.empty());
  EXPECT_EQ(TryEveryCrash(Mistake::kNoLogSync, {}).failures, failures);
}

// The loop over failing operations.

TEST(CrashPointsTest, AnErrorInAnyOperationLosesNothingThatWasAcknowledged) {
  bool failed = true;
  std::uint64_t first = 1;
  for (; failed; ++first) {
    for (const std::uint64_t count : {std::uint64_t{1}, FaultRule::kForEver}) {
      Simulation simulation(first);
      const std::size_t rule = simulation.faults().Add(
          {.fault = Fault::Error(first % 2 == 0 ? 5 : 28), .first = first, .count = count});
      Progress progress;
      const absl::Status status =
          simulation.Run(Workload(&simulation.files(), Mistake::kNone, &progress));
      failed = simulation.faults().struck(rule) > 0;
      EXPECT_EQ(status.ok(), !failed) << status;
      simulation.faults().Clear();
      simulation.CrashMachine({.writes = CrashMode::Writes::kTorn});
      ASSERT_TRUE(simulation.Restart().ok());
      const absl::Status verified =
          simulation.Run(Verify(&simulation.files(), Mistake::kNone, progress));
      EXPECT_TRUE(verified.ok()) << "operation " << first << ": " << verified;
    }
  }
  EXPECT_GT(first, 40u);
}

}  // namespace
}  // namespace aurora
