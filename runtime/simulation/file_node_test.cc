#include "aurora/runtime/simulation/file_node.h"

#include <cstdint>
#include <set>
#include <string>

#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

std::string All(const FileContents& contents) {
  std::string bytes(contents.size(), '#');
  contents.Read(0, bytes);
  return bytes;
}

std::string RandomBytes(Random& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next64());
  return bytes;
}

TEST(FileNodeTest, TheDeviceAndTheChangesGiveWhatTheCacheShows) {
  SeededRandom random(TestSeed());
  FileNode file;
  for (std::uint64_t order = 1; order < 2000; ++order) {
    const std::uint64_t offset = random.Below(5 * kPageSize);
    switch (random.Below(8)) {
      case 0:
        file.Resize(order, offset);
        break;
      case 1:
        file.Allocate(order, offset);
        break;
      case 2:
        file.Sync(order - random.Below(3));
        break;
      case 3:
        file.FailSync(order - random.Below(3), random);
        break;
      case 4:
      case 5:
        file.WriteDurably(order, offset, RandomBytes(random, 1 + random.Below(6000)));
        break;
      default:
        file.Write(order, offset, RandomBytes(random, 1 + random.Below(6000)));
    }
    FileContents replayed = file.durable();
    for (const FileChange& change : file.changes()) Apply(change, replayed);
    ASSERT_EQ(All(replayed), All(file.cached()));
    if (random.Below(10) == 0) file.Settle(file.cached());
  }
}

TEST(FileNodeTest, ASyncCoversTheWritesBeforeItAndNoOthers) {
  FileNode file;
  file.Write(1, 0, std::string("aaaa"));
  file.Write(2, 2, std::string("bb"));
  file.Write(3, 3, std::string("c"));
  file.Sync(3);
  EXPECT_EQ(All(file.durable()), "aabb");
  EXPECT_EQ(All(file.cached()), "aabc");
  file.Sync(4);
  EXPECT_EQ(All(file.durable()), "aabc");
  EXPECT_TRUE(file.changes().empty());
}

TEST(FileNodeTest, ADurableWriteSaysNothingOfOtherWrites) {
  FileNode file;
  file.Write(1, 0, std::string("aaaa"));
  file.WriteDurably(2, 8, std::string("bbbb"));
  EXPECT_EQ(All(file.durable()), std::string(8, '\0') + "bbbb");
  file.WriteDurably(3, 2, std::string("cc"));
  // It cannot be folded before the write that it covers in part; but it is certain to survive.
  ASSERT_EQ(file.changes().size(), 2u);
  EXPECT_EQ(file.changes()[0].state, FileChange::State::kDirty);
  EXPECT_EQ(file.changes()[1].state, FileChange::State::kDurable);
  EXPECT_EQ(All(file.cached()), "aacc" + std::string(4, '\0') + "bbbb");
}

TEST(FileNodeTest, AfterAFailedSyncALaterSyncProvesNothing) {
  std::set<std::string> cached;
  std::set<std::string> durable;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SeededRandom random(seed);
    FileNode file;
    file.Write(1, 0, std::string("old"));
    file.Sync(2);
    file.Write(2, 0, std::string("new"));
    file.FailSync(3, random);
    cached.insert(All(file.cached()));
    file.Sync(4);
    durable.insert(All(file.durable()));
  }
  // The cache may have dropped the write, or show it; and shown or not, it may never get there.
  EXPECT_EQ(cached, (std::set<std::string>{"old", "new"}));
  EXPECT_EQ(durable, (std::set<std::string>{"old", "new"}));
}

TEST(FileNodeTest, AFailedSyncKeepsTheSize) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SeededRandom random(seed);
    FileNode file;
    file.Write(1, 0, std::string(5000, 'x'));
    file.FailSync(2, random);
    EXPECT_EQ(file.cached().size(), 5000u);
  }
}

TEST(FileNodeTest, UnsyncedChangesAreBounded) {
  FileNode file;
  for (std::uint64_t order = 1; order <= 3 * FileNode::kChangesMax; ++order) {
    file.Write(order, order, std::string("x"));
    ASSERT_LE(file.changes().size(), FileNode::kChangesMax);
  }
  EXPECT_EQ(All(file.cached()), std::string(1, '\0') + std::string(3 * FileNode::kChangesMax, 'x'));
}

TEST(FileNodeTest, CorruptionAtRestOutlivesPendingChanges) {
  FileNode file;
  file.Write(1, 0, std::string("aaaa"));
  file.Sync(2);
  file.Write(2, 1, std::string("bb"));
  file.Corrupt(2, std::string("XX"));
  EXPECT_EQ(All(file.cached()), "abXX");
  EXPECT_EQ(All(file.durable()), "aaXX");
  file.Sync(3);
  EXPECT_EQ(All(file.durable()), "abXX");
}

}  // namespace
}  // namespace aurora
