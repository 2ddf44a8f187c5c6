// A record file (record_file.h) that the log needs, until its commit is in a table.
#pragma once

#include <atomic>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/tree.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

// Held by the memtable of the commit, and by who copies the log. Thread-safe.
class NeededRecordFile {
 public:
  // `obsolete` must outlive it.
  NeededRecordFile(Sequence sequence, RecordFileReference reference, ObsoleteFiles* obsolete)
      : sequence_(sequence), reference_(reference), obsolete_(obsolete) {}
  ~NeededRecordFile() {
    if (is_obsolete_.load(std::memory_order_relaxed)) {
      obsolete_->Add(
          {JoinPath(kLogDirectoryName, RecordFileName(reference_.number)), nullptr, nullptr});
    }
  }
  NeededRecordFile(const NeededRecordFile&) = delete;
  NeededRecordFile& operator=(const NeededRecordFile&) = delete;

  Sequence sequence() const { return sequence_; }  // of the commit
  const RecordFileReference& reference() const { return reference_; }
  // The commit is in a table, by a durable edit: the file goes with the last reference to this.
  void MarkObsolete() { is_obsolete_.store(true, std::memory_order_relaxed); }

 private:
  const Sequence sequence_;
  const RecordFileReference reference_;
  ObsoleteFiles* const obsolete_;
  std::atomic<bool> is_obsolete_{false};
};

}  // namespace aurora::lsm
