// Decides what to compact next.
//
// Level 0 is due when it has as many tables as allowed; a level below, when it holds more bytes
// than its target, which grows by a constant factor from level to level. The most overdue one is
// taken: of level 0, all tables; of another level, the tables in turn, so that every key range is
// visited once before any is visited twice. Whatever of the next level overlaps goes along.
//
// Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "aurora/lsm/tree.h"

namespace aurora::lsm {

struct Compaction {
  int level = 0;  // the inputs' upper level
  int output_level = 0;
  Tree::Tables upper;  // of `level`, and of all levels in between for a full compaction
  Tree::Tables lower;  // of output_level
  // The inputs need only be named as tables of the output level.
  bool is_move = false;
};

class CompactionPicker {
 public:
  struct Options {
    int level0_tables_max = 4;
    std::uint64_t level_base_bytes = 0;
    int level_multiplier = 8;
  };
  explicit CompactionPicker(const Options& options) : options_(options) {}

  // The next compaction, nullopt if none is due.
  std::optional<Compaction> Pick(const Tree& tree);
  // Everything into the last level that is needed to hold it. nullopt if there is nothing, or it is
  // there already.
  std::optional<Compaction> PickAll(const Tree& tree) const;

  // True if Pick would find something.
  bool IsDue(const Tree& tree) const;
  // How overdue the worst level is: 1 is due, 2 twice as much as it may hold.
  double Score(const Tree& tree) const;
  std::uint64_t TargetBytes(int level) const;

 private:
  double LevelScore(const Tree& tree, int level) const;
  Compaction PickLevel(const Tree& tree, int level);

  const Options options_;
  // Where the table ends that was compacted last out of each level: the least key beyond it.
  std::array<std::string, kLevelCount> cursors_;
};

}  // namespace aurora::lsm
