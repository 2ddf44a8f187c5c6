// A database that an earlier build of this format version has made is read as it was.
#include <algorithm>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/coding.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/runtime/strings.h"
#include "aurora/tests/formats/golden_testing.h"
#include "gtest/gtest.h"
#include "xxhash.h"

namespace aurora::formats {
namespace {

constexpr char kGolden[] = "tests/formats/golden";

std::string DirectoryOf(std::uint32_t version) { return StrCat(kGolden, "/", version); }

class GoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTest, WhatWasWrittenOnceIsReadAsItWas) {
  const absl::StatusOr<GoldenDatabase> golden =
      ReadGolden(DirectoryOf(lsm::kFormatVersion), GetParam());
  ASSERT_TRUE(golden.ok()) << golden.status() << "\nno database of format version "
                           << lsm::kFormatVersion
                           << " is kept: bazel run //tests/formats:make_golden, and commit it";
  const absl::StatusOr<std::string> answers = ReadAnswers(golden->image);
  ASSERT_TRUE(answers.ok()) << answers.status()
                            << "\nthe format has changed: raise kFormatVersion of "
                               "lsm/manifest_format.h (docs/testing.md)";
  EXPECT_EQ(*answers, golden->answers);
  EXPECT_GT(std::count(answers->begin(), answers->end(), '\n'), 100);
}

TEST_P(GoldenTest, ItIsMadeOfEverything) {
  const absl::StatusOr<GoldenDatabase> golden =
      ReadGolden(DirectoryOf(lsm::kFormatVersion), GetParam());
  ASSERT_TRUE(golden.ok()) << golden.status();
  int tables = 0;
  int logs = 0;
  for (const std::string& path : golden->image.Files()) {
    tables += path.ends_with(".table") ? 1 : 0;
    logs += path.ends_with(".log") ? 1 : 0;
  }
  EXPECT_GE(tables, 2);
  EXPECT_GE(logs, 1);
}

INSTANTIATE_TEST_SUITE_P(Closed, GoldenTest, testing::Values("closed"));
INSTANTIATE_TEST_SUITE_P(Killed, GoldenTest, testing::Values("killed"));

void ExpectRefused(const DiskImage& image, std::uint32_t version) {
  const absl::Status refused = ReadAnswers(image).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_NE(refused.ToString().find(StrCat("format version ", version,
                                           "; this program reads and writes version ",
                                           lsm::kFormatVersion)),
            std::string::npos)
      << refused;
}

// Until 1.0 a database of another version is not read; but it is told from a damaged one.
TEST(GoldenVersionsTest, EveryOtherVersionIsRefusedByItsNumber) {
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    const std::string name = entry.path().filename();
    const auto version = static_cast<std::uint32_t>(std::stoul(name));
    if (version == lsm::kFormatVersion) continue;
    const absl::StatusOr<GoldenDatabase> golden = ReadGolden(entry.path(), "closed");
    ASSERT_TRUE(golden.ok()) << golden.status();
    ExpectRefused(golden->image, version);
  }
}

// The manifest in force, as another version would have written it: nothing but the number differs.
TEST(GoldenVersionsTest, ALaterVersionIsRefusedByItsNumber) {
  absl::StatusOr<GoldenDatabase> golden = ReadGolden(DirectoryOf(lsm::kFormatVersion), "closed");
  ASSERT_TRUE(golden.ok()) << golden.status();
  DiskImage& image = golden->image;
  std::string manifest;
  for (const std::string& path : image.Files()) {
    if (path.find("/MANIFEST-") != std::string::npos) manifest = std::max(manifest, path);
  }
  ASSERT_FALSE(manifest.empty());
  const std::uint64_t number = std::stoull(manifest.substr(manifest.rfind('-') + 1));
  const std::string before = *image.ReadFile(manifest);
  const std::size_t size = lsm::LoadFixed<std::uint32_t>(before.data() + 4);
  bool found = false;
  // The version is one of the words of the first edit.
  for (std::size_t at = 0; at + 4 <= size && !found; at += 4) {
    std::string frame = before.substr(0, lsm::kManifestFrameHeaderSize + size);
    char* const payload = frame.data() + lsm::kManifestFrameHeaderSize;
    if (lsm::LoadFixed<std::uint32_t>(payload + at) != lsm::kFormatVersion) continue;
    lsm::StoreFixed(payload + at, lsm::kFormatVersion + 1);
    const std::uint64_t seed = number * 0x9E3779B97F4A7C15u;
    lsm::StoreFixed<std::uint64_t>(frame.data() + 16, XXH3_64bits_withSeed(payload, size, seed));
    lsm::StoreFixed<std::uint64_t>(frame.data() + 24, XXH3_64bits_withSeed(frame.data(), 24, seed));
    const absl::Status decoded = lsm::DecodeManifest(manifest, number, frame).status();
    found = absl::IsFailedPrecondition(decoded);
    if (found) ASSERT_TRUE(image.WriteFile(manifest, frame).ok());
  }
  ASSERT_TRUE(found);
  ExpectRefused(image, lsm::kFormatVersion + 1);
}

}  // namespace
}  // namespace aurora::formats
