// The tree: which tables there are, and on which level; and which value files they need.
//
// A Tree is immutable; a change makes a new one. Readers hold the one they began with. A file is
// removed from the disk when it was dropped by a durable edit and the last Tree that holds it is
// gone. So a reader finds every value that its tables name, wherever it has moved since.
//
//   level 0    what flushes wrote, the newest first; tables may overlap those of other flushes
//   level 1..  ascending by key, disjoint; all versions of a key are in one table
//
// Of two entries of a key, the newer is on the lower-numbered level, or on level 0 in the newer
// table. The same holds of entries and the range deletes that cover them, since a table's smallest
// and largest keys enclose its range deletes.
//
// Level 0 is also seen as runs (Pebble calls them sublevels): each ascending by key and disjoint,
// like a level; of two tables that overlap, the newer is in the newer run. Each table lies in the
// oldest run that allows this, so there are as many runs as there are tables on top of each other,
// not as many as flushes, and a reader searches one table of each.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/block_sources.h"
#include "aurora/lsm/event.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/pinned_value.h"
#include "aurora/lsm/table.h"
#include "aurora/lsm/value_file.h"
#include "aurora/lsm/value_source.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// Files that nobody needs any more, to be removed by whoever may. Thread-safe.
class ObsoleteFiles {
 public:
  struct Entry {
    std::string name;
    std::unique_ptr<Table> table;       // null if it is none, or not open
    std::unique_ptr<ValueFile> values;  // likewise
  };
  // `event` is notified when there are any. Not owned.
  explicit ObsoleteFiles(Event* event) : event_(event) {}
  void Add(Entry entry);
  // All that were added since the last call.
  std::vector<Entry> Take();
  bool empty() const;

 private:
  Event* const event_;
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

// Opens the files of a tree.
class FileOpener {
 public:
  virtual ~FileOpener() = default;
  virtual Task<absl::StatusOr<std::unique_ptr<Table>>> OpenTable(const TableInfo* info) = 0;
  virtual Task<absl::StatusOr<std::unique_ptr<ValueFile>>> OpenValueFile(
      const ValueFileInfo* info) = 0;
};

// A table file of the tree, opened when it is first needed. Thread-safe.
class TreeTable {
 public:
  // `opener` and `obsolete` must outlive the table.
  TreeTable(TableInfo info, FileOpener* opener, ObsoleteFiles* obsolete);
  ~TreeTable();
  TreeTable(const TreeTable&) = delete;
  TreeTable& operator=(const TreeTable&) = delete;

  // `level` is where the table was when it was made; the Tree knows where it is.
  const TableInfo& info() const { return info_; }

  // The open table, which lives as long as this object. Ready once it is open. A failure is not
  // remembered.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<Table*>> Open();
  // The same, if it was opened before; else null.
  Table* opened() const { return table_.load(std::memory_order_acquire); }

  // A durable edit has dropped the table: the file goes with the last reference to this object.
  void MarkObsolete() { is_obsolete_.store(true, std::memory_order_relaxed); }

 private:
  Task<absl::StatusOr<Table*>> OpenNow();

  const TableInfo info_;
  FileOpener* const opener_;
  ObsoleteFiles* const obsolete_;
  std::atomic<bool> is_obsolete_{false};
  std::atomic<Table*> table_{nullptr};
  std::mutex mutex_;
  std::unique_ptr<Table> owned_table_;  // protected by mutex_ until table_ is set
};

// A value file of the tree, opened when it is first needed. Thread-safe.
class TreeValueFile {
 public:
  // `opener` and `obsolete` must outlive it.
  TreeValueFile(ValueFileInfo info, FileOpener* opener, ObsoleteFiles* obsolete);
  ~TreeValueFile();
  TreeValueFile(const TreeValueFile&) = delete;
  TreeValueFile& operator=(const TreeValueFile&) = delete;

  const ValueFileInfo& info() const { return info_; }
  // As those of TreeTable.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<ValueFile*>> Open();
  void MarkObsolete() { is_obsolete_.store(true, std::memory_order_relaxed); }

 private:
  Task<absl::StatusOr<ValueFile*>> OpenNow();

  const ValueFileInfo info_;
  FileOpener* const opener_;
  ObsoleteFiles* const obsolete_;
  std::atomic<bool> is_obsolete_{false};
  std::atomic<ValueFile*> file_{nullptr};
  std::mutex mutex_;
  std::unique_ptr<ValueFile> owned_file_;  // protected by mutex_ until file_ is set
};

class Tree final : public ValueSource {
 public:
  using Tables = std::vector<std::shared_ptr<TreeTable>>;

