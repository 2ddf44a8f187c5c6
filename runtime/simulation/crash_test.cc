#include "aurora/runtime/simulation/crash.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/disk_image.h"
#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

using Writes = CrashMode::Writes;
using Entries = CrashMode::Entries;
using TornBytes = CrashMode::TornBytes;

constexpr int kSeeds = 200;

// An image under construction.
struct Disk {
  DiskImage image;

  NodeId Node(const std::string& path) {
    const absl::StatusOr<Entry> entry = image.Find(path);
    EXPECT_TRUE(entry.ok()) << entry.status();
    return entry.ok() ? entry->node : 0;
  }
  FileNode& File(const std::string& path) { return image.files().Mutable(Node(path)); }
  void Create(const std::string& path) { EXPECT_TRUE(image.CreateFile(path).ok()); }
  void Write(const std::string& path, std::uint64_t offset, const std::string& bytes) {
    File(path).Write(image.TakeOrder(), offset, bytes);
  }
  void Sync(const std::string& path) { File(path).Sync(image.next_order()); }
  void SyncDirectory(const std::string& path) {
    image.SyncDirectory(Node(path), image.next_order());
  }
  // A durable file.
  void Make(const std::string& path, const std::string& bytes) {
    EXPECT_TRUE(image.WriteFile(path, bytes).ok());
  }
};

// What a file holds after a crash: "(none)" if it is not there.
std::string Contents(const DiskImage& image, const std::string& path) {
  const absl::StatusOr<std::string> bytes = image.ReadFile(path);
  return bytes.ok() ? *bytes : "(none)";
}

// All that `path` can hold after a crash in `mode`.
std::set<std::string> Outcomes(const Disk& disk, const std::string& path, const CrashMode& mode,
                               const std::vector<LooseWrite>& loose = {}) {
  std::set<std::string> outcomes;
  for (int seed = 0; seed < kSeeds; ++seed) {
    outcomes.insert(Contents(AfterCrash(disk.image, loose, mode, seed), path));
  }
  return outcomes;
}

using Set = std::set<std::string>;

// Names are lost and kept.

TEST(CrashTest, ACreatedFileIsKeptOrLostUnlessItsDirectoryWasSynced) {
  Disk disk;
  disk.Create("/a");
  disk.Write("/a", 0, "x");
  disk.Sync("/a");
  EXPECT_EQ(Outcomes(disk, "/a", {.entries = Entries::kLost}), Set{"(none)"});
  EXPECT_EQ(Outcomes(disk, "/a", {.entries = Entries::kKept}), Set{"x"});
  EXPECT_EQ(Outcomes(disk, "/a", {.entries = Entries::kRandom}), (Set{"(none)", "x"}));
  disk.SyncDirectory("/");
  EXPECT_EQ(Outcomes(disk, "/a", {.entries = Entries::kLost}), Set{"x"});
}

TEST(CrashTest, AFileWhoseNameIsDurableMayHaveLostItsBytes) {
  Disk disk;
  disk.Create("/a");
  disk.SyncDirectory("/");
  disk.Write("/a", 0, "x");
  EXPECT_EQ(Outcomes(disk, "/a", {.writes = Writes::kNone}), Set{""});
  EXPECT_EQ(Outcomes(disk, "/a", {.writes = Writes::kAll}), Set{"x"});
}

TEST(CrashTest, ARenameLosesNeitherFileInADirectory) {
  Disk disk;
  disk.Make("/new", "new");
  disk.Make("/old", "old");
  ASSERT_TRUE(disk.image.Rename("/new", "/old").ok());
  Set seen;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const DiskImage after = AfterCrash(disk.image, {}, {.entries = Entries::kRandom}, seed);
    seen.insert(Contents(after, "/old") + " " + Contents(after, "/new"));
  }
  EXPECT_EQ(seen, (Set{"old new", "new (none)", "new new"}));
}

TEST(CrashTest, ARenameBetweenDirectoriesLeavesOneNameOrBoth) {
  Disk disk;
  ASSERT_TRUE(disk.image.CreateDirectory("/d").ok());
  disk.SyncDirectory("/");
  disk.Make("/a", "x");
  ASSERT_TRUE(disk.image.Rename("/a", "/d/a").ok());
  const auto seen = [&](Entries entries) {
    Set result;
    for (int seed = 0; seed < kSeeds; ++seed) {
      const DiskImage after = AfterCrash(disk.image, {}, {.entries = entries}, seed);
      result.insert(Contents(after, "/a") + " " + Contents(after, "/d/a"));
    }
    return result;
  };
  EXPECT_EQ(seen(Entries::kLost), Set{"x (none)"});
  EXPECT_EQ(seen(Entries::kKept), Set{"(none) x"});
  EXPECT_EQ(seen(Entries::kRandom), (Set{"x (none)", "(none) x", "x x"}));
  EXPECT_EQ(seen(Entries::kRemovalsOnly), Set{"x (none)"});
  // Once the old name is gone for good, the new one is there for good.
  disk.SyncDirectory("/");
  EXPECT_EQ(seen(Entries::kLost), Set{"(none) x"});
}

