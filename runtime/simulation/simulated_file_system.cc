#include "aurora/runtime/simulation/simulated_file_system.h"

#include <cerrno>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/simulation/simulated_file.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

constexpr char kCrashPayload[] = "aurora.simulation/crash";

Operation OperationOn(OperationKind kind, std::string path, std::string to = {}) {
  Operation operation;
  operation.kind = kind;
  operation.path = std::move(path);
  operation.to = std::move(to);
  return operation;
}

bool IsPath(std::string_view path) {
  return !path.empty() && path.find('\0') == std::string_view::npos;
}

}  // namespace

LatencyModel LatencyModel::None() {
  return {.read = {}, .write = {}, .sync = {}, .metadata = {}, .spike_one_in = 0};
}

absl::Status CrashError() {
  absl::Status status = UnavailableError("the simulated process has crashed");
  status.SetPayload(kCrashPayload, {});
  return status;
}

bool IsCrash(const absl::Status& status) { return status.GetPayload(kCrashPayload).has_value(); }

SimulatedFileSystem::SimulatedFileSystem(Scheduler& scheduler, SimulatedDisk& disk,
                                         FaultPlan& faults, Trace& trace,
                                         const LatencyModel& latency, std::uint64_t seed)
    : scheduler_(scheduler),
      disk_(disk),
      faults_(faults),
      trace_(trace),
      latency_(latency),
      latency_random_(seed),
      fault_random_(~seed) {}

SimulatedFileSystem::~SimulatedFileSystem() {
  AURORA_CHECK((abandoned_ || handles_.empty()) &&
               "files, regions or locks outlive the simulation that they belong to");
}

// --- Handles and calls. ---

SimulatedFileSystem::Handle::Handle(SimulatedFileSystem& files, NodeId node, std::string path)
    : files_(files), node_(node), id_(files.next_handle_++), process_(files.process_) {
  files_.handles_.emplace(id_, std::move(path));
  files_.disk_.Open(node_);
}

SimulatedFileSystem::Handle::~Handle() {
  files_.handles_.erase(id_);
  if (alive()) files_.disk_.Close(node_);
}

std::vector<std::string> SimulatedFileSystem::Handles() const {
  std::vector<std::string> paths;
  for (const auto& [id, path] : handles_) paths.push_back(path);
  return paths;
}

SimulatedFileSystem::Call::Call(SimulatedFileSystem& files, Operation operation)
    : files_(files), operation_(std::move(operation)), process_(files.process_) {}

Scheduler::Wait SimulatedFileSystem::Call::Submit() {
  const std::int64_t now = files_.scheduler_.now_nanos();
  const std::string_view name = OperationName(operation_.kind);
  std::int64_t deadline = now;
  if (!files_.crashed_) {
    struck_ = files_.faults_.Strikes(operation_, files_.fault_random_, &fault_);
    deadline += files_.DrawLatency(operation_.kind);
    if (struck_ && fault_.kind == Fault::Kind::kDelay) deadline += fault_.nanos;
    if (struck_ && fault_.kind == Fault::Kind::kHang) deadline = Scheduler::kNever;
  }
  return files_.scheduler_.WaitUntil(deadline, name, operation_.path);
}

absl::Status SimulatedFileSystem::Call::Finish() {
  if (!alive()) return CrashError();
  if (!IsPath(operation_.path) || (!operation_.to.empty() && !IsPath(operation_.to))) {
    return InvalidArgumentError(OperationName(operation_.kind), " of ", Quoted(operation_.path),
                                ": not a path");
  }
  files_.trace_.Record(files_.scheduler_.now_nanos(), OperationName(operation_.kind),
                       operation_.path, operation_.offset, operation_.size,
                       struck_ ? 1 + static_cast<std::uint64_t>(fault_.kind) : 0);
  if (IsPersistent(operation_.kind)) {
    files_.Announce(operation_);
    if (!alive()) return CrashError();
    if (files_.read_only_ && operation_.kind != OperationKind::kSync) {
      return SystemError(EROFS, OperationName(operation_.kind), operation_.path);
    }
  }
  if (struck_ && fault_.kind == Fault::Kind::kError) {
    return SystemError(fault_.error, Describe(operation_), operation_.path);
  }
  return absl::OkStatus();
}

void SimulatedFileSystem::Announce(const Operation& operation) {
  ++event_count_;
  if (observer_) observer_(PersistenceEvent{event_count_, operation});
}

