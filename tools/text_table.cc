#include "aurora/tools/text_table.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora::tools {
namespace {

constexpr std::string_view kGap = "  ";

std::size_t WidthOf(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) >> 6) != 2; }));
}

bool IsNumber(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789,.") == std::string_view::npos;
}

void AppendCell(std::string_view text, std::size_t width, bool to_the_right, std::string* line) {
  const std::string padding(width - std::min(width, WidthOf(text)), ' ');
  to_the_right ? StrAppend(line, padding, text) : StrAppend(line, text, padding);
}

}  // namespace

void TextTable::Add(std::vector<std::string> row) {
  AURORA_CHECK(row.size() == rows_.front().size());
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> TextTable::Widths() const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const std::vector<std::string>& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], WidthOf(row[i]));
  }
  return widths;
}

std::string TextTable::ToString(const Terminal& terminal) const {
  const std::vector<std::size_t> widths = Widths();
  std::vector<bool> numbers(widths.size());
  for (std::size_t i = 0; i < widths.size(); ++i) {
    bool any = false;
    numbers[i] = std::all_of(rows_.begin() + 1, rows_.end(), [&](const auto& row) {
      any = any || !row[i].empty();
      return row[i].empty() || IsNumber(row[i]);
    });
    numbers[i] = numbers[i] && any;
  }
  std::string text;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (i > 0) line.append(kGap);
      AppendCell(rows_[r][i], widths[i], numbers[i], &line);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    StrAppend(&text, r == 0 ? terminal.Bold(line) : line, "\n");
  }
  return text;
}

std::string TextTable::ToFittingString(const Terminal& terminal) const {
  std::size_t width = 0;
  for (const std::size_t column : Widths()) width += column + kGap.size();
  const bool fits = width <= static_cast<std::size_t>(terminal.columns) + kGap.size();
  return !terminal.present() || fits ? ToString(terminal) : ToBlocks(terminal);
}

std::string TextTable::ToBlocks(const Terminal& terminal) const {
  const std::vector<std::string>& header = rows_.front();
  std::size_t name_width = 0;
  for (const std::string& name : header) name_width = std::max(name_width, WidthOf(name));
  std::string text;
  for (std::size_t r = 1; r < rows_.size(); ++r) {
    StrAppend(&text, terminal.Faint(StrCat("-- ", r, " --")), "\n");
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (rows_[r][i].empty()) continue;
      std::string name;
      AppendCell(header[i], name_width, false, &name);
      StrAppend(&text, terminal.Bold(name), kGap, rows_[r][i], "\n");
    }
  }
  return text;
}

std::string Grouped(std::uint64_t number) {
  std::string digits = StrCat(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string Counted(std::uint64_t count, std::string_view noun) {
  return StrCat(Grouped(count), " ", noun, count == 1 ? "" : "s");
}

std::string HumanBytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string HumanNanos(std::int64_t nanos) {
  static constexpr const char* kUnits[] = {"ns", "us", "ms", "s"};
  double value = static_cast<double>(nanos);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  const int decimals = unit == 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  std::snprintf(text, sizeof text, "%.*f %s", decimals, value, kUnits[unit]);
  return text;
}

}  // namespace aurora::tools
