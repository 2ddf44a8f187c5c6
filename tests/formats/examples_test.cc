// The worked examples of docs/file-format.md are what the code writes.
//
// After a change of a format, the failure shows the bytes to put there.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/engine/collection.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/document/document_encoder.h"
#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/json.h"
#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/limits.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/schema_text.h"
#include "aurora/engine/document/uuid.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/document/value_view.h"
#include "aurora/engine/index_entries.h"
#include "aurora/engine/record.h"
#include "aurora/engine/stored_document.h"
#include "aurora/index/posting.h"
#include "aurora/lsm/backup_format.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/memory_file_testing.h"
#include "aurora/lsm/record_file.h"
#include "aurora/lsm/table_builder.h"
#include "aurora/lsm/table_format.h"
#include "aurora/lsm/types.h"
#include "aurora/lsm/value_file_builder.h"
#include "aurora/lsm/value_format.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/tests/formats/hex_examples_testing.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

using Examples = std::map<std::string, std::string>;

// --- The database of the examples ---

lsm::LogIdentity Identity() {
  lsm::LogIdentity identity;
  for (int i = 0; i < 16; ++i) identity.database_id[i] = static_cast<std::uint8_t>(i);
  identity.epoch = 1;
  return identity;
}

constexpr std::string_view kBootId = "boot";

// Keyspaces 1 (documents), 2 (ids), 3 (unique sku), 4 (equality in_stock).
std::shared_ptr<const engine::CollectionDefinition> Products() {
  lsm::KeyspaceId next_keyspace = 1;
  const auto products = engine::CollectionDefinition::Create(
      1, "products",
      Schema().String("sku", kUnique).Double("price", kNullable).Bool("in_stock", kIndexed),
      &next_keyspace);
  EXPECT_TRUE(products.ok()) << products.status();
  return *products;
}

std::string Lamp(const Layout& layout, double price) {
  const Object object = {{"sku", "A-1"}, {"price", price}, {"in_stock", true}};
  const auto message = EncodeDocument(layout, DocumentId(7), object, DocumentLimits());
  EXPECT_TRUE(message.ok()) << message.status();
  return *message;
}

std::string ValueMessage(const Value& value) {
  const auto message = EncodeValue(value, DocumentLimits());
  EXPECT_TRUE(message.ok()) << message.status();
  return *message;
}

// --- Records ---

std::string RecordOf(std::uint64_t transaction, std::string_view label,
                     engine::Operation operation) {
  engine::Record record;
  record.transaction_id = transaction;
  record.label = label;
  record.tick_micros = 1'000'000;
  operation.collection = 1;
  operation.row = 0;
  operation.schema_version = 1;
  const std::string id = DocumentId(7).EncodedKey();
  operation.id = id;
  record.operations.push_back(operation);
  return engine::EncodeRecord(record);
}

std::string InsertRecord(std::string_view document) {
  engine::Operation operation;
  operation.kind = engine::OperationKind::kInsert;
  operation.document = document;
  return RecordOf(1, "demo", operation);
}

std::string UpdateRecord(std::string_view document, std::string_view old_values) {
  engine::Operation operation;
  operation.kind = engine::OperationKind::kUpdate;
  operation.document = document;
  operation.changed_slots = {1};
  operation.old_document = old_values;
  return RecordOf(2, "", operation);
}

std::string DeleteRecord(std::string_view old_document) {
  engine::Operation operation;
  operation.kind = engine::OperationKind::kDelete;
  operation.old_document = old_document;
  return RecordOf(3, "", operation);
}

// --- The log ---

std::string SegmentHeaderBlock() {
  lsm::SegmentHeader header;
  header.segment_bytes = 1u << 20;
  header.identity = Identity();
  header.number = 2;
  header.mode = lsm::SegmentMode::kDirect;
  header.boot = lsm::BootHash(kBootId);
  header.predecessor = 1;
  header.predecessor_end = 1'040'000;
  header.last_sequence = 900;
  header.watermark = {1, 1'040'000};
  std::string block(lsm::kSegmentHeaderBytes, '\0');
  lsm::EncodeSegmentHeader(header, block.data());
  return block;
}

std::string PreparedBlock() {
  std::string block(lsm::kSegmentHeaderBytes, '\0');
  lsm::EncodePreparedBlock(3, block.data());
  return block;
}

