#include <cstddef>
#include <cstdint>
#include <string_view>

#include "aurora/engine/document/key_encoding.h"
#include "aurora/runtime/check.h"

// Whatever the bytes, reading a key ends, in a value that encodes to the same bytes or in an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const auto order : {aurora::KeyOrder::kAscending, aurora::KeyOrder::kDescending}) {
    std::string_view rest = input;
    const auto value = aurora::ConsumeKey(&rest, order);
    if (!value.ok()) continue;
    AURORA_CHECK(aurora::EncodeKey(*value, order) == input.substr(0, input.size() - rest.size()));
  }
  return 0;
}
