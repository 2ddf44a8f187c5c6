#include "aurora/runtime/strings.h"

#include <cstdint>

namespace aurora {
namespace {

// The length of the UTF-8 sequence that starts `s`, or 0 if there is none (overlong forms and
// surrogates included).
std::size_t Utf8SequenceLength(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(s[i]); };
  const auto continues = [&](std::size_t i) { return i < s.size() && (byte(i) & 0xC0) == 0x80; };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

void AppendEscaped(std::string* out, std::uint8_t byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  out->append("\\x");
  out->push_back(kHex[byte >> 4]);
  out->push_back(kHex[byte & 15]);
}

}  // namespace

std::string Quoted(std::string_view text, std::size_t limit) {
  std::string out = "\"";
  std::size_t i = 0;
  while (i < text.size() && i < limit) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const std::size_t length = Utf8SequenceLength(text.substr(i));
    // U+0080 to U+009F are control characters too; they are C2 80 to C2 9F.
    const bool c1_control =
        length == 2 && byte == 0xC2 && static_cast<std::uint8_t>(text[i + 1]) < 0xA0;
    if (length == 0 || byte < 0x20 || byte == 0x7F || c1_control) {
      AppendEscaped(&out, byte);
      ++i;
    } else {
      if (byte == '"' || byte == '\\') out.push_back('\\');
      out.append(text.substr(i, length));
      i += length;
    }
  }
  out.push_back('"');
  if (i < text.size()) StrAppend(&out, "... (", text.size(), " bytes)");
  return out;
}

}  // namespace aurora
