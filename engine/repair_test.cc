#include "aurora/engine/repair.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aurora/engine/database.h"
#include "aurora/engine/document/json.h"
#include "aurora/engine/verify.h"
#include "aurora/lsm/log_survey.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

std::shared_ptr<Environment> EnvironmentOf(Simulation& simulation) {
  return std::shared_ptr<Environment>(std::shared_ptr<void>(), &simulation.environment());
}

Database OpenIn(Simulation& simulation, const std::string& path) {
  Options options;
  options.memory_bytes = 8u << 20;
  options.environment = EnvironmentOf(simulation);
  absl::StatusOr<Database> opened = simulation.Run(Database::Open(path, options));
  EXPECT_TRUE(opened.ok()) << opened.status();
  return *std::move(opened);
}

Schema Things() { return Schema().String("sku", kUnique).String("city", kIndexed).Int64("n"); }

absl::StatusOr<RepairReport> Repair(Simulation& simulation, const std::string& target,
                                    bool dry_run = false) {
  RepairOptions options;
  options.environment = EnvironmentOf(simulation);
  options.dry_run = dry_run;
  return simulation.Run(RepairDatabase("/db", target, options));
}

std::uint64_t Damages(Simulation& simulation, const std::string& path) {
  const absl::StatusOr<VerifyReport> report =
      simulation.Run(VerifyDatabase(path, {}, EnvironmentOf(simulation)));
  EXPECT_TRUE(report.ok()) << report.status();
  if (!report.ok()) return 1;
  return report->CountOf(VerifyFinding::Kind::kDamage) +
         report->CountOf(VerifyFinding::Kind::kDoubt);
}

// The documents of the collection, by id.
using Contents = std::map<std::string, std::string>;

Contents Read(Simulation& simulation, Database& database) {
  Contents contents;
  const auto all = simulation.Run(database.Query("things").Collect());
  EXPECT_TRUE(all.ok()) << all.status();
  for (const Document& document : *all) {
    contents[document.view().id().ToString()] = ToJson(document.view().fields());
  }
  return contents;
}

// Indices and ids say the same as the documents.
void CheckIndices(Simulation& simulation, Database& database, const Contents& contents) {
  std::map<std::string, std::uint64_t> cities;
  std::set<std::string> skus;
  const auto all = simulation.Run(database.Query("things").Collect());
  ASSERT_TRUE(all.ok()) << all.status();
  for (const Document& document : *all) {
    const std::string sku(document.view().Get("sku").AsString());
    ++cities[std::string(document.view().Get("city").AsString())];
    EXPECT_TRUE(skus.insert(sku).second) << sku << " twice";
    const auto by_sku =
        simulation.Run(database.Query("things").Where(Field("sku") == sku).Collect());
    ASSERT_TRUE(by_sku.ok());
    ASSERT_EQ(by_sku->size(), 1u) << sku;
    EXPECT_EQ((*by_sku)[0].view().id(), document.view().id());
    const auto by_id = simulation.Run(database.Get("things", document.view().id()));
    ASSERT_TRUE(by_id.ok() && by_id->has_value()) << document.view().id().ToString();
  }
  for (const char* const city : {"Bern", "Basel", "Chur"}) {
    const auto count =
        simulation.Run(database.Query("things").Where(Field("city") == city).Count());
    ASSERT_TRUE(count.ok());
    EXPECT_EQ(*count, cities[city]) << city;
  }
  EXPECT_EQ(contents.size(), skus.size());
}

Object Thing(SeededRandom& random, int sku) {
  constexpr const char* kCities[] = {"Bern", "Basel", "Chur"};
  return {{"sku", StrCat("S-", sku)},
          {"city", kCities[random.Below(3)]},
          {"n", static_cast<std::int64_t>(random.Next64() >> 1)}};
}

// How the last process that had the database ended.
enum class End { kClosed, kKilled };

// A database that nobody has open, and every document that was ever committed in it.
struct Closed {
  End end = End::kClosed;
  DiskImage image;
  Contents last;
  std::map<std::string, std::set<std::string>> ever;
};

void Remember(Simulation& simulation, Database& database, Closed* closed) {
  closed->last = Read(simulation, database);
  for (const auto& [id, json] : closed->last) closed->ever[id].insert(json);
}

