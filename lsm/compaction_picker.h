// Decides what to compact next, and where flushes are cut.
//
// Level 0 is due when it has as many runs as allowed (Tree::level0_runs) or as many bytes as level
// 1 may; a level below, when it holds more bytes than its target, which grows by a constant factor
// from level to level. The most overdue one of which something can be taken is taken.
//
//   level 0    the tables fall into columns: sets that overlap nothing outside of themselves. The
//              column with most runs is compacted, whole, with what it overlaps in level 1. Flushes
//              are cut between columns, and where tables of level 1 meet, so that columns stay
//              narrow: a compaction takes a fraction of level 0, not all of it and of level 1.
//   others     the table that overlaps least of the next level for its size, and what it overlaps;
//              chosen among those that come next in turn where there are many.
//
// Where no level is due, tables are compacted for the deletes in them. Half of a table, or of a
// column of level 0, is deletes, and every reader sees them: then it goes one level down (it is
// moved if nothing overlaps it there), until nothing is below; there it is rewritten where it is,
// without its deletes. So a queue does not leave tombstones that every scan steps over, and what
// was deleted gives its space back. It ends: entries only go down, and what is rewritten in place
// has no deletes left. Nothing is rewritten for fewer deletes than one in level_multiplier of the
// next level's entries, which is what a compaction by size would rewrite for them: they wait for
// more. Range deletes may hide any number of entries: a table of them does not wait, nor the column
// of level 0 in which it is. What has expired for every reader counts as deletes.
//
// What was picked is taken until it is released: no table is in two compactions. This alone keeps
// the key ranges that two write to one level apart, since each takes all tables of that level that
// its range overlaps. A level is due by what has not been taken out of it: else whoever is free
// would compact the rest of it too early, and write more than needs be.
//
// Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "aurora/lsm/store_events.h"
#include "aurora/lsm/tree.h"

namespace aurora::lsm {

struct Compaction {
  CompactionReason reason = CompactionReason::kLevel0;
  int level = 0;  // the inputs' upper level
  int output_level = 0;
  Tree::Tables upper;  // of `level`, and of all levels in between for a full compaction
  Tree::Tables lower;  // of output_level
  // The inputs need only be named as tables of the output level.
  bool is_move = false;

  std::uint64_t input_bytes() const;
};

class CompactionPicker {
 public:
  struct Options {
    int level0_runs_max = 4;
    std::uint64_t level_base_bytes = 0;
    int level_multiplier = 8;
    std::uint64_t table_bytes = 0;  // the size of the tables of level 1
  };
  explicit CompactionPicker(const Options& options) : options_(options) {}

  // The next compaction, whose tables are then taken. nullopt if none is due, or each that is needs
  // a table that is taken.
  std::optional<Compaction> Pick(const Tree& tree);
  // Everything into the last level that is needed to hold it. nullopt if there is nothing, or it is
  // there already. REQUIRES that nothing is taken.
  std::optional<Compaction> PickAll(const Tree& tree);

  // True if a compaction that was picked and not released may write a table to `level` that spans a
  // key of [smallest, largest]: also where no table of its inputs holds one.
  bool Writes(int level, std::string_view smallest, std::string_view largest) const;

  // Takes one more table. False if it is taken already.
  bool Take(std::uint64_t number) { return taken_.insert(number).second; }
  // Ends the taking of tables, whether they are still there or not.
  void Release(std::span<const std::uint64_t> numbers);
  // Pick may find something that it did not find before.
  void TreeChanged() { is_stuck_ = false; }

  // The oldest sequence at which anybody reads (SnapshotList::OldestReaders); kMaxSequence, at
  // first: nobody does. No compaction is due for deletes above it: a reader needs what they hide.
  // And what has expired for all of them; nothing, at first.
  void SetOldestReader(const Tree& tree, Sequence oldest, Expiry expired_through = 0);
  // The least sequence above the oldest reader's that it must reach before more is due for the sake
  // of deletes; kMaxSequence: there is none.
  Sequence FirstHeldBack(const Tree& tree) const;

  // True if a compaction is due.
  bool IsDue(const Tree& tree) const;
  // The same, but false if nothing has changed since Pick found all that is due to be taken.
  bool MayPick(const Tree& tree) const { return !is_stuck_ && IsDue(tree); }
  std::uint64_t TargetBytes(int level) const;

  // The stored keys, ascending, at which the tables of a flush are to begin, whatever it holds.
  std::vector<std::string> FlushCuts(const Tree& tree) const;

 private:
  // How overdue a level is, with what is taken out of it; due from 1 on.
  double Score(const Tree& tree, int level) const;
  double Level0Score(const Tree& tree) const;
  bool IsTaken(const Tree::Tables& tables) const;
  // What is in a level and is not about to leave it.
  std::uint64_t StayingBytes(const Tree& tree, int level) const;
  // The columns of level 0 without those of which anything is taken.
  std::vector<Tree::Tables> FreeColumns(const Tree& tree) const;
  std::optional<Compaction> PickLevel0(const Tree& tree) const;
  std::optional<Compaction> PickLevel(const Tree& tree, int level);
  // A table, or a column of level 0, that is to be compacted for its deletes once readers allow it.
  struct Dense {
    int level = 0;
    Tree::Tables upper;
    std::uint64_t entry_count = 0;
    std::uint64_t delete_count = 0;
    std::uint64_t range_delete_count = 0;
    Sequence largest_sequence = 0;
    std::uint64_t entries_below = 0;
    bool is_last = false;
    bool has_expired = false;

    // `expired`: half of the table, which counts as deletes.
    void Add(const TableInfo& info, bool expired);
  };
  bool HasExpired(const TableInfo& info) const {
    return info.half_expired_at != 0 && info.half_expired_at <= expired_through_;
  }
  std::vector<Dense> DenseParts(const Tree& tree) const;
  void AddDenseColumns(const Tree& tree, std::vector<Dense>* parts) const;
  bool IsWorthwhile(const Dense& part) const;
  bool IsLevelDue(const Tree& tree) const;
  // For the sake of deletes.
  std::optional<Compaction> PickDense(const Tree& tree) const;
  void TakeInputs(const Compaction& compaction);

  const Options options_;
  absl::flat_hash_set<std::uint64_t> taken_;
  // A compaction that was picked and not released.
  struct Running {
    std::uint64_t first_input;
    int level;
    std::uint64_t upper_bytes;
    int output_level;
    std::string smallest;
    std::string largest;
  };
  std::vector<Running> running_;
  bool is_stuck_ = false;
  Sequence oldest_reader_ = kMaxSequence;
  Expiry expired_through_ = 0;
  // Where the table ends that was compacted last out of each level: the least key beyond it.
  std::array<std::string, kLevelCount> cursors_;
};

}  // namespace aurora::lsm
