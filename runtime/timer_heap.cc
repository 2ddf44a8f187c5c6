#include "aurora/runtime/timer_heap.h"

#include "aurora/runtime/check.h"

namespace aurora::internal {

Timer::~Timer() { AURORA_CHECK(!queued() && "a timer must leave its heap before it dies"); }

void TimerHeap::Add(Timer& timer) {
  AURORA_DCHECK(!timer.queued());
  timer.order_ = next_order_++;
  heap_.push_back(&timer);
  SiftUp(timer, heap_.size() - 1);
}

void TimerHeap::Remove(Timer& timer) {
  AURORA_DCHECK(timer.queued());
  const std::size_t position = timer.position_;
  AURORA_DCHECK(heap_[position] == &timer);
  timer.position_ = Timer::kNowhere;
  Timer& last = *heap_.back();
  heap_.pop_back();
  if (&last == &timer) return;
  if (position > 0 && Before(last, *heap_[(position - 1) / 2])) {
    SiftUp(last, position);
  } else {
    SiftDown(last, position);
  }
}

Timer* TimerHeap::PopExpired(std::int64_t now_nanos) {
  if (heap_.empty() || heap_.front()->deadline_nanos > now_nanos) return nullptr;
  Timer* timer = heap_.front();
  Remove(*timer);
  return timer;
}

void TimerHeap::SiftUp(Timer& timer, std::size_t position) {
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (!Before(timer, *heap_[parent])) break;
    Place(*heap_[parent], position);
    position = parent;
  }
  Place(timer, position);
}

void TimerHeap::SiftDown(Timer& timer, std::size_t position) {
  while (true) {
    std::size_t child = 2 * position + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && Before(*heap_[child + 1], *heap_[child])) ++child;
    if (!Before(*heap_[child], timer)) break;
    Place(*heap_[child], position);
    position = child;
  }
  Place(timer, position);
}

}  // namespace aurora::internal
