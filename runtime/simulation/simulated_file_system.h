// A FileSystem whose disk is a SimulatedDisk and whose time is a Scheduler's.
//
// Every operation takes effect after a latency that is drawn from the seed, at the moment at which
// its coroutine resumes, so operations in flight together finish in any order. A sync covers the
// writes whose completion had been delivered when it was called, and no others. Faults come from a
// FaultPlan. Single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/scheduler.h"
#include "aurora/runtime/simulation/simulated_disk.h"
#include "aurora/runtime/simulation/trace.h"
#include "aurora/runtime/task.h"

namespace aurora {

// How long operations take, in nanoseconds: uniformly between two bounds, and now and then much
// longer.
struct LatencyModel {
  struct Range {
    std::int64_t min_nanos = 0;
    std::int64_t max_nanos = 0;
  };
  Range read = {20'000, 120'000};
  Range write = {2'000, 40'000};
  Range sync = {60'000, 300'000};  // durable writes and directory syncs too
  Range metadata = {5'000, 60'000};
  std::uint64_t spike_one_in = 64;
  std::int64_t spike_factor = 20;

  // Everything completes at the next step.
  static LatencyModel None();
};

// An operation that is about to change what a crash can leave behind. Counted from 1.
struct PersistenceEvent {
  std::uint64_t index;
  const Operation& operation;
};

// The error of every operation, sleep and publication of a process that has crashed: Unavailable,
// and told from all others by IsCrash.
absl::Status CrashError();
bool IsCrash(const absl::Status& status);

class SimulatedFileSystem final : public FileSystem {
 public:
  SimulatedFileSystem(Scheduler& scheduler, SimulatedDisk& disk, FaultPlan& faults, Trace& trace,
                      const LatencyModel& latency, std::uint64_t seed);
  // No file, region or lock may be left, unless Abandon() was called.
  ~SimulatedFileSystem() override;

  std::string_view name() const override { return "simulated"; }
  Task<absl::StatusOr<std::unique_ptr<File>>> Open(std::string path, OpenOptions options) override;
  Task<absl::StatusOr<std::vector<DirectoryEntry>>> List(std::string path) override;
  Task<absl::StatusOr<FileInfo>> Stat(std::string path) override;
  Task<absl::Status> CreateDirectory(std::string path) override;
  Task<absl::Status> RemoveDirectory(std::string path) override;
  Task<absl::Status> Remove(std::string path) override;
  Task<absl::Status> Rename(std::string from, std::string to) override;
  Task<absl::Status> Link(std::string from, std::string to) override;
  Task<absl::Status> SyncDirectory(std::string path) override;
  Task<absl::StatusOr<std::unique_ptr<FileLock>>> Lock(std::string path) override;
  Task<absl::StatusOr<std::uint64_t>> FreeSpace(std::string path) override;
  std::string BootId() override;

  // Called for each persistent operation right before it takes effect, when a crash would still
  // find it in flight. It may take crash images, and it may crash the machine or the process.
  using Observer = std::function<void(const PersistenceEvent&)>;
  void SetObserver(Observer observer) { observer_ = std::move(observer); }
  std::uint64_t event_count() const { return event_count_; }

  // On a read-only medium everything that would change it fails with EROFS, and so does opening a
  // file for writing.
  void set_read_only(bool read_only) { read_only_ = read_only; }

  // Every operation under way, and every later one, fails with CrashError, and changes nothing.
  void Crash(const CrashMode& mode, std::uint64_t seed);
  bool crashed() const { return crashed_; }
  // The next process starts. The last one must have given back everything: see Handles.
  void Restart();
  // The paths of the files, regions and locks that exist.
  std::vector<std::string> Handles() const;
  void Abandon() { abandoned_ = true; }

 private:
  friend class SimulatedFile;
  friend class SimulatedRegion;
  friend class SimulatedLock;

  // A file, region or lock in somebody's hands. Knows whether its process is still alive.
  class Handle {
   public:
    Handle(SimulatedFileSystem& files, NodeId node, std::string path);
    ~Handle();
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    bool alive() const { return !files_.crashed_ && process_ == files_.process_; }
    NodeId node() const { return node_; }

   private:
    SimulatedFileSystem& files_;
    const NodeId node_;
    const std::uint64_t id_;
    const std::uint64_t process_;
  };

  // One operation, in the frame of the coroutine that carries it out:
  //   Call call(*this, operation); co_await call.Submit(); status = call.Finish();
  // and, if the status is OK, the effect, before the next await.
  class Call {
   public:
    Call(SimulatedFileSystem& files, Operation operation);
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    Scheduler::Wait Submit();
    absl::Status Finish();
    bool alive() const { return !files_.crashed_ && process_ == files_.process_; }
    // The effect is not to happen, and success is to be reported.
    bool lost() const { return struck_ && fault_.kind == Fault::Kind::kLose; }
    int bits_to_flip() const {
      return struck_ && fault_.kind == Fault::Kind::kFlipBits ? fault_.bits : 0;
    }
    bool shortened() const { return struck_ && fault_.kind == Fault::Kind::kShorten; }

   private:
    SimulatedFileSystem& files_;
    const Operation operation_;
    const std::uint64_t process_;
    bool struck_ = false;
    Fault fault_;
  };

  // Carries out `operation`, whose effect is a function that returns the result.
  template <class Result, class Effect>
  Task<Result> Carry(Operation operation, Effect effect);
  // Whether opening `path` in this way would create it, to the best of what is known now.
  OperationKind KindOfOpen(const std::string& path, bool may_create, OperationKind otherwise) const;
  // The file at `path`, created if `may_create`.
  absl::StatusOr<NodeId> FindOrCreate(const std::string& path, OpenMode mode,
                                      std::string_view operation);
  std::int64_t DrawLatency(OperationKind kind);
  void Announce(const Operation& operation);

  Scheduler& scheduler_;
  SimulatedDisk& disk_;
  FaultPlan& faults_;
  Trace& trace_;
  const LatencyModel latency_;
  SeededRandom latency_random_;
  SeededRandom fault_random_;
  Observer observer_;
  std::uint64_t event_count_ = 0;
  std::uint64_t process_ = 1;
  std::uint64_t next_handle_ = 1;
  std::map<std::uint64_t, std::string> handles_;
  bool read_only_ = false;
  bool crashed_ = false;
  bool abandoned_ = false;
};

}  // namespace aurora
