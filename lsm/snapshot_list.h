// The sequences at which somebody reads: what compaction must keep.
//
// A snapshot is registered, at the newest published sequence, under the same lock under which a
// compaction asks what it must keep; so a snapshot is either in the answer, or not older than the
// `published` of the answer. A compaction may therefore treat the entries between two neighbours of
// the answer as one, and none above `published`.
//
// A snapshot also has a time, for what expires: that of the clock, but none before one by which a
// compaction that is under way drops anything. So the clock may jump: what a snapshot sees stays,
// and a compaction need keep nothing that expired before the earliest time of a snapshot. While
// nothing expires (BeginToExpire), no clock is read.
//
// Who waits for old readers to go says so (AwaitOldest), and is told when they have.
//
// Thread-safe. Acquire and release cost a lock and, for a release, a step in a doubly linked list.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "aurora/lsm/commit_queue.h"
#include "aurora/lsm/event.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/read_time.h"
#include "aurora/lsm/snapshot.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/clock.h"
#include "aurora/runtime/compiler.h"

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
    // ReadTime::kBeforeAll: nothing that it sees expires.
    Expiry as_of() const { return time_; }

   private:
    friend class SnapshotList;
    explicit Handle(SnapshotList* list) : list_(list) {}
    SnapshotList* const list_;
    Sequence sequence_ = 0;
    Expiry time_ = ReadTime::kBeforeAll;
    Handle* previous_ = nullptr;
    Handle* next_ = nullptr;
  };

  // None is owned; all must outlive the list.
  SnapshotList(const CommitQueue* queue, Event* event, const Clock* clock)
      : queue_(queue), event_(event), clock_(clock) {}
  SnapshotList(const SnapshotList&) = delete;
  SnapshotList& operator=(const SnapshotList&) = delete;
  // Every handle must be gone.
  ~SnapshotList();

  std::unique_ptr<Handle> Acquire();

  // There is, or will be, something that expires. To be called before it is published.
  void BeginToExpire() {
    if (AURORA_LIKELY(expires_.load(std::memory_order_relaxed))) return;
    expires_.store(true, std::memory_order_seq_cst);
  }
  // True if anything that was published before may expire.
  bool expires() const { return expires_.load(std::memory_order_seq_cst); }

  // The time of a read of several keys, once it has its view.
  ReadTime TimeOf(const ReadPoint& at) const;

  struct Readers {
    // What they may still ask for: each registered sequence once, ascending, and then the newest
    // published one. An entry that is the newest at or below none of them can be dropped.
    std::vector<Sequence> visible;
    // What expires then or before has expired for all of them, and for all to come while `hold` is
    // kept: so until it is gone from the tree. Null: nothing expires.
    Expiry expired_through = ReadTime::kBeforeAll;
    std::shared_ptr<const void> hold;
  };
  Readers Visible();

  // The oldest of the readers, as of Visible, and what has expired for all; this may go back if the
  // clock does.
  struct Oldest {
    Sequence sequence = 0;
    Expiry expired_through = ReadTime::kBeforeAll;
  };
  Oldest OldestReaders() const;
  // The same. The event is notified once a release has brought either of them to what is awaited
  // and not reached; only of the call that was last.
  Oldest AwaitOldest(const Oldest& awaited);

 private:
  Oldest OldestLocked() const;
  Expiry Now() const;
  Expiry ExpiredThrough() const;
  void Release(Handle* handle);
  void EndDropping(Expiry time);

  const CommitQueue* const queue_;
  Event* const event_;
  const Clock* const clock_;
  std::atomic<bool> expires_{false};
  mutable std::mutex mutex_;
  bool is_awaited_ = false;         // protected by mutex_
  Oldest awaited_;                  // protected by mutex_
  std::multiset<Expiry> dropping_;  // of Readers that are held; protected by mutex_
  Handle* first_ = nullptr;         // oldest; protected by mutex_, and so are the links
  Handle* last_ = nullptr;
};

}  // namespace aurora::lsm
