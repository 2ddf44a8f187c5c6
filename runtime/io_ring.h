// An event loop's own io_uring, through liburing.
//
// One thread, the one that drives the loop, does everything here: it makes the ring, starts
// operations, submits and reaps. So no lock is needed, and the kernel is told so (SINGLE_ISSUER,
// DEFER_TASKRUN), each flag given up in turn on kernels that do not know it. Nor need the thread
// sanitizer be told anything, although it sees no order through the kernel: what is submitted on a
// thread is completed on it.
//
// An operation is an awaitable object in the frame of the coroutine that waits for it:
//
//   class ReadOperation final : public IoRing::Operation {
//    public:
//     ReadOperation(IoRing& ring, int fd, ...) : Operation(ring), fd_(fd), ... {}
//     int await_resume() const { return result(); }
//    private:
//     void Prepare(std::span<io_uring_sqe* const> entries) override {
//       io_uring_prep_read(entries[0], fd_, buffer_.data(), buffer_.size(), offset_);
//     }
//   };
//   ReadOperation read(*ring, ...);
//   int result = co_await read;      // a byte count, or a negated errno: -ECANCELED, -EAGAIN, ...
//
// Submission is lazy: started operations go to the kernel together, when the loop has nothing else
// to do or has resumed a number of coroutines (EventLoop::kResumesPerPoll). Bounds: at most
// max_in_flight() entries are with the kernel, so that every completion has a place; operations
// beyond that, or beyond what the submission queue holds, wait here, first come first served.
#pragma once

#include <liburing.h>

#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>

#include "absl/status/statusor.h"
#include "aurora/runtime/continuation_queue.h"
#include "aurora/runtime/executor.h"

namespace aurora {

class IoRing {
 public:
  static constexpr unsigned kSubmissionEntries = 256;
  static constexpr unsigned kCompletionEntries = 1024;

  // One entry, or a chain of linked ones: each is executed only when the one before it has
  // succeeded in full (a short write counts as a failure), else its result is -ECANCELED. Awaited
  // exactly once. Must not die between its start and its completion (checked): the kernel holds its
  // address and its buffers.
  class Operation {
   public:
    static constexpr unsigned kMaxEntries = 4;

    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle);

    // What the kernel said of each entry, once it is complete.
    int result(unsigned entry = 0) const { return results_[entry]; }

   protected:
    // `ring` is that of the loop on which the awaiting coroutine runs.
    explicit Operation(IoRing& ring, unsigned entry_count = 1);
    virtual ~Operation();

    // Fills in the entries, by io_uring_prep_*. Called once, on the driving thread, when there is
    // room. Links and user data are set by the ring afterwards.
    virtual void Prepare(std::span<io_uring_sqe* const> entries) = 0;

   private:
    friend class IoRing;
    IoRing& ring_;
    Continuation continuation_;
    Operation* next_ = nullptr;       // in waiting_
    const std::uint8_t entry_count_;  // 1 to kMaxEntries
    std::uint8_t pending_ = 0;        // entries whose completion has not been reaped
    std::uint8_t split_off_ = 0;      // bit i: entry i was taken out of a chain that had been split
    int results_[kMaxEntries] = {};
  };

  // Fails where the kernel has no io_uring, forbids it, or lacks what we rely on (Linux 5.11).
  // `wake_descriptor` is polled while SubmitAndWait waits.
  static absl::StatusOr<std::unique_ptr<IoRing>> Create(int wake_descriptor);
  // Nothing may be in flight (checked).
  ~IoRing();
  IoRing(const IoRing&) = delete;
  IoRing& operator=(const IoRing&) = delete;

  // True if the kernel knows IORING_OP_`opcode`.
  bool Supports(unsigned opcode) const { return opcode < supported_.size() && supported_[opcode]; }

  // True if nothing is in flight, or waiting for room.
  bool Idle() const { return in_flight_ == 0 && waiting_head_ == nullptr; }
  unsigned in_flight() const { return in_flight_; }
  unsigned max_in_flight() const { return max_in_flight_; }
  // The kernel's flags that this ring was made with.
  unsigned flags() const { return ring_.flags; }

  // For registering files and buffers. Submitting and reaping is the loop's business alone.
  io_uring& native() { return ring_; }

  // The rest is for the loop.

  // Hands what was started to the kernel and lets it post completions. One system call if there is
  // something to do, else none.
  void Submit();
  // The same, and sleeps until a completion arrives, the wake descriptor becomes readable,
  // `timeout_nanos` have passed (negative: no limit), or for no reason.
  void SubmitAndWait(std::int64_t timeout_nanos);
  // Appends the coroutines whose operations are complete to `ready`, or posts them where they
  // belong to another executor than `home`. True if the wake descriptor has become readable.
  [[nodiscard]] bool Reap(internal::ContinuationList& ready, const Executor& home);

 private:
  friend class IoRingPeer;  // for tests

  explicit IoRing(int wake_descriptor) : wake_descriptor_(wake_descriptor) {}

  absl::Status Init();
  void Start(Operation& operation);
  bool TryPlace(Operation& operation);
  void PlaceWaiting();
  bool ArmWakePoll();
  void TrySubmit();
  void CancelRestOfSplitChain(unsigned unsubmitted_before);
  void Complete(const io_uring_cqe& completion, internal::ContinuationList& ready,
                const Executor& home);

  const std::thread::id thread_ = std::this_thread::get_id();
  const int wake_descriptor_;
  io_uring ring_{};
  bool open_ = false;
  std::bitset<256> supported_;
  unsigned max_in_flight_ = 0;
  unsigned in_flight_ = 0;  // entries placed in the submission queue and not reaped, the poll aside
  bool wake_poll_armed_ = false;
  Operation* waiting_head_ = nullptr;
  Operation* waiting_tail_ = nullptr;
};

}  // namespace aurora
