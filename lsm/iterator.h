// Ordered access to entries.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

struct EntryRef {
  EntryKey key;
  std::string_view value;
};

// Walks the entries of one source (a block, a table, a memtable) or of several merged, every
// version of every key, in EntryKey order, in both directions.
//
// One user at a time. After construction it is not Valid(). A move that needs no I/O returns a
// ready Task and allocates nothing. An error ends the walk: the iterator is then not Valid() and
// every later move returns the same error; it never resumes past damage. key() and value() are
// valid until the next move; for some sources longer (each says so).
class EntryIterator {
 public:
  virtual ~EntryIterator() = default;

  virtual bool Valid() const = 0;
  // REQUIRES Valid().
  virtual EntryKey key() const = 0;
  virtual std::string_view value() const = 0;

  // To the first entry at or after `target`; not Valid() if there is none. `target` is copied if it
  // must outlive the call.
  virtual Task<absl::Status> Seek(EntryKey target) = 0;
  // To the last entry at or before `target`.
  virtual Task<absl::Status> SeekBackward(EntryKey target) = 0;
  virtual Task<absl::Status> SeekToFirst() = 0;
  virtual Task<absl::Status> SeekToLast() = 0;
  // REQUIRES Valid().
  virtual Task<absl::Status> Next() = 0;
  virtual Task<absl::Status> Prev() = 0;

  // Next() for those who step through millions: moves on, and sets `*entry` to what key() and
  // value() now are, if the next entry is at hand. False: Next() is to be called, and nothing else
  // before it; what key() and value() gave may be gone. REQUIRES Valid().
  virtual bool NextAtHand(EntryRef*) { return false; }
};

}  // namespace aurora::lsm