std::string FrameOf(lsm::FrameHeader header, std::string_view payload, std::uint32_t segment = 1) {
  header.payload_hash = lsm::HashBytes(payload);
  header.payload_bytes = static_cast<std::uint32_t>(payload.size());
  header.segment = segment;
  std::string frame(lsm::FrameBytes(payload.size()), '\0');
  lsm::EncodeFrameHeader(header, lsm::FrameSeed(Identity(), segment), frame.data());
  payload.copy(frame.data() + lsm::kFrameHeaderBytes, payload.size());
  return frame;
}

std::string RecordFrame(std::string_view record) {
  lsm::FrameHeader header;
  header.kind = lsm::FrameKind::kRecord;
  header.sequence = 1;
  header.offset = 8192;
  header.previous_end = 4152;
  header.watermark = 4152;
  return FrameOf(header, record);
}

std::string OpenMarkFrame() {
  lsm::FrameHeader header;
  header.kind = lsm::FrameKind::kOpenMark;
  header.offset = 4096;
  header.previous_end = 4096;
  header.watermark = 4096;
  const std::uint64_t boot = lsm::BootHash(kBootId);
  std::string payload(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) payload[i] = static_cast<char>(boot >> (8 * i));
  return FrameOf(header, payload);
}

std::string CloseMarkFrame() {
  lsm::FrameHeader header;
  header.kind = lsm::FrameKind::kCloseMark;
  header.sequence = 1;
  header.offset = 12'288;
  header.previous_end = 8336;
  header.watermark = 8336;
  return FrameOf(header, "");
}

std::string RecordFile(std::string_view record, lsm::RecordFileReference* reference) {
  reference->number = 43;
  reference->payload_bytes = record.size();
  std::string file(lsm::RecordFileBytes(record.size()), '\0');
  lsm::EncodeRecordFileHeader(Identity(), *reference, file.data());
  record.copy(file.data() + kDeviceBlockSize, record.size());
  reference->hash = lsm::HashBytes(file);
  return file;
}

std::string RecordFileFrame(const lsm::RecordFileReference& reference) {
  lsm::FrameHeader header;
  header.kind = lsm::FrameKind::kRecordFile;
  header.sequence = 2;
  header.offset = 12'288;
  header.previous_end = 8336;
  header.watermark = 8336;
  std::string payload(lsm::kRecordFileReferenceBytes, '\0');
  lsm::EncodeRecordFileReference(reference, payload.data());
  return FrameOf(header, payload);
}

// Of a record that a recovery has copied.
std::string CopiedFrameHeader(std::string_view record) {
  lsm::FrameHeader header;
  header.sequence = 1;
  header.offset = 4096;
  header.previous_end = 4096;
  header.copied = true;
  return FrameOf(header, record, 2).substr(0, lsm::kFrameHeaderBytes);
}

// Of the first record in a segment: what is durable lies in the one before.
std::string FrameHeaderWithWatermarkBefore(std::string_view record) {
  lsm::FrameHeader header;
  header.sequence = 901;
  header.offset = 4096;
  header.previous_end = 4096;
  header.watermark = 1'040'000;
  header.watermark_in_predecessor = true;
  return FrameOf(header, record, 2).substr(0, lsm::kFrameHeaderBytes);
}

// --- Manifest, tables, backups ---

lsm::ManifestState SmallState() {
  lsm::ManifestState state;
  state.identity = Identity();
  state.boot_id = kBootId;
  state.next_file_number = 101;
  state.reserved_through = 1000;
  return state;
}

std::string ManifestFrames() {
  std::string manifest;
  lsm::AppendSnapshotFrame(1, SmallState(), &manifest);
  lsm::ManifestEdit edit;
  edit.log_start_segment = 1;
  lsm::AppendEditFrame(1, 1, edit, &manifest);
  return manifest;
}