  Tree() = default;

  const Tables& level(int level) const { return levels_[static_cast<std::size_t>(level)]; }
  // Level 0 as runs, the newest first.
  const std::vector<Tables>& level0_runs() const { return level0_runs_; }
  // With the values that its tables need: a level is as large as if they were in it.
  std::uint64_t level_bytes(int level) const {
    return level_bytes_[static_cast<std::size_t>(level)];
  }
  // The last level that holds a table; 0 if none does.
  int last_level() const;
  std::size_t table_count() const;

  // The index in `tables`, a level from 1 on or a run, of the first that does not end before `key`.
  static std::size_t FirstNotBefore(const Tables& tables, std::string_view key);
  // Those of `tables`, a level from 1 on or a run, that hold keys in [smallest, largest].
  static Tables Overlapping(const Tables& tables, std::string_view smallest,
                            std::string_view largest);
  // The same of any level; of level 0 run by run, the newest first.
  Tables Overlapping(int level, std::string_view smallest, std::string_view largest) const;
  // True if a table of `first_level` or below may hold `key`.
  bool MayHold(int first_level, std::string_view key) const;
  // True if a table of `first_level` or below may hold a key of [begin, end).
  bool MayHoldAny(int first_level, std::string_view begin, std::string_view end) const;
  // A table of which half is deletes (TableInfo::IsDense), or will have expired, and what lies
  // under it.
  struct DenseTable {
    Expiry since = 0;  // 0: for ever
    int level = 0;
    std::shared_ptr<TreeTable> table;
    std::uint64_t entries_below = 0;  // of the next level's tables that overlap it
    bool is_last = false;             // no table of any level below overlaps it
  };
  // Level by level. Of those of level 0, which lie under each other too, without what is below.
  const std::vector<DenseTable>& dense_tables() const { return dense_tables_; }
  // The first time after `time` at which another table will have expired by half; kNeverExpires:
  // none will.
  Expiry NextExpiry(Expiry time) const;
  // How many tables hold range deletes.
  std::size_t range_delete_table_count() const { return range_delete_table_count_; }

  // A value file, and what the tables need of it.
  struct HeldValues {
    std::shared_ptr<TreeValueFile> file;
    std::uint64_t live_count = 0;
    std::uint64_t live_bytes = 0;
    std::uint64_t garbage_bytes() const { return file->info().stored_bytes - live_bytes; }
  };
  using ValueFiles = std::map<std::uint64_t, HeldValues>;  // by id
  const ValueFiles& value_files() const { return value_files_; }
  // Of all value files.
  std::uint64_t live_value_bytes() const { return live_value_bytes_; }
  std::uint64_t garbage_bytes() const { return garbage_bytes_; }
  // How many value files no table needs.
  std::size_t unneeded_value_file_count() const { return unneeded_value_file_count_; }
  // Of what the tables of this tree name.
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<PinnedValue>> ReadValue(
      std::string_view handle, bool fill_cache, BlockSources* sources) const override;
  // The open file of a value that a table of this tree names.
  Task<absl::StatusOr<ValueFile*>> OpenValueFile(std::uint64_t id) const;

  // Another tree without the tables of these numbers and with `table` on `level`.
  struct Addition {
    int level;
    std::shared_ptr<TreeTable> table;
  };
  // Of value files: those of these ids are taken out, then others put in.
  struct ValueFileChange {
    std::vector<std::uint64_t> removed;
    std::vector<std::shared_ptr<TreeValueFile>> added;
  };
  std::shared_ptr<const Tree> With(const std::vector<std::uint64_t>& removed,
                                   const std::vector<Addition>& added,
                                   const ValueFileChange& values = {}) const;

 private:
  void SortLevels();
  void BuildRuns();
  void Count();
  void ChangeValueFiles(const ValueFileChange& change);
  void CountReferences(const TableInfo& table, bool is_added);
  void SumValueFiles();
  void FindDenseTables();

  std::array<Tables, kLevelCount> levels_;
  std::vector<Tables> level0_runs_;
  std::array<std::uint64_t, kLevelCount> level_bytes_ = {};
  ValueFiles value_files_;
  std::uint64_t live_value_bytes_ = 0;
  std::uint64_t garbage_bytes_ = 0;
  std::size_t unneeded_value_file_count_ = 0;
  std::size_t range_delete_table_count_ = 0;
  std::vector<DenseTable> dense_tables_;
};

}  // namespace aurora::lsm
