#include "aurora/tools/commands/tree_picture.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "aurora/runtime/strings.h"

namespace aurora::tools {
namespace {

constexpr std::size_t kNameWidth = 9;  // "level 0  "
constexpr std::size_t kMinWidth = 10;
// From this share of garbage on a bar is shown as having some, or much.
constexpr double kSomeGarbage = 0.1;
constexpr double kMuchGarbage = 0.4;

struct Bar {
  std::size_t begin = 0;  // columns
  std::size_t end = 0;    // exclusive, above begin
  double garbage = 0;
  std::size_t tables = 1;
};

Bar BarOf(const PicturedTable& table, const KeyRuler& ruler, std::size_t width) {
  const auto column = [width](double place) {
    return static_cast<std::size_t>(std::lround(place * static_cast<double>(width)));
  };
  Bar bar;
  bar.begin = std::min(width - 1, column(ruler.BeginOf(table.first_key)));
  bar.end = std::max(bar.begin + 1, column(ruler.EndOf(table.last_key)));
  bar.garbage = table.garbage;
  return bar;
}

// Those that begin in the same column are one bar; where one ends, the next begins.
std::vector<Bar> Arrange(std::vector<Bar> bars) {
  std::vector<Bar> arranged;
  for (const Bar& bar : bars) {
    if (!arranged.empty() && arranged.back().end > bar.begin) {
      Bar& last = arranged.back();
      if (bar.begin > last.begin) {
        last.end = bar.begin;
      } else {
        last.end = std::max(last.end, bar.end);
        last.garbage = std::max(last.garbage, bar.garbage);
        last.tables += bar.tables;
        continue;
      }
    }
    arranged.push_back(bar);
  }
  return arranged;
}

std::string Draw(const Bar& bar, const Terminal& terminal) {
  const std::size_t width = bar.end - bar.begin;
  const char fill = bar.tables > 1 ? '=' : '-';
  std::string text = width == 1 ? std::string(1, bar.tables > 1 ? '#' : '|')
                                : StrCat("[", std::string(width - 2, fill), "]");
  if (bar.garbage >= kMuchGarbage) return terminal.Red(text);
  return bar.garbage >= kSomeGarbage ? terminal.Yellow(text) : terminal.Green(text);
}

std::string Line(const std::string& name, const std::vector<Bar>& bars, const Terminal& terminal) {
  std::string line = name + std::string(kNameWidth - std::min(kNameWidth, name.size()), ' ');
  std::size_t column = 0;
  for (const Bar& bar : bars) {
    StrAppend(&line, std::string(bar.begin - column, ' '), Draw(bar, terminal));
    column = bar.end;
  }
  return StrCat(line, "\n");
}

}  // namespace

KeyRuler::KeyRuler(std::vector<KeyWeight> weights) : weights_(std::move(weights)) {
  std::sort(weights_.begin(), weights_.end(),
            [](const KeyWeight& a, const KeyWeight& b) { return a.last_key < b.last_key; });
  std::uint64_t bytes = 0;
  for (KeyWeight& weight : weights_) weight.bytes = bytes += weight.bytes;
}

std::size_t KeyRuler::Find(const std::string& key) const {
  const auto at = std::lower_bound(
      weights_.begin(), weights_.end(), key,
      [](const KeyWeight& weight, const std::string& wanted) { return weight.last_key < wanted; });
  return static_cast<std::size_t>(at - weights_.begin());
}

double KeyRuler::Share(std::size_t count) const {
  if (count == 0 || weights_.back().bytes == 0) return 0;
  return static_cast<double>(weights_[count - 1].bytes) /
         static_cast<double>(weights_.back().bytes);
}

double KeyRuler::BeginOf(const std::string& key) const { return Share(Find(key)); }

double KeyRuler::EndOf(const std::string& key) const {
  return Share(std::min(Find(key) + 1, weights_.size()));
}

std::string PictureOf(const std::vector<PicturedTable>& tables, const KeyRuler& ruler,
                      std::size_t columns, const Terminal& terminal) {
  const std::size_t width = std::max(columns, kNameWidth + kMinWidth) - kNameWidth;
  std::string picture;
  std::size_t level0_lines = 0;
  std::size_t level0_left_out = 0;
  for (std::size_t i = 0; i < tables.size();) {
    const int level = tables[i].level;
    if (level == 0) {
      if (level0_lines < kLevel0Lines) {
        StrAppend(&picture, Line(level0_lines == 0 ? "level 0" : "",
                                 {BarOf(tables[i], ruler, width)}, terminal));
        ++level0_lines;
      } else {
        ++level0_left_out;
      }
      ++i;
      if ((i == tables.size() || tables[i].level > 0) && level0_left_out > 0) {
        StrAppend(&picture, std::string(kNameWidth, ' '), "... and ", level0_left_out, " more\n");
      }
      continue;
    }
    std::vector<Bar> bars;
    for (; i < tables.size() && tables[i].level == level; ++i) {
      bars.push_back(BarOf(tables[i], ruler, width));
    }
    StrAppend(&picture, Line(StrCat("level ", level), Arrange(std::move(bars)), terminal));
  }
  return picture;
}

}  // namespace aurora::tools