TEST(CrashTest, ANewNameMayBeDurableBeforeTheOldOneIsGone) {
  Disk disk;
  ASSERT_TRUE(disk.image.CreateDirectory("/d").ok());
  disk.SyncDirectory("/");
  disk.Make("/a", "x");
  ASSERT_TRUE(disk.image.Rename("/a", "/d/a").ok());
  disk.SyncDirectory("/d");
  EXPECT_EQ(Outcomes(disk, "/d/a", {.entries = Entries::kLost}), Set{"x"});
  EXPECT_EQ(Outcomes(disk, "/a", {.entries = Entries::kLost}), Set{"x"});
  EXPECT_EQ(Outcomes(disk, "/a", {.entries = Entries::kRandom}), (Set{"x", "(none)"}));
}

TEST(CrashTest, ARemovalMayBeUndoneOrComeEarly) {
  Disk disk;
  disk.Make("/a", "x");
  disk.Create("/b");
  ASSERT_TRUE(disk.image.Remove("/a").ok());
  EXPECT_EQ(Outcomes(disk, "/a", {.entries = Entries::kLost}), Set{"x"});
  EXPECT_EQ(Outcomes(disk, "/a", {.entries = Entries::kRemovalsOnly}), Set{"(none)"});
  EXPECT_EQ(Outcomes(disk, "/b", {.entries = Entries::kRemovalsOnly}), Set{"(none)"});
  disk.SyncDirectory("/");
  EXPECT_EQ(Outcomes(disk, "/a", {.entries = Entries::kLost}), Set{"(none)"});
}

TEST(CrashTest, ALinkIsKeptOrLost) {
  Disk disk;
  disk.Make("/a", "x");
  ASSERT_TRUE(disk.image.Link("/a", "/b").ok());
  EXPECT_EQ(Outcomes(disk, "/b", {.entries = Entries::kRandom}), (Set{"x", "(none)"}));
  EXPECT_EQ(Outcomes(disk, "/a", {.entries = Entries::kRandom}), Set{"x"});
}

TEST(CrashTest, WhatIsInALostDirectoryIsLost) {
  Disk disk;
  ASSERT_TRUE(disk.image.CreateDirectory("/d").ok());
  disk.Create("/d/a");
  disk.SyncDirectory("/d");
  EXPECT_EQ(Outcomes(disk, "/d/a", {.entries = Entries::kLost}), Set{"(none)"});
  disk.SyncDirectory("/");
  EXPECT_EQ(Outcomes(disk, "/d/a", {.entries = Entries::kLost}), Set{""});
}

// Bytes are lost and kept.

// Four sectors of 'a' on the device and four of 'b' above them.
Disk Overwritten() {
  Disk disk;
  disk.Make("/a", std::string(2048, 'a'));
  disk.Write("/a", 0, std::string(2048, 'b'));
  return disk;
}

// One letter for each sector: what it holds, '?' if it holds several things, '0' for zeros.
std::string Sectors(const std::string& bytes, std::size_t sector = 512) {
  std::string result;
  for (std::size_t i = 0; i < bytes.size(); i += sector) {
    const std::string part = bytes.substr(i, sector);
    const bool same = part.find_first_not_of(part[0]) == std::string::npos;
    result.push_back(!same ? '?' : part[0] == 0 ? '0' : part[0]);
  }
  return result;
}

Set SectorOutcomes(const Disk& disk, const CrashMode& mode, std::size_t sector = 512) {
  Set result;
  for (const std::string& bytes : Outcomes(disk, "/a", mode)) {
    result.insert(Sectors(bytes, sector));
  }
  return result;
}

