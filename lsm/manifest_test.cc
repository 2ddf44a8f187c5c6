#include "aurora/lsm/manifest.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "aurora/runtime/block_on.h"
#include "aurora/runtime/thread_file_system.h"

namespace aurora::lsm {
namespace {

TableInfo Table(std::uint64_t number) {
  TableInfo table;
  table.number = number;
  table.size_bytes = 10;
  table.smallest_key = "a";
  table.largest_key = "b";
  return table;
}

ManifestEdit Adds(std::uint64_t number) {
  ManifestEdit edit;
  edit.next_file_number = number + 1;
  edit.added_tables.push_back(Table(number));
  return edit;
}

class ManifestTest : public testing::Test {
 protected:
  ManifestTest() {
    directory_ = testing::TempDir() + "/manifest_test_" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directory(directory_);
  }
  ~ManifestTest() override { std::filesystem::remove_all(directory_); }

  std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      names.insert(entry.path().filename());
    }
    return names;
  }
  std::unique_ptr<Manifest> Create(std::uint64_t number,
                                   std::uint64_t roll_bytes = Manifest::kRollBytes) {
    auto manifest =
        BlockOn(Manifest::Create(files_.get(), directory_, number, ManifestState(), roll_bytes));
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    return *std::move(manifest);
  }
  absl::StatusOr<std::optional<Manifest::Recovered>> Recover() {
    return BlockOn(Manifest::Recover(files_.get(), directory_));
  }

  std::unique_ptr<FileSystem> files_ = MakeThreadFileSystem();
  std::string directory_;
};

TEST_F(ManifestTest, ADirectoryWithoutARootHasNone) {
  const auto recovered = Recover();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_FALSE(recovered->has_value());
}

TEST_F(ManifestTest, WhatWasAppendedIsRecovered) {
  const auto manifest = Create(1);
  ASSERT_TRUE(BlockOn(manifest->Append(Adds(1))).ok());
  ASSERT_TRUE(BlockOn(manifest->Append(Adds(2))).ok());
  const auto recovered = Recover();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  ASSERT_TRUE(recovered->has_value());
  EXPECT_EQ((*recovered)->number, 1u);
  EXPECT_TRUE((*recovered)->manifest.state.tables == manifest->state().tables);
  EXPECT_EQ((*recovered)->manifest.state.tables.size(), 2u);
}

TEST_F(ManifestTest, RollsWhenItHasGrownAndKeepsTwoGenerations) {
  const auto manifest = Create(1, 1000);
  for (std::uint64_t i = 1; i <= 100; ++i) ASSERT_TRUE(BlockOn(manifest->Append(Adds(i))).ok());
  EXPECT_GT(manifest->number(), 3u);
  EXPECT_EQ(Names().size(), 4u);
  const auto recovered = Recover();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ((*recovered)->number, manifest->number());
  EXPECT_EQ((*recovered)->manifest.state.tables.size(), 100u);
}

TEST_F(ManifestTest, AManifestWithoutARootIsNotInForceAndIsReplaced) {
  Create(1);
  std::ofstream(directory_ + "/MANIFEST-000002") << "half a manifest";
  EXPECT_EQ((*Recover())->number, 1u);
  Create(2);
  EXPECT_EQ((*Recover())->number, 2u);
}

TEST_F(ManifestTest, ARootWithoutItsManifestIsDataLoss) {
  Create(1);
  std::filesystem::remove(directory_ + "/MANIFEST-000001");
  EXPECT_EQ(Recover().status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace aurora::lsm
