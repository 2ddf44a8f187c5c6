// The running log: appends, group commit, rotation, close. See log.h for what it promises.
//
// Appending. Under `mutex_`, held for less than a microsecond, a record is copied to where the
// device will take it from: the group that is filling (direct), or the mapping (mapped). One record
// in some hundreds pays for making the next pages of the mapping ready, some ten microseconds.
//
// Driving. A cycle makes durable everything that was appended when it was sealed: one write of one
// group (direct), or a sync of the segments with unsynced bytes, oldest first (mapped). One cycle
// runs at a time; whoever sets `driving_` runs it: a waiter that is alone on its thread, for one
// cycle, or `driver_` on the Environment's io() executor, for as long as somebody waits. At its end
// it wakes everybody whose records it covered.
//
// Sealing ends the block: the next record starts on a fresh one, so no write touches a block that
// holds acknowledged bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/aligned_buffer.h"
#include "aurora/lsm/log.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/log_segment.h"
#include "aurora/lsm/log_supply.h"
#include "aurora/lsm/log_worker.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class LogWriter final : public Log {
 public:
  // Where to go on.
  struct Start {
    std::unique_ptr<LogSegment> segment;
    std::uint32_t predecessor = 0;
    LogIdentity identity;            // of the segment
    std::uint64_t boot = 0;          // BootHash of the running machine
    std::uint32_t offset = 0;        // of the open mark, a multiple of kDeviceBlockSize
    std::uint32_t previous_end = 0;  // where the frame before it ends
    Sequence last_sequence = 0;
    std::vector<LogPosition> older;  // segments before: number and end
    std::unique_ptr<SegmentSupply> supply;
  };

  LogWriter(Environment& environment, LogOptions options, Start start);
  ~LogWriter() override = default;

  // Writes the open mark and starts to work. Nothing may be appended before it succeeds; if it
  // fails, only destruction is left.
  Task<absl::Status> Begin();

  bool HasRoom(std::size_t payload_bytes) const override;
  LogPosition Append(Sequence sequence, std::span<const std::string_view> parts,
                     std::uint64_t payload_hash) override;
  LogPosition AppendRecordFile(Sequence sequence, const RecordFileReference& file) override;
  LogPosition AppendIngestion(Sequence sequence, std::span<const std::string_view> parts,
                              std::uint64_t payload_hash) override;
  Task<absl::Status> MakeRoom(std::size_t payload_bytes) override;
  std::size_t max_payload_bytes() const override { return max_payload_bytes_; }
  Task<absl::Status> WaitDurable(LogPosition end, Durability durability) override;
  LogPosition durable_end() const override;
  absl::Status status() const override;
  void Release(LogPosition position) override;
  std::vector<LogPosition> Segments() const override;
  void GiveUpSpares() override;
  using Log::Close;
  Task<absl::Status> Close(CloseMark mark) override;
  std::uint64_t bytes_written() const override;

  LogPosition end() const;

 private:
  // Bytes of the log that go to the device in one write.
  struct Group {
    AlignedBuffer buffer;
    std::uint32_t base = 0;  // offset of the buffer's first byte in the segment
    std::uint32_t used = 0;
    std::shared_ptr<LogSegment> segment;
  };
  struct Waiter {
    Continuation continuation;
    Waiter* next = nullptr;
    LogPosition end;
  };
  class DurableWait;
  class RoomWait;

  // Pages of a mapping that are made ready ahead of the records, at most.
  static constexpr std::uint64_t kPrepareBytesMax = std::uint64_t{64} << 10;

  std::uint32_t current_number() const { return current_->number(); }
  LogPosition AppendFrame(FrameKind kind, Sequence sequence,
                          std::span<const std::string_view> parts, std::uint64_t payload_hash);

  // All of these under mutex_.
  bool HasRoomLocked(std::size_t payload_bytes) const;
  bool FitsLocked(std::uint64_t offset, std::uint64_t frame_bytes) const;
  void WriteFrameLocked(FrameKind kind, Sequence sequence, std::span<const std::string_view> parts,
                        std::size_t payload_bytes, std::uint64_t payload_hash);
  void WriteMarkLocked(FrameKind kind, std::string_view payload);
  void RotateLocked();
  void PrepareLocked(std::uint64_t end);
  void PublishLocked(std::uint32_t offset, std::uint32_t size);
  bool SealLocked();
  void PoisonLocked(const absl::Status& status);
  void ReleaseLocked();
  // True if the caller must wake driver_, which from then on drives.
  bool TakeDriverLocked();

  Task<absl::Status> WaitSynced(LogPosition end);
  Task<void> RunCycle();
  Task<absl::Status> WriteCycle();
  // Counts the cycle that has just become durable.
  void NoteSync(std::int64_t nanos);
  void CompleteCycle(absl::Status status);
  Task<void> Drive(std::stop_token stop);
  void RequestCycle();
  void TellOf(const SegmentSupply::Done& done);
  Task<void> KeepSupplied(std::stop_token stop);
  Task<void> FlushLater(std::stop_token stop);
  void ArmFlush();
  void WakeRoomWaiters();
  static void PostAll(Waiter* list);

  Environment& environment_;
  const LogOptions options_;
  const std::uint64_t boot_;
  const bool direct_;
  const std::uint32_t buffer_bytes_;
  const std::uint64_t unsynced_bytes_max_;
  const std::size_t max_payload_bytes_;
  const std::unique_ptr<SegmentSupply> supply_;

  LogWorker driver_;
  LogWorker housekeeper_;
  LogWorker flusher_;
  std::atomic<bool> flush_armed_{false};

  // The packed position below which all is on the device, and whether status_ is an error.
  std::atomic<std::uint64_t> durable_{0};
  std::atomic<bool> poisoned_{false};
  std::atomic<std::uint64_t> bytes_written_{0};

  mutable std::mutex mutex_;
  absl::Status status_;
  bool closing_ = false;

  // Where the next frame goes.
  std::shared_ptr<LogSegment> current_;
  LogIdentity identity_;
  std::uint32_t predecessor_;
  std::uint64_t seed_ = 0;
  std::uint32_t tail_ = 0;
  std::uint32_t previous_end_ = 0;
  // Of a mapped segment: up to where its pages are ready, and where the last cycle ended.
  std::uint64_t prepared_end_ = 0;
  std::uint64_t sealed_end_ = 0;
  Sequence last_sequence_ = 0;
  Sequence sealed_sequence_ = 0;    // of the last record before the last cycle's end
  std::vector<LogPosition> older_;  // earlier segments that are still kept, oldest first
  std::uint64_t released_below_ = 0;

  // Direct: what is filling and what is being written. The frames of one group share a watermark.
  Group filling_;
  Group writing_;
  std::uint32_t group_watermark_ = 0;
  bool group_watermark_in_predecessor_ = false;

  // Mapped: what a power loss would take.
  std::uint64_t unsynced_bytes_ = 0;
  std::vector<std::shared_ptr<LogSegment>> unsynced_;  // before current_, oldest first

  // The cycle.
  bool driving_ = false;
  bool cycle_requested_ = false;
  bool in_cycle_ = false;
  LogPosition cycle_end_;
  std::uint64_t cycle_bytes_ = 0;
  std::uint64_t cycle_commits_ = 0;
  std::vector<std::shared_ptr<LogSegment>> syncing_;
  Waiter* covered_ = nullptr;  // by the cycle that runs
  Waiter* waiting_ = nullptr;  // for the next one

  // Commits that found no room.
  Waiter* room_waiters_ = nullptr;
  std::uint64_t supply_attempts_ = 0;
  absl::Status supply_status_;
};

}  // namespace aurora::lsm
