#include "aurora/lsm/compaction_picker.h"

#include <algorithm>
#include <utility>

#include "aurora/runtime/check.h"

namespace aurora::lsm {
namespace {

// The tables of `output_level` that overlap any key between the least and the greatest of `upper`.
Tree::Tables OverlappingAll(const Tree& tree, const Tree::Tables& upper, int output_level) {
  AURORA_CHECK(!upper.empty());
  std::string_view smallest = upper.front()->info().smallest_key;
  std::string_view largest = upper.front()->info().largest_key;
  for (const auto& table : upper) {
    smallest = std::min<std::string_view>(smallest, table->info().smallest_key);
    largest = std::max<std::string_view>(largest, table->info().largest_key);
  }
  return tree.Overlapping(output_level, smallest, largest);
}

bool AreDisjoint(Tree::Tables tables) {
  std::sort(tables.begin(), tables.end(), [](const auto& a, const auto& b) {
    return a->info().smallest_key < b->info().smallest_key;
  });
  for (std::size_t i = 1; i < tables.size(); ++i) {
    if (!tables[i - 1]->info().EndsBefore(tables[i]->info().smallest_key)) return false;
  }
  return true;
}

}  // namespace

std::uint64_t CompactionPicker::TargetBytes(int level) const {
  AURORA_CHECK(level >= 1);
  std::uint64_t target = options_.level_base_bytes;
  for (int i = 1; i < level; ++i) target *= static_cast<std::uint64_t>(options_.level_multiplier);
  return target;
}

double CompactionPicker::LevelScore(const Tree& tree, int level) const {
  if (level == 0) {
    return static_cast<double>(tree.level(0).size()) / options_.level0_tables_max;
  }
  if (level == kLevelCount - 1) return 0;
  // Strictly more than the target.
  return static_cast<double>(tree.level_bytes(level)) /
         (static_cast<double>(TargetBytes(level)) + 1);
}

double CompactionPicker::Score(const Tree& tree) const {
  double worst = 0;
  for (int level = 0; level < kLevelCount; ++level) {
    worst = std::max(worst, LevelScore(tree, level));
  }
  return worst;
}

bool CompactionPicker::IsDue(const Tree& tree) const { return Score(tree) >= 1; }

std::optional<Compaction> CompactionPicker::Pick(const Tree& tree) {
  int worst = 0;
  double worst_score = 0;
  for (int level = 0; level < kLevelCount; ++level) {
    const double score = LevelScore(tree, level);
    if (score > worst_score) {
      worst = level;
      worst_score = score;
    }
  }
  if (worst_score < 1) return std::nullopt;
  return PickLevel(tree, worst);
}

Compaction CompactionPicker::PickLevel(const Tree& tree, int level) {
  Compaction picked;
  picked.level = level;
  picked.output_level = level + 1;
  if (level == 0) {
    picked.upper = tree.level(0);
  } else {
    std::string& cursor = cursors_[static_cast<std::size_t>(level)];
    const Tree::Tables& tables = tree.level(level);
    AURORA_CHECK(!tables.empty());
    const auto next = std::find_if(tables.begin(), tables.end(), [&cursor](const auto& table) {
      return table->info().smallest_key >= cursor;
    });
    picked.upper.push_back(next == tables.end() ? tables.front() : *next);
    cursor = picked.upper.front()->info().largest_key;
    if (!picked.upper.front()->info().largest_is_exclusive) cursor.push_back('\0');
  }
  picked.lower = OverlappingAll(tree, picked.upper, picked.output_level);
  picked.is_move = picked.lower.empty() && AreDisjoint(picked.upper);
  return picked;
}

std::optional<Compaction> CompactionPicker::PickAll(const Tree& tree) const {
  Compaction picked;
  std::uint64_t bytes = 0;
  for (int level = 0; level < kLevelCount; ++level) bytes += tree.level_bytes(level);
  if (bytes == 0) return std::nullopt;
  picked.output_level = std::max(1, tree.last_level());
  while (picked.output_level < kLevelCount - 1 && bytes > TargetBytes(picked.output_level)) {
    ++picked.output_level;
  }
  for (int level = 0; level < picked.output_level; ++level) {
    const Tree::Tables& tables = tree.level(level);
    picked.upper.insert(picked.upper.end(), tables.begin(), tables.end());
  }
  if (picked.upper.empty()) return std::nullopt;
  picked.lower = tree.level(picked.output_level);
  return picked;
}

}  // namespace aurora::lsm
