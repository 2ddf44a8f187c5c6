// What the parts of a store (store_impl.h) hand to each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/view_slots.h"

namespace aurora::lsm {

// A base of StoreImpl for the sake of its names.
struct StoreParts {
  // What a commit must wait for before it can be tried again, or why it fails.
  enum class Hold : std::uint8_t {
    kNone,
    kStatus,     // it fails
    kLog,        // the log has no room
    kMemtable,   // too many sealed memtables wait for their flush
    kQueue,      // too many commits are in progress
    kSequences,  // no sequence is reserved
    kSlowdown,   // flushes or compactions lag behind
  };
  // What a commit counts for.
  struct Measured {
    std::size_t payload_bytes = 0;
    std::size_t memtable_bytes = 0;
    std::uint64_t payload_hash = 0;
    bool has_claims = false;  // of values that were written in parts
  };
  // A commit whose record is a file of its own, as far as it was made before the lock is taken.
  struct Oversize {
    RecordFileReference file;
    std::shared_ptr<MemtableRun> run;
  };
  // Step (2) of a commit, done.
  struct Begun {
    CommitResult result;
    MemtableRun* run = nullptr;  // lives until its commits are published
    bool is_applied = false;     // the run has all but the range deletes
    absl::Status status;         // of Hold::kStatus
  };
};

}  // namespace aurora::lsm
