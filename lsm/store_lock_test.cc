// Nobody opens a store that is open already: not in this process, another, a forked one or another
// thread; not by another path; in no order of attempts.
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/forked_child.h"
#include "aurora/runtime/system_environment.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

using Kv = std::unique_ptr<KvStore>;

std::shared_ptr<Environment> MakeEnvironment() {
  absl::StatusOr<std::shared_ptr<Environment>> environment = MakeSystemEnvironment();
  EXPECT_TRUE(environment.ok()) << environment.status();
  return *std::move(environment);
}

absl::StatusOr<Kv> Open(Environment& environment, const std::string& directory) {
  StoreOptions options;
  options.directory = directory;
  options.memtable_bytes = 64u << 10;
  options.log_segment_bytes = 64u << 10;
  return BlockOn(KvStore::Open(environment, options));
}

class StoreLockTest : public testing::Test {
 protected:
  StoreLockTest() {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directory(root_);
  }
  ~StoreLockTest() override { std::filesystem::remove_all(root_); }

  // Expects that opening `directory` is refused, also again, and that the reason says `why`.
  static void ExpectRefused(Environment& environment, const std::string& directory,
                            const std::string& why = "held by") {
    for (int attempt = 0; attempt < 2; ++attempt) {
      absl::StatusOr<Kv> second = Open(environment, directory);
      EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << directory << second.status();
      EXPECT_NE(second.status().ToString().find(why), std::string::npos) << second.status();
      if (second.ok()) EXPECT_TRUE(BlockOn((*second)->Close()).ok());
    }
  }
  void ExpectRefusedInAnotherProcess() const {
    ForkedChild child([this](ForkedChild&) {
      const std::shared_ptr<Environment> environment = MakeEnvironment();
      ExpectRefused(*environment, directory_);
    });
    EXPECT_EQ(child.Wait(), 0);
  }

  const std::string root_ = testing::TempDir() + "store_lock";
  const std::string directory_ = root_ + "/db";
};

// Children are forked before this process has threads.
TEST_F(StoreLockTest, AnotherProcessIsRefusedUntilTheHolderIsGone) {
  ForkedChild holder([this](ForkedChild& self) {
    const std::shared_ptr<Environment> environment = MakeEnvironment();
    absl::StatusOr<Kv> store = Open(*environment, directory_);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(BlockOn((*store)->Put("key", "value")).ok());
    self.Tell();
    self.Await();
  });
  holder.Await();
  ExpectRefusedInAnotherProcess();
  {
    const std::shared_ptr<Environment> environment = MakeEnvironment();
    ExpectRefused(*environment, directory_);
  }
  // The refused attempts of two processes have taken nothing from the holder.
  ExpectRefusedInAnotherProcess();
  holder.Kill();
  const std::shared_ptr<Environment> environment = MakeEnvironment();
  absl::StatusOr<Kv> store = Open(*environment, directory_);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(BlockOn((*store)->Get("key"))->has_value());
  EXPECT_TRUE(BlockOn((*store)->Close()).ok());
}

TEST_F(StoreLockTest, WhateverThePathTheStoreIsTheSame) {
  ForkedChild other([this](ForkedChild& self) {
    self.Await();
    const std::shared_ptr<Environment> environment = MakeEnvironment();
    for (const std::string& path : {directory_, root_ + "/up/db"})
      ExpectRefused(*environment, path);
  });
  const std::shared_ptr<Environment> environment = MakeEnvironment();
  absl::StatusOr<Kv> store = Open(*environment, directory_);
  ASSERT_TRUE(store.ok()) << store.status();
  std::filesystem::create_directory_symlink(directory_, root_ + "/link");
  std::filesystem::create_directory_symlink(root_, root_ + "/up");
  const std::string relative = std::filesystem::relative(directory_);
  for (const std::string& path :
       {directory_, directory_ + "/", directory_ + "/.", root_ + "/../store_lock/db",
        root_ + "/up/db", root_ + "/link/", relative}) {
    ExpectRefused(*environment, path);
  }
  // A database is not opened through a link in place of its directory.
  ExpectRefused(*environment, root_ + "/link", "a database is a directory");
  other.Tell();
  EXPECT_EQ(other.Wait(), 0);
  EXPECT_TRUE(BlockOn((*store)->Put("key", "value")).ok());
  EXPECT_TRUE(BlockOn((*store)->Close()).ok());
}

// A copy of a directory made by hard links shares its lock file.
TEST_F(StoreLockTest, ADirectoryOfHardLinksIsTheSameStore) {
  const std::shared_ptr<Environment> environment = MakeEnvironment();
  absl::StatusOr<Kv> store = Open(*environment, directory_);
  ASSERT_TRUE(store.ok()) << store.status();
  const std::string twin = root_ + "/twin";
  std::filesystem::copy(
      directory_, twin,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::create_hard_links);
  ExpectRefused(*environment, twin);
  EXPECT_TRUE(BlockOn((*store)->Close()).ok());
}

TEST_F(StoreLockTest, OfManyThreadsOneOpensIt) {
  const std::shared_ptr<Environment> environment = MakeEnvironment();
  for (int round = 0; round < 5; ++round) {
    std::array<absl::StatusOr<Kv>, 4> opened;
    std::vector<std::thread> threads;
    for (absl::StatusOr<Kv>& each : opened) {
      threads.emplace_back([&] { each = Open(*environment, directory_); });
    }
    for (std::thread& thread : threads) thread.join();
    int winners = 0;
    for (absl::StatusOr<Kv>& each : opened) {
      if (each.ok()) {
        ++winners;
        EXPECT_TRUE(BlockOn((*each)->Close()).ok());
      } else {
        EXPECT_TRUE(absl::IsFailedPrecondition(each.status())) << each.status();
      }
    }
    EXPECT_EQ(winners, 1);
  }
}

TEST_F(StoreLockTest, AFailedOpenKeepsNobodyOut) {
  const std::shared_ptr<Environment> environment = MakeEnvironment();
  StoreOptions options;
  options.directory = directory_;
  options.log_segment_bytes = 1;
  EXPECT_FALSE(BlockOn(KvStore::Open(*environment, options)).ok());
  absl::StatusOr<Kv> store = Open(*environment, directory_);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(BlockOn((*store)->Close()).ok());
}

}  // namespace
}  // namespace aurora::lsm
