#include "aurora/engine/record.h"

#include <string>
#include <vector>

#include "aurora/index/row_set.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::engine {
namespace {

Record Sample() {
  Record record;
  record.transaction_id = 7;
  record.label = "import";
  record.tick_micros = -5;
  Operation insert;
  insert.kind = OperationKind::kInsert;
  insert.collection = 3;
  insert.row = index::kMaxRowId;
  insert.schema_version = 2;
  insert.id = "id-1";
  insert.document = "new document";
  Operation update = insert;
  update.kind = OperationKind::kUpdate;
  update.changed_slots = {0, 4, 300};
  update.old_document = "old fields";
  Operation remove = insert;
  remove.kind = OperationKind::kDelete;
  remove.document = {};
  remove.old_document = "old document";
  Operation define;
  define.kind = OperationKind::kDefineCollection;
  define.collection = 4;
  define.definition = "definition";
  Operation drop;
  drop.kind = OperationKind::kDropCollection;
  drop.collection = 5;
  Operation migrate;
  migrate.kind = OperationKind::kMigrate;
  migrate.definition = "state";
  Operation backfill;
  backfill.kind = OperationKind::kBackfillIndex;
  backfill.collection = 6;
  backfill.keyspace = 300;
  backfill.next_row = 9;
  static const std::string* const rows =
      new std::string(EncodeBackfill({{0, "zero"}, {3, ""}, {8, "eight"}}));
  backfill.backfill = *rows;
  record.operations = {insert, update, remove, define, drop, migrate, backfill};
  return record;
}

TEST(RecordTest, EverythingThatIsWrittenIsRead) {
  const Record record = Sample();
  const std::string bytes = EncodeRecord(record);
  const absl::StatusOr<Record> read = DecodeRecord(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->transaction_id, record.transaction_id);
  EXPECT_EQ(read->label, record.label);
  EXPECT_EQ(read->tick_micros, record.tick_micros);
  ASSERT_EQ(read->operations.size(), record.operations.size());
  for (std::size_t i = 0; i < record.operations.size(); ++i) {
    const Operation& a = read->operations[i];
    const Operation& b = record.operations[i];
    EXPECT_EQ(a.kind, b.kind);
    EXPECT_EQ(a.collection, b.collection);
    EXPECT_EQ(a.row, b.row);
    EXPECT_EQ(a.schema_version, b.schema_version);
    EXPECT_EQ(a.id, b.id);
    EXPECT_EQ(a.document, b.document);
    EXPECT_EQ(a.changed_slots, b.changed_slots);
    EXPECT_EQ(a.old_document, b.old_document);
    EXPECT_EQ(a.definition, b.definition);
    EXPECT_EQ(a.keyspace, b.keyspace);
    EXPECT_EQ(a.next_row, b.next_row);
    EXPECT_EQ(a.backfill, b.backfill);
  }
}

TEST(RecordTest, EveryPrefixAndEveryExtraByteIsDamage) {
  const std::string bytes = EncodeRecord(Sample());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(DecodeRecord(std::string_view(bytes).substr(0, size)).status().code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
  EXPECT_FALSE(DecodeRecord(bytes + "x").ok());
}

TEST(RecordTest, RandomDamageIsRefusedOrReadsWithinTheBytes) {
  SeededRandom random(TestSeed());
  const std::string bytes = EncodeRecord(Sample());
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = bytes;
    for (std::uint64_t i = 0; i <= random.Below(3); ++i) {
      damaged[random.Below(damaged.size())] = static_cast<char>(random.Next64());
    }
    const absl::StatusOr<Record> read = DecodeRecord(damaged);
    if (read.ok()) EXPECT_EQ(DecodeRecord(EncodeRecord(*read)).ok(), true);
  }
}

TEST(RecordTest, RowsOfABackfillAscendAndStayBelowTheNextOne) {
  const std::string bytes = EncodeBackfill({{0, "zero"}, {3, ""}, {8, "eight"}});
  const auto read = DecodeBackfill(bytes, 9);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 3u);
  EXPECT_EQ((*read)[2].row, 8u);
  EXPECT_EQ((*read)[2].value, "eight");
  EXPECT_TRUE(DecodeBackfill("", 0).ok());
  EXPECT_FALSE(DecodeBackfill(bytes, 8).ok());
  EXPECT_FALSE(DecodeBackfill(bytes.substr(0, bytes.size() - 1), 9).ok());
  EXPECT_FALSE(DecodeBackfill(EncodeBackfill({{2, "a"}, {2, "b"}}), 9).ok());
}

}  // namespace
}  // namespace aurora::engine
