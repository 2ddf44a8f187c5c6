#include "aurora/lsm/manifest_format.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aurora/lsm/coding.h"
#include "aurora/lsm/manifest.capnp.h"
#include "capnp/message.h"
#include "capnp/serialize.h"
#include "kj/array.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kNumber = 7;

TableInfo Table(std::uint64_t number, int level) {
  TableInfo table;
  table.number = number;
  table.level = level;
  table.size_bytes = 1000 + number;
  table.hash = 0xABCD0000 + number;
  table.entry_count = 10 * number;
  table.delete_count = 3 * number;
  table.expiring_count = 4 * number;
  table.half_expired_at = static_cast<Expiry>(5 * number);
  table.smallest_key = std::string("\0key", 4) + std::to_string(number);
  table.largest_key = table.smallest_key + "z";
  table.smallest_sequence = number;
  table.largest_sequence = number + 5;
  return table;
}

TableInfo TableWithValues(std::uint64_t number, int level, std::uint64_t file) {
  TableInfo table = Table(number, level);
  table.values = {{file, number, 100 * number}};
  return table;
}

ValueFileInfo Values(std::uint64_t id, std::uint64_t number) {
  ValueFileInfo file;
  file.id = id;
  file.number = number;
  file.size_bytes = 8192;
  file.hash = 0xDCBA0000 + number;
  file.value_count = 15;
  file.stored_bytes = 1500;
  return file;
}

TEST(ManifestFormatTest, TablesOfAnIngestionAreReadAsTheyWereWritten) {
  std::vector<TableInfo> tables = {Table(3, 0), Table(4, 0)};
  tables[1].ingested_at = 77;
  const std::string bytes = EncodeTables(tables);
  const auto read = DecodeTables(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, tables);
  EXPECT_TRUE(absl::IsDataLoss(DecodeTables(bytes.substr(8)).status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeTables(bytes + "x").status()));
  tables[0].number = 0;
  EXPECT_TRUE(absl::IsDataLoss(DecodeTables(EncodeTables(tables)).status()));
}

ManifestState SomeState() {
  ManifestState state;
  for (int i = 0; i < 16; ++i) state.identity.database_id[i] = static_cast<std::uint8_t>(i + 1);
  state.identity.epoch = 3;
  state.boot_id = "boot";
  state.next_file_number = 100;
  state.tables[5] = TableWithValues(5, 1, 20);
  state.value_files[20] = {Values(20, 20), 5, 500};
  state.log_start_segment = 2;
  state.flushed_through = 50;
  state.reserved_through = 1000;
  state.handler_state = "handler";
  return state;
}

std::vector<ManifestEdit> SomeEdits() {
  std::vector<ManifestEdit> edits(4);
  edits[0].added_tables = {TableWithValues(10, 0, 20)};
  edits[0].added_value_files = {Values(30, 30)};
  edits[0].log_start_segment = 3;
  edits[0].flushed_through = 60;
  edits[0].handler_state = std::string("later\0", 6);
  edits[1].removed_tables = {5, 10};
  edits[1].added_tables = {TableWithValues(11, 1, 30)};
  edits[1].removed_value_files = {20};
  edits[2].reserved_through = 2000;
  edits[2].next_file_number = 200;
  edits[2].removed_value_files = {30};
  edits[2].added_value_files = {Values(30, 31)};
  edits[3].removed_tables = {11};
  edits[3].added_tables = {TableWithValues(11, 2, 30)};
  return edits;
}

// A manifest with the edits, and where each frame ends.
std::string Encode(std::vector<std::size_t>* ends) {
  std::string bytes;
  AppendSnapshotFrame(kNumber, SomeState(), &bytes);
  ends->push_back(bytes.size());
  std::uint64_t number = 0;
  for (const ManifestEdit& edit : SomeEdits()) {
    AppendEditFrame(kNumber, ++number, edit, &bytes);
    ends->push_back(bytes.size());
  }
  return bytes;
}

