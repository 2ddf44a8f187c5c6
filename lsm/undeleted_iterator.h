// One source of a reader, without the entries that range deletes hide from it.
//
// Sources are told from newest to oldest. A range delete of a newer source hides all that this one
// has of its range, so a run of hidden entries is left by one seek beyond it; but not at once, as a
// seek costs as much as many steps. One of the source itself hides some entries and leaves others,
// and is gone through entry by entry; flushes and compactions leave such entries only while a
// snapshot needs them.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/iterator.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class UndeletedIterator final : public EntryIterator {
 public:
  // Hides what the range deletes of `groups` at or below `at` hide. The first `newer_count` of
  // them are those of newer sources, the next `own_count` those of this one. What they point to
  // must outlive this. key() and value() are those of the source.
  UndeletedIterator(std::unique_ptr<EntryIterator> source,
                    std::shared_ptr<const std::vector<RangeDeleteGroup>> groups,
                    std::size_t newer_count, std::size_t own_count, Sequence at)
      : source_(std::move(source)),
        groups_(std::move(groups)),
        newer_count_(newer_count),
        own_count_(own_count),
        at_(at) {}

  bool Valid() const override { return source_->Valid(); }
  EntryKey key() const override { return source_->key(); }
  std::string_view value() const override { return source_->value(); }
  AURORA_TASK_WRAPPER Task<absl::Status> Seek(EntryKey target) override {
    return Settle(source_->Seek(target), true);
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekBackward(EntryKey target) override {
    return Settle(source_->SeekBackward(target), false);
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToFirst() override {
    return Settle(source_->SeekToFirst(), true);
  }
  AURORA_TASK_WRAPPER Task<absl::Status> SeekToLast() override {
    return Settle(source_->SeekToLast(), false);
  }
  AURORA_TASK_WRAPPER Task<absl::Status> Next() override;
  AURORA_TASK_WRAPPER Task<absl::Status> Prev() override { return Settle(source_->Prev(), false); }
  bool NextAtHand(EntryRef* entry) override;

 private:
  // After a move of the source: goes on in the same direction until it is at an entry that is not
  // hidden, or at its end.
  AURORA_TASK_WRAPPER Task<absl::Status> Settle(Task<absl::Status> move, bool forward);
  Task<absl::Status> SettleSlow(Task<absl::Status> move, bool forward);
  bool IsHidden(EntryKey entry);
  // Leaves a hidden entry. REQUIRES that IsHidden was asked about it last.
  AURORA_TASK_WRAPPER Task<absl::Status> Leave(bool forward);

  const std::unique_ptr<EntryIterator> source_;
  const std::shared_ptr<const std::vector<RangeDeleteGroup>> groups_;
  const std::size_t newer_count_;
  const std::size_t own_count_;
  const Sequence at_;

  // Around the entry looked at last.
  bool have_stretch_ = false;
  RangeCover newer_;
  RangeCover all_;  // a part of newer_'s stretch

  int hidden_in_a_row_ = 0;
  bool left_entry_ = false;  // NextAtHand has moved on to a hidden entry
};

}  // namespace aurora::lsm