std::string TableFile() {
  MemoryBudget memory(std::size_t{64} << 20);
  lsm::TableBuilderOptions options;
  for (std::size_t i = 0; i < 16; ++i) {
    options.identity.database_id[i] = static_cast<std::uint8_t>(i);
  }
  options.identity.file_number = 42;
  // What a compressor makes is its own business.
  options.compression = lsm::Compression::kNone;
  options.memory = &memory;
  lsm::MemoryFileState file;
  lsm::TableBuilder builder(std::make_unique<lsm::MemoryFile>(&file), options);
  const std::string apple = lsm::MakeStoredKey(1, "apple");
  const std::string apply = lsm::MakeStoredKey(1, "apply");
  EXPECT_TRUE(BlockOn(builder.Add({apple, lsm::Version(9, lsm::EntryKind::kPut)}, "red")).ok());
  EXPECT_TRUE(BlockOn(builder.Add({apple, lsm::Version(5, lsm::EntryKind::kDelete)}, "")).ok());
  EXPECT_TRUE(
      BlockOn(builder.Add({apply, lsm::Version(6, lsm::EntryKind::kPut)}, "verb, in use")).ok());
  const std::string end = lsm::MakeStoredKey(1, "b");
  EXPECT_TRUE(builder.AddRangeDelete({apple, end, 4}).ok());
  const auto summary = BlockOn(builder.Finish());
  EXPECT_TRUE(summary.ok()) << summary.status();
  return file.bytes;
}

void AddValueFile(Examples* examples) {
  MemoryBudget memory(std::size_t{64} << 20);
  lsm::ValueFileBuilderOptions options;
  for (std::size_t i = 0; i < 16; ++i) {
    options.identity.database_id[i] = static_cast<std::uint8_t>(i);
  }
  options.identity.file_number = options.id = 43;
  options.compression = lsm::Compression::kNone;
  options.memory = &memory;
  lsm::MemoryFileState file;
  lsm::ValueFileBuilder builder(std::make_unique<lsm::MemoryFile>(&file), options);
  EXPECT_TRUE(BlockOn(builder.Add("a value")).ok());
  const auto handle = BlockOn(builder.Add("another one"));
  EXPECT_TRUE(handle.ok()) << handle.status();
  EXPECT_TRUE(BlockOn(builder.Finish()).ok());
  (*examples)["value file"] = file.bytes;
  (*examples)["value handle"] = lsm::EncodeValueHandle(*handle);
}

// The file's own header; its payload is what backup.capnp says.
std::string BackupHeader() {
  lsm::BackupContents contents;
  contents.label = "nightly";
  contents.sequence = 9;
  contents.state = SmallState();
  return lsm::EncodeBackup(7, contents).substr(0, 32);
}

// --- Keys, entries, postings ---

