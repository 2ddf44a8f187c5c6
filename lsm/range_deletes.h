// Which range deletes cover a key.
//
// A range delete of [begin, end) at sequence S hides every entry of those keys with a sequence
// below S from readers at S or above. Entries of the commit S itself stay: its range deletes come
// before its other mutations.
//
// The form in memory is made once, for many questions: all begins and ends, in order, cut the keys
// into fragments, and each range delete is told to the O(log n) nodes of a segment tree over the
// fragments that make it up. So n of them take O(n log n) of memory even where each overlaps all
// others (lists of what covers each fragment would take n^2), and a question costs two binary
// searches.
//
// All keys here are stored keys (key.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/lsm/types.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::lsm {

// REQUIRES begin < end wherever one is used. Views, not owned.
struct RangeDelete {
  std::string_view begin;
  std::string_view end;  // exclusive
  Sequence sequence = 0;
};

// A stretch of keys for which the answer is the same.
struct RangeCover {
  Sequence sequence = 0;   // of the newest range delete that covers it; 0: none does
  std::string_view begin;  // empty: from the first key on
  std::string_view end;    // exclusive; empty: to the last key

  // Whether `key`, which is not before `begin`, is in the stretch.
  bool ReachesTo(std::string_view key) const { return end.empty() || key < end; }
  bool Holds(std::string_view key) const { return begin <= key && ReachesTo(key); }
};

// Immutable; safe from every thread. Views that it gives are valid as long as it lives.
class RangeDeletes {
 public:
  // Copies the keys. In any order; may overlap; may be none.
  explicit RangeDeletes(std::span<const RangeDelete> deletes, MemoryBudget::Charge charge = {});
  RangeDeletes(const RangeDeletes&) = delete;
  RangeDeletes& operator=(const RangeDeletes&) = delete;

  // The newest at or below `at` over the stretch around `key`.
  RangeCover Cover(std::string_view key, Sequence at) const;

  std::size_t size() const { return deletes_.size(); }
  bool empty() const { return deletes_.empty(); }
  // By begin, then newest first.
  const std::vector<RangeDelete>& all() const { return deletes_; }
  // No key outside of [begin, end) is covered. REQUIRES !empty().
  std::string_view begin() const { return bounds_.front(); }
  std::string_view end() const { return bounds_.back(); }
  // What `deletes` would occupy, roughly.
  static std::size_t SizeEstimate(std::span<const RangeDelete> deletes);

 private:
  void CopyKeys(std::span<const RangeDelete> deletes);
  void BuildTree();
  std::size_t FragmentOf(std::string_view bound) const;
  // Calls `visit` with the nodes that make up the fragments of a range delete.
  template <class Visit>
  void VisitNodes(const RangeDelete& range, Visit visit) const;

  const MemoryBudget::Charge charge_;
  std::unique_ptr<char[]> bytes_;
  std::vector<std::string_view> bounds_;  // in bytes_; fragment i is [bounds_[i], bounds_[i + 1])
  std::vector<RangeDelete> deletes_;
  // Node n > 1 is below node n / 2; fragment i is node i + number of fragments.
  std::vector<std::uint32_t> node_ends_;  // in sequences_; a node starts where the one before ends
  std::vector<Sequence> sequences_;       // of each node, newest first
};

// Sets of range deletes whose ranges follow one another: those of the tables of a level, or one.
using RangeDeleteGroup = std::vector<const RangeDeletes*>;
RangeCover CoverOf(const RangeDeleteGroup& group, std::string_view key, Sequence at);
// The same over several groups, in any order.
RangeCover CoverOf(std::span<const RangeDeleteGroup> groups, std::string_view key, Sequence at);

// The fewest range deletes that say the same to every reader at one of `visible` (StripeOf): those
// between which no reader is are disjoint, and touch only where their sequences differ.
std::unique_ptr<const RangeDeletes> Reduce(std::span<const RangeDelete> deletes,
                                           std::span<const Sequence> visible);

}  // namespace aurora::lsm
