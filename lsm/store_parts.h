// What the parts of a store (store_impl.h) hand to each other.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"
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
    kIngestion,  // an ingestion takes its place
  };
  // What a commit counts for.
  struct Measured {
    std::size_t payload_bytes = 0;
    std::size_t memtable_bytes = 0;
    std::uint64_t payload_hash = 0;
    bool has_claims = false;  // of values that were written in parts
    bool expires = false;     // something that is put
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
  // Adapts an edit to what has happened while a full disk was waited for.
  using EditRenewal = std::function<void(ManifestEdit*)>;
  // Of ingestions.
  struct IngestionState {
    std::atomic<bool> holds_commits{false};   // changed under the lock that orders commits
    std::atomic<bool> is_logged{false};       // one is, and is not yet in the tree
    std::atomic<bool> waits_for_room{false};  // that one, for the manifest
    bool places_tables = false;  // until they are in the tree; protected as the tree is
    // While the store is opened: up to where the manifest has them, and the tables of one that only
    // the log has.
    Sequence installed_through = 0;
    std::vector<TableInfo> only_logged;
  };
  // What a job has written.
  struct Written {
    std::vector<TableInfo> tables;
    std::vector<ValueFileInfo> value_files;  // of a flush: one, or none
    std::vector<std::string> FileNames() const;
  };
};

}  // namespace aurora::lsm
