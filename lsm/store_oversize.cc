// Commits whose record does not fit into the log.
//
// All that takes long is done before the commit has a sequence, and without a lock: the record is
// written and synced as a file (record_file.h), and the entries are put into a memtable of their
// own. What is then done in the order of commits costs as much as for a small one: a frame that
// names the file, and the memtable is sealed at once.
#include <algorithm>
#include <set>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/held_request.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/record_file.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

// Between two yields.
constexpr std::size_t kEntriesPerSlice = 2048;

}  // namespace

std::string StoreImpl::RecordFilePath(std::uint64_t number) const {
  return JoinPath(JoinPath(options_.directory, kLogDirectoryName), RecordFileName(number));
}

// One such commit.
class StoreImpl::OversizeCommit {
 public:
  OversizeCommit(StoreImpl* store, const CommitRequest& request, const Measured& measured)
      : store_(*store), measured_(measured) {
    MemoryBudget& memory = *store_.options_.memory;
    copied_bytes_ = HeldRequest::CopiedBytes(request);
    // Both are taken before anything is allocated, so that no work is begun in vain.
    copied_ = memory.TryTake(MemoryUse::kInFlight, copied_bytes_ + 1);
    expected_ = memory.TryTake(MemoryUse::kMemtable, measured.memtable_bytes);
    if (has_memory()) held_ = std::make_unique<HeldRequest>(request);
  }

  bool has_memory() const { return copied_.bytes() > 0 && expected_.bytes() > 0; }
  absl::Status MemoryError() const {
    const MemoryBudget& memory = *store_.options_.memory;
    return ResourceExhaustedError(
        "a commit with a record of ", measured_.payload_bytes, " bytes needs ",
        copied_bytes_ + measured_.memtable_bytes, " bytes of memory, and of the budget of ",
        memory.limit_bytes(), " bytes ", memory.used_bytes(),
        " are in use: commit less at once, or give the database more memory");
  }

  static Task<absl::StatusOr<CommitResult>> Run(std::unique_ptr<OversizeCommit> commit,
                                                Durability durability) {
    StoreImpl& store = commit->store_;
    const std::int64_t start = store.Now();
    AURORA_CO_ASSIGN(const CommitResult result, co_await commit->Begin());
    OperationProfile* const profile = commit->request().profile;
    commit = nullptr;  // gives the memory back
    absl::StatusOr<CommitResult> done =
        co_await store.AwaitCommit(result, durability, start, profile);
    co_return done;
  }

 private:
  const CommitRequest& request() const { return held_->request(); }

  Task<absl::StatusOr<CommitResult>> Begin() {
    // What is in vain is better known before the work.
    AURORA_CO_RETURN_IF_ERROR(store_.CheckAhead(request()));
    const std::int64_t start = store_.Now();
    // One turn of a full memtable, however large it is: those behind it must not wait for all.
    AURORA_CO_RETURN_IF_ERROR(co_await store_.SlowDown(
        std::min(measured_.memtable_bytes, store_.options_.memtable_bytes)));
    store_.CountHeld(start, request().profile);
    Begun begun;
    absl::Status status = co_await Prepare();
    while (status.ok()) {
      const Hold hold = store_.TryBegin(request(), measured_, &made_, &begun);
      if (hold == Hold::kNone) break;
      status = hold == Hold::kStatus ? std::move(begun.status) : co_await Wait(hold);
    }
    if (!status.ok()) {
      co_await DiscardFile();
      co_return status;
    }
    store_.Apply(request(), begun);
    co_return begun.result;
  }

  Task<absl::Status> Wait(Hold hold) {
    const std::int64_t start = store_.Now();
    absl::Status waited = co_await store_.WaitHeld(hold, kRecordFileReferenceBytes);
    store_.CountHeld(start, request().profile);
    co_return waited;
  }

