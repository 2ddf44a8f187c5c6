// Several sources of entries as one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/iterator.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// Walks the entries of all its sources in order, in both directions; the direction may change at
// any entry, for the price of one move of every source. No two sources may hold the same entry (key
// and version).
//
// The sources are kept in a heap by their current keys. A step costs one move of the source in
// front and one comparison while the same source stays in front, as it usually does; else about
// 2 log2(sources). The view that key() and value() give are those of the source.
class MergingIterator final : public EntryIterator {
 public:
  explicit MergingIterator(std::vector<std::unique_ptr<EntryIterator>> sources);

  bool Valid() const override { return valid_; }
  EntryKey key() const override;
  std::string_view value() const override;
  AURORA_TASK_WRAPPER Task<absl::Status> Seek(EntryKey target) override;
  AURORA_TASK_WRAPPER Task<absl::Status> SeekBackward(EntryKey target) override;
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToFirst() override;
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToLast() override;
  AURORA_TASK_WRAPPER Task<absl::Status> Next() override;
  AURORA_TASK_WRAPPER Task<absl::Status> Prev() override;
  bool NextAtHand(EntryRef* entry) override;

 private:
  // What every source is asked to do before the heap is built anew.
  enum class Move : std::uint8_t {
    kSeek,
    kSeekBackward,
    kFirst,
    kLast,
    kTurnForward,
    kTurnBackward
  };
  struct Source {
    EntryKey key;  // of `entries`, while it is in the heap
    EntryIterator* entries;
  };

  // Moves all sources. Plain as long as their moves are ready; then a coroutine, with a copy of the
  // target, does the rest.
  AURORA_TASK_WRAPPER Task<absl::Status> MoveAll(Move move, EntryKey target);
  Task<absl::Status> MoveRest(Move move, std::string key, Version version, std::size_t index,
                              Task<absl::Status> pending);
  AURORA_TASK_WRAPPER Task<absl::Status> MoveOne(EntryIterator& source, Move move,
                                                 EntryKey target) const;
  // Moves the source in front by one entry.
  AURORA_TASK_WRAPPER Task<absl::Status> Step(Task<absl::Status> move);
  Task<absl::Status> FinishStep(Task<absl::Status> move);
  absl::Status AfterStep(absl::Status moved);

  absl::Status Fail(absl::Status error);
  void BuildHeap(bool forward);
  void SiftDown(std::size_t index);
  bool InOrder(const Source& a, const Source& b) const {
    return forward_ ? a.key < b.key : b.key < a.key;
  }

  const std::vector<std::unique_ptr<EntryIterator>> sources_;
  // Those that are valid; the one in front is heap_[0].
  std::vector<Source> heap_;
  bool forward_ = true;
  bool valid_ = false;
  absl::Status status_;  // the first error, for good
};

}  // namespace aurora::lsm
