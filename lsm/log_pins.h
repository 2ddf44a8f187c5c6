// Holds the log back: segments that somebody still reads stay when a flush has made them needless
// for recovery.
//
// Thread-safe. Pins must be gone before the LogPins, and that before the Log.
#pragma once

#include <memory>
#include <mutex>
#include <set>

#include "aurora/lsm/log.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

class LogPins {
 public:
  // Keeps every segment from the one of its position on while it lives.
  class Pin {
   public:
    Pin(LogPins* pins, LogPosition position);
    ~Pin();
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

   private:
    LogPins* const pins_;
    const LogPosition position_;
  };

  explicit LogPins(Log* log) : log_(log) {}
  ~LogPins();

  // REQUIRES that `position` cannot be released during the call: it is not below where recovery
  // would start, and whoever moves that start waits.
  std::unique_ptr<Pin> Add(LogPosition position) { return std::make_unique<Pin>(this, position); }
  // Recovery needs nothing below `position` any more.
  void Release(LogPosition position);

 private:
  void Remove(LogPosition position);

  Log* const log_;
  std::mutex mutex_;
  std::multiset<LogPosition> pinned_;  // protected by mutex_
  LogPosition needless_below_;         // protected by mutex_
};

}  // namespace aurora::lsm