void AddKeys(Examples* examples) {
  const Uuid uuid = Uuid::FromHalves(0x0123456789abcdef, 0xfedcba9876543210);
  const std::map<std::string, Value> values = {
      {"key null", Value()},
      {"key true", Value(true)},
      {"key 3", Value(3)},
      {"key -1.5", Value(-1.5)},
      {"key 2^53 + 1", Value((std::int64_t{1} << 53) + 1)},
      {"key string", Value("A-1")},
      {"key string with a zero", Value(std::string("a\0b", 3))},
      {"key uuid", Value(uuid)},
      {"key timestamp", Value(Timestamp{1'000'000})},
      {"key array", Value(Array{1, "x"})},
      {"key object", Value(Object{{"b", true}, {"a", Value()}})},
  };
  for (const auto& [name, value] : values) (*examples)[name] = EncodeKey(value);
  (*examples)["key 3 descending"] = EncodeKey(Value(3), KeyOrder::kDescending);
  (*examples)["stored key 1"] = lsm::MakeStoredKey(1, "apple");
  (*examples)["stored key 240"] = lsm::MakeStoredKey(240, "apple");
  (*examples)["stored key 70000"] = lsm::MakeStoredKey(70'000, "apple");
}

void AddEntries(Examples* examples, const engine::CollectionDefinition& products,
                const std::string& message) {
  const std::string stored = engine::StoreDocument(1, message);
  const Document document = Document::Copy(products.layout, message);
  engine::EntryBuilder builder;
  builder.Insert(products, 0, DocumentId(7), stored, document.fields());
  int number = 0;
  for (const lsm::Mutation& mutation : builder.Finish()) {
    const std::string name = "entry " + std::to_string(++number);
    (*examples)[name + " key"] = lsm::MakeStoredKey(mutation.keyspace, mutation.key);
    (*examples)[name + " value"] = std::string(mutation.value);
  }
}

std::string SmallPosting() {
  index::PostingDelta delta;
  delta.added.add(5);
  delta.added.add(300);
  delta.removed.add(7);
  return delta.Encode();
}

std::string LargePosting() {
  index::PostingDelta delta;
  for (std::uint32_t place = 100; place < 200; ++place) delta.added.add(place);
  return delta.Encode();
}

std::string GivenId() {
  DocumentIdGenerator generator;
  const DocumentId id = generator.Generate(absl::FromUnixSeconds(1'700'000'000), 0x2aaaaaa, 5);
  return id.EncodedKey().substr(1);
}

Examples MakeExamples() {
  const std::shared_ptr<const engine::CollectionDefinition> products = Products();
  const std::string lamp = Lamp(*products->layout, 39.5);
  Examples examples;
  examples["segment header"] = SegmentHeaderBlock();
  examples["prepared block"] = PreparedBlock();
  examples["open mark"] = OpenMarkFrame();
  examples["record frame"] = RecordFrame(InsertRecord(lamp));
  examples["close mark"] = CloseMarkFrame();
  lsm::RecordFileReference reference;
  examples["record file"] = RecordFile(InsertRecord(lamp), &reference);
  examples["record file frame"] = RecordFileFrame(reference);
  examples["copied frame"] = CopiedFrameHeader(InsertRecord(lamp));
  examples["first frame after a change"] = FrameHeaderWithWatermarkBefore(InsertRecord(lamp));
  examples["manifest"] = ManifestFrames();
  examples["table"] = TableFile();
  AddValueFile(&examples);
  examples["backup header"] = BackupHeader();
  examples["insert"] = InsertRecord(lamp);
  examples["update"] =
      UpdateRecord(Lamp(*products->layout, 42), ValueMessage(Value(Object{{"price", 39.5}})));
  examples["delete"] = DeleteRecord(lamp);
  examples["document"] = lamp;
  examples["value"] = ValueMessage(Value(Object{{"n", 1}, {"s", "x"}}));
  examples["stored document"] = engine::StoreDocument(1, lamp).substr(0, 16);
  examples["given id"] = GivenId();
  examples["small posting"] = SmallPosting();
  examples["large posting"] = LargePosting();
  AddKeys(&examples);
  AddEntries(&examples, *products, lamp);
  return examples;
}

std::string Page() {
  std::ifstream file("docs/file-format.md");
  std::string page(std::istreambuf_iterator<char>(file), {});
  EXPECT_FALSE(page.empty());
  return page;
}

Examples ShownExamples() {
  absl::StatusOr<Examples> examples = ReadHexExamples(Page());
  EXPECT_TRUE(examples.ok()) << examples.status();
  return examples.ok() ? *std::move(examples) : Examples();
}

TEST(FileFormatExamplesTest, EveryExampleIsWhatTheCodeWrites) {
  const Examples shown = ShownExamples();
  for (const auto& [name, bytes] : MakeExamples()) {
    const auto found = shown.find(name);
    EXPECT_TRUE(found != shown.end() && found->second == bytes)
        << "docs/file-format.md must show the example '" << name << "':\n"
        << ShowAsHexExample(bytes);
  }
}

TEST(FileFormatExamplesTest, EveryExampleIsMadeHere) {
  const Examples made = MakeExamples();
  for (const auto& [name, bytes] : ShownExamples()) {
    EXPECT_TRUE(made.contains(name)) << "docs/file-format.md shows the example '" << name << "'";
  }
}

// The numbers that a second implementation checks its hashing against.
TEST(FileFormatExamplesTest, HashesAreThoseThatThePageStates) {
  const std::string page = Page();
  const auto expect_stated = [&page](std::uint64_t hash) {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
    EXPECT_NE(page.find(digits), std::string::npos) << digits;
  };
  expect_stated(lsm::HashBytes(""));
  expect_stated(lsm::HashBytes("aurora"));
  expect_stated(lsm::HashBytes("aurora", 1));
  expect_stated(lsm::BootHash(kBootId));
  expect_stated(lsm::FrameSeed(Identity(), 1));
}

TEST(FileFormatExamplesTest, TheSchemaIsTheOneThatThePageShows) {
  const std::string schema = ToJson(SchemaToValue(Products()->layout->schema()));
  std::string page = Page();
  std::erase_if(page, [](char c) { return c == ' ' || c == '\n'; });
  EXPECT_NE(page.find(schema), std::string::npos) << schema;
}

}  // namespace
}  // namespace aurora
