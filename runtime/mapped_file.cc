#include "aurora/runtime/mapped_file.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <span>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/posix_calls.h"
#include "aurora/runtime/status.h"

namespace aurora::internal {
namespace {

// One region as the signal handler sees it. `begin` is 0 while the slot is free or being filled.
struct RegionSlot {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> failed{false};
};
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);

// Everything here has static storage and no destructor: a signal may come at any time.
RegionSlot region_slots[kMaxMappedRegions];
struct sigaction previous_action;
std::uintptr_t page_size = 0;
std::mutex region_mutex;  // for taking a slot

// Puts fresh zeroed memory in the place of [begin, begin + size). Async-signal-safe.
bool ReplaceByMemory(std::uintptr_t begin, std::size_t size) {
  const int saved_errno = errno;
  // The raw call: the C library's wrapper is intercepted by sanitizers.
  const long address = ::syscall(SYS_mmap, begin, size, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  errno = saved_errno;
  return address == static_cast<long>(begin);
}

// Repairs the page of `address` if it lies in a region of ours. Async-signal-safe.
bool Repair(std::uintptr_t address) {
  for (RegionSlot& slot : region_slots) {
    const std::uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    if (begin == 0 || address < begin) continue;
    if (address >= slot.end.load(std::memory_order_acquire)) continue;
    // Both bounds are of one region only if the slot was not given to another in between.
    if (slot.begin.load(std::memory_order_acquire) != begin) continue;
    slot.failed.store(true, std::memory_order_release);
    return ReplaceByMemory(address & ~(page_size - 1), page_size);
  }
  return false;
}

void PassOn(int signal, siginfo_t* info, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal, info, context);
    return;
  }
  const bool raised_by_a_fault = info->si_code > 0;
  if (previous_action.sa_handler == SIG_IGN && !raised_by_a_fault) return;
  if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
    return;
  }
  // The default: die of this very signal. A fault happens again when this returns; a signal that
  // was sent must be sent again.
  struct sigaction fallback = {};
  fallback.sa_handler = SIG_DFL;
  ::sigaction(SIGBUS, &fallback, nullptr);
  if (!raised_by_a_fault) ::raise(SIGBUS);
}

void HandleBusError(int signal, siginfo_t* info, void* context) {
  const bool page_is_missing = info->si_code == BUS_ADRERR || info->si_code == BUS_MCEERR_AR;
  if (page_is_missing && Repair(reinterpret_cast<std::uintptr_t>(info->si_addr))) return;
  PassOn(signal, info, context);
}

void DetachRegionsInChild() {
  for (RegionSlot& slot : region_slots) {
    const std::uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    if (begin == 0) continue;
    slot.failed.store(true, std::memory_order_release);
    ReplaceByMemory(begin, slot.end.load(std::memory_order_acquire) - begin);
  }
}

void InstallHandlers() {
  page_size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  AURORA_CHECK(page_size > 0 && (page_size & (page_size - 1)) == 0);
  // Known before ours is installed, which may have to pass a signal on at once.
  AURORA_CHECK(::sigaction(SIGBUS, nullptr, &previous_action) == 0);
  struct sigaction action = {};
  action.sa_sigaction = &HandleBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  action.sa_mask = previous_action.sa_mask;
  AURORA_CHECK(::sigaction(SIGBUS, &action, nullptr) == 0);
  // While the mutex is held, the parent's other threads neither map nor unmap.
  const int error = ::pthread_atfork([] { region_mutex.lock(); }, [] { region_mutex.unlock(); },
                                     [] {
                                       DetachRegionsInChild();
                                       region_mutex.unlock();
                                     });
  AURORA_CHECK(error == 0);
}

// A slot for [begin, end), or null if all are taken.
RegionSlot* TakeSlot(std::uintptr_t begin, std::uintptr_t end) {
  std::lock_guard lock(region_mutex);
  for (RegionSlot& slot : region_slots) {
    if (slot.begin.load(std::memory_order_relaxed) != 0) continue;
    slot.failed.store(false, std::memory_order_relaxed);
    slot.end.store(end, std::memory_order_relaxed);
    slot.begin.store(begin, std::memory_order_release);
    return &slot;
  }
  return nullptr;
}

