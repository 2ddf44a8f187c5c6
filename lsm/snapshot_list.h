// The sequences at which somebody reads: what compaction must keep.
//
// A snapshot is registered, at the newest published sequence, under the same lock under which a
// compaction asks what it must keep; so a snapshot is either in the answer, or not older than the
// `published` of the answer. A compaction may therefore treat the entries between two neighbours of
// the answer as one, and none above `published`.
//
// Who waits for old readers to go says so (AwaitOldest), and is told when they have.
//
// Thread-safe. Acquire and release cost a lock and, for a release, a step in a doubly linked list.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "aurora/lsm/commit_queue.h"
#include "aurora/lsm/event.h"
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

  // Neither is owned; both must outlive the list.
  SnapshotList(const CommitQueue* queue, Event* event) : queue_(queue), event_(event) {}
  SnapshotList(const SnapshotList&) = delete;
  SnapshotList& operator=(const SnapshotList&) = delete;
  // Every handle must be gone.
  ~SnapshotList();

  std::unique_ptr<Handle> Acquire();

  // What readers may still ask for: each registered sequence once, ascending, and then the newest
  // published one. An entry that is the newest at or below none of them can be dropped.
  std::vector<Sequence> Visible() const;
  // The first of them. Never goes back.
  Sequence Oldest() const;
  // The same. If it is below `awaited`, the event is notified once a release has brought it there;
  // only of the call that was last.
  Sequence AwaitOldest(Sequence awaited);

 private:
  Sequence OldestLocked() const;
  void Release(Handle* handle);

  const CommitQueue* const queue_;
  Event* const event_;
  mutable std::mutex mutex_;
  Sequence awaited_ = kMaxSequence;  // protected by mutex_; kMaxSequence: nobody waits
  Handle* first_ = nullptr;          // oldest; protected by mutex_, and so are the links
  Handle* last_ = nullptr;
};

}  // namespace aurora::lsm
