// The segments that a log has ready for the time when the current one is full.
//
// They are made off the commit path: recycled from segments that nobody needs any more, or created.
// One of them is the ballast: it stays untouched so that the next open can copy a doubtful tail
// into it even if the disk is full by then. So a log takes a segment only while another remains,
// and accepts records only while there is one.
//
// Thread-safe, but Replenish runs once at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/log_segment.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class SegmentSupply {
 public:
  // `next_number`: above that of every segment file. `target`: segments to keep ready, the ballast
  // included.
  SegmentSupply(FileSystem& files, SegmentOptions options, std::uint32_t next_number, int target)
      : files_(files), options_(std::move(options)), target_(target), next_number_(next_number) {}

  int ready_count() const { return ready_count_.load(std::memory_order_acquire); }
  // The oldest ready segment. REQUIRES ready_count() > 0; the caller is the only one that takes.
  std::unique_ptr<LogSegment> Take();
  // Segments that nobody needs any more, to be recycled; files that are only to be removed.
  void Discard(const std::vector<std::uint32_t>& numbers);
  void Remove(const std::vector<std::uint32_t>& numbers);
  // True if Replenish would do something.
  bool NeedsWork() const;

  // Recycles, creates and removes until there is nothing left to do, something fails, or a stop is
  // requested.
  Task<absl::Status> Replenish(std::stop_token stop);
  // Bytes written to make segments ready.
  std::uint64_t bytes_filled() const { return bytes_filled_.load(std::memory_order_relaxed); }

 private:
  Task<absl::Status> ReplenishOne();
  Task<absl::Status> RemoveFile(std::uint32_t number);
  void AddReady(std::unique_ptr<LogSegment> segment);

  FileSystem& files_;
  const SegmentOptions options_;
  const int target_;
  std::atomic<int> ready_count_{0};
  std::atomic<std::uint64_t> bytes_filled_{0};

  mutable std::mutex mutex_;
  std::uint32_t next_number_;
  std::deque<std::unique_ptr<LogSegment>> ready_;
  std::deque<std::uint32_t> discarded_;
  std::deque<std::uint32_t> to_remove_;
};

}  // namespace aurora::lsm
