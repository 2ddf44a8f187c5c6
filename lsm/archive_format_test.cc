#include "aurora/lsm/archive_format.h"

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

LogIdentity SomeIdentity() {
  LogIdentity identity;
  for (int i = 0; i < 16; ++i) identity.database_id[i] = static_cast<std::uint8_t>(i * 17);
  identity.epoch = 1234567;
  return identity;
}

std::string SomeFile() {
  ArchiveBuilder builder(SomeIdentity(), 7);
  builder.AddRecord(9, 1000, "first");
  ValueFileInfo values;
  values.id = 3;
  values.number = 44;
  values.size_bytes = 4096;
  values.hash = 0xABCDEF;
  builder.AddValueFile(12, values);
  builder.AddRecord(12, 3000, "");
  RecordFileReference file;
  file.number = 1000000;
  file.payload_bytes = 1 << 20;
  file.hash = 0x1234;
  builder.AddRecordFile(13, 2000, file);
  return builder.Finish(5);
}

absl::Status ReadAll(const std::string& bytes) {
  absl::StatusOr<ArchiveReader> reader = ArchiveReader::Open("file", bytes);
  if (!reader.ok()) return reader.status();
  for (;;) {
    const absl::StatusOr<bool> found = reader->Next();
    if (!found.ok()) return found.status();
    if (!*found) return absl::OkStatus();
  }
}

TEST(ArchiveFormatTest, WhatIsWrittenIsRead) {
  const std::string bytes = SomeFile();
  absl::StatusOr<ArchiveReader> reader = ArchiveReader::Open("file", bytes);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const ArchiveHeader& header = reader->header();
  EXPECT_EQ(header.identity.epoch, 1234567u);
  EXPECT_EQ(header.previous, 5u);
  EXPECT_EQ(header.after, 7u);
  EXPECT_EQ(header.first, 9u);
  EXPECT_EQ(header.last, 13u);
  EXPECT_EQ(header.record_count, 3u);
  EXPECT_EQ(header.first_micros, 1000);
  EXPECT_EQ(header.last_micros, 2000);
  EXPECT_EQ(header.greatest_micros, 3000);

  ASSERT_TRUE(*reader->Next());
  EXPECT_EQ(reader->entry().sequence, 9u);
  EXPECT_EQ(reader->entry().payload, "first");
  ASSERT_TRUE(*reader->Next());
  EXPECT_EQ(reader->entry().kind, ArchiveEntry::Kind::kValueFile);
  EXPECT_EQ(reader->entry().values.number, 44u);
  EXPECT_EQ(reader->entry().values.hash, 0xABCDEFu);
  ASSERT_TRUE(*reader->Next());
  EXPECT_EQ(reader->entry().sequence, 12u);
  EXPECT_EQ(reader->entry().micros, 3000);
  EXPECT_EQ(reader->entry().payload, "");
  ASSERT_TRUE(*reader->Next());
  EXPECT_EQ(reader->entry().kind, ArchiveEntry::Kind::kRecordFile);
  EXPECT_EQ(reader->entry().record.number, 1000000u);
  EXPECT_FALSE(*reader->Next());
}

TEST(ArchiveFormatTest, EveryFlippedBitAndEveryCutIsFound) {
  const std::string bytes = SomeFile();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      EXPECT_FALSE(ReadAll(flipped).ok()) << "byte " << i << " bit " << bit;
    }
    EXPECT_TRUE(absl::IsDataLoss(ReadAll(bytes.substr(0, i)))) << i;
  }
  EXPECT_TRUE(absl::IsDataLoss(ReadAll(bytes + "12345678")));
  EXPECT_TRUE(ReadAll(bytes).ok());
}

TEST(ArchiveFormatTest, NamesAreReadAsTheyAreMade) {
  const std::string lineage = LineageName(SomeIdentity());
  EXPECT_EQ(lineage, "00112233445566778899aabbccddeeff-00000000000001234567");
  const std::optional<LogIdentity> identity = ParseLineageName(lineage);
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(LineageName(*identity), lineage);

  ArchiveFileName log;
  log.first = 9;
  log.last = 13;
  EXPECT_EQ(FormatArchiveFileName(log), "00000000000000009-00000000000000013.archive");
  RecordFileReference record;
  record.number = 12345678;
  record.hash = 0xFF;
  const std::string name = FormatArchiveFileName(NameOfRecord(13, record));
  EXPECT_EQ(name, "00000000000000013-12345678-00000000000000ff.record");
  for (const std::string& each : {FormatArchiveFileName(log), name}) {
    const std::optional<ArchiveFileName> parsed = ParseArchiveFileName(each);
    ASSERT_TRUE(parsed.has_value()) << each;
    EXPECT_EQ(FormatArchiveFileName(*parsed), each);
  }
  for (const char* const other :
       {"", "LOCK", "00000000000000013-00000000000000009.archive", "9-13.archive",
        "00000000000000009-00000000000000013.archive.tmp",
        "00000000000000013-0012345678-00000000000000ff.record",
        "00000000000000000-00000000000000013.archive", "00000000000000013-000001-ff.values",
        "00000000000000013-000001-00000000000000FF.values"}) {
    EXPECT_FALSE(ParseArchiveFileName(other).has_value()) << other;
  }
  EXPECT_FALSE(ParseLineageName(lineage + "0").has_value());
  EXPECT_FALSE(ParseLineageName(lineage.substr(1)).has_value());
}

}  // namespace
}  // namespace aurora::lsm