Closed MakeClosed(std::uint64_t seed, End end = End::kClosed) {
  Closed closed;
  closed.end = end;
  SeededRandom random(seed);
  Simulation simulation(seed);
  int sku = 0;
  std::vector<DocumentId> ids;
  for (int life = 0; life < 2; ++life) {
    Database database = OpenIn(simulation, "/db");
    EXPECT_TRUE(simulation.Run(database.CreateCollection("things", Things())).ok());
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 12; ++i) {
        Object thing = Thing(random, sku++);
        if (i % 3 == 0) thing.Set("_id", Value(StrCat("own-", sku)));
        const auto id = simulation.Run(database.Insert("things", std::move(thing)));
        EXPECT_TRUE(id.ok()) << id.status();
        ids.push_back(*id);
      }
      Remember(simulation, database, &closed);
      for (int i = 0; i < 5; ++i) {
        const DocumentId& id = ids[random.Below(ids.size())];
        const Object change{{"city", "Chur"}, {"sku", StrCat("S-", sku++)}};
        const absl::Status changed = simulation.Run(database.Update("things", id, change));
        EXPECT_TRUE(changed.ok() || absl::IsNotFound(changed)) << changed;
        EXPECT_TRUE(simulation.Run(database.Delete("things", ids[random.Below(ids.size())])).ok());
        Remember(simulation, database, &closed);
      }
      if (round == 1 || round == 3) EXPECT_TRUE(simulation.Run(database.Flush()).ok());
    }
    if (life == 0) EXPECT_TRUE(simulation.Run(database.Compact()).ok());
    const bool killed = life == 1 && end == End::kKilled;
    if (killed) simulation.CrashProcess();
    EXPECT_EQ(simulation.Run(database.Close()).ok(), !killed);
    simulation.RunUntilIdle();
  }
  closed.image = simulation.disk().image();
  return closed;
}

SimulationOptions At(DiskImage image) {
  SimulationOptions options;
  options.image = std::move(image);
  options.latency = LatencyModel::None();
  return options;
}

// Repairs what is on the disk, and looks at the result.
void RepairAndCheck(const Closed& closed, DiskImage image, const std::string& what) {
  SCOPED_TRACE(what);
  Simulation simulation(1, At(std::move(image)));
  const absl::StatusOr<RepairReport> report = Repair(simulation, "/saved");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(Damages(simulation, "/saved"), 0u);
  if (report->collections.empty()) {
    EXPECT_TRUE(report->has_losses());
    return;
  }
  Database database = OpenIn(simulation, "/saved");
  const Contents saved = Read(simulation, database);
  for (const auto& [id, json] : saved) {
    const auto known = closed.ever.find(id);
    EXPECT_TRUE(known != closed.ever.end() && known->second.contains(json)) << id << ": " << json;
  }
  // The end of a log that was not closed may be torn, and then looks like a commit that never was.
  const bool in_doubt = std::any_of(
      report->salvage.findings.begin(), report->salvage.findings.end(),
      [](const lsm::Finding& finding) { return finding.kind == lsm::Finding::Kind::kDoubt; });
  if (!report->has_losses() && !(in_doubt && closed.end == End::kKilled)) {
    EXPECT_EQ(saved, closed.last);
  }
  EXPECT_EQ(report->collections[0].documents, saved.size());
  CheckIndices(simulation, database, saved);
  SeededRandom random(7);
  EXPECT_TRUE(simulation.Run(database.Insert("things", Thing(random, 1'000'000))).ok());
  EXPECT_TRUE(simulation.Run(database.Close()).ok());
}

TEST(RepairTest, ADryRunSaysTheSameAndChangesNothing) {
  const Closed closed = MakeClosed(TestSeed());
  Simulation simulation(1, At(closed.image));
  const std::uint64_t before = simulation.disk().image().Hash();
  const absl::StatusOr<RepairReport> dry = Repair(simulation, "", /*dry_run=*/true);
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(simulation.disk().image().Hash(), before);
  EXPECT_FALSE(dry->has_losses());
  EXPECT_EQ(dry->collections[0].documents, closed.last.size());
  RepairAndCheck(closed, closed.image, "whole");
}

class RepairEndTest : public testing::TestWithParam<End> {};
INSTANTIATE_TEST_SUITE_P(Ends, RepairEndTest, testing::Values(End::kClosed, End::kKilled));

TEST_P(RepairEndTest, AWholeDatabaseIsCopiedWhole) {
  const Closed closed = MakeClosed(TestSeed(), GetParam());
  Simulation simulation(1, At(closed.image));
  const absl::StatusOr<RepairReport> report = Repair(simulation, "/saved");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_FALSE(report->has_losses());
  Database database = OpenIn(simulation, "/saved");
  EXPECT_EQ(Read(simulation, database), closed.last);
  EXPECT_TRUE(simulation.Run(database.Close()).ok());
}

