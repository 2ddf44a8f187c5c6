#include "aurora/runtime/io_ring.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"
#if defined(AURORA_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace aurora {
namespace {

// User data of a completion: an Operation's address with the index of the entry in its low bits, or
// the one below, which no address with an index can equal.
constexpr std::uint64_t kEntryMask = IoRing::Operation::kMaxEntries - 1;
constexpr std::uint64_t kWakePoll = IoRing::Operation::kMaxEntries;
static_assert((IoRing::Operation::kMaxEntries & kEntryMask) == 0);
static_assert(alignof(IoRing::Operation) > kEntryMask);
static_assert(IoRing::Operation::kMaxEntries <= IoRing::kSubmissionEntries);

// How long to wait before trying again, when the kernel has no memory for a submission.
constexpr std::int64_t kRetryNanos = 1'000'000;

// Best first: the flags that arrived with Linux 6.1, 6.0, 5.19 and 5.18.
constexpr unsigned kFlagLadder[] = {
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
        IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
        IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_SUBMIT_ALL,
    0,
};

// NODROP: a full completion queue loses nothing. FAST_POLL: polling for the wake-up takes no kernel
// thread. EXT_ARG: a wait with a timeout takes no entry of its own.
constexpr unsigned kNeededFeatures =
    IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG;

// liburing maps and unmaps the memory of rings by system calls that the thread sanitizer does not
// see: it would take a ring for another that was at its place, and that another thread has closed.
#if defined(AURORA_TSAN)
char mappings;
void MemoryMapped() { __tsan_acquire(&mappings); }
void MemoryToBeUnmapped() { __tsan_release(&mappings); }
#else
void MemoryMapped() {}
void MemoryToBeUnmapped() {}
#endif

// What may be tried again: interrupted, timed out, out of memory, or completions to be reaped
// first.
bool IsTransient(int result) {
  return result == -EINTR || result == -ETIME || result == -EAGAIN || result == -EBUSY ||
         result == -ENOMEM;
}

}  // namespace

IoRing::Operation::Operation(IoRing& ring, unsigned entry_count)
    : ring_(ring), entry_count_(static_cast<std::uint8_t>(entry_count)) {
  AURORA_CHECK(entry_count >= 1 && entry_count <= kMaxEntries);
}

IoRing::Operation::~Operation() {
  AURORA_CHECK(pending_ == 0 && "an operation must not die while the kernel holds it");
}

void IoRing::Operation::await_suspend(std::coroutine_handle<> handle) {
  continuation_ = Continuation::Here(handle);
  ring_.Start(*this);
}

absl::StatusOr<std::unique_ptr<IoRing>> IoRing::Create(int wake_descriptor) {
  std::unique_ptr<IoRing> ring(new IoRing(wake_descriptor));
  AURORA_RETURN_IF_ERROR(ring->Init());
  return ring;
}

absl::Status IoRing::Init() {
  int result = -EINVAL;
  for (const unsigned flags : kFlagLadder) {
    io_uring_params params{};
    params.flags = flags | IORING_SETUP_CQSIZE;
    params.cq_entries = kCompletionEntries;
    result = io_uring_queue_init_params(kSubmissionEntries, &ring_, &params);
    if (result == 0) {
      if ((params.features & kNeededFeatures) != kNeededFeatures) {
        io_uring_queue_exit(&ring_);
        return FailedPreconditionError("io_uring of this kernel is too old: Linux 5.11 is needed");
      }
      // One place is kept for the poll of the wake descriptor.
      max_in_flight_ = params.cq_entries - 1;
      break;
    }
    if (result != -EINVAL) break;
  }
  if (result != 0) return SystemError(-result, "io_uring_setup", "a new ring");
  MemoryMapped();
  open_ = true;
  // A child must not share the queues: it could submit in our name. Failing that, it merely may.
  (void)io_uring_ring_dontfork(&ring_);
  if (io_uring_probe* probe = io_uring_get_probe_ring(&ring_); probe != nullptr) {
    for (unsigned op = 0; op < supported_.size(); ++op) {
      supported_[op] = io_uring_opcode_supported(probe, static_cast<int>(op)) != 0;
    }
    io_uring_free_probe(probe);
  }
  if (!Supports(IORING_OP_POLL_ADD)) {
    return FailedPreconditionError("io_uring of this kernel cannot poll, or forbids to ask");
  }
  return absl::OkStatus();
}

