#include "aurora/lsm/backup_format.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

BackupContents Sample() {
  BackupContents contents;
  contents.created_micros = 1'700'000'000'000'000;
  contents.label = "nightly";
  contents.sequence = 77;
  contents.state.identity.epoch = 9;
  contents.state.identity.database_id[0] = 42;
  contents.state.flushed_through = 70;
  contents.state.reserved_through = 1000;
  contents.state.next_file_number = 13;
  contents.state.log_start_segment = 3;
  TableInfo table;
  table.number = 12;
  table.size_bytes = 4096;
  table.hash = 0xABCDEF;
  table.smallest_key = "a";
  table.largest_key = "b";
  contents.state.tables[12] = table;
  contents.log = {{3, 8192, 1, 65536}, {5, 4104, 2, 65536}};
  return contents;
}

TEST(BackupFormatTest, WhatIsEncodedIsDecoded) {
  const BackupContents before = Sample();
  const auto after = DecodeBackup("file", 7, EncodeBackup(7, before));
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->label, before.label);
  EXPECT_EQ(after->created_micros, before.created_micros);
  EXPECT_EQ(after->sequence, before.sequence);
  EXPECT_EQ(after->log, before.log);
  EXPECT_EQ(after->state.tables, before.state.tables);
  EXPECT_EQ(after->state.identity.epoch, 9u);
  EXPECT_EQ(after->state.log_start_segment, 3u);
}

TEST(BackupFormatTest, AnyFlippedBitAndAnyOtherIdAndAnyCutIsDataLoss) {
  const std::string bytes = EncodeBackup(7, Sample());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      EXPECT_TRUE(absl::IsDataLoss(DecodeBackup("file", 7, damaged).status()));
    }
    EXPECT_TRUE(absl::IsDataLoss(DecodeBackup("file", 7, bytes.substr(0, i)).status()));
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeBackup("file", 8, bytes).status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeBackup("file", 7, bytes + std::string(8, '\0')).status()));
}

TEST(BackupFormatTest, ImpossibleSegmentsAreDataLoss) {
  for (const BackupLogPart& part :
       {BackupLogPart{0, 8192, 1, 65536}, BackupLogPart{3, 8192, 1, 65536},
        BackupLogPart{6, 100, 1, 65536}, BackupLogPart{6, 8192, 1, 4096},
        BackupLogPart{6, 8192, 1, 65537}, BackupLogPart{6, 8192, 1, std::uint64_t{1} << 40}}) {
    BackupContents contents = Sample();
    contents.log.push_back(part);
    const absl::Status status = DecodeBackup("file", 7, EncodeBackup(7, contents)).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << part.number << " " << status;
  }
}

TEST(BackupFormatTest, OnlyOurNamesAreRead) {
  EXPECT_EQ(BackupFileName(7), "000007.backup");
  EXPECT_EQ(ParseBackupFileName("000007.backup"), 7u);
  EXPECT_EQ(ParseBackupFileName("1234567.backup"), 1'234'567u);
  for (const char* const name : {"7.backup", "000000.backup", "000007.backup.tmp", "00007.backup",
                                 "000007", "-00007.backup", "", "000007.backup ", "x.backup"}) {
    EXPECT_EQ(ParseBackupFileName(name), 0u) << name;
  }
}

TEST(BackupFormatTest, ASharedFileIsNamedByNumberAndHash) {
  const std::vector<BackupFile> files = FilesOf(Sample());
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].name, "000012-0000000000abcdef.table");
  EXPECT_EQ(files[1].name, "000003-0000000000000001.log");
  EXPECT_EQ(files[1].bytes, 8192u);
}

}  // namespace
}  // namespace aurora::lsm
