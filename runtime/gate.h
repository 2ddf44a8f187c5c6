// Counts who is inside, and lets nobody in any more once it is closing: how something that is used
// by many ends after the last of them has left.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/event.h"
#include "aurora/runtime/task.h"

namespace aurora {

// Every method from any thread. Entering and leaving are one atomic addition each. The gate must
// outlive its passes.
class Gate {
 public:
  // Being inside. Move-only.
  class Pass {
   public:
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave();
    }

   private:
    friend class Gate;
    explicit Pass(Gate* gate) : gate_(gate) {}
    Gate* gate_;
  };

  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  // Nobody may be inside (checked).
  ~Gate() { AURORA_CHECK((state_.load(std::memory_order_acquire) & ~kClosed) == 0); }

  // nullopt once Close has been called.
  std::optional<Pass> Enter() {
    if ((state_.fetch_add(kOne, std::memory_order_acquire) & kClosed) == 0) return Pass(this);
    Leave();
    return std::nullopt;
  }
  bool closed() const { return (state_.load(std::memory_order_acquire) & kClosed) != 0; }

  // Closes the gate and waits until nobody is inside. May be called more than once.
  Task<void> Close() {
    if ((state_.fetch_or(kClosed, std::memory_order_acq_rel) & ~kClosed) == 0) empty_.Set();
    co_await empty_.Wait();
  }

 private:
  static constexpr std::uint64_t kClosed = 1;
  static constexpr std::uint64_t kOne = 2;

  void Leave() {
    // Whoever leaves last after the closing says so; those who only knock afterwards may say it
    // again, which does no harm.
    if (state_.fetch_sub(kOne, std::memory_order_acq_rel) == kOne + kClosed) empty_.Set();
  }

  std::atomic<std::uint64_t> state_{0};  // who is inside, times two, and whether closed
  Event empty_;
};

}  // namespace aurora
