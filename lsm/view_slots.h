// What a reader reads: the memtables and the tree of one moment.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "aurora/lsm/memtable.h"
#include "aurora/lsm/needed_record_file.h"
#include "aurora/lsm/tree.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/thread_stripe.h"

namespace aurora::lsm {

// A memtable and, once it is sealed, what its flush must record.
struct MemtableRun {
  MemtableRun(MemoryBudget* budget, std::size_t memtable_bytes)
      : memtable(budget, memtable_bytes) {}
  // What a commit counts for when a memtable is filled. A record of few mutations counts too: it
  // fills the log, which only a flush frees.
  static std::size_t ChargedBytes(std::size_t entry_bytes, std::size_t payload_bytes) {
    return std::max(entry_bytes, payload_bytes / 2 + 1);
  }
  Memtable memtable;
  // Of its commits. Added under the lock that orders commits, until it is sealed.
  std::vector<std::shared_ptr<NeededRecordFile>> record_files;
  // Written when the run is sealed, before anyone else sees it sealed.
  Sequence last = 0;          // it and those before it hold everything up to here
  std::size_t bytes = 0;      // that its commits counted for
  LogPosition log_end;        // where the record of `last` ends
  std::string handler_state;  // as of `last`
};

// Immutable; only the first memtable is still added to.
struct ReadView {
  std::vector<std::shared_ptr<MemtableRun>> runs;  // newest first, not empty
  std::vector<std::shared_ptr<const void>> pins;   // the same, for those who only keep them alive
  std::shared_ptr<const Tree> tree;
};

// The current view, for many readers at once: copies of one pointer, each under a lock of its own,
// so that readers on different threads seldom meet. Get costs an uncontended lock and a reference
// count; Set, as many as there are slots.
class ViewSlots {
 public:
  std::shared_ptr<const ReadView> Get() const;
  // The same, for a read of so many keys. They are counted, which costs nothing more; `ordinal`:
  // how many of them came to this copy, these included.
  std::shared_ptr<const ReadView> GetFor(std::uint64_t keys, std::uint64_t* ordinal);
  // All that were counted.
  std::uint64_t key_count() const;
  using Views = std::array<std::shared_ptr<const ReadView>, kThreadStripes>;
  // One caller at a time. Returns what it replaces: freeing a view may free tables, which is not
  // for a caller that holds a lock.
  [[nodiscard]] Views Set(std::shared_ptr<const ReadView> view);

 private:
  struct alignas(64) Slot {
    mutable std::mutex mutex;
    std::shared_ptr<const ReadView> view;  // protected by mutex
    std::uint64_t keys = 0;                // protected by mutex
  };
  std::array<Slot, std::tuple_size_v<Views>> slots_;
};

}  // namespace aurora::lsm