TEST_P(RepairEndTest, WhateverByteIsDamagedTheResultIsHonest) {
  const std::uint64_t seed = TestSeed();
  const Closed closed = MakeClosed(seed, GetParam());
  SeededRandom random(seed);
  for (const std::string& path : closed.image.Files()) {
    const std::uint64_t size = closed.image.ReadFile(path)->size();
    for (int i = 0; size > 0 && i < 4; ++i) {
      // Most of a segment is empty.
      const bool log = path.find("/log/") != std::string::npos;
      const std::uint64_t offset =
          random.Below(log && i > 0 ? std::min<std::uint64_t>(size, 60'000) : size);
      DiskImage image = closed.image;
      ASSERT_TRUE(image.FlipBit(path, offset, static_cast<int>(random.Below(8))).ok());
      RepairAndCheck(closed, std::move(image), StrCat("byte ", offset, " of ", path));
    }
    DiskImage image = closed.image;
    ASSERT_TRUE(image.RemoveFile(path).ok());
    RepairAndCheck(closed, std::move(image), StrCat(path, " is gone"));
  }
}

// Damages the frame of the n-th record of the log.
void DamageRecord(Simulation& simulation, std::uint64_t number) {
  const std::string path = "/db/log/0000000001.log";
  auto survey =
      simulation.Run(lsm::SegmentSurvey::Open(&simulation.environment().files(), path, 1, {}));
  ASSERT_TRUE(survey.ok()) << survey.status();
  std::uint64_t seen = 0;
  while ((*survey)->Next(0)) {
    const lsm::SegmentSurvey::Item& item = (*survey)->item();
    if (item.frame.header.kind != lsm::FrameKind::kRecord || ++seen != number) continue;
    const std::uint64_t offset = item.where.offset + lsm::kFrameHeaderBytes;
    survey->reset();
    ASSERT_TRUE(simulation.disk().image().FlipBit(path, offset, 3).ok());
    return;
  }
  FAIL() << "there is no record " << number;
}

TEST(RepairTest, ADocumentWhoseUniqueValueWasGivenAwayIsLeftOut) {
  Simulation simulation(TestSeed());
  Database database = OpenIn(simulation, "/db");
  ASSERT_TRUE(simulation.Run(database.CreateCollection("things", Things())).ok());  // record 1
  ASSERT_TRUE(simulation.Run(database.Insert("things", {{"_id", "a"}, {"sku", "X"}})).ok());
  ASSERT_TRUE(simulation.Run(database.Update("things", "a", {{"sku", "Y"}})).ok());
  ASSERT_TRUE(simulation.Run(database.Insert("things", {{"_id", "b"}, {"sku", "X"}})).ok());
  ASSERT_TRUE(simulation.Run(database.Close()).ok());
  DamageRecord(simulation, 3);
  EXPECT_GT(Damages(simulation, "/db"), 0u);
  const absl::StatusOr<RepairReport> report = Repair(simulation, "/saved");
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->salvage.lost_commits.size(), 1u);
  EXPECT_EQ(*report->salvage.lost_commits[0].before, report->salvage.lost_commits[0].after + 2);
  ASSERT_EQ(report->set_aside.size(), 1u);
  EXPECT_EQ(report->set_aside[0].id, "a");
  database = OpenIn(simulation, "/saved");
  const Contents saved = Read(simulation, database);
  EXPECT_EQ(saved.size(), 1u);
  EXPECT_TRUE(saved.contains("b"));
  EXPECT_TRUE(simulation.Run(database.Close()).ok());
}

TEST(RepairTest, OfTwoDocumentsOfOneIdTheNewerIsKept) {
  Simulation simulation(TestSeed());
  Database database = OpenIn(simulation, "/db");
  ASSERT_TRUE(simulation.Run(database.CreateCollection("things", Things())).ok());
  ASSERT_TRUE(simulation.Run(database.Insert("things", {{"_id", "a"}, {"n", 1}})).ok());
  ASSERT_TRUE(simulation.Run(database.Delete("things", "a")).ok());
  ASSERT_TRUE(simulation.Run(database.Insert("things", {{"_id", "a"}, {"n", 2}})).ok());
  ASSERT_TRUE(simulation.Run(database.Close()).ok());
  DamageRecord(simulation, 3);
  const absl::StatusOr<RepairReport> report = Repair(simulation, "/saved");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->set_aside_count, 1u);
  database = OpenIn(simulation, "/saved");
  const auto found = simulation.Run(database.Get("things", "a"));
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->view().Get("n").AsInt64(), 2);
  EXPECT_TRUE(simulation.Run(database.Close()).ok());
}

