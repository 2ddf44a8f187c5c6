#include "aurora/runtime/transfer.h"

#include <sys/stat.h>

#include <cerrno>

#include "aurora/runtime/check.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/status.h"

namespace aurora::internal {

static_assert(kMaxTransferSize % kDeviceBlockSize == 0);

void Transfer::Advance(std::int64_t outcome) {
  AURORA_DCHECK(!done());
  if (AURORA_UNLIKELY(outcome < 0)) {
    if (outcome == -EINTR || outcome == -EAGAIN) {
      Stall(static_cast<int>(-outcome));
    } else {
      error_ = static_cast<int>(-outcome);
      finished_ = true;
    }
    return;
  }
  AURORA_CHECK(static_cast<std::size_t>(outcome) <= size());
  if (AURORA_UNLIKELY(outcome == 0)) {
    if (reading()) {
      finished_ = true;
    } else {
      Stall(EIO);
    }
    return;
  }
  const std::size_t before = transferred_;
  transferred_ += static_cast<std::size_t>(outcome);
  if (direct_ && !done() && transferred_ % kDeviceBlockSize != 0) AdvanceUnevenly();
  if (transferred_ > before) {
    stalled_calls_ = 0;
  } else if (!done()) {
    Stall(EIO);
  }
}

// A direct call ended inside a block: at the end of file, or it was cut short there and the block
// is to be done again, because the next call must start on a block.
void Transfer::AdvanceUnevenly() {
  if (reading()) {
    struct stat info;
    if (fstat(fd_, &info) != 0) {
      error_ = errno;
      finished_ = true;
      return;
    }
    if (offset() >= static_cast<std::uint64_t>(info.st_size)) {
      finished_ = true;
      return;
    }
  }
  transferred_ -= transferred_ % kDeviceBlockSize;
}

void Transfer::Stall(int error) {
  if (++stalled_calls_ < kMaxStalledCalls) return;
  error_ = error;
  finished_ = true;
}

absl::StatusOr<std::size_t> Transfer::Result() const {
  AURORA_DCHECK(done());
  if (AURORA_LIKELY(error_ == 0)) return transferred_;
  return SystemError(error_,
                     StrCat(operation_, " of ", total_size_, " bytes at offset ", offset_,
                            transferred_ == 0 ? "" : StrCat(" (failed after ", transferred_, ")")),
                     path_);
}

absl::Status Transfer::status() const {
  if (AURORA_LIKELY(error_ == 0)) return absl::OkStatus();
  return Result().status();
}

}  // namespace aurora::internal
