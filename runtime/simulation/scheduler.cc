#include "aurora/runtime/simulation/scheduler.h"

#include <algorithm>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora {

Scheduler::Scheduler(std::uint64_t seed, const Options& options, Trace& trace)
    : options_(options), trace_(trace), random_(seed) {
  AURORA_CHECK(options.step_nanos_max >= 0);
}

Scheduler::~Scheduler() {
  AURORA_CHECK((abandoned_ || (ready_.empty() && waits_.empty())) &&
               "coroutines are left in the simulation: close what was opened, join what was "
               "spawned, or run until idle");
}

void Scheduler::Advance(std::int64_t nanos) {
  AURORA_CHECK(OnOwnThread() && nanos >= 0);
  now_nanos_ += nanos;
  trace_.Record(now_nanos_, "advance", {}, static_cast<std::uint64_t>(nanos));
}

bool Scheduler::HasWorkBefore(std::int64_t time_nanos) const {
  if (now_nanos_ > time_nanos) return false;
  return !ready_.empty() || (!waits_.empty() && waits_.front()->deadline_nanos_ <= time_nanos);
}

bool Scheduler::Step() {
  AURORA_CHECK(OnOwnThread());
  const Executor* const current = Executor::Current();
  AURORA_CHECK(current != &main_ && current != &background_ && current != &io_ &&
               "the simulation is driven from inside itself");
  PostDue();
  if (ready_.empty()) {
    if (waits_.empty() || waits_.front()->deadline_nanos_ == kNever) return false;
    now_nanos_ = waits_.front()->deadline_nanos_;
    PostDue();
  }
  std::size_t pick = 0;
  if (options_.scheduling == Scheduling::kRandom && ready_.size() > 1) {
    pick = random_.Below(ready_.size());
  }
  const Ready chosen = ready_[pick];
  trace_.Record(now_nanos_, "resume", chosen.place->name(), pick, ready_.size());
  if (options_.scheduling == Scheduling::kFifo) {
    ready_.pop_front();
  } else {
    ready_[pick] = ready_.back();
    ready_.pop_back();
  }
  if (options_.step_nanos_max > 0) {
    now_nanos_ += static_cast<std::int64_t>(
        random_.Below(static_cast<std::uint64_t>(options_.step_nanos_max) + 1));
  }
  ++step_count_;
  chosen.place->Resume(chosen.handle);
  return true;
}

void Scheduler::PostDue() {
  while (!waits_.empty() && waits_.front()->deadline_nanos_ <= now_nanos_) {
    Wait& wait = *waits_.front();
    Remove(wait);
    wait.continuation_.Post();
  }
}

void Scheduler::InterruptAll() {
  std::vector<Wait*> waits = waits_;
  std::sort(waits.begin(), waits.end(),
            [](const Wait* a, const Wait* b) { return a->order_ < b->order_; });
  for (Wait* wait : waits) wait->Interrupt();
  AURORA_CHECK(waits_.empty());
}

std::vector<std::string> Scheduler::DescribeWaits() const {
  std::vector<const Wait*> waits(waits_.begin(), waits_.end());
  std::sort(waits.begin(), waits.end(),
            [](const Wait* a, const Wait* b) { return a->order_ < b->order_; });
  std::vector<std::string> lines;
  for (const Wait* wait : waits) {
    if (wait->deadline_nanos_ == kNever) {
      lines.push_back(StrCat(wait->what_, " ", wait->subject_, ", for ever"));
    } else {
      lines.push_back(
          StrCat(wait->what_, " ", wait->subject_, ", until ", wait->deadline_nanos_, " ns"));
    }
  }
  return lines;
}

void Scheduler::Wait::await_suspend(std::coroutine_handle<> handle) {
  AURORA_DCHECK(scheduler_.OnOwnThread());
  continuation_ = Continuation::Here(handle);
  scheduler_.Push(*this);
}

void Scheduler::Wait::Interrupt() {
  AURORA_CHECK(scheduler_.OnOwnThread());
  if (position_ == kNotWaiting) return;
  interrupted_ = true;
  scheduler_.Remove(*this);
  continuation_.Post();
}

void Scheduler::Place::Post(Continuation& continuation) {
  AURORA_CHECK(scheduler_.OnOwnThread() &&
               "a simulated executor is used from another thread than the simulation's");
  scheduler_.ready_.push_back({continuation.handle, this});
}

bool Scheduler::Place::MayDriveIo() {
  return this == &scheduler_.main_ && scheduler_.random_.Below(2) == 0;
}

void Scheduler::Place::Resume(std::coroutine_handle<> handle) {
  CurrentScope scope(this);
  handle.resume();
}

bool Scheduler::Before(const Wait& a, const Wait& b) {
  if (a.deadline_nanos_ != b.deadline_nanos_) return a.deadline_nanos_ < b.deadline_nanos_;
  return a.order_ < b.order_;
}

void Scheduler::Push(Wait& wait) {
  AURORA_CHECK(wait.position_ == Wait::kNotWaiting);
  wait.order_ = next_order_++;
  wait.position_ = waits_.size();
  waits_.push_back(&wait);
  SiftUp(wait.position_);
}

void Scheduler::Remove(Wait& wait) {
  const std::size_t hole = wait.position_;
  AURORA_CHECK(hole < waits_.size() && waits_[hole] == &wait);
  wait.position_ = Wait::kNotWaiting;
  Wait* last = waits_.back();
  waits_.pop_back();
  if (last == &wait) return;
  waits_[hole] = last;
  last->position_ = hole;
  SiftUp(hole);
  SiftDown(last->position_);
}

void Scheduler::SiftUp(std::size_t position) {
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (!Before(*waits_[position], *waits_[parent])) return;
    std::swap(waits_[position], waits_[parent]);
    waits_[position]->position_ = position;
    waits_[parent]->position_ = parent;
    position = parent;
  }
}

void Scheduler::SiftDown(std::size_t position) {
  while (true) {
    std::size_t least = position;
    for (const std::size_t child : {2 * position + 1, 2 * position + 2}) {
      if (child < waits_.size() && Before(*waits_[child], *waits_[least])) least = child;
    }
    if (least == position) return;
    std::swap(waits_[position], waits_[least]);
    waits_[position]->position_ = position;
    waits_[least]->position_ = least;
    position = least;
  }
}

}  // namespace aurora