// The state after the first `count` edits, the snapshot not counted.
ManifestState StateAfter(std::size_t count) {
  ManifestState state = SomeState();
  const std::vector<ManifestEdit> edits = SomeEdits();
  for (std::size_t i = 0; i < count; ++i) EXPECT_TRUE(ApplyEdit(edits[i], &state).ok());
  return state;
}

void ExpectSame(const ManifestState& a, const ManifestState& b) {
  EXPECT_EQ(std::string(a.identity.database_id, a.identity.database_id + 16),
            std::string(b.identity.database_id, b.identity.database_id + 16));
  EXPECT_EQ(a.identity.epoch, b.identity.epoch);
  EXPECT_EQ(a.boot_id, b.boot_id);
  EXPECT_TRUE(a.tables == b.tables);
  EXPECT_TRUE(a.value_files == b.value_files);
  EXPECT_EQ(a.log_start_segment, b.log_start_segment);
  EXPECT_EQ(a.flushed_through, b.flushed_through);
  EXPECT_EQ(a.reserved_through, b.reserved_through);
  EXPECT_EQ(a.next_file_number, b.next_file_number);
  EXPECT_EQ(a.handler_state, b.handler_state);
}

TEST(ManifestFormatTest, WhatWasWrittenIsRead) {
  std::vector<std::size_t> ends;
  const std::string bytes = Encode(&ends);
  const auto decoded = DecodeManifest("M", kNumber, bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->edit_count, 5u);
  EXPECT_EQ(decoded->valid_bytes, bytes.size());
  EXPECT_EQ(decoded->cut_reason, "");
  ExpectSame(decoded->state, StateAfter(4));
}

TEST(ManifestFormatTest, ACleanCloseIsForgottenByTheNextEdit) {
  ManifestEdit close;
  close.closed_at = 0;
  std::string bytes;
  AppendSnapshotFrame(kNumber, SomeState(), &bytes);
  AppendEditFrame(kNumber, 1, close, &bytes);
  auto decoded = DecodeManifest("M", kNumber, bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->state.closed_at, Sequence{0});

  std::string reopened;
  AppendSnapshotFrame(kNumber, decoded->state, &reopened);
  EXPECT_EQ(DecodeManifest("M", kNumber, reopened)->state.closed_at, std::nullopt);
  AppendEditFrame(kNumber, 2, SomeEdits()[0], &bytes);
  decoded = DecodeManifest("M", kNumber, bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->state.closed_at, std::nullopt);
}

TEST(ManifestFormatTest, EveryPrefixGivesTheEditsThatAreWhole) {
  std::vector<std::size_t> ends;
  const std::string bytes = Encode(&ends);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = DecodeManifest("M", kNumber, bytes.substr(0, size));
    if (size < ends[0]) {
      EXPECT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << size;
      continue;
    }
    ASSERT_TRUE(decoded.ok()) << size << " " << decoded.status();
    std::size_t whole = 0;
    while (ends[whole + 1] <= size) ++whole;
    EXPECT_EQ(decoded->valid_bytes, ends[whole]);
    EXPECT_EQ(decoded->cut_reason.empty(), size == ends[whole]);
    ExpectSame(decoded->state, StateAfter(whole));
  }
}

// Replaces [begin, end) of the manifest and checks that the outcome is the whole state, the state
// without the last edit, or DataLoss, and never anything else.
void CheckDamage(std::string bytes, std::size_t begin, std::size_t end,
                 const std::vector<std::size_t>& ends) {
  const auto decoded = DecodeManifest("M", kNumber, bytes);
  if (!decoded.ok()) {
    EXPECT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << decoded.status();
    return;
  }
  EXPECT_GE(begin, ends[3]) << "damage of [" << begin << ", " << end
                            << ") before the last edit went unnoticed";
  EXPECT_NE(decoded->cut_reason, "");
  ExpectSame(decoded->state, StateAfter(3));
}

TEST(ManifestFormatTest, AFlippedBitIsFoundWhereverItIs) {
  std::vector<std::size_t> ends;
  const std::string bytes = Encode(&ends);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ 1 << bit);
      CheckDamage(damaged, i, i + 1, ends);
    }
  }
}

