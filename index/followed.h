// A value in memory that commits change, as readers at different sequences see it.
//
// The value is as of the sequence at which it was read. The changes since wait behind it, in the
// order of commits, and a reader applies those up to his own sequence to a copy. Many are folded
// into the value now and then; who reads at an older sequence than it then has finds nothing.
//
// Changes are collected from the beginning on, the value comes later: one that was read at a
// sequence before the beginning is refused, since changes between the two are not among those that
// wait. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "aurora/lsm/types.h"
#include "aurora/runtime/fault_points.h"

namespace aurora::index {

template <class T, class Change>
class Followed {
 public:
  using Value = std::shared_ptr<const T>;

  // Every change by a commit after `since` will be told.
  explicit Followed(lsm::Sequence since) : since_(since) {}

  struct View {
    Value value;  // null: not known as of that sequence
    std::vector<Change> changes;
  };
  View At(lsm::Sequence at) const {
    if (value_ == nullptr || as_of_ > at) return {};
    View view{value_, {}};
    for (std::size_t i = 0, count = CountUntil(at); i < count; ++i) {
      view.changes.push_back(waiting_[i].change);
    }
    return view;
  }

  // Null until it is filled.
  const Value& value() const { return value_; }
  // The value as of `at`. False if it is refused: it came too early, or there is one.
  bool Fill(lsm::Sequence at, Value value) {
    if (value_ != nullptr) return false;
    if (since_ > at && !AURORA_PLANTED_BUG("followed-late-fill")) return false;
    Forget(CountUntil(at));
    value_ = std::move(value);
    as_of_ = at;
    return true;
  }

  // In the order of commits.
  void Append(lsm::Sequence sequence, Change change) { waiting_.push_back({sequence, change}); }

  // `folded` is `from` with the first `count` changes of a view. Left alone if the value is another
  // by now; else those changes still come first, as changes come and go in order.
  void Fold(const Value& from, std::size_t count, Value folded) {
    if (value_ != from) return;
    as_of_ = waiting_[count - 1].sequence;
    Forget(count);
    value_ = std::move(folded);
  }

  std::size_t waiting_count() const { return waiting_.size(); }
  std::size_t waiting_bytes() const { return waiting_.capacity() * sizeof(Waiting); }

 private:
  struct Waiting {
    lsm::Sequence sequence;
    Change change;
  };

  std::size_t CountUntil(lsm::Sequence at) const {
    const auto end =
        std::upper_bound(waiting_.begin(), waiting_.end(), at,
                         [](lsm::Sequence s, const Waiting& w) { return s < w.sequence; });
    return static_cast<std::size_t>(end - waiting_.begin());
  }
  void Forget(std::size_t count) {
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  }

  lsm::Sequence since_;
  Value value_;
  lsm::Sequence as_of_ = 0;
  std::vector<Waiting> waiting_;
};

}  // namespace aurora::index
