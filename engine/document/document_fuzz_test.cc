// Any bytes as a document of a schema with every kind of field, and as a value of its own: refused,
// or safe to read in full, and then written in the one form that what was read has. (That need not
// be the bytes it was read from: some pass the validator that no encoder writes.)
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/engine/document/document.h"
#include "aurora/engine/document/document_encoder.h"
#include "aurora/engine/document/document_validator.h"
#include "aurora/engine/document/json.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/limits.h"
#include "aurora/engine/document/schema.h"
#include "aurora/runtime/check.h"

namespace aurora {
namespace {

std::shared_ptr<const Layout> EveryKind() {
  const Schema inner = Schema().String("s").Int64("n", kNullable);
  auto layout = Layout::Create(Schema()
                                   .Bool("flag")
                                   .Int64("count", kNullable)
                                   .Double("price")
                                   .String("name", kNullable)
                                   .Bytes("raw")
                                   .Uuid("uuid")
                                   .Timestamp("when")
                                   .Any("any")
                                   .Array("tags", Type::kString)
                                   .Array("numbers", Type::kInt64)
                                   .Array("flags", Type::kBool)
                                   .Object("inner", inner)
                                   .Open());
  AURORA_CHECK(layout.ok());
  return *std::move(layout);
}

// Text is not checked to be UTF-8 when it is read, but when it is written.
bool CanBeWritten(const absl::Status& status) { return !absl::IsInvalidArgument(status); }

void ReadDocument(std::string_view bytes) {
  static const std::shared_ptr<const Layout>& layout = *new auto(EveryKind());
  const auto document = Document::Open(layout, bytes, layout->version());
  if (!document.ok()) return;
  const Object object = document->ToObject();
  ToJson(document->fields());
  std::optional<DocumentId> id;
  if (object.Contains(kIdFieldName)) {
    auto from_value = DocumentId::FromValue(*object.Find(kIdFieldName));
    if (!from_value.ok()) return;
    id = *std::move(from_value);
  }
  const auto once = EncodeDocument(*layout, id, ObjectView(object), DocumentLimits::Absolute());
  if (!CanBeWritten(once.status())) return;
  AURORA_CHECK(once.ok());
  const auto reread = Document::Open(layout, *once, layout->version());
  AURORA_CHECK(reread.ok());
  const auto again = EncodeDocument(*layout, id, reread->fields(), DocumentLimits::Absolute());
  AURORA_CHECK(again.ok() && *again == *once);
}

// `bytes` where they may be read in place.
std::vector<std::uint64_t> Aligned(std::string_view bytes) {
  std::vector<std::uint64_t> words((bytes.size() + 7) / 8);
  if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  return words;
}

std::string_view BytesOf(const std::vector<std::uint64_t>& words, std::size_t size) {
  return {reinterpret_cast<const char*>(words.data()), size};
}

void ReadValue(std::string_view bytes) {
  const std::vector<std::uint64_t> words = Aligned(bytes);
  const std::string_view copy = BytesOf(words, bytes.size());
  const auto value = OpenValue(copy);
  AURORA_CHECK(value.ok() == ValidateValueMessage(copy).ok());
  if (!value.ok()) return;
  ToJson(*value);
  const auto once = EncodeValue(Value(*value), DocumentLimits::Absolute());
  if (!CanBeWritten(once.status())) return;
  AURORA_CHECK(once.ok());
  const std::vector<std::uint64_t> once_words = Aligned(*once);
  const auto reread = OpenValue(BytesOf(once_words, once->size()));
  AURORA_CHECK(reread.ok());
  const auto again = EncodeValue(*reread, DocumentLimits::Absolute());
  AURORA_CHECK(again.ok() && *again == *once);
}

}  // namespace
}  // namespace aurora

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  aurora::ReadDocument(bytes);
  aurora::ReadValue(bytes);
  return 0;
}
