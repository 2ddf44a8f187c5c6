#include "aurora/engine/document/utf8.h"

#include <cstdint>
#include <cstring>

namespace aurora {
namespace {

// How many bytes at `at` are plain ASCII, in steps of 8.
std::size_t AsciiRun(const char* at, std::size_t size) {
  std::size_t run = 0;
  while (size - run >= 8) {
    std::uint64_t word;
    std::memcpy(&word, at + run, sizeof(word));
    if ((word & 0x8080808080808080) != 0) break;
    run += 8;
  }
  return run;
}

// The length of the sequence that starts `s`, which is not empty; 0 if it is not valid. The table
// of well-formed byte sequences is that of the Unicode standard, 3.9, table 3-7.
std::size_t SequenceLength(std::string_view s) {
  const auto in = [&](std::size_t i, std::uint8_t low, std::uint8_t high) {
    if (i >= s.size()) return false;
    const auto byte = static_cast<std::uint8_t>(s[i]);
    return byte >= low && byte <= high;
  };
  const auto lead = static_cast<std::uint8_t>(s[0]);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  if (lead < 0xE0) return in(1, 0x80, 0xBF) ? 2 : 0;
  if (lead < 0xF0) {
    const std::uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;
    const std::uint8_t high = lead == 0xED ? 0x9F : 0xBF;
    return in(1, low, high) && in(2, 0x80, 0xBF) ? 3 : 0;
  }
  const std::uint8_t low = lead == 0xF0 ? 0x90 : 0x80;
  const std::uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;
  return in(1, low, high) && in(2, 0x80, 0xBF) && in(3, 0x80, 0xBF) ? 4 : 0;
}

}  // namespace

std::size_t ValidUtf8Prefix(std::string_view text) {
  std::size_t valid = 0;
  while (valid < text.size()) {
    valid += AsciiRun(text.data() + valid, text.size() - valid);
    if (valid == text.size()) break;
    const std::size_t length = SequenceLength(text.substr(valid));
    if (length == 0) break;
    valid += length;
  }
  return valid;
}

std::size_t Utf8Length(std::string_view text) {
  std::size_t length = 0;
  for (const char c : text) {
    if ((static_cast<std::uint8_t>(c) & 0xC0) != 0x80) ++length;
  }
  return length;
}

}  // namespace aurora
