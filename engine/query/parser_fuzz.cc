// Any text: an error, or a query whose printed form reads as the same query.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "aurora/engine/query/parser.h"
#include "aurora/engine/query/query_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::StatusOr<aurora::QuerySpec> spec =
      aurora::ParseQuery(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!spec.ok()) return 0;
  const std::string once = aurora::ToString(*spec);
  const absl::StatusOr<aurora::QuerySpec> again = aurora::ParseQuery(once);
  if (!again.ok() || aurora::ToString(*again) != once) std::abort();
  return 0;
}