TEST(CrashTest, SectorsSurviveEachForItself) {
  const Set outcomes = SectorOutcomes(Overwritten(), {.writes = Writes::kSectors, .percent = 50});
  EXPECT_EQ(outcomes.size(), 16u);
  EXPECT_TRUE(outcomes.contains("abab"));
  EXPECT_EQ(SectorOutcomes(Overwritten(), {.writes = Writes::kSectors, .percent = 0}), Set{"aaaa"});
  EXPECT_EQ(SectorOutcomes(Overwritten(), {.writes = Writes::kSectors, .percent = 100}),
            Set{"bbbb"});
  // In units of 4 KiB it is all or nothing.
  EXPECT_EQ(SectorOutcomes(Overwritten(), {.writes = Writes::kSectors, .sector_bytes = 4096}),
            (Set{"aaaa", "bbbb"}));
}

TEST(CrashTest, TornSectorsHoldWhatTheModeSays) {
  const Set old = SectorOutcomes(Overwritten(), {.writes = Writes::kTorn});
  EXPECT_EQ(old.size(), 16u);
  const Set zero =
      SectorOutcomes(Overwritten(), {.writes = Writes::kTorn, .torn = TornBytes::kZero});
  EXPECT_TRUE(zero.contains("0b0b"));
  EXPECT_TRUE(zero.contains("aaaa"));  // lost as a whole
  const Set garbage =
      SectorOutcomes(Overwritten(), {.writes = Writes::kTorn, .torn = TornBytes::kRandom});
  EXPECT_TRUE(garbage.contains("?b?b"));
}

TEST(CrashTest, ATornSectorSparesItsNeighboursUnlessTold) {
  Disk disk;
  disk.Make("/a", std::string(1024, 'a'));
  disk.Write("/a", 256, std::string(256, 'b'));
  CrashMode mode{.writes = Writes::kTorn, .torn = TornBytes::kZero};
  for (const std::string& bytes : Outcomes(disk, "/a", mode)) {
    EXPECT_EQ(bytes.substr(0, 256), std::string(256, 'a'));
    EXPECT_EQ(bytes.substr(512), std::string(512, 'a'));
  }
  mode.tear_neighbours = true;
  EXPECT_TRUE(Outcomes(disk, "/a", mode).contains(std::string(512, '\0') + std::string(512, 'a')));
}

// Three writes of a sector each, to two files.
Disk ThreeWrites() {
  Disk disk;
  disk.Make("/a", std::string(1024, 'a'));
  disk.Make("/b", std::string(512, 'a'));
  disk.Write("/a", 0, std::string(512, '1'));
  disk.Write("/b", 0, std::string(512, '2'));
  disk.Write("/a", 512, std::string(512, '3'));
  return disk;
}

Set ThreeWriteOutcomes(Writes writes) {
  const Disk disk = ThreeWrites();
  Set result;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const DiskImage after = AfterCrash(disk.image, {}, {.writes = writes}, seed);
    const std::string a = Sectors(Contents(after, "/a"));
    result.insert({a[0], Sectors(Contents(after, "/b"))[0], a[1]});
  }
  return result;
}

TEST(CrashTest, APrefixIsOneOfTheOrderOfAllFiles) {
  EXPECT_EQ(ThreeWriteOutcomes(Writes::kPrefix), (Set{"aaa", "1aa", "12a", "123"}));
}

TEST(CrashTest, TheLastWriteMaySurviveAlone) {
  EXPECT_EQ(ThreeWriteOutcomes(Writes::kLastOnly), Set{"aa3"});
}

TEST(CrashTest, ReorderedWritesAreNeverAPrefix) {
  EXPECT_EQ(ThreeWriteOutcomes(Writes::kReordered), (Set{"a2a", "aa3", "a23", "1a3"}));
}

TEST(CrashTest, NothingOrEverythingMaySurvive) {
  EXPECT_EQ(ThreeWriteOutcomes(Writes::kNone), Set{"aaa"});
  EXPECT_EQ(ThreeWriteOutcomes(Writes::kAll), Set{"123"});
}

TEST(CrashTest, SizesAndDataSurviveApart) {
  Disk disk;
  disk.Make("/a", std::string(512, 'a'));
  disk.Write("/a", 0, std::string(1024, 'b'));
  EXPECT_EQ(SectorOutcomes(disk, {.writes = Writes::kSizeWithoutData}), Set{"a0"});
  EXPECT_EQ(SectorOutcomes(disk, {.writes = Writes::kDataWithoutSize}), Set{"b"});
}

TEST(CrashTest, ALostAppendMayLeaveItsSize) {
  Disk disk;
  disk.Make("/a", "");
  disk.Write("/a", 0, std::string(1024, 'b'));
  const Set outcomes = SectorOutcomes(disk, {.writes = Writes::kSectors});
  EXPECT_TRUE(outcomes.contains(""));
  EXPECT_TRUE(outcomes.contains("b"));
  EXPECT_TRUE(outcomes.contains("b0"));
  EXPECT_TRUE(outcomes.contains("0b"));
  EXPECT_TRUE(outcomes.contains("00"));
}