TEST(ManifestFormatTest, AHoleOfZerosIsFoundWhereverItIs) {
  std::vector<std::size_t> ends;
  const std::string bytes = Encode(&ends);
  for (const std::size_t size : {8u, 64u, 512u}) {
    for (std::size_t begin = 0; begin < bytes.size(); ++begin) {
      const std::size_t end = std::min(bytes.size(), begin + size);
      // A hole over the end of one edit and the header of the last looks like one longer append.
      if (begin < ends[3] && end > ends[3]) continue;
      std::string damaged = bytes;
      std::fill(damaged.begin() + static_cast<std::ptrdiff_t>(begin),
                damaged.begin() + static_cast<std::ptrdiff_t>(end), '\0');
      if (damaged != bytes) CheckDamage(damaged, begin, end, ends);
    }
  }
}

TEST(ManifestFormatTest, AFileThatGrewBeforeItsContentsIsCut) {
  std::vector<std::size_t> ends;
  const std::string bytes = Encode(&ends);
  for (const char fill : {'\0', '\xFF', 'A'}) {
    const auto decoded = DecodeManifest("M", kNumber, bytes + std::string(777, fill));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->valid_bytes, bytes.size());
    ExpectSame(decoded->state, StateAfter(4));
  }
}

TEST(ManifestFormatTest, AMissingEditIsFound) {
  std::vector<std::size_t> ends;
  const std::string bytes = Encode(&ends);
  const std::string without = bytes.substr(0, ends[0]) + bytes.substr(ends[1]);
  EXPECT_EQ(DecodeManifest("M", kNumber, without).status().code(), absl::StatusCode::kDataLoss);
}

TEST(ManifestFormatTest, TheFramesOfAnotherManifestAreNotTaken) {
  std::vector<std::size_t> ends;
  const std::string bytes = Encode(&ends);
  EXPECT_EQ(DecodeManifest("M", kNumber + 1, bytes).status().code(), absl::StatusCode::kDataLoss);
  std::string foreign = bytes;
  AppendEditFrame(kNumber + 1, 5, SomeEdits()[2], &foreign);
  const auto decoded = DecodeManifest("M", kNumber, foreign);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->valid_bytes, bytes.size());
}

TEST(ManifestFormatTest, AnEditThatCannotFollowIsRefused) {
  const auto refused = [](const ManifestEdit& edit) {
    ManifestState state = SomeState();
    return ApplyEdit(edit, &state).code() == absl::StatusCode::kDataLoss;
  };
  ManifestEdit edit;
  edit.removed_tables = {6};
  EXPECT_TRUE(refused(edit)) << "removes what is not there";
  edit = {};
  edit.added_tables = {Table(5, 1)};
  EXPECT_TRUE(refused(edit)) << "adds what is there";
  edit.added_tables = {Table(6, kLevelCount)};
  EXPECT_TRUE(refused(edit)) << "no such level";
  edit.added_tables = {Table(100, 0)};
  EXPECT_TRUE(refused(edit)) << "a number that was not given out";
  edit.added_tables = {Table(6, 0)};
  std::swap(edit.added_tables[0].smallest_key, edit.added_tables[0].largest_key);
  EXPECT_TRUE(refused(edit)) << "inverted keys";
  edit = {};
  edit.flushed_through = 49;
  EXPECT_TRUE(refused(edit)) << "a counter that goes back";
}

// A manifest whose first edit is as a program of another format version would write it.
std::string ManifestOfVersion(std::uint32_t version, const char* comparator) {
  capnp::MallocMessageBuilder message;
  auto header = message.initRoot<wire::Edit>().initHeader();
  header.setFormatVersion(version);
  header.setComparator(comparator);
  const std::string id(16, 'd');
  header.setDatabaseId(kj::arrayPtr(reinterpret_cast<const kj::byte*>(id.data()), id.size()));
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  const std::string_view payload(words.asChars().begin(), words.asChars().size());
  // The seed of edit 0 of manifest 0 is 0.
  char frame[kManifestFrameHeaderSize] = {'A', 'M', 'F', '1'};
  StoreFixed(frame + 4, static_cast<std::uint32_t>(payload.size()));
  StoreFixed(frame + 8, std::uint64_t{0});
  StoreFixed<std::uint64_t>(frame + 16, XXH3_64bits(payload.data(), payload.size()));
  StoreFixed<std::uint64_t>(frame + 24, XXH3_64bits(frame, 24));
  return std::string(frame, sizeof frame).append(payload);
}

