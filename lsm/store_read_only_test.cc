// Read-only opening: beside a writer, on media that cannot be written, beside a real process.
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/store_image.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/environment_with_files.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/forked_child.h"
#include "aurora/runtime/forwarding_file_system.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/system_environment.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr Durability kDurabilities[] = {Durability::kSync, Durability::kProcess,
                                        Durability::kBuffered};
constexpr OperationKind kChanges[] = {OperationKind::kCreate,
                                      OperationKind::kWrite,
                                      OperationKind::kWriteDurably,
                                      OperationKind::kSync,
                                      OperationKind::kTruncate,
                                      OperationKind::kAllocate,
                                      OperationKind::kRemove,
                                      OperationKind::kRename,
                                      OperationKind::kLink,
                                      OperationKind::kSyncDirectory,
                                      OperationKind::kCreateDirectory,
                                      OperationKind::kRemoveDirectory};

// Opens, checks that all that was acknowledged before is there, looks again later, closes.
Task<absl::Status> ReadOnce(Environment* environment, const StoreModel* writer,
                            std::uint64_t seed) {
  const std::unique_ptr<StoreModel> reader = writer->ForkReader(seed);
  AURORA_CO_RETURN_IF_ERROR(co_await reader->Open(environment));
  reader->Follow(*writer);
  absl::Status status = co_await reader->CheckRecovered(/*machine=*/false);
  if (status.ok()) {
    const absl::StatusOr<CommitResult> put = co_await reader->store().Put("k", "v");
    if (!absl::IsFailedPrecondition(put.status())) {
      status = InternalError("a write to a read-only store gave ", ToStd(put.status().ToString()));
    }
  }
  for (int i = 0; i < 3 && status.ok(); ++i) {
    AURORA_CO_RETURN_IF_ERROR(co_await environment->Sleep(absl::Milliseconds(2)));
    status = co_await reader->CheckAll();
  }
  const absl::Status closed = co_await reader->Close();
  co_return status.ok() ? closed : status;
}

Task<void> ReadRepeatedly(Environment* environment, const StoreModel* writer, std::uint64_t seed,
                          const bool* done, int* count, absl::Status* status) {
  while (!*done && status->ok()) {
    *status = co_await ReadOnce(environment, writer, seed + static_cast<std::uint64_t>(*count));
    ++*count;
  }
}

Task<void> WriteAll(StoreModel* model, bool* done, absl::Status* status) {
  for (int round = 0; round < 30 && status->ok(); ++round) {
    *status = co_await model->Steps(20);
    if (status->ok()) *status = co_await model->store().store().Flush();
  }
  if (status->ok()) *status = co_await model->store().store().Compact();
  *done = true;
}

TEST(StoreReadOnlyTest, SeesAllThatWasAcknowledgedBesideAWriter) {
  SeededRandom random(TestSeed());
  int opened = 0;
  for (std::size_t round = 0; round < 12; ++round) {
    Simulation simulation(random.Next64());
    StoreModel model(random.Next64(), SmallStoreOptions("/db", kDurabilities[round % 3]));
    ASSERT_TRUE(simulation.Run(model.Open(&simulation.environment())).ok());
    if (round % 4 < 2) {
      // Only the reader reads the log: it is so slow that segments are recycled under its eyes.
      FaultRule slow;
      slow.fault = Fault::Delay(absl::Milliseconds(10));
      slow.kinds = {OperationKind::kRead};
      slow.path = "*.log";
      slow.one_in = 5;
      slow.count = FaultRule::kForEver;
      simulation.faults().Add(slow);
    }
    bool done = false;
    absl::Status written;
    absl::Status read;
    std::vector<Task<void>> both;
    both.push_back(WriteAll(&model, &done, &written));
    both.push_back(
        ReadRepeatedly(&simulation.environment(), &model, random.Next64(), &done, &opened, &read));
    simulation.RunAll(std::move(both));
    EXPECT_TRUE(written.ok()) << written;
    EXPECT_TRUE(read.ok()) << read << " round " << round;
    ASSERT_TRUE(simulation.Run(model.Close()).ok());
  }
  EXPECT_GT(opened, 30);
}

