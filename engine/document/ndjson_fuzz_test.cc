// Any text, in whatever chunks, gives the same lines; and the schema that is inferred from those
// that are objects takes every one of them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/engine/document/document_encoder.h"
#include "aurora/engine/document/json.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/limits.h"
#include "aurora/engine/document/ndjson.h"
#include "aurora/engine/document/schema_inference.h"
#include "aurora/runtime/check.h"

namespace aurora {
namespace {

constexpr std::uint64_t kLineBytesMax = 300;

// Each line with its number; "!" for one that is too long.
std::vector<std::pair<std::uint64_t, std::string>> Split(std::string_view text, std::size_t chunk) {
  std::vector<std::pair<std::uint64_t, std::string>> lines;
  LineSplitter splitter(kLineBytesMax);
  const auto take = [&] {
    while (true) {
      const auto line = splitter.Next();
      if (!line.ok()) {
        lines.emplace_back(0, "!");
      } else if (line->has_value()) {
        lines.emplace_back((*line)->number, (*line)->text);
      } else {
        return;
      }
    }
  };
  for (std::size_t at = 0; at < text.size(); at += chunk) {
    splitter.Add(text.substr(at, chunk));
    take();
  }
  splitter.Finish();
  take();
  AURORA_CHECK(splitter.consumed_bytes() == text.size());
  return lines;
}

void Infer(const std::vector<std::pair<std::uint64_t, std::string>>& lines) {
  SchemaInference inference;
  std::vector<Object> objects;
  for (const auto& [number, text] : lines) {
    auto object = ParseJsonObject(text, DocumentLimits(), number);
    if (!object.ok()) continue;
    objects.push_back(*std::move(object));
    inference.Add(ObjectView(objects.back()));
  }
  inference.Table();
  const auto layout = Layout::Create(inference.Infer());
  AURORA_CHECK(layout.ok());
  for (const Object& object : objects) {
    if (object.Contains(kIdFieldName)) continue;  // has rules of its own
    const auto encoded = EncodeDocument(**layout, std::nullopt, ObjectView(object));
    // A name that no field may have, and NaN, are refused whatever the schema.
    AURORA_CHECK(encoded.ok() || absl::IsResourceExhausted(encoded.status()) ||
                 absl::IsInvalidArgument(encoded.status()));
  }
}

}  // namespace
}  // namespace aurora

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto lines = aurora::Split(text, std::max<std::size_t>(text.size(), 1));
  AURORA_CHECK(aurora::Split(text, data[0] % 64 + std::size_t{1}) == lines);
  aurora::Infer(lines);
  return 0;
}
