// The segments that a log has ready for the time when the current one is full.
//
// They are made off the commit path: recycled from segments that nobody needs any more, or created.
// One of them is the ballast: it stays untouched so that the next open can copy a doubtful tail
// into it even if the disk is full by then. So a log takes a segment only while another remains,
// and accepts records only while there is one.
//
// How many. While one segment is made, the log may fill several: making one takes long where the
// device is busy, just when the log is written to fast. So the supply is as many as are filled, at
// the latest speed, in twice the time that the slowest lately took to make; between `spares` and
// kSparesMax. What is too many is removed when the supply is next worked on, and at once where the
// device is full (GiveUpSpares).
//
// Thread-safe, but Replenish runs once at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/log_segment.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class SegmentSupply {
 public:
  static constexpr int kSparesMax = 8;

  // `next_number`: above that of every segment file. `spares`: the fewest to keep ready besides the
  // ballast, at least 1.
  SegmentSupply(Environment& environment, SegmentOptions options, std::uint32_t next_number,
                int spares)
      : environment_(environment),
        files_(environment.files()),
        options_(std::move(options)),
        spares_min_(spares),
        next_number_(next_number) {}

  // The ballast included.
  int ready_count() const { return ready_count_.load(std::memory_order_acquire); }
  // To be kept ready besides the ballast.
  int spares() const;
  // The oldest ready segment. REQUIRES ready_count() > 0; the caller is the only one that takes.
  std::unique_ptr<LogSegment> Take();
  // Segments that nobody needs any more, to be recycled; files that are only to be removed.
  void Discard(const std::vector<std::uint32_t>& numbers);
  void Remove(const std::vector<std::uint32_t>& numbers);
  // True if Replenish would do something.
  bool NeedsWork() const;

  // Others need the space: the fewest spares, until segments were made again.
  void GiveUpSpares();
  // What was done to a segment.
  struct Done {
    enum class Kind : std::uint8_t { kCreated, kRecycled, kRemoved };
    Kind kind = Kind::kCreated;
    std::uint32_t number = 0;
    std::int64_t nanos = 0;
  };
  // Recycles, creates or removes one. `done`, if it is not null, is set if it did.
  Task<absl::Status> Replenish(std::optional<Done>* done = nullptr);
  // Bytes written to make segments ready.
  std::uint64_t bytes_filled() const { return bytes_filled_.load(std::memory_order_relaxed); }

 private:
  // What Replenish is to do next. Neither number: nothing.
  struct Job {
    std::uint32_t old_number = 0;  // to be recycled, or else removed; 0: one is to be created
    std::uint32_t new_number = 0;
  };
  Job NextJob();
  Task<absl::Status> MakeReady(Job job);
  Task<absl::Status> RemoveFile(std::uint32_t number);
  void NoteMade(std::int64_t nanos);
  // REQUIRES mutex_.
  int SparesLocked() const;
  void AddReady(std::unique_ptr<LogSegment> segment);

  Environment& environment_;
  FileSystem& files_;
  const SegmentOptions options_;
  const int spares_min_;
  std::atomic<int> ready_count_{0};
  std::atomic<std::uint64_t> bytes_filled_{0};

  mutable std::mutex mutex_;
  // Protected by it, as all below.
  std::int64_t taken_at_ = 0;    // 0: never
  std::int64_t fill_nanos_ = 0;  // between the last two times that one was taken; 0: unknown
  std::int64_t make_nanos_ = 0;  // what the slowest lately took
  std::uint32_t next_number_;
  std::deque<std::unique_ptr<LogSegment>> ready_;
  std::deque<std::uint32_t> discarded_;
  std::deque<std::uint32_t> to_remove_;
};

}  // namespace aurora::lsm