TEST(ManifestFormatTest, WhatTablesNeedOfValueFilesIsCounted) {
  EXPECT_EQ(StateAfter(0).value_files.at(20).garbage_bytes(), 1000u);
  EXPECT_EQ(StateAfter(1).value_files.at(20).garbage_bytes(), 0u);
  EXPECT_EQ(StateAfter(1).value_files.at(30).live_count, 0u);
  const ManifestState last = StateAfter(4);
  EXPECT_FALSE(last.value_files.contains(20));
  EXPECT_EQ(last.value_files.at(30), (ValueFileUse{Values(30, 31), 11, 1100}));
}

TEST(ManifestFormatTest, AnEditThatValueFilesCannotFollowIsRefused) {
  const auto refused = [](const ManifestEdit& edit) {
    ManifestState state = StateAfter(1);
    return ApplyEdit(edit, &state).code() == absl::StatusCode::kDataLoss;
  };
  ManifestEdit edit;
  edit.removed_value_files = {20};
  EXPECT_TRUE(refused(edit)) << "tables need it";
  edit.removed_value_files = {21};
  EXPECT_TRUE(refused(edit)) << "removes what is not there";
  edit = {};
  edit.added_value_files = {Values(30, 31)};
  EXPECT_TRUE(refused(edit)) << "adds what is there";
  edit.added_value_files = {Values(32, 31)};
  EXPECT_TRUE(refused(edit)) << "an id above its number";
  edit.added_value_files = {Values(0, 31)};
  EXPECT_TRUE(refused(edit)) << "no id";
  edit.added_value_files = {Values(100, 100)};
  EXPECT_TRUE(refused(edit)) << "a number that was not given out";
  edit.added_value_files = {Values(31, 31)};
  EXPECT_FALSE(refused(edit));
  edit = {};
  edit.added_tables = {TableWithValues(40, 0, 77)};
  EXPECT_TRUE(refused(edit)) << "needs what is not there";
  edit.added_tables = {TableWithValues(1, 0, 20)};
  EXPECT_TRUE(refused(edit)) << "needs more than there is";
  edit.removed_tables = {5};
  EXPECT_FALSE(refused(edit));
  edit = {};
  edit.removed_value_files = {20};
  edit.added_value_files = {Values(20, 33)};
  EXPECT_FALSE(refused(edit));
  edit.added_value_files[0].value_count = 14;
  EXPECT_TRUE(refused(edit)) << "replaced by one that has less";
}

TEST(ManifestFormatTest, AnotherFormatVersionOrOrderIsNoDamageAndNamed) {
  const std::string comparator(kComparatorName);
  const auto decode = [](const std::string& bytes) { return DecodeManifest("m", 0, bytes); };
  for (std::uint32_t known = kOldestFormatVersion; known <= kFormatVersion; ++known) {
    EXPECT_TRUE(decode(ManifestOfVersion(known, comparator.c_str())).ok()) << known;
  }
  EXPECT_FALSE(decode(ManifestOfVersion(kOldestFormatVersion - 1, comparator.c_str())).ok());
  const absl::Status newer =
      decode(ManifestOfVersion(kFormatVersion + 1, comparator.c_str())).status();
  EXPECT_EQ(newer.code(), absl::StatusCode::kFailedPrecondition);
  const std::string expected = "format version " + std::to_string(kFormatVersion + 1) +
                               "; this program reads versions 1 to " +
                               std::to_string(kFormatVersion);
  EXPECT_NE(newer.message().find(expected), absl::string_view::npos) << newer;
  const absl::Status other = decode(ManifestOfVersion(kFormatVersion, "reverse")).status();
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(other.message().find("\"reverse\""), absl::string_view::npos) << other;
}

}  // namespace
}  // namespace aurora::lsm