TEST(CrashTest, ATruncationIsKeptOrLostAsAWhole) {
  Disk disk;
  disk.Make("/a", std::string(1024, 'a'));
  disk.File("/a").Resize(disk.image.TakeOrder(), 512);
  EXPECT_EQ(SectorOutcomes(disk, {.writes = Writes::kSectors}), (Set{"a", "aa"}));
  EXPECT_EQ(SectorOutcomes(disk, {.writes = Writes::kSizeWithoutData}), Set{"a"});
  EXPECT_EQ(SectorOutcomes(disk, {.writes = Writes::kDataWithoutSize}), Set{"aa"});
}

TEST(CrashTest, AWriteInFlightSurvivesInAnyPart) {
  Disk disk;
  disk.Make("/a", std::string(1024, 'a'));
  const std::string bytes(1024, 'b');
  const std::vector<LooseWrite> loose = {{disk.Node("/a"), 0, bytes}};
  const CrashMode mode{.writes = Writes::kSectors};
  Set outcomes;
  for (const std::string& outcome : Outcomes(disk, "/a", mode, loose)) {
    outcomes.insert(Sectors(outcome));
  }
  EXPECT_EQ(outcomes, (Set{"aa", "ab", "ba", "bb"}));
}

TEST(CrashTest, AWriteWhoseSyncFailedMaySurviveAllTheSame) {
  Set outcomes;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk;
    disk.Make("/a", std::string(512, 'a'));
    disk.Write("/a", 0, std::string(512, 'b'));
    SeededRandom random(seed);
    disk.File("/a").FailSync(disk.image.next_order(), random);
    disk.Sync("/a");
    const DiskImage after = AfterCrash(disk.image, {}, {.writes = Writes::kSectors}, seed);
    outcomes.insert(Sectors(Contents(after, "/a")));
  }
  EXPECT_EQ(outcomes, (Set{"a", "b"}));
}

// The death of the process.

TEST(CrashTest, TheDeathOfTheProcessLosesNothingThatWasWritten) {
  Disk disk;
  disk.Create("/a");
  disk.Write("/a", 0, "written");
  const std::string bytes = "in flight";
  const std::vector<LooseWrite> loose = {{disk.Node("/a"), 7, bytes}};
  Set outcomes;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const DiskImage after = AfterCrash(disk.image, loose, CrashMode::Process(), seed);
    outcomes.insert(Contents(after, "/a"));
    EXPECT_EQ(after.boot(), disk.image.boot());
    // What was not synced is still not synced.
    EXPECT_EQ(Contents(AfterCrash(after, {}, {.entries = Entries::kLost}, seed), "/a"), "(none)");
  }
  EXPECT_EQ(outcomes.size(), bytes.size() + 1);
  EXPECT_TRUE(outcomes.contains("written"));
  EXPECT_TRUE(outcomes.contains("writtenin"));
  EXPECT_TRUE(outcomes.contains("writtenin flight"));
}

TEST(CrashTest, TheMachineBootsAnewAndFindsNothingPending) {
  Disk disk;
  disk.Create("/a");
  disk.Write("/a", 0, "x");
  EXPECT_FALSE(disk.image.IsSettled());
  for (const CrashMode& mode : StandardCrashModes()) {
    if (mode.process_only) continue;
    const DiskImage after = AfterCrash(disk.image, {}, mode, 1);
    EXPECT_EQ(after.boot(), disk.image.boot() + 1);
    EXPECT_TRUE(after.IsSettled()) << Describe(mode);
  }
  EXPECT_EQ(Contents(disk.image, "/a"), "x");  // the image crashed from is as it was
}

// Whatever the mode.

// Creates, renames, links or removes something with one of a few names.
void ChangeNames(Random& random, DiskImage& image) {
  static const std::vector<std::string> kNames = {"/a", "/b", "/c", "/d/a", "/d/b", "/d/c"};
  const std::string& one = kNames[random.Below(kNames.size())];
  const std::string& other = kNames[random.Below(kNames.size())];
  switch (random.Below(4)) {
    case 0:
      if (image.CreateFile(one).ok()) {
        const NodeId node = image.Find(one)->node;
        image.files().Mutable(node).WriteDurably(image.TakeOrder(), 0, StrCat("file ", node));
      }
      return;
    case 1:
      (void)image.Remove(one);
      return;
    case 2:
      (void)image.Link(one, other);
      return;
    default:
      (void)image.Rename(one, other);
  }
}

