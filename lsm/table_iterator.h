// Walks the entries of a table. Made by Table::NewIterator, which says what it promises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "aurora/lsm/block.h"
#include "aurora/lsm/iterator.h"
#include "aurora/lsm/table.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class Table::Iterator final : public EntryIterator {
 public:
  Iterator(Table* table, const IterateOptions& options) : table_(table), options_(options) {}

  bool Valid() const override { return cursor_.Valid(); }
  EntryKey key() const override { return cursor_.key(); }
  std::string_view value() const override { return cursor_.value(); }
  AURORA_TASK_WRAPPER Task<absl::Status> Seek(EntryKey target) override;
  AURORA_TASK_WRAPPER Task<absl::Status> SeekBackward(EntryKey target) override;
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToFirst() override;
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToLast() override;
  AURORA_TASK_WRAPPER Task<absl::Status> Next() override;
  AURORA_TASK_WRAPPER Task<absl::Status> Prev() override;
  bool NextAtHand(EntryRef* entry) override { return cursor_.NextAtHand(entry); }

 private:
  // Where to go in a block that is entered.
  enum class Entry : std::uint8_t { kSeek, kSeekBackward, kFirst, kLast };
  static constexpr std::size_t kNoBlock = static_cast<std::size_t>(-1);

  // Goes to block `index` (none: the walk has ended) and there as `entry` says; and on to the
  // neighbour if there is no such entry. Plain while blocks are in memory, then a coroutine with a
  // copy of the target.
  AURORA_TASK_WRAPPER Task<absl::Status> Enter(std::size_t index, Entry entry, EntryKey target);
  Task<absl::Status> EnterFromDevice(std::size_t index, Entry entry, std::string key,
                                     Version version);
  // True if the walk is to go on: `index` and `entry` then say where.
  bool Place(std::size_t* index, Entry* entry, EntryKey target);
  // Makes block `index` the current one if it is in memory.
  absl::StatusOr<bool> TakeFromMemory(std::size_t index);
  Task<absl::Status> TakeFromDevice(std::size_t index);
  void Take(std::size_t index, BlockPointer block);
  absl::Status Fail(const absl::Status& status);
  void Leave();

  Table* const table_;
  const IterateOptions options_;
  std::size_t index_ = kNoBlock;  // of block_
  BlockPointer block_;
  Block::Cursor cursor_;
  absl::Status status_;  // the first error, for good

  Stretch ahead_;                     // read together, for the blocks to come
  std::size_t last_read_ = kNoBlock;  // block for which the device was last asked
  std::size_t readahead_bytes_ = 0;   // of the next read that goes on from there
};

}  // namespace aurora::lsm
