// The sequences at which somebody reads: what compaction must keep.
//
// A snapshot is registered, at the newest published sequence, under the same lock under which a
// compaction asks what it must keep; so a snapshot is either in the answer, or not older than the
// `published` of the answer. A compaction may therefore treat the entries between two neighbours of
// the answer as one, and none above `published`.
//
// Thread-safe. Acquire and release cost a lock and, for a release, a step in a doubly linked list.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "aurora/lsm/commit_queue.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

class SnapshotList {
 public:
  // A registration that ends with it.
  class Handle {
   public:
    // REQUIRES the list to be alive.
    ~Handle();
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    Sequence sequence() const { return sequence_; }

   private:
    friend class SnapshotList;
    explicit Handle(SnapshotList* list) : list_(list) {}
    SnapshotList* const list_;
    Sequence sequence_ = 0;
    Handle* previous_ = nullptr;
    Handle* next_ = nullptr;
  };

  // `queue` is not owned and must outlive the list.
  explicit SnapshotList(const CommitQueue* queue) : queue_(queue) {}
  SnapshotList(const SnapshotList&) = delete;
  SnapshotList& operator=(const SnapshotList&) = delete;
  // Every handle must be gone.
  ~SnapshotList();

  std::unique_ptr<Handle> Acquire();

  // What readers may still ask for: each registered sequence once, ascending, and then the newest
  // published one. An entry that is the newest at or below none of them can be dropped.
  std::vector<Sequence> Visible() const;

 private:
  const CommitQueue* const queue_;
  mutable std::mutex mutex_;
  Handle* first_ = nullptr;  // oldest; protected by mutex_, and so are the links
  Handle* last_ = nullptr;
};

}  // namespace aurora::lsm
