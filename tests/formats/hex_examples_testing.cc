#include "aurora/tests/formats/hex_examples_testing.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora {
namespace {

constexpr std::string_view kMarker = "<!-- example: ";
constexpr std::string_view kMarkerEnd = " -->";
constexpr std::string_view kFence = "```";
constexpr std::size_t kBytesPerLine = 16;
constexpr std::size_t kLongRun = 24;

std::optional<std::uint64_t> Parse(std::string_view text, int base) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || next != end) return std::nullopt;
  return value;
}

// Appends what one line of an example says. False if it says something else.
bool AppendLine(std::string_view line, std::string* bytes) {
  std::istringstream words(std::string(line.substr(0, line.find('#'))));
  std::string word;
  if (!(words >> word) || !word.ends_with(':')) return false;
  word.pop_back();
  if (Parse(word, 16) != bytes->size()) return false;
  while (words >> word) {
    if (word == "x") {
      std::string count;
      if (bytes->empty() || !(words >> count)) return false;
      const std::optional<std::uint64_t> times = Parse(count, 10);
      if (!times.has_value() || *times == 0) return false;
      bytes->append(static_cast<std::size_t>(*times - 1), bytes->back());
      continue;
    }
    const std::optional<std::uint64_t> byte = Parse(word, 16);
    if (word.size() != 2 || !byte.has_value()) return false;
    bytes->push_back(static_cast<char>(*byte));
  }
  return true;
}

void AppendHex(std::uint64_t value, int digits, std::string* out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int i = digits - 1; i >= 0; --i) out->push_back(kDigits[value >> (4 * i) & 15]);
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> ReadHexExamples(std::string_view page) {
  std::map<std::string, std::string> examples;
  std::istringstream lines{std::string(page)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (!line.starts_with(kMarker) || !line.ends_with(kMarkerEnd)) continue;
    const std::string name =
        line.substr(kMarker.size(), line.size() - kMarker.size() - kMarkerEnd.size());
    std::string bytes;
    if (!std::getline(lines, line) || line != kFence) {
      return InvalidArgumentError("line ", number, ": no block follows example ", Quoted(name));
    }
    for (++number; std::getline(lines, line) && line != kFence;) {
      ++number;
      if (!AppendLine(line, &bytes)) {
        return InvalidArgumentError("line ", number, ": not at offset ", bytes.size(),
                                    " of example ", Quoted(name), ", or no bytes: ", line);
      }
    }
    ++number;
    if (!examples.emplace(name, std::move(bytes)).second) {
      return InvalidArgumentError("line ", number, ": example ", Quoted(name), " comes twice");
    }
  }
  return examples;
}

std::string ShowAsHexExample(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size();) {
    AppendHex(i, 4, &text);
    text += ':';
    const std::size_t run = std::min(bytes.find_first_not_of('\0', i), bytes.size()) - i;
    if (run >= kLongRun) {
      StrAppend(&text, " 00 x ", run, "\n");
      i += run;
      continue;
    }
    for (std::size_t end = std::min(i + kBytesPerLine, bytes.size()); i < end; ++i) {
      text += ' ';
      AppendHex(static_cast<unsigned char>(bytes[i]), 2, &text);
    }
    text += '\n';
  }
  return text;
}

}  // namespace aurora
