// A wait for a time at which something will have expired, which others may cut short.
#pragma once

#include <mutex>
#include <stop_token>

#include "aurora/lsm/expiry.h"

namespace aurora::lsm {

// One waits, from time to time; all others may wake it. Thread-safe.
class ExpiryWait {
 public:
  // What ends the next sleep early. Until it is known how long that is to be, whatever comes.
  std::stop_token Begin() {
    const std::lock_guard lock(mutex_);
    source_ = std::stop_source();
    until_ = kNeverExpires;
    return source_.get_token();
  }
  void SetUntil(Expiry until) {
    const std::lock_guard lock(mutex_);
    until_ = until;
  }
  // Something will have expired at this time: is that before the end of the sleep, it is ended.
  void WakeFor(Expiry time) {
    std::stop_source source;
    {
      const std::lock_guard lock(mutex_);
      if (time >= until_) return;
      source = source_;
    }
    source.request_stop();
  }
  // In any case.
  void Wake() { WakeFor(0); }

 private:
  std::mutex mutex_;
  std::stop_source source_;       // protected by mutex_
  Expiry until_ = kNeverExpires;  // protected by mutex_
};

}  // namespace aurora::lsm