TEST(StoreReadOnlyTest, WritesNothingAndWorksOnReadOnlyMedia) {
  SeededRandom random(TestSeed());
  for (std::size_t round = 0; round < 18; ++round) {
    Simulation simulation(random.Next64());
    const std::uint64_t seed = random.Next64();
    StoreModel model(seed, SmallStoreOptions("/db", kDurabilities[round % 3]));
    ASSERT_TRUE(simulation.Run(model.Open(&simulation.environment())).ok());
    ASSERT_TRUE(simulation.Run(model.Steps(60)).ok());
    const bool crash = round % 2 == 0;
    if (crash) simulation.CrashMachine(DrawCrashMode(random));
    const absl::Status closed = simulation.Run(model.Close());
    EXPECT_EQ(closed.ok(), !crash) << closed;
    ASSERT_TRUE(simulation.RunUntilIdle());
    if (crash) {
      ASSERT_TRUE(simulation.Restart().ok());
    }
    const std::uint64_t before = simulation.disk().image().Hash();
    FaultRule rule;
    rule.fault = Fault::Error(EROFS);
    rule.kinds.assign(std::begin(kChanges), std::end(kChanges));
    rule.count = FaultRule::kForEver;
    const std::size_t id = simulation.faults().Add(rule);
    const std::unique_ptr<StoreModel> reader = model.ForkReader(seed);
    absl::Status status = simulation.Run(reader->Open(&simulation.environment()));
    ASSERT_TRUE(status.ok()) << status;
    status = simulation.Run(reader->CheckRecovered(/*machine=*/true));
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_TRUE(simulation.Run(reader->Close()).ok());
    EXPECT_EQ(simulation.faults().matched(id), 0u);
    EXPECT_EQ(simulation.disk().image().Hash(), before);
  }
}

class ReadOnlyErrorTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<KvStore>> Open(bool read_only) {
    StoreOptions options = SmallStoreOptions("/db", Durability::kSync);
    options.read_only = read_only;
    options.memtable_bytes = 1u << 20;  // all of it stays in the log
    return simulation_.Run(KvStore::Open(simulation_.environment(), std::move(options)));
  }
  Simulation simulation_{TestSeed()};
};

TEST_F(ReadOnlyErrorTest, WhatChangesTheDatabaseIsRefused) {
  EXPECT_TRUE(absl::IsNotFound(Open(true).status()));
  {
    const auto store = Open(false);
    ASSERT_TRUE(store.ok());
    ASSERT_TRUE(simulation_.Run((*store)->Put("a", "1")).ok());
    ASSERT_TRUE(simulation_.Run((*store)->Close()).ok());
  }
  const auto store = Open(true);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation_.Run((*store)->Put("a", "2")).status()));
  // Nor is there a log to wait for.
  const WriteBatch nothing;
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation_.Run((*store)->Write(nothing)).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation_.Run((*store)->store().Flush())));
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation_.Run((*store)->store().Compact())));
  EXPECT_TRUE(absl::IsFailedPrecondition(simulation_.Run((*store)->store().Capture()).status()));
  EXPECT_TRUE(simulation_.Run((*store)->store().WaitIdle()).ok());
  EXPECT_TRUE((*store)->store().status().ok());
  EXPECT_EQ((*store)->store().Stats().published, 1u);
  const auto value = simulation_.Run((*store)->Get("a"));
  ASSERT_TRUE(value.ok() && value->has_value());
  EXPECT_EQ((*value)->view(), "1");
  EXPECT_TRUE(simulation_.Run((*store)->Close()).ok());
}

TEST_F(ReadOnlyErrorTest, DamageIsReportedAtOnce) {
  {
    const auto store = Open(false);
    ASSERT_TRUE(store.ok());
    // So few that they stay in the log.
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(simulation_.Run((*store)->Put("key" + std::to_string(i), "v")).ok());
    }
    ASSERT_TRUE(simulation_.Run((*store)->Close()).ok());
  }
  for (const std::string& path : simulation_.disk().image().Files()) {
    if (path.find("0000000001.log") == std::string::npos) continue;
    ASSERT_TRUE(simulation_.disk().image().FlipBit(path, 3 * 4096 + 20, 1).ok());
  }
  EXPECT_TRUE(absl::IsDataLoss(Open(true).status())) << Open(true).status();
}

// In one listing of the log a spare segment more, which its writer removes before it is opened.
class PassingSpareFileSystem final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  void ShowIn(int listing) { show_in_ = listing; }
  bool shown() const { return show_in_ < 0; }

  Task<absl::StatusOr<std::vector<DirectoryEntry>>> List(std::string path) override {
    AURORA_CO_ASSIGN(std::vector<DirectoryEntry> entries,
                     co_await ForwardingFileSystem::List(path));
    if (path.ends_with(kLogDirectoryName) && --show_in_ == -1) {
      entries.push_back({.name = SegmentFileName(77)});
    }
    co_return entries;
  }

 private:
  int show_in_ = 0;  // listings until then
};

