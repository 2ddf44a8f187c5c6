// Any text as JSON: refused with line and column, or a value that is written and read again as the
// same, within the limits that were given.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aurora/engine/document/json.h"
#include "aurora/engine/document/limits.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora {
namespace {

void CheckError(const absl::Status& status) {
  AURORA_CHECK(absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status));
  AURORA_CHECK(ToStd(status.message()).starts_with("line "));
}

void Read(std::string_view text) {
  const auto value = ParseJson(text);
  if (!value.ok()) return CheckError(value.status());
  for (const int indent : {0, 2}) {
    const auto again = ParseJson(ToJson(*value, {.indent = indent}));
    // -0.0 equals 0.0 and NaN itself, and both are told apart by how they are written.
    AURORA_CHECK(again.ok() && ToJson(*again) == ToJson(*value));
  }
}

}  // namespace
}  // namespace aurora

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  aurora::Read(text);
  const aurora::DocumentLimits small = {.depth_max = 3, .fields_max = 4, .array_items_max = 4};
  const auto strict = aurora::ParseJson(text, small);
  if (!strict.ok()) aurora::CheckError(strict.status());
  return 0;
}
