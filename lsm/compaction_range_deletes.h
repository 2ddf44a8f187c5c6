// The range deletes of one flush or compaction: what they hide, which of them are still needed, and
// how they are shared out among the tables that it writes.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/table_builder.h"
#include "aurora/lsm/tree.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

// One user at a time.
class CompactionRangeDeletes {
 public:
  CompactionRangeDeletes() = default;  // there are none
  // Those of the inputs, any of which may be hidden by another. `visible` as SnapshotList gives it.
  // Keys are copied.
  CompactionRangeDeletes(std::span<const RangeDelete> inputs, std::span<const Sequence> visible);

  // For EntryFilter; null if there are none.
  const std::shared_ptr<const RangeDeletes>& all() const { return all_; }

  // True if no reader sees anything of the table, and none needs its own range deletes: it can be
  // dropped without being read, if all that is older than these range deletes is in it, in other
  // inputs and below.
  bool Hides(const TableInfo& table) const;

  // Drops those that nobody needs any more, since every reader sees them and no table of
  // `first_level_below` or below in `tree` holds a key of theirs.
  void DropUnneeded(const Tree& tree, int first_level_below);

  // The same range deletes, with only that part of them left to give that lies in [begin, end), for
  // whoever writes that part; nullopt: no end. What this hides it hides everywhere.
  CompactionRangeDeletes Within(std::string_view begin, std::optional<std::string_view> end) const;

  // Gives what is left of them below `end` (nullopt: all) to the table that ends there, and keeps
  // the rest for the next one. `end` ascends.
  absl::Status Cut(std::optional<std::string_view> end, TableBuilder* builder);
  // Nothing is left to give.
  bool empty() const { return left_.empty(); }

 private:
  std::string_view Keep(std::string_view key);

  std::vector<Sequence> visible_;
  std::shared_ptr<const RangeDeletes> all_;
  std::vector<RangeDelete> left_;  // views into all_, and the ends of cuts
  std::vector<std::unique_ptr<const std::string>> cuts_;
};

}  // namespace aurora::lsm