TEST_F(ReadOnlyErrorTest, ASpareSegmentThatComesAndGoesIsNoError) {
  {
    const auto store = Open(false);
    ASSERT_TRUE(store.ok());
    ASSERT_TRUE(simulation_.Run((*store)->Put("a", "1")).ok());
    ASSERT_TRUE(simulation_.Run((*store)->Close()).ok());
  }
  StoreOptions options = SmallStoreOptions("/db", Durability::kSync);
  options.read_only = true;
  int shown = 0;
  for (int listing = 0; listing < 3; ++listing) {
    PassingSpareFileSystem files(simulation_.environment().files());
    EnvironmentWithFiles environment(simulation_.environment(), files);
    files.ShowIn(listing);
    const auto store = simulation_.Run(KvStore::Open(environment, options));
    ASSERT_TRUE(store.ok()) << "listing " << listing << ": " << store.status();
    EXPECT_TRUE(simulation_.Run((*store)->Close()).ok());
    shown += files.shown() ? 1 : 0;
  }
  EXPECT_GE(shown, 2);
}

// --- A real process beside a real process. ---

StoreOptions RealOptions(std::string directory, Durability durability) {
  StoreOptions options;
  options.directory = std::move(directory);
  options.durability = durability;
  options.memtable_bytes = 256u << 10;
  options.log_segment_bytes = 256u << 10;
  options.table_bytes = 128u << 10;
  return options;
}

Task<absl::Status> WriteForEver(Environment* environment, StoreOptions options,
                                ForkedChild* parent) {
  AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                   co_await KvStore::Open(*environment, std::move(options)));
  parent->Tell();
  for (int i = 0;; ++i) {
    const std::string number = std::to_string(i);
    WriteBatch batch;
    batch.Put("newest", number);
    batch.Put("key" + std::to_string(i % 5000), number + std::string(100, 'x'));
    AURORA_CO_RETURN_IF_ERROR(co_await store->Write(batch));
  }
}

Task<absl::StatusOr<int>> ReadNewest(Environment* environment, StoreOptions options) {
  options.read_only = true;
  AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                   co_await KvStore::Open(*environment, std::move(options)));
  int newest = -1;
  absl::Status status;
  const absl::StatusOr<std::optional<PinnedValue>> value = co_await store->Get("newest");
  if (!value.ok()) status = value.status();
  if (value.ok() && value->has_value()) newest = std::stoi(std::string((*value)->view()));
  // Every commit is there whole, and the ones before it too.
  for (int i = std::max(0, newest - 4999); i <= newest && status.ok(); ++i) {
    const std::string key = "key" + std::to_string(i % 5000);
    const absl::StatusOr<std::optional<PinnedValue>> found = co_await store->Get(key);
    if (!found.ok()) {
      status = found.status();
    } else if (!found->has_value() || std::stoi(std::string((*found)->view())) != i) {
      status = InternalError("commit ", i, " of ", newest, " is not there");
    }
  }
  const absl::Status closed = co_await store->Close();
  AURORA_CO_RETURN_IF_ERROR(status);
  AURORA_CO_RETURN_IF_ERROR(closed);
  co_return newest;
}

TEST(StoreReadOnlyProcessTest, ReadsBesideAnotherProcessThatWritesFlushesAndCompacts) {
  for (const Durability durability : {Durability::kProcess, Durability::kSync}) {
    const std::string directory =
        testing::TempDir() + "read_only_" + std::to_string(static_cast<int>(durability));
    std::filesystem::remove_all(directory);
    const StoreOptions options = RealOptions(directory, durability);
    ForkedChild writer([&options](ForkedChild& self) {
      const absl::StatusOr<std::shared_ptr<Environment>> environment = MakeSystemEnvironment();
      ASSERT_TRUE(environment.ok());
      const absl::Status status = BlockOn(WriteForEver(environment->get(), options, &self));
      EXPECT_TRUE(status.ok()) << status;
    });
    writer.Await();
    const absl::StatusOr<std::shared_ptr<Environment>> environment = MakeSystemEnvironment();
    ASSERT_TRUE(environment.ok()) << environment.status();
    int last = -1;
    int grown = 0;
    // On a busy machine the writer may need some time for a few commits.
    for (int i = 0; i < 40 || (grown < 8 && i < 20'000); ++i) {
      const absl::StatusOr<int> newest = BlockOn(ReadNewest(environment->get(), options));
      ASSERT_TRUE(newest.ok()) << newest.status() << " after " << last;
      EXPECT_GE(*newest, last);
      if (*newest > last) ++grown;
      last = *newest;
    }
    EXPECT_GE(grown, 8);
    writer.Kill();
    const absl::StatusOr<int> newest = BlockOn(ReadNewest(environment->get(), options));
    ASSERT_TRUE(newest.ok()) << newest.status();
    EXPECT_GE(*newest, last);
  }
}

}  // namespace
}  // namespace aurora::lsm