TEST(CrashTest, NamesAreKeptAsTheyAreShownOrLostBackToTheLastSync) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 200; ++round) {
    Disk disk;
    ASSERT_TRUE(disk.image.CreateDirectory("/d").ok());
    disk.SyncDirectory("/");
    for (int i = 0; i < 20; ++i) ChangeNames(random, disk.image);
    // Only both directories together: a rename may be between them.
    disk.SyncDirectory("/");
    disk.SyncDirectory("/d");
    const std::uint64_t synced = disk.image.Hash();
    EXPECT_TRUE(disk.image.IsSettled());
    for (int i = 0; i < 20; ++i) ChangeNames(random, disk.image);
    const std::uint64_t seed = random.Next64();
    const auto after = [&](Entries entries) {
      return AfterCrash(disk.image, {}, {.entries = entries}, seed).Hash();
    };
    ASSERT_EQ(after(Entries::kLost), synced);
    ASSERT_EQ(after(Entries::kKept), disk.image.Hash());
    (void)after(Entries::kRandom);
    (void)after(Entries::kRemovalsOnly);
  }
}

TEST(CrashTest, AFileThatWasOnlyRenamedIsNeverLost) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 300; ++round) {
    Disk disk;
    ASSERT_TRUE(disk.image.CreateDirectory("/d").ok());
    disk.SyncDirectory("/");
    disk.Make("/0", "x");
    std::string name = "/0";
    for (int i = 1; i < 8; ++i) {
      const std::string next = StrCat(random.Below(2) == 0 ? "/" : "/d/", i);
      ASSERT_TRUE(disk.image.Rename(name, next).ok());
      name = next;
      if (random.Below(3) == 0) disk.SyncDirectory(random.Below(2) == 0 ? "/" : "/d");
    }
    for (const Entries entries : {Entries::kRandom, Entries::kLost, Entries::kRemovalsOnly}) {
      const DiskImage after = AfterCrash(disk.image, {}, {.entries = entries}, random.Next64());
      ASSERT_FALSE(after.Files().empty());
    }
  }
}

TEST(CrashTest, EqualSeedsLeaveEqualImages) {
  const std::uint64_t seed = TestSeed();
  for (const CrashMode& mode : StandardCrashModes()) {
    if (mode.process_only) continue;
    const Disk disk = ThreeWrites();
    EXPECT_EQ(AfterCrash(disk.image, {}, mode, seed).Hash(),
              AfterCrash(disk.image, {}, mode, seed).Hash());
  }
}

TEST(CrashTest, WhatWasSyncedSurvivesEveryMode) {
  const std::uint64_t seed = TestSeed();
  SeededRandom random(seed);
  for (int round = 0; round < 300; ++round) {
    Disk disk;
    disk.Make("/a", "");
    std::string synced;
    for (int step = 0; step < 12; ++step) {
      // Every write goes to sectors of its own, so what was synced is never written again.
      const std::uint64_t offset = 512 * static_cast<std::uint64_t>(step) + random.Below(100);
      const std::string bytes(1 + random.Below(400), static_cast<char>('a' + step));
      const bool durably = random.Below(3) == 0;
      if (durably) {
        disk.File("/a").WriteDurably(disk.image.TakeOrder(), offset, bytes);
      } else {
        disk.Write("/a", offset, bytes);
      }
      const bool sync = random.Below(4) == 0;
      if (sync) disk.Sync("/a");
      if (sync) {
        synced = *disk.image.ReadFile("/a");
      } else if (durably) {
        synced.resize(std::max<std::size_t>(synced.size(), offset + bytes.size()));
        synced.replace(offset, bytes.size(), bytes);
      }
    }
    const CrashMode mode = DrawCrashMode(random);
    const std::string after = Contents(AfterCrash(disk.image, {}, mode, random.Next64()), "/a");
    ASSERT_GE(after.size(), synced.size()) << Describe(mode);
    for (std::size_t i = 0; i < synced.size(); ++i) {
      ASSERT_TRUE(synced[i] == 0 || after[i] == synced[i]) << Describe(mode) << " at " << i;
    }
  }
}

TEST(CrashTest, TheStandardModesHaveDescriptionsOfTheirOwn) {
  Set descriptions;
  for (const CrashMode& mode : StandardCrashModes()) descriptions.insert(Describe(mode));
  EXPECT_EQ(descriptions.size(), StandardCrashModes().size());
}

}  // namespace
}  // namespace aurora
