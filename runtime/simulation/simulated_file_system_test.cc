#include "aurora/runtime/simulation/simulated_file_system.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/runtime/file.h"
#include "aurora/runtime/file_conformance.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

class SimulatedMachine final : public FileConformanceMachine {
 public:
  SimulatedMachine() { EXPECT_TRUE(simulation_.Run(files().CreateDirectory("/root")).ok()); }
  FileSystem& files() override { return simulation_.files(); }
  std::string root() override { return "/root"; }
  void RunAll(std::vector<Task<void>> tasks) override { simulation_.RunAll(std::move(tasks)); }
  bool real() const override { return false; }

 private:
  Simulation simulation_{1};
};

INSTANTIATE_TEST_SUITE_P(Simulated, FileConformanceTest, testing::ValuesIn(FileConformanceCases([] {
                           return std::make_unique<SimulatedMachine>();
                         })),
                         FileConformanceCaseName);

class SimulatedFileSystemTest : public testing::Test {
 protected:
  FileSystem& files() { return simulation_.files(); }
  DiskImage& image() { return simulation_.disk().image(); }

  std::unique_ptr<File> Open(std::string path, OpenMode mode = OpenMode::kCreate) {
    OpenOptions options;
    options.mode = mode;
    absl::StatusOr<std::unique_ptr<File>> file =
        simulation_.Run(files().Open(std::move(path), options));
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  absl::Status Write(File& file, std::uint64_t offset, const std::string& bytes) {
    return simulation_.Run(file.Write(offset, bytes));
  }
  std::string Read(File& file) {
    std::string bytes(10000, '#');
    const absl::StatusOr<std::size_t> size = simulation_.Run(file.Read(0, bytes));
    EXPECT_TRUE(size.ok()) << size.status();
    return bytes.substr(0, size.ok() ? *size : 0);
  }
  // What a crash of the machine would leave of `path` at worst.
  std::string Durable(std::string_view path) {
    const CrashMode mode{.writes = CrashMode::Writes::kNone, .entries = CrashMode::Entries::kLost};
    const absl::StatusOr<std::string> bytes = simulation_.disk().CrashImage(mode, 1).ReadFile(path);
    return bytes.ok() ? *bytes : "(none)";
  }
  void Fail(OperationKind kind, int error, std::uint64_t count = 1) {
    simulation_.faults().Add({.fault = Fault::Error(error), .kinds = {kind}, .count = count});
  }

  Simulation simulation_{1};
};

TEST_F(SimulatedFileSystemTest, OnlySyncsMakeDurable) {
  std::unique_ptr<File> file = Open("/a");
  EXPECT_TRUE(Write(*file, 0, "aaaa").ok());
  EXPECT_EQ(Durable("/a"), "(none)");
  EXPECT_TRUE(simulation_.Run(files().SyncDirectory("/")).ok());
  EXPECT_EQ(Durable("/a"), "");
  EXPECT_TRUE(simulation_.Run(file->Sync()).ok());
  EXPECT_EQ(Durable("/a"), "aaaa");
  EXPECT_TRUE(simulation_.Run(file->WriteDurably(4, std::string("bbbb"))).ok());
  EXPECT_EQ(Durable("/a"), "aaaabbbb");
  EXPECT_TRUE(simulation_.Run(file->Truncate(2)).ok());
  EXPECT_EQ(Durable("/a"), "aaaabbbb");
}

Task<void> WriteSoon(File* file, std::string bytes, bool* done) {
  EXPECT_TRUE((co_await file->Write(0, bytes)).ok());
  *done = true;
}

Task<void> SyncSoon(File* file, const bool* write_done, bool* covered) {
  *covered = *write_done;
  EXPECT_TRUE((co_await file->Sync()).ok());
}

TEST(SimulatedSyncTest, ASyncCoversTheWritesThatHadCompletedWhenItWasCalled) {
  int seen[2] = {0, 0};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Simulation simulation(seed);
    OpenOptions options;
    options.mode = OpenMode::kCreate;
    auto file = simulation.Run(simulation.files().Open("/a", options));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(simulation.Run(simulation.files().SyncDirectory("/")).ok());
    bool done = false;
    bool covered = false;
    std::vector<Task<void>> tasks;
    tasks.push_back(WriteSoon(file->get(), "x", &done));
    tasks.push_back(SyncSoon(file->get(), &done, &covered));
    simulation.RunAll(std::move(tasks));
    const DiskImage after = simulation.disk().CrashImage({.writes = CrashMode::Writes::kNone}, 1);
    EXPECT_EQ(*after.ReadFile("/a"), covered ? "x" : "");
    ++seen[covered ? 1 : 0];
  }
  EXPECT_GT(seen[0], 0);
}

