// What verifying and salvaging make of a closed store that was damaged: every kind of file, single
// bytes, ends cut off, files gone, a device that cannot read.
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/directory_survey.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/log_survey.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/store_salvage.h"
#include "aurora/lsm/store_verifier.h"
#include "aurora/lsm/table_format.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr KeyspaceId kKeyspaces[] = {0, 2};

// Everything that was ever committed: of each stored key its versions, by sequence.
struct History {
  std::map<std::string, std::map<Sequence, std::optional<std::string>>> versions;
};

std::string NumberedKey(std::uint64_t number) { return StrCat("key", number + 100); }

Task<absl::Status> DeleteRange(KvStore* store, SeededRandom* random, History* history) {
  const KeyspaceId keyspace = kKeyspaces[random->Below(2)];
  const std::uint64_t begin = random->Below(60);
  const std::string first = NumberedKey(begin);
  const std::string end = NumberedKey(begin + 1 + random->Below(20));
  WriteBatch batch;
  batch.DeleteRange(first, end, keyspace);
  AURORA_CO_ASSIGN(const CommitResult result, co_await store->Write(batch));
  // Of this key there is an entry where a table has no other (table_builder.cc).
  history->versions[MakeStoredKey(keyspace, first)][result.sequence] = std::nullopt;
  const auto last = history->versions.lower_bound(MakeStoredKey(keyspace, end));
  for (auto it = history->versions.lower_bound(MakeStoredKey(keyspace, first)); it != last; ++it) {
    it->second[result.sequence] = std::nullopt;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> CommitOne(KvStore* store, SeededRandom* random, History* history) {
  if (random->Below(12) == 0) co_return co_await DeleteRange(store, random, history);
  std::map<std::pair<KeyspaceId, std::string>, std::optional<std::string>> changes;
  for (std::uint64_t i = 0, n = 1 + random->Below(4); i < n; ++i) {
    const KeyspaceId keyspace = kKeyspaces[random->Below(2)];
    std::optional<std::string>& value = changes[{keyspace, NumberedKey(random->Below(60))}];
    value.reset();
    if (random->Below(4) > 0) value = StrCat(random->Next64(), std::string(random->Below(90), 'x'));
  }
  WriteBatch batch;
  for (const auto& [key, value] : changes) {
    if (value.has_value()) batch.Put(key.second, *value, key.first);
    if (!value.has_value()) batch.Delete(key.second, key.first);
  }
  AURORA_CO_ASSIGN(const CommitResult result, co_await store->Write(batch));
  for (const auto& [key, value] : changes) {
    history->versions[MakeStoredKey(key.first, key.second)][result.sequence] = value;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Live(Environment* environment, Durability durability, SeededRandom* random,
                        History* history) {
  for (int life = 0; life < 3; ++life) {
    const StoreOptions options = SmallStoreOptions("/db", durability);
    AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                     co_await KvStore::Open(*environment, options));
    absl::Status status;
    for (int round = 0; round < 4 && status.ok(); ++round) {
      for (int i = 0; i < 12 && status.ok(); ++i) {
        status = co_await CommitOne(store.get(), random, history);
      }
      if (status.ok() && round < 3) status = co_await store->store().Flush();
      if (status.ok() && life == 1 && round == 1) status = co_await store->store().Compact();
    }
    const absl::Status closed = co_await store->Close();
    AURORA_CO_RETURN_IF_ERROR(status);
    AURORA_CO_RETURN_IF_ERROR(closed);
  }
  co_return absl::OkStatus();
}

// A closed store, and what is known of it.
struct Closed {
  std::uint64_t seed = 0;
  History history;
  DiskImage image;
  std::map<std::string, std::uint64_t> sizes;
};

Closed MakeClosed(std::uint64_t seed, Durability durability) {
  Closed closed;
  closed.seed = seed;
  SeededRandom random(seed);
  Simulation simulation(seed);
  const absl::Status lived =
      simulation.Run(Live(&simulation.environment(), durability, &random, &closed.history));
  AURORA_CHECK(lived.ok());
  closed.image = simulation.disk().image();
  for (const std::string& path : closed.image.Files()) {
    closed.sizes[path] = closed.image.ReadFile(path)->size();
  }
  return closed;
}

SimulationOptions At(const DiskImage& image) {
  SimulationOptions options;
  options.image = image;
  options.latency = LatencyModel::None();
  return options;
}

absl::StatusOr<VerifyReport> Verify(Simulation* simulation) {
  const std::uint64_t before = simulation->disk().image().Hash();
  absl::StatusOr<VerifyReport> report =
      simulation->Run(VerifyStore(&simulation->environment(), "/db", {}));
  if (simulation->disk().image().Hash() != before) return InternalError("verifying changed a file");
  return report;
}

// The newest version that a salvage gives of each key.
using Salvaged = std::map<std::string, std::pair<Sequence, std::optional<std::string>>>;

struct Salvage {
  Salvaged newest;
  SalvageReport report;
  absl::Status invented;  // something that was never committed
};

void Take(const History& history, std::string key, Sequence sequence,
          std::optional<std::string> value, Salvage* salvage) {
  const auto versions = history.versions.find(key);
  const bool known = versions != history.versions.end() && versions->second.contains(sequence) &&
                     versions->second.at(sequence) == value;
  if (!known) salvage->invented = InternalError("commit ", sequence, " never wrote that of ", key);
  auto& newest = salvage->newest[std::move(key)];
  if (newest.first <= sequence) newest = {sequence, std::move(value)};
}

void TakeRangeDelete(const History& history, const Mutation& mutation, Sequence sequence,
                     Salvage* salvage) {
  const std::string begin = MakeStoredKey(mutation.keyspace, mutation.key);
  const std::string end = MakeStoredKey(mutation.keyspace, mutation.value);
  const auto last = history.versions.lower_bound(end);
  for (auto it = history.versions.lower_bound(begin); it != last; ++it) {
    // What is written for the first time later was not deleted.
    if (it->second.begin()->first < sequence) {
      Take(history, it->first, sequence, std::nullopt, salvage);
    }
  }
}

Task<absl::StatusOr<Salvage>> RunSalvage(Environment* environment, const History* history) {
  AURORA_CO_ASSIGN(const std::unique_ptr<StoreSalvage> source,
                   co_await StoreSalvage::Open(environment, "/db", {}));
  Salvage salvage;
  LogRecordCallback replay = [&](const LogRecord& record) {
    std::vector<Mutation> mutations;
    AURORA_RETURN_IF_ERROR(DecodeBatch(record.payload, &mutations));
    for (const Mutation& mutation : mutations) {
      if (mutation.kind == EntryKind::kDeleteRange) {
        TakeRangeDelete(*history, mutation, record.sequence, &salvage);
        continue;
      }
      std::optional<std::string> value;
      if (mutation.kind == EntryKind::kPut) value = std::string(mutation.value);
      Take(*history, MakeStoredKey(mutation.keyspace, mutation.key), record.sequence,
           std::move(value), &salvage);
    }
    return absl::OkStatus();
  };
  AURORA_CO_RETURN_IF_ERROR(co_await source->ReadLog(&replay));
  for (;;) {
    AURORA_CO_ASSIGN(const bool more, co_await source->Next());
    if (!more) break;
    const EntryRef entry = source->entry();
    std::optional<std::string> value;
    if (entry.key.version.kind() == EntryKind::kPut) value = std::string(entry.value);
    Take(*history, std::string(entry.key.key), entry.key.version.sequence(), std::move(value),
         &salvage);
  }
  for (auto& [key, newest] : salvage.newest) {
    const Sequence below = source->DeletedBelow(key);
    if (newest.first < below) newest = {below, std::nullopt};
  }
  salvage.report = source->report();
  co_return salvage;
}

bool IsReported(const SalvageReport& report, const std::string& key, Sequence sequence) {
  if (report.tables_uncertain) return true;
  for (const LostVersions& lost : report.lost_versions) {
    const bool in_keys =
        lost.keys.first <= key && (!lost.keys.last.has_value() || key <= *lost.keys.last);
    if (in_keys && lost.smallest_sequence <= sequence && sequence <= lost.largest_sequence) {
      return true;
    }
  }
  for (const LostCommits& lost : report.lost_commits) {
    if (lost.after < sequence && (!lost.before.has_value() || sequence < *lost.before)) return true;
  }
  return false;
}

// Every key has its last version, unless the report says that it may not.
absl::Status CheckSalvage(const History& history, const Salvage& salvage) {
  AURORA_RETURN_IF_ERROR(salvage.invented);
  for (const auto& [key, versions] : history.versions) {
    const auto& [sequence, value] = *versions.rbegin();
    const auto found = salvage.newest.find(key);
    const bool there = found != salvage.newest.end();
    if (there && found->second.first == sequence) continue;
    // Compaction drops what was deleted.
    if (!there && !value.has_value()) continue;
    if (IsReported(salvage.report, key, sequence)) continue;
    return InternalError("key ", Quoted(key), " is as of commit ", there ? found->second.first : 0,
                         " instead of ", sequence, ", and nothing is reported");
  }
  return absl::OkStatus();
}

// What a salvage must come to.
enum class Expected {
  kHonest,  // all that is not the last version is reported
  kExact,   // everything is the last version, whatever is reported
  kWhole,   // the same, and nothing is reported as lost
};

absl::Status SalvageAndCheck(const Closed& closed, const DiskImage& image, Expected expected) {
  Simulation simulation(closed.seed, At(image));
  absl::StatusOr<Salvage> salvage =
      simulation.Run(RunSalvage(&simulation.environment(), &closed.history));
  AURORA_RETURN_IF_ERROR(salvage.status());
  if (expected == Expected::kWhole && salvage->report.has_losses()) {
    return InternalError("something is reported as lost that is not");
  }
  if (expected != Expected::kHonest) salvage->report = SalvageReport();
  return CheckSalvage(closed.history, *salvage);
}

absl::StatusOr<SalvageReport> ReportOf(const Closed& closed, const DiskImage& image) {
  Simulation simulation(closed.seed, At(image));
  AURORA_ASSIGN_OR_RETURN(Salvage salvage,
                          simulation.Run(RunSalvage(&simulation.environment(), &closed.history)));
  return std::move(salvage.report);
}

// The parts of the log that mean something: where a flipped bit must be told.
Task<absl::StatusOr<std::map<std::string, std::vector<FileRange>>>> CoveredByLog(
    FileSystem* files) {
  std::map<std::string, std::vector<FileRange>> covered;
  AURORA_CO_ASSIGN(const DirectorySurvey directory, co_await SurveyDirectory(files, "/db"));
  LogSurveyOptions options;
  options.directory = directory.LogDirectory();
  const ManifestState& state = directory.manifest_in_force()->state;
  options.first_segment = static_cast<std::uint32_t>(state.log_start_segment);
  AURORA_CO_ASSIGN(const LogSurvey log, co_await SurveyLog(files, options, nullptr));
  for (const LogSurvey::Segment& segment : log.segments) {
    if (segment.role != LogSurvey::Segment::Role::kLog) continue;
    const std::string path = JoinPath("/db/log", SegmentFileName(segment.number));
    covered[path].push_back({0, kSegmentHeaderBytes});
    std::vector<LogIdentity> none;
    AURORA_CO_ASSIGN(const std::unique_ptr<SegmentSurvey> survey,
                     co_await SegmentSurvey::Open(files, path, segment.number, none));
    while (survey->Next(segment.limit)) {
      const SegmentSurvey::Item& item = survey->item();
      covered[path].push_back(
          {item.where.offset, kFrameHeaderBytes + item.frame.header.payload_bytes});
    }
  }
  co_return covered;
}

class StoreDamageTest : public ::testing::TestWithParam<Durability> {
 protected:
  void SetUp() override {
    const std::uint64_t seed = TestSeed();
    random_.emplace(seed);
    closed_ = MakeClosed(seed, GetParam());
    Simulation simulation(seed, At(closed_.image));
    auto covered = simulation.Run(CoveredByLog(&simulation.environment().files()));
    ASSERT_TRUE(covered.ok()) << covered.status();
    covered_ = *std::move(covered);
    // Where the log is read from: what is before has been released.
    const auto whole = Verify(&simulation);
    ASSERT_TRUE(whole.ok()) << whole.status();
    for (const Finding& finding : whole->findings) {
      EXPECT_EQ(finding.kind, Finding::Kind::kNote) << finding.file << ": " << finding.what;
      dropped_.insert(JoinPath("/db", finding.file));
    }
    EXPECT_TRUE(whole->clean_close);
    EXPECT_GT(whole->table_count, 0u);
  }

  bool IsCovered(const std::string& path, std::uint64_t offset) const {
    if (path.ends_with("/LOCK") || path.ends_with("/RESERVE")) return false;
    if (dropped_.contains(path)) return false;
    if (!path.starts_with("/db/log/")) return true;
    const auto ranges = covered_.find(path);
    if (ranges == covered_.end()) return false;
    for (const FileRange& range : ranges->second) {
      if (offset >= range.offset && offset < range.end()) return true;
    }
    return false;
  }

  // What the manifest names no more may still be there, and then it is taken for a table where no
  // manifest says otherwise.
  Expected WithoutManifest() const {
    return dropped_.empty() ? Expected::kExact : Expected::kHonest;
  }

  void Expect(const DiskImage& image, const std::string& what, bool found, Expected expected) {
    Simulation simulation(closed_.seed, At(image));
    const absl::StatusOr<VerifyReport> report = Verify(&simulation);
    ASSERT_TRUE(report.ok()) << what << ": " << report.status();
    const std::uint64_t told =
        report->CountOf(Finding::Kind::kDamage) + report->CountOf(Finding::Kind::kDoubt);
    if (found) {
      EXPECT_GT(told, 0u) << what;
    }
    const absl::Status salvaged = SalvageAndCheck(closed_, image, expected);
    EXPECT_TRUE(salvaged.ok()) << what << ": " << salvaged;
  }

  bool LosesSomething(const DiskImage& image) const {
    const absl::StatusOr<SalvageReport> report = ReportOf(closed_, image);
    return report.ok() && report->has_losses();
  }

  std::optional<SeededRandom> random_;
  Closed closed_;
  std::map<std::string, std::vector<FileRange>> covered_;
  std::set<std::string> dropped_;  // files that lie there and belong to nothing any more
};

TEST_P(StoreDamageTest, AWholeStoreIsSalvagedWhole) {
  const absl::Status status = SalvageAndCheck(closed_, closed_.image, Expected::kWhole);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(StoreDamageTest, AFlippedBitIsToldAndLosesNothingUntold) {
  for (const auto& [path, size] : closed_.sizes) {
    if (size == 0) continue;
    for (int i = 0; i < 30; ++i) {
      std::uint64_t offset = random_->Below(size);
      // Most of a segment means nothing.
      if (const auto ranges = covered_.find(path); ranges != covered_.end() && i % 4 != 0) {
        const FileRange range = ranges->second[random_->Below(ranges->second.size())];
        offset = range.offset + random_->Below(range.bytes);
      }
      const int bit = static_cast<int>(random_->Below(8));
      DiskImage image = closed_.image;
      ASSERT_TRUE(image.FlipBit(path, offset, bit).ok());
      const bool in_manifest = path.find("MANIFEST") != std::string::npos;
      Expect(image, StrCat("bit ", bit, " of byte ", offset, " of ", path), IsCovered(path, offset),
             in_manifest ? WithoutManifest() : Expected::kHonest);
    }
  }
}

TEST_P(StoreDamageTest, ATableThatHasLostOnlyWhatIsAroundItsDataIsSalvagedWhole) {
  std::uint64_t parts = 0;
  for (const auto& [path, size] : closed_.sizes) {
    if (!path.ends_with(".table") || dropped_.contains(path)) continue;
    const std::string bytes = *closed_.image.ReadFile(path);
    const absl::StatusOr<TableFooter> footer =
        ParseAnyFooter(std::string_view(bytes).substr(size - kTableFooterBytes), size);
    ASSERT_TRUE(footer.ok());
    const bool has_filter = footer->filter.stored_bytes > 0;
    const std::uint64_t filter = has_filter ? footer->filter.offset : footer->index.offset;
    const std::uint64_t footer_begin = size - kTableFooterBytes;
    const std::uint64_t deletes = footer->range_deletes.offset;
    if (footer->range_deletes.stored_bytes > 0) {
      // With its footer or its index gone they are found all the same; damaged they are lost.
      DiskImage image = closed_.image;
      ASSERT_TRUE(image.FlipBit(path, deletes, 1).ok());
      Expect(image, StrCat("range deletes of ", path), true, Expected::kHonest);
      EXPECT_TRUE(LosesSomething(image)) << path;
    }
    const std::vector<std::vector<std::uint64_t>> places = {
        {filter},
        {footer->index.offset},
        {footer->properties.offset},
        {footer_begin},
        // Both of those that say where the blocks are.
        {footer->index.offset, footer_begin},
        // The first part of an index in parts, alone, and with what else says where the blocks are.
        {footer->filter.end()},
        {footer->filter.end(), footer_begin},
        {footer->filter.end(), footer->index.offset, footer_begin}};
    parts += footer->index_part_count;
    for (const std::vector<std::uint64_t>& offsets : places) {
      DiskImage image = closed_.image;
      for (const std::uint64_t offset : offsets) ASSERT_TRUE(image.FlipBit(path, offset, 1).ok());
      Expect(image, StrCat("byte ", offsets.front(), " of ", path), true, Expected::kWhole);
    }
  }
  EXPECT_GT(parts, 2u);
}

TEST_P(StoreDamageTest, AMissingFileIsToldAndLosesNothingUntold) {
  for (const auto& [path, size] : closed_.sizes) {
    DiskImage image = closed_.image;
    ASSERT_TRUE(image.RemoveFile(path).ok());
    const bool table = path.ends_with(".table") && !dropped_.contains(path);
    Expect(image, StrCat(path, " is gone"), table || covered_.contains(path), Expected::kHonest);
  }
}

TEST_P(StoreDamageTest, WithoutManifestOrRootTheTablesAndTheLogAreStillThere) {
  for (const char* const name : {"/db/MANIFEST-", "/db/ROOT-", "/db/"}) {
    DiskImage image = closed_.image;
    for (const auto& [path, size] : closed_.sizes) {
      const bool gone =
          path.find("MANIFEST") != std::string::npos || path.find("ROOT") != std::string::npos;
      if (gone && path.starts_with(name)) ASSERT_TRUE(image.RemoveFile(path).ok());
    }
    Expect(image, StrCat(name, " is gone"), true, WithoutManifest());
  }
}

TEST_P(StoreDamageTest, AFileThatEndsEarlyIsToldAndLosesNothingUntold) {
  for (const auto& [path, size] : closed_.sizes) {
    if (size == 0) continue;
    for (int i = 0; i < 3; ++i) {
      const std::uint64_t kept = random_->Below(size);
      DiskImage image = closed_.image;
      const std::string bytes = *image.ReadFile(path);
      ASSERT_TRUE(image.WriteFile(path, bytes.substr(0, kept)).ok());
      const bool matters = path.ends_with(".table") && !dropped_.contains(path);
      Expect(image, StrCat(path, " is cut to ", kept), matters, Expected::kHonest);
    }
  }
}

TEST_P(StoreDamageTest, WhatTheDeviceCannotReadIsLostAndTheRestIsNot) {
  for (const auto& [path, size] : closed_.sizes) {
    if (!path.ends_with(".table")) continue;
    Simulation simulation(closed_.seed, At(closed_.image));
    FaultRule rule;
    rule.fault = Fault::Error(EIO);
    rule.kinds = {OperationKind::kRead};
    rule.path = path;
    rule.count = FaultRule::kForEver;
    rule.one_in = 3;
    simulation.faults().Add(rule);
    const absl::StatusOr<Salvage> salvage =
        simulation.Run(RunSalvage(&simulation.environment(), &closed_.history));
    ASSERT_TRUE(salvage.ok()) << salvage.status();
    EXPECT_TRUE(salvage->invented.ok()) << salvage->invented;
  }
}

INSTANTIATE_TEST_SUITE_P(Durabilities, StoreDamageTest,
                         ::testing::Values(Durability::kSync, Durability::kProcess));

}  // namespace
}  // namespace aurora::lsm
