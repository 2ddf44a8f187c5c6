#include "aurora/lsm/log_pins.h"

#include <algorithm>

#include "aurora/runtime/check.h"

namespace aurora::lsm {

LogPins::Pin::Pin(LogPins* pins, LogPosition position) : pins_(pins), position_(position) {
  const std::lock_guard lock(pins_->mutex_);
  pins_->pinned_.insert(position_);
}

LogPins::Pin::~Pin() { pins_->Remove(position_); }

LogPins::~LogPins() { AURORA_CHECK(pinned_.empty() && "images of a store must be gone before it"); }

void LogPins::Release(LogPosition position) {
  LogPosition below;
  {
    const std::lock_guard lock(mutex_);
    needless_below_ = std::max(needless_below_, position);
    below = pinned_.empty() ? needless_below_ : std::min(needless_below_, *pinned_.begin());
  }
  log_->Release(below);
}

void LogPins::Remove(LogPosition position) {
  LogPosition below;
  {
    const std::lock_guard lock(mutex_);
    const auto pin = pinned_.find(position);
    AURORA_CHECK(pin != pinned_.end());
    pinned_.erase(pin);
    below = needless_below_;
  }
  Release(below);
}

}  // namespace aurora::lsm
