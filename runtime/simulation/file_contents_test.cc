#include "aurora/runtime/simulation/file_contents.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

std::string All(const FileContents& contents) {
  std::string bytes(contents.size(), '#');
  EXPECT_EQ(contents.Read(0, bytes), bytes.size());
  return bytes;
}

void ChangeAtRandom(Random& random, FileContents& contents, std::string& model) {
  const std::uint64_t offset = random.Below(5 * kPageSize);
  switch (random.Below(6)) {
    case 0:
      contents.Resize(offset);
      model.resize(offset);
      return;
    case 1:
      contents.Allocate(offset);
      model.resize(std::max<std::size_t>(model.size(), offset));
      return;
    default: {
      std::string bytes(1 + random.Below(2 * kPageSize), '\0');
      const bool zeros = random.Below(4) == 0;
      for (char& byte : bytes) byte = zeros ? '\0' : static_cast<char>(random.Next64());
      contents.Write(offset, bytes);
      model.resize(std::max(model.size(), offset + bytes.size()));
      model.replace(offset, bytes.size(), bytes);
    }
  }
}

TEST(FileContentsTest, BehavesLikeAStringAndCopiesAreIndependent) {
  SeededRandom random(TestSeed());
  std::vector<FileContents> contents(1);
  std::vector<std::string> models(1);
  for (int i = 0; i < 2000; ++i) {
    const std::size_t chosen = random.Below(contents.size());
    if (contents.size() < 6 && random.Below(20) == 0) {
      const FileContents copy = contents[chosen];
      const std::string model = models[chosen];
      contents.push_back(copy);
      models.push_back(model);
    }
    ChangeAtRandom(random, contents[chosen], models[chosen]);
    if (i % 50 != 0) continue;
    for (std::size_t j = 0; j < contents.size(); ++j) ASSERT_EQ(All(contents[j]), models[j]);
  }
}

TEST(FileContentsTest, SpaceIsCountedByThePage) {
  FileContents contents;
  contents.Write(3 * kPageSize + 1, std::string("x"));
  EXPECT_EQ(contents.allocated_pages(), 1u);
  EXPECT_EQ(contents.PagesNeeded(0, 4 * kPageSize), 3u);
  EXPECT_EQ(contents.PagesNeeded(3 * kPageSize, 1), 0u);
  contents.Resize(100 * kPageSize);
  EXPECT_EQ(contents.allocated_pages(), 1u);
  contents.Allocate(6 * kPageSize);
  EXPECT_EQ(contents.allocated_pages(), 6u);
  contents.Resize(kPageSize + 1);
  EXPECT_EQ(contents.allocated_pages(), 2u);
}

TEST(FileContentsTest, WhatWasCutOffDoesNotComeBack) {
  FileContents contents;
  contents.Write(0, std::string(100, 'x'));
  contents.Resize(10);
  contents.Resize(100);
  EXPECT_EQ(All(contents), std::string(10, 'x') + std::string(90, '\0'));
}

}  // namespace
}  // namespace aurora
