#include "aurora/lsm/tree.h"

#include <algorithm>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

void ObsoleteFiles::Add(Entry entry) {
  {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
  }
  event_->Notify();
}

std::vector<ObsoleteFiles::Entry> ObsoleteFiles::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(entries_, {});
}

bool ObsoleteFiles::empty() const {
  const std::lock_guard lock(mutex_);
  return entries_.empty();
}

TreeTable::TreeTable(TableInfo info, FileOpener* opener, ObsoleteFiles* obsolete)
    : info_(std::move(info)), opener_(opener), obsolete_(obsolete) {}

TreeTable::~TreeTable() {
  // Closing it is not the work of a reader who happens to be the last.
  if (is_obsolete_.load(std::memory_order_relaxed)) {
    obsolete_->Add({TableFileName(info_.number), std::move(owned_table_), nullptr});
  }
}

Task<absl::StatusOr<Table*>> TreeTable::Open() {
  Table* const table = table_.load(std::memory_order_acquire);
  if (AURORA_LIKELY(table != nullptr)) return absl::StatusOr<Table*>(table);
  return OpenNow();
}

// Several coroutines may find the table closed at once; each opens it, and the first to be done
// wins.
Task<absl::StatusOr<Table*>> TreeTable::OpenNow() {
  AURORA_CO_ASSIGN(std::unique_ptr<Table> opened, co_await opener_->OpenTable(&info_));
  const std::lock_guard lock(mutex_);
  if (owned_table_ == nullptr) {
    owned_table_ = std::move(opened);
    table_.store(owned_table_.get(), std::memory_order_release);
  }
  co_return owned_table_.get();
}

TreeValueFile::TreeValueFile(ValueFileInfo info, FileOpener* opener, ObsoleteFiles* obsolete)
    : info_(info), opener_(opener), obsolete_(obsolete) {}

TreeValueFile::~TreeValueFile() {
  if (is_obsolete_.load(std::memory_order_relaxed)) {
    obsolete_->Add({ValueFileName(info_.number), nullptr, std::move(owned_file_)});
  }
}

Task<absl::StatusOr<ValueFile*>> TreeValueFile::Open() {
  ValueFile* const file = file_.load(std::memory_order_acquire);
  if (AURORA_LIKELY(file != nullptr)) return absl::StatusOr<ValueFile*>(file);
  return OpenNow();
}

// As TreeTable::OpenNow.
Task<absl::StatusOr<ValueFile*>> TreeValueFile::OpenNow() {
  AURORA_CO_ASSIGN(std::unique_ptr<ValueFile> opened, co_await opener_->OpenValueFile(&info_));
  const std::lock_guard lock(mutex_);
  if (owned_file_ == nullptr) {
    owned_file_ = std::move(opened);
    file_.store(owned_file_.get(), std::memory_order_release);
  }
  co_return owned_file_.get();
}

// --- Values. ---

namespace {

absl::Status MissingError(std::uint64_t id) {
  return DataLossError("a table names a value of ", ValueFileName(id),
                       ", which is not one of the tree's value files");
}

Task<absl::StatusOr<PinnedValue>> ReadFrom(std::shared_ptr<TreeValueFile> file, ValueHandle handle,
                                           bool fill_cache, BlockSources* sources) {
  AURORA_CO_ASSIGN(ValueFile* const open_file, co_await file->Open());
  co_return co_await open_file->Read(handle, fill_cache, sources);
}

}  // namespace

Task<absl::StatusOr<PinnedValue>> Tree::ReadValue(std::string_view handle, bool fill_cache,
                                                  BlockSources* sources) const {
  using Result = absl::StatusOr<PinnedValue>;
  const absl::StatusOr<ValueHandle> parsed = DecodeValueHandle(handle);
  if (!parsed.ok()) return Result(parsed.status());
  const auto found = value_files_.find(parsed->file);
  if (found == value_files_.end()) return Result(MissingError(parsed->file));
  Task<absl::StatusOr<ValueFile*>> opened = found->second.file->Open();
  if (!opened.IsReady()) return ReadFrom(found->second.file, *parsed, fill_cache, sources);
  absl::StatusOr<ValueFile*> file = std::move(opened).TakeReady();
  if (!file.ok()) return Result(file.status());
  return (*file)->Read(*parsed, fill_cache, sources);
}