IoRing::~IoRing() {
  AURORA_CHECK(Idle() && "a ring must not be closed while operations are in flight");
  // A poll that is still armed refers to no memory of ours; the kernel drops it.
  if (!open_) return;
  MemoryToBeUnmapped();
  io_uring_queue_exit(&ring_);
}

void IoRing::Start(Operation& operation) {
  AURORA_CHECK(operation.pending_ == 0);
  AURORA_DCHECK(thread_ == std::this_thread::get_id() &&
                "a ring belongs to the thread of its loop");
  operation.pending_ = operation.entry_count_;
  if (waiting_head_ == nullptr && TryPlace(operation)) return;
  operation.next_ = nullptr;
  if (waiting_head_ == nullptr) {
    waiting_head_ = &operation;
  } else {
    waiting_tail_->next_ = &operation;
  }
  waiting_tail_ = &operation;
}

bool IoRing::TryPlace(Operation& operation) {
  const unsigned count = operation.entry_count_;
  if (in_flight_ + count > max_in_flight_) return false;
  // A chain must lie within one submission, or the kernel takes its parts for two.
  if (io_uring_sq_space_left(&ring_) < count) {
    TrySubmit();
    if (io_uring_sq_space_left(&ring_) < count) return false;
  }
  io_uring_sqe* entries[Operation::kMaxEntries];
  for (unsigned i = 0; i < count; ++i) {
    entries[i] = io_uring_get_sqe(&ring_);
    AURORA_CHECK(entries[i] != nullptr);
  }
  operation.Prepare(std::span(entries, count));
  for (unsigned i = 0; i < count; ++i) {
    if (i + 1 < count) entries[i]->flags |= IOSQE_IO_LINK;
    entries[i]->user_data = reinterpret_cast<std::uintptr_t>(&operation) | i;
  }
  in_flight_ += count;
  return true;
}

void IoRing::PlaceWaiting() {
  while (waiting_head_ != nullptr && TryPlace(*waiting_head_)) {
    waiting_head_ = waiting_head_->next_;
  }
  if (waiting_head_ == nullptr) waiting_tail_ = nullptr;
}

bool IoRing::ArmWakePoll() {
  if (wake_poll_armed_) return true;
  if (io_uring_sq_space_left(&ring_) == 0) TrySubmit();
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) return false;
  io_uring_prep_poll_add(entry, wake_descriptor_, POLLIN);
  entry->user_data = kWakePoll;
  wake_poll_armed_ = true;
  return true;
}

void IoRing::TrySubmit() {
  const unsigned before = io_uring_sq_ready(&ring_);
  const int result = io_uring_submit_and_get_events(&ring_);
  AURORA_CHECK((result >= 0 || IsTransient(result)) && "io_uring_enter: submit");
  CancelRestOfSplitChain(before);
}