TEST(SimulatedSyncTest, OperationsInFlightTogetherFinishInAnyOrder) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Simulation simulation(seed);
    OpenOptions options;
    options.mode = OpenMode::kCreate;
    auto file = simulation.Run(simulation.files().Open("/a", options));
    bool done = false;
    std::vector<Task<void>> tasks;
    for (const char* bytes : {"1", "2", "3"}) {
      tasks.push_back(WriteSoon(file->get(), bytes, &done));
    }
    simulation.RunAll(std::move(tasks));
    outcomes.insert(*simulation.disk().image().ReadFile("/a"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"1", "2", "3"}));
}

// Faults.

TEST_F(SimulatedFileSystemTest, AnInjectedErrorNamesTheOperationAndThePath) {
  std::unique_ptr<File> file = Open("/a");
  Fail(OperationKind::kWrite, EIO);
  const absl::Status status = Write(*file, 4096, "x");
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_FALSE(IsCrash(status));
  for (const char* part : {"write", "/a", "4096"}) {
    EXPECT_NE(status.message().find(part), absl::string_view::npos) << status;
  }
  EXPECT_TRUE(Write(*file, 4096, "x").ok());
}

TEST_F(SimulatedFileSystemTest, EveryKindOfOperationCanFail) {
  std::unique_ptr<File> file = Open("/a");
  ASSERT_TRUE(Write(*file, 0, "x").ok());
  absl::StatusOr<std::unique_ptr<MappedRegion>> region = simulation_.Run(file->Map(1));
  ASSERT_TRUE(region.ok()) << region.status();
  simulation_.faults().Add({.fault = Fault::Error(EIO), .count = FaultRule::kForEver});
  OpenOptions options;
  options.mode = OpenMode::kCreate;
  char byte = 0;
  const std::span<char> buffer(&byte, 1);
  const absl::Status statuses[] = {
      simulation_.Run(files().Open("/a", options)).status(),
      simulation_.Run(files().Open("/new", options)).status(),
      simulation_.Run(file->Read(0, buffer)).status(),
      simulation_.Run(file->Write(0, buffer)),
      simulation_.Run(file->WriteDurably(0, buffer)),
      simulation_.Run(file->Sync()),
      simulation_.Run(file->Truncate(0)),
      simulation_.Run(file->Allocate(1)),
      simulation_.Run(file->Size()).status(),
      simulation_.Run(file->Map(1)).status(),
      (*region)->Publish(0, 1),
      simulation_.Run(files().List("/")).status(),
      simulation_.Run(files().Stat("/")).status(),
      simulation_.Run(files().CreateDirectory("/d")),
      simulation_.Run(files().RemoveDirectory("/d")),
      simulation_.Run(files().Remove("/a")),
      simulation_.Run(files().Rename("/a", "/b")),
      simulation_.Run(files().Link("/a", "/b")),
      simulation_.Run(files().SyncDirectory("/")),
      simulation_.Run(files().Lock("/a")).status(),
      simulation_.Run(files().FreeSpace("/")).status(),
  };
  EXPECT_EQ(std::size(statuses), kOperationKindCount);
  for (const absl::Status& status : statuses) EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(image().Files(), std::vector<std::string>{"/a"});
}

TEST_F(SimulatedFileSystemTest, AFailedWriteMayHaveBeenDoneInPart) {
  std::set<std::size_t> sizes;
  Fail(OperationKind::kWrite, EIO, FaultRule::kForEver);
  for (int i = 0; i < 100; ++i) {
    std::unique_ptr<File> file = Open(StrCat("/", i));
    EXPECT_FALSE(Write(*file, 0, "0123456789").ok());
    const std::string bytes = Read(*file);
    EXPECT_EQ(bytes, std::string_view("0123456789").substr(0, bytes.size()));
    sizes.insert(bytes.size());
  }
  EXPECT_TRUE(sizes.contains(0));
  EXPECT_TRUE(sizes.contains(10));
  EXPECT_GT(sizes.size(), 4u);
}