class PosixMappedRegion final : public MappedRegion {
 public:
  PosixMappedRegion(std::string path, RegionSlot& slot, std::span<char> bytes)
      : path_(std::move(path)), slot_(slot), bytes_(bytes) {}

  ~PosixMappedRegion() override {
    std::lock_guard lock(region_mutex);
    slot_.begin.store(0, std::memory_order_release);
    AURORA_CHECK(::munmap(bytes_.data(), bytes_.size()) == 0);
  }

  std::span<char> bytes() override { return bytes_; }

  absl::Status Publish(std::size_t offset, std::size_t size) override {
    AURORA_CHECK(offset <= bytes_.size() && size <= bytes_.size() - offset);
    // The compiler must not move the stores that are being published behind this.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (AURORA_LIKELY(!slot_.failed.load(std::memory_order_acquire))) return absl::OkStatus();
    return UnavailableError("write of ", size, " bytes at offset ", offset, " of ", path_,
                            " through a mapping: a page of it could not be provided (truncated, "
                            "disk full, device failure, or a forked child); what was written "
                            "since may be lost");
  }

  void Prepare([[maybe_unused]] std::size_t offset, [[maybe_unused]] std::size_t size) override {
    AURORA_CHECK(offset <= bytes_.size() && size <= bytes_.size() - offset);
#ifdef MADV_POPULATE_WRITE
    // Kernels before 5.14 do not know it. Where it fails, the store faults and HandleBusError sees.
    const std::size_t begin = offset & ~(page_size - 1);
    const int saved_errno = errno;
    ::madvise(bytes_.data() + begin, offset + size - begin, MADV_POPULATE_WRITE);
    errno = saved_errno;
#endif
  }

  void Retire(std::size_t end) override {
    AURORA_CHECK(end <= bytes_.size());
    const std::size_t pages_end = end & ~(page_size - 1);
    if (pages_end <= retired_) return;
    // The addresses stay ours until the region ends. Where it fails, the pages stay mapped.
    const int saved_errno = errno;
    void* const replaced = ::mmap(bytes_.data() + retired_, pages_end - retired_, PROT_NONE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (replaced != MAP_FAILED) retired_ = pages_end;
    errno = saved_errno;
  }

 private:
  const std::string path_;
  RegionSlot& slot_;
  const std::span<char> bytes_;
  std::size_t retired_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<MappedRegion>> MapFile(int fd, const std::string& path,
                                                      std::size_t size) {
  AURORA_ASSIGN_OR_RETURN(const std::uint64_t file_size, SizeOf(fd, path));
  if (size == 0 || size > file_size) {
    return InvalidArgumentError("mapping of ", size, " bytes of ", path, ": it has ", file_size);
  }
  static const bool installed = (InstallHandlers(), true);
  static_cast<void>(installed);

  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    return SystemError(errno, StrCat("mapping of ", size, " bytes"), path);
  }
#ifdef MADV_POPULATE_READ
  // Also finds out about pages that cannot be read. Kernels before 5.14 answer EINVAL.
  if (::madvise(memory, size, MADV_POPULATE_READ) != 0 && errno != EINVAL) {
    const int error = errno == EFAULT ? EIO : errno;
    ::munmap(memory, size);
    return SystemError(error, StrCat("mapping of ", size, " bytes"), path);
  }
  // They stay in the page cache, and count as memory of this process only once they are prepared.
  ::madvise(memory, size, MADV_DONTNEED);
#endif
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  RegionSlot* const slot = TakeSlot(begin, begin + size);
  if (slot == nullptr) {
    ::munmap(memory, size);
    return ResourceExhaustedError("mapping of ", path, ": this process has ", kMaxMappedRegions,
                                  " mapped regions, the most there can be");
  }
  return std::make_unique<PosixMappedRegion>(path, *slot,
                                             std::span<char>(static_cast<char*>(memory), size));
}

}  // namespace aurora::internal
