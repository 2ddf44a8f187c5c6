// What a flush or a compaction keeps: the entries of a source without those that no reader can see,
// and with operands folded.
//
// The sequences that readers may still use (SnapshotList::Visible) cut the history of each key into
// stripes; within one, no reader can tell its entries from what they add up to, so one entry, under
// the newest version, replaces them all. Never more: an entry of each stripe stays, and what is
// newer than all of them is not touched.
//
//   visible:        4                   9
//   key a:    3  4  |  5 del  6  7 put  |  11  12      keeps 4, 7, 11, 12
//
// A range delete hides what is older of its stripe and of those below; what is kept for a reader
// between the two stays.
//
// A separated Put is kept as what it is, a handle, unless operands are folded over it: then its
// value is read, and what they make of it is a Put.
//
// A Put that has expired for every reader there will be is a Delete. One that will expire stays by
// itself: operands above it are not folded over it, since they stay when it goes.
//
// At the end of a key's history (nothing older exists below) a Delete, or a value that says the
// same as none, is dropped too.
//
// One user at a time. Memory: one key, its operands and one value.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/block_sources.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/iterator.h"
#include "aurora/lsm/key_history.h"
#include "aurora/lsm/merge_operator.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/read_time.h"
#include "aurora/lsm/types.h"
#include "aurora/lsm/value_source.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class EntryFilter {
 public:
  struct Options {
    std::vector<Sequence> visible;  // ascending, not empty
    // What expires then or before is gone for every reader (SnapshotList::Visible).
    Expiry expired_through = ReadTime::kBeforeAll;
    // The stored keys to go through: from `begin` on and below `end`; nullopt: to the last.
    std::string begin;
    std::optional<std::string> end;
    // True if no table below the output may hold an entry of this stored key. Asked with ascending
    // keys.
    absl::AnyInvocable<bool(std::string_view)> is_bottom;
    // Not owned.
    const absl::flat_hash_map<KeyspaceId, const MergeOperator*>* merge_operators = nullptr;
    // Of the keyspaces that are not in the map.
    const MergeOperator* default_merge_operator = nullptr;
    // Of the values that operands are folded over. Null where no Put is separated.
    std::shared_ptr<const ValueSource> values;
    // Counts the reads of these values. Not owned; null: nowhere.
    BlockSources* sources = nullptr;
    // What they hide, and no reader needs, is dropped. Null: nothing is.
    std::shared_ptr<const RangeDeletes> range_deletes;
  };
  EntryFilter(std::unique_ptr<EntryIterator> source, Options options);

  // Moves to the first entry to keep.
  AURORA_TASK_WRAPPER Task<absl::Status> Start();
  // Moves to the next one. REQUIRES Valid().
  AURORA_TASK_WRAPPER Task<absl::Status> Next();

  bool Valid() const { return valid_; }
  // REQUIRES Valid(). Valid until the next move.
  EntryKey key() const { return {key_, version_}; }
  std::string_view value() const { return value_; }

  // Entries read from the source so far.
  std::uint64_t read_count() const { return read_count_; }

 private:
  // Looks at the entry at which the source stands. True if the source is to be moved on; false if
  // an entry to keep was found (Valid()), the source has ended, or a value must be fetched
  // (history_.needs_value()) before it is looked at again.
  absl::StatusOr<bool> Examine();
  bool HasEnded() const {
    return !source_->Valid() || (options_.end.has_value() && source_->key().key >= *options_.end);
  }
  // The same of a Put that expires, which nothing of its stripe hides.
  absl::StatusOr<bool> ExamineExpiring(EntryKey entry, Expiry expiry);
  void KeepAsItIs(EntryKey entry);
  absl::Status BeginKey(std::string_view stored_key);
  // Makes what was collected the current entry, if it is to be kept. `ends_key`: the source has no
  // older entry of this key. Does nothing if a value must be fetched first.
  absl::Status Emit(bool ends_key);
  bool awaits_value() const { return history_.needs_value() && history_.has_operands(); }
  Task<absl::Status> FetchValue();
  // True if a range delete of the entry's own stripe hides it. Sets `cover_`.
  bool IsRangeDeleted(EntryKey entry, std::uint64_t stripe, bool same_stripe);
  AURORA_TASK_WRAPPER Task<absl::Status> Continue(Task<absl::Status> move);
  Task<absl::Status> ContinueSlow(Task<absl::Status> move);

  const std::unique_ptr<EntryIterator> source_;
  Options options_;
  std::uint64_t read_count_ = 0;

  // The key in progress.
  bool have_key_ = false;
  std::string key_;
  std::string_view user_key_;  // in key_
  const MergeOperator* merge_operator_ = nullptr;
  std::uint64_t stripe_ = 0;
  bool rest_is_hidden_ = false;  // of the stripe
  Sequence cover_ = 0;           // the newest range delete that its readers see on the key
  KeyHistory history_;           // what was collected of the stripe and not emitted
  std::string base_;             // a value in history_ that must outlive the source's next move

  // The current entry.
  bool valid_ = false;
  bool source_is_at_it_ = false;
  Version version_;
  std::string_view value_;
  std::string folded_;
};

}  // namespace aurora::lsm
