#include "aurora/lsm/table_format.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/coding.h"
#include "gtest/gtest.h"
#include "xxhash.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kFileBytes = 8192;
constexpr std::size_t kVersionOffset = 8;
constexpr std::size_t kReservedOffset = 112;
constexpr std::size_t kChecksumOffset = 120;

TableFooter Footer(bool has_filter, bool has_range_deletes) {
  TableFooter footer;
  footer.identity.database_id.fill(3);
  footer.identity.file_number = 7;
  footer.file_bytes = kFileBytes;
  std::uint64_t offset = 1000;
  const auto next = [&offset] {
    const BlockHandle handle{offset, 100, 100};
    offset = handle.end();
    return handle;
  };
  if (has_filter) footer.filter = next();
  footer.index = next();
  if (has_range_deletes) footer.range_deletes = next();
  footer.properties = next();
  return footer;
}

// The bytes of a footer, one u32 of which is another.
std::string Bytes(const TableFooter& footer, std::size_t at, std::uint32_t value) {
  std::string bytes;
  AppendFooter(footer, &bytes);
  StoreFixed(bytes.data() + at, value);
  StoreFixed<std::uint64_t>(bytes.data() + kChecksumOffset,
                            XXH3_64bits(bytes.data(), kChecksumOffset));
  return bytes;
}

absl::Status Parsed(const std::string& bytes) { return ParseAnyFooter(bytes, kFileBytes).status(); }

TEST(TableFormatTest, AFooterIsReadAsItWasWritten) {
  for (const bool has_filter : {false, true}) {
    for (const bool has_range_deletes : {false, true}) {
      const TableFooter footer = Footer(has_filter, has_range_deletes);
      std::string bytes;
      AppendFooter(footer, &bytes);
      const absl::StatusOr<TableFooter> read = ParseFooter(bytes, kFileBytes, footer.identity);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->filter, footer.filter);
      EXPECT_EQ(read->index, footer.index);
      EXPECT_EQ(read->range_deletes, footer.range_deletes);
      EXPECT_EQ(read->properties, footer.properties);
    }
  }
}

TEST(TableFormatTest, TheVersionBeforeRangeDeletesIsReadAndHasNone) {
  const std::uint32_t version = kOldestTableFormatVersion;
  EXPECT_TRUE(Parsed(Bytes(Footer(true, false), kVersionOffset, version)).ok());
  const absl::Status refused = Parsed(Bytes(Footer(true, true), kVersionOffset, version));
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
}

TEST(TableFormatTest, AnotherVersionIsNoDamageAndNamed) {
  for (const std::uint32_t version : {kOldestTableFormatVersion - 1, kTableFormatVersion + 1}) {
    const absl::Status refused = Parsed(Bytes(Footer(true, true), kVersionOffset, version));
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_NE(refused.message().find(std::to_string(version)), absl::string_view::npos) << refused;
  }
}

TEST(TableFormatTest, WhatIsReservedMustBeZero) {
  const absl::Status refused = Parsed(Bytes(Footer(true, true), kReservedOffset, 1));
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
}

TEST(TableFormatTest, PartsThatDoNotFollowEachOtherAreDamage) {
  for (int part = 0; part < 4; ++part) {
    TableFooter footer = Footer(true, true);
    BlockHandle* const parts[] = {&footer.filter, &footer.index, &footer.range_deletes,
                                  &footer.properties};
    ++parts[part]->offset;
    std::string bytes;
    AppendFooter(footer, &bytes);
    EXPECT_TRUE(absl::IsDataLoss(Parsed(bytes))) << part;
  }
}

}  // namespace
}  // namespace aurora::lsm