Task<absl::StatusOr<ValueFile*>> Tree::OpenValueFile(std::uint64_t id) const {
  const auto found = value_files_.find(id);
  if (found == value_files_.end()) co_return MissingError(id);
  co_return co_await found->second.file->Open();
}

void Tree::ChangeValueFiles(const ValueFileChange& change) {
  ValueFiles removed;
  for (const std::uint64_t id : change.removed) {
    auto node = value_files_.extract(id);
    AURORA_CHECK(!node.empty());
    removed.insert(std::move(node));
  }
  for (const std::shared_ptr<TreeValueFile>& file : change.added) {
    HeldValues held{file, 0, 0};
    if (const auto before = removed.find(file->info().id); before != removed.end()) {
      held.live_count = before->second.live_count;
      held.live_bytes = before->second.live_bytes;
    }
    AURORA_CHECK(value_files_.emplace(file->info().id, std::move(held)).second);
  }
}

// A table whose file is gone from the tree is not counted: its reads say what is missing.
void Tree::CountReferences(const TableInfo& table, bool is_added) {
  for (const ValueReference& reference : table.values) {
    const auto found = value_files_.find(reference.file);
    if (found == value_files_.end()) continue;
    HeldValues& held = found->second;
    held.live_count += is_added ? reference.value_count : 0 - reference.value_count;
    held.live_bytes += is_added ? reference.stored_bytes : 0 - reference.stored_bytes;
  }
}

void Tree::SumValueFiles() {
  live_value_bytes_ = garbage_bytes_ = 0;
  unneeded_value_file_count_ = 0;
  for (const auto& [id, held] : value_files_) {
    if (held.live_count == 0) ++unneeded_value_file_count_;
    live_value_bytes_ += held.live_bytes;
    garbage_bytes_ += held.garbage_bytes();
  }
}

// --- The tree. ---

int Tree::last_level() const {
  int last = kLevelCount - 1;
  while (last > 0 && level(last).empty()) --last;
  return last;
}

std::size_t Tree::table_count() const {
  std::size_t count = 0;
  for (const Tables& tables : levels_) count += tables.size();
  return count;
}

std::size_t Tree::FirstNotBefore(const Tables& tables, std::string_view key) {
  const auto found = std::partition_point(
      tables.begin(), tables.end(),
      [key](const std::shared_ptr<TreeTable>& table) { return table->info().EndsBefore(key); });
  return static_cast<std::size_t>(found - tables.begin());
}

Tree::Tables Tree::Overlapping(const Tables& tables, std::string_view smallest,
                               std::string_view largest) {
  Tables found;
  for (std::size_t i = FirstNotBefore(tables, smallest); i < tables.size(); ++i) {
    if (std::string_view(tables[i]->info().smallest_key) > largest) break;
    found.push_back(tables[i]);
  }
  return found;
}

Tree::Tables Tree::Overlapping(int level, std::string_view smallest,
                               std::string_view largest) const {
  if (level > 0) return Overlapping(this->level(level), smallest, largest);
  Tables found;
  for (const Tables& run : level0_runs_) {
    const Tables of_run = Overlapping(run, smallest, largest);
    found.insert(found.end(), of_run.begin(), of_run.end());
  }
  return found;
}

bool Tree::MayHold(int first_level, std::string_view key) const {
  for (int level = first_level; level < kLevelCount; ++level) {
    if (level == 0) {
      if (!Overlapping(0, key, key).empty()) return true;
      continue;
    }
    const Tables& tables = this->level(level);
    const std::size_t index = FirstNotBefore(tables, key);
    if (index < tables.size() && std::string_view(tables[index]->info().smallest_key) <= key) {
      return true;
    }
  }
  return false;
}

bool Tree::MayHoldAny(int first_level, std::string_view begin, std::string_view end) const {
  for (int level = first_level; level < kLevelCount; ++level) {
    for (const auto& table : this->level(level)) {
      const TableInfo& info = table->info();
      if (!info.EndsBefore(begin) && std::string_view(info.smallest_key) < end) return true;
    }
  }
  return false;
}

