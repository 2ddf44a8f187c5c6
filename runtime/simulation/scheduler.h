// The simulator's one thread: which coroutine runs next, and what time it is.
//
// Ready coroutines of all executors are in one set; the next is drawn from the seed, so that any
// order that real threads could have produced between two awaits may appear. Time is virtual: each
// resumption costs a little, drawn from the seed, and when nothing is ready the clock jumps to the
// next timed wait. Everything follows from the seed and from what the coroutines do.
//
// Single-threaded: every call must come from the thread that made the scheduler (checked).
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "aurora/runtime/executor.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/trace.h"

namespace aurora {

enum class Scheduling {
  kRandom,  // drawn from the seed
  kFifo,    // first posted, first resumed
};

class Scheduler {
 public:
  // A time that never comes.
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  struct Options {
    Scheduling scheduling = Scheduling::kRandom;
    // What one resumption costs: from 0 to this, drawn from the seed.
    std::int64_t step_nanos_max = 1000;
  };

  Scheduler(std::uint64_t seed, const Options& options, Trace& trace);
  // Nothing may be ready or waiting (checked), unless Abandon() was called.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  Executor& main() { return main_; }
  Executor& background() { return background_; }
  Executor& io() { return io_; }

  std::int64_t now_nanos() const { return now_nanos_; }
  // Moves the clock on by hand. Waits that fall due are resumed by the next steps.
  void Advance(std::int64_t nanos);

  // True if a coroutine is ready, or waits for a time not after `time_nanos`.
  bool HasWorkBefore(std::int64_t time_nanos) const;
  // Resumes one coroutine. False if there is none that is ready or that waits for a time.
  bool Step();
  std::uint64_t step_count() const { return step_count_; }

  // `co_await scheduler.WaitUntil(time, what, subject)`: suspends the caller until the virtual time
  // or until interrupted. It always suspends. `what` and `subject` tell what waits, and must live
  // until then. The result is true if it was interrupted.
  class Wait {
   public:
    Wait(Scheduler& scheduler, std::int64_t deadline_nanos, std::string_view what,
         std::string_view subject)
        : scheduler_(scheduler), deadline_nanos_(deadline_nanos), what_(what), subject_(subject) {}
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle);
    bool await_resume() const noexcept { return interrupted_; }

    // Ends the wait now. Nothing happens if it has not begun or has ended.
    void Interrupt();

   private:
    friend class Scheduler;
    static constexpr std::size_t kNotWaiting = std::numeric_limits<std::size_t>::max();

    Scheduler& scheduler_;
    const std::int64_t deadline_nanos_;
    const std::string_view what_;
    const std::string_view subject_;
    std::uint64_t order_ = 0;
    std::size_t position_ = kNotWaiting;  // in the scheduler's heap
    bool interrupted_ = false;
    Continuation continuation_;
  };
  Wait WaitUntil(std::int64_t deadline_nanos, std::string_view what, std::string_view subject) {
    return Wait(*this, deadline_nanos, what, subject);
  }

  // Interrupts every wait, in the order in which they began.
  void InterruptAll();

  std::size_t ready_count() const { return ready_.size(); }
  std::size_t waiting_count() const { return waits_.size(); }
  // What waits, a line each, in the order in which the waits began.
  std::vector<std::string> DescribeWaits() const;

  // Lets the destructor pass over coroutines that can never run again.
  void Abandon() { abandoned_ = true; }

 private:
  class Place final : public Executor {
   public:
    Place(Scheduler& scheduler, std::string_view name) : scheduler_(scheduler), name_(name) {}
    void Post(Continuation& continuation) override;
    // Drawn, on the main executor: both answers are right there.
    bool MayDriveIo() override;
    void Resume(std::coroutine_handle<> handle);
    std::string_view name() const { return name_; }

   private:
    Scheduler& scheduler_;
    const std::string_view name_;
  };
  struct Ready {
    std::coroutine_handle<> handle;
    Place* place;
  };

  static bool Before(const Wait& a, const Wait& b);
  void Push(Wait& wait);
  void Remove(Wait& wait);
  void SiftUp(std::size_t position);
  void SiftDown(std::size_t position);
  void PostDue();
  bool OnOwnThread() const { return std::this_thread::get_id() == thread_; }

  const Options options_;
  const std::thread::id thread_ = std::this_thread::get_id();
  Trace& trace_;
  SeededRandom random_;
  Place main_{*this, "main"};
  Place background_{*this, "background"};
  Place io_{*this, "io"};
  std::int64_t now_nanos_ = 0;
  std::uint64_t step_count_ = 0;
  std::uint64_t next_order_ = 0;
  bool abandoned_ = false;
  std::deque<Ready> ready_;
  std::vector<Wait*> waits_;  // a binary heap by Before
};

}  // namespace aurora
