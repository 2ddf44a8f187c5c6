// A bounded queue between coroutines.
//
//   Channel<int> channel(64, Overflow::kWait);
//   SendResult sent = co_await channel.Send(1);
//   while (std::optional<int> value = co_await channel.Receive()) Use(*value);
//
// Any number of senders and receivers, on any threads; every method from any thread. Values arrive
// in the order in which they were sent; waiting senders and receivers are served in the order of
// their arrival. Memory is allocated once, by the constructor. An operation that need not wait
// neither suspends nor allocates: it locks a mutex for a few instructions and moves one value.
//
// What happens when a value does not fit is the channel's stated policy. After Close, values that
// are already in the channel can still be received.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "aurora/runtime/check.h"
#include "aurora/runtime/wait_queue.h"

namespace aurora {

enum class Overflow : std::uint8_t {
  kWait,        // the sender waits for room
  kDropNewest,  // the value that does not fit is dropped
  kDropOldest,  // the oldest value in the channel makes room for it
  kFail,        // the sender is told kFull
};

enum class SendResult : std::uint8_t {
  kSent,     // the value is in the channel, or with a receiver
  kDropped,  // kDropNewest: this value was dropped
  kFull,     // kFail, or TrySend under kWait: no room
  kClosed,   // nothing is sent after Close
  kStopped,  // a stop was requested while waiting for room
};

// T is movable; its moves and its destructor do not throw and do not call into the channel.
template <class T>
class Channel {
  class SendWait;
  class ReceiveWait;

 public:
  // `capacity`: values in the channel at most, at least 1.
  Channel(std::size_t capacity, Overflow overflow) : overflow_(overflow), slots_(capacity) {
    AURORA_CHECK(capacity >= 1);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  using Sender = SendWait;
  using Receiver = ReceiveWait;

  // `co_await channel.Send(value)`: waits for room only under kWait, and then ends also when a stop
  // is requested or the channel is closed.
  Sender Send(T value, std::stop_token stop = {}) {
    return Sender(*this, std::move(value), std::move(stop));
  }
  // Never waits. `value` is moved from only if it was sent.
  SendResult TrySend(T&& value);

  // `co_await channel.Receive()`: the next value; nothing once the channel is closed and empty, or
  // a stop was requested while it waited.
  Receiver Receive(std::stop_token stop = {}) { return Receiver(*this, std::move(stop)); }
  // The next value if there is one.
  std::optional<T> TryReceive();

  // No more values come in: waiting senders get kClosed, and receivers nothing once it is empty.
  // May be called more than once.
  void Close();
  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  // Values in the channel now.
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return size_;
  }
  std::size_t capacity() const { return slots_.size(); }
  // Values dropped so far, by either of the two policies.
  std::uint64_t dropped_count() const {
    const std::lock_guard lock(mutex_);
    return dropped_count_;
  }

 private:
  // The next four with the mutex held. Try*: false if it would have to wait. What they grant to
  // another coroutine is in `granted`, to be resumed by the caller after unlocking.
  bool TrySendLocked(T& value, SendResult& result, internal::Wait*& granted);
  bool TryReceiveLocked(std::optional<T>& value, internal::Wait*& granted);
  void Push(T&& value) {
    slots_[(first_ + size_) % slots_.size()].emplace(std::move(value));
    ++size_;
  }
  T Pop() {
    std::optional<T>& slot = slots_[first_];
    T value = *std::move(slot);
    slot.reset();
    first_ = (first_ + 1) % slots_.size();
    --size_;
    return value;
  }
  static void ResumeGranted(internal::Wait* granted) {
    if (granted != nullptr) granted->Resume();
  }

  const Overflow overflow_;
  mutable std::mutex mutex_;
  // All guarded by mutex_. Receivers wait only while the channel is empty, senders only while it is
  // full; so never both.
  std::vector<std::optional<T>> slots_;  // values at first_, first_ + 1, ..., around the end
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  bool closed_ = false;
  std::uint64_t dropped_count_ = 0;
  internal::WaitQueue senders_;
  internal::WaitQueue receivers_;
};

template <class T>
class [[nodiscard("await it")]] Channel<T>::SendWait final : public internal::Wait {
 public:
  SendWait(Channel& channel, T value, std::stop_token stop)
      : Wait(channel.mutex_, channel.senders_, std::move(stop)),
        channel_(channel),
        value_(std::move(value)) {}
  bool await_ready() {
    internal::Wait* granted = nullptr;
    const bool ready = TryGrant([&] { return channel_.TrySendLocked(value_, result_, granted); });
    ResumeGranted(granted);
    return ready;
  }
  bool await_suspend(std::coroutine_handle<> handle) {
    internal::Wait* granted = nullptr;
    const bool suspended =
        Suspend(handle, [&] { return channel_.TrySendLocked(value_, result_, granted); });
    // Something was granted only if this coroutine goes on.
    if (!suspended) ResumeGranted(granted);
    return suspended;
  }
  SendResult await_resume() { return Finish() ? result_ : SendResult::kStopped; }

