// Any JSON as a schema: refused, or one that is written as it was read, can be shown, and lays out
// documents.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "aurora/engine/document/json.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/schema_text.h"
#include "aurora/runtime/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto value = aurora::ParseJson(text);
  if (!value.ok()) return 0;
  const auto schema = aurora::SchemaFromValue(*value);
  if (!schema.ok()) return 0;
  const aurora::Value written = aurora::SchemaToValue(*schema);
  const auto again = aurora::SchemaFromValue(written);
  AURORA_CHECK(again.ok() &&
               aurora::ToJson(aurora::SchemaToValue(*again)) == aurora::ToJson(written));
  aurora::SchemaTable(*schema);
  if (schema->Validate().ok()) AURORA_CHECK(aurora::Layout::Create(*schema).ok());
  return 0;
}