TEST_F(SimulatedFileSystemTest, AFailedSyncIsNotMadeGoodByTheNextOne) {
  std::set<std::string> durable;
  std::set<std::string> shown;
  for (int i = 0; i < 100; ++i) {
    const std::string path = StrCat("/", i);
    std::unique_ptr<File> file = Open(path);
    EXPECT_TRUE(simulation_.Run(files().SyncDirectory("/")).ok());
    EXPECT_TRUE(Write(*file, 0, "x").ok());
    Fail(OperationKind::kSync, EIO);
    EXPECT_TRUE(absl::IsUnavailable(simulation_.Run(file->Sync())));
    EXPECT_TRUE(simulation_.Run(file->Sync()).ok());
    shown.insert(Read(*file));
    durable.insert(Durable(path));
  }
  const std::string zero(1, '\0');
  EXPECT_EQ(shown, (std::set<std::string>{"x", zero}));
  EXPECT_EQ(durable, (std::set<std::string>{"x", ""}));
}

TEST_F(SimulatedFileSystemTest, ALyingDeviceReportsSuccess) {
  std::unique_ptr<File> file = Open("/a");
  EXPECT_TRUE(simulation_.Run(files().SyncDirectory("/")).ok());
  simulation_.faults().Add({.fault = Fault::Lose(), .kinds = {OperationKind::kSync}});
  EXPECT_TRUE(Write(*file, 0, "x").ok());
  EXPECT_TRUE(simulation_.Run(file->Sync()).ok());
  EXPECT_EQ(Durable("/a"), "");
  simulation_.faults().Add({.fault = Fault::Lose(), .kinds = {OperationKind::kWrite}});
  EXPECT_TRUE(Write(*file, 0, "y").ok());
  EXPECT_EQ(Read(*file), "x");
}

TEST_F(SimulatedFileSystemTest, AReadMayFlipBitsAndTheFileStaysAsItIs) {
  std::unique_ptr<File> file = Open("/a");
  EXPECT_TRUE(Write(*file, 0, std::string(100, 'a')).ok());
  simulation_.faults().Add({.fault = Fault::FlipBits(1)});
  const std::string flipped = Read(*file);
  const std::string intact = Read(*file);
  EXPECT_EQ(intact, std::string(100, 'a'));
  int bits = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    bits += __builtin_popcount(static_cast<unsigned char>(flipped[i] ^ intact[i]));
  }
  EXPECT_EQ(bits, 1);
}

TEST_F(SimulatedFileSystemTest, AReadMayEndEarlyAndTheFileStaysAsItIs) {
  std::unique_ptr<File> file = Open("/a");
  EXPECT_TRUE(Write(*file, 0, std::string(100, 'a')).ok());
  simulation_.faults().Add({.fault = Fault::Shorten()});
  const std::string shortened = Read(*file);
  EXPECT_LT(shortened.size(), 100u);
  EXPECT_EQ(shortened, std::string(shortened.size(), 'a'));
  EXPECT_EQ(Read(*file), std::string(100, 'a'));
}