 private:
  friend class Channel;
  Channel& channel_;
  T value_;
  SendResult result_ = SendResult::kSent;
};

template <class T>
class [[nodiscard("await it")]] Channel<T>::ReceiveWait final : public internal::Wait {
 public:
  ReceiveWait(Channel& channel, std::stop_token stop)
      : Wait(channel.mutex_, channel.receivers_, std::move(stop)), channel_(channel) {}
  bool await_ready() {
    internal::Wait* granted = nullptr;
    const bool ready = TryGrant([&] { return channel_.TryReceiveLocked(value_, granted); });
    ResumeGranted(granted);
    return ready;
  }
  bool await_suspend(std::coroutine_handle<> handle) {
    internal::Wait* granted = nullptr;
    const bool suspended =
        Suspend(handle, [&] { return channel_.TryReceiveLocked(value_, granted); });
    if (!suspended) ResumeGranted(granted);
    return suspended;
  }
  std::optional<T> await_resume() {
    Finish();
    return std::move(value_);
  }

 private:
  friend class Channel;
  Channel& channel_;
  std::optional<T> value_;
};

template <class T>
bool Channel<T>::TrySendLocked(T& value, SendResult& result, internal::Wait*& granted) {
  result = SendResult::kSent;
  if (closed_) {
    result = SendResult::kClosed;
    return true;
  }
  if (internal::Wait* receiver = receivers_.GrantFirst()) {
    AURORA_DCHECK(size_ == 0);
    static_cast<ReceiveWait*>(receiver)->value_.emplace(std::move(value));
    granted = receiver;
    return true;
  }
  if (size_ < slots_.size()) {
    Push(std::move(value));
    return true;
  }
  switch (overflow_) {
    case Overflow::kWait:
      return false;
    case Overflow::kDropNewest:
      ++dropped_count_;
      result = SendResult::kDropped;
      return true;
    case Overflow::kDropOldest:
      Pop();
      ++dropped_count_;
      Push(std::move(value));
      return true;
    case Overflow::kFail:
      result = SendResult::kFull;
      return true;
  }
  AURORA_CHECK(!"an unknown overflow policy");
  return true;
}

template <class T>
bool Channel<T>::TryReceiveLocked(std::optional<T>& value, internal::Wait*& granted) {
  if (size_ == 0) return closed_;
  value.emplace(Pop());
  if (internal::Wait* sender = senders_.GrantFirst()) {
    Push(std::move(static_cast<SendWait*>(sender)->value_));
    granted = sender;
  }
  return true;
}

template <class T>
SendResult Channel<T>::TrySend(T&& value) {
  SendResult result;
  internal::Wait* granted = nullptr;
  bool done;
  {
    const std::lock_guard lock(mutex_);
    done = TrySendLocked(value, result, granted);
  }
  ResumeGranted(granted);
  return done ? result : SendResult::kFull;
}

template <class T>
std::optional<T> Channel<T>::TryReceive() {
  std::optional<T> value;
  internal::Wait* granted = nullptr;
  {
    const std::lock_guard lock(mutex_);
    TryReceiveLocked(value, granted);
  }
  ResumeGranted(granted);
  return value;
}

template <class T>
void Channel<T>::Close() {
  internal::Wait* first = nullptr;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    internal::Wait** last = &first;
    while (internal::Wait* sender = senders_.GrantFirst()) {
      static_cast<SendWait*>(sender)->result_ = SendResult::kClosed;
      *last = sender;
      last = &sender->next_granted;
    }
    // They wait only while the channel is empty, and get nothing.
    while (internal::Wait* receiver = receivers_.GrantFirst()) {
      *last = receiver;
      last = &receiver->next_granted;
    }
  }
  while (first != nullptr) {
    internal::Wait* const next = first->next_granted;
    first->Resume();
    first = next;
  }
}

}  // namespace aurora
