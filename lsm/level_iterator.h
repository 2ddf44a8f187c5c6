// The entries of disjoint tables, one after the other: a level of the tree, or a part of one.
//
// A table is opened when the walk reaches it. Moves within a table whose blocks are cached are
// ready Tasks. key() and value() are valid as the table's iterator says.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "aurora/lsm/iterator.h"
#include "aurora/lsm/table.h"
#include "aurora/lsm/tree.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class LevelIterator final : public EntryIterator {
 public:
  // `tables` ascending by key and disjoint.
  LevelIterator(Tree::Tables tables, const Table::IterateOptions& options)
      : tables_(std::move(tables)), options_(options) {}

  bool Valid() const override { return current_ != nullptr && current_->Valid(); }
  EntryKey key() const override { return current_->key(); }
  std::string_view value() const override { return current_->value(); }
  AURORA_TASK_WRAPPER Task<absl::Status> Seek(EntryKey target) override;
  AURORA_TASK_WRAPPER Task<absl::Status> SeekBackward(EntryKey target) override;
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToFirst() override;
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToLast() override;
  AURORA_TASK_WRAPPER Task<absl::Status> Next() override;
  AURORA_TASK_WRAPPER Task<absl::Status> Prev() override;
  bool NextAtHand(EntryRef* entry) override { return current_->NextAtHand(entry); }

 private:
  // Where to go in a table that is entered.
  enum class Entry : std::uint8_t { kSeek, kSeekBackward, kFirst, kLast };

  // After a move within the current table: done, or on to the neighbour. `step` is +1 or -1.
  AURORA_TASK_WRAPPER Task<absl::Status> Finish(Task<absl::Status> move, int step);
  Task<absl::Status> FinishSlow(Task<absl::Status> move, int step);
  // Enters table `index` (none if there is no such table) as `entry` says, and goes on in the same
  // direction until an entry is found.
  Task<absl::Status> Enter(std::size_t index, Entry entry, std::string key, Version version);
  AURORA_TASK_WRAPPER Task<absl::Status> EnterNow(std::size_t index, Entry entry, EntryKey target);
  AURORA_TASK_WRAPPER Task<absl::Status> MoveIn(Entry entry, EntryKey target);
  absl::Status Fail(absl::Status error);
  std::size_t FirstNotBefore(std::string_view key) const;

  const Tree::Tables tables_;
  const Table::IterateOptions options_;
  std::size_t index_ = 0;
  std::unique_ptr<EntryIterator> current_;  // of tables_[index_]
  absl::Status status_;                     // the first error, for good
};

}  // namespace aurora::lsm