TEST_F(SimulatedFileSystemTest, ADelayMakesAnOperationTakeLonger) {
  simulation_.faults().Add({.fault = Fault::Delay(absl::Seconds(10))});
  const std::int64_t before = simulation_.environment().clock().MonotonicNanos();
  EXPECT_TRUE(simulation_.Run(files().List("/")).ok());
  EXPECT_GE(simulation_.environment().clock().MonotonicNanos() - before, 10'000'000'000);
}

TEST_F(SimulatedFileSystemTest, AHungOperationEndsWithItsProcess) {
  simulation_.faults().Add({.fault = Fault::Hang()});
  struct Lister {
    static Task<void> Main(FileSystem* files, absl::Status* status) {
      *status = (co_await files->List("/")).status();
    }
  };
  absl::Status status;
  simulation_.Spawn(Lister::Main(&files(), &status));
  simulation_.RunFor(absl::Hours(1));
  EXPECT_TRUE(status.ok());
  simulation_.CrashProcess();
  EXPECT_TRUE(simulation_.RunUntilIdle());
  EXPECT_TRUE(IsCrash(status)) << status;
}

TEST_F(SimulatedFileSystemTest, AReadOnlyMediumTakesNothing) {
  std::unique_ptr<File> file = Open("/a");
  simulation_.files().set_read_only(true);
  for (const absl::Status& status :
       {Write(*file, 0, "x"), simulation_.Run(files().Remove("/a")),
        simulation_.Run(files().CreateDirectory("/d")), simulation_.Run(file->Truncate(0)),
        simulation_.Run(files().Lock("/LOCK")).status(),
        simulation_.Run(files().Open("/a", {.mode = OpenMode::kReadWrite})).status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  }
  EXPECT_TRUE(simulation_.Run(files().Open("/a", {.mode = OpenMode::kReadOnly})).ok());
  EXPECT_EQ(Read(*file), "");
  EXPECT_EQ(image().Files(), std::vector<std::string>{"/a"});
}

// Space.

TEST_F(SimulatedFileSystemTest, SpaceIsAccountedFor) {
  const auto free = [&] {
    const absl::StatusOr<std::uint64_t> bytes = simulation_.Run(files().FreeSpace("/"));
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return *bytes;
  };
  simulation_.disk().set_capacity_bytes(4 * 4096);
  EXPECT_EQ(free(), 4 * 4096u);
  std::unique_ptr<File> a = Open("/a");
  std::unique_ptr<File> b = Open("/b");
  EXPECT_TRUE(Write(*a, 0, std::string(4097, 'a')).ok());
  EXPECT_EQ(free(), 2 * 4096u);
  const absl::Status full = Write(*b, 0, std::string(3 * 4096, 'b'));
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_TRUE(simulation_.Run(b->Truncate(0)).ok());
  EXPECT_EQ(free(), 2 * 4096u);
  EXPECT_TRUE(absl::IsResourceExhausted(simulation_.Run(b->Allocate(3 * 4096))));
  EXPECT_TRUE(simulation_.Run(b->Allocate(2 * 4096)).ok());
  EXPECT_EQ(free(), 0u);
  EXPECT_TRUE(Write(*b, 0, std::string(2 * 4096, 'b')).ok());  // it has its space
  EXPECT_TRUE(Write(*a, 0, std::string(8192, 'a')).ok());

  // A file gives its space back when it has no name and nobody has it open.
  EXPECT_TRUE(simulation_.Run(files().Link("/b", "/c")).ok());
  EXPECT_TRUE(simulation_.Run(files().Remove("/b")).ok());
  EXPECT_TRUE(simulation_.Run(files().Remove("/c")).ok());
  EXPECT_EQ(free(), 0u);
  b.reset();
  EXPECT_EQ(free(), 2 * 4096u);
}

TEST_F(SimulatedFileSystemTest, WhatNobodyCanReachIsForgotten) {
  const auto count = [&] { return std::distance(image().files().begin(), image().files().end()); };
  for (int i = 0; i < 10; ++i) {
    std::unique_ptr<File> file = Open("/a");
    EXPECT_TRUE(Write(*file, 0, "x").ok());
    file.reset();
    EXPECT_TRUE(simulation_.Run(files().Remove("/a")).ok());
  }
  EXPECT_GT(count(), 1);  // after a crash any of them may be there
  EXPECT_TRUE(simulation_.Run(files().SyncDirectory("/")).ok());
  EXPECT_EQ(count(), 0);
}

// Mapped regions.

class MappedRegionTest : public SimulatedFileSystemTest {
 protected:
  MappedRegionTest() {
    file_ = Open("/a");
    EXPECT_TRUE(Write(*file_, 0, std::string(8192, 'a')).ok());
    EXPECT_TRUE(simulation_.Run(file_->Sync()).ok());
    EXPECT_TRUE(simulation_.Run(files().SyncDirectory("/")).ok());
    auto region = simulation_.Run(file_->Map(8192));
    EXPECT_TRUE(region.ok()) << region.status();
    region_ = *std::move(region);
  }
  void Store(std::size_t offset, std::string_view bytes) {
    std::memcpy(region_->bytes().data() + offset, bytes.data(), bytes.size());
  }
  std::set<std::string> Outcomes(const CrashMode& mode, std::size_t size) {
    std::set<std::string> outcomes;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      outcomes.insert(simulation_.disk().CrashImage(mode, seed).ReadFile("/a")->substr(0, size));
    }
    return outcomes;
  }

  std::unique_ptr<File> file_;
  std::unique_ptr<MappedRegion> region_;
};

TEST_F(MappedRegionTest, TheDeathOfTheProcessKeepsWhatIsPublishedAndPerhapsTheRest) {
  Store(0, "pppp");
  ASSERT_TRUE(region_->Publish(0, 4).ok());
  Store(4, "uuuu");
  EXPECT_EQ(Outcomes(CrashMode::Process(), 8),
            (std::set<std::string>{"ppppaaaa", "ppppuaaa", "ppppuuaa", "ppppuuua", "ppppuuuu"}));
}

TEST_F(MappedRegionTest, TheDeathOfTheMachineTreatsStoresLikeUnsyncedWrites) {
  Store(0, std::string(512, 'p'));
  ASSERT_TRUE(region_->Publish(0, 512).ok());
  Store(512, std::string(512, 'u'));
  EXPECT_EQ(Outcomes({.writes = CrashMode::Writes::kNone}, 1024),
            std::set<std::string>{std::string(1024, 'a')});
  EXPECT_EQ(Outcomes({.writes = CrashMode::Writes::kSectors}, 1024).size(), 4u);
  ASSERT_TRUE(simulation_.Run(file_->Sync()).ok());
  EXPECT_EQ(Outcomes({.writes = CrashMode::Writes::kNone}, 1024),
            std::set<std::string>{std::string(512, 'p') + std::string(512, 'u')});
}

TEST_F(MappedRegionTest, PublishingIsAPersistenceEvent) {
  std::vector<std::string> events;
  simulation_.ObservePersistence(
      [&](const PersistenceEvent& event) { events.push_back(Describe(event.operation)); });
  Store(100, "xyz");
  ASSERT_TRUE(region_->Publish(100, 3).ok());
  EXPECT_EQ(events, std::vector<std::string>{"publish of /a at 100, 3 bytes"});
}

TEST_F(MappedRegionTest, ARegionThatLostAPageFailsForGood) {
  Fail(OperationKind::kPublish, EIO);
  Store(0, "x");
  EXPECT_TRUE(absl::IsUnavailable(region_->Publish(0, 1)));
  EXPECT_TRUE(absl::IsUnavailable(region_->Publish(100, 1)));
  EXPECT_EQ(Read(*file_).substr(0, 1), "a");
}

TEST_F(MappedRegionTest, TheRegionOfADeadProcessChangesNothing) {
  simulation_.CrashProcess();
  Store(0, "x");
  EXPECT_TRUE(IsCrash(region_->Publish(0, 1)));
  region_.reset();
  file_.reset();
  ASSERT_TRUE(simulation_.Restart().ok());
  EXPECT_EQ(image().ReadFile("/a")->substr(0, 1), "a");
}

// Misuse.

TEST(SimulatedFileSystemDeathTest, ABufferMustNotChangeWhileItIsWritten) {
  EXPECT_DEATH(
      {
        Simulation simulation(1);
        OpenOptions options;
        options.mode = OpenMode::kCreate;
        auto file = simulation.Run(simulation.files().Open("/a", options));
        std::string bytes(100, 'a');
        bool done = false;
        struct Writer {
          static Task<void> Main(File* file, const std::string* bytes, bool* done) {
            *done = (co_await file->Write(0, *bytes)).ok();
          }
        };
        simulation.Spawn(Writer::Main(file->get(), &bytes, &done));
        simulation.RunFor(absl::Nanoseconds(1));
        bytes[0] = 'b';
        simulation.RunUntilIdle();
      },
      "a buffer was changed");
}

TEST(SimulatedFileSystemDeathTest, AFileMustOutliveItsOperations) {
  EXPECT_DEATH(
      {
        Simulation simulation(1);
        OpenOptions options;
        options.mode = OpenMode::kCreate;
        auto file = simulation.Run(simulation.files().Open("/a", options));
        struct Syncer {
          static Task<void> Main(File* file) { (void)co_await file->Sync(); }
        };
        simulation.Spawn(Syncer::Main(file->get()));
        simulation.RunFor(absl::Nanoseconds(1));
        file->reset();
      },
      "while an operation is in flight");
}

}  // namespace
}  // namespace aurora
