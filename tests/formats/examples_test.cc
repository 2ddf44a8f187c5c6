// The worked examples of docs/file-format.md are what the code writes.
//
// After a change of a format, the failure shows the bytes to put there.
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/engine/document/document_encoder.h"
#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/limits.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/record.h"
#include "aurora/index/posting.h"
#include "aurora/lsm/block_builder.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/types.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

// As the document shows bytes: 16 to a line, offset first, two blanks in the middle.
std::string Dump(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (i % 16 == 0) {
      if (i > 0) text += '\n';
      for (int shift = 12; shift >= 0; shift -= 4) text += kDigits[i >> shift & 15];
      text += ' ';
    }
    text += i % 16 == 8 ? "  " : " ";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text + '\n';
}

std::string Page() {
  std::ifstream file("docs/file-format.md");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void ExpectShown(std::string_view what, std::string_view bytes) {
  static const std::string page = Page();
  ASSERT_FALSE(page.empty());
  const std::string dump = Dump(bytes);
  EXPECT_NE(page.find(dump), std::string::npos)
      << "docs/file-format.md does not show " << what << ":\n"
      << dump;
}

// The document of the examples: {_id: 7, sku: "A-1", price: 39.5, in_stock: true}.
std::string ExampleDocument() {
  const auto layout = Layout::Create(
      Schema().String("sku", kUnique).Double("price", kNullable).Bool("in_stock", kIndexed));
  EXPECT_TRUE(layout.ok()) << layout.status();
  const Object object = {{"sku", "A-1"}, {"price", 39.5}, {"in_stock", true}};
  const auto message = EncodeDocument(**layout, DocumentId(7), object, DocumentLimits());
  EXPECT_TRUE(message.ok()) << message.status();
  return *message;
}

std::string ExampleRecord(std::string_view document) {
  engine::Record record;
  record.transaction_id = 1;
  record.label = "demo";
  record.tick_micros = 1'000'000;
  engine::Operation& insert = record.operations.emplace_back();
  insert.kind = engine::OperationKind::kInsert;
  insert.collection = 1;
  insert.row = 0;
  insert.schema_version = 1;
  const std::string id = DocumentId(7).EncodedKey();
  insert.id = id;
  insert.document = document;
  return engine::EncodeRecord(record);
}

TEST(FileFormatExamplesTest, ADocument) { ExpectShown("the document", ExampleDocument()); }

TEST(FileFormatExamplesTest, ARecord) {
  ExpectShown("the record", ExampleRecord(ExampleDocument()));
}

TEST(FileFormatExamplesTest, AFrameHeader) {
  const std::string record = ExampleRecord(ExampleDocument());
  lsm::LogIdentity identity;
  for (int i = 0; i < 16; ++i) identity.database_id[i] = static_cast<std::uint8_t>(i);
  identity.epoch = 1;
  lsm::FrameHeader header;
  header.sequence = 3;
  header.payload_hash = lsm::HashBytes(record);
  header.payload_bytes = static_cast<std::uint32_t>(record.size());
  header.segment = 1;
  header.offset = 8192;
  header.previous_end = 4144;
  header.watermark = 4144;
  char bytes[lsm::kFrameHeaderBytes];
  lsm::EncodeFrameHeader(header, lsm::FrameSeed(identity, 1), bytes);
  ExpectShown("the frame header", {bytes, sizeof bytes});
}

TEST(FileFormatExamplesTest, ABlock) {
  lsm::BlockBuilder builder;
  const std::string apple = lsm::MakeStoredKey(1, "apple");
  const std::string apply = lsm::MakeStoredKey(1, "apply");
  builder.Add({apple, lsm::Version(9, lsm::EntryKind::kPut)}, "red");
  builder.Add({apple, lsm::Version(5, lsm::EntryKind::kDelete)}, "");
  builder.Add({apply, lsm::Version(6, lsm::EntryKind::kPut)}, "verb, in use");
  ExpectShown("the block", builder.Finish());
}

TEST(FileFormatExamplesTest, Keys) {
  const std::vector<ValueView> values = {ValueView(3), ValueView("A-1"), ValueView(true)};
  for (const ValueView& value : values) ExpectShown("a key", EncodeKey(value));
}

TEST(FileFormatExamplesTest, APosting) {
  index::PostingDelta delta;
  delta.added.add(5);
  delta.added.add(300);
  delta.removed.add(7);
  ExpectShown("the posting", delta.Encode());
}

}  // namespace
}  // namespace aurora
