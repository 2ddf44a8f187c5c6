#include "aurora/lsm/compaction_picker.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/fault_points.h"

namespace aurora::lsm {
namespace {

// So many tables of a level are compared before one is chosen: more cost time, and gain little.
constexpr std::size_t kCandidates = 64;
// Columns of level 0, about: with more, the tables of a flush become small.
constexpr std::uint64_t kColumns = 8;

std::uint64_t Bytes(const Tree::Tables& tables) {
  return std::accumulate(
      tables.begin(), tables.end(), std::uint64_t{0},
      [](std::uint64_t sum, const auto& table) { return sum + table->info().size_bytes; });
}

Tree::Tables SortedByKey(Tree::Tables tables) {
  std::sort(tables.begin(), tables.end(), [](const auto& a, const auto& b) {
    return a->info().smallest_key < b->info().smallest_key;
  });
  return tables;
}

// Where tables end, taken together, one after the other.
class EndOfTables {
 public:
  void Add(const TableInfo& info) {
    if (last_ == nullptr || last_->EndsBefore(info.largest_key)) {
      last_ = &info;
    } else if (!info.largest_is_exclusive && info.largest_key == last_->largest_key) {
      last_ = &info;
    }
  }
  bool IsBefore(std::string_view key) const { return last_ == nullptr || last_->EndsBefore(key); }
  std::string_view largest() const { return last_->largest_key; }