std::int64_t SimulatedFileSystem::DrawLatency(OperationKind kind) {
  LatencyModel::Range range = latency_.metadata;
  switch (kind) {
    case OperationKind::kRead:
      range = latency_.read;
      break;
    case OperationKind::kWrite:
      range = latency_.write;
      break;
    case OperationKind::kWriteDurably:
    case OperationKind::kSync:
    case OperationKind::kSyncDirectory:
      range = latency_.sync;
      break;
    default:
      break;
  }
  AURORA_CHECK(0 <= range.min_nanos && range.min_nanos <= range.max_nanos);
  if (range.max_nanos == 0) return 0;
  std::int64_t nanos =
      range.min_nanos + static_cast<std::int64_t>(latency_random_.Below(
                            static_cast<std::uint64_t>(range.max_nanos - range.min_nanos) + 1));
  if (latency_.spike_one_in > 0 && latency_random_.Below(latency_.spike_one_in) == 0) {
    nanos *= latency_.spike_factor;
  }
  return nanos;
}

// --- Crashing. ---

void SimulatedFileSystem::Crash(const CrashMode& mode, std::uint64_t seed) {
  AURORA_CHECK(!crashed_ && "the process has crashed already: restart it first");
  trace_.Record(scheduler_.now_nanos(), "crash", {}, seed);
  disk_.Crash(mode, seed);
  crashed_ = true;
  scheduler_.InterruptAll();
}

void SimulatedFileSystem::Restart() {
  AURORA_CHECK(crashed_ && handles_.empty());
  crashed_ = false;
  ++process_;
}

// --- Operations. ---

template <class Result, class Effect>
Task<Result> SimulatedFileSystem::Carry(Operation operation, Effect effect) {
  Call call(*this, std::move(operation));
  co_await call.Submit();
  AURORA_CO_RETURN_IF_ERROR(call.Finish());
  co_return effect();
}

OperationKind SimulatedFileSystem::KindOfOpen(const std::string& path, bool may_create,
                                              OperationKind otherwise) const {
  return may_create && !disk_.image().Find(path).ok() ? OperationKind::kCreate : otherwise;
}

absl::StatusOr<NodeId> SimulatedFileSystem::FindOrCreate(const std::string& path, OpenMode mode,
                                                         std::string_view operation) {
  const bool may_create = mode == OpenMode::kCreate || mode == OpenMode::kCreateNew;
  const absl::StatusOr<Entry> entry = disk_.image().Find(path);
  if (!entry.ok()) {
    if (!absl::IsNotFound(entry.status()) || !may_create) return entry.status();
    return disk_.image().CreateFile(path);
  }
  if (mode == OpenMode::kCreateNew) return SystemError(EEXIST, operation, path);
  if (!entry->is_directory) return entry->node;
  return InvalidArgumentError(operation, " of ", path, ": it is a directory, not a regular file");
}

Task<absl::StatusOr<std::unique_ptr<File>>> SimulatedFileSystem::Open(std::string path,
                                                                      OpenOptions options) {
  const bool may_create = options.mode == OpenMode::kCreate || options.mode == OpenMode::kCreateNew;
  Call call(*this, OperationOn(KindOfOpen(path, may_create, OperationKind::kOpen), path));
  co_await call.Submit();
  AURORA_CO_RETURN_IF_ERROR(call.Finish());
  AURORA_CO_ASSIGN(const NodeId node, FindOrCreate(path, options.mode, "open"));
  if (read_only_ && options.mode != OpenMode::kReadOnly) co_return SystemError(EROFS, "open", path);
  co_return std::make_unique<SimulatedFile>(*this, node, std::move(path), options);
}

Task<absl::StatusOr<std::unique_ptr<FileLock>>> SimulatedFileSystem::Lock(std::string path) {
  Call call(*this, OperationOn(KindOfOpen(path, true, OperationKind::kLock), path));
  co_await call.Submit();
  AURORA_CO_RETURN_IF_ERROR(call.Finish());
  AURORA_CO_ASSIGN(const NodeId node, FindOrCreate(path, OpenMode::kCreate, "lock"));
  if (!disk_.TryLock(node)) {
    co_return FailedPreconditionError("lock of ", path, ": held by process ", process_);
  }
  co_return std::make_unique<SimulatedLock>(*this, node, std::move(path));
}

AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<DirectoryEntry>>> SimulatedFileSystem::List(
    std::string path) {
  return Carry<absl::StatusOr<std::vector<DirectoryEntry>>>(
      OperationOn(OperationKind::kList, path),
      [this, path]() -> absl::StatusOr<std::vector<DirectoryEntry>> {
        AURORA_ASSIGN_OR_RETURN(const Entry entry, disk_.image().Find(path));
        if (!entry.is_directory) return SystemError(ENOTDIR, "list", path);
        std::vector<DirectoryEntry> entries;
        for (const auto& [name, child] : disk_.image().directories().Get(entry.node).cached) {
          entries.push_back({.name = name, .is_directory = child.is_directory});
        }
        return entries;
      });
}

AURORA_TASK_WRAPPER Task<absl::StatusOr<FileInfo>> SimulatedFileSystem::Stat(std::string path) {
  return Carry<absl::StatusOr<FileInfo>>(
      OperationOn(OperationKind::kStat, path), [this, path]() -> absl::StatusOr<FileInfo> {
        AURORA_ASSIGN_OR_RETURN(const Entry entry, disk_.image().Find(path));
        if (entry.is_directory) return FileInfo{.size_bytes = 0, .is_directory = true};
        return FileInfo{.size_bytes = disk_.image().files().Get(entry.node).cached().size(),
                        .is_directory = false};
      });
}

AURORA_TASK_WRAPPER Task<absl::Status> SimulatedFileSystem::CreateDirectory(std::string path) {
  return Carry<absl::Status>(OperationOn(OperationKind::kCreateDirectory, path),
                             [this, path] { return disk_.image().CreateDirectory(path); });
}

AURORA_TASK_WRAPPER Task<absl::Status> SimulatedFileSystem::RemoveDirectory(std::string path) {
  return Carry<absl::Status>(OperationOn(OperationKind::kRemoveDirectory, path),
                             [this, path] { return disk_.image().RemoveDirectory(path); });
}

AURORA_TASK_WRAPPER Task<absl::Status> SimulatedFileSystem::Remove(std::string path) {
  return Carry<absl::Status>(OperationOn(OperationKind::kRemove, path),
                             [this, path] { return disk_.image().Remove(path); });
}

AURORA_TASK_WRAPPER Task<absl::Status> SimulatedFileSystem::Rename(std::string from,
                                                                   std::string to) {
  return Carry<absl::Status>(OperationOn(OperationKind::kRename, from, to),
                             [this, from, to] { return disk_.image().Rename(from, to); });
}

AURORA_TASK_WRAPPER Task<absl::Status> SimulatedFileSystem::Link(std::string from, std::string to) {
  return Carry<absl::Status>(OperationOn(OperationKind::kLink, from, to),
                             [this, from, to] { return disk_.image().Link(from, to); });
}

Task<absl::Status> SimulatedFileSystem::SyncDirectory(std::string path) {
  Call call(*this, OperationOn(OperationKind::kSyncDirectory, path));
  const absl::StatusOr<Entry> entry = disk_.image().Find(path);
  const std::uint64_t up_to_order = disk_.image().next_order();
  co_await call.Submit();
  const absl::Status status = call.Finish();
  if (IsCrash(status) || call.lost()) co_return status;
  AURORA_CO_RETURN_IF_ERROR(entry.status());
  if (!entry->is_directory) co_return SystemError(ENOTDIR, "directory sync", path);
  // After an error it may have happened all the same.
  const bool happens = status.ok() || fault_random_.Below(2) == 0;
  if (happens && disk_.image().directories().Find(entry->node) != nullptr) {
    disk_.image().SyncDirectory(entry->node, up_to_order);
    disk_.CollectGarbage();
  }
  co_return status;
}

AURORA_TASK_WRAPPER Task<absl::StatusOr<std::uint64_t>> SimulatedFileSystem::FreeSpace(
    std::string path) {
  return Carry<absl::StatusOr<std::uint64_t>>(
      OperationOn(OperationKind::kFreeSpace, path),
      [this, path]() -> absl::StatusOr<std::uint64_t> {
        AURORA_RETURN_IF_ERROR(disk_.image().Find(path).status());
        return disk_.FreeBytes();
      });
}

std::string SimulatedFileSystem::BootId() { return StrCat("simulated-", disk_.image().boot()); }

}  // namespace aurora
