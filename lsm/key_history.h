// What the entries of one key add up to. The one place that knows what Put, Delete and Merge mean
// together: point reads, iterators and compaction all fold through it.
//
// The entries of a key that a reader at some sequence may see are fed newest first, wherever they
// come from (memtables, then tables from the newest to the oldest), until done() or until there are
// no more:
//
//   newest                                            oldest
//   Merge m3 | Merge m2 | Merge m1 | Put b | ...        =>  Fold(b, [m1, m2, m3])
//   Merge m2 | Merge m1 | Delete | ...                  =>  Fold(nothing, [m1, m2])
//   Merge m1 |                                          =>  Fold(nothing, [m1])
//   Put b | ...                                         =>  b
//   Delete | ...                                        =>  nothing
//
// The first Put or Delete is the base: everything older is hidden by it. A range delete that covers
// the key is a Delete behind the entries of its own commit (HideBelow). A separated Put is a Put
// whose value must be fetched before anything is made of it (needs_value, SetValue). One that has
// expired is a Delete: it hides what is older, and operands above it begin with nothing. Operands
// do not expire themselves: none knows what it was merged onto, and what they add up to must not
// depend on when a compaction came by.
//
// One user at a time. A history that saw no operand allocates nothing; Reset() keeps what was
// allocated.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/merge_operator.h"
#include "aurora/lsm/pinned_value.h"
#include "aurora/lsm/read_time.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/check.h"

namespace aurora::lsm {

class KeyHistory {
 public:
  KeyHistory() = default;
  KeyHistory(const KeyHistory&) = delete;
  KeyHistory& operator=(const KeyHistory&) = delete;

  // By whose time what was put expires. Not owned; must outlive this, or the next call. Null, at
  // first: nothing does.
  void SetTime(ReadTime* time) { time_ = time; }

  // Feeds the next older entry; `owner` keeps `value` alive. Returns done(). REQUIRES !done().
  // That it is older is not checked: entries come from disks too.
  bool Add(Version version, std::string_view value, const std::shared_ptr<const void>& owner);

  // The same for a source whose views die when it moves on (an iterator): an operand is copied. A
  // base is not, since nothing needs to be read after it: its source must stay where it is until
  // the history was resolved or collapsed and the result used. Do not mix with Add.
  bool AddFromIterator(Version version, std::string_view value);

  // From here on, entries below `sequence` count for a Delete by the commit `sequence`: it has
  // deleted a range that holds the key. They may be fed or left out.
  void HideBelow(Sequence sequence) {
    hidden_below_ = std::max(hidden_below_, Version(sequence, EntryKind::kDelete).word());
  }

  // True once the base is known: no older entry matters.
  bool done() const { return base_ != Base::kUnknown; }
  // True if what is older than the source fed last does not matter: done(), or a range delete of
  // that source hides it.
  bool settled() const { return done() || hidden_below_ != 0; }
  // True if nothing was fed.
  bool empty() const { return is_empty_; }
  // Of the newest entry. REQUIRES !empty().
  Version newest() const { return newest_; }
  bool has_operands() const { return !operands_.empty(); }
  std::size_t operand_count() const { return operands_.size(); }
  // How many entries were fed.
  std::size_t entry_count() const { return operands_.size() + (done() ? 1 : 0); }
  // True if the newest entry is a Delete, or a range delete hides it.
  bool is_deleted() const { return base_ == Base::kDelete && !has_operands(); }
  // The base is a Put whose value lies elsewhere: `handle` says where (value_format.h).
  bool needs_value() const { return base_ == Base::kSeparatedPut; }
  std::string_view handle() const { return base_value_.view(); }
  // When the base expires, if it is a Put that does; else kNeverExpires.
  Expiry expiry() const { return expiry_; }
  // Gives it. REQUIRES needs_value().
  void SetValue(PinnedValue value) {
    AURORA_DCHECK(needs_value());
    base_ = Base::kPut;
    base_value_ = std::move(value);
  }

  // The value of the key, nullopt if it has none. All entries that a reader may see were fed, or
  // done(). `key` is what the operator gets as its key; `merge_operator` may be null where there
  // are no operands, else that is FailedPrecondition. The result does not depend on this object.
  // REQUIRES !needs_value().
  absl::StatusOr<std::optional<PinnedValue>> Resolve(std::string_view key,
                                                     const MergeOperator* merge_operator) const;
  // The same without owners: the view is into `scratch` if operands were folded, else it is the
  // base as it was fed.
  absl::StatusOr<std::optional<std::string_view>> Resolve(std::string_view key,
                                                          const MergeOperator* merge_operator,
                                                          std::string* scratch) const;

  struct Entry {
    Version version;
    std::string_view value;
  };
  // The one entry that says the same as all that were fed, under the sequence of the newest, for a
  // compaction in which no snapshot lies between them. `is_oldest`: nothing older of this key
  // exists anywhere, so that a Delete, or a value that the operator calls empty, need not be kept:
  // then nullopt. The view is into `scratch` or is a value as it was fed. A separated Put stays
  // one, and is never empty. REQUIRES !needs_value(), unless there are no operands, and that the
  // base does not expire.
  absl::StatusOr<std::optional<Entry>> Collapse(std::string_view key,
                                                const MergeOperator* merge_operator, bool is_oldest,
                                                std::string* scratch) const;

  // Forgets everything, for the next key.
  void Reset();

 private:
  enum class Base : std::uint8_t { kUnknown, kPut, kSeparatedPut, kDelete };

  // Sets newest_ and, if this entry is the base, base_. True if it is an operand. Leaves of `value`
  // what is the value, or its handle.
  bool Classify(Version version, std::string_view* value);
  void TakeForm(std::string_view* value);
  absl::Status Fold(std::string_view key, const MergeOperator* merge_operator,
                    std::string* value) const;
  // The operands, oldest first.
  std::vector<std::string_view> Operands() const;

  Version newest_;
  std::uint64_t hidden_below_ = 0;  // the word of a version
  bool is_empty_ = true;
  Base base_ = Base::kUnknown;
  Expiry expiry_ = kNeverExpires;
  ReadTime* time_ = nullptr;
  PinnedValue base_value_;             // of a Put; of a separated one, its handle
  std::vector<PinnedValue> operands_;  // newest first
};

}  // namespace aurora::lsm