  // Writes the record and builds the memtable.
  Task<absl::Status> Prepare() {
    expected_ = MemoryBudget::Charge();  // the memtable charges for itself
    AURORA_CO_ASSIGN(made_.file.number, co_await store_.NewFileNumber());
    AURORA_CO_RETURN_IF_ERROR(Annotate(co_await WriteRecord(), "nothing was committed"));
    made_.run = std::make_shared<MemtableRun>(store_.options_.memory, measured_.memtable_bytes);
    std::size_t slice = 0;
    for (const Mutation& mutation : request().mutations) {
      if (mutation.kind == EntryKind::kDeleteRange) continue;  // needs the sequence
      const bool is_claim = mutation.kind == EntryKind::kSeparatedPut;
      made_.run->memtable.AddAhead(is_claim ? WithoutHash(mutation) : mutation);
      if (++slice % kEntriesPerSlice == 0) co_await Yield();
    }
    co_return absl::OkStatus();
  }

  Task<absl::Status> WriteRecord() {
    FileSystem* const files = &store_.environment_.files();
    const std::int64_t start = store_.Now();
    AURORA_CO_RETURN_IF_ERROR(
        co_await WriteRecordFile(files, store_.RecordFilePath(made_.file.number), store_.identity_,
                                 request().record, &made_.file));
    if (!AURORA_PLANTED_BUG("record-file-skip-directory-sync")) {
      AURORA_CO_RETURN_IF_ERROR(
          co_await files->SyncDirectory(JoinPath(store_.options_.directory, kLogDirectoryName)));
    }
    NoteWritten(store_.Now() - start);
    co_return absl::OkStatus();
  }

  void NoteWritten(std::int64_t nanos) {
    const std::uint64_t bytes = RecordFileBytes(made_.file.payload_bytes);
    store_.statistics_.Count(StoreStatistics::Counter::kBytesInRecordFiles, bytes);
    store_.events_.Post(RecordFileMade{made_.file.number, bytes, nanos});
    if (request().profile == nullptr) return;
    request().profile->log_wait_nanos +=
        static_cast<std::uint64_t>(std::max<std::int64_t>(nanos, 0));
  }

  // What stays is removed at the next open.
  Task<void> DiscardFile() {
    if (made_.file.number == 0 || store_.poisoned()) co_return;
    const absl::Status removed =
        co_await store_.environment_.files().Remove(store_.RecordFilePath(made_.file.number));
    if (removed.ok()) store_.events_.Post(RecordFileRemoved{made_.file.number});
  }

  StoreImpl& store_;
  const Measured measured_;
  std::size_t copied_bytes_ = 0;
  MemoryBudget::Charge copied_;    // for held_
  MemoryBudget::Charge expected_;  // for the memtable, until it is made
  std::unique_ptr<HeldRequest> held_;
  Oversize made_;
};

Task<absl::StatusOr<CommitResult>> StoreImpl::CommitOversize(const CommitRequest& request,
                                                             const Measured& measured,
                                                             Durability durability) {
  if (measured.payload_bytes > kMaxRecordBytes) {
    return absl::StatusOr<CommitResult>(
        InvalidArgumentError("a log record of ", measured.payload_bytes,
                             " bytes is too large: the most is ", kMaxRecordBytes));
  }
  auto commit = std::make_unique<OversizeCommit>(this, request, measured);
  if (!commit->has_memory()) return absl::StatusOr<CommitResult>(commit->MemoryError());
  return OversizeCommit::Run(std::move(commit), durability);
}

Task<absl::Status> StoreImpl::RemoveOrphanRecords() {
  std::set<std::uint64_t> needed;
  if (archiver_ != nullptr) {
    for (const std::uint64_t number : archiver_->HeldRecordFiles()) needed.insert(number);
  }
  std::vector<const MemtableRun*> runs = {active_.get()};
  for (const auto& run : sealed_) runs.push_back(run.get());
  for (const MemtableRun* run : runs) {
    for (const auto& file : run->record_files) needed.insert(file->reference().number);
  }
  AURORA_CO_ASSIGN(
      const std::vector<DirectoryEntry> entries,
      co_await environment_.files().List(JoinPath(options_.directory, kLogDirectoryName)));
  for (const DirectoryEntry& entry : entries) {
    const std::uint64_t number = ParseRecordFileName(entry.name);
    if (number == 0 || entry.is_directory || needed.contains(number)) continue;
    if (number >= next_file_number_) continue;  // never ours
    AURORA_CO_RETURN_IF_ERROR(co_await environment_.files().Remove(RecordFilePath(number)));
    events_.Post(LeftoverRemoved{JoinPath(kLogDirectoryName, entry.name)});
  }
  co_return absl::OkStatus();
}

}  // namespace aurora::lsm