void IoRing::Submit() {
  // With DEFER_TASKRUN and COOP_TASKRUN the kernel posts completions only when it is entered, and
  // says by a flag that it has some.
  const unsigned kernel_flags = IO_URING_READ_ONCE(*ring_.sq.kflags);
  if (io_uring_sq_ready(&ring_) > 0) {
    TrySubmit();
  } else if ((kernel_flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0) {
    const int result = io_uring_get_events(&ring_);
    AURORA_CHECK((result >= 0 || IsTransient(result)) && "io_uring_enter: get events");
  }
}

void IoRing::SubmitAndWait(std::int64_t timeout_nanos) {
  const bool armed = ArmWakePoll();
  const auto limit = [&](std::int64_t nanos) {
    timeout_nanos = timeout_nanos < 0 ? nanos : std::min(timeout_nanos, nanos);
  };
  if (!armed) limit(kRetryNanos);

  io_uring_cqe* completion = nullptr;
  __kernel_timespec timeout{timeout_nanos / 1'000'000'000, timeout_nanos % 1'000'000'000};
  const unsigned before = io_uring_sq_ready(&ring_);
  int result = io_uring_submit_and_wait_timeout(&ring_, &completion, 1,
                                                timeout_nanos < 0 ? nullptr : &timeout, nullptr);
  AURORA_CHECK((result >= 0 || IsTransient(result)) && "io_uring_enter: submit and wait");
  CancelRestOfSplitChain(before);
  if ((result == -EAGAIN || result == -ENOMEM) && io_uring_sq_ready(&ring_) > 0) {
    // Not even submitted. Completions of what is in flight may free the memory that it takes.
    limit(kRetryNanos);
    timeout = {timeout_nanos / 1'000'000'000, timeout_nanos % 1'000'000'000};
    result = io_uring_wait_cqe_timeout(&ring_, &completion, &timeout);
    AURORA_CHECK((result >= 0 || IsTransient(result)) && "io_uring_enter: wait");
  }
}

// The kernel took only the head of a chain (it ran out of memory in the middle), and will execute
// that as if it were all. The tail must not be executed as a chain of its own, for it relied on the
// head: a sync would overtake its write. Its entries become no-operations that report -ECANCELED.
void IoRing::CancelRestOfSplitChain(unsigned unsubmitted_before) {
  const unsigned unsubmitted = io_uring_sq_ready(&ring_);
  if (AURORA_LIKELY(unsubmitted == 0) || unsubmitted == unsubmitted_before) return;
  const unsigned mask = ring_.sq.ring_entries - 1;
  unsigned index = ring_.sq.sqe_tail - unsubmitted;
  bool linked = (ring_.sq.sqes[(index - 1) & mask].flags & IOSQE_IO_LINK) != 0;
  for (; linked && index != ring_.sq.sqe_tail; ++index) {
    io_uring_sqe& entry = ring_.sq.sqes[index & mask];
    linked = (entry.flags & IOSQE_IO_LINK) != 0;
    const std::uint64_t user_data = entry.user_data;
    Operation& operation = *reinterpret_cast<Operation*>(user_data & ~kEntryMask);
    operation.split_off_ |= static_cast<std::uint8_t>(1u << (user_data & kEntryMask));
    io_uring_prep_nop(&entry);
    entry.user_data = user_data;
  }
  AURORA_CHECK(!linked);
}

bool IoRing::Reap(internal::ContinuationList& ready, const Executor& home) {
  bool woken = false;
  unsigned head;
  unsigned count = 0;
  io_uring_cqe* completion;
  io_uring_for_each_cqe(&ring_, head, completion) {
    ++count;
    if (completion->user_data == kWakePoll) {
      wake_poll_armed_ = false;
      woken = true;
    } else {
      Complete(*completion, ready, home);
    }
  }
  io_uring_cq_advance(&ring_, count);
  if (AURORA_UNLIKELY(waiting_head_ != nullptr)) PlaceWaiting();
  return woken;
}

void IoRing::Complete(const io_uring_cqe& completion, internal::ContinuationList& ready,
                      const Executor& home) {
  const unsigned entry = static_cast<unsigned>(completion.user_data & kEntryMask);
  Operation& operation = *reinterpret_cast<Operation*>(completion.user_data & ~kEntryMask);
  AURORA_CHECK(operation.pending_ > 0 && entry < operation.entry_count_ && in_flight_ > 0);
  --in_flight_;
  const bool split_off = (operation.split_off_ >> entry & 1) != 0;
  operation.results_[entry] = split_off ? -ECANCELED : completion.res;
  if (--operation.pending_ > 0) return;
  if (operation.continuation_.executor == &home) {
    ready.PushBack(operation.continuation_);
  } else {
    operation.continuation_.Post();
  }
}

}  // namespace aurora
