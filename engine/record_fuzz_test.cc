// Any bytes as a record of the commit log: refused, or a record that is written as it was read.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aurora/engine/record.h"
#include "aurora/runtime/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto record = aurora::engine::DecodeRecord(bytes);
  if (!record.ok()) return 0;
  const std::string once = aurora::engine::EncodeRecord(*record);
  const auto again = aurora::engine::DecodeRecord(once);
  AURORA_CHECK(again.ok() && aurora::engine::EncodeRecord(*again) == once);
  AURORA_CHECK(again->operations.size() == record->operations.size());
  return 0;
}
