#include "aurora/lsm/coding.h"

namespace aurora::lsm {

const char* LoadVarint64Slow(const char* bytes, const char* end, std::uint64_t* value) {
  std::uint64_t result = 0;
  for (int shift = 0; shift < 70 && bytes < end; shift += 7) {
    const auto byte = static_cast<unsigned char>(*bytes++);
    // The tenth byte has room for one bit of 64.
    if (shift == 63 && byte > 1) return nullptr;
    result |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) {
      *value = result;
      return bytes;
    }
  }
  return nullptr;
}

}  // namespace aurora::lsm