std::shared_ptr<const Tree> Tree::With(const std::vector<std::uint64_t>& removed,
                                       const std::vector<Addition>& added,
                                       const ValueFileChange& values) const {
  auto tree = std::make_shared<Tree>(*this);
  std::size_t removed_count = 0;
  for (Tables& tables : tree->levels_) {
    removed_count += std::erase_if(tables, [&](const std::shared_ptr<TreeTable>& table) {
      const bool is_removed =
          std::find(removed.begin(), removed.end(), table->info().number) != removed.end();
      if (is_removed) tree->CountReferences(table->info(), /*is_added=*/false);
      return is_removed;
    });
  }
  AURORA_CHECK(removed_count == removed.size());
  tree->ChangeValueFiles(values);
  for (const Addition& addition : added) {
    tree->CountReferences(addition.table->info(), /*is_added=*/true);
    tree->levels_[static_cast<std::size_t>(addition.level)].push_back(addition.table);
  }
  tree->SortLevels();
  tree->BuildRuns();
  tree->Count();
  tree->SumValueFiles();
  tree->FindDenseTables();
  return tree;
}

void Tree::SortLevels() {
  using Pointer = std::shared_ptr<TreeTable>;
  std::sort(levels_[0].begin(), levels_[0].end(), [](const Pointer& a, const Pointer& b) {
    // An ingested table has its number from before its commit. What one flush or one ingestion has
    // made does not overlap.
    const auto age = [](const Pointer& table) {
      const bool by_number = AURORA_PLANTED_BUG("ingestion-order-by-number");
      return std::pair(by_number ? 0 : table->info().largest_sequence, table->info().number);
    };
    const bool is_newer = age(a) > age(b);
    return AURORA_PLANTED_BUG("level0-oldest-first") ? !is_newer : is_newer;
  });
  for (int level = 1; level < kLevelCount; ++level) {
    Tables& tables = levels_[static_cast<std::size_t>(level)];
    std::sort(tables.begin(), tables.end(), [](const Pointer& a, const Pointer& b) {
      return a->info().smallest_key < b->info().smallest_key;
    });
    for (std::size_t i = 1; i < tables.size(); ++i) {
      AURORA_CHECK(tables[i - 1]->info().EndsBefore(tables[i]->info().smallest_key));
    }
  }
}

void Tree::FindDenseTables() {
  dense_tables_.clear();
  for (int level = 0; level < kLevelCount; ++level) {
    for (const std::shared_ptr<TreeTable>& table : this->level(level)) {
      const TableInfo& info = table->info();
      if (!info.IsDense() && info.half_expired_at == 0) continue;
      DenseTable& dense = dense_tables_.emplace_back();
      if (!info.IsDense()) dense.since = info.half_expired_at;
      dense.level = level;
      dense.table = table;
      if (level == 0) continue;
      dense.is_last = true;
      for (int below = level + 1; below < kLevelCount && dense.is_last; ++below) {
        const Tables overlapping = Overlapping(below, info.smallest_key, info.largest_key);
        dense.is_last = overlapping.empty();
        if (below > level + 1) continue;
        for (const auto& lower : overlapping) dense.entries_below += lower->info().entry_count;
      }
    }
  }
}

Expiry Tree::NextExpiry(Expiry time) const {
  Expiry next = kNeverExpires;
  for (const DenseTable& dense : dense_tables_) {
    if (dense.since != 0 && dense.since > time) next = std::min(next, dense.since);
  }
  return next;
}

void Tree::BuildRuns() {
  std::vector<Tables> runs;  // the oldest first
  for (auto table = levels_[0].rbegin(); table != levels_[0].rend(); ++table) {
    const TableInfo& info = (*table)->info();
    // Right above the newest run with something that overlaps it.
    std::size_t above = runs.size();
    while (above > 0) {
      const Tables& run = runs[above - 1];
      const std::size_t next = FirstNotBefore(run, info.smallest_key);
      if (next < run.size() && !info.EndsBefore(run[next]->info().smallest_key)) break;
      --above;
    }
    if (above == runs.size()) runs.emplace_back();
    Tables& run = runs[above];
    const auto place = static_cast<std::ptrdiff_t>(FirstNotBefore(run, info.smallest_key));
    run.insert(run.begin() + place, *table);
  }
  std::reverse(runs.begin(), runs.end());
  level0_runs_ = std::move(runs);
}

void Tree::Count() {
  range_delete_table_count_ = 0;
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    level_bytes_[level] = 0;
    for (const auto& table : levels_[level]) {
      level_bytes_[level] += table->info().size_bytes + table->info().value_bytes();
      if (table->info().range_delete_count > 0) ++range_delete_table_count_;
    }
  }
}

}  // namespace aurora::lsm