TEST(RepairTest, RefusesAnOpenDatabaseAndATargetThatIsThere) {
  Simulation simulation(TestSeed());
  Database database = OpenIn(simulation, "/db");
  EXPECT_TRUE(absl::IsFailedPrecondition(Repair(simulation, "/saved").status()));
  EXPECT_TRUE(simulation.Run(database.Close()).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Repair(simulation, "/db").status()));
  RepairOptions options;
  options.environment = EnvironmentOf(simulation);
  EXPECT_TRUE(
      absl::IsNotFound(simulation.Run(RepairDatabase("/nowhere", "/saved", options)).status()));
}

TEST(RepairTest, AFullDiskLeavesNoTarget) {
  const Closed closed = MakeClosed(TestSeed());
  for (const std::uint64_t first : {1u, 3u, 8u, 15u}) {
    Simulation simulation(1, At(closed.image));
    FaultRule rule;
    rule.fault = Fault::Error(ENOSPC);
    rule.kinds = {OperationKind::kCreate, OperationKind::kWrite, OperationKind::kWriteDurably,
                  OperationKind::kAllocate};
    rule.path = "/saved*";
    rule.first = first;
    rule.count = FaultRule::kForEver;
    simulation.faults().Add(rule);
    const absl::StatusOr<RepairReport> report = Repair(simulation, "/saved");
    if (report.ok()) continue;  // it needed no more
    const auto there = simulation.Run(simulation.environment().files().Stat("/saved"));
    EXPECT_TRUE(absl::IsNotFound(there.status())) << first;
  }
}

// What was there before the repair is there still, byte by byte.
void ExpectSourceUntouched(const Closed& closed, const DiskImage& after) {
  for (const std::string& path : closed.image.Files()) {
    if (path.ends_with("/LOCK")) continue;  // says who holds it
    // Never synced: the loss of power may take its end, whoever reads the database then.
    if (path.ends_with("/LOG")) continue;
    const absl::StatusOr<std::string> bytes = after.ReadFile(path);
    ASSERT_TRUE(bytes.ok()) << path;
    EXPECT_TRUE(*bytes == *closed.image.ReadFile(path)) << path;
  }
}

TEST(RepairTest, ACrashLeavesTheSourceAndNoHalfOfATarget) {
  const std::uint64_t seed = TestSeed();
  const Closed closed = MakeClosed(seed);
  std::uint64_t events = 0;
  {
    Simulation simulation(seed, At(closed.image));
    ASSERT_TRUE(Repair(simulation, "/saved").ok());
    events = simulation.event_count();
  }
  ASSERT_GT(events, 20u);
  SeededRandom random(seed);
  for (int i = 0; i < 40; ++i) {
    // The last ones give the target its name.
    const std::uint64_t event =
        i < 5 ? events - static_cast<std::uint64_t>(i) : 1 + random.Below(events);
    SCOPED_TRACE(StrCat("event ", event, " of ", events));
    Simulation simulation(random.Next64(), At(closed.image));
    const CrashMode mode = DrawCrashMode(random);
    simulation.CrashAt(event, mode);
    const absl::Status crashed = Repair(simulation, "/saved").status();
    EXPECT_TRUE(crashed.ok() || IsCrash(crashed)) << crashed;
    if (!simulation.crashed()) simulation.CrashMachine(mode);
    simulation.RunUntilIdle();
    ASSERT_TRUE(simulation.Restart().ok());
    ExpectSourceUntouched(closed, simulation.disk().image());
    FileSystem& files = simulation.environment().files();
    if (absl::IsNotFound(simulation.Run(files.Stat("/saved")).status())) {
      const absl::Status repaired = Repair(simulation, "/saved").status();
      ASSERT_TRUE(repaired.ok()) << repaired;
    }
    EXPECT_EQ(Damages(simulation, "/saved"), 0u);
    Database database = OpenIn(simulation, "/saved");
    EXPECT_EQ(Read(simulation, database), closed.last);
    EXPECT_TRUE(simulation.Run(database.Close()).ok());
  }
}

}  // namespace
}  // namespace aurora
