// Tables of text for people: columns two spaces apart, numbers to the right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/tools/terminal.h"

namespace aurora::tools {

// The first row is the header; every row has as many cells as it. Not thread-safe.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} {}

  void Add(std::vector<std::string> row);

  // A line for each row, the header in bold where there is colour. A column all of whose cells are
  // numbers or empty is aligned to the right. Widths count code points.
  std::string ToString(const Terminal& terminal = Terminal()) const;
  // The same if the terminal is wide enough for it, or there is none; else each row as a block of
  // lines, a cell each, without those that are empty.
  std::string ToFittingString(const Terminal& terminal) const;

 private:
  std::string ToBlocks(const Terminal& terminal) const;
  std::vector<std::size_t> Widths() const;

  std::vector<std::vector<std::string>> rows_;
};

// 1234567 -> "1,234,567".
std::string Grouped(std::uint64_t number);
// "1 document", "2,000 documents".
std::string Counted(std::uint64_t count, std::string_view noun);
// 1536 -> "1.5 KiB".
std::string HumanBytes(std::uint64_t bytes);
// 1234567 -> "1.23 ms".
std::string HumanNanos(std::int64_t nanos);

}  // namespace aurora::tools
