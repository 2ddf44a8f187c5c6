// Any text as a cursor: refused, or one that is written as it was read.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aurora/engine/query/cursor.h"
#include "aurora/engine/query/query_spec.h"
#include "aurora/runtime/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto* const spec = [] {
    auto* const by_two = new aurora::QuerySpec();
    by_two->collection = "things";
    by_two->order_by = {{{"a"}}, {{"b"}, aurora::Direction::kDescending}};
    return by_two;
  }();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cursor = aurora::DecodeCursor(*spec, text);
  if (!cursor.ok()) return 0;
  const auto again = aurora::DecodeCursor(*spec, aurora::EncodeCursor(*spec, *cursor));
  AURORA_CHECK(again.ok() && again->sort_key == cursor->sort_key && again->row == cursor->row);
  return 0;
}