 private:
  const TableInfo* last_ = nullptr;
};

// Tables in sets, each of which overlaps nothing of the others; ascending by key.
std::vector<Tree::Tables> Columns(Tree::Tables tables) {
  std::vector<Tree::Tables> columns;
  EndOfTables end;
  for (std::shared_ptr<TreeTable>& table : SortedByKey(std::move(tables))) {
    if (end.IsBefore(table->info().smallest_key)) columns.emplace_back();
    end.Add(table->info());
    columns.back().push_back(std::move(table));
  }
  return columns;
}

std::string_view LargestKey(const Tree::Tables& tables) {
  EndOfTables end;
  for (const auto& table : tables) end.Add(table->info());
  return end.largest();
}

// In how many runs of level 0 a column lies.
std::size_t RunCount(const Tree& tree, const Tree::Tables& column) {
  const std::string_view smallest = column.front()->info().smallest_key;
  const std::string_view largest = LargestKey(column);
  return static_cast<std::size_t>(std::count_if(
      tree.level0_runs().begin(), tree.level0_runs().end(),
      [&](const Tree::Tables& run) { return !Tree::Overlapping(run, smallest, largest).empty(); }));
}

}  // namespace

std::uint64_t Compaction::input_bytes() const { return Bytes(upper) + Bytes(lower); }

std::uint64_t CompactionPicker::TargetBytes(int level) const {
  AURORA_CHECK(level >= 1);
  std::uint64_t target = options_.level_base_bytes;
  for (int i = 1; i < level; ++i) target *= static_cast<std::uint64_t>(options_.level_multiplier);
  return target;
}

std::uint64_t CompactionPicker::StayingBytes(const Tree& tree, int level) const {
  std::uint64_t bytes = tree.level_bytes(level);
  for (const Running& running : running_) {
    // At its end a compaction is out of the tree for a moment before it is released.
    if (running.level == level) bytes -= std::min(bytes, running.upper_bytes);
  }
  return bytes;
}

double CompactionPicker::Level0Score(const Tree& tree) const {
  std::size_t runs = tree.level0_runs().size();
  if (!running_.empty()) {
    runs = 0;
    for (const Tree::Tables& column : FreeColumns(tree)) {
      runs = std::max(runs, RunCount(tree, column));
    }
  }
  return std::max(
      static_cast<double>(runs) / options_.level0_runs_max,
      static_cast<double>(StayingBytes(tree, 0)) / static_cast<double>(options_.level_base_bytes));
}

double CompactionPicker::Score(const Tree& tree, int level) const {
  if (level == 0) return Level0Score(tree);
  if (level == kLevelCount - 1) return 0;
  // Strictly more than the target.
  return static_cast<double>(StayingBytes(tree, level)) /
         (static_cast<double>(TargetBytes(level)) + 1);
}

bool CompactionPicker::IsDue(const Tree& tree) const {
  if (IsLevelDue(tree)) return true;
  if (AURORA_LIKELY(tree.dense_tables().empty())) return false;
  const std::vector<Dense> parts = DenseParts(tree);
  return std::any_of(parts.begin(), parts.end(),
                     [this](const Dense& part) { return part.largest_sequence <= oldest_reader_; });
}

bool CompactionPicker::IsLevelDue(const Tree& tree) const {
  for (int level = 0; level < kLevelCount; ++level) {
    if (Score(tree, level) >= 1) return true;
  }
  return false;
}

bool CompactionPicker::IsTaken(const Tree::Tables& tables) const {
  return !taken_.empty() && std::any_of(tables.begin(), tables.end(), [this](const auto& table) {
    return taken_.contains(table->info().number);
  });
}

void CompactionPicker::TakeInputs(const Compaction& compaction) {
  Tree::Tables inputs = compaction.upper;
  inputs.insert(inputs.end(), compaction.lower.begin(), compaction.lower.end());
  for (const auto& table : inputs) AURORA_CHECK(Take(table->info().number));
  Running running;
  running.first_input = inputs.front()->info().number;
  running.level = compaction.level;
  running.upper_bytes = Bytes(compaction.upper);
  running.output_level = compaction.output_level;
  inputs = SortedByKey(std::move(inputs));
  running.smallest = inputs.front()->info().smallest_key;
  running.largest = LargestKey(inputs);
  running_.push_back(std::move(running));
}

void CompactionPicker::Release(std::span<const std::uint64_t> numbers) {
  for (const std::uint64_t number : numbers) AURORA_CHECK(taken_.erase(number) == 1);
  std::erase_if(running_,
                [this](const Running& running) { return !taken_.contains(running.first_input); });
  is_stuck_ = false;
}

bool CompactionPicker::Writes(int level, std::string_view smallest,
                              std::string_view largest) const {
  return std::any_of(running_.begin(), running_.end(), [&](const Running& running) {
    return running.output_level == level && std::string_view(running.smallest) <= largest &&
           smallest <= std::string_view(running.largest);
  });
}

std::optional<Compaction> CompactionPicker::Pick(const Tree& tree) {
  std::array<int, kLevelCount> levels;
  std::iota(levels.begin(), levels.end(), 0);
  std::sort(levels.begin(), levels.end(), [&](int a, int b) {
    return std::pair(-Score(tree, a), a) < std::pair(-Score(tree, b), b);
  });
  for (const int level : levels) {
    if (Score(tree, level) < 1) break;
    std::optional<Compaction> picked = level == 0 ? PickLevel0(tree) : PickLevel(tree, level);
    if (!picked.has_value()) continue;
    TakeInputs(*picked);
    return picked;
  }
  if (!tree.dense_tables().empty() && !IsLevelDue(tree)) {
    std::optional<Compaction> picked = PickDense(tree);
    if (picked.has_value()) {
      TakeInputs(*picked);
      return picked;
    }
  }
  is_stuck_ = true;
  return std::nullopt;
}

std::vector<Tree::Tables> CompactionPicker::FreeColumns(const Tree& tree) const {
  std::vector<Tree::Tables> columns = Columns(tree.level(0));
  std::erase_if(columns, [this](const Tree::Tables& column) { return IsTaken(column); });
  return columns;
}

std::optional<Compaction> CompactionPicker::PickLevel0(const Tree& tree) const {
  std::optional<Compaction> picked;
  // A column that is not due itself is taken only for the sake of bytes.
  const bool has_too_many_bytes = StayingBytes(tree, 0) >= options_.level_base_bytes;
  std::size_t most_runs =
      has_too_many_bytes ? 0 : static_cast<std::size_t>(options_.level0_runs_max) - 1;
  Compaction moved;
  moved.output_level = 1;
  moved.is_move = true;
  for (Tree::Tables& column : FreeColumns(tree)) {
    Tree::Tables lower =
        tree.Overlapping(1, column.front()->info().smallest_key, LargestKey(column));
    if (lower.empty() && column.size() == 1) {
      moved.upper.push_back(std::move(column.front()));
      continue;
    }
    const std::size_t runs = RunCount(tree, column);
    if (runs <= most_runs || IsTaken(lower)) continue;
    most_runs = runs;
    picked.emplace();
    picked->level = 0;
    picked->output_level = 1;
    if (AURORA_PLANTED_BUG("compaction-leaves-older-runs")) {
      column = {*std::max_element(column.begin(), column.end(), [](const auto& a, const auto& b) {
        return a->info().number < b->info().number;
      })};
    }
    picked->upper = std::move(column);
    picked->lower = std::move(lower);
  }
  // What costs nothing comes first.
  if (!moved.upper.empty()) return moved;
  return picked;
}

std::optional<Compaction> CompactionPicker::PickLevel(const Tree& tree, int level) {
  std::optional<Compaction> picked;
  double least_overlap = 0;
  std::string& cursor = cursors_[static_cast<std::size_t>(level)];
  const Tree::Tables& tables = tree.level(level);
  const auto first = static_cast<std::size_t>(
      std::partition_point(tables.begin(), tables.end(),
                           [&](const auto& table) { return table->info().smallest_key < cursor; }) -
      tables.begin());
  for (std::size_t i = 0; i < std::min(tables.size(), kCandidates); ++i) {
    const std::shared_ptr<TreeTable>& table = tables[(first + i) % tables.size()];
    const TableInfo& info = table->info();
    if (IsTaken({table})) continue;
    Tree::Tables lower = tree.Overlapping(level + 1, info.smallest_key, info.largest_key);
    if (IsTaken(lower)) continue;
    const double overlap = static_cast<double>(Bytes(lower)) / static_cast<double>(info.size_bytes);
    if (picked.has_value() && overlap >= least_overlap) continue;
    least_overlap = overlap;
    picked.emplace();
    picked->reason = CompactionReason::kLevelBytes;
    picked->level = level;
    picked->output_level = level + 1;
    picked->is_move = lower.empty();
    picked->upper = {table};
    picked->lower = std::move(lower);
  }
  if (picked.has_value()) {
    const TableInfo& info = picked->upper.front()->info();
    cursor = info.largest_key;
    if (!info.largest_is_exclusive) cursor.push_back('\0');
  }
  return picked;
}

// --- Deletes. ---

void CompactionPicker::Dense::Add(const TableInfo& info, bool expired) {
  entry_count += info.entry_count;
  delete_count += expired ? (info.entry_count + 1) / 2 : info.delete_count;
  range_delete_count += info.range_delete_count;
  has_expired |= expired;
  largest_sequence = std::max(largest_sequence, info.largest_sequence);
}

// Whoever found that all is taken looks again only if there is something new to be found: readers
// come and go, and time passes, all the time.
void CompactionPicker::SetOldestReader(const Tree& tree, Sequence oldest, Expiry expired_through) {
  if (oldest >= FirstHeldBack(tree) || expired_through >= tree.NextExpiry(expired_through_)) {
    is_stuck_ = false;
  }
  oldest_reader_ = oldest;
  expired_through_ = expired_through;
}

bool CompactionPicker::IsWorthwhile(const Dense& part) const {
  if (part.is_last || part.range_delete_count >= part.delete_count) return true;
  return part.entries_below <=
         part.delete_count * static_cast<std::uint64_t>(options_.level_multiplier);
}

void CompactionPicker::AddDenseColumns(const Tree& tree, std::vector<Dense>* parts) const {
  for (Tree::Tables& column : Columns(tree.level(0))) {
    Dense part;
    bool has_ranges = false;
    for (const auto& table : column) {
      const TableInfo& info = table->info();
      part.Add(info, HasExpired(info));
      has_ranges |= info.IsDense() && info.range_delete_count >= info.delete_count;
    }
    const std::uint64_t deletes = part.delete_count + part.range_delete_count;
    if (!has_ranges && deletes < part.entry_count - part.delete_count) continue;
    for (const auto& table :
         tree.Overlapping(1, column.front()->info().smallest_key, LargestKey(column))) {
      part.entries_below += table->info().entry_count;
    }
    part.upper = std::move(column);
    if (has_ranges || IsWorthwhile(part)) parts->push_back(std::move(part));
  }
}

std::vector<CompactionPicker::Dense> CompactionPicker::DenseParts(const Tree& tree) const {
  std::vector<Dense> parts;
  const std::vector<Tree::DenseTable>& tables = tree.dense_tables();
  if (!tables.empty() && tables.front().level == 0) AddDenseColumns(tree, &parts);
  for (const Tree::DenseTable& dense : tables) {
    const bool expires_later = dense.since != 0 && dense.since > expired_through_;
    if (dense.level == 0 || expires_later) continue;
    Dense part;
    part.level = dense.level;
    part.upper = {dense.table};
    part.Add(dense.table->info(), HasExpired(dense.table->info()));
    part.entries_below = dense.entries_below;
    part.is_last = dense.is_last;
    if (IsWorthwhile(part)) parts.push_back(std::move(part));
  }
  return parts;
}

Sequence CompactionPicker::FirstHeldBack(const Tree& tree) const {
  Sequence first = kMaxSequence;
  for (const Dense& part : DenseParts(tree)) {
    if (part.largest_sequence > oldest_reader_) first = std::min(first, part.largest_sequence);
  }
  return first;
}

std::optional<Compaction> CompactionPicker::PickDense(const Tree& tree) const {
  std::optional<Compaction> picked;
  double least_cost = 0;
  for (Dense& part : DenseParts(tree)) {
    if (part.largest_sequence > oldest_reader_ || IsTaken(part.upper)) continue;
    Tree::Tables lower;
    if (!part.is_last) {
      const std::string_view smallest = part.upper.front()->info().smallest_key;
      lower = tree.Overlapping(part.level + 1, smallest, LargestKey(part.upper));
    }
    if (IsTaken(lower)) continue;
    const double cost = static_cast<double>(part.entries_below + part.entry_count) /
                        static_cast<double>(part.delete_count + part.range_delete_count);
    if (picked.has_value() && cost >= least_cost) continue;
    least_cost = cost;
    picked.emplace();
    picked->reason = part.has_expired ? CompactionReason::kExpired : CompactionReason::kDeletes;
    picked->level = part.level;
    picked->output_level = part.is_last ? part.level : part.level + 1;
    picked->is_move = part.level > 0 && !part.is_last && lower.empty();
    picked->upper = std::move(part.upper);
    picked->lower = std::move(lower);
  }
  return picked;
}

std::optional<Compaction> CompactionPicker::PickAll(const Tree& tree) {
  AURORA_CHECK(taken_.empty());
  Compaction picked;
  picked.reason = CompactionReason::kRequested;
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
  TakeInputs(picked);
  return picked;
}

std::vector<std::string> CompactionPicker::FlushCuts(const Tree& tree) const {
  // What is being compacted will be gone soon.
  Tree::Tables staying = tree.level(0);
  std::erase_if(staying,
                [this](const auto& table) { return taken_.contains(table->info().number); });
  const std::vector<Tree::Tables> columns = Columns(std::move(staying));
  const std::uint64_t column_bytes =
      std::max(2 * options_.table_bytes, tree.level_bytes(1) / kColumns);
  std::vector<std::string> cuts;
  std::uint64_t bytes = 0;  // of level 1, since the last cut
  const auto cut = [&](std::string_view key) {
    cuts.emplace_back(key);
    bytes = 0;
  };
  std::size_t column = 0;
  EndOfTables end;  // of the columns before `column`
  // Passes the columns that begin below `key`, cutting between them.
  const auto pass_columns = [&](std::optional<std::string_view> key) {
    for (; column < columns.size(); ++column) {
      const std::string_view start = columns[column].front()->info().smallest_key;
      if (key.has_value() && start >= *key) break;
      if (column > 0) cut(start);
      for (const auto& table : columns[column]) end.Add(table->info());
    }
  };
  for (const auto& table : tree.level(1)) {
    const std::string_view key = table->info().smallest_key;
    pass_columns(key);
    if (bytes >= column_bytes && end.IsBefore(key)) cut(key);
    bytes += table->info().size_bytes;
  }
  pass_columns(std::nullopt);
  if (!cuts.empty()) cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  return cuts;
}

}  // namespace aurora::lsm
