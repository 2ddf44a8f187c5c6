// A database that an earlier build has made is read as it was.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <ostream>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/coding.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/runtime/simulation/disk_image.h"
#include "aurora/runtime/strings.h"
#include "aurora/tests/formats/golden_testing.h"
#include "gtest/gtest.h"
#include "xxhash.h"

namespace aurora::formats {
namespace {

constexpr char kGolden[] = "tests/formats/golden";

std::string DirectoryOf(std::uint32_t version) { return StrCat(kGolden, "/", version); }

// Makes the manifest in force what a later version would have written: nothing but the number
// differs. False if it is not of `version`.
bool RaiseVersion(DiskImage* image, std::uint32_t version) {
  std::string manifest;
  for (const std::string& path : image->Files()) {
    if (path.find("/MANIFEST-") != std::string::npos) manifest = std::max(manifest, path);
  }
  if (manifest.empty()) return false;
  const std::uint64_t number = std::stoull(manifest.substr(manifest.rfind('-') + 1));
  const std::string before = *image->ReadFile(manifest);
  const std::size_t size = lsm::LoadFixed<std::uint32_t>(before.data() + 4);
  // The version is one of the words of the first edit.
  for (std::size_t at = 0; at + 4 <= size; at += 4) {
    std::string frame = before.substr(0, lsm::kManifestFrameHeaderSize + size);
    char* const payload = frame.data() + lsm::kManifestFrameHeaderSize;
    if (lsm::LoadFixed<std::uint32_t>(payload + at) != version) continue;
    lsm::StoreFixed(payload + at, lsm::kFormatVersion + 1);
    const std::uint64_t seed = number * 0x9E3779B97F4A7C15u;
    lsm::StoreFixed<std::uint64_t>(frame.data() + 16, XXH3_64bits_withSeed(payload, size, seed));
    lsm::StoreFixed<std::uint64_t>(frame.data() + 24, XXH3_64bits_withSeed(frame.data(), 24, seed));
    const absl::Status decoded = lsm::DecodeManifest(manifest, number, frame).status();
    if (absl::IsFailedPrecondition(decoded)) return image->WriteFile(manifest, frame).ok();
  }
  return false;
}

struct Golden {
  std::uint32_t version;
  const char* name;
};

void PrintTo(const Golden& golden, std::ostream* out) {
  *out << golden.name << " of version " << golden.version;
}

class GoldenTest : public testing::TestWithParam<Golden> {
 protected:
  void SetUp() override {
    const auto& [version, name] = GetParam();
    golden_ = ReadGolden(DirectoryOf(version), name);
    ASSERT_TRUE(golden_.ok()) << golden_.status() << "\nno database of format version " << version
                              << " is kept: bazel run //tests/formats:make_golden, and commit it";
  }
  absl::StatusOr<GoldenDatabase> golden_;
};

TEST_P(GoldenTest, WhatWasWrittenOnceIsReadAsItWas) {
  const absl::StatusOr<GoldenDatabase> read = ReadAnswers(GetParam().name, golden_->image);
  ASSERT_TRUE(read.ok()) << read.status()
                         << "\nthe format has changed: raise kFormatVersion of "
                            "lsm/manifest_format.h (docs/testing.md)";
  EXPECT_EQ(read->answers, golden_->answers);
  EXPECT_GT(std::count(read->answers.begin(), read->answers.end(), '\n'), 100);
  // What is there now is of the newest version, with tables of the old one.
  const absl::StatusOr<GoldenDatabase> again = ReadAnswers(GetParam().name, read->image);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->answers, golden_->answers);
  DiskImage later = read->image;
  EXPECT_TRUE(RaiseVersion(&later, lsm::kFormatVersion));
}

TEST_P(GoldenTest, ItIsMadeOfEverything) {
  int tables = 0;
  int logs = 0;
  int value_files = 0;
  int records = 0;
  for (const std::string& path : golden_->image.Files()) {
    tables += path.ends_with(".table") ? 1 : 0;
    logs += path.ends_with(".log") ? 1 : 0;
    value_files += path.ends_with(".values") ? 1 : 0;
    records += path.ends_with(".record") ? 1 : 0;
  }
  const bool is_log_alone = std::string_view(GetParam().name) == "large";
  EXPECT_GE(tables, is_log_alone ? 0 : 2);
  EXPECT_GE(logs, 1);
  // Value files and record files are of version 3; what is ingested has none.
  const bool is_ingested = std::string_view(GetParam().name) == "ingested";
  EXPECT_EQ(value_files > 0, GetParam().version >= 3 && !is_log_alone && !is_ingested);
  EXPECT_EQ(records, is_log_alone ? 1 : 0);
}

INSTANTIATE_TEST_SUITE_P(Version1, GoldenTest,
                         testing::Values(Golden{1, "closed"}, Golden{1, "killed"}));
INSTANTIATE_TEST_SUITE_P(Version2, GoldenTest,
                         testing::Values(Golden{2, "closed"}, Golden{2, "killed"},
                                         Golden{2, "store"}));
INSTANTIATE_TEST_SUITE_P(Version3, GoldenTest,
                         testing::Values(Golden{3, "closed"}, Golden{3, "killed"},
                                         Golden{3, "store"}, Golden{3, "ingested"},
                                         Golden{3, "large"}, Golden{3, "expiring"}));

TEST(GoldenVersionsTest, EveryVersionIsKeptAndNoOther) {
  std::set<std::uint32_t> versions;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    versions.insert(static_cast<std::uint32_t>(std::stoul(entry.path().filename())));
  }
  std::set<std::uint32_t> expected;
  for (std::uint32_t version = lsm::kOldestFormatVersion; version <= lsm::kFormatVersion; ++version)
    expected.insert(version);
  EXPECT_EQ(versions, expected);
}

TEST(GoldenVersionsTest, ALaterVersionIsRefusedByItsNumber) {
  absl::StatusOr<GoldenDatabase> golden = ReadGolden(DirectoryOf(lsm::kFormatVersion), "closed");
  ASSERT_TRUE(golden.ok()) << golden.status();
  ASSERT_TRUE(RaiseVersion(&golden->image, lsm::kFormatVersion));
  const absl::Status refused = ReadAnswers("closed", golden->image).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_NE(refused.ToString().find(StrCat("format version ", lsm::kFormatVersion + 1,
                                           "; this program reads versions ",
                                           lsm::kOldestFormatVersion, " to ", lsm::kFormatVersion)),
            std::string::npos)
      << refused;
}

}  // namespace
}  // namespace aurora::formats
