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
  // A block: the part of the index that names it, and its number there. The numbers above those
  // that there are mean what the part has to be looked into for.
  struct Place {
    std::size_t part;
    std::size_t index;
  };
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  static constexpr std::size_t kLastOfPart = kNone - 1;
  static constexpr std::size_t kOfTarget = kNone - 2;  // the one that may hold the target

  // Goes to the block at `place` (none: the walk has ended) and there as `entry` says; and on to
  // the neighbour if there is no such entry. Plain while all is in memory, then a coroutine with a
  // copy of the target.
  AURORA_TASK_WRAPPER Task<absl::Status> Enter(Place place, Entry entry, EntryKey target);
  Task<absl::Status> EnterFromDevice(Place place, Entry entry, std::string key, Version version);
  // In the block: true if the walk is to go on; `place` and `entry` then say where.
  bool Land(Place* place, Entry* entry, EntryKey target);
  // The part of a place as part_, if it is in memory.
  bool TakePart(std::size_t part);
  void SetPart(std::size_t part, IndexPointer index);
  // Gives a place in part_ its number; false if the walk is to go on elsewhere.
  bool Resolve(Place* place, Entry* entry, EntryKey target) const;
  // Makes the block at a resolved place the current one if it is in memory.
  absl::StatusOr<bool> TakeFromMemory(std::size_t index);
  Task<absl::Status> TakeFromDevice(std::size_t index);
  Task<absl::Status> ReadAhead(std::size_t index, bool forward);
  void Take(std::size_t index, BlockPointer block);
  BlockSources* sources() { return options_.sources != nullptr ? options_.sources : &unasked_; }
  absl::Status Fail(const absl::Status& status);
  void Leave();

  Table* const table_;
  const IterateOptions options_;
  BlockSources unasked_;
  std::size_t part_number_ = kNone;  // of part_
  IndexPointer part_;
  std::size_t index_ = kNone;  // of block_, in part_
  BlockPointer block_;
  Block::Cursor cursor_;
  absl::Status status_;  // the first error, for good

  Stretch ahead_;                    // read together, for the blocks to come
  BlockHandle last_read_ = {};       // block for which the device was last asked, if there is one
  std::size_t readahead_bytes_ = 0;  // of the next read that goes on from there
};

}  // namespace aurora::lsm
