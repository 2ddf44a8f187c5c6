// Carries the events of a store to those who want to hear of them, without making anybody wait.
//
// Whoever has something to tell puts it into a bounded queue: a mutex that is held for a move. One
// coroutine, on the Environment's observers() executor, takes what is there and calls the listener
// and the logger, and writes the LOG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aurora/lsm/event.h"
#include "aurora/lsm/event_file.h"
#include "aurora/lsm/store_events.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/logger.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora::lsm {

// Thread-safe but for Start and Stop.
class EventFeed {
 public:
  // Kept for a slow listener, at most.
  static constexpr std::size_t kEventsMax = 1024;

  struct Options {
    std::string directory;              // of the store: begins the logger's lines, holds the LOG
    EventListener* listener = nullptr;  // not owned; null: none
    Logger* logger = nullptr;           // not owned; null: none
    bool writes_file = false;
    // Between two StatsTaken, at least.
    absl::Duration stats_interval = absl::InfiniteDuration();
  };
  EventFeed(Environment& environment, Options options);
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;
  // Stop must have completed if Start was called.
  ~EventFeed() = default;

  // Starts to deliver. What was posted before is kept.
  void Start();
  // The directory is a database's: from here on there may be a LOG in it.
  void AllowFile() { file_allowed_.store(true, std::memory_order_seq_cst); }
  // Where the figures of StatsTaken come from; asked while events are delivered.
  void SetStatsSource(std::function<StoreStats()> source);

  // Whether anybody listens: then what is expensive to tell may be made.
  bool is_wanted() const { return is_wanted_; }
  // May be called under a lock. Does nothing where nobody listens.
  void Post(StoreEvent::What what);

  // Waits until everything was delivered. Nothing may be posted any more.
  Task<void> Stop();

 private:
  Task<absl::Status> Deliver();
  // Everything that is there; the count of those given up before it.
  std::vector<StoreEvent> Take();
  void Tell(const StoreEvent& event, std::string* lines);
  void AddStats(std::vector<StoreEvent>* events);
  StoreEvent Stamped(StoreEvent::What what) const;

  Environment& environment_;
  const Options options_;
  const bool is_wanted_;
  EventFile file_;
  Event posted_;
  TaskGroup delivery_;
  std::atomic<bool> file_allowed_{false};
  std::int64_t stats_taken_at_ = 0;  // of the delivery alone
  bool started_ = false;

  mutable std::mutex mutex_;
  std::vector<StoreEvent> queue_;             // protected by mutex_
  std::uint64_t lost_ = 0;                    // protected by mutex_
  bool stopping_ = false;                     // protected by mutex_
  std::function<StoreStats()> stats_source_;  // protected by mutex_
};

}  // namespace aurora::lsm
